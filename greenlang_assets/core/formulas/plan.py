"""What a checked formula computes: operations on plain numbers, in the one order every engine keeps.

Belongs here: the operations, how a unit factor becomes one floating-point operation, sizes.
Does not belong here: units (they are gone once ``dimensions`` has inserted the factors), engines.

A plan is a list of steps. Each engine (exact, float, Polars) walks the same tree, so that the float
engines do the same float64 operations in the same order and agree bit for bit.

In float64 a unit factor is one multiplication by the nearest float, and ``a / b`` is ``a * (1 / b)``: Polars
divides a column by a scalar in that way, but only where the frame, or the piece of it that a thread holds,
has more than one row. Written out as a product with a reciprocal, a quotient is the same however the rows
are partitioned; it may stand one rounding further from the exact value.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

#: Operations after sums are expanded and steps put in place of their names.
MAX_EXPANDED = 5_000


@dataclass(frozen=True)
class Constant:
    """A literal, exact."""

    value: Fraction


@dataclass(frozen=True)
class Input:
    """An input by column name: ``activity``, or ``quantity[steel]`` for one cell of an indexed input."""

    name: str


@dataclass(frozen=True)
class Step:
    """The result of an earlier step."""

    name: str


@dataclass(frozen=True)
class Scale:
    """A unit conversion: ``operand`` times an exact factor; in float64 times the float nearest to it."""

    operand: Node
    factor: Fraction


@dataclass(frozen=True)
class Negate:
    """Minus ``operand``."""

    operand: Node


@dataclass(frozen=True)
class Arithmetic:
    """One of the four operations."""

    operator: Literal["+", "-", "*", "/"]
    left: Node
    right: Node


@dataclass(frozen=True)
class Total:
    """A sum over an index, added from the first term to the last."""

    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Raise:
    """A literal power: an integer one is a product from left to right, one half a square root."""

    base: Node
    exponent: Fraction


@dataclass(frozen=True)
class Function:
    """``exp``, natural ``log`` or ``abs``."""

    name: Literal["exp", "log", "abs"]
    operand: Node


@dataclass(frozen=True)
class Pick:
    """The smaller or the larger of two; the left one where they are equal."""

    name: Literal["min", "max"]
    left: Node
    right: Node


@dataclass(frozen=True)
class Choose:
    """``then`` where ``left operator right`` holds, else ``otherwise``."""

    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    left: Node
    right: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True)
class Select:
    """The case named by the text in the key input."""

    key: str
    cases: tuple[tuple[str, Node], ...]


Node = (
    Constant | Input | Step | Scale | Negate | Arithmetic | Total | Raise | Function | Pick | Choose | Select
)


@dataclass(frozen=True)
class Plan:
    """A checked formula.

    Args:
        steps: name and operation of each result, in order.
        outputs: the results that are published, as name and canonical unit.
        inputs: the columns that the steps read, as name and canonical unit (key inputs: unit "").
    """

    steps: tuple[tuple[str, Node], ...]
    outputs: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str], ...]


def parts(node: Node) -> tuple[Node, ...]:
    """The operands of one operation."""
    match node:
        case Scale(operand) | Negate(operand) | Function(_, operand) | Raise(operand):
            return (operand,)
        case Arithmetic(_, left, right) | Pick(_, left, right):
            return (left, right)
        case Choose(_, left, right, then, otherwise):
            return (left, right, then, otherwise)
        case Select(_, cases):
            return tuple(case for _, case in cases)
        case Total(terms):
            return terms
    return ()


def expanded_size(node: Node, steps: dict[str, int]) -> int:
    """Operations of a node once each engine has written it out; ``steps`` holds the earlier sizes."""
    match node:
        case Constant() | Input():
            return 1
        case Step(name):
            return steps[name]
        case Raise(base, exponent) if exponent.denominator == 1:
            return 1 + max(1, abs(int(exponent))) * expanded_size(base, steps)
        case Arithmetic("/", left, right):
            return 1 + expanded_size(left, steps) + 2 * expanded_size(right, steps)
        case Function("log", operand) | Raise(operand):
            return 1 + 2 * expanded_size(operand, steps)
        case Pick(_, left, right):
            return 2 + 3 * (expanded_size(left, steps) + expanded_size(right, steps))
        case Choose(_, left, right, then, otherwise):
            condition = expanded_size(left, steps) + expanded_size(right, steps)
            return 2 + 2 * condition + expanded_size(then, steps) + expanded_size(otherwise, steps)
    return 1 + sum(expanded_size(part, steps) for part in parts(node))
