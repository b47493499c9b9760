"""What a table of parameters must be before anything rests on it.

Belongs here: the contract. Does not belong here: making the tables (``bonsai_ipcc``, ``tables``).
"""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.parameters.model import PARAMETER_SCHEMA
from greenlang_assets.core.units import normalise_unit

#: Every figure says what it is, where it was printed and where it was read.
_STATED = tuple(name for name in PARAMETER_SCHEMA if name not in ("low", "high"))


def require_sound(frame: pl.DataFrame) -> None:
    """Refuse figures that are doubled, uncited, unreadable, or outside their own range.

    Raises:
        GreenlangError: ``PARAMETER_CONTRACT`` naming the first of them.
    """
    if dict(frame.schema) != PARAMETER_SCHEMA:
        raise _broken("the table has other columns", ", ".join(frame.columns), ", ".join(PARAMETER_SCHEMA))
    doubled = frame.filter(pl.col("parameter_id").is_duplicated())["parameter_id"]
    if doubled.len():
        raise _broken("two figures have the same id", doubled[0], "each id once")
    bare = frame.filter(pl.any_horizontal(pl.col(name).is_null() for name in _STATED))
    if bare.height:
        raise _broken("a figure leaves something unsaid", bare["parameter_id"][0], ", ".join(_STATED))
    for unit in frame["unit"].unique().sort():
        if normalise_unit(unit) != unit:
            raise _broken("a unit is not in its canonical form", unit, normalise_unit(unit))
    for row in frame.iter_rows(named=True):
        low, high = row["low"], row["high"]
        one_sided = (low is None) != (high is None)
        if one_sided or (low is not None and not Fraction(low) <= Fraction(row["value"]) <= Fraction(high)):
            found = f"{row['value']} in {low} to {high}"
            raise _broken(f"the range of {row['parameter_id']} does not hold it", found, "low, value, high")


def _broken(message: str, found: object, expected: str) -> GreenlangError:
    return GreenlangError("PARAMETER_CONTRACT", message, found=found, expected=expected)
