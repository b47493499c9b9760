"""A binding: one equation with one factor row put in.

Belongs here: a binding's figures in the equation's units, its test vector, its identity.
Does not belong here: which rows are bound (``library``, from the rules in the family files).

A factor's figure stays as its publisher printed it in the catalogue; here it becomes an exact number in
the equation's unit, by the exact conversion between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import CO2E_PARTS, EmissionFactor
from greenlang_assets.core.formulas.ast import decimal_text
from greenlang_assets.core.formulas.model import (
    BindingRule,
    Equation,
    FormulaCitation,
    FormulaInput,
    FormulaOutput,
)
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.values import Value, number
from greenlang_assets.core.provenance.canonical import content_sha256, exact
from greenlang_assets.core.units import Unit, conversion, parse_unit, qualify

#: Gas of a factor column; the columns of published CO2e parts all hold CO2e.
COLUMN_GAS = {
    "co2": "CO2",
    "ch4": "CH4",
    "n2o": "N2O",
    "co2_biogenic": "CO2_biogenic",
    **dict.fromkeys(CO2E_PARTS, "CO2e"),
}

#: GWP set, input -> kg CO2e per kg of its gas.
GwpSource = Callable[[str, FormulaInput], float]


@dataclass(frozen=True)
class BindingVector:
    """The worked case of a binding; ``outputs`` are exact, in the units of the outputs.

    ``external`` where the publisher states a result that the formula was not given. Otherwise the outputs are
    the publisher's own figure per unit of activity, or what exact arithmetic makes of it.
    """

    inputs: Mapping[str, Value]
    outputs: Mapping[str, Fraction]
    source: str
    external: bool


@dataclass(frozen=True)
class Figure:
    """One figure of the factor row as the formula uses it: ``value`` in ``unit``, from ``published``."""

    symbol: str
    column: str
    published: float
    published_unit: str
    value: Fraction
    unit: str


class Binding:
    """One equation bound to one factor row.

    Args:
        equation: the formula.
        rule: the rule that selected the row.
        row: the row, columns of ``FACTOR_SCHEMA``.
        gwp: where GWP inputs of the test vector come from.
    """

    def __init__(self, equation: Equation, rule: BindingRule, row: Mapping[str, Any], gwp: GwpSource) -> None:
        self.equation = equation
        self.rule = rule
        self.row = row
        self._gwp = gwp
        self.factor_id: str = row["factor_id"]
        self.id = f"{equation.id}/{self.factor_id}"
        self.version = equation.version

    def __repr__(self) -> str:
        return f"Binding({self.id!r})"

    @property
    def title(self) -> str:
        """Equation and activity, for people."""
        row = self.row
        return f"{self.equation.title}: {row['activity_path']} ({row['region']}, {row['edition']})"

    @property
    def family(self) -> str:
        """The family of the equation."""
        return self.equation.family

    @property
    def domain(self) -> str:
        """The domain of the equation."""
        return self.equation.domain

    @property
    def citation(self) -> FormulaCitation:
        """Where the equation stands; the figures' citation is :attr:`factor` ``.citation``."""
        return self.equation.citation

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
    def _unit(self) -> str | None:
        if not self.equation.is_generic:
            return None
        if self.equation.activity_units and not self.equation.depends_on_unit(self.rule.roles):
            return self.equation.activity_units[0]  # of terms that this binding does not have
        return self.activity_unit.text

    @property
    def plan(self) -> Plan:
        """The checked operations."""
        return self.equation.plan_in(self._unit)

    @property
    def bound_symbols(self) -> tuple[str, ...]:
        """The inputs that are no longer open: those of the factor row, and those of absent terms."""
        return (*self.rule.roles, *self.rule.absent)

    @cached_property
    def inputs(self) -> tuple[FormulaInput, ...]:
        """The inputs that are still open, in the units of this binding."""
        bound = self.bound_symbols
        return tuple(item for item in self.equation.inputs_in(self._unit) if item.symbol not in bound)

    @property
    def outputs(self) -> tuple[FormulaOutput, ...]:
        """The outputs, in the units of this binding."""
        return self.equation.outputs_in(self._unit)

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """The row's figures in the equation's units.

        Raises:
            GreenlangError: ``UNIT_MISMATCH`` where the row's unit does not fit the symbol.
        """
        units = {item.symbol: item.unit for item in self.equation.inputs_in(self._unit)}
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
        return Figure(symbol, column, self.row[column], published.text, value, unit)

    @cached_property
    def constants(self) -> Mapping[str, Fraction]:
        """The figures by symbol, exact, in the equation's units, and zero for the inputs of absent terms."""
        fixed = {figure.symbol: figure.value for figure in self.figures}
        return fixed | dict.fromkeys(self.rule.absent, Fraction(0))

    @cached_property
    def vectors(self) -> tuple[BindingVector, ...]:
        """The worked case that the rule describes, for this row.

        Raises:
            GreenlangError: ``BINDING_VECTOR`` when the rule leaves an input open.
        """
        given = dict(self.rule.vectors)
        gwp_set = given.pop("gwp_set", None)
        inputs: dict[str, Value] = {}
        for item in self.inputs:
            if item.rows:
                continue
            if item.symbol in given:
                inputs[item.symbol] = given[item.symbol]
            elif item.role == "gwp" and gwp_set is not None:
                inputs[item.symbol] = self._gwp(gwp_set, item)
            else:
                raise GreenlangError(
                    "BINDING_VECTOR",
                    f"the vector of the bindings of {self.equation.id} leaves {item.symbol} open",
                    expected=f"{item.symbol} under vectors" + (", or gwp_set" if item.role == "gwp" else ""),
                    where={"formula": self.equation.id},
                )
        if not self.rule.expect:
            outputs = evaluate_exact(self, inputs)
            return (BindingVector(inputs, outputs, "exact arithmetic on the published figures", False),)
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
            "figures": [
                {
                    "symbol": item.symbol,
                    "column": item.column,
                    "published": item.published,
                    "published_unit": item.published_unit,
                    "value": f"{item.value.numerator}/{item.value.denominator}",
                    "unit": item.unit,
                }
                for item in self.figures
            ],
        }

    def record(self) -> dict[str, Any]:
        """The binding as canonical content, for the library's table."""
        return {
            **self.content,
            "title": self.title,
            "citation": self.citation.model_dump(exclude_none=True),
            "factor_citation": self.factor.citation.model_dump(exclude_none=True),
            "vectors": [
                {
                    "inputs": {name: _plain(value) for name, value in vector.inputs.items()},
                    "outputs": {name: _text(value) for name, value in vector.outputs.items()},
                    "source": vector.source,
                    "external": vector.external,
                }
                for vector in self.vectors
            ],
        }

    @cached_property
    def sha256(self) -> str:
        """Identity of the content."""
        return content_sha256(self.content)


def _plain(value: Value) -> Any:
    return str(value) if isinstance(value, Fraction) else value


def _text(value: Fraction) -> str:
    """A decimal where the number has one, else a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return decimal_text(value) if rest == 1 else f"{value.numerator}/{value.denominator}"
