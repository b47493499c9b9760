"""Numbers on their way into a calculation: a number or a text with a unit, in the formula's own unit.

Belongs here: reading, converting and bounding one input.
Does not belong here: frames (``batch`` multiplies columns by the same ratios), rounding a result
(``core.formulas.rounding``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from greenlang_assets.core.calculation.model import ConvertedInput
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import FuelProperty
from greenlang_assets.core.units import Unit, conversion, normalise_unit, qualify

_QUANTITY = re.compile(r"\s*(?P<number>[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?)\s*(?P<unit>[^\s,].*)?")


@lru_cache(maxsize=65_536)
def ratio(from_unit: str, to_unit: str) -> float:
    """The exact ratio of two units as the nearest float64: multiplied by it, a number is in the other unit.

    A ratio is never divided by: Polars divides a column by a constant as a product with its reciprocal,
    which in one row of seven is not the quotient that IEEE 754 and Python give.

    Raises:
        GreenlangError: those of :func:`core.units.conversion`.
    """
    return float(conversion(from_unit, to_unit))


def split(text: str) -> tuple[str, str | None] | None:
    """Number and unit of a quantity's text, as written; None where it does not begin with a number."""
    read = _QUANTITY.fullmatch(text)
    return None if read is None else (read["number"], read["unit"])


@dataclass(frozen=True)
class Route:
    """How a quantity gets from its unit to the formula's: factors in order, perhaps a property among them.

    Args:
        factors: what the number is multiplied by, in order.
        fuel_property: the published property among them, which the result cites; usually none.
    """

    factors: tuple[float, ...]
    fuel_property: FuelProperty | None = None

    def apply(self, number: float) -> float:
        """The number in the formula's unit."""
        for factor in self.factors:
            number *= factor
        return number


def direct(from_unit: str, to_unit: str) -> Route:
    """The route between two units of one dimension.

    Raises:
        GreenlangError: ``UNIT_UNKNOWN``, ``UNIT_MISMATCH`` and others of :mod:`core.units`.
    """
    return Route((ratio(from_unit, to_unit),))


def through(fuel_property: FuelProperty, from_unit: str, to_unit: str) -> Route:
    """The route through a fuel's published property, e.g. gallons through mmBtu per gallon to mmBtu.

    Raises:
        GreenlangError: ``UNIT_MISMATCH`` where the property does not lead from one unit to the other.
    """
    unit = qualify(fuel_property.unit, calorific_basis=fuel_property.calorific_basis)
    fuel = Unit(tuple((name, mark, -power) for name, mark, power in unit.factors if power < 0))
    content = Unit(tuple(factor for factor in unit.factors if factor[2] > 0))
    return Route(
        (ratio(from_unit, fuel.text), fuel_property.value, ratio(content.text, to_unit)),
        fuel_property,
    )


@dataclass(frozen=True)
class Bounds:
    """What an input may be: its symbol, unit and closed interval."""

    symbol: str
    unit: str
    minimum: float | None = None
    maximum: float | None = None

    def check(self, quantity: float) -> None:
        """Refuses a quantity outside the interval.

        Raises:
            GreenlangError: ``INPUT_OUT_OF_BOUNDS``.
        """
        low, high = self.minimum, self.maximum
        if (low is not None and quantity < low) or (high is not None and quantity > high):
            raise GreenlangError(
                "INPUT_OUT_OF_BOUNDS",
                f"input {self.symbol} is outside what the formula is made for",
                found=f"{quantity!r} {self.unit}",
                expected=f"{self.text} {self.unit}",
                where={"input": self.symbol},
            )

    @property
    def text(self) -> str:
        """The interval in words."""
        limits = [f"at least {self.minimum:g}"] if self.minimum is not None else []
        limits += [f"at most {self.maximum:g}"] if self.maximum is not None else []
        return " and ".join(limits)


def read_input(
    given: object, bounds: Bounds, route: Callable[[str, str], Route] = direct
) -> tuple[ConvertedInput, Route]:
    """One input in the formula's unit, and how it got there.

    Args:
        given: a number, which is in the formula's unit, or text with a unit, e.g. ``1000 kWh[gross]``,
            which is multiplied by the ratio of the two units.
        bounds: the formula's declaration of this input.
        route: how to get from one unit to the other.

    Raises:
        GreenlangError: ``INPUT_NOT_A_NUMBER``, ``INPUT_NOT_FINITE``, ``INPUT_OUT_OF_BOUNDS``, and those of
            :mod:`core.units` (``UNIT_UNKNOWN``, ``UNIT_MISMATCH`` …).
    """
    unit = bounds.unit
    if isinstance(given, str):
        read = split(given)
        if read is None:
            raise _not_a_number(given, bounds)
        number = float(read[0])
        if read[1] is not None:
            unit = normalise_unit(read[1])
    elif isinstance(given, bool) or not isinstance(given, int | float):
        raise _not_a_number(given, bounds)
    else:
        try:
            number = float(given)
        except OverflowError:
            number = math.inf
    way = route(unit, bounds.unit)
    quantity = way.apply(number)
    if not math.isfinite(quantity):
        raise GreenlangError(
            "INPUT_NOT_FINITE",
            f"input {bounds.symbol} is infinite or not a number",
            found=given,
            expected="a finite number",
            where={"input": bounds.symbol},
        )
    bounds.check(quantity)
    converted = ConvertedInput(
        symbol=bounds.symbol, given=number, given_unit=unit, quantity=quantity, unit=bounds.unit
    )
    return converted, way


def _not_a_number(given: object, bounds: Bounds) -> GreenlangError:
    return GreenlangError(
        "INPUT_NOT_A_NUMBER",
        f"input {bounds.symbol} is not a quantity",
        found=repr(given),
        expected=f"a number of {bounds.unit}, or text such as '12.5 {bounds.unit}'",
        where={"input": bounds.symbol},
    )
