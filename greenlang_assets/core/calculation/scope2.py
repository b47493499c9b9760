"""Scope 2: the location-based and the market-based figure of purchased energy, always both.

Belongs here: contractual instruments, the remainder they leave, and what has to be disclosed of it.
Does not belong here: finding a grid factor (``engine``), whether an instrument meets quality criteria.

The rules are those of the GHG Protocol Scope 2 Guidance (2015), as its public extracts give them: results
by both methods, each labelled; in the market-based one, use that no instrument covers takes the residual
mix of its market, and where none is published the grid average, with a statement that claims may then be
counted twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.core.calculation.model import (
    CalculationResult,
    ConvertedInput,
    PublishedQuantity,
)
from greenlang_assets.core.calculation.quantities import Bounds, ratio, read_input
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import AppliedGwpSet
from greenlang_assets.core.formulas.rounding import PRECISION, publish
from greenlang_assets.core.provenance.canonical import content_sha256, exact
from greenlang_assets.core.units import parse_unit

CO2E = "kg[CO2e]"
#: What a market-based figure rests on, in the words that stand in every result row.
MARKET_BASIS = {
    "grid-average": "grid average: no contractual instrument, no residual mix published",
    "residual-mix": "residual mix: no contractual instrument",
    "instruments": "contractual instruments for the whole use",
    "instruments+grid-average": "contractual instruments; rest at grid average, no residual mix published",
    "instruments+residual-mix": "contractual instruments; the rest at the residual mix",
}
GRID_AVERAGE_DISCLOSURE = (
    "No residual mix is published for this market, so use that no contractual instrument covers was "
    "calculated with the grid average. Attributes that others have bought are not taken out of that "
    "average, and the same electricity may be claimed by two consumers (GHG Protocol Scope 2 Guidance)."
)
RESIDUAL_MIX_DISCLOSURE = (
    "Use that no contractual instrument covers was calculated with the residual mix: {}."
)
COVERED_DISCLOSURE = "The whole use is covered by contractual instruments."

MarketBasis = Literal[
    "grid-average", "residual-mix", "instruments", "instruments+grid-average", "instruments+residual-mix"
]


class Rate(BaseModel):
    """An emission rate that is somebody's statement, not a row of the catalogue.

    Args:
        value: kg CO2e per ``per``.
        per: unit of energy, e.g. ``MWh``.
        gwp_set: set behind the CO2e; none is needed for a rate of zero.
        source: who states it, and where.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float = Field(ge=0, allow_inf_nan=False)
    per: str = "MWh"
    gwp_set: AppliedGwpSet | None = None
    source: str = Field(min_length=1)


class Instrument(BaseModel):
    """A contractual instrument: a certificate, contract or supplier's rate, and what it covers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instrument_id: str = Field(min_length=1)
    kind: str = Field(description="renewable energy certificate, power purchase agreement, supplier rate …")
    quantity: float | str = Field(description="energy it covers: text with unit, or a number in the rate's")
    rate: Rate


class MarketPart(BaseModel):
    """One part of the market-based figure: what was covered, at which rate, and what it emitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    basis: Literal["instrument", "residual-mix", "grid-average"]
    name: str
    quantity: float
    unit: str
    source: str
    co2e: PublishedQuantity


class Scope2Result(BaseModel):
    """Both figures of the same use.

    Args:
        location: calculation with the grid factor.
        market: CO2e of the market-based method, the sum of its parts.
        basis: what the market-based figure rests on.
        disclosure: the sentence that goes with it.
        provenance_hash: SHA-256 of location's hash, the parts and the basis.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: CalculationResult
    market: PublishedQuantity
    parts: tuple[MarketPart, ...]
    basis: MarketBasis
    disclosure: str
    provenance_hash: str = ""

    @property
    def location_co2e(self) -> PublishedQuantity:
        """CO2e of the location-based method."""
        return co2e_of(self.location)

    @property
    def body(self) -> dict[str, Any]:
        """The hashed body: location's hash, the parts of the market-based figure, their sum and basis."""
        return {
            "basis": self.basis,
            "location": self.location.provenance_hash,
            "market": self.market.scaled,
            "parts": [part.model_dump() for part in self.parts],
        }

    def as_dict(self) -> dict[str, Any]:
        """Both figures as JSON-ready data; the calculation behind the first is not repeated."""
        return {
            "location": self.location_co2e.as_dict(),
            "market": self.market.as_dict(),
            "parts": [
                {**part.model_dump(mode="json", exclude={"co2e"}), "co2e": part.co2e.as_dict()}
                for part in self.parts
            ],
            "basis": self.basis,
            "disclosure": self.disclosure,
            "provenance_hash": self.provenance_hash,
        }

    def sealed(self) -> Scope2Result:
        """The same with its provenance hash."""
        return self.model_copy(update={"provenance_hash": content_sha256(self.body)})


def co2e_of(result: CalculationResult) -> PublishedQuantity:
    """The CO2e output of a result.

    Raises:
        GreenlangError: ``NO_CO2E`` when the formula has none, as it must for scope 2.
    """
    output = result.output("co2e")
    if output is None or output.unit != CO2E:
        raise GreenlangError(
            "NO_CO2E",
            "this formula gives no CO2e in kilograms",
            found=", ".join(f"{item.symbol} in {item.unit}" for item in result.outputs),
            expected=f"an output co2e in {CO2E}",
            where={"formula": result.formula_id},
        )
    return output


def cover(
    use: ConvertedInput, gwp_set: AppliedGwpSet, instruments: Sequence[Instrument]
) -> tuple[list[MarketPart], float]:
    """What the instruments cover, and the use that they leave.

    Args:
        use: the energy bought, in the grid factor's unit.
        gwp_set: set of the whole result.
        instruments: in the order in which they are to appear.

    Raises:
        GreenlangError: ``GWP_SET_MIXED``, ``INSTRUMENTS_EXCEED_USE``, ``INSTRUMENT_DUPLICATED``,
            ``RATE_UNIT``, and those of :func:`quantities.read_input`.
    """
    parts = []
    left = exact(use.quantity)
    names: set[str] = set()
    for instrument in instruments:
        if instrument.instrument_id in names:
            raise GreenlangError(
                "INSTRUMENT_DUPLICATED",
                "an instrument is claimed once",
                found=instrument.instrument_id,
                expected="instruments with different ids",
            )
        names.add(instrument.instrument_id)
        unit = rate_unit(instrument.rate, gwp_set, instrument.instrument_id)
        covered, _ = read_input(instrument.quantity, Bounds(instrument.instrument_id, unit, 0.0))
        in_use_unit = covered.quantity * ratio(unit, use.unit)
        left -= exact(in_use_unit)
        if left < 0:
            raise GreenlangError(
                "INSTRUMENTS_EXCEED_USE",
                "the instruments cover more energy than was used",
                found=f"{float(exact(use.quantity) - left):g} {use.unit}",
                expected=f"at most {use.quantity:g} {use.unit}",
                hint="claim no more of an instrument than the use it is matched with",
                where={"instrument": instrument.instrument_id},
            )
        parts.append(_part("instrument", instrument.instrument_id, covered.quantity, unit, instrument.rate))
    return parts, float(left)


def rate_unit(rate: Rate, gwp_set: AppliedGwpSet, name: str) -> str:
    """Canonical unit of energy of a stated rate, after checking that its CO2e can be added to the rest.

    Raises:
        GreenlangError: ``GWP_SET_MIXED``, ``RATE_UNIT``, ``UNIT_UNKNOWN``.
    """
    if rate.value and rate.gwp_set != gwp_set:
        raise GreenlangError(
            "GWP_SET_MIXED",
            f"the rate of {name} was formed with another GWP set than the result",
            found=rate.gwp_set or "no set stated",
            expected=gwp_set,
            where={"instrument": name},
        )
    return parse_unit(rate.per).text


def _part(
    basis: Literal["instrument", "residual-mix"], name: str, quantity: float, unit: str, rate: Rate
) -> MarketPart:
    scaled = publish(quantity * rate.value, PRECISION)
    return MarketPart(
        basis=basis,
        name=name,
        quantity=quantity,
        unit=unit,
        source=rate.source,
        co2e=PublishedQuantity(symbol="co2e", scaled=scaled, precision=PRECISION, unit=CO2E),
    )


def remainder_at_residual_mix(left: float, unit: str, mix: Rate, gwp_set: AppliedGwpSet) -> MarketPart:
    """The uncovered use at a residual mix.

    Raises:
        GreenlangError: ``GWP_SET_MIXED``, ``UNIT_MISMATCH``.
    """
    per = rate_unit(mix, gwp_set, "the residual mix")
    return _part("residual-mix", "residual mix", left * ratio(unit, per), per, mix)


def remainder_at_grid_average(result: CalculationResult, use: ConvertedInput) -> MarketPart:
    """The uncovered use at the grid factor, as calculated by the same formula as the location figure."""
    return MarketPart(
        basis="grid-average",
        name=str(result.factor_id),
        quantity=use.quantity,
        unit=use.unit,
        source="; ".join(sorted({str(figure.citation["document"]) for figure in result.figures})),
        co2e=co2e_of(result),
    )


def assemble(location: CalculationResult, parts: Sequence[MarketPart]) -> Scope2Result:
    """Both figures from the location result and the parts of the market-based one.

    Raises:
        GreenlangError: ``NO_CO2E``, ``NUMBER_OVERFLOW``.
    """
    co2e_of(location)
    kinds = {part.basis for part in parts}
    rest = "residual-mix" if "residual-mix" in kinds else "grid-average" if "grid-average" in kinds else ""
    basis: Any = "+".join(filter(None, ["instruments" if "instrument" in kinds else "", rest]))
    total = sum(part.co2e.scaled for part in parts)
    if abs(total) >= 2**63:
        raise GreenlangError("NUMBER_OVERFLOW", "the market-based sum does not fit into 64 bits", found=total)
    if rest == "residual-mix":
        mix = next(part for part in parts if part.basis == "residual-mix")
        disclosure = RESIDUAL_MIX_DISCLOSURE.format(mix.source)
    else:
        disclosure = GRID_AVERAGE_DISCLOSURE if rest else COVERED_DISCLOSURE
    market = PublishedQuantity(symbol="co2e", scaled=total, precision=PRECISION, unit=CO2E)
    return Scope2Result(
        location=location,
        market=market,
        parts=tuple(parts),
        basis=basis,
        disclosure=disclosure,
    ).sealed()
