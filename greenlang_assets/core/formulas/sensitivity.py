"""How a formula's results follow its inputs: partial derivatives, and whether a result can change its sign.

Belongs here: differentiating a plan at one point.
Does not belong here: what is done with the derivatives (``core.calculation.uncertainty``), published values
(``evaluate``).

Forward differentiation: every operation carries its value, its exact partial derivatives by the inputs that
are asked for, and its sign where the operations alone settle it (a product of positive quantities is
positive, a difference may be anything). At a kink (``min``, ``max``, ``if``, ``abs`` of zero) the derivative
is that of the branch which the value takes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from greenlang_assets.core.formulas.evaluate import COMPARE
from greenlang_assets.core.formulas.plan import (
    Arithmetic,
    Choose,
    Constant,
    Function,
    Input,
    Negate,
    Node,
    Pick,
    Plan,
    Raise,
    Scale,
    Select,
    Step,
    Total,
)
from greenlang_assets.core.formulas.values import Formula, Value, key_unknown, read_values, undefined


@dataclass(frozen=True)
class Sensitivity:
    """One result at one point.

    Args:
        value: the result in its declared unit.
        partials: input column → derivative of the result by it, in declared units; columns that the result
            does not depend on are absent.
        sign: 1 where the result stays at or above zero as long as no input changes its sign, -1 where it
            stays at or below, 0 where that is not settled by the operations.
    """

    value: float
    partials: Mapping[str, float] = field(default_factory=dict)
    sign: int = 0


def sensitivities(
    formula: Formula | Plan, inputs: Mapping[str, Value], columns: Collection[str]
) -> dict[str, Sensitivity]:
    """Every output of a formula with its derivatives by some of its columns.

    Args:
        formula: an equation, a binding (whose fixed figures are columns like any other) or a plan.
        inputs: values of the open inputs, as the engines take them.
        columns: the columns to differentiate by.

    Raises:
        GreenlangError: ``FORMULA_INPUT``; ``FORMULA_UNDEFINED`` where a result or a derivative
            does not exist.
    """
    plan, numbers, keys = read_values(formula, inputs)
    walk = _Walk({name: float(value) for name, value in numbers.items()}, keys, frozenset(columns))
    try:
        for name, node in plan.steps:
            walk.steps[name] = walk.of(node)
    except (ZeroDivisionError, OverflowError, ValueError):
        raise undefined("a derivative does not exist at these inputs") from None
    found = {name: walk.steps[name] for name, _ in plan.outputs}
    for name, result in found.items():
        if not all(map(math.isfinite, (result.value, *result.partials.values()))):
            raise undefined(f"the derivative of {name} is not finite")
    return found


def _sign(value: float) -> int:
    # Zero counts as not negative: added to something it changes no sign.
    return -1 if value < 0 else 1


def _combine(value: float, sign: int, *parts: tuple[float, Sensitivity]) -> Sensitivity:
    """The chain rule: ``parts`` are the operands, each with the derivative of the operation by it."""
    partials: dict[str, float] = {}
    for slope, part in parts:
        for column, partial in part.partials.items():
            partials[column] = partials.get(column, 0.0) + slope * partial
    return Sensitivity(value, partials, sign if partials else _sign(value))


@dataclass
class _Walk:
    numbers: Mapping[str, float]
    keys: Mapping[str, str]
    columns: frozenset[str]
    steps: dict[str, Sensitivity] = field(default_factory=dict)

    def of(self, node: Node) -> Sensitivity:
        match node:
            case Constant(value):
                return Sensitivity(float(value), sign=_sign(float(value)))
            case Input(name):
                number = self.numbers[name]
                partials = {name: 1.0} if name in self.columns else {}
                return Sensitivity(number, partials, _sign(number))
            case Step(name):
                return self.steps[name]
            case Scale(operand, factor):
                part, slope = self.of(operand), float(factor)
                return _combine(part.value * slope, part.sign * _sign(slope), (slope, part))
            case Negate(operand):
                part = self.of(operand)
                return _combine(-part.value, -part.sign, (-1.0, part))
            case Arithmetic(operator, left, right):
                return _arithmetic(operator, self.of(left), self.of(right))
            case Total(terms):
                total = self.of(terms[0])
                for term in terms[1:]:
                    total = _arithmetic("+", total, self.of(term))
                return total
            case Raise(base):
                return _power(node, self.of(base))
            case Function(name, operand):
                return _function(name, self.of(operand))
            case Pick(name, left, right):
                return _pick(name, self.of(left), self.of(right))
            case Choose():
                return self.choose(node)
            case Select(key, cases):
                for member, case in cases:
                    if member == self.keys[key]:
                        return self.of(case)
                raise key_unknown(key, self.keys[key], [member for member, _ in cases])

    def choose(self, node: Choose) -> Sensitivity:
        left, right = self.of(node.left), self.of(node.right)
        chosen, other = node.then, node.otherwise
        if not COMPARE[node.operator](left.value, right.value):
            chosen, other = other, chosen
        result = self.of(chosen)
        if left.partials or right.partials:
            # Elsewhere the other branch answers, where it has an answer at all.
            try:
                elsewhere = self.of(other)
            except (ZeroDivisionError, OverflowError, ValueError):
                elsewhere = Sensitivity(math.nan)
            followed = {column for part in (left, right, elsewhere) for column in part.partials}
            sign = result.sign if result.sign == elsewhere.sign else 0
            result = Sensitivity(result.value, dict.fromkeys(followed, 0.0) | dict(result.partials), sign)
        return result


def _arithmetic(operator: str, left: Sensitivity, right: Sensitivity) -> Sensitivity:
    a, b = left.value, right.value
    if operator == "+":
        return _combine(a + b, left.sign if left.sign == right.sign else 0, (1.0, left), (1.0, right))
    if operator == "-":
        return _combine(a - b, left.sign if left.sign == -right.sign else 0, (1.0, left), (-1.0, right))
    if operator == "*":
        return _combine(a * b, left.sign * right.sign, (b, left), (a, right))
    return _combine(a / b, left.sign * right.sign, (1 / b, left), (-a / (b * b), right))


def _power(node: Raise, base: Sensitivity) -> Sensitivity:
    exponent = node.exponent
    number = float(exponent)
    whole = exponent.denominator == 1
    if not whole and base.value < 0:
        raise ValueError("a root of a negative number")
    if exponent == 0:
        return Sensitivity(1.0, sign=1)
    power = int(exponent) if whole else number
    slope = number * base.value ** (power - 1) if base.partials else 0.0
    odd = whole and int(exponent) % 2 == 1
    return _combine(base.value**power, base.sign if odd else 1, (slope, base))


def _function(name: str, part: Sensitivity) -> Sensitivity:
    if name == "abs":
        slope = -1.0 if part.value < 0 else 1.0 if part.value > 0 else 0.0
        return _combine(abs(part.value), 1, (slope, part))
    if name == "exp":
        value = math.exp(part.value)
        return _combine(value, 1, (value, part))
    return _combine(math.log(part.value), 0, (1 / part.value, part))


def _pick(name: str, left: Sensitivity, right: Sensitivity) -> Sensitivity:
    better = right.value < left.value if name == "min" else right.value > left.value
    chosen = right if better else left
    # The larger of two is not negative as soon as one of them is not; the smaller likewise below zero.
    certain = 1 if name == "max" else -1
    sign = left.sign if left.sign == right.sign else certain if certain in (left.sign, right.sign) else 0
    partials = chosen.partials or {column: 0.0 for part in (left, right) for column in part.partials}
    return Sensitivity(chosen.value, partials, sign if partials else _sign(chosen.value))
