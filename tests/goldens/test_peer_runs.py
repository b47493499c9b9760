"""Our equations beside other people's code for the same forms, on the same inputs.

``peer_runs.csv`` says how a peer gives an output of an equation; the vectors of the family files record what
it printed once. Here every recorded figure is printed again, and both calculate cases that nobody chose.
A peer is not the text: where its form differs from the printed page, the page counts and the function stands
in ``peer_functions_left_out.csv`` with the difference.
"""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import pytest
from peers import BONSAI, PACKAGES, Run, evaluate, left_out, peers, runs, version, with_given

from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import Equation, FormulaInput, Vector
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.values import number

LIBRARY = Library.shipped(Catalogue.shipped())
RUNS = runs()
EQUATIONS = {equation.id: equation for equation in LIBRARY.equations}
RECORDED = [
    (item, vector) for item in LIBRARY.equations for vector in item.vectors if vector.peer is not None
]
#: Drawn cases a recorded vector.
DRAWS = 8


def called(run: str) -> set[str]:
    """The peer's functions in a run, as ``module.function``."""
    return set(re.findall(r"\b(?:bonsai|atomic6|oemof)\.(\w+(?:\.\w+)?)\(", run))


def peer_of(run: Run) -> str:
    (peer,) = set(re.findall(r"\b(bonsai|atomic6|oemof)\.", run.run))
    return peer


def floats(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a case as the floats that a peer takes."""
    return {
        symbol: {key: float(number(symbol, cell)) for key, cell in value.items()}
        if isinstance(value, Mapping)
        else float(number(symbol, value))
        for symbol, value in inputs.items()
    }


def exact(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The very same floats, as the exact interpreter takes them."""
    return {
        symbol: {key: Fraction(cell) for key, cell in value.items()}
        if isinstance(value, Mapping)
        else Fraction(value)
        for symbol, value in inputs.items()
    }


def drawn(item: FormulaInput, value: float, dice: random.Random) -> float:
    """A value between three quarters and five quarters of the recorded one, within the input's bounds."""
    low, high = sorted((value * 0.75, value * 1.25))
    if item.min is not None:
        low = max(low, float(item.min))
    if item.max is not None:
        high = min(high, float(item.max))
    return dice.uniform(low, high)


def cases(run: Run) -> Iterator[dict[str, Any]]:
    """Inputs around each vector that a peer printed, the same ones on every machine."""
    equation = EQUATIONS[run.equation]
    by_symbol = {item.symbol: item for item in equation.inputs}
    for place, vector in enumerate(vector for vector in equation.vectors if vector.peer is not None):
        start = floats(LIBRARY.inputs_of(equation, vector))
        dice = random.Random(f"{equation.id} {place}")
        for _ in range(DRAWS):
            inputs = {
                symbol: value
                if symbol in run.fixed
                else {key: drawn(by_symbol[symbol], cell, dice) for key, cell in value.items()}
                if isinstance(value, dict)
                else drawn(by_symbol[symbol], value, dice)
                for symbol, value in start.items()
            }
            yield with_given(run, inputs)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.equation}-{run.output}")
def test_a_peer_gives_what_the_equation_gives(run: Run) -> None:
    equation = EQUATIONS[run.equation]
    compared = 0
    for inputs in cases(run):
        theirs, ours = evaluate(run, inputs), evaluate_exact(equation, exact(inputs))[run.output]
        assert theirs == pytest.approx(float(ours), rel=1e-9, abs=0), inputs
        compared += ours != 0
    assert compared >= DRAWS, "cases that come to nothing prove nothing"


@pytest.mark.parametrize(
    ("equation", "vector"),
    RECORDED,
    ids=[f"{item.id}-{item.vectors.index(vector)}" for item, vector in RECORDED],
)
def test_a_recorded_figure_is_printed_again(equation: Equation, vector: Vector) -> None:
    found = {run.output: run for run in RUNS if run.equation == equation.id}
    assert vector.peer is not None
    assert set(vector.outputs) == set(found), "every figure of the vector needs a line of the table"
    (peer,) = {peer_of(run) for run in found.values()}
    assert vector.peer.package == PACKAGES[peer]
    assert vector.peer.functions == tuple(sorted(set().union(*(called(run.run) for run in found.values()))))
    inputs = floats(LIBRARY.inputs_of(equation, vector))
    for output in equation.outputs:
        if output.symbol in found:
            printed = Fraction(evaluate(found[output.symbol], inputs))
            allowed = vector.allowed(output) * Fraction(1001, 1000)
            assert abs(printed - Fraction(vector.outputs[output.symbol])) <= allowed


def test_the_versions_that_printed_the_figures_are_the_ones_that_run() -> None:
    recorded = {
        (vector.peer.package, vector.peer.version) for _, vector in RECORDED if vector.peer is not None
    }
    assert recorded == {(PACKAGES[peer], version(peer)) for peer in PACKAGES}


def test_every_line_names_an_equation_an_output_and_inputs_that_exist() -> None:
    assert len({(run.equation, run.output) for run in RUNS}) == len(RUNS)
    assert {run.equation for run in RUNS} == {equation.id for equation, _ in RECORDED}
    for equation in {equation.id: equation for equation, _ in RECORDED}.values():
        lines = [run for run in RUNS if run.equation == equation.id]
        symbols = {item.symbol for item in equation.inputs}
        assert {run.output for run in lines} <= {output.symbol for output in equation.outputs}
        assert set().union(*(run.fixed for run in lines)) <= symbols
        used = {name for run in lines for name in words(run.run) | words(run.given) | set(run.fixed)}
        assert symbols <= used, "an input that no peer sees is not compared"


def words(text: str) -> set[str]:
    """The names of an expression, without those behind a point and the names of arguments."""
    return set(re.findall(r"(?<![\w.'])[a-z]\w*(?!\w*=[^=])", text))


def functions_of_bonsai() -> set[str]:
    found = set()
    for name, path in BONSAI.items():
        module = getattr(peers()["bonsai"], name)
        found |= {
            f"{name}.{function}"
            for function, value in inspect.getmembers(module, inspect.isfunction)
            if value.__module__ == f"bonsai_ipcc.{path}.elementary"
        }
    return found


def test_each_function_of_the_guidelines_peer_is_run_or_left_out_with_a_reason() -> None:
    used = {name for run in RUNS if peer_of(run) == "bonsai" for name in called(run.run)}
    reasons = left_out()
    assert used.isdisjoint(reasons)
    assert used | set(reasons) == functions_of_bonsai()
    assert all(len(reason) > 20 for reason in reasons.values())


def test_a_broken_equation_would_be_seen() -> None:
    """The comparison is no formality: a factor of one per mille in our form does not pass."""
    run = next(run for run in RUNS if run.equation == "ipcc2006.v5.eq3.2")
    equation = EQUATIONS[run.equation]
    broken = Equation.model_validate(
        {**equation.model_dump(), "expression": "ddocm = waste * doc * doc_f * mcf * 1.001"}
    )
    inputs = next(cases(run))
    right, wrong = (float(evaluate_exact(form, exact(inputs))["ddocm"]) for form in (equation, broken))
    assert evaluate(run, inputs) == pytest.approx(right, rel=1e-9)
    assert evaluate(run, inputs) != pytest.approx(wrong, rel=1e-9)
