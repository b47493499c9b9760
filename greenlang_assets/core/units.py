"""Units as dimensions: what may be added, compared and converted, and by which exact factor.

Belongs here: dimensions, exact conversions.
Does not belong here: spelling (``unit_text``), the symbols (``unit_symbols``), a fuel's own properties (they
carry it between mass, volume and energy, and are cited like a factor), units of single rows: a conversion
is folded into a formula when it is compiled.

A unit text is a product of symbols: ``kg[CO2]/mmBtu[gross]``. The qualifier in brackets makes a
dimension of its own: mass of one gas, energy on one calorific basis, money of one year. Plain ``kWh`` is
neither gross nor net. Conversion factors come from pint's definitions, are exact rationals, and are
checked against the values of NIST SP 811 in the tests.

Where names are shared by several units, this module decides:

* ``Btu`` is the International Table Btu, 1055.05585262 J; pint's own ``Btu`` (1055.056 J) is not used.
* ``therm`` is 100 000 Btu, that is 0.1 mmBtu, as 40 CFR 98 equation C-1a converts gas bills; ``therm_us``
  is 105.4804 MJ and ``therm_ec`` 105.5056 MJ (NIST SP 811: 1.054804E+08 J and 1.05506E+08 J).
* ``gallon`` and ``barrel`` are US, ``imp_gallon`` is imperial, ``Mg`` is a tonne and ``mg`` a milligram.
* ``ton``, ``mt``, ``MBtu``, ``MCM``, ``cal`` are refused: people mean different things by them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.unit_symbols import DEFINITION, KIND, OWN_BASES, QUALIFIER_SPELLINGS
from greenlang_assets.core.unit_text import Factors, checked_qualifier, read_factors

#: Base dimension -> exponent, sorted, no zeros: the type that formulas are checked with.
Dimension = tuple[tuple[str, Fraction], ...]


def dimension_text(dimension: Dimension) -> str:
    """A dimension for people: ``mass[CO2] / energy[gross]``, ``energy / area`` …"""
    powers = dict(dimension)
    for degree, name in ((3, "volume"), (2, "area")):
        if abs(powers.get("length", Fraction(0))) == degree:
            powers[name] = powers.pop("length") / degree
    over = [_power_text(name, power) for name, power in sorted(powers.items()) if power > 0]
    under = [_power_text(name, -power) for name, power in sorted(powers.items()) if power < 0]
    return " / ".join([" * ".join(over) or "1", *under]) if over or under else "dimensionless"


def _power_text(name: str, power: Fraction) -> str:
    if power == 1:
        return name
    return f"{name}^{power}" if power.denominator == 1 else f"{name}^({power})"


@dataclass(frozen=True)
class Unit:
    """A product of powers of symbols, each with an optional qualifier.

    Args:
        factors: ``(symbol, qualifier or "", exponent)`` in reading order, each symbol once.
    """

    factors: Factors = ()

    @cached_property
    def text(self) -> str:
        """Canonical text: numerators joined by ``*``, then each denominator after a ``/``."""
        over = [_factor_text(*factor) for factor in self.factors if factor[2] > 0]
        under = [_factor_text(name, mark, -power) for name, mark, power in self.factors if power < 0]
        return "/".join(["*".join(over) or "1", *under])

    def __str__(self) -> str:
        return self.text

    @cached_property
    def dimension(self) -> Dimension:
        """Exponents of the base dimensions; equal dimensions convert into each other."""
        powers: dict[str, Fraction] = {}
        for symbol, qualifier, exponent in self.factors:
            for base, power in _symbol(symbol, qualifier)[1]:
                powers[base] = powers.get(base, Fraction(0)) + power * exponent
        return tuple(sorted((base, power) for base, power in powers.items() if power))

    def __mul__(self, other: Unit) -> Unit:
        return _product((*self.factors, *other.factors))

    def __truediv__(self, other: Unit) -> Unit:
        return self * other**-1

    def __pow__(self, exponent: int | Fraction) -> Unit:
        return _product(tuple((name, mark, power * exponent) for name, mark, power in self.factors))


def _factor_text(symbol: str, qualifier: str, power: Fraction) -> str:
    return _power_text(f"{symbol}[{qualifier}]" if qualifier else symbol, power)


def _product(factors: Factors) -> Unit:
    powers: dict[tuple[str, str], Fraction] = {}
    for symbol, qualifier, power in factors:
        if symbol != "1":
            powers[symbol, qualifier] = powers.get((symbol, qualifier), Fraction(0)) + power
    return Unit(tuple((*key, power) for key, power in powers.items() if power))


DIMENSIONLESS = Unit()
#: Energy is a base dimension here, so that kg/kWh reads mass / energy and splits into gross and net.
_ENERGY_BASED = {
    "energy": {"energy": Fraction(1)},
    "power": {"energy": Fraction(1), "time": Fraction(-1)},
    "pressure": {"energy": Fraction(1), "length": Fraction(-3)},
}

_lock = threading.Lock()
_registry_once: list[Any] = []
_taken_over: dict[str, tuple[Fraction, Dimension]] = {}


def _registry() -> Any:
    """The one pint registry, built when the first conversion asks for it."""
    with _lock:
        if not _registry_once:
            import pint  # half a second: only those who convert pay it

            registry: Any = pint.UnitRegistry(non_int_type=Fraction)
            for base in OWN_BASES:
                registry.define(f"{base} = [{base}]")
            _registry_once.append(registry)
    return _registry_once[0]


@lru_cache(maxsize=4096)
def _symbol(symbol: str, qualifier: str) -> tuple[Fraction, Dimension]:
    """Exact scale and dimension of one symbol; the scale counts SI base units, energy in J."""
    kind = KIND[symbol]
    if kind == "currency":
        return Fraction(1), ((f"{symbol}[{qualifier}]", Fraction(1)),)
    scale, dimension = _measured(symbol)
    return scale, ((f"{kind}[{qualifier}]", Fraction(1)),) if qualifier else dimension


def _measured(symbol: str) -> tuple[Fraction, Dimension]:
    """Exact scale and dimension of a symbol without qualifier, from pint's definitions."""
    if symbol in _taken_over:
        return _taken_over[symbol]
    registry = _registry()
    quantity: Any = registry.Quantity(Fraction(1), "dimensionless")
    for word in DEFINITION[symbol].split(" * "):
        number, _, power = word.partition(" ** ")
        if re.fullmatch(r"[\d/]+", number):
            quantity = quantity * Fraction(number)
        else:
            quantity = quantity * registry.Quantity(Fraction(1), number) ** int(power or 1)
    base = quantity.to_base_units()
    powers = _ENERGY_BASED.get(KIND[symbol]) or {
        name.strip("[]").replace("substance", "amount"): Fraction(power)
        for name, power in base.dimensionality.items()
    }
    return Fraction(base.magnitude), tuple(sorted(powers.items()))


@cache
def measured_symbols() -> dict[str, tuple[str, dict[str, str]]]:
    """Symbol -> exact scale and exponents of its dimension, JSON-ready: for processes without pint."""
    found = {symbol: _measured(symbol) for symbol, kind in KIND.items() if kind != "currency"}
    return {
        symbol: (str(scale), {name: str(power) for name, power in dimension})
        for symbol, (scale, dimension) in found.items()
    }


def take_over(measured: Mapping[str, tuple[str, Mapping[str, str]]]) -> None:
    """Use what :func:`measured_symbols` found in another process of this installation.

    Reading pint's definitions is a second of every process that converts, and comes out the same in each.
    """
    for symbol, (scale, powers) in measured.items():
        dimension = tuple(sorted((name, Fraction(power)) for name, power in powers.items()))
        _taken_over[symbol] = Fraction(scale), dimension


@lru_cache(maxsize=4096)
def parse_unit(text: str) -> Unit:
    """Reads a unit text, canonical or as people write it.

    Args:
        text: e.g. ``kg[CO2]/mmBtu[gross]``, ``kgCO2e/kWh (Gross CV)``, ``m³``, ``tonne.km``.

    Raises:
        GreenlangError: ``UNIT_UNKNOWN`` with the nearest symbols, ``UNIT_AMBIGUOUS``, ``UNIT_QUALIFIER``.
    """
    return _product(read_factors(text))


def normalise_unit(text: str) -> str:
    """Canonical text of a unit as people write it: ``kgCO2e/kWh`` becomes ``kg[CO2e]/kWh``.

    Raises:
        GreenlangError: as :func:`parse_unit`.
    """
    return parse_unit(text).text


def _as_unit(unit: str | Unit) -> Unit:
    return unit if isinstance(unit, Unit) else parse_unit(unit)


@lru_cache(maxsize=4096)
def conversion(from_: str | Unit, to: str | Unit) -> Fraction:
    """The exact factor by which a number in ``from_`` is multiplied to be in ``to``.

    Temperatures convert as differences here; points on the scale go through
    :func:`convert_temperature`.

    Raises:
        GreenlangError: ``UNIT_MISMATCH`` naming both dimensions, ``UNIT_AFFINE`` for °C or °F alone,
            ``UNIT_ROOT`` where a fractional power has no exact rational factor.
    """
    source, target = _as_unit(from_), _as_unit(to)
    if source == target:
        return Fraction(1)
    if source.dimension != target.dimension:
        raise GreenlangError(
            "UNIT_MISMATCH",
            f"{source} is {dimension_text(source.dimension)}, "
            f"{target} is {dimension_text(target.dimension)}: one does not become the other",
            found=source,
            expected=target,
            hint=_mismatch_hint(source.dimension, target.dimension),
        )
    for unit in (source, target):
        if unit.text in ("degC", "degF"):
            raise GreenlangError(
                "UNIT_AFFINE",
                "a temperature scale has an offset, not only a factor",
                found=f"{source} to {target}",
                expected="a temperature difference in K",
                hint="use convert_temperature",
            )
    result = Fraction(1)
    for symbol, qualifier, power in (source / target).factors:
        result *= _exact_power(_symbol(symbol, qualifier)[0], power)
    return result


def _mismatch_hint(found: Dimension, expected: Dimension) -> str:
    names = {name for name, _ in set(found) ^ set(expected)}
    if any("[gross]" in name or "[net]" in name for name in names):
        return "state the calorific basis, or convert through the fuel's published heat content"
    if any("[CO2e]" in name for name in names):
        return "CO2e exists only after a GWP factor (kg[CO2e]/kg[gas]) was applied"
    if names <= {"mass", "length"}:
        return "mass and volume of a fuel convert through its published density"
    return "convert through a published property, or correct the unit"


def _exact_power(base: Fraction, power: Fraction) -> Fraction:
    if power.denominator == 1:
        return Fraction(base ** int(power))
    root = Fraction(
        _integer_root(base.numerator, power.denominator), _integer_root(base.denominator, power.denominator)
    )
    return Fraction(root ** int(power.numerator))


def _integer_root(value: int, degree: int) -> int:
    root: int = round(value ** (1 / degree))
    if root**degree != value:
        raise GreenlangError(
            "UNIT_ROOT",
            "a root of this conversion factor is not a rational number",
            found=f"{value} to the power 1/{degree}",
            expected="units whose scale has an exact root",
            hint="bring the quantity into SI units before the power is taken",
        )
    return root


_OFFSETS = {
    "K": (Fraction(1), Fraction(0)),
    "degC": (Fraction(1), Fraction(27315, 100)),
    "degR": (Fraction(5, 9), Fraction(0)),
    "degF": (Fraction(5, 9), Fraction(45967, 100) * Fraction(5, 9)),
}


def convert_temperature(value: Fraction | int, from_: str, to: str) -> Fraction:
    """A point on one temperature scale as a point on another, exactly (0 °C = 273.15 K, 32 °F = 0 °C).

    Raises:
        GreenlangError: ``UNIT_MISMATCH`` when a unit is not a temperature scale.
    """
    scales = []
    for text in (from_, to):
        scale = _OFFSETS.get(normalise_unit(text))
        if scale is None:
            raise GreenlangError(
                "UNIT_MISMATCH",
                f"{text} is not a temperature scale",
                found=text,
                expected=", ".join(_OFFSETS),
            )
        scales.append(scale)
    (factor, offset), (target_factor, target_offset) = scales
    return (Fraction(value) * factor + offset - target_offset) / target_factor


@lru_cache(maxsize=4096)
def qualify(unit_text: str, *, gas: str | None = None, calorific_basis: str | None = None) -> Unit:
    """A factor row's unit with what its row implies: the gas of the column, the basis of the energy.

    ``qualify("g/mmBtu", gas="CH4", calorific_basis="gross")`` is ``g[CH4]/mmBtu[gross]``. The gas goes to
    the first mass above the line, the basis to every energy; a qualifier that the text has already must
    agree.

    Raises:
        GreenlangError: ``UNIT_QUALIFIER`` where text and row contradict each other or no mass is there.
    """
    gas = QUALIFIER_SPELLINGS.get(gas.lower(), gas) if gas else None
    factors: list[tuple[str, str, Fraction]] = []
    waiting = gas
    for symbol, qualifier, power in read_factors(unit_text):
        implied = qualifier
        if KIND[symbol] == "mass" and waiting and power > 0:
            implied, waiting = waiting, None
        elif KIND[symbol] == "energy" and calorific_basis:
            implied = calorific_basis
        if qualifier and implied != qualifier:
            raise GreenlangError(
                "UNIT_QUALIFIER",
                f"the unit {unit_text!r} contradicts its row",
                found=qualifier,
                expected=implied,
            )
        factors.append((symbol, checked_qualifier(symbol, implied, unit_text), power))
    if waiting:
        raise GreenlangError(
            "UNIT_QUALIFIER",
            f"the unit {unit_text!r} has no mass that could be {waiting}",
            found=unit_text,
            expected=f"a mass of {waiting}",
        )
    return _product(tuple(factors))


def known_symbols() -> Mapping[str, str]:
    """Every symbol with the kind of quantity it measures."""
    return dict(KIND)
