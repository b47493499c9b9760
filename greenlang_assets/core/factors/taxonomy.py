"""Harmonised activities: which of a publisher's paths speak of the same thing.

Belongs here: reading ``data/factors/taxonomy.csv`` and applying it. The table is the place to widen;
the first row that fits decides. Does not belong here: any mapping in code.
"""

from __future__ import annotations

import csv
import re
from fnmatch import translate
from functools import cache
from pathlib import Path

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import path_slug, slug

_COLUMNS = ["publisher", "path", "activity"]


@cache
def _rules(table: Path) -> tuple[tuple[str, re.Pattern[str], str], ...]:
    with table.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != _COLUMNS:
            raise GreenlangError(
                "LAYOUT_UNKNOWN",
                "the taxonomy has other columns",
                found=reader.fieldnames,
                expected=_COLUMNS,
                where={"file": table.name, "row": 1},
            )
        # Brackets occur in publishers' names; only * and ? are signs here.
        return tuple(
            (row["publisher"], re.compile(translate(row["path"].replace("[", "[[]"))), row["activity"])
            for row in reader
        )


def harmonise(publisher: str, path: str, table: Path | None = None) -> str:
    """The harmonised activity of a publisher's path.

    ``{last}`` in the table stands for the slug of the path's last level, ``{3}`` for that of its third. A
    path without a row keeps the slug of its whole path, so that it is never mistaken for another.
    """
    for owner, pattern, activity in _rules(table or DATA_ROOT / "factors" / "taxonomy.csv"):
        if owner == publisher and pattern.match(path):
            levels = [slug(level) for level in path.split(" > ")]
            return activity.format("", *levels, last=levels[-1])
    return path_slug(path)
