"""Dimension checks: what fits is brought into one unit exactly, what does not is refused with a place."""

from __future__ import annotations

from fractions import Fraction

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.dimensions import InputSymbol, Signature, check
from greenlang_assets.core.formulas.parser import parse
from greenlang_assets.core.formulas.plan import Arithmetic, Constant, Input, Plan, Scale
from greenlang_assets.core.formulas.reference import evaluate_exact


def plan_of(text: str, output: str, **units: str) -> Plan:
    inputs = tuple(
        InputSymbol(name, unit, "gwp" if name.startswith("gwp") else "factor") for name, unit in units.items()
    )
    return check(parse(text), Signature(inputs, (("y", output),)))


FITTING = [
    ("y = a * b", "kg[CO2]", {"a": "mmBtu[gross]", "b": "kg[CO2]/mmBtu[gross]"}, (2, 3), "6"),
    ("y = a * b", "kg[CO2]", {"a": "kWh[gross]", "b": "kg[CO2]/MWh[gross]"}, (2, 3), "0.006"),
    ("y = a + b", "g", {"a": "kg", "b": "tonne"}, (2, 3), "3002000"),
    ("y = a - b", "kg", {"a": "%", "b": "kg"}, None, None),
    ("y = max(a, b)", "m", {"a": "km", "b": "m"}, (1, 1500), "1500"),
    ("y = if(a > b, a, b)", "m", {"a": "km", "b": "m"}, (1, 1500), "1500"),
    ("y = max(a, 0) + 0", "kg", {"a": "kg"}, (-3,), "0"),
    ("y = (1 - a) * b", "kg", {"a": "%", "b": "kg"}, (25, 4), "3"),
    ("y = (a * b) ^ (1/2)", "m", {"a": "m", "b": "m"}, (4, 4), "4"),
    ("y = (a / b) ^ 2", "1", {"a": "km", "b": "m"}, (1, 500), "4"),
    ("y = a ^ -2 * b", "1/m", {"a": "m", "b": "m"}, (2, 8), "2"),
    ("y = a * b * 44<g[CO2]/mol> / (12<g[C]/mol>)", "kg[CO2]", {"a": "kg", "b": "kg[C]/kg"}, (3, 1), "11"),
    ("y = a * gwp", "tonne[CO2e]", {"a": "kg[CH4]", "gwp": "kg[CO2e]/kg[CH4]"}, (1000, 28), "28"),
    ("y = abs(a - b)", "kg", {"a": "kg", "b": "g"}, (1, 3000), "2"),
    ("y = exp(a / b) * b", "m", {"a": "m", "b": "m"}, (0, 2), "2"),
]


@pytest.mark.parametrize(("text", "output", "units", "values", "expected"), FITTING)
def test_units_are_brought_together_exactly(
    text: str, output: str, units: dict[str, str], values: tuple[int, ...] | None, expected: str | None
) -> None:
    if values is None or expected is None:
        with pytest.raises(GreenlangError, match="UNIT_MISMATCH"):
            plan_of(text, output, **units)
        return
    plan = plan_of(text, output, **units)
    assert evaluate_exact(plan, dict(zip(units, values, strict=True)))["y"] == Fraction(expected)


MISFITS = [
    ("y = a + b", "kg[CO2]", {"a": "kg[CO2]", "b": "kg[CH4]"}, ("mass[CO2]", "mass[CH4]")),
    ("y = a + b", "kWh[gross]", {"a": "kWh[gross]", "b": "kWh[net]"}, ("energy[gross]", "energy[net]")),
    ("y = a + b", "kWh", {"a": "kWh", "b": "kWh[net]"}, ("energy", "energy[net]")),
    ("y = if(a < b, 1, 2)", "1", {"a": "kg", "b": "m"}, ("mass", "length")),
    ("y = min(a, b)", "kg", {"a": "kg", "b": "m"}, ("mass", "length")),
    ("y = if(1 < 2, a, b)", "kg", {"a": "kg", "b": "m"}, ("mass", "length")),
    ("y = exp(a)", "1", {"a": "kg"}, ("mass", "dimensionless")),
    ("y = log(a)", "1", {"a": "kg"}, ("mass", "dimensionless")),
    ("y = a", "kg[CO2e]", {"a": "kg[CO2]"}, ("mass[CO2]", "mass[CO2e]")),
    ("y = a * b", "kg[CO2]", {"a": "kg[CH4]", "b": "kg[CO2]/kWh"}, ("mass[CO2]",)),
    ("y = a + 1", "kg", {"a": "kg"}, ("mass", "dimensionless")),
    ("y = a + b", "USD[2022]", {"a": "USD[2022]", "b": "USD[2021]"}, ("USD[2022]", "USD[2021]")),
    ("y = a", "vehicle_km", {"a": "passenger_km"}, ("passenger", "vehicle")),
]


@pytest.mark.parametrize(("text", "output", "units", "named"), MISFITS)
def test_what_does_not_fit_is_refused_by_both_dimensions(
    text: str, output: str, units: dict[str, str], named: tuple[str, ...]
) -> None:
    with pytest.raises(GreenlangError) as refused:
        plan_of(text, output, **units)
    assert refused.value.code == "UNIT_MISMATCH"
    assert all(name in refused.value.message for name in named)
    assert {"line", "column", "position"} <= set(refused.value.where)


def test_co2e_needs_a_gwp_input() -> None:
    with pytest.raises(GreenlangError, match="UNIT_GWP"):
        plan_of("y = a * 28<kg[CO2e]/kg[CH4]>", "kg[CO2e]", a="kg[CH4]")
    with pytest.raises(GreenlangError, match="UNIT_GWP"):
        plan_of("y = a * b", "kg[CO2e]", a="kg[CH4]", b="kg[CO2e]/kg[CH4]")
    plan_of("y = a * b", "kg[CO2e]", a="kWh", b="kg[CO2e]/kWh")


NAMES = [
    ("y = b", {"a": "1"}, (), "called b"),
    ("y = a\ny = a", {"a": "1"}, (), "already has a value"),
    ("a = 1\ny = a", {"a": "1"}, (), "already has a value"),
    ("z = a", {"a": "1"}, (), "never computed"),
    ("y = 1", {"a": "1"}, (), "never used"),
    ("y = sum(i in m: a)", {"a": "1"}, (), "called m"),
    ("y = a[b]", {"a": "1", "b": "1"}, (), "called a"),
    ("y = a / 0", {"a": "1"}, (), "divides by zero"),
]


@pytest.mark.parametrize(("text", "units", "_", "message"), NAMES)
def test_names_are_checked(text: str, units: dict[str, str], _: tuple[()], message: str) -> None:
    with pytest.raises(GreenlangError, match=message):
        plan_of(text, "1", **units)


def test_sums_and_tables() -> None:
    signature = Signature(
        (
            InputSymbol("m", "kg", index="mat"),
            InputSymbol("ef", "kg[CO2]/tonne", "factor", index="mat"),
            InputSymbol("system", "", "key", keys=("lagoon", "pasture")),
            InputSymbol("mcf", "%", "parameter", rows=(("lagoon", Fraction(40)), ("pasture", Fraction(5)))),
        ),
        (("y", "kg[CO2]"),),
        {"mat": ("steel", "clay")},
    )
    plan = check(parse("y = sum(i in mat: m[i] * ef[i]) * mcf[system]"), signature)
    assert [name for name, _ in plan.inputs] == ["m[steel]", "ef[steel]", "m[clay]", "ef[clay]", "system"]
    inputs = {"m": {"steel": 1000, "clay": 2000}, "ef": {"steel": 3, "clay": 1}, "system": "lagoon"}
    assert evaluate_exact(plan, inputs)["y"] == 2
    with pytest.raises(GreenlangError, match="no row for this system"):
        evaluate_exact(plan, {**inputs, "system": "moon"})
    with pytest.raises(GreenlangError, match="called i"):
        check(parse("y = sum(i in mat: m[i] * ef[i]) * mcf[i]"), signature)


def test_factors_stand_where_the_text_puts_them() -> None:
    plan = plan_of("y = a + b", "kg", a="kg", b="g")
    assert plan.steps == (("y", Arithmetic("+", Input("a"), Scale(Input("b"), Fraction(1, 1000)))),)
    assert plan_of("y = a + 3<g>", "kg", a="kg").steps[0][1] == Arithmetic(
        "+", Input("a"), Constant(Fraction(3, 1000))
    )


def test_doubling_through_names_is_bounded() -> None:
    text = "\n".join(["x0 = a", *(f"x{n + 1} = x{n} + x{n}" for n in range(40)), "y = x40"])
    with pytest.raises(GreenlangError, match="FORMULA_LIMIT"):
        plan_of(text, "1", a="1")
