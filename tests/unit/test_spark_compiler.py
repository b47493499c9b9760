"""The SQL text of formulas; that Spark computes with it what Polars does is tried in ``tests/spark``."""

from __future__ import annotations

from fractions import Fraction

import pytest

from greenlang_assets.core.formulas.dimensions import InputSymbol, Signature, check
from greenlang_assets.core.formulas.parser import parse
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.spark_compiler import column, compile_spark, double, publish_sql, string


def plain(text: str, *names: str) -> Plan:
    return check(parse(text), Signature(tuple(InputSymbol(name) for name in names), (("y", "1"),)))


TEXTS = [
    ("y = a + b - c", "{a} + {b} - {c}"),
    ("y = a + (b - c)", "{a} + ({b} - {c})"),
    ("y = a * b / c", "{a} * {b} * try_divide(1.0D, {c})"),
    ("y = a * (b * c)", "{a} * ({b} * {c})"),
    ("y = (a + b) * c", "({a} + {b}) * {c}"),
    ("y = a - -b * c", "{a} - (-{b}) * {c}"),
    ("y = (a * b) ^ 2 + c", "{a} * {b} * ({a} * {b}) + {c}"),
    ("y = a * b ^ -2 + c", "{a} * try_divide(1.0D, {b} * {b}) + {c}"),
    ("y = max(a, b) + c", "CASE WHEN ({b}) > ({a}) THEN {b} WHEN NOT (({b}) > ({a})) THEN {a} END + {c}"),
    ("y = log(a) + b + c", "CASE WHEN ({a}) > 0.0D THEN ln({a}) END + {b} + {c}"),
]


@pytest.mark.parametrize(("text", "sql"), TEXTS)
def test_the_order_of_operations_is_kept(text: str, sql: str) -> None:
    columns = {name: f"CAST(`{name}` AS DOUBLE)" for name in "abc"}
    assert compile_spark(plain(text, "a", "b", "c")) == {"y": sql.format_map(columns)}


def test_constants_are_literals_and_columns_may_have_other_names() -> None:
    compiled = compile_spark(plain("y = a * b", "a", "b"), {"b": Fraction(1, 3)}, {"a": "quantity[m`3]"})
    assert compiled == {"y": "CAST(`quantity[m``3]` AS DOUBLE) * 0.3333333333333333D"}


def test_a_long_sum_is_no_tower_of_parentheses() -> None:
    (text,) = compile_spark(plain("y = " + " + ".join(["a"] * 256), "a")).values()
    assert text.count("(") == 256  # those of the casts


def test_literals() -> None:
    assert [double(value) for value in (1.0, 1e-5, 1e22, -2.5)] == ["1.0D", "1E-05D", "1E+22D", "(-2.5D)"]
    assert string("it's ${x}\\") == "concat('it', char(39), 's ', char(36), '{x}', char(92), '')"
    assert string("kg") == "'kg'"
    assert column("a`b") == "`a``b`"


def test_publishing_scales_rounds_and_casts_once() -> None:
    assert (
        publish_sql("a + b", 3) == "nullif(try_cast(rint((a + b) * 1000.0D) AS BIGINT), 9223372036854775807L)"
    )
