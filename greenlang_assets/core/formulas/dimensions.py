"""Checks what a formula adds, compares and yields, and turns it into a plan with unit factors inside.

Belongs here: names, units and dimensions of a formula.
Does not belong here: reading text (``parser``), computing (``reference``, ``evaluate``, compilers).

The rules:

* both sides of ``+ - < ==`` and all arguments of ``min`` and ``max`` have one dimension; the right side is
  brought into the unit of the left one by an exact factor. A bare 0 fits everywhere;
* ``exp`` and ``log`` take dimensionless numbers; powers are literal, so the result's dimension is known;
* a result is brought into its declared unit, and must have its dimension;
* CO2e comes only from a factor or a GWP input: no literal may carry CO2e, and an input that turns a gas
  into CO2e must have the role ``gwp``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from typing import Literal

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas import plan
from greenlang_assets.core.formulas.ast import (
    Binary,
    Call,
    Conditional,
    Element,
    Expression,
    Name,
    Negative,
    Number,
    Power,
    Program,
    Statement,
    Sum,
)
from greenlang_assets.core.formulas.tokens import fault
from greenlang_assets.core.units import DIMENSIONLESS, Unit, conversion, dimension_text, parse_unit

#: An operation and its unit; None is the unit of a bare zero, which fits everywhere.
_Typed = tuple[plan.Node, Unit | None]


@dataclass(frozen=True)
class InputSymbol:
    """One input as the check sees it.

    Args:
        symbol: its name in the expression.
        unit: unit text; empty for a key.
        role: ``activity``, ``factor``, ``gwp``, ``property``, ``parameter`` or ``key``.
        index: the index whose members this input has a value for, if it has one.
        rows: the cells of a fixed table, by key.
        keys: the texts that a key input may hold.
    """

    symbol: str
    unit: str = "1"
    role: str = "activity"
    index: str | None = None
    rows: tuple[tuple[str, Fraction], ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Signature:
    """What surrounds an expression: inputs, outputs as ``(symbol, unit)``, members of each index."""

    inputs: tuple[InputSymbol, ...]
    outputs: tuple[tuple[str, str], ...]
    indices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def check(program: Program, signature: Signature) -> plan.Plan:
    """Checks names and dimensions, inserts the unit factors.

    Raises:
        GreenlangError: ``FORMULA_NAME`` (unknown, doubled, unused or missing), ``UNIT_MISMATCH`` naming
            both dimensions, ``UNIT_UNKNOWN``, ``UNIT_GWP`` for CO2e out of nowhere, ``FORMULA_LIMIT``;
            each with line and column.
    """
    return _Check(program, signature).checked()


class _Check:
    def __init__(self, program: Program, signature: Signature) -> None:
        self.program = program
        self.signature = signature
        self.inputs = {item.symbol: item for item in signature.inputs}
        self.steps: dict[str, Unit | None] = {}
        self.sizes: dict[str, int] = {}
        self.used: set[str] = set()
        self.columns: dict[str, str] = {}
        self.lowered = 0

    def checked(self) -> plan.Plan:
        self.declarations()
        outputs = {symbol: parse_unit(unit) for symbol, unit in self.signature.outputs}
        steps = []
        for statement in self.program.statements:
            node = self.statement(statement, outputs)
            self.sizes[statement.name] = plan.expanded_size(node, self.sizes)
            if self.sizes[statement.name] > plan.MAX_EXPANDED:
                raise self.error(
                    "FORMULA_LIMIT",
                    f"{statement.name} is too large once written out",
                    statement.at,
                    found=f"{self.sizes[statement.name]} operations",
                    expected=f"at most {plan.MAX_EXPANDED}",
                )
            steps.append((statement.name, node))
        missing = [name for name in outputs if name not in self.steps]
        unused = [name for name in self.inputs if name not in self.used]
        if missing or unused:
            what = "is declared but never computed" if missing else "is declared but never used"
            raise self.error("FORMULA_NAME", f"{', '.join(missing or unused)} {what}", 0)
        return plan.Plan(
            tuple(steps),
            tuple((name, unit.text) for name, unit in outputs.items()),
            tuple(self.columns.items()),
        )

    def declarations(self) -> None:
        names = [*self.inputs, *self.signature.indices, *(name for name, _ in self.signature.outputs)]
        doubled = sorted({name for name in names if names.count(name) > 1})
        doubled += [] if len(self.inputs) == len(self.signature.inputs) else ["an input"]
        if doubled:
            raise self.error("FORMULA_NAME", f"{doubled[0]} is declared twice", 0, found=doubled[0])
        for item in self.signature.inputs:
            if item.index is not None and item.index not in self.signature.indices:
                raise self.unknown(item.index, 0, list(self.signature.indices), "index")
            if item.role == "key":
                continue
            powers = dict(parse_unit(item.unit).dimension)
            gases = [name for name, power in powers.items() if name.startswith("mass[") and power < 0]
            makes_co2e = powers.get("mass[CO2e]", 0) > 0 and bool(gases)
            if makes_co2e and item.role != "gwp":
                raise self.error(
                    "UNIT_GWP",
                    f"{item.symbol} turns a gas into CO2e, which only a GWP does",
                    0,
                    found=f"role {item.role}, unit {item.unit}",
                    expected="role gwp",
                )

    def statement(self, statement: Statement, outputs: Mapping[str, Unit]) -> plan.Node:
        name = statement.name
        if name in self.inputs or name in self.steps or name in self.signature.indices:
            raise self.error("FORMULA_NAME", f"{name} already has a value", statement.at, found=name)
        node, unit = self.expression(statement.expression, {})
        if name in outputs:
            node = self.brought((node, unit), outputs[name], statement.at, f"{name} is declared in")
            unit = outputs[name]
        self.steps[name] = unit
        return node

    def expression(self, node: Expression, bound: Mapping[str, str]) -> _Typed:
        self.lowered += 1
        if self.lowered > plan.MAX_EXPANDED:
            raise self.error(
                "FORMULA_LIMIT",
                "the sums of this formula have too many terms",
                node.at,
                expected=f"at most {plan.MAX_EXPANDED} operations",
            )
        match node:
            case Number():
                return self.number(node)
            case Name():
                return self.name(node, bound)
            case Element():
                return self.element(node, bound)
            case Negative(operand):
                inner, unit = self.expression(operand, bound)
                return plan.Negate(inner), unit
            case Binary():
                return self.binary(node, bound)
            case Power(base, exponent):
                return self.power(self.expression(base, bound), exponent)
            case Call():
                return self.call(node, bound)
            case Conditional():
                return self.conditional(node, bound)
            case Sum():
                return self.total(node, bound)

    def number(self, node: Number) -> _Typed:
        if node.unit is None:
            return plan.Constant(node.value), DIMENSIONLESS if node.value else None
        unit = self.placed(node.unit, node.at)
        if any(qualifier == "CO2e" for _, qualifier, _ in unit.factors):
            raise self.error(
                "UNIT_GWP",
                "a number in the text cannot be CO2e",
                node.at,
                found=unit.text,
                expected="an input with the role gwp or factor, which carries its source",
            )
        return plan.Constant(node.value), unit

    def name(self, node: Name, bound: Mapping[str, str]) -> _Typed:
        if node.name in self.steps:
            return plan.Step(node.name), self.steps[node.name]
        item = self.inputs.get(node.name)
        if item is None or node.name in bound:
            raise self.unknown(node.name, node.at, [*self.inputs, *self.steps], "input or earlier result")
        if item.role == "key" or item.index or item.rows:
            raise self.error(
                "FORMULA_NAME",
                f"{node.name} has many values" if item.role != "key" else f"{node.name} is a key",
                node.at,
                found=node.name,
                expected=f"{node.name}[key]" if item.role != "key" else "a table looked up by it",
            )
        return self.column(item, node.name)

    def column(self, item: InputSymbol, column: str) -> _Typed:
        unit = parse_unit(item.unit)
        self.used.add(item.symbol)
        self.columns[column] = unit.text
        return plan.Input(column), unit

    def element(self, node: Element, bound: Mapping[str, str]) -> _Typed:
        table = self.inputs.get(node.table)
        if table is None or not (table.index or table.rows):
            tables = [item.symbol for item in self.inputs.values() if item.index or item.rows]
            raise self.unknown(node.table, node.at, tables, "table")
        if node.key in bound:
            return self.cell(table, bound[node.key], node.at)
        key = self.inputs.get(node.key)
        if key is None or key.role != "key":
            keys = [item.symbol for item in self.inputs.values() if item.role == "key"]
            raise self.unknown(node.key, node.at, [*bound, *keys], "summation variable or key input")
        self.used.add(node.key)
        self.columns[node.key] = ""
        cases = tuple((member, self.cell(table, member, node.at)[0]) for member in key.keys)
        return plan.Select(node.key, cases), parse_unit(table.unit)

    def cell(self, table: InputSymbol, member: str, at: int) -> _Typed:
        self.used.add(table.symbol)
        if not table.rows:
            if member not in self.signature.indices[table.index or ""]:
                raise self.unknown(member, at, list(self.signature.indices[table.index or ""]), "member")
            return self.column(table, f"{table.symbol}[{member}]")
        rows = dict(table.rows)
        if member not in rows:
            raise self.unknown(member, at, list(rows), f"row of {table.symbol}")
        return plan.Constant(rows[member]), parse_unit(table.unit)

    def binary(self, node: Binary, bound: Mapping[str, str]) -> _Typed:
        left = self.expression(node.left, bound)
        right = self.expression(node.right, bound)
        if node.operator in ("+", "-"):
            verb = "added to" if node.operator == "+" else "taken from"
            first, second, unit = self.matched(left, right, node.at, verb)
            return plan.Arithmetic(node.operator, first, second), unit
        if node.operator == "/" and right[0] == plan.Constant(Fraction(0)):
            raise self.error("FORMULA_DIVISION_BY_ZERO", "this divides by zero", node.at)
        over, under = left[1] or DIMENSIONLESS, right[1] or DIMENSIONLESS
        unit = over * under if node.operator == "*" else over / under
        zero = node.operator == "*" and (left[1] is None or right[1] is None)
        return plan.Arithmetic(node.operator, left[0], right[0]), None if zero else unit

    def power(self, base: _Typed, exponent: Fraction) -> _Typed:
        node, unit = base
        if unit is None or not unit.dimension:
            node, unit = self.plain(base), DIMENSIONLESS
        return plan.Raise(node, exponent), unit**exponent

    def call(self, node: Call, bound: Mapping[str, str]) -> _Typed:
        arguments = [self.expression(item, bound) for item in node.arguments]
        match node.function:
            case "min" | "max":
                name: Literal["min", "max"] = node.function

                def pick(left: _Typed, right: _Typed) -> _Typed:
                    first, second, unit = self.matched(left, right, node.at, "compared with")
                    return plan.Pick(name, first, second), unit

                return reduce(pick, arguments)
            case "abs":
                return plan.Function("abs", arguments[0][0]), arguments[0][1]
            case _:
                inner = self.brought(
                    arguments[0], DIMENSIONLESS, node.at, f"{node.function} takes a plain number, unit"
                )
                return plan.Function(node.function, inner), DIMENSIONLESS

    def conditional(self, node: Conditional, bound: Mapping[str, str]) -> _Typed:
        condition = node.condition
        left, right, _ = self.matched(
            self.expression(condition.left, bound),
            self.expression(condition.right, bound),
            condition.at,
            "compared with",
        )
        then, otherwise, unit = self.matched(
            self.expression(node.then, bound),
            self.expression(node.otherwise, bound),
            node.at,
            "the alternative to",
        )
        return plan.Choose(condition.operator, left, right, then, otherwise), unit

    def total(self, node: Sum, bound: Mapping[str, str]) -> _Typed:
        members = self.signature.indices.get(node.index)
        if not members:
            raise self.unknown(node.index, node.at, list(self.signature.indices), "index with members")
        if node.variable in bound or node.variable in self.inputs or node.variable in self.steps:
            raise self.error("FORMULA_NAME", f"{node.variable} already has a value", node.at)
        typed = [self.expression(node.body, {**bound, node.variable: member}) for member in members]
        unit = next((unit for _, unit in typed if unit is not None), None)
        if unit is None:
            return plan.Total(tuple(term for term, _ in typed)), None
        return plan.Total(tuple(self.brought(item, unit, node.at, "it is added to") for item in typed)), unit

    def matched(
        self, left: _Typed, right: _Typed, at: int, verb: str
    ) -> tuple[plan.Node, plan.Node, Unit | None]:
        """Both in the unit of the left one."""
        if left[1] is None:
            return left[0], right[0], right[1]
        return left[0], self.brought(right, left[1], at, f"it is {verb}"), left[1]

    def plain(self, value: _Typed) -> plan.Node:
        return self.brought(value, DIMENSIONLESS, 0, "a plain number is in unit")

    def brought(self, value: _Typed, unit: Unit, at: int, why: str) -> plan.Node:
        """The value in another unit of its dimension, by an exact factor."""
        node, found = value
        if found is None or found == unit:
            return node
        if found.dimension != unit.dimension:
            raise self.error(
                "UNIT_MISMATCH",
                f"{found} is {dimension_text(found.dimension)}; "
                f"{why} {unit}, which is {dimension_text(unit.dimension)}",
                at,
                found=f"{found} ({dimension_text(found.dimension)})",
                expected=f"{unit} ({dimension_text(unit.dimension)})",
            )
        try:
            factor = conversion(found, unit)
        except GreenlangError as error:
            raise self.relocated(error, at) from error
        if factor == 1:
            return node
        if isinstance(node, plan.Constant):
            return plan.Constant(node.value * factor)
        return plan.Scale(node, factor)

    def placed(self, text: str, at: int) -> Unit:
        try:
            return parse_unit(text)
        except GreenlangError as error:
            raise self.relocated(error, at) from error

    def relocated(self, error: GreenlangError, at: int) -> GreenlangError:
        return self.error(
            error.code, error.message, at, found=error.found, expected=error.expected, hint=error.hint
        )

    def error(self, code: str, message: str, at: int, **details: str | None) -> GreenlangError:
        return fault(code, message, self.program.source, at, **details)

    def unknown(self, name: str, at: int, known: list[str], what: str) -> GreenlangError:
        from rapidfuzz import process

        near = [item for item, _, _ in process.extract(name, known, limit=3)]
        return self.error(
            "FORMULA_NAME",
            f"no {what} is called {name}",
            at,
            found=name,
            expected=", ".join(near) or f"a declared {what}",
        )
