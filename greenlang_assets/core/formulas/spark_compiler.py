"""Compiles a formula to Spark SQL expressions, as text: the engine for more than one machine.

Belongs here: plan to SQL text, and the SQL of the one rounding.
Does not belong here: running it (``resources.spark``), which rows, which factors.

The text does the float64 operations of ``polars_compiler`` in the same order. It means the same with
``spark.sql.ansi.enabled`` on or off: what has no result is null, and nothing in it can raise (``try_divide``,
``try_cast``; arithmetic of doubles never raises). A literal is the shortest decimal that reads back as the
same float64, marked ``D``; without the mark Spark would read a DECIMAL and compute in that.

Sums, products, reciprocals, square roots and the rounding are IEEE 754 operations and agree with Polars bit
for bit. ``exp``, ``log`` and powers that are not integers come from Java's StrictMath on Spark and from the
platform's C library elsewhere: they may differ in the last bit, and a published integer then differs only
where that bit decides the rounding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

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
from greenlang_assets.core.formulas.rounding import PRECISION
from greenlang_assets.core.formulas.values import Formula, Number, number

#: How tightly a text holds together: what stands left of a sign may be a chain of its own level, so that
#: a sum of hundreds of terms is no tower of parentheses (which Spark's parser would climb).
_ADD, _MULTIPLY, _ATOM = range(3)
_Text = tuple[str, int]
_LARGEST = 2**63 - 1


def compile_spark(
    formula: Formula | Plan,
    constants: Mapping[str, Number] | None = None,
    columns: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """An SQL expression for each output, in its declared unit, a DOUBLE not yet rounded.

    Args:
        formula: an equation, a binding or a plan.
        constants: inputs that are the same in every row, e.g. GWP values, in the declared unit.
        columns: input name -> column name, where they differ. Columns hold numbers in the declared unit;
            a cell of an indexed input is ``quantity[steel]``; a key is a text column.

    Returns:
        Output symbol -> text, without a name of its own.
    """
    plan, fixed = (formula, {}) if isinstance(formula, Plan) else (formula.plan, dict(formula.constants))
    given = {name: number(name, value) for name, value in (constants or {}).items()}
    compiler = _Compiler({**given, **fixed}, columns or {})
    for name, node in plan.steps:
        compiler.steps[name] = compiler.expression(node)
    return {name: compiler.steps[name][0] for name, _ in plan.outputs}


def publish_sql(value: str, precision: int = PRECISION) -> str:
    """The integers of :func:`core.formulas.rounding.publish` as a BIGINT; null where that would raise.

    Args:
        value: SQL text of a DOUBLE.
        precision: decimals.
    """
    scaled = f"rint(({value}) * {double(float(10**precision))})"
    # The cast takes 2^63 for the largest BIGINT. No other double becomes that number.
    return f"nullif(try_cast({scaled} AS BIGINT), {_LARGEST}L)"


def column(name: str) -> str:
    """The name of a column as SQL text."""
    return "`" + name.replace("`", "``") + "`"


def string(text: str) -> str:
    """A text literal, whatever ``spark.sql.parser.escapedStringLiterals`` says of backslashes."""
    # char() keeps the sign out of the parser's hands; ${ would begin a variable of the session.
    parts = re.split(r"(['\\\\$\x00-\x1f])", text)
    pieces = [f"char({ord(part)})" if number % 2 else f"'{part}'" for number, part in enumerate(parts)]
    return f"concat({', '.join(pieces)})" if len(pieces) > 1 else pieces[0]


def double(value: float) -> str:
    """A literal that Spark reads as the same float64."""
    text = f"{value!r}D".replace("e", "E")
    return f"({text})" if text.startswith("-") else text


class _Compiler:
    def __init__(self, constants: Mapping[str, Fraction], columns: Mapping[str, str]) -> None:
        self.constants = constants
        self.columns = columns
        self.steps: dict[str, _Text] = {}

    def expression(self, node: Node) -> _Text:
        match node:
            case Constant(value):
                return double(float(value)), _ATOM
            case Input(name):
                if name in self.constants:
                    return double(float(self.constants[name])), _ATOM
                return f"CAST({column(self.columns.get(name, name))} AS DOUBLE)", _ATOM
            case Step(name):
                return self.steps[name]
            case Scale(operand, factor):
                return _chain(self.expression(operand), "*", (double(float(factor)), _ATOM))
            case Negate(operand):
                return f"(-{_closed(self.expression(operand))})", _ATOM
            case Arithmetic(sign, left, right):
                first, second = self.expression(left), self.expression(right)
                # Not first / second: plan.py says why.
                return _chain(first, "*", _reciprocal(second)) if sign == "/" else _chain(first, sign, second)
            case Total(terms):
                total = self.expression(terms[0])
                for term in terms[1:]:
                    total = _chain(total, "+", self.expression(term))
                return total
            case Raise(base, exponent):
                return _power(self.expression(base), exponent)
            case Function(name, operand):
                return _function(name, self.expression(operand)[0])
            case Pick(name, left, right):
                own, other = self.expression(left)[0], self.expression(right)[0]
                better = f"({other}) {'<' if name == 'min' else '>'} ({own})"
                return _either(better, other, own)
            case Choose(compare, left, right, then, otherwise):
                condition = f"({self.expression(left)[0]}) {compare} ({self.expression(right)[0]})"
                return _either(condition, self.expression(then)[0], self.expression(otherwise)[0])
            case Select(key, cases):
                text = f"CAST({column(self.columns.get(key, key))} AS STRING)"
                whens = (
                    f" WHEN {text} = {string(member)} THEN {self.expression(case)[0]}"
                    for member, case in cases
                )
                return f"CASE{''.join(whens)} END", _ATOM


def _chain(left: _Text, sign: str, right: _Text) -> _Text:
    """Two operands, computed left to right; a right operand of the same level keeps its parentheses."""
    level = _MULTIPLY if sign == "*" else _ADD
    first = left[0] if left[1] >= level else f"({left[0]})"
    second = right[0] if right[1] > level else f"({right[0]})"
    return f"{first} {sign} {second}", level


def _closed(text: _Text) -> str:
    return text[0] if text[1] == _ATOM else f"({text[0]})"


def _reciprocal(divisor: _Text) -> _Text:
    return f"try_divide(1.0D, {divisor[0]})", _ATOM


def _function(name: str, operand: str) -> _Text:
    if name == "log":
        return f"CASE WHEN ({operand}) > 0.0D THEN ln({operand}) END", _ATOM
    return f"{name}({operand})", _ATOM


def _either(condition: str, then: str, otherwise: str) -> _Text:
    """Null where the condition is null: ``ELSE`` alone would answer what was never compared."""
    return f"CASE WHEN {condition} THEN {then} WHEN NOT ({condition}) THEN {otherwise} END", _ATOM


def _power(base: _Text, exponent: Fraction) -> _Text:
    if exponent.denominator == 1:
        # A product from left to right: pow() rounds differently from machine to machine.
        if exponent == 0:
            return f"CASE WHEN ({base[0]}) IS NOT NULL THEN 1.0D END", _ATOM
        result = base
        for _ in range(abs(int(exponent)) - 1):
            result = _chain(result, "*", (_closed(base), _ATOM))
        return _reciprocal(result) if exponent < 0 else result
    whole = f"({base[0]})"
    raised = f"sqrt{whole}" if exponent * 2 == 1 else f"pow({base[0]}, {double(float(exponent))})"
    return f"CASE WHEN {whole} {'>' if exponent < 0 else '>='} 0.0D THEN {raised} END", _ATOM
