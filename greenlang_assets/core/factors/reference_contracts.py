"""Contracts of the reference tables beside the factors: GWP sets and fuel properties.

Belongs here: what must hold of them, in words. Does not belong here: factor tables (``contracts``).
"""

from __future__ import annotations

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import GWP_KEY, PROPERTY_KEY

_SETS = ("AR4", "AR5", "AR6")
#: Gases of the Kyoto basket that every set must hold, one of each family.
_BASKET = ("CH4", "N2O", "HFC-134a", "CF4", "SF6", "NF3")


def require_gwp(frame: pl.DataFrame) -> None:
    """Every set holds the basket, every value is positive and cited, no gas stands twice in a set.

    Raises:
        GreenlangError: ``CONTRACT_BROKEN``.
    """
    there = set(frame.filter(pl.col("horizon_years") == 100).select("gwp_set", "gas").iter_rows())
    missing = [f"{gas} in {name}" for name in _SETS for gas in _BASKET if (name, gas) not in there]
    _require("GWP sets", frame, GWP_KEY, missing)


def require_properties(frame: pl.DataFrame) -> None:
    """Every value is positive and cited, its unit reads, no property stands twice.

    Raises:
        GreenlangError: ``CONTRACT_BROKEN``, ``UNIT_UNKNOWN``.
    """
    from greenlang_assets.core.units import parse_unit

    for unit in frame["unit"].unique().sort():
        parse_unit(unit)
    _require("fuel properties", frame, PROPERTY_KEY, [])


def _require(what: str, frame: pl.DataFrame, key: tuple[str, ...], missing: list[str]) -> None:
    faults = [f"{name} is missing" for name in missing]
    faults += [
        f"{row} stands twice"
        for row in frame.filter(frame.select(key).is_duplicated()).select(key).rows()[:3]
    ]
    odd = frame.filter(~(pl.col("value") > 0) | pl.col("value").is_null())
    faults += [f"{row} is not positive" for row in odd.select(*key, "value").rows()[:3]]
    bare = frame.filter(~pl.col("cite_source_sha256").str.contains("^[0-9a-f]{64}$").fill_null(False))
    faults += [f"{row} is not cited" for row in bare.select(key).rows()[:3]]
    if faults:
        raise GreenlangError(
            "CONTRACT_BROKEN",
            f"the table of {what} breaks its contract",
            found="; ".join(faults),
            expected="every value once, positive, with the hash of the file it was read in",
        )
