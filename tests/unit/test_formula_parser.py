"""The formula language: what it reads, how it prints, where its errors point."""

from __future__ import annotations

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.ast import node_count, walk
from greenlang_assets.core.formulas.parser import parse

CANONICAL = [
    ("y=a+b*c", "y = a + b * c"),
    ("y=(a+b)*c", "y = (a + b) * c"),
    ("y=((a))-(b-c)", "y = a - (b - c)"),
    ("y=a-b-c", "y = a - b - c"),
    ("y=a/(b/c)/d", "y = a / (b / c) / d"),
    ("y=a+(b+c)", "y = a + (b + c)"),
    ("y=-a^2", "y = -a ^ 2"),
    ("y=(-a)^2", "y = (-a) ^ 2"),
    ("y=a^-1", "y = a ^ -1"),
    ("y=a^0.75", "y = a ^ (3/4)"),
    ("y=a^(2/6)", "y = a ^ (1/3)"),
    ("y=a^(-1/3)", "y = a ^ (-1/3)"),
    ("y=044.010", "y = 44.01"),
    ("y=0.5 <kg/mol>", "y = 0.5<kg/mol>"),
    ("y=2<t CO2>", None),
    ("y=2<tCO2>", "y = 2<tonne[CO2]>"),
    ("y=if(a<b,1,2)", "y = if(a < b, 1, 2)"),
    ("y=if(1<a,1,2)", "y = if(1 < a, 1, 2)"),
    ("y=max(a,b,0)", "y = max(a, b, 0)"),
    ("y=sum(i in mats:m[i]*e[i])", "y = sum(i in mats: m[i] * e[i])"),
    ("y=(a\n +b)\nz=y ; w=z", "y = a + b\nz = y\nw = z"),
    ("y = exp(log(abs(a)))", "y = exp(log(abs(a)))"),
]


@pytest.mark.parametrize(("source", "canonical"), CANONICAL)
def test_canonical_text_says_the_same(source: str, canonical: str | None) -> None:
    if canonical is None:  # no spaces inside a unit literal
        with pytest.raises(GreenlangError):
            parse(source)
        return
    program = parse(source)
    assert program.canonical == canonical
    assert parse(canonical).canonical == canonical


# text, code, line, column
ERRORS = [
    ("", "FORMULA_SYNTAX", 1, 1),
    ("a", "FORMULA_SYNTAX", 1, 2),
    ("y =", "FORMULA_SYNTAX", 1, 4),
    ("y = a b", "FORMULA_SYNTAX", 1, 7),
    ("y = a\nz = (b", "FORMULA_SYNTAX", 2, 7),
    ("y = a\nz = b +", "FORMULA_SYNTAX", 2, 8),
    ("y = a)", "FORMULA_SYNTAX", 1, 6),
    ("y = a ** 2", "FORMULA_SYNTAX", 1, 7),
    ("y = a ^ b", "FORMULA_SYNTAX", 1, 9),
    ("y = a ^ 2 ^ 2", "FORMULA_SYNTAX", 1, 11),
    ("y = a ^ 17", "FORMULA_LIMIT", 1, 9),
    ("y = a ^ 0.00001", "FORMULA_LIMIT", 1, 9),
    ("y = a ^ (1/0)", "FORMULA_SYNTAX", 1, 9),
    ("y = 1e309", "FORMULA_SYNTAX", 1, 5),
    ("y = 2x", "FORMULA_SYNTAX", 1, 5),
    ("y = 1,5", "FORMULA_SYNTAX", 1, 6),
    ("y = .5", "FORMULA_SYNTAX", 1, 5),
    ("y = Activity", "FORMULA_SYNTAX", 1, 5),
    ("Y = a", "FORMULA_SYNTAX", 1, 1),
    ("y = a.b", "FORMULA_SYNTAX", 1, 6),
    ("y = a[0]", "FORMULA_SYNTAX", 1, 7),
    ("y = a[b][c]", "FORMULA_SYNTAX", 1, 9),
    ("y = 'a'", "FORMULA_SYNTAX", 1, 5),
    ("y = foo(a)", "FORMULA_SYNTAX", 1, 5),
    ("y = min(a)", "FORMULA_SYNTAX", 1, 5),
    ("y = exp(a, b)", "FORMULA_SYNTAX", 1, 5),
    ("y = if(a, 1, 2)", "FORMULA_SYNTAX", 1, 9),
    ("y = if(a < b < c, 1, 2)", "FORMULA_SYNTAX", 1, 14),
    ("y = a < b", "FORMULA_SYNTAX", 1, 7),
    ("y = sum(i: a[i])", "FORMULA_SYNTAX", 1, 10),
    ("max = 1", "FORMULA_SYNTAX", 1, 1),
    ("y = in", "FORMULA_SYNTAX", 1, 5),
    ("y = a\tb", "FORMULA_SYNTAX", 1, 7),
    ("y = à", "FORMULA_SYNTAX", 1, 5),
    ("y = a − b", "FORMULA_SYNTAX", 1, 7),
    ("y = " + "(" * 33 + "a" + ")" * 33, "FORMULA_LIMIT", 1, 37),
    ("y = " + "9" * 31, "FORMULA_LIMIT", 1, 5),
]


@pytest.mark.parametrize(("source", "code", "line", "column"), ERRORS)
def test_error_points_at_the_place(source: str, code: str, line: int, column: int) -> None:
    with pytest.raises(GreenlangError) as refused:
        parse(source)
    where = refused.value.where
    assert (refused.value.code, where["line"], where["column"]) == (code, line, column)
    lines = source.split("\n")
    assert where["position"] == sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
    assert refused.value.expected or refused.value.hint or refused.value.message


def test_limits_hold_exactly() -> None:
    parse("y = " + "(" * 32 + "a" + ")" * 32)
    assert node_count(parse("y = " + "+".join(["a"] * 256))) == 511
    with pytest.raises(GreenlangError, match="too many parts"):
        parse("y = " + "+".join(["a"] * 257))
    long = "y = a" + " " * (4096 - 5)
    parse(long)
    with pytest.raises(GreenlangError, match="too long"):
        parse(long + " ")


def test_nodes_are_counted_as_they_are_walked() -> None:
    program = parse("y = if(a < b, sum(i in m: q[i]), -max(a, b) ^ 2)\nz = exp(y)")
    assert node_count(program) == len(list(walk(program))) == 13


def test_long_chain_is_walked_printed_and_compared_without_exhausting_the_stack() -> None:
    program = parse("y = " + " - ".join(["a"] * 256))
    assert parse(program.canonical).canonical == program.canonical
