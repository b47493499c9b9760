"""The calculation engine: one factor, one calculation, one formula checked, both scope 2 figures.

Belongs here: the public questions and how their parts fit together.
Does not belong here: the parts (``prepare``, ``quantities``, ``scope2``, ``validation``), frames (``batch``).

Everything is a look-up or a validated formula. A number that is not given, published or computed here
does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from greenlang_assets.core.calculation import scope2
from greenlang_assets.core.calculation.fuel_names import activity_of
from greenlang_assets.core.calculation.model import (
    CalculationContext,
    CalculationResult,
    PublishedQuantity,
    ValidationResult,
)
from greenlang_assets.core.calculation.prepare import (
    Formula,
    GivenInputs,
    GwpChoice,
    Routing,
    choose_gwp,
    figures_of,
    formula_of,
    read_inputs,
)
from greenlang_assets.core.calculation.quantities import Route, direct, through
from greenlang_assets.core.calculation.spread import Spread
from greenlang_assets.core.calculation.uncertainty import (
    Simulation,
    UncertainResult,
    uncertain_quantities,
    with_uncertainty,
)
from greenlang_assets.core.calculation.validation import validate
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.model import AppliedGwpSet, EmissionFactor, FuelProperty
from greenlang_assets.core.factors.references import PUBLISHERS, publisher_id
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import FormulaInput
from greenlang_assets.core.formulas.parameter_binding import ParameterBinding
from greenlang_assets.core.formulas.rounding import publish
from greenlang_assets.core.formulas.values import Value
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.provenance.canonical import content_sha256

#: Where a fuel's name alone fits several data sets of a publisher, the first of these answers.
PREFERRED_DATASETS = (
    "stationary-combustion",
    "electricity",
    "steam-and-heat",
    "conversion-factors",
    "mobile-combustion-co2",
)


@dataclass(frozen=True)
class _Prepared:
    """A calculation before its arithmetic."""

    formula: Formula
    gwp: GwpChoice | None
    given: GivenInputs
    values: Mapping[str, Value]


class CalculationEngine:
    """Deterministic calculation over factors, formulas and global warming potentials.

    Args:
        catalogue: emission factors and fuel properties.
        library: formulas and their bindings to factors.
        gwp: global warming potentials.
    """

    def __init__(self, catalogue: Catalogue, library: Library, gwp: GwpTable) -> None:
        self.catalogue = catalogue
        self.library = library
        self.gwp = gwp

    @classmethod
    def shipped(cls) -> CalculationEngine:
        """The engine over everything that ships."""
        catalogue = Catalogue.shipped()
        return cls(catalogue, Library.shipped(catalogue), GwpTable.shipped())

    # --- factors

    def get_emission_factor(
        self, fuel_type: str, region: str, year: int, source: str = "EPA"
    ) -> EmissionFactor:
        """The factor for a fuel or an energy carrier by the name that people use.

        Where a publisher gives several, the answer is the one for stationary use, per unit of gross energy:
        other data sets and units are asked for with :meth:`Catalogue.lookup`.

        Args:
            fuel_type: e.g. ``natural_gas``, ``Natural Gas``, ``petrol``, ``grid-electricity``.
            region: ``US``, ``GB``, ``US-EGRID-RFCW`` …; exact, no fallback.
            year: year that the factor describes; exact, no fallback.
            source: publisher, e.g. ``EPA``, ``DESNZ``.

        Raises:
            GreenlangError: ``FUEL_UNKNOWN``, ``FACTOR_NOT_FOUND`` (region, year), ``PUBLISHER_UNKNOWN``,
                ``FACTOR_AMBIGUOUS``, each naming what is near.
        """
        publisher = publisher_id(source)
        activities = self._activities(publisher)
        question: dict[str, Any] = {
            "activity": activity_of(fuel_type, activities),
            "region": region,
            "year": year,
            "publisher": publisher,
        }
        try:
            return self.catalogue.lookup(**question).factor
        except GreenlangError as error:
            if error.code != "FACTOR_AMBIGUOUS":
                raise
            ambiguous = error
        for dataset in PREFERRED_DATASETS:
            for basis in (None, "gross"):
                try:
                    return self.catalogue.lookup(**question, dataset=dataset, calorific_basis=basis).factor
                except GreenlangError as error:
                    if error.code not in ("FACTOR_AMBIGUOUS", "FACTOR_NOT_FOUND"):
                        raise
        raise ambiguous

    def _activities(self, publisher: str) -> list[str]:
        """Activities for which a publisher gives factors, sorted."""
        frame = self.catalogue.frame
        activities = frame.filter(pl.col("publisher") == publisher)["activity"].unique().sort().to_list()
        if not activities:
            known = frame["publisher"].unique().sort().to_list()
            raise GreenlangError(
                "PUBLISHER_UNKNOWN",
                "the catalogue has no factors of this publisher",
                found=publisher,
                expected=", ".join([*known, *(alias for alias, name in PUBLISHERS.items() if name in known)]),
            )
        return activities

    # --- one calculation

    def formula(self, formula_id: str, activity_unit: str | None = None) -> Formula:
        """The equation or the binding of that id, ready to be calculated.

        Args:
            formula_id: ``<equation>`` or ``<equation>/<factor id>``.
            activity_unit: unit of activity of an equation that leaves it open.

        Raises:
            GreenlangError: ``FORMULA_NOT_FOUND`` with the nearest ids, ``FORMULA_UNIT_MISSING``,
                ``FORMULA_UNIT_FIXED``.
        """
        return formula_of(self.library, formula_id, activity_unit)

    def calculate(
        self, formula_id: str, inputs: Mapping[str, Any], context: CalculationContext
    ) -> CalculationResult:
        """Calculates one formula.

        Args:
            formula_id: an equation's id, whose every input the caller gives, or a binding's id
                (``<equation>/<factor id>``), whose factor figures are the catalogue's.
            inputs: symbol → a number in the formula's unit, or text with its own, e.g. ``1000 kWh[gross]``.
                Fuel amounts reach an energy formula through the fuel's published heat content. An indexed
                input takes one of these for each member, or one alone where there is one member; a key takes
                one of its texts.
            context: the GWP set, whose values are never inputs; the gas or the unit of activity where the
                formula leaves them open.

        Raises:
            GreenlangError: ``FORMULA_NOT_FOUND``, ``INPUT_MISSING``, ``INPUT_UNKNOWN``,
                ``INPUT_NOT_A_NUMBER``, ``INPUT_NOT_FINITE``, ``INPUT_OUT_OF_BOUNDS``, ``UNIT_MISMATCH``,
                ``GWP_SET_MISSING``, ``GWP_SET_MIXED``, ``NUMBER_OVERFLOW``, ``FORMULA_UNDEFINED`` …
        """
        return self._calculate(self._prepare(formula_id, inputs, context), context)

    def _prepare(self, formula_id: str, inputs: Mapping[str, Any], context: CalculationContext) -> _Prepared:
        formula = self.formula(formula_id, context.activity_unit)
        gwp = choose_gwp(formula, context.gwp_set, self.gwp, context.gas)
        given = read_inputs(formula, inputs, self._routes(formula))
        values: dict[str, Value] = dict(given.values)
        if gwp is not None:
            values |= {symbol: value.value for symbol, value in gwp.values.items()}
        return _Prepared(formula, gwp, given, values)

    def _calculate(self, prepared: _Prepared, context: CalculationContext) -> CalculationResult:
        formula, gwp, given = prepared.formula, prepared.gwp, prepared.given
        results = evaluate_float(formula, prepared.values)
        outputs = tuple(
            PublishedQuantity(
                symbol=item.symbol,
                scaled=publish(results[item.symbol], item.precision),
                precision=item.precision,
                unit=item.unit,
            )
            for item in formula.outputs
        )
        factor = formula.factor if isinstance(formula, Binding) else None
        return CalculationResult(
            formula_id=formula.id,
            formula_version=formula.version,
            formula_sha256=formula.sha256,
            formula_citation=formula.citation.model_dump(exclude_none=True),
            factor_id=factor.factor_id if factor else None,
            factor_sha256=factor.sha256 if factor else None,
            licence=_licence(formula),
            gwp_set=gwp.gwp_set if gwp else None,
            gwp_sha256=gwp.sha256 if gwp else None,
            inputs=given.converted,
            keys=given.keys,
            outputs=outputs,
            figures=figures_of(formula, gwp, given.routes),
            properties=_properties(given),
            matched_level=context.matched_level,
            year_distance=context.year_distance,
        ).sealed()

    def calculate_with_uncertainty(
        self,
        formula_id: str,
        inputs: Mapping[str, Any],
        context: CalculationContext,
        uncertainty: Mapping[str, str | Spread],
        simulation: Simulation | None = None,
    ) -> UncertainResult:
        """Calculates one formula, and how far each output may lie from its value.

        Args:
            formula_id: as in :meth:`calculate`, whose result is part of this one and has the same hash.
            inputs: as in :meth:`calculate`.
            context: as in :meth:`calculate`.
            uncertainty: input, figure, GWP or ``factor`` → uncertainty in percent of the value: ``5%``,
                ``40% lognormal``, ``-65%/+126%``, ``-10%/+20% triangular``. What the factor's publisher
                states is taken where ``factor`` is not given.
            simulation: number of draws and seed of a Monte Carlo simulation beside error propagation.

        Raises:
            GreenlangError: those of :meth:`calculate`; ``UNCERTAINTY_UNREADABLE``,
                ``UNCERTAINTY_DISTRIBUTION``, ``UNCERTAINTY_UNKNOWN``, ``UNCERTAINTY_MISSING``,
                ``UNCERTAINTY_OUT_OF_BOUNDS``, ``UNCERTAINTY_UNDEFINED``.
        """
        prepared = self._prepare(formula_id, inputs, context)
        result = self._calculate(prepared, context)
        quantities = uncertain_quantities(prepared.formula, prepared.values, uncertainty, result.gwp_set)
        return with_uncertainty(result, prepared.formula, prepared.values, quantities, simulation)

    def _routes(self, formula: Formula) -> Routing:
        """Directly, or for the activity of a bound factor through its fuel's heat content."""

        def of(item: FormulaInput) -> Callable[[str, str], Route]:
            if item.role == "activity" and isinstance(formula, Binding):
                return lambda from_unit, to_unit: self._fuel_route(formula.factor, from_unit, to_unit)
            return direct

        return of

    def _fuel_route(self, factor: EmissionFactor, from_unit: str, to_unit: str) -> Route:
        try:
            return direct(from_unit, to_unit)
        except GreenlangError as mismatch:
            if mismatch.code != "UNIT_MISMATCH":
                raise
            for fuel_property in self._fuel_properties(factor):
                try:
                    return through(fuel_property, from_unit, to_unit)
                except GreenlangError as error:
                    if error.code != "UNIT_MISMATCH":
                        raise
            raise

    def _fuel_properties(self, factor: EmissionFactor) -> list[FuelProperty]:
        """Heat content of the factor's fuel by the factor's own publisher and edition, where there is one."""
        try:
            return [
                self.catalogue.fuel_property(
                    activity=factor.activity, publisher=factor.publisher, edition=factor.edition
                )
            ]
        except GreenlangError as error:
            if error.code not in ("FUEL_PROPERTY_NOT_FOUND", "FUEL_PROPERTY_AMBIGUOUS"):
                raise
            return []

    # --- formulas

    def validate_formula(self, formula: str, inputs: Mapping[str, Any]) -> ValidationResult:
        """Whether a formula can be read and calculated with the inputs given.

        Args:
            formula: the id of a formula in the library, or the text of one, e.g. ``co2 = activity * ef``.
            inputs: for an id, the values that :meth:`calculate` would take; for a text, each symbol's unit
                (``"mmBtu[gross]"``), a quantity with unit, or a plain number.

        Returns:
            Every fault with its code and, in a text, its line and column.
        """
        return validate(formula, inputs, self.library, self._routes)

    # --- scope 2

    def scope2(
        self,
        formula_id: str,
        inputs: Mapping[str, Any],
        context: CalculationContext,
        *,
        instruments: Sequence[scope2.Instrument] = (),
        residual_mix: scope2.Rate | None = None,
    ) -> scope2.Scope2Result:
        """Purchased energy by the location-based and the market-based method.

        Args:
            formula_id: binding of the grid factor.
            inputs: its one input, the energy bought.
            context: with the GWP set.
            instruments: contractual instruments and what each covers.
            residual_mix: rate of the market's residual mix, where one is published; without it the use that
                no instrument covers takes the grid factor, and the disclosure says so.

        Raises:
            GreenlangError: those of :meth:`calculate`; ``NO_CO2E``, ``GWP_SET_MIXED``,
                ``INSTRUMENTS_EXCEED_USE``, ``INSTRUMENT_DUPLICATED``, ``SCOPE2_INPUTS``.
        """
        location = self.calculate(formula_id, inputs, context)
        gwp_set = _stated(location)
        if len(location.inputs) != 1:
            raise GreenlangError(
                "SCOPE2_INPUTS",
                "a scope 2 calculation has one input, the energy bought",
                found=", ".join(item.symbol for item in location.inputs),
                expected="a formula with one open input",
                where={"formula": formula_id},
            )
        use = location.inputs[0]
        parts, left = scope2.cover(use, gwp_set, instruments)
        if left > 0 or not parts:
            if residual_mix is not None:
                parts.append(scope2.remainder_at_residual_mix(left, use.unit, residual_mix, gwp_set))
            else:
                rest = self.calculate(formula_id, {use.symbol: left}, context) if parts else location
                parts.append(scope2.remainder_at_grid_average(rest, rest.inputs[0]))
        return scope2.assemble(location, parts)


def _stated(result: CalculationResult) -> AppliedGwpSet:
    if result.gwp_set is None:
        raise GreenlangError(
            "NO_CO2E",
            "this formula gives no CO2e",
            found=", ".join(item.symbol for item in result.outputs),
            expected="a formula with CO2e, and a GWP set",
            where={"formula": result.formula_id},
        )
    return result.gwp_set


def _licence(formula: Formula) -> str | None:
    if isinstance(formula, Binding):
        return formula.factor.citation.licence
    return formula.licence if isinstance(formula, ParameterBinding) else None


def _properties(given: GivenInputs) -> dict[str, str]:
    """Id → SHA-256 of the fuel properties that conversions went through."""
    return {
        way.fuel_property.property_id: content_sha256(way.fuel_property.model_dump(exclude_none=True))
        for _, way in given.routes
        if way.fuel_property is not None
    }
