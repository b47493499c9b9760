"""Publishing a number: float64, rounded once, half to even, kept as a scaled 64-bit integer.

Belongs here: the one rounding, for single values and for columns, and the way back to text.
Does not belong here: computing the value.

Masses in kilograms at six decimals are whole milligrams. A float engine rounds what it has: where the
exact value lies within a few ulps of a tie, the last digit may differ from the rounding of the exact
value (at 10^7 kg with six decimals about one row in 170); a formula may declare a coarser precision.
"""

from __future__ import annotations

import math

import polars as pl

from greenlang_assets.core.errors import GreenlangError

PRECISION = 6
#: 10^15 is the last power of ten for which scaling stays exact for small integers and inside int64.
MAX_PRECISION = 15
_LIMIT = 2.0**63


def publish(value: float, precision: int = PRECISION) -> int:
    """``value`` times ten to the ``precision``, rounded half to even, as an integer.

    Raises:
        GreenlangError: ``NUMBER_NOT_FINITE``, ``NUMBER_OVERFLOW`` beyond 64 bits.
    """
    if not math.isfinite(value):
        raise GreenlangError(
            "NUMBER_NOT_FINITE", "a quantity that is not finite cannot be published", found=value
        )
    scaled = value * float(10**precision)
    if not -_LIMIT <= scaled < _LIMIT:
        raise GreenlangError(
            "NUMBER_OVERFLOW",
            "the quantity does not fit into 64 bits at its precision",
            found=f"{value} at {precision} decimals",
            expected=f"below {_LIMIT / 10**precision:.3g}",
            hint="declare a coarser precision or a larger unit",
        )
    return round(scaled)


def publish_expr(value: pl.Expr, precision: int = PRECISION) -> pl.Expr:
    """A column of the integers of :func:`publish`; null where that would raise, and where value is null."""
    scaled = (value * pl.lit(float(10**precision))).round(0, mode="half_to_even")
    return scaled.cast(pl.Int64, strict=False)


def published_text(scaled: int, precision: int = PRECISION) -> str:
    """A published integer as decimal text, all its decimals kept: ``53060000000`` is ``53060.000000``."""
    digits = str(abs(scaled)).zfill(precision + 1)
    whole, decimals = (digits[:-precision], digits[-precision:]) if precision else (digits, "")
    sign = "-" if scaled < 0 else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"
