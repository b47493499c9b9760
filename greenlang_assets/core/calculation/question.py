"""A calculation as people ask for it: a formula with its inputs, or an activity with its quantity.

Belongs here: what a question holds, and which formula, factor and figures answer it.
Does not belong here: the arithmetic (``engine``), how a question arrives (HTTP, a command).

A question about an activity finds its factor as ``Catalogue.lookup`` does: exactly, unless it allows a
fallback. Where a publisher gives the factor for several units and the question names none, the one whose
unit the quantity converts into answers; no quantity is converted through an assumption. Purchased energy is
answered with both scope 2 figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.core.calculation.data_quality import DataQuality, data_quality
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext, CalculationResult, GwpSet
from greenlang_assets.core.calculation.prepare import open_inputs
from greenlang_assets.core.calculation.quantities import split
from greenlang_assets.core.calculation.scope2 import Instrument, Rate, Scope2Result
from greenlang_assets.core.calculation.uncertainty import Simulation, UncertainResult
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.model import EmissionFactor
from greenlang_assets.core.factors.references import publisher_id
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.provenance.canonical import number_text
from greenlang_assets.core.tenants.contracts import Reliability
from greenlang_assets.core.units import conversion, parse_unit, qualify

Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
#: Ids of factors and formulas, and a tariff's wording, are longer than words.
Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Quantity = int | Number | Word
Year = Annotated[int, Field(ge=1850, le=2200)]
_MANY = 200


class Closed(BaseModel):
    """Nothing beside what is named, and nothing read as something else (``"2024"`` is no year)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class StatedRate(Closed):
    """An emission rate that somebody states: see :class:`scope2.Rate`."""

    value: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    per: Word = "MWh"
    gwp_set: Literal["AR4", "AR5", "AR6"] | None = None
    source: Name


class StatedInstrument(Closed):
    """A contractual instrument and what it covers: see :class:`scope2.Instrument`."""

    instrument_id: Word
    kind: Word
    quantity: Quantity
    rate: StatedRate


class MonteCarlo(Closed):
    """Draws and seed, both part of the hash."""

    draws: int
    seed: int = 1


class _Question(Closed):
    """What every question may say.

    Args:
        question_id: the asker's own name for it, given back with the answer.
        uncertainty: name → percentage, as :meth:`CalculationEngine.calculate_with_uncertainty` takes it; an
            empty record asks for what the factor's publisher states.
        simulation: Monte Carlo beside error propagation.
        instruments: contractual instruments behind purchased energy.
        residual_mix: rate of the market's residual mix.
    """

    question_id: Word | None = None
    uncertainty: dict[Word, Word] | None = Field(default=None, max_length=_MANY)
    simulation: MonteCarlo | None = None
    instruments: list[StatedInstrument] = Field(default_factory=list, max_length=_MANY)
    residual_mix: StatedRate | None = None


class Context(Closed):
    """What a formula is calculated under: see :class:`CalculationContext`."""

    gwp_set: GwpSet | None = None
    gas: Word | None = None
    activity_unit: Word | None = None


class FormulaQuestion(_Question):
    """A formula of the library with its inputs.

    Args:
        formula_id: an equation or a binding.
        inputs: symbol → number, text with unit, text of a key, or one of these for each member of an index.
        context: GWP set, gas, unit of activity.
    """

    formula_id: Name
    inputs: dict[Word, Quantity | Annotated[dict[Word, Quantity], Field(max_length=_MANY)]] = Field(
        max_length=_MANY
    )
    context: Context = Context()


class ActivityQuestion(_Question):
    """A quantity of an activity, somewhere and at some time.

    Args:
        activity: harmonised activity, e.g. ``natural-gas``; or a factor's id, without region and year.
        region: ``US``, ``GB``, ``US-EGRID-RFCW`` …
        year: year of the activity.
        quantity: a number of ``unit``, or a text with its unit: ``1,000`` is neither.
        unit: as people write it: ``kWh``, ``m3``, ``US gal``, ``t.km``.
        publisher, dataset, edition, activity_unit, calorific_basis, scope, activity_path, fallback: which
            factor, as :meth:`Catalogue.lookup` takes it. The calorific basis also says which energy an
            unqualified unit of energy (``kWh``, ``therm``) counts.
        equation: which formula, where several are bound to the factor.
        reliability: how the quantity was come by, for the scores of data quality.
        gwp_set: AR4, AR5 or AR6; needed where the factor gives gases.
    """

    activity: Name
    region: Word | None = None
    year: Year | None = None
    quantity: Quantity
    unit: Word | None = None
    publisher: Word | None = None
    dataset: Word | None = None
    edition: Word | None = None
    activity_unit: Word | None = None
    calorific_basis: Literal["gross", "net"] | None = None
    scope: Literal["1", "2", "3", "outside"] | None = None
    activity_path: Name | None = None
    fallback: bool | Literal["region", "year"] = False
    equation: Word | None = None
    reliability: Reliability | None = None
    gwp_set: GwpSet | None = None


Question = FormulaQuestion | ActivityQuestion


@dataclass(frozen=True)
class Answer:
    """What a question is answered with.

    Args:
        result: the calculation, with every citation and its hash.
        factor: the factor behind it, where it has one.
        scope2: both scope 2 figures, of purchased energy alone.
        bounds: uncertainty, where it was asked for.
        quality: scores of how well the factor fits the place and year that were asked for.
    """

    result: CalculationResult
    factor: EmissionFactor | None = None
    scope2: Scope2Result | None = None
    bounds: UncertainResult | None = None
    quality: DataQuality | None = None

    def as_dict(self) -> dict[str, Any]:
        """The answer as JSON-ready data."""
        told = self.result.as_dict()
        if self.factor is not None:
            told["factor"] = self.factor.model_dump(mode="json", include=_FACTOR_COLUMNS, exclude_none=True)
        if self.scope2 is not None:
            told["scope2"] = self.scope2.as_dict()
        if self.bounds is not None:
            told["uncertainty"] = self.bounds.as_dict()
        if self.quality is not None:
            told["data_quality"] = self.quality.as_dict()
        return told


#: What identifies a factor and qualifies it; its figures stand in the result with their citations.
_FACTOR_COLUMNS = {
    "factor_id", "kind", "publisher", "dataset", "edition", "version", "activity", "activity_path", "scope",
    "region", "year", "activity_unit", "calorific_basis", "gwp_set", "uncertainty_percent", "data_quality",
    "note",
}  # fmt: skip


def ask(engine: CalculationEngine, question: Question) -> Answer:
    """Answers one question.

    Raises:
        GreenlangError: ``LOOKUP_INCOMPLETE``, ``FACTOR_NOT_FOUND``, ``FACTOR_AMBIGUOUS``,
            ``FORMULA_NOT_FOUND``, ``FORMULA_AMBIGUOUS``, ``FORMULA_INPUTS``, ``SCOPE2_ONLY``, and those of
            :meth:`CalculationEngine.calculate`, :meth:`CalculationEngine.scope2` and
            :meth:`CalculationEngine.calculate_with_uncertainty`.
    """
    if isinstance(question, FormulaQuestion):
        context = CalculationContext(**question.context.model_dump())
        return _answer(engine, question, question.formula_id, question.inputs, context)
    factor, level, distance = _factor(engine, question)
    binding = engine.library.find_binding(factor_id=factor.factor_id, equation=question.equation)
    (symbol,) = _only_input(binding)
    context = CalculationContext(gwp_set=question.gwp_set, matched_level=level, year_distance=distance)
    answer = _answer(engine, question, binding.id, {symbol: " ".join(_measured(question))}, context)
    if question.region is None:
        return answer
    quality = data_quality(
        region=question.region,
        matched_level=level,
        year_distance=distance,
        reliability=question.reliability,
    )
    return replace(answer, quality=quality)


def _answer(
    engine: CalculationEngine,
    question: Question,
    formula_id: str,
    inputs: Mapping[str, Any],
    context: CalculationContext,
) -> Answer:
    bounds = None
    if question.uncertainty is None and question.simulation is None:
        result = engine.calculate(formula_id, inputs, context)
    else:
        asked = question.simulation
        simulation = None if asked is None else Simulation(asked.draws, asked.seed)
        bounds = engine.calculate_with_uncertainty(
            formula_id, inputs, context, question.uncertainty or {}, simulation
        )
        result = bounds.result
    formula = engine.formula(formula_id, context.activity_unit)
    factor = formula.factor if isinstance(formula, Binding) else None
    if factor is None or not is_purchased_energy(factor):
        if question.instruments or question.residual_mix:
            raise GreenlangError(
                "SCOPE2_ONLY",
                "instruments and residual mixes belong to purchased energy alone",
                found=formula_id if factor is None else factor.factor_id,
                expected="a scope 2 factor per unit of energy",
            )
        return Answer(result, factor, bounds=bounds)
    mix = question.residual_mix
    scope2 = engine.scope2(
        formula_id,
        inputs,
        context,
        instruments=[Instrument(**item.model_dump()) for item in question.instruments],
        residual_mix=None if mix is None else Rate(**mix.model_dump()),
    )
    return Answer(result, factor, scope2, bounds)


def is_purchased_energy(factor: EmissionFactor) -> bool:
    """Whether a factor is about energy that is bought, which scope 2 counts by two methods.

    Its publisher says scope 2, or says nothing about a grid's electricity; and it is per unit of energy (a
    publisher also files the kilometres of electric cars under scope 2).
    """
    named = factor.scope == "2" or (factor.scope is None and factor.activity == "grid-electricity")
    return named and any(name.startswith("energy") for name, _ in parse_unit(factor.activity_unit).dimension)


def _factor(engine: CalculationEngine, question: ActivityQuestion) -> tuple[EmissionFactor, str, int]:
    """The factor, how it was found, and how many years older it is."""
    if question.region is None and question.year is None:
        return engine.catalogue.factor(question.activity), "exact", 0
    if question.region is None or question.year is None:
        raise GreenlangError(
            "LOOKUP_INCOMPLETE",
            "an activity is looked up with its region and year",
            found=f"region {question.region}, year {question.year}",
            expected="both region and year",
            hint="a factor's id needs neither",
        )
    wanted: dict[str, Any] = {
        "activity": question.activity,
        "region": question.region,
        "year": question.year,
        **{name: getattr(question, name) for name in _PINS},
    }
    try:
        match = engine.catalogue.lookup(**wanted)
    except GreenlangError as error:
        if error.code != "FACTOR_AMBIGUOUS" or question.activity_unit is not None:
            raise
        ambiguous = error
    else:
        return match.factor, match.matched_level, match.year_distance
    # The publisher gives it for several units: the one that the quantity has, or that alone it converts into.
    unit = _measured(question)[1]
    units = _units_of(engine.catalogue, question)
    near = [unit] if unit in units else [name for name in units if _converts(unit, name)]
    if not near:
        raise GreenlangError(
            "UNIT_MISMATCH",
            f"no factor for {question.activity} is per a unit that {unit} converts into",
            found=unit,
            expected="a unit that converts into one of " + ", ".join(units),
            hint="energy of a fuel needs its calorific basis, e.g. kWh[gross]",
        )
    found = []
    for candidate in near:
        try:
            found.append(engine.catalogue.lookup(**wanted | {"activity_unit": candidate}))
        except GreenlangError as error:
            if error.code not in ("FACTOR_NOT_FOUND", "FACTOR_AMBIGUOUS"):
                raise
    if len(found) != 1:
        raise ambiguous
    return found[0].factor, found[0].matched_level, found[0].year_distance


def _converts(from_unit: str, to_unit: str) -> bool:
    try:
        conversion(from_unit, to_unit)
    except GreenlangError as error:
        if error.code != "UNIT_MISMATCH":
            raise
        return False
    return True


_PINS = (
    "publisher", "dataset", "edition", "activity_unit", "calorific_basis", "scope", "activity_path",
    "fallback",
)  # fmt: skip


def _units_of(catalogue: Catalogue, question: ActivityQuestion) -> list[str]:
    """The units, each with its calorific basis, for which there are factors in question; sorted.

    Those of the region and publisher that are named; of every region where a fallback may lead elsewhere.
    """
    index = catalogue.index
    places = index.places.get(question.activity, {})
    there = places.get(str(question.region))
    rows = list(there) if there else [row for at in places.values() for row in at]
    if question.publisher is not None:
        publisher = publisher_id(question.publisher)
        rows = [row for row in rows if index.cell("publisher", row) == publisher]
    pairs = {(index.cell("activity_unit", row), index.cell("calorific_basis", row)) for row in rows}
    return sorted(unit if basis is None else f"{unit}[{basis}]" for unit, basis in pairs)


def _measured(question: ActivityQuestion) -> tuple[str, str]:
    """Number and unit of the quantity; the unit with the calorific basis that the question names."""
    given, unit = question.quantity, question.unit
    if isinstance(given, str):
        read = split(given)
        if read is None:
            raise GreenlangError(
                "INPUT_NOT_A_NUMBER",
                "the quantity is not one",
                found=given,
                expected="a number, or text such as '12.5 kWh', without thousands separators",
            )
        number, written = read
        if written is not None and unit is not None:
            raise GreenlangError(
                "UNIT_TWICE", "the unit is given twice", found=f"{given!r} and {unit!r}", expected="one unit"
            )
        unit = written if unit is None else unit
    else:
        number = number_text(_float(given))
    if unit is None:
        raise GreenlangError(
            "UNIT_MISSING", "a quantity has a unit", found=number, expected="unit: kWh, m3, US gal, t.km …"
        )
    return number, qualify(unit, calorific_basis=question.calorific_basis).text


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        raise GreenlangError(
            "INPUT_NOT_FINITE", "the quantity is beyond the range of float64", expected="a finite number"
        ) from None


def _only_input(binding: Binding) -> tuple[str]:
    inputs = open_inputs(binding)
    if len(inputs) != 1 or inputs[0].index is not None:
        raise GreenlangError(
            "FORMULA_INPUTS",
            "the formula of this factor needs more than a quantity",
            found=", ".join(item.symbol for item in inputs),
            expected="a formula from one quantity",
            hint=f"ask by formula_id {binding.id} with these inputs",
        )
    return (inputs[0].symbol,)
