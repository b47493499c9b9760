"""Random well-typed formulas: the engines agree, the units do not matter, the misfits are found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.dimensions import InputSymbol, Signature, check
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.parser import parse
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.reference import evaluate_exact, rounding_bound, ulps
from greenlang_assets.core.formulas.rounding import publish, publish_expr
from greenlang_assets.core.provenance.canonical import exact
from greenlang_assets.core.units import conversion

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

#: Units of one dimension each: what may stand in for what.
UNITS = {
    "mass": ("kg[CO2]", "g[CO2]", "tonne[CO2]", "lb[CO2]"),
    "energy": ("kWh", "MWh", "GJ", "mmBtu"),
    "ratio": ("1", "%"),
    "intensity": ("kg[CO2]/kWh", "g[CO2]/MJ", "lb[CO2]/MWh"),
}
#: Polars has kernels of its own for a single row.
HEIGHTS = (1, 3)


@dataclass
class Formula:
    """A formula being drawn: its text and the units of the inputs it uses."""

    text: str
    kind: str
    units: dict[str, str]


@st.composite
def formulas(draw: st.DrawFn, *, positive: bool = False) -> Formula:
    """A formula that fits in its units; with ``positive`` one of non-negative operations only."""
    units: dict[str, str] = {}

    def leaf(kind: str) -> str:
        unit = draw(st.sampled_from(UNITS[kind]))
        if draw(st.integers(0, 4)) == 0:
            number = draw(st.decimals("0.01", "1000", places=3))
            return f"{number}<{unit}>" if unit != "1" else f"{number}"
        name = f"x{len(units)}"
        units[name] = unit
        return name

    def expression(kind: str, depth: int) -> str:
        if depth == 0:
            return leaf(kind)
        sub = depth - 1
        choices = ["add", "scale", "divide", "pick", "leaf"]
        if not positive:
            choices += ["subtract", "negate", "abs", "if"]
        if kind == "mass":
            choices += ["product"] * 2
        if kind == "ratio":
            choices += ["quotient", "square"] + ([] if positive else ["root", "exp", "log", "fractional"])
        match draw(st.sampled_from(choices)):
            case "add":
                return f"({expression(kind, sub)} + {expression(kind, sub)})"
            case "subtract":
                return f"({expression(kind, sub)} - {expression(kind, sub)})"
            case "scale":
                return f"{expression('ratio', sub)} * ({expression(kind, sub)})"
            case "divide":
                return f"({expression(kind, sub)}) / ({expression('ratio', sub)})"
            case "negate":
                return f"(-{expression(kind, sub)})"
            case "abs":
                return f"abs({expression(kind, sub)})"
            case "pick":
                name = draw(st.sampled_from(("min", "max")))
                return f"{name}({expression(kind, sub)}, {expression(kind, 0)}, {leaf(kind)})"
            case "if":
                sign = draw(st.sampled_from(("<", "<=", ">", ">=", "==", "!=")))
                other = draw(st.sampled_from(sorted(UNITS)))
                condition = f"{expression(other, sub)} {sign} {expression(other, 0)}"
                return f"if({condition}, {expression(kind, sub)}, {expression(kind, sub)})"
            case "product":
                return f"({expression('energy', sub)}) * ({expression('intensity', sub)})"
            case "quotient":
                other = draw(st.sampled_from(("mass", "energy")))
                return f"(({expression(other, sub)}) / ({expression(other, 0)}))"
            case "square":
                return f"({expression('ratio', sub)}) ^ {draw(st.sampled_from((2, 3, -1)))}"
            case "root":
                return f"({expression('ratio', sub)}) ^ (1/2)"
            case "fractional":
                return f"({expression('ratio', sub)}) ^ {draw(st.sampled_from(('0.75', '(1/3)', '(-2/3)')))}"
            case "exp":
                return f"exp(-abs({leaf('ratio')}))"
            case "log":
                return f"log({expression('ratio', sub)})"
        return leaf(kind)

    kind = draw(st.sampled_from(sorted(UNITS)))
    return Formula(f"y = {expression(kind, draw(st.integers(1, 3)))}", kind, units)


def planned(formula: Formula, output: str) -> Plan:
    signature = Signature(
        tuple(InputSymbol(name, unit) for name, unit in formula.units.items()), (("y", output),)
    )
    return check(parse(formula.text), signature)


@st.composite
def cases(draw: st.DrawFn, *, positive: bool = False) -> tuple[Formula, Plan, list[dict[str, float]]]:
    formula = draw(formulas(positive=positive))
    try:
        plan = planned(formula, draw(st.sampled_from(UNITS[formula.kind])))
    except GreenlangError as refused:
        # Written out it is too large, or its text too long: not what these tests are about.
        assume(refused.code != "FORMULA_LIMIT")
        raise
    numbers = (
        st.floats(0.01, 1000)
        if positive
        else st.one_of(st.floats(-1000, 1000), st.sampled_from((0.0, -0.0, 1.0)))
    )
    rows = [{name: draw(numbers) for name in formula.units} for _ in range(draw(st.sampled_from(HEIGHTS)))]
    return formula, plan, rows


def single(plan: Plan, row: dict[str, float]) -> float | None:
    try:
        return evaluate_float(plan, row)["y"]
    except GreenlangError as undefined:
        if undefined.code != "FORMULA_UNDEFINED":
            raise
        return None


def bits(value: float | None) -> str | None:
    return None if value is None or not math.isfinite(value) else (value + 0.0).hex()  # -0.0 is 0


@RELAXED
@given(cases())
def test_frame_and_single_calculation_agree_bit_for_bit(
    case: tuple[Formula, Plan, list[dict[str, float]]],
) -> None:
    _, plan, rows = case
    frame = pl.DataFrame([{"": 0, **row} for row in rows])
    compiled = compile_polars(plan)["y"]
    result = frame.with_columns(y=compiled, published=publish_expr(compiled))
    eager = result["y"].to_list()
    lazy = frame.lazy().with_columns(y=compiled).collect()["y"].to_list()
    singles = [single(plan, row) for row in rows]
    fixed = sorted(rows[0])[::2]
    constants = compile_polars(plan, {name: rows[0][name] for name in fixed})["y"]
    first = frame.drop(fixed).with_columns(y=constants)["y"].to_list()[0]
    assert bits(first) == bits(singles[0]), "an input as a constant is the same as an input as a column"
    assert [bits(value) for value in eager] == [bits(value) for value in singles]
    assert [bits(value) for value in lazy] == [bits(value) for value in singles]
    for value, published in zip(singles, result["published"].to_list(), strict=True):
        if value is not None and abs(value) < 1e12:
            assert publish(value) == published


@RELAXED
@given(cases(positive=True))
def test_float_stays_within_its_bound_of_the_exact_value(
    case: tuple[Formula, Plan, list[dict[str, float]]],
) -> None:
    formula, plan, rows = case
    bound = rounding_bound(plan)["y"]
    assert bound is not None, formula.text
    for row in rows:
        assert ulps(evaluate_float(plan, row)["y"], evaluate_exact(plan, row)["y"]) <= bound


@RELAXED
@given(cases())
def test_canonical_text_is_a_fixed_point_and_means_the_same(
    case: tuple[Formula, Plan, list[dict[str, float]]],
) -> None:
    formula, plan, _ = case
    program = parse(formula.text)
    again = parse(program.canonical)
    assert again.canonical == program.canonical
    copy = Formula(again.canonical, formula.kind, formula.units)
    assert planned(copy, plan.outputs[0][1]) == plan


@RELAXED
@given(cases(positive=True), st.randoms(use_true_random=False))
def test_the_units_of_the_inputs_do_not_matter(
    case: tuple[Formula, Plan, list[dict[str, float]]], random: object
) -> None:
    formula, plan, rows = case
    kinds = {unit: kind for kind, units in UNITS.items() for unit in units}
    other = {name: random.choice(UNITS[kinds[unit]]) for name, unit in formula.units.items()}  # type: ignore[attr-defined]
    restated = planned(Formula(formula.text, formula.kind, other), plan.outputs[0][1])
    for row in rows:
        converted = {
            name: exact(value) * conversion(formula.units[name], other[name]) for name, value in row.items()
        }
        assert evaluate_exact(restated, converted) == evaluate_exact(plan, row)


@RELAXED
@given(cases(), st.sampled_from(("kg[CH4]", "kWh[gross]", "USD[2022]", "head", "tonne_km")), st.data())
def test_one_input_of_another_dimension_is_always_found(
    case: tuple[Formula, Plan, list[dict[str, float]]], stranger: str, data: st.DataObject
) -> None:
    formula, plan, _ = case
    assume(formula.units)
    name = data.draw(st.sampled_from(sorted(formula.units)))
    with pytest.raises(GreenlangError) as refused:
        planned(Formula(formula.text, formula.kind, {**formula.units, name: stranger}), plan.outputs[0][1])
    assert refused.value.code == "UNIT_MISMATCH"


QUANTITY = st.decimals(0, 10**7, places=4).map(Fraction)


@RELAXED
@given(QUANTITY, QUANTITY, st.decimals("0.0001", 1000, places=4).map(Fraction))
def test_a_factor_formula_is_linear_additive_monotone_and_zero_at_zero(
    first: Fraction, second: Fraction, factor: Fraction
) -> None:
    formula = Formula("y = a * ef", "mass", {"a": "mmBtu", "ef": "g[CO2]/mmBtu"})
    plan = planned(formula, "kg[CO2]")

    def y(a: Fraction, ef: Fraction) -> Fraction:
        return evaluate_exact(plan, {"a": a, "ef": ef})["y"]

    assert y(first, factor) + y(second, factor) == y(first + second, factor)
    assert y(3 * first, factor) == 3 * y(first, factor)
    assert y(first, factor) <= y(first, factor + 1)
    assert y(Fraction(0), factor) == 0


@RELAXED
@given(st.text(max_size=200) | st.text(alphabet="ab01.+-*/^()<>=[],: \nsumifinexp", max_size=200))
def test_any_text_is_a_program_or_an_error_with_a_place(text: str) -> None:
    try:
        outcome: object = parse(text).statements
    except GreenlangError as refused:
        outcome = refused.code in ("FORMULA_SYNTAX", "FORMULA_LIMIT") and "position" in refused.where
    assert outcome


@pytest.mark.parametrize(
    ("function", "low", "high"), [("exp", -700, 700), ("log", 1e-300, 1e300), ("power", 0, 1e6)]
)
def test_the_c_library_behind_polars_and_python_is_the_same(function: str, low: float, high: float) -> None:
    """100 000 values spread over the range; Linux builds of both call the system's libm."""
    count = 100_000
    fractions = [(n + 0.5) * 0.6180339887498949 % 1 for n in range(count)]
    if function == "log":
        values = [math.exp(math.log(low) + part * (math.log(high) - math.log(low))) for part in fractions]
    else:
        values = [low + part * (high - low) for part in fractions]
    text = {"exp": "y = exp(x)", "log": "y = log(x)", "power": "y = x ^ 0.75"}[function]
    plan = check(parse(text), Signature((InputSymbol("x"),), (("y", "1"),)))
    frame = pl.DataFrame({"x": values}).select(**compile_polars(plan))["y"].to_list()
    one = {"exp": math.exp, "log": math.log, "power": lambda x: math.pow(x, 0.75)}[function]
    assert frame == [one(value) for value in values]


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 1000, 100_000])
@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_a_row_does_not_depend_on_the_rows_beside_it(rows: int, engine: str) -> None:
    """With a plain division Polars 2.1 gives 8.8 in one frame and 8.800000000000002 in another."""
    plan = check(
        parse("y = waste * carbon * 44 / 12 / oxidation"),
        Signature(tuple(InputSymbol(name) for name in ("waste", "carbon", "oxidation")), (("y", "1"),)),
    )
    inputs = {"waste": 3.0, "carbon": 0.8, "oxidation": 0.7}
    frame = pl.DataFrame({name: [value] * rows for name, value in inputs.items()}).lazy()
    for constants in ({}, {"oxidation": 0.7}, {"carbon": 0.8}):
        result = frame.select(**compile_polars(plan, constants)).collect(engine=engine)  # type: ignore[call-overload]
        assert result["y"].unique().to_list() == [evaluate_float(plan, inputs)["y"]]
