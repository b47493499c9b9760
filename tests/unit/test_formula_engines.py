"""The three engines on the same plans, and the one rounding."""

from __future__ import annotations

import math
import sys
from fractions import Fraction

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.dimensions import InputSymbol, Signature, check
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.parser import parse
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.reference import evaluate_exact, rounding_bound, ulps
from greenlang_assets.core.formulas.rounding import publish, publish_expr, published_text


def plain(text: str, *names: str) -> Plan:
    signature = Signature(tuple(InputSymbol(name) for name in names), (("y", "1"),))
    return check(parse(text), signature)


def one_row(plan: Plan, **inputs: float) -> float | None:
    return pl.DataFrame(inputs or {"": [0]}).select(**compile_polars(plan)).item()  # type: ignore[no-any-return]


EXACT = [
    ("y = a / b", {"a": 1, "b": 3}, Fraction(1, 3)),
    ("y = 0.1 + 0.2", {}, Fraction(3, 10)),
    ("y = a ^ 3 - a ^ -2", {"a": 2}, Fraction(31, 4)),
    ("y = a ^ 0", {"a": 0}, Fraction(1)),
    ("y = min(a, b, 3)", {"a": 5, "b": 4}, Fraction(3)),
    ("y = if(a != b, 1, 2)", {"a": "0.1", "b": 0.1}, Fraction(2)),
    ("y = (a ^ 2) ^ (1/2)", {"a": 9}, Fraction(9)),
    ("y = exp(log(a))", {"a": 1}, Fraction(1)),
]


@pytest.mark.parametrize(("text", "inputs", "expected"), EXACT)
def test_exact_values(text: str, inputs: dict[str, float], expected: Fraction) -> None:
    plan = plain(text, *inputs)
    assert evaluate_exact(plan, inputs)["y"] == expected
    assert evaluate_float(plan, inputs)["y"] == pytest.approx(float(expected))


def test_transcendental_functions_carry_fifty_digits() -> None:
    # Digits of e and ln 2 as OEIS A001113 and A002162 list them.
    e = Fraction("2.71828182845904523536028747135266249775724709369995")
    ln2 = Fraction("0.69314718055994530941723212145817656807550013436025")
    assert abs(evaluate_exact(plain("y = exp(1)"), {})["y"] - e) < Fraction(1, 10**49)
    assert abs(evaluate_exact(plain("y = log(2)"), {})["y"] - ln2) < Fraction(1, 10**49)
    cube_root = evaluate_exact(plain("y = a ^ (1/3)", "a"), {"a": 2})["y"]
    assert abs(cube_root**3 - 2) < Fraction(1, 10**49)


UNDEFINED = [
    ("y = a / b", {"a": 1.0, "b": 0.0}),
    ("y = a / (b - b)", {"a": 1.0, "b": 2.0}),
    ("y = log(a) + b", {"a": 0.0, "b": 1.0}),
    ("y = a ^ (1/2) + b", {"a": -1.0, "b": 1.0}),
    ("y = a ^ 0.7 + b", {"a": -1.0, "b": 1.0}),
    ("y = a ^ -1 + b", {"a": 0.0, "b": 1.0}),
    ("y = max(a / b, 1)", {"a": 1.0, "b": 0.0}),
    ("y = max(1, a / b)", {"a": 1.0, "b": 0.0}),
    ("y = if(a / b > 1, 1, 2)", {"a": 1.0, "b": 0.0}),
    ("y = if(a / b < 1, 1, 2)", {"a": 1.0, "b": 0.0}),
    ("y = (a / b) ^ 0", {"a": 1.0, "b": 0.0}),
]


@pytest.mark.parametrize(("text", "inputs"), UNDEFINED)
def test_an_operation_without_result_is_an_error_or_null_never_a_number(
    text: str, inputs: dict[str, float]
) -> None:
    plan = plain(text, *inputs)
    with pytest.raises(GreenlangError, match="FORMULA_UNDEFINED"):
        evaluate_exact(plan, inputs)
    with pytest.raises(GreenlangError, match="FORMULA_UNDEFINED"):
        evaluate_float(plan, inputs)
    assert one_row(plan, **inputs) is None


def test_a_guarded_division_is_defined() -> None:
    plan = plain("y = if(b == 0, 0, a / b)", "a", "b")
    frame = pl.DataFrame({"a": [1.0, 1.0], "b": [0.0, 4.0]})
    assert frame.select(**compile_polars(plan))["y"].to_list() == [0.0, 0.25]
    assert evaluate_float(plan, {"a": 1, "b": 0})["y"] == 0.0


def test_a_missing_input_makes_null() -> None:
    for text in ("y = a + b", "y = max(a, b)", "y = if(a > b, 1, 2)", "y = (a + b) ^ 0"):
        frame = pl.DataFrame({"a": [1.0, None], "b": [None, 1.0]})
        assert frame.select(**compile_polars(plain(text, "a", "b")))["y"].to_list() == [None, None]


def test_columns_constants_and_integers() -> None:
    plan = plain("y = a * b + c", "a", "b", "c")
    compiled = compile_polars(plan, {"c": Fraction(1, 2)}, {"a": "quantity"})
    frame = pl.DataFrame({"quantity": [1, 2], "b": [3, 4]})
    assert frame.select(**compiled)["y"].to_list() == [3.5, 8.5]


INPUT_FAULTS = [
    ({"a": 1}, "b has no value"),
    ({"a": 1, "b": 2, "c": 3}, "c is not an input"),
    ({"a": 1, "b": "x"}, "not a finite number"),
    ({"a": 1, "b": math.inf}, "not a finite number"),
    ({"a": 1, "b": math.nan}, "not a finite number"),
    ({"a": 1, "b": True}, "not a finite number"),
    ({"a": 1, "b": "1e999999999"}, "not a finite number"),
]


@pytest.mark.parametrize(("inputs", "message"), INPUT_FAULTS)
def test_inputs_are_checked(inputs: dict[str, object], message: str) -> None:
    plan = plain("y = a + b", "a", "b")
    for evaluate in (evaluate_exact, evaluate_float):
        with pytest.raises(GreenlangError, match=message):
            evaluate(plan, inputs)  # type: ignore[arg-type]


def test_a_result_that_is_not_finite_is_refused() -> None:
    plan = plain("y = (a ^ 16) ^ 16", "a")
    with pytest.raises(GreenlangError, match="not finite"):
        evaluate_float(plan, {"a": 1000})
    with pytest.raises(GreenlangError, match="not finite"):
        evaluate_float(plain("y = exp(a)", "a"), {"a": 800})


def test_longest_chain_runs_deep_in_somebody_s_stack() -> None:
    plan = plain("y = " + " + ".join(["a"] * 256), "a")

    def deep(levels: int) -> float:
        return deep(levels - 1) if levels else evaluate_float(plan, {"a": 1})["y"]

    assert deep(sys.getrecursionlimit() // 3) == 256
    assert evaluate_exact(plan, {"a": 1})["y"] == 256
    assert one_row(plan, a=1.0) == 256


def test_sum_over_many_members() -> None:
    members = tuple(f"m{n}" for n in range(400))
    signature = Signature((InputSymbol("q", index="all"),), (("y", "1"),), {"all": members})
    plan = check(parse("y = sum(i in all: q[i])"), signature)
    values = {member: 0.1 * n for n, member in enumerate(members)}
    single = evaluate_float(plan, {"q": values})["y"]
    frame = pl.DataFrame({f"q[{member}]": [value] for member, value in values.items()})
    assert frame.select(**compile_polars(plan))["y"].to_list() == [single]
    with pytest.raises(GreenlangError, match="FORMULA_LIMIT"):
        check(parse("y = sum(i in all: sum(j in all: q[i] * q[j]))"), signature)


def test_bound_of_ulps_counts_the_roundings() -> None:
    assert rounding_bound(plain("y = a * b", "a", "b")) == {"y": 3}
    assert rounding_bound(plain("y = a * 2", "a")) == {"y": 2}
    assert rounding_bound(plain("y = a - b", "a", "b")) == {"y": None}
    assert ulps(0.1 + 0.2, Fraction(3, 10)) == Fraction(0.1 + 0.2) / Fraction(math.ulp(0.3)) - Fraction(
        3, 10
    ) / Fraction(math.ulp(0.3))


ROUNDED = [
    (53060.0, 6, 53060000000, "53060.000000"),
    (0.5, 0, 0, "0"),
    (1.5, 0, 2, "2"),
    (2.5, 0, 2, "2"),
    (-2.5, 0, -2, "-2"),
    (-0.25, 1, -2, "-0.2"),
    (0.000001, 6, 1, "0.000001"),
    (0.1 + 0.2, 6, 300000, "0.300000"),
    (9.2e12, 6, 9200000000000000000, "9200000000000.000000"),
]


@pytest.mark.parametrize(("value", "precision", "scaled", "text"), ROUNDED)
def test_rounding_is_half_to_even_and_the_same_in_a_frame(
    value: float, precision: int, scaled: int, text: str
) -> None:
    assert publish(value, precision) == scaled
    assert published_text(scaled, precision) == text
    frame = pl.DataFrame({"x": [value]}).select(publish_expr(pl.col("x"), precision))
    assert frame["x"].to_list() == [scaled]
    assert frame["x"].dtype == pl.Int64


@pytest.mark.parametrize("value", [1e13, -1e13, 2.0**63 / 1e6, math.inf, -math.inf, math.nan])
def test_what_does_not_fit_is_never_published(value: float) -> None:
    with pytest.raises(GreenlangError, match="NUMBER_"):
        publish(value)
    assert pl.DataFrame({"x": [value]}).select(publish_expr(pl.col("x")))["x"].to_list() == [None]
