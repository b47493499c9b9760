"""The syntax tree of the formula language, and its canonical text.

Belongs here: the nodes, how they print, how they are counted.
Does not belong here: reading text (``parser``), units (``dimensions``), computing.

Nodes compare by what they say, not by where they stand: ``at`` (the offset in the source) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from greenlang_assets.core.units import normalise_unit

MAX_BYTES = 4096
MAX_DEPTH = 32
MAX_NODES = 512


@dataclass(frozen=True)
class Number:
    """A decimal literal, exact, with the unit in angle brackets if it has one."""

    value: Fraction
    unit: str | None = None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Name:
    """An input, an earlier result, or nothing known: the dimension check decides."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Element:
    """``table[key]``: one cell of a table or of an indexed input."""

    table: str
    key: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Negative:
    """``-operand``."""

    operand: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Binary:
    """``left operator right``, computed left to right."""

    operator: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Power:
    """``base ^ exponent`` with a literal exponent."""

    base: Expression
    exponent: Fraction
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Call:
    """``min``, ``max`` (two arguments or more), ``exp``, ``log`` (natural), ``abs``."""

    function: Literal["min", "max", "exp", "log", "abs"]
    arguments: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Comparison:
    """The condition of an ``if``."""

    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Conditional:
    """``if(condition, then, otherwise)``."""

    condition: Comparison
    then: Expression
    otherwise: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Sum:
    """``sum(variable in index: body)``, added in the order of the index's members."""

    variable: str
    index: str
    body: Expression
    at: int = field(default=0, compare=False)


Expression = Number | Name | Element | Negative | Binary | Power | Call | Conditional | Sum


@dataclass(frozen=True)
class Statement:
    """``name = expression``."""

    name: str
    expression: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Program:
    """Statements in the order they are computed, with the text they were read from."""

    statements: tuple[Statement, ...]
    source: str = field(default="", compare=False)

    @property
    def canonical(self) -> str:
        """The one text of this program: minimal parentheses, canonical numbers and units."""
        return "\n".join(f"{item.name} = {canonical(item.expression)}" for item in self.statements)


def children(node: Expression | Comparison) -> tuple[Expression | Comparison, ...]:
    """The direct parts of a node, left to right."""
    match node:
        case Negative(operand):
            return (operand,)
        case Binary(_, left, right) | Comparison(_, left, right):
            return (left, right)
        case Power(base):
            return (base,)
        case Call(_, arguments):
            return arguments
        case Conditional(condition, then, otherwise):
            return (condition, then, otherwise)
        case Sum(_, _, body):
            return (body,)
    return ()


def walk(program: Program) -> Iterator[Expression | Comparison]:
    """Every node of a program; without recursion, so a long chain cannot exhaust the stack."""
    waiting: list[Expression | Comparison] = [item.expression for item in reversed(program.statements)]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(children(node)))


def node_count(program: Program) -> int:
    """Nodes in all expressions of a program."""
    return sum(1 for _ in walk(program))


def decimal_text(value: Fraction) -> str:
    """A finite decimal without exponent: ``1/8`` is ``0.125``."""
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    places = max(twos, fives)
    digits = str(abs(value.numerator) * 10**places // value.denominator).zfill(places + 1)
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


_ADD, _MULTIPLY, _NEGATE, _POWER, _ATOM = range(1, 6)


def canonical(node: Expression | Comparison) -> str:
    """Canonical text of one expression."""
    return _print(node)[0]


def _print(node: Expression | Comparison) -> tuple[str, int]:
    match node:
        case Number(value, unit):
            return decimal_text(value) + (f"<{normalise_unit(unit)}>" if unit else ""), _ATOM
        case Name(name):
            return name, _ATOM
        case Element(table, key):
            return f"{table}[{key}]", _ATOM
        case Negative(operand):
            return f"-{_at_least(operand, _NEGATE)}", _NEGATE
        case Binary(operator, left, right):
            level = _ADD if operator in "+-" else _MULTIPLY
            # The order of operations is part of the formula: a right operand of the same level keeps
            # its parentheses, because floating point is not associative.
            return f"{_at_least(left, level)} {operator} {_at_least(right, level + 1)}", level
        case Power(base, exponent):
            whole = exponent.denominator == 1
            return f"{_at_least(base, _ATOM)} ^ {exponent if whole else f'({exponent})'}", _POWER
        case Call(function, arguments):
            return f"{function}({', '.join(_print(item)[0] for item in arguments)})", _ATOM
        case Comparison(operator, left, right):
            return f"{_print(left)[0]} {operator} {_print(right)[0]}", _ADD
        case Conditional(condition, then, otherwise):
            return f"if({', '.join(_print(item)[0] for item in (condition, then, otherwise))})", _ATOM
        case Sum(variable, index, body):
            return f"sum({variable} in {index}: {_print(body)[0]})", _ATOM


def _at_least(node: Expression, level: int) -> str:
    text, own = _print(node)
    return text if own >= level else f"({text})"
