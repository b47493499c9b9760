"""The proof of the library: what a formula must pass before anyone calculates with it.

Belongs here: the checks, as data about every fault. Does not belong here: loading, counting.

For every equation: it is read, its dimensions fit, and each of its test vectors comes out of the exact
interpreter as stated, out of float64 within the equation's bound of ulps, and out of Polars bit for bit as
out of the single-calculation path. For every binding: its figures fit the equation's units and its vector
comes out in the same way. No two have the same expression, dimensions and parameters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.bound import Bound
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.model import Equation, Vector
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.reference import evaluate_exact, rounding_bound, ulps
from greenlang_assets.core.formulas.rounding import publish
from greenlang_assets.core.formulas.values import Value, number, read_values
from greenlang_assets.core.units import parse_unit


class Formulas(Protocol):
    """What is proved: the library, or anything that holds formulas in the same way."""

    @property
    def equations(self) -> tuple[Equation, ...]:
        """Every equation."""

    @property
    def bindings(self) -> tuple[Bound, ...]:
        """Every binding."""

    def equation(self, id: str) -> Equation:
        """One equation by id."""

    def binding(self, id: str) -> Bound:
        """One binding by id."""

    def inputs_of(self, equation: Equation, vector: Vector) -> dict[str, Any]:
        """The inputs of a vector, GWP inputs filled in."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one formula."""

    formula: str
    error: GreenlangError


@dataclass
class Proof:
    """What was checked, how far float64 stood from the exact values, and everything that failed.

    ``largest_ulps`` maps an output (``equation.symbol``) to the largest distance seen, and
    ``bounds`` to the number of ulps that it cannot exceed (absent where no such bound exists).
    """

    equations: int = 0
    bindings: int = 0
    vectors: int = 0
    faults: list[Fault] = field(default_factory=list)
    largest_ulps: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Case:
    """One worked case of one formula, ready to be run."""

    formula: Equation | Bound
    inputs: Mapping[str, Value]
    stated: Mapping[str, tuple[Fraction, Fraction]]


def prove(library: Formulas, id: str | None = None) -> Proof:
    """Checks one formula or all of them.

    Raises:
        GreenlangError: ``FORMULA_NOT_FOUND`` when ``id`` names nothing.
    """
    proof = Proof()
    equations: Sequence[Equation] = library.equations
    bindings: Sequence[Bound] = library.bindings
    if id is not None:
        equations = [library.equation(id)] if "/" not in id else []
        bindings = [library.binding(id)] if "/" in id else []
    else:
        for first, second in doubles(library):
            error = GreenlangError(
                "FORMULA_DOUBLED",
                "another formula has the same expression, dimensions and parameters",
                found=second,
                expected="a formula that says something of its own",
            )
            proof.faults.append(Fault(first, error))
    cases: dict[tuple[str, str], list[_Case]] = defaultdict(list)
    proof.equations, proof.bindings = len(equations), len(bindings)
    formulas: list[Equation | Bound] = [*equations, *bindings]
    for formula in formulas:
        try:
            equation = formula if isinstance(formula, Equation) else formula.equation
            group = (equation.id, "\n".join(f"{name} {unit}" for name, unit in formula.plan.inputs))
            cases[group] += _cases(library, formula)
        except GreenlangError as error:
            proof.faults.append(Fault(formula.id, error))
    for grouped in cases.values():
        if grouped:
            _run(proof, grouped)
    return proof


def _cases(library: Formulas, formula: Equation | Bound) -> Iterator[_Case]:
    if isinstance(formula, Equation):
        for vector in formula.vectors:
            stated = {
                item.symbol: (Fraction(vector.outputs[item.symbol]), vector.allowed(item))
                for item in formula.outputs
                if item.symbol in vector.outputs
            }
            yield _Case(formula, library.inputs_of(formula, vector), stated)
        return
    for bound in formula.vectors:
        tolerance = formula.rule.tolerance
        yield _Case(
            formula,
            bound.inputs,
            {
                item.symbol: (
                    bound.outputs[item.symbol],
                    Fraction(tolerance) if tolerance is not None else Fraction(1, 2 * 10**item.precision),
                )
                for item in formula.outputs
                if item.symbol in bound.outputs
            },
        )


def _run(proof: Proof, cases: list[_Case]) -> None:
    """The cases of one plan: each by itself, then all of them as one frame."""
    plan = cases[0].formula.plan
    bounds = rounding_bound(plan)
    singles: list[tuple[_Case, dict[str, float]]] = []
    for case in cases:
        proof.vectors += 1
        try:
            _in_bounds(case)
            exact = evaluate_exact(case.formula, case.inputs)
            single = evaluate_float(case.formula, case.inputs)
            for output in case.formula.outputs:
                publish(single[output.symbol], output.precision)
            _compare(proof, case, exact, single, bounds)
            singles.append((case, single))
        except GreenlangError as error:
            proof.faults.append(Fault(case.formula.id, error))
    if not singles:
        return
    for (case, single), row in zip(singles, _frame(plan, [case for case, _ in singles]), strict=True):
        different = [name for name, value in single.items() if row[name] != value]
        if different:
            fault = GreenlangError(
                "ENGINES_DISAGREE",
                f"{different[0]} differs between the frame and the single calculation",
                found=row[different[0]],
                expected=single[different[0]],
            )
            proof.faults.append(Fault(case.formula.id, fault))


def _in_bounds(case: _Case) -> None:
    for item in case.formula.inputs:
        value = case.inputs.get(item.symbol)
        if item.role == "key" or value is None:
            continue
        for cell in value.values() if isinstance(value, Mapping) else (value,):
            amount = number(item.symbol, cell)
            if (item.min is not None and amount < item.min) or (item.max is not None and amount > item.max):
                raise GreenlangError(
                    "FORMULA_INPUT",
                    f"the test vector's {item.symbol} is outside the bounds of the input",
                    found=cell,
                    expected=f"{item.min} to {item.max}",
                )


def _compare(
    proof: Proof,
    case: _Case,
    exact: Mapping[str, Fraction],
    single: Mapping[str, float],
    bounds: Mapping[str, int | None],
) -> None:
    equation = case.formula if isinstance(case.formula, Equation) else case.formula.equation
    for name, (stated, allowed) in case.stated.items():
        if abs(exact[name] - stated) > allowed:
            raise GreenlangError(
                "VECTOR_NOT_REPRODUCED",
                f"the test vector's {name} does not come out",
                found=f"{float(exact[name])!r}",
                expected=f"{float(stated)!r} within {float(allowed)!r}",
            )
    for name, value in single.items():
        bound = bounds[name]
        if bound is None or exact[name] < 0:
            continue
        label, distance = f"{equation.id}.{name}", float(ulps(value, exact[name]))
        proof.bounds[label] = bound
        proof.largest_ulps[label] = max(distance, proof.largest_ulps.get(label, 0.0))
        # The bound holds where no operand is negative; a vector with a negative input proves nothing here.
        nonnegative = all(value >= 0 for value in read_values(case.formula, case.inputs)[1].values())
        if nonnegative and distance > bound:
            raise GreenlangError(
                "FLOAT_TOO_FAR",
                f"{name} in float64 stands further from the exact value than its operations can explain",
                found=f"{distance:.2f} ulps",
                expected=f"at most {bound}",
            )


def _frame(plan: Plan, cases: list[_Case]) -> list[dict[str, Any]]:
    """Every case as a row, factors and GWPs as columns: one expression for all of them."""
    columns: dict[str, list[Any]] = {name: [] for name, _ in plan.inputs}
    for case in cases:
        _, numbers, keys = read_values(case.formula, case.inputs)
        for name, cells in columns.items():
            cells.append(float(numbers[name]) if name in numbers else keys[name])
    frame = pl.DataFrame({"": range(len(cases)), **columns})
    return frame.with_columns(**compile_polars(plan)).to_dicts()


def doubles(library: Formulas) -> list[tuple[str, str]]:
    """Formulas that repeat another: same canonical expression, same dimensions, same parameter cells."""
    seen: dict[Any, str] = {}
    found = []
    signatures: dict[tuple[Any, ...], int] = {}
    numbered: dict[Any, int] = {}  # a signature is compared once, and its number for each binding
    formulas: list[Equation | Bound] = [*library.equations, *library.bindings]
    for formula in formulas:
        cells: tuple[Any, ...] = ()
        equation: Any = formula
        unit = ""
        try:
            if isinstance(formula, Bound):
                equation, cells, unit = formula.equation, formula.cell, formula.unit or ""
            form = (equation.id, unit, *sorted(equation.indices.items()))
            if form not in signatures:
                signature = _signature(equation, unit or None)
                signatures[form] = numbered.setdefault(signature, len(numbered))
            identity = (signatures[form], cells)
        except GreenlangError:
            continue  # a formula that cannot be read is a fault of its own, named by prove()
        if identity in seen:
            found.append((formula.id, seen[identity]))
        seen[identity] = formula.id
    return found


def _signature(equation: Equation, unit: str | None) -> Any:
    signature = equation.signature(unit)
    return (
        equation.program.canonical,
        tuple((item.symbol, parse_unit(item.unit or "1").dimension, item.rows) for item in signature.inputs),
        tuple((name, parse_unit(text).dimension) for name, text in signature.outputs),
        tuple(sorted(signature.indices.items())),
    )
