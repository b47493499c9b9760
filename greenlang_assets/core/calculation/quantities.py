"""Numbers in and out of a calculation: an input in the formula's unit, an output as a scaled integer.

Belongs here: the only two places where a number is read or rounded for publication.
Does not belong here: frames; ``batch`` does the same float64 operations in the same order on columns.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from greenlang_assets.core.calculation.model import ConvertedInput
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.units import conversion, normalise_unit

INT64_MAX = 2**63 - 1
_QUANTITY = re.compile(r"\s*(?P<number>[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?)\s*(?P<unit>\S.*)?")


@dataclass(frozen=True)
class Bounds:
    """What an input may be: its symbol, unit and closed interval."""

    symbol: str
    unit: str
    minimum: float | None = None
    maximum: float | None = None


def read_input(given: object, bounds: Bounds) -> ConvertedInput:
    """One input in the formula's unit.

    Args:
        given: a number, which is in the formula's unit, or text with a unit, e.g. ``1000 kWh[gross]``,
            which is converted by the exact ratio of the two units in one float64 operation.
        bounds: the formula's declaration of this input.

    Raises:
        GreenlangError: ``INPUT_NOT_A_NUMBER``, ``INPUT_NOT_FINITE``, ``INPUT_OUT_OF_BOUNDS``, and those of
            :func:`core.units.conversion` (``UNIT_UNKNOWN``, ``UNIT_MISMATCH`` …).
    """
    unit = bounds.unit
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise _not_a_number(given, bounds)
    try:
        if isinstance(given, str):
            read = _QUANTITY.fullmatch(given)
            if read is None:
                raise _not_a_number(given, bounds)
            number = float(read["number"])
            if read["unit"] is not None:
                unit = normalise_unit(read["unit"])
        else:
            number = float(given)
    except OverflowError:
        number = math.inf
    quantity = Ratio.between(unit, bounds.unit).apply(number)
    if not math.isfinite(quantity):
        raise GreenlangError(
            "INPUT_NOT_FINITE",
            f"input {bounds.symbol} is infinite or not a number",
            found=given,
            expected="a finite number",
            where={"input": bounds.symbol},
        )
    check_bounds(quantity, bounds)
    return ConvertedInput(
        symbol=bounds.symbol, given=number, given_unit=unit, quantity=quantity, unit=bounds.unit
    )


@dataclass(frozen=True)
class Ratio:
    """Two units' exact ratio as one float64 operation: a division by 1000 is exact where 0.001 is not."""

    divides: bool
    number: float

    @classmethod
    def between(cls, from_unit: str, to_unit: str) -> Ratio:
        """The operation that brings a number in ``from_unit`` to ``to_unit``.

        Raises:
            GreenlangError: those of :func:`core.units.conversion`.
        """
        exact = conversion(from_unit, to_unit)
        if exact.numerator == 1 and exact.denominator < 2**53:
            return cls(True, float(exact.denominator))
        return cls(False, float(exact))

    def apply(self, number: float) -> float:
        """The number in the other unit."""
        return number / self.number if self.divides else number * self.number


def check_bounds(quantity: float, bounds: Bounds) -> None:
    """Refuses a quantity outside its closed interval.

    Raises:
        GreenlangError: ``INPUT_OUT_OF_BOUNDS``.
    """
    low, high = bounds.minimum, bounds.maximum
    if (low is not None and quantity < low) or (high is not None and quantity > high):
        limits = [f"at least {low:g}"] if low is not None else []
        limits += [f"at most {high:g}"] if high is not None else []
        raise GreenlangError(
            "INPUT_OUT_OF_BOUNDS",
            f"input {bounds.symbol} is outside what the formula is made for",
            found=f"{quantity!r} {bounds.unit}",
            expected=f"{' and '.join(limits)} {bounds.unit}",
            where={"input": bounds.symbol},
        )


def _not_a_number(given: object, bounds: Bounds) -> GreenlangError:
    return GreenlangError(
        "INPUT_NOT_A_NUMBER",
        f"input {bounds.symbol} is not a quantity",
        found=repr(given),
        expected=f"a number of {bounds.unit}, or text such as '12.5 {bounds.unit}'",
        where={"input": bounds.symbol},
    )


def publish(value: float, precision: int, symbol: str) -> int:
    """A float64 as a scaled integer: multiplied by ten to the precision, rounded once, half to even.

    Raises:
        GreenlangError: ``RESULT_NOT_FINITE``, ``RESULT_OVERFLOW`` (beyond a signed 64-bit integer).
    """
    product = value * 10.0**precision
    if not math.isfinite(product):
        raise GreenlangError(
            "RESULT_NOT_FINITE",
            f"output {symbol} is infinite or not a number",
            found=value,
            expected="a finite number",
            where={"output": symbol},
        )
    scaled = round(product)
    if abs(scaled) > INT64_MAX:
        raise GreenlangError(
            "RESULT_OVERFLOW",
            f"output {symbol} is too large to be published with {precision} decimals",
            found=value,
            expected=f"at most {INT64_MAX / 10.0**precision:g}",
            where={"output": symbol},
        )
    return scaled
