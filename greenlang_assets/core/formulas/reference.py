"""The reference interpreter: exact rational arithmetic.

Belongs here: the value that a formula has, and how far float64 may stand from it.
Does not belong here: the float64 engines, which this one judges.

``+ - * /``, integer powers, ``min max abs if sum`` and look-ups are exact. ``exp``, ``log`` and powers
that are not integers are computed with 60 significant decimal digits, so that a result carries a relative
error below 1e-50. Numbers may grow to 16 384 bits over 16 384; a formula that needs more is refused.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import reduce

from greenlang_assets.core.errors import GreenlangError
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

MAX_BITS = 16_384
_DIGITS = Context(prec=60, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999)
#: Beyond this the exponential is far outside float64 (which ends at 709).
_MAX_EXPONENTIAL = 1_000

COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def evaluate_exact(formula: Formula | Plan, inputs: Mapping[str, Value]) -> dict[str, Fraction]:
    """The exact value of each output, in its declared unit.

    Args:
        formula: an equation, a binding or a plan.
        inputs: numbers in the declared units; texts for keys; a mapping for an indexed input.

    Raises:
        GreenlangError: ``FORMULA_INPUT``, ``FORMULA_UNDEFINED`` (division by zero, log of a number that
            is not positive …), ``FORMULA_TOO_LARGE``.
    """
    plan, numbers, keys = read_values(formula, inputs)
    results: dict[str, Fraction] = {}
    for name, node in plan.steps:
        results[name] = _value(node, numbers, keys, results)
    return {name: results[name] for name, _ in plan.outputs}


def _value(
    node: Node, numbers: Mapping[str, Fraction], keys: Mapping[str, str], results: Mapping[str, Fraction]
) -> Fraction:
    def of(part: Node) -> Fraction:
        return _value(part, numbers, keys, results)

    match node:
        case Constant(value):
            return value
        case Input(name):
            return numbers[name]
        case Step(name):
            return results[name]
        case Scale(operand, factor):
            return _bounded(of(operand) * factor)
        case Negate(operand):
            return -of(operand)
        case Arithmetic(sign, left, right):
            return _arithmetic(sign, of(left), of(right))
        case Total(terms):
            return reduce(lambda total, term: _bounded(total + of(term)), terms, Fraction(0))
        case Raise(base, exponent):
            return _power(of(base), exponent)
        case Function(name, operand):
            return _function(name, of(operand))
        case Pick(name, left, right):
            first, second = of(left), of(right)
            return min(first, second) if name == "min" else max(first, second)
        case Choose(compare, left, right, then, otherwise):
            return of(then) if COMPARE[compare](of(left), of(right)) else of(otherwise)
        case Select(key, cases):
            for member, case in cases:
                if member == keys[key]:
                    return of(case)
            raise key_unknown(key, keys[key], [member for member, _ in cases])


def _arithmetic(sign: str, left: Fraction, right: Fraction) -> Fraction:
    if sign == "+":
        return _bounded(left + right)
    if sign == "-":
        return _bounded(left - right)
    if sign == "*":
        return _bounded(left * right)
    if not right:
        raise undefined("a division by zero")
    return _bounded(left / right)


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise _too_large()
    return value


def _too_large() -> GreenlangError:
    return GreenlangError(
        "FORMULA_TOO_LARGE",
        "a number grows beyond what is computed exactly",
        expected=f"{MAX_BITS} bits",
        hint="check the unit and the size of the inputs",
    )


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent < 0 and not base:
        raise undefined("a negative power of zero")
    if exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(int(exponent)) > MAX_BITS:
            raise _too_large()
        return Fraction(base ** int(exponent))
    if base < 0:
        raise undefined("a root of a negative number")
    if not base:
        return base
    if exponent == Fraction(1, 2):
        return Fraction(_DIGITS.sqrt(_decimal(base)))
    logarithm = _DIGITS.ln(_decimal(base))
    return _exponential(Fraction(_DIGITS.multiply(logarithm, _decimal(exponent))))


def _function(name: str, value: Fraction) -> Fraction:
    if name == "abs":
        return abs(value)
    if name == "exp":
        return _exponential(value)
    if value <= 0:
        raise undefined("a logarithm of a number that is not positive")
    return Fraction(_DIGITS.ln(_decimal(value)))


def _exponential(value: Fraction) -> Fraction:
    if abs(value) > _MAX_EXPONENTIAL:
        raise _too_large()
    return Fraction(_DIGITS.exp(_decimal(value)))


def _decimal(value: Fraction) -> Decimal:
    return _DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator))


def ulps(value: float, exact: Fraction) -> Fraction:
    """How many units in the last place a float stands from the exact value."""
    return abs(Fraction(value) - exact) / Fraction(math.ulp(float(exact)))


def rounding_bound(formula: Formula | Plan) -> dict[str, int | None]:
    """For each output the number of ulps within which float64 stays of the exact value.

    Counts one rounding for each operation, each unit factor and each decimal input, as they compound
    when no operand is negative. None where no such bound exists: after a subtraction, ``exp`` or ``log``
    the error depends on the values.
    """
    plan = formula if isinstance(formula, Plan) else formula.plan
    bounds: dict[str, int | None] = {}
    for name, node in plan.steps:
        bounds[name] = _bound(node, bounds)
    return {name: bounds[name] for name, _ in plan.outputs}


def _bound(node: Node, steps: Mapping[str, int | None]) -> int | None:
    def of(*nodes: Node) -> list[int] | None:
        found = [_bound(part, steps) for part in nodes]
        known = [bound for bound in found if bound is not None]
        return known if len(known) == len(found) else None

    match node:
        case Constant(value):
            return 0 if Fraction(float(value)) == value else 1
        case Input():
            return 1
        case Step(name):
            return steps[name]
        case Scale(operand, factor):
            inner = of(operand)
            return None if inner is None else inner[0] + (1 if Fraction(float(factor)) == factor else 2)
        case Arithmetic("+", left, right):
            both = of(left, right)
            return None if both is None else max(both) + 1
        case Total(terms):
            every = of(*terms)
            return None if every is None else max(every) + len(terms) - 1
        case Arithmetic("*" | "/" as sign, left, right):
            both = of(left, right)
            return None if both is None else sum(both) + (1 if sign == "*" else 2)
        case Raise(base, exponent):
            inner = of(base)
            if inner is None:
                return None
            times = math.ceil(abs(exponent))
            return times * inner[0] + times + 1
        case Function("abs", operand):
            inner = of(operand)
            return None if inner is None else inner[0]
        case Pick(_, left, right):
            both = of(left, right)
            return None if both is None else max(both)
        case Choose(_, _, _, then, otherwise):
            both = of(then, otherwise)
            return None if both is None else max(both)
        case Select(_, cases):
            every = of(*(case for _, case in cases))
            return None if every is None else max(every)
        case _:
            return None
