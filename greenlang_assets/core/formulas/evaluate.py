"""One calculation in float64: the same operations in the same order as the compiled frame expressions.

Belongs here: evaluation of single values. Does not belong here: rounding for publication (``rounding``).

Sums, products, reciprocals and square roots are IEEE 754 operations and agree with Polars bit for bit on
every machine; a quotient is a product with a reciprocal (``plan`` says why).
``exp``, ``log`` and powers that are not integers come from the platform's C library, which Polars and
CPython share on Linux; the property tests compare them there, and a formula that needs more declares a
coarser precision.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping

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

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def evaluate_float(formula: Formula | Plan, inputs: Mapping[str, Value]) -> dict[str, float]:
    """The float64 value of each output, in its declared unit, not yet rounded.

    Args:
        formula: an equation, a binding or a plan.
        inputs: numbers in the declared units; texts for keys; a mapping for an indexed input.

    Raises:
        GreenlangError: ``FORMULA_INPUT``, ``FORMULA_UNDEFINED`` (also for a result that is not finite).
    """
    plan, exact, keys = read_values(formula, inputs)
    try:
        numbers = {name: float(value) for name, value in exact.items()}
    except OverflowError:
        raise undefined("an input is too large for float64") from None
    results: dict[str, float] = {}
    for name, node in plan.steps:
        results[name] = _value(node, numbers, keys, results)
    for name, _ in plan.outputs:
        if not math.isfinite(results[name]):
            raise undefined(f"{name} is not finite")
    return {name: results[name] for name, _ in plan.outputs}


def _value(
    node: Node, numbers: Mapping[str, float], keys: Mapping[str, str], results: Mapping[str, float]
) -> float:
    def of(part: Node) -> float:
        return _value(part, numbers, keys, results)

    match node:
        case Constant(value):
            return float(value)
        case Input(name):
            return numbers[name]
        case Step(name):
            return results[name]
        case Scale(operand, factor):
            return of(operand) * float(factor)
        case Negate(operand):
            return -of(operand)
        case Arithmetic(sign, left, right):
            return _arithmetic(sign, of(left), of(right))
        case Total(terms):
            total = of(terms[0])
            for term in terms[1:]:
                total += of(term)
            return total
        case Raise(base):
            return _power(of(base), node)
        case Function(name, operand):
            return _function(name, of(operand))
        case Pick(name, left, right):
            first, second = of(left), of(right)
            smaller = second < first if name == "min" else second > first
            return second if smaller else first
        case Choose(compare, left, right, then, otherwise):
            return of(then) if COMPARE[compare](of(left), of(right)) else of(otherwise)
        case Select(key, cases):
            for member, case in cases:
                if member == keys[key]:
                    return of(case)
            raise key_unknown(key, keys[key], [member for member, _ in cases])


def _arithmetic(sign: str, left: float, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if right == 0:
        raise undefined("a division by zero")
    # Not left / right: plan.py says why.
    return left * (1.0 / right)


def _power(base: float, node: Raise) -> float:
    exponent = node.exponent
    if exponent.denominator == 1:
        result = 1.0
        for position in range(abs(int(exponent))):
            result = base if position == 0 else result * base
        if exponent < 0 and result == 0:
            raise undefined("a negative power of zero")
        return 1.0 / result if exponent < 0 else result
    if exponent < 0 and base == 0:
        raise undefined("a negative power of zero")
    if base < 0:
        raise undefined("a root of a negative number")
    try:
        return math.sqrt(base) if exponent * 2 == 1 else math.pow(base, float(exponent))
    except OverflowError:
        return math.inf


def _function(name: str, value: float) -> float:
    if name == "abs":
        return abs(value)
    if name == "exp":
        try:
            return math.exp(value)
        except OverflowError:
            return math.inf
    if value <= 0:
        raise undefined("a logarithm of a number that is not positive")
    return math.log(value)
