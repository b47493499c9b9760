"""A binding: one equation with one factor row put in.

Belongs here: a factor row's figures in the equation's units, its test vector, its identity.
Does not belong here: what all bindings share (``bound``), which rows are bound (``library``, from the rules
in the family files).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import CO2E_PARTS, EmissionFactor
from greenlang_assets.core.formulas.bound import (
    BindingVector,
    Bound,
    Figure,
    GwpSource,
    figure_content,
)
from greenlang_assets.core.formulas.model import BindingRule, Equation, FormulaOutput
from greenlang_assets.core.formulas.values import Value, number
from greenlang_assets.core.provenance.canonical import exact
from greenlang_assets.core.units import Unit, conversion, parse_unit, qualify

#: Gas of a factor column; the columns of published CO2e parts all hold CO2e.
COLUMN_GAS = {
    "co2": "CO2",
    "ch4": "CH4",
    "n2o": "N2O",
    "co2_biogenic": "CO2_biogenic",
    **dict.fromkeys(CO2E_PARTS, "CO2e"),
}


class Binding(Bound):
    """One equation bound to one factor row.

    Args:
        equation: the formula.
        rule: the rule that selected the row.
        row: the row, columns of ``FACTOR_SCHEMA``.
        gwp: where GWP inputs of the test vector come from.
    """

    rule: BindingRule

    def __init__(self, equation: Equation, rule: BindingRule, row: Mapping[str, Any], gwp: GwpSource) -> None:
        self.factor_id: str = row["factor_id"]
        super().__init__(equation, f"{equation.id}/{self.factor_id}", gwp)
        self.rule = rule
        self.row = row

    @property
    def title(self) -> str:
        """Equation and activity, for people."""
        row = self.row
        return f"{self.equation.title}: {row['activity_path']} ({row['region']}, {row['edition']})"

    @cached_property
    def factor(self) -> EmissionFactor:
        """The factor row as a record."""
        from greenlang_assets.core.factors.catalogue import to_factor

        return to_factor(self.row)

    @cached_property
    def activity_unit(self) -> Unit:
        """The unit of activity with its calorific basis."""
        return qualify(self.row["activity_unit"], calorific_basis=self.row["calorific_basis"])

    @cached_property
    def unit(self) -> str | None:
        """The row's unit of activity, where the equation leaves it open."""
        if not self.equation.is_generic:
            return None
        if self.equation.activity_units and not self.equation.depends_on_unit(self.rule.roles):
            return self.equation.activity_units[0]  # of terms that this binding does not have
        return self.activity_unit.text

    @property
    def bound_symbols(self) -> tuple[str, ...]:
        """The inputs that are no longer open: those of the factor row, and those of absent terms."""
        return (*self.rule.roles, *self.rule.absent)

    @property
    def cell(self) -> tuple[Any, ...]:
        """The factor row, which of its columns feeds which symbol, and which terms are absent."""
        return (self.factor_id, *sorted(self.rule.roles.items()), *self.rule.absent)

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """The row's figures in the equation's units.

        Raises:
            GreenlangError: ``UNIT_MISMATCH`` where the row's unit does not fit the symbol.
        """
        units = {item.symbol: item.unit for item in self.equation.inputs_in(self.unit)}
        return tuple(
            self._figure(symbol, column, units[symbol]) for symbol, column in self.rule.roles.items()
        )

    def _figure(self, symbol: str, column: str, unit: str) -> Figure:
        text = self.row["co2e_unit" if column in CO2E_PARTS else f"{column}_unit"]
        published = qualify(text, gas=COLUMN_GAS[column], calorific_basis=self.row["calorific_basis"])
        try:
            factor = conversion(published, parse_unit(unit))
        except GreenlangError as error:
            error.where.update(formula=self.equation.id, symbol=symbol, factor=self.factor_id)
            raise
        value = exact(self.row[column]) * factor
        return Figure(symbol, column, self.row[column], published.text, value, unit, self.factor_id)

    @cached_property
    def constants(self) -> Mapping[str, Fraction]:
        """The figures by symbol, exact, in the equation's units, and zero for the inputs of absent terms."""
        return dict(super().constants) | dict.fromkeys(self.rule.absent, Fraction(0))

    @cached_property
    def vectors(self) -> tuple[BindingVector, ...]:
        """The worked case that the rule describes, for this row.

        Raises:
            GreenlangError: ``BINDING_VECTOR`` when the rule leaves an input open.
        """
        if not self.rule.expect:
            return super().vectors
        inputs = self.given_inputs()
        stated = {
            item.symbol: self._stated(item, inputs)
            for item in self.outputs
            if item.symbol in self.rule.expect
        }
        source = f"{self.row['cite_document']}, {self.row['cite_table']}, row {self.row['cite_row']}"
        return (BindingVector(inputs, stated, source, self.rule.is_external),)

    def _stated(self, output: FormulaOutput, inputs: Mapping[str, Value]) -> Fraction:
        """The publisher's figure per unit of activity, times the quantities, in the output's unit."""
        quantity, unit = Fraction(1), parse_unit(output.unit)
        for item in self.inputs:
            if item.role in ("activity", "property"):
                quantity *= number(item.symbol, str(inputs[item.symbol]))
                unit = unit / parse_unit(item.unit)
        return self._figure(output.symbol, self.rule.expect[output.symbol], unit.text).value * quantity

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the hash covers: equation, factor row, and the figures in the units used."""
        absent = {"absent": list(self.rule.absent)} if self.rule.absent else {}
        return {
            "id": self.id,
            "version": self.version,
            "equation": {"id": self.equation.id, "sha256": self.equation.sha256},
            "factor": {"id": self.factor_id, "sha256": self.factor.sha256},
            "unit": self.activity_unit.text,
            **absent,
            "figures": [figure_content(item) for item in self.figures],
        }

    @property
    def cited(self) -> dict[str, Any]:
        """The citation of the factor row."""
        return {"factor_citation": self.factor.citation.model_dump(exclude_none=True)}

    def citation_of(self, source_id: str) -> dict[str, Any]:
        """The citation of the factor row."""
        del source_id
        return self.factor.citation.model_dump(exclude_none=True)
