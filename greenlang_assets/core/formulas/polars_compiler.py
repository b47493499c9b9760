"""Compiles a formula to Polars expressions: the default engine for frames.

Belongs here: plan to ``pl.Expr``. Does not belong here: which rows, which factors, rounding.

Unit factors are constants in the expression; nothing is converted per row. An operation without a result
(division by zero, logarithm of a number that is not positive, an unknown key, a missing input) gives null,
and null stays null through everything that follows: a row is never published with a made-up number.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import polars as pl

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
from greenlang_assets.core.formulas.values import Formula, Number, number


def compile_polars(
    formula: Formula | Plan,
    constants: Mapping[str, Number] | None = None,
    columns: Mapping[str, str] | None = None,
) -> dict[str, pl.Expr]:
    """An expression for each output, in its declared unit, not yet rounded.

    Args:
        formula: an equation, a binding or a plan.
        constants: inputs that are the same in every row, e.g. GWP values, in the declared unit.
        columns: input name -> column name, where they differ. Columns hold numbers in the declared unit;
            a cell of an indexed input is ``quantity[steel]``; a key is a text column.

    Returns:
        Output symbol -> expression named after it.
    """
    plan, fixed = (formula, {}) if isinstance(formula, Plan) else (formula.plan, dict(formula.constants))
    given = {name: number(name, value) for name, value in (constants or {}).items()}
    compiler = _Compiler({**given, **fixed}, columns or {})
    for name, node in plan.steps:
        compiler.steps[name] = compiler.expression(node)
    return {name: compiler.steps[name].alias(name) for name, _ in plan.outputs}


class _Compiler:
    def __init__(self, constants: Mapping[str, Fraction], columns: Mapping[str, str]) -> None:
        self.constants = constants
        self.columns = columns
        self.steps: dict[str, pl.Expr] = {}

    def expression(self, node: Node) -> pl.Expr:
        match node:
            case Constant(value):
                return _literal(float(value))
            case Input(name):
                if name in self.constants:
                    return _literal(float(self.constants[name]))
                return pl.col(self.columns.get(name, name)).cast(pl.Float64)
            case Step(name):
                return self.steps[name]
            case Scale(operand, factor):
                return self.expression(operand) * _literal(float(factor))
            case Negate(operand):
                return -self.expression(operand)
            case Arithmetic(sign, left, right):
                return self.arithmetic(sign, left, right)
            case Total(terms):
                total = self.expression(terms[0])
                for term in terms[1:]:
                    total = total + self.expression(term)
                return total
            case Raise(base, exponent):
                return _power(self.expression(base), exponent)
            case Function("abs", operand):
                return self.expression(operand).abs()
            case Function("exp", operand):
                return self.expression(operand).exp()
            case Function(_, operand):
                inner = self.expression(operand)
                return pl.when(inner > 0).then(inner.log())
            case Pick(name, left, right):
                first, second = self.expression(left), self.expression(right)
                better = second < first if name == "min" else second > first
                return _either(better, second, first)
            case Choose(compare, left, right, then, otherwise):
                condition = _compare(compare, self.expression(left), self.expression(right))
                return _either(condition, self.expression(then), self.expression(otherwise))
            case Select(key, cases):
                text = pl.col(self.columns.get(key, key)).cast(pl.String)
                chosen = _literal(None)
                for member, case in reversed(cases):
                    chosen = pl.when(text == member).then(self.expression(case)).otherwise(chosen)
                return chosen

    def arithmetic(self, sign: str, left: Node, right: Node) -> pl.Expr:
        first, second = self.expression(left), self.expression(right)
        if sign == "+":
            return first + second
        if sign == "-":
            return first - second
        if sign == "*":
            return first * second
        # Not first / second: plan.py says why.
        quotient = first * (_literal(1.0) / second)
        return quotient if isinstance(right, Constant) else pl.when(second != 0).then(quotient)


def _literal(value: float | None) -> pl.Expr:
    return pl.lit(value, dtype=pl.Float64)


def _either(condition: pl.Expr, then: pl.Expr, otherwise: pl.Expr) -> pl.Expr:
    """Null where the condition is null: ``otherwise`` alone would answer what was never compared."""
    return pl.when(condition).then(then).when(~condition).then(otherwise)


def _compare(sign: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    match sign:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "==":
            return left == right
    return left != right


def _power(base: pl.Expr, exponent: Fraction) -> pl.Expr:
    if exponent.denominator == 1:
        # A product from left to right: pow() of the C library rounds differently from machine to machine.
        if exponent == 0:
            return pl.when(base.is_not_null()).then(_literal(1.0))
        result = base
        for _ in range(abs(int(exponent)) - 1):
            result = result * base
        # Not base != 0: the power of a very small base is zero, and has no reciprocal either.
        return pl.when(result != 0).then(_literal(1.0) / result) if exponent < 0 else result
    raised = base.sqrt() if exponent * 2 == 1 else base.pow(float(exponent))
    return pl.when(base > 0 if exponent < 0 else base >= 0).then(raised)
