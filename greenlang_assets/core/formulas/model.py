"""An equation: what a formula family file says, as checked records.

Belongs here: the shape of equations and family files, an equation's identity and plan.
Does not belong here: bindings to factors (``binding``), reading files (``library``).

The unit of an input or output may hold ``{unit}``: the equation then speaks of "per unit of activity",
and each binding says which unit that is (``kg[CO2e]/{unit}`` becomes ``kg[CO2e]/kWh[gross]``). Where the
source says of which quantities it speaks, ``activity_units`` names them, and no other may stand there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.ast import Program
from greenlang_assets.core.formulas.dimensions import InputSymbol, Signature, check
from greenlang_assets.core.formulas.parameter_rule import ParameterRule
from greenlang_assets.core.formulas.parser import parse
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.rounding import MAX_PRECISION, PRECISION
from greenlang_assets.core.provenance.canonical import content_sha256
from greenlang_assets.core.units import normalise_unit, parse_unit

#: Stands for ``{unit}`` while an equation is checked by itself: a unit that nothing else mixes with.
GENERIC_UNIT = "item"
_PLACEHOLDER = "{unit}"


def _exact(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("a number is expected") from None


_EXACT = Annotated[Decimal, BeforeValidator(_exact)]
_Symbol = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,119}$")]
Domain = Literal["carbon", "energy", "water", "waste", "lca", "finance"]
Role = Literal["activity", "factor", "gwp", "property", "parameter", "key"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FormulaCitation(_Record):
    """Where the equation stands, and whether that very text was read.

    ``text`` is ``official`` where the publisher's own text was opened, ``second-hand`` where only somebody's
    rendering of it was. ``same_form`` lists further official numbers under which the very same form is
    printed for the same kinds of quantities: they are named here and not counted again.
    """

    publisher: str = Field(min_length=1)
    document: str = Field(min_length=1)
    locator: str = Field(min_length=1, description="equation number, paragraph, page")
    same_form: tuple[str, ...] | None = Field(default=None, min_length=1)
    text: Literal["official", "second-hand"]
    read_in: str = Field(min_length=1, description="where the text was opened, in words")
    licence: str = Field(min_length=1)
    url: str | None = None
    edition: str | None = None
    note: str | None = None


class FormulaInput(_Record):
    """One input: a number in ``unit``, or for the role ``key`` one of the texts in ``keys``.

    ``index`` gives the input one value for each member of that index; ``rows`` makes it a fixed table.
    ``gas`` names the factor column or the GWP gas; ``combustion`` takes the GWP of burnt carbon.
    """

    symbol: _Symbol
    unit: str = "1"
    role: Role = "activity"
    meaning: str | None = None
    gas: str | None = None
    combustion: bool = False
    min: _EXACT | None = None
    max: _EXACT | None = None
    index: str | None = None
    rows: dict[str, _EXACT] = Field(default_factory=dict)
    keys: tuple[str, ...] = ()


class FormulaOutput(_Record):
    """One published result and the decimals it is rounded to."""

    symbol: _Symbol
    unit: str
    precision: int = Field(default=PRECISION, ge=0, le=MAX_PRECISION)
    meaning: str | None = None


def _vector_value(value: object) -> object:
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


class PeerRun(_Record):
    """Whose code printed the outputs of a vector; the tests run it again and compare.

    ``functions`` are the peer's, as ``module.function`` in the order of their names.
    """

    package: str = Field(min_length=1)
    version: str = Field(min_length=1)
    functions: tuple[str, ...] = Field(min_length=1)


class Vector(_Record):
    """One worked case: inputs, the outputs that the source states, and how close is close enough.

    ``external`` marks results that somebody else published or worked out; others are our own arithmetic.
    ``peer`` names the code that worked them out, where it was code and not a document.
    ``gwp_set`` fills the GWP inputs from the catalogue's table. Without ``tolerance`` (absolute, in the
    unit of the output) the exact result must round to the stated number.
    """

    inputs: dict[str, Annotated[str | dict[str, _EXACT], BeforeValidator(_vector_value)]]
    outputs: dict[str, _EXACT] = Field(min_length=1)
    source: str = Field(min_length=1)
    external: bool = False
    peer: PeerRun | None = None
    gwp_set: Literal["AR4", "AR5", "AR6"] | None = None
    tolerance: _EXACT | dict[str, _EXACT] | None = None

    @model_validator(mode="after")
    def _a_peers_figure_is_not_ours(self) -> Vector:
        if self.peer is not None and not self.external:
            raise ValueError("a vector that a peer worked out is external")
        return self

    def allowed(self, output: FormulaOutput) -> Fraction:
        """The largest difference from the stated number that still agrees with it."""
        given = self.tolerance.get(output.symbol) if isinstance(self.tolerance, dict) else self.tolerance
        return Fraction(given) if given is not None else Fraction(1, 2 * 10**output.precision)


class Equation(_Record):
    """A formula as its source states it: one expression, its symbols, its citation, its worked cases.

    ``activity_units`` are units that ``{unit}`` may stand for; others of the same dimension do as well.
    """

    id: _Id
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: str = Field(min_length=1)
    family: str = ""
    domain: Domain
    citation: FormulaCitation
    inputs: tuple[FormulaInput, ...] = Field(min_length=1)
    outputs: tuple[FormulaOutput, ...] = Field(min_length=1)
    indices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    activity_units: tuple[str, ...] | None = Field(default=None, min_length=1)
    expression: str
    vectors: tuple[Vector, ...] = Field(min_length=1)
    valid_from: str | None = Field(default=None, pattern=r"^\d{4}(-\d\d-\d\d)?$")
    valid_to: str | None = Field(default=None, pattern=r"^\d{4}(-\d\d-\d\d)?$")
    supersedes: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _outputs_of_vectors_exist(self) -> Equation:
        known = {output.symbol for output in self.outputs}
        strange = sorted({name for vector in self.vectors for name in vector.outputs} - known)
        if strange:
            raise ValueError(f"a vector states {strange[0]}, which is no output")
        return self

    @model_validator(mode="after")
    def _activity_units_have_a_place(self) -> Equation:
        if self.activity_units and not self.is_generic:
            raise ValueError("activity_units are named, and no unit holds {unit}")
        return self

    @cached_property
    def is_generic(self) -> bool:
        """Whether the unit of activity is left to the bindings."""
        units = [item.unit for item in self.inputs] + [item.unit for item in self.outputs]
        return any(_PLACEHOLDER in unit for unit in units)

    @cached_property
    def program(self) -> Program:
        """The expression as a syntax tree."""
        try:
            return parse(self.expression)
        except GreenlangError as error:
            error.where["formula"] = self.id
            raise

    def unit_of(self, item: FormulaInput | FormulaOutput, unit: str | None = None) -> str:
        """The canonical unit of an input or output, ``{unit}`` filled in."""
        return normalise_unit(item.unit.replace(_PLACEHOLDER, f"({unit or GENERIC_UNIT})"))

    def inputs_in(self, unit: str | None) -> tuple[FormulaInput, ...]:
        """The inputs with their canonical units, ``{unit}`` filled in."""
        found = self._inputs_in.get(unit)
        if found is None:
            found = self._inputs_in[unit] = tuple(
                item.model_copy(update={"unit": self.unit_of(item, unit)}) for item in self.inputs
            )
        return found

    def outputs_in(self, unit: str | None) -> tuple[FormulaOutput, ...]:
        """The outputs with their canonical units, ``{unit}`` filled in."""
        found = self._outputs_in.get(unit)
        if found is None:
            found = self._outputs_in[unit] = tuple(
                item.model_copy(update={"unit": self.unit_of(item, unit)}) for item in self.outputs
            )
        return found

    @cached_property
    def _inputs_in(self) -> dict[str | None, tuple[FormulaInput, ...]]:
        return {}

    @cached_property
    def _outputs_in(self) -> dict[str | None, tuple[FormulaOutput, ...]]:
        return {}

    def signature(self, unit: str | None = None) -> Signature:
        """What the dimension check needs to know."""
        return Signature(
            inputs=tuple(
                InputSymbol(
                    item.symbol,
                    "" if item.role == "key" else self.unit_of(item, unit),
                    item.role,
                    item.index,
                    tuple((key, Fraction(value)) for key, value in item.rows.items()),
                    item.keys,
                )
                for item in self.inputs
            ),
            outputs=tuple((item.symbol, self.unit_of(item, unit)) for item in self.outputs),
            indices=self.indices,
        )

    def depends_on_unit(self, symbols: Collection[str]) -> bool:
        """Whether one of these inputs is per ``{unit}``."""
        return any(_PLACEHOLDER in item.unit for item in self.inputs if item.symbol in symbols)

    def plan_in(self, unit: str | None) -> Plan:
        """The checked operations, for one unit of activity where the equation leaves it open.

        Raises:
            GreenlangError: ``FORMULA_UNIT_STRANGE`` for a unit of which the equation does not speak, and
                those of the dimension check.
        """
        found = self._plans.get(unit)
        if found is None:
            self._admit(unit)
            try:
                found = self._plans[unit] = check(self.program, self.signature(unit))
            except GreenlangError as error:
                error.where["formula"] = self.id
                raise
        return found

    def _admit(self, unit: str | None) -> None:
        if unit is None or self.activity_units is None:
            return
        dimension = parse_unit(unit).dimension
        if all(parse_unit(allowed).dimension != dimension for allowed in self.activity_units):
            raise GreenlangError(
                "FORMULA_UNIT_STRANGE",
                "this equation does not speak of quantities in that unit",
                found=unit,
                expected="a unit of the dimension of " + " or ".join(self.activity_units),
                where={"formula": self.id},
            )

    @cached_property
    def _plans(self) -> dict[str | None, Plan]:
        return {}

    @property
    def plan(self) -> Plan:
        """The checked operations; of a generic equation, per ``item`` of activity."""
        return self.plan_in(None)

    @property
    def constants(self) -> Mapping[str, Fraction]:
        """An equation by itself fixes nothing."""
        return {}

    def record(self) -> dict[str, Any]:
        """The equation as canonical content, for the library's table."""
        return {
            **self.content,
            "vectors": [vector.model_dump(exclude_none=True) for vector in self.vectors],
        }

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the hash covers: all but the test vectors, which prove the formula and do not change it."""
        plain = self.model_dump(exclude={"vectors", "expression"}, exclude_none=True)
        for part in ("inputs", "outputs"):
            plain[part] = [
                {
                    **item.model_dump(exclude_none=True),
                    "unit": _canonical_unit(item.unit),
                }
                for item in getattr(self, part)
            ]
        return {**plain, "expression": self.program.canonical}

    @cached_property
    def sha256(self) -> str:
        """Identity of the content."""
        return content_sha256(self.content)


def _canonical_unit(unit: str) -> str:
    """Canonical text, with ``{unit}`` kept where it stands."""
    if _PLACEHOLDER not in unit:
        return normalise_unit(unit)
    return re.sub(
        rf"\b{GENERIC_UNIT}\b", _PLACEHOLDER, normalise_unit(unit.replace(_PLACEHOLDER, GENERIC_UNIT))
    )


class BindingRule(_Record):
    """Which factor rows an equation is bound to, and which of their columns feed which symbols.

    ``factors`` maps columns of the factor table to a value or a list of values (null matches an empty
    cell, a text that ends with ``*`` all that begin with it). ``roles`` maps symbols to columns; a row
    without a figure in one of them is not bound. ``absent`` names the inputs of those terms of a sum that
    these bindings do not have (a flight has no hotel nights): they are zero.
    ``vectors`` holds the other inputs of each binding's test vector and ``gwp_set`` for GWP inputs;
    ``expect`` maps outputs to columns that state the expected result for one unit of activity, within
    ``tolerance`` where the publisher rounded.
    """

    equation: str
    factors: dict[str, Any] = Field(min_length=1)
    roles: dict[str, str] = Field(min_length=1)
    absent: tuple[str, ...] = ()
    vectors: dict[str, Any] = Field(min_length=1)
    expect: dict[str, str] = Field(default_factory=dict)
    tolerance: _EXACT | None = None

    @property
    def is_external(self) -> bool:
        """Whether an expected figure is one that the formula was not given: a total beside its parts.

        A column that is both put in and expected proves the units and the wiring, not the equation.
        """
        return bool(set(self.expect.values()) - set(self.roles.values()))


class Gap(BaseModel):
    """What is missing from the library, and why."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str
    reason: str


class Family(_Record):
    """One file of the library."""

    family: str | None = None
    title: str | None = None
    domain: Domain | None = None
    note: str | None = None
    equations: tuple[Equation, ...] = ()
    bindings: tuple[BindingRule, ...] = ()
    parameter_bindings: tuple[ParameterRule, ...] = ()
    gaps: tuple[Gap, ...] = ()
