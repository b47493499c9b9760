"""Contracts of the tables beside the factors: GWP sets, fuel properties, published values, names of goods.

Belongs here: what must hold of them, in words. Does not belong here: factor tables (``contracts``).
"""

from __future__ import annotations

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import GOODS_KEY, GWP_KEY, PROPERTY_KEY, VALUE_KEY

_SETS = ("AR4", "AR5", "AR6")
#: Gases of the Kyoto basket that every set must hold, one of each family.
_BASKET = ("CH4", "N2O", "HFC-134a", "CF4", "SF6", "NF3")


def require_gwp(frame: pl.DataFrame) -> None:
    """Every set holds the basket, every value is positive and cited, no gas stands twice in a set.

    Raises:
        GreenlangError: ``CONTRACT_BROKEN``.
    """
    there = set(frame.filter(pl.col("horizon_years") == 100).select("gwp_set", "gas").iter_rows())
    missing = [f"{gas} in {name} is missing" for name in _SETS for gas in _BASKET if (name, gas) not in there]
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


def require_values(frame: pl.DataFrame) -> None:
    """Every value is a finite number with a measure and a unit, cited, and stands once.

    Raises:
        GreenlangError: ``CONTRACT_BROKEN``.
    """
    bare = frame.filter(
        ~pl.col("value").is_finite().fill_null(False)
        | (pl.col("measure").str.strip_chars() == "")
        | pl.col("measure").is_null()
        | (pl.col("unit").str.strip_chars() == "")
        | pl.col("unit").is_null()
    )
    faults = [f"{row} lacks a number, a measure or a unit" for row in bare.select(*VALUE_KEY).rows()[:3]]
    _require("published values", frame, VALUE_KEY, faults, positive=False)


def require_goods(frame: pl.DataFrame) -> None:
    """Every code has a name and a path to it, and stands once in its year's nomenclature.

    Raises:
        GreenlangError: ``CONTRACT_BROKEN``.
    """
    bare = frame.filter(
        pl.any_horizontal(
            pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "")
            for name in ("code", "name", "path")
        )
    )
    faults = [f"{row} has no name" for row in bare.select(*GOODS_KEY).rows()[:3]]
    _require("names of goods", frame, GOODS_KEY, faults, positive=False)


def _require(
    what: str, frame: pl.DataFrame, key: tuple[str, ...], faults: list[str], *, positive: bool = True
) -> None:
    faults = list(faults)
    faults += [
        f"{row} stands twice"
        for row in frame.filter(frame.select(key).is_duplicated()).select(key).rows()[:3]
    ]
    if positive:
        odd = frame.filter(~(pl.col("value") > 0) | pl.col("value").is_null())
        faults += [f"{row} is not positive" for row in odd.select(*key, "value").rows()[:3]]
    bare = frame.filter(~pl.col("cite_source_sha256").str.contains("^[0-9a-f]{64}$").fill_null(False))
    faults += [f"{row} is not cited" for row in bare.select(key).rows()[:3]]
    if faults:
        raise GreenlangError(
            "CONTRACT_BROKEN",
            f"the table of {what} breaks its contract",
            found="; ".join(faults),
            expected="every row once, complete, with the hash of the file it was read in",
        )
