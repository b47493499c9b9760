"""What every binding is: one equation with published figures put in.

Belongs here: what bindings of all kinds share, their figures as the formula uses them, their worked case.
Does not belong here: where the figures come from (``binding``: rows of the factor catalogue,
``parameter_binding``: rows of the parameter tables), which rows are bound (``library``).

A figure stays as its publisher printed it; here it becomes an exact number in the equation's unit, by the
exact conversion between the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.ast import decimal_text
from greenlang_assets.core.formulas.model import Equation, FormulaCitation, FormulaInput, FormulaOutput
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.values import Value
from greenlang_assets.core.provenance.canonical import content_sha256

#: GWP set, input -> kg CO2e per kg of its gas.
GwpSource = Callable[[str, FormulaInput], float]


class Rule(Protocol):
    """What the proof and the counts ask of the rule behind a binding."""

    @property
    def vectors(self) -> Mapping[str, Any]:
        """The open inputs of the worked case, and ``gwp_set``."""

    @property
    def tolerance(self) -> Any:
        """How far the exact result may lie from the stated one: half of the last place unless given."""


@dataclass(frozen=True)
class BindingVector:
    """The worked case of a binding; ``outputs`` are exact, in the units of the outputs.

    ``external`` where somebody else states a result that the formula was not given, or works it out in the
    tests. Otherwise the outputs are the publisher's own figure per unit of activity, or what exact arithmetic
    makes of it.
    """

    inputs: Mapping[str, Value]
    outputs: Mapping[str, Fraction]
    source: str
    external: bool


@dataclass(frozen=True)
class Figure:
    """One published figure as the formula uses it: ``value`` in ``unit``, from ``published``.

    ``column`` says which figure of its row it is, ``source_id`` which row.
    """

    symbol: str
    column: str
    published: float
    published_unit: str
    value: Fraction
    unit: str
    source_id: str


class Bound(ABC):
    """One equation with published figures put in.

    Args:
        equation: the formula, its indices reduced to the members that are bound.
        rule: the rule that selected the figures.
        id: ``<equation id>/<id of what is put in>``.
        gwp: where GWP inputs of the worked case come from.
    """

    rule: Rule

    def __init__(self, equation: Equation, id: str, gwp: GwpSource) -> None:
        self.equation = equation
        self.id = id
        self.version = equation.version
        self._gwp = gwp

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    # --- what each kind of binding says for itself

    @property
    @abstractmethod
    def title(self) -> str:
        """Equation and what is put in, for people."""

    @property
    @abstractmethod
    def unit(self) -> str | None:
        """The unit of activity, where the equation leaves it open."""

    @property
    @abstractmethod
    def bound_symbols(self) -> tuple[str, ...]:
        """The inputs that are no longer open."""

    @property
    @abstractmethod
    def cell(self) -> tuple[Any, ...]:
        """What is put in where: two bindings of one expression with the same cell say the same."""

    @cached_property
    @abstractmethod
    def figures(self) -> tuple[Figure, ...]:
        """The published figures in the equation's units.

        Raises:
            GreenlangError: ``UNIT_MISMATCH`` where a published unit does not fit the symbol.
        """

    @cached_property
    @abstractmethod
    def content(self) -> dict[str, Any]:
        """What the hash covers: equation, rows, and the figures in the units used."""

    @property
    @abstractmethod
    def cited(self) -> dict[str, Any]:
        """The citations of what is put in, for the library's table."""

    @abstractmethod
    def citation_of(self, source_id: str) -> dict[str, Any]:
        """Where a figure's row was published."""

    @property
    def peer(self) -> str | None:
        """The public program that the tests run beside this binding."""
        return None

    # --- what all of them have

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
        """Where the equation stands; the figures' citations are apart."""
        return self.equation.citation

    @property
    def plan(self) -> Plan:
        """The checked operations."""
        return self.equation.plan_in(self.unit)

    @cached_property
    def inputs(self) -> tuple[FormulaInput, ...]:
        """The inputs that are still open, in the units of this binding."""
        bound = self.bound_symbols
        return tuple(item for item in self.equation.inputs_in(self.unit) if item.symbol not in bound)

    @property
    def outputs(self) -> tuple[FormulaOutput, ...]:
        """The outputs, in the units of this binding."""
        return self.equation.outputs_in(self.unit)

    @cached_property
    def constants(self) -> Mapping[str, Fraction]:
        """The figures by symbol, exact, in the equation's units."""
        return {figure.symbol: figure.value for figure in self.figures}

    def given_inputs(self) -> dict[str, Value]:
        """The open inputs of the worked case, as the rule gives them.

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
                inputs[item.symbol] = self._vector_value(item, given[item.symbol])
            elif item.role == "gwp" and gwp_set is not None:
                inputs[item.symbol] = self._gwp(gwp_set, item)
            else:
                raise GreenlangError(
                    "BINDING_VECTOR",
                    f"the vector of the bindings of {self.equation.id} leaves {item.symbol} open",
                    expected=f"{item.symbol} under vectors" + (", or gwp_set" if item.role == "gwp" else ""),
                    where={"formula": self.equation.id},
                )
        return inputs

    def _vector_value(self, item: FormulaInput, given: Any) -> Any:
        """One number for an indexed input is the number of each of its members."""
        if item.index is None or isinstance(given, Mapping):
            return given
        return dict.fromkeys(self.equation.indices[item.index], given)

    @cached_property
    def vectors(self) -> tuple[BindingVector, ...]:
        """The worked case that the rule describes.

        Raises:
            GreenlangError: ``BINDING_VECTOR`` when the rule leaves an input open.
        """
        inputs = self.given_inputs()
        outputs = evaluate_exact(self, inputs)
        source = "exact arithmetic on the published figures"
        if self.peer is not None:
            source += f"; {self.peer} beside it in the tests"
        return (BindingVector(inputs, outputs, source, self.peer is not None),)

    def record(self) -> dict[str, Any]:
        """The binding as canonical content, for the library's table."""
        return {
            **self.content,
            "title": self.title,
            "citation": self.citation.model_dump(exclude_none=True),
            **self.cited,
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


def figure_content(figure: Figure) -> dict[str, Any]:
    """A figure as the hash of a binding covers it."""
    return {
        "symbol": figure.symbol,
        "column": figure.column,
        "published": figure.published,
        "published_unit": figure.published_unit,
        "value": f"{figure.value.numerator}/{figure.value.denominator}",
        "unit": figure.unit,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(cell) for name, cell in value.items()}
    return str(value) if isinstance(value, Fraction) else value


def _text(value: Fraction) -> str:
    """A decimal where the number has one, else a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return decimal_text(value) if rest == 1 else f"{value.numerator}/{value.denominator}"
