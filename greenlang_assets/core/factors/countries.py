"""Countries: from the names and three-letter codes that publishers print to ISO 3166-1 alpha-2.

Belongs here: reading ``data/factors/countries.csv`` (the 249 entries of ISO 3166-1 with the names in common
use, and Kosovo under XK, which ISO 3166-1 leaves to users and the EU's institutions use).
Does not belong here: groups of countries, which each publisher draws in its own way.
"""

from __future__ import annotations

import csv
from functools import cache

from greenlang_assets.core.data_root import DATA_ROOT


@cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """Alpha-3 to alpha-2, and every name in lower case to alpha-2."""
    codes, names = {}, {}
    with (DATA_ROOT / "factors" / "countries.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            codes[row["alpha_3"]] = row["alpha_2"]
            for name in (row["name"], *filter(None, row["also"].split("|"))):
                names[name.casefold()] = row["alpha_2"]
    return codes, names


def by_alpha3(code: str) -> str | None:
    """The alpha-2 code of an alpha-3 code, or None when there is no such country."""
    return _tables()[0].get(code)


def by_name(name: str) -> str | None:
    """The alpha-2 code behind a name that publishers use, or None; case does not matter, spelling does."""
    return _tables()[1].get(name.casefold())


def names() -> dict[str, str]:
    """Every known name, in lower case, with its alpha-2 code."""
    return dict(_tables()[1])
