"""What people call a fuel: ``natural_gas``, ``Natural Gas``, ``petrol`` → the harmonised activity.

Belongs here: reading ``data/calculation/fuel_names.csv`` and saying what is near a name nobody knows.
Does not belong here: choosing a factor (``engine``), the activities themselves (the catalogue).

A name with several meanings (``coal``, ``gas``, ``fuel oil``) is not in the table: its kinds are offered.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError


@cache
def _names(table: Path) -> dict[str, str]:
    with table.open(encoding="utf-8", newline="") as stream:
        return {slug(row["name"]): row["activity"] for row in csv.DictReader(stream, strict=True)}


def slug(name: str) -> str:
    """A name as activities are written: lower case, one hyphen between words."""
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")


def activity_of(name: str, activities: Iterable[str], table: Path | None = None) -> str:
    """The harmonised activity that a name stands for.

    Args:
        name: as people write it; an activity's own id stands for itself.
        activities: the activities that there are factors for.
        table: another table of names, by default ``data/calculation/fuel_names.csv``.

    Raises:
        GreenlangError: ``FUEL_UNKNOWN`` with the nearest names.
    """
    known = dict.fromkeys(sorted(activities))  # in order: candidates of equal rank must not swap
    names = _names(table or DATA_ROOT / "calculation" / "fuel_names.csv")
    key = slug(name)
    found = key if key in known else names.get(key)
    if found in known:
        return found
    from rapidfuzz import fuzz, process

    spellings = {activity: activity for activity in known} | names
    near = process.extract(key, list(spellings), scorer=fuzz.WRatio, limit=12)
    candidates = [spellings[spelling] for spelling, _, _ in near if spellings[spelling] in known]
    raise GreenlangError(
        "FUEL_UNKNOWN",
        "no fuel or activity of this publisher has that name",
        found=name,
        expected="one of the nearest: " + ", ".join(list(dict.fromkeys(candidates))[:6]),
        hint="search the catalogue in your own words",
    )
