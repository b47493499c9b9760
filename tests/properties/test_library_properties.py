"""What must hold of every shipped equation and binding, whatever the numbers: units, scaling, splits, zero.

Which equations a property fits is read off their syntax, never off their results, and how many it fits is
tested too, so that a property cannot come to hold of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.ast import (
    Binary,
    Call,
    Conditional,
    Element,
    Expression,
    Name,
    Negative,
    Number,
    Power,
    Sum,
)
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import Equation, FormulaInput
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.values import number
from greenlang_assets.core.units import conversion

LIBRARY = Library.shipped(Catalogue.shipped())
EQUATIONS = LIBRARY.equations
by_equation = pytest.mark.parametrize("equation", EQUATIONS, ids=lambda equation: equation.id)
#: Another unit of the same dimension, for the first unit of a text that has one.
OTHER = {
    "kg": "g",
    "g": "kg",
    "mg": "g",
    "Gg": "tonne",
    "tonne": "kg",
    "kWh": "MJ",
    "MWh": "GJ",
    "MJ": "kWh",
    "GJ": "MWh",
    "TJ": "GJ",
    "kJ": "MJ",
    "mmBtu": "GJ",
    "km": "m",
    "m2": "ha",
    "ha": "m2",
    "m3": "L",
    "L": "m3",
    "h": "d",
    "d": "h",
    "min": "s",
    "s": "h",
    "%": "1",
}
#: A unit of a dimension that no equation combines with anything.
STRANGER = "passenger_km*room_night"
#: Weights above and below a fraction bar: their size and their unit cancel, whatever they are.
CANCELLING = {
    "cbam.2025-2547.annex3.eq49": {"energy_input"},
    "cbam.2025-2547.annex3.eq50": {"energy_input"},
    "ipcc2006.v1.eq3.2": {"x"},
    "pcaf.a.data-quality": {"outstanding"},
    "sbti.finance.owned": {"investment", "value", "emissions"},
    "sbti.finance.tets": {"emissions"},
    "sbti.finance.wats": {"investment"},
}


def inputs_of(equation: Equation) -> dict[str, Any]:
    """The inputs of the first vector, as exact numbers."""
    return {
        symbol: {key: number(symbol, cell) for key, cell in value.items()}
        if isinstance(value, Mapping)
        else value
        if symbol in {item.symbol for item in equation.inputs if item.role == "key"}
        else number(symbol, value)
        for symbol, value in LIBRARY.inputs_of(equation, equation.vectors[0]).items()
    }


def changed(
    inputs: Mapping[str, Any], symbols: set[str], change: Callable[[Fraction], Fraction]
) -> dict[str, Any]:
    """The inputs with some of them changed, member by member."""
    return {
        symbol: value
        if symbol not in symbols
        else {key: change(cell) for key, cell in value.items()}
        if isinstance(value, dict)
        else change(value)
        for symbol, value in inputs.items()
    }


# --- what the syntax says


def names_in(node: Expression, equation: Equation) -> set[str]:
    """The inputs that an expression depends on, through earlier results."""
    earlier = {item.name: item.expression for item in equation.program.statements}
    found: set[str] = set()
    waiting: list[Any] = [node]
    while waiting:
        part = waiting.pop()
        name = part.name if isinstance(part, Name) else part.table if isinstance(part, Element) else None
        if name is not None:
            waiting += [earlier[name]] if name in earlier else []
            found |= {name} - set(earlier)
        waiting += children(part)
    return found


def children(node: Any) -> list[Any]:
    """The expressions right below one."""
    match node:
        case Negative(operand=inside) | Power(base=inside) | Sum(body=inside):
            return [inside]
        case Binary(left=left, right=right):
            return [left, right]
        case Call(arguments=arguments):
            return list(arguments)
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            return [condition.left, condition.right, then, otherwise]
    return []


def is_linear(node: Expression, equation: Equation, symbols: set[str]) -> bool:
    """Whether an expression is a sum of terms, each with one of the symbols once, upstairs."""
    earlier = {item.name: item.expression for item in equation.program.statements}

    def free(part: Expression) -> bool:
        return not names_in(part, equation) & symbols

    def linear(part: Expression) -> bool:
        match part:
            case Name(name=name) | Element(table=name):
                return linear(earlier[name]) if name in earlier else name in symbols
            case Negative(operand=inside) | Sum(body=inside):
                return linear(inside)
            case Binary(operator="+" | "-", left=left, right=right):
                return linear(left) and linear(right)
            case Binary(operator="*", left=left, right=right):
                return (linear(left) and free(right)) or (free(left) and linear(right))
            case Binary(operator="/", left=left, right=right):
                return linear(left) and free(right)
        return False

    return linear(node)


def rises(node: Expression, equation: Equation, symbol: str) -> bool:
    """Whether an expression of non-negative inputs cannot fall when a symbol rises."""
    earlier = {item.name: item.expression for item in equation.program.statements}

    def plus(part: Expression) -> bool:
        """Whether a part is never negative."""
        match part:
            case Number(value=value):
                return value >= 0
            case Name(name=name) | Element(table=name):
                return plus(earlier[name]) if name in earlier else True
            case Binary(operator=operator, left=left, right=right):
                return operator != "-" and plus(left) and plus(right)
            case Sum(body=inside) | Power(base=inside):
                return plus(inside)
        return False

    def up(part: Expression) -> bool:
        if symbol not in names_in(part, equation):
            return True
        match part:
            case Name(name=name) | Element(table=name):
                return up(earlier[name]) if name in earlier else True
            case Sum(body=inside):
                return up(inside)
            case Binary(operator="+", left=left, right=right):
                return up(left) and up(right)
            case Binary(operator="*", left=left, right=right):
                return up(left) and up(right) and plus(left) and plus(right)
            case Binary(operator="-", left=left, right=right):
                return up(left) and symbol not in names_in(right, equation)
            case Binary(operator="/", left=left, right=right):
                return up(left) and symbol not in names_in(right, equation) and plus(right)
        return False

    return up(node)


def outputs(equation: Equation) -> dict[str, Expression]:
    wanted = {item.symbol for item in equation.outputs}
    return {item.name: item.expression for item in equation.program.statements if item.name in wanted}


def linear_sets(equation: Equation) -> list[set[str]]:
    """Inputs in which every output that uses them is linear: each by itself, and the activities together."""
    groups = [{item.symbol} for item in equation.inputs if item.role != "key" and not item.rows]
    groups.append({item.symbol for item in equation.inputs if item.role == "activity"})
    found = []
    for group in groups:
        touched = [node for node in outputs(equation).values() if names_in(node, equation) & group]
        if touched and group not in found and all(is_linear(node, equation, group) for node in touched):
            found.append(group)
    return found


# --- what must hold


def restated(equation: Equation, item: FormulaInput) -> str | None:
    """The input's unit, its first symbol replaced by another of the same dimension."""
    match = re.match(r"([A-Za-z%0-9_]+)(.*)", item.unit)
    if match is None or match[1] not in OTHER or (match[1] in ("%", "1") and match[2]):
        return None
    first, rest = OTHER[match[1]], match[2]
    if rest.startswith("^"):
        return None
    return first + rest


def with_unit(equation: Equation, symbol: str, unit: str) -> Equation:
    """The same equation, one input in another unit."""
    content = equation.model_dump(mode="python")
    for item in content["inputs"]:
        if item["symbol"] == symbol:
            item["unit"] = unit
    return Equation.model_validate(content)


@by_equation
def test_the_unit_of_an_input_does_not_matter(equation: Equation) -> None:
    inputs = inputs_of(equation)
    before = evaluate_exact(equation, inputs)
    for item in equation.inputs:
        unit = None if item.rows or item.role == "key" else restated(equation, item)
        if unit is None:
            continue
        factor = conversion(equation.unit_of(item), equation.unit_of(item.model_copy(update={"unit": unit})))
        assert factor != 1
        other = with_unit(equation, item.symbol, unit)
        after = evaluate_exact(other, changed(inputs, {item.symbol}, lambda value, by=factor: value * by))
        assert after == before, (item.symbol, unit)


def test_nearly_every_equation_has_an_input_whose_unit_can_be_changed() -> None:
    tried = sum(
        any(restated(equation, item) for item in equation.inputs if not item.rows) for equation in EQUATIONS
    )
    assert tried >= 0.85 * len(EQUATIONS)


@by_equation
def test_an_input_of_another_dimension_is_always_found(equation: Equation) -> None:
    for item in equation.inputs:
        if item.role == "key" or item.symbol in CANCELLING.get(equation.id, ()):
            continue
        with pytest.raises(GreenlangError) as refused:
            _ = with_unit(equation, item.symbol, STRANGER).plan
        assert refused.value.code == "UNIT_MISMATCH", item.symbol
        assert refused.value.hint


@pytest.mark.parametrize("name", CANCELLING)
def test_the_size_of_a_weight_cancels(name: str) -> None:
    equation = LIBRARY.equation(name)
    inputs = inputs_of(equation)
    for symbol in CANCELLING[name]:
        assert with_unit(equation, symbol, STRANGER).plan
        heavier = changed(inputs, {symbol}, lambda value: 3 * value)
        assert evaluate_exact(equation, heavier) == evaluate_exact(equation, inputs)


@by_equation
def test_an_output_of_another_dimension_is_always_found(equation: Equation) -> None:
    for place, item in enumerate(equation.outputs):
        content = equation.model_dump(mode="python")
        content["outputs"][place]["unit"] = STRANGER
        with pytest.raises(GreenlangError) as refused:
            _ = Equation.model_validate(content).plan
        assert refused.value.code == "UNIT_MISMATCH", item.symbol


@by_equation
def test_what_is_linear_scales_adds_up_and_is_nothing_at_nothing(equation: Equation) -> None:
    inputs = inputs_of(equation)
    whole = evaluate_exact(equation, inputs)
    touched = {name: names_in(node, equation) for name, node in outputs(equation).items()}
    for group in linear_sets(equation):
        parts = [
            evaluate_exact(equation, changed(inputs, group, lambda value, by=by: value * by))
            for by in (Fraction(2, 7), Fraction(5, 7), Fraction(10), Fraction(0))
        ]
        for name in (name for name, symbols in touched.items() if symbols & group):
            first, second, ten, none = (part[name] for part in parts)
            assert first + second == whole[name], "a split adds up"
            assert ten == 10 * whole[name], "ten times as much"
            assert none == 0, "nothing gives nothing"


def test_most_equations_are_linear_in_some_input() -> None:
    assert sum(bool(linear_sets(equation)) for equation in EQUATIONS) >= 0.65 * len(EQUATIONS)


def nowhere_negative(equation: Equation) -> bool:
    values = inputs_of(equation).values()
    return all(
        cell >= 0
        for value in values
        for cell in (value.values() if isinstance(value, dict) else [value])
        if not isinstance(cell, str)
    )


RISING = [equation for equation in EQUATIONS if nowhere_negative(equation)]


@pytest.mark.parametrize("equation", RISING, ids=lambda equation: equation.id)
def test_a_figure_rises_with_what_stands_upstairs(equation: Equation) -> None:
    inputs = inputs_of(equation)
    before = evaluate_exact(equation, inputs)
    for item in equation.inputs:
        if item.role == "key" or item.rows:
            continue
        more = changed(inputs, {item.symbol}, lambda value: value * Fraction(11, 10))
        after = evaluate_exact(equation, more)
        for name, node in outputs(equation).items():
            if rises(node, equation, item.symbol):
                assert after[name] >= before[name], (item.symbol, name)


def test_most_equations_rise_with_some_input() -> None:
    rising = [
        equation
        for equation in RISING
        if any(
            rises(node, equation, item.symbol) and item.symbol in names_in(node, equation)
            for item in equation.inputs
            for node in outputs(equation).values()
        )
    ]
    assert len(rising) >= 0.75 * len(EQUATIONS)


def test_gases_add_up() -> None:
    """CO2e of all gases is the sum of the CO2e of each, the GWPs of the others put at nothing."""
    tried = 0
    for equation in EQUATIONS:
        gwps = {item.symbol for item in equation.inputs if item.role == "gwp"}
        nodes = {name: node for name, node in outputs(equation).items() if names_in(node, equation) & gwps}
        if not gwps or not all(is_linear(node, equation, gwps) for node in nodes.values()):
            continue
        inputs = inputs_of(equation)
        whole = evaluate_exact(equation, inputs)
        parts = [
            evaluate_exact(equation, changed(inputs, gwps - {gas}, lambda value: value * 0)) for gas in gwps
        ]
        for name in nodes:
            assert sum(part[name] for part in parts) == whole[name], equation.id
        tried += 1
    assert tried >= 8


def test_every_binding_to_a_factor_is_proportional_to_its_activity() -> None:
    # Bindings to parameter tables are their equation with figures put in, which a test of their own shows.
    # CBAM's mark-up gives a value per tonne of a good: there is no quantity in it.
    without = "cbam.2025-2621.annex1.mark-up"
    bindings = [item for item in LIBRARY.factor_bindings if item.equation.id != without]
    for binding in bindings:
        inputs = dict(binding.vectors[0].inputs)
        quantity = next(item.symbol for item in binding.inputs if item.role == "activity")
        one, three, seven, ten, none = (
            evaluate_exact(binding, {**inputs, quantity: size}) for size in (1, 3, 7, 10, 0)
        )
        for name, value in one.items():
            assert three[name] + seven[name] == ten[name] == 10 * value, binding.id
            assert none[name] == 0, binding.id
            assert value >= 0 or any(cell < 0 for cell in binding.constants.values()), binding.id
    assert len(bindings) >= 13_000
