"""The ladder of regions: what a place falls back to when a fallback is asked for.

Belongs here: the rungs, and reading ``data/factors/region-groups.csv``. Does not belong here: choosing a
factor on a rung (``catalogue``).

A subregion's code begins with its country's (``US-EGRID-RFCW``, ``FR-BRE``). Which countries a group holds
is a publisher's decision, and publishers differ (Europe, the EU, the OECD): a group is a rung only where the
publication itself says which countries it counts to it, and only for that publication's own factors. Ember's
aggregates (EU, OECD, ASEAN …) and ADEME's Europe come without a list of countries in the files at hand: they
are found when asked for by name, and no country falls back to them.
"""

from __future__ import annotations

import csv
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError

WORLD = "WORLD"
GROUP = "GROUP-"
GROUPS = DATA_ROOT / "factors" / "region-groups.csv"
#: In the column ``member``: every country that the publication does not list by itself.
EVERY_OTHER = "*"
_COLUMNS = ["group", "member", "publisher", "where"]


class Rung(NamedTuple):
    """One step of the ladder: its name, the place to look at, and whose factors alone are meant."""

    level: str
    place: str
    publisher: str | None = None


@cache
def groups(table: Path = GROUPS) -> dict[str, tuple[tuple[str, str], ...]]:
    """Country -> the groups that a publisher counts it to, each with the publisher."""
    with table.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        if reader.fieldnames != _COLUMNS:
            raise GreenlangError(
                "LAYOUT_UNKNOWN",
                "the table of region groups has other columns",
                found=reader.fieldnames,
                expected=_COLUMNS,
                where={"file": table.name, "row": 1},
            )
        found: dict[str, list[tuple[str, str]]] = {}
        for row in reader:
            found.setdefault(row["member"], []).append((row["group"], row["publisher"]))
    return {member: tuple(of) for member, of in found.items()}


@lru_cache(maxsize=4096)
def ladder(region: str) -> tuple[Rung, ...]:
    """The rungs of a region: itself, its country, the groups it is counted to, the world."""
    rungs = [Rung("exact", region)]
    if region.startswith(GROUP):
        return (*rungs, Rung("world", WORLD))
    if region == WORLD:
        return tuple(rungs)
    country = region.split("-")[0]
    if country != region:
        rungs.append(Rung("country", country))
    of = groups()
    for place, publisher in (*of.get(region, ()), *of.get(country, ()), *of.get(EVERY_OTHER, ())):
        rung = Rung("region group", place, publisher)
        if rung not in rungs:
            rungs.append(rung)
    return (*rungs, Rung("world", WORLD))
