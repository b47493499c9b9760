"""The IPCC equations of the library: what their ids, citations and vectors must say, and how they scale.

Belongs here: rules of the IPCC families. Does not belong here: the vectors themselves, which every equation
of the library is run on in ``test_formula_vectors``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import pytest

from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import Equation
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.values import number

LIBRARY = Library.shipped(Catalogue.shipped())
IPCC = [item for item in LIBRARY.equations if re.match(r"ipcc(2006|2019)\.", item.id)]
_ID = re.compile(
    r"ipcc(?P<year>2006|2019)\.v(?P<volume>\d)\.eq(?P<number>[0-9a-z]+(?:\.[0-9]+[a-z]?)+)(\.[a-z0-9-]+)?"
)
TITLE = {"2006": "2006 IPCC Guidelines", "2019": "2019 Refinement"}


@pytest.mark.parametrize("equation", IPCC, ids=lambda equation: equation.id)
def test_the_id_says_what_the_citation_says(equation: Equation) -> None:
    parts = _ID.fullmatch(equation.id)
    assert parts is not None
    citation = equation.citation
    assert citation.text == "official"
    assert citation.document.startswith(TITLE[parts["year"]])
    assert f"Volume {parts['volume']}" in citation.document
    assert f"-ipcc/{parts['volume']}_Volume{parts['volume']}/" in citation.read_in
    assert parts["year"] in citation.licence
    assert re.search(rf"(?<![\d.]){re.escape(parts['number'])}(?![\d])", citation.locator.lower())
    assert re.search(r"pages? \d+\.\d+", citation.locator)


@pytest.mark.parametrize("equation", IPCC, ids=lambda equation: equation.id)
def test_no_term_hides_behind_a_zero(equation: Equation) -> None:
    """Every input that is one number, and one member of every indexed input, is not zero in some vector."""
    silent = {item.symbol for item in equation.inputs if item.role != "key" and not item.rows}
    for vector in equation.vectors:
        for symbol, value in LIBRARY.inputs_of(equation, vector).items():
            cells = value.values() if isinstance(value, Mapping) else [value]
            if any(number(symbol, cell) for cell in cells):
                silent.discard(symbol)
    assert silent == set()


@pytest.mark.parametrize("equation", IPCC, ids=lambda equation: equation.id)
def test_every_input_changes_a_result(equation: Equation) -> None:
    """An input that could be left out without a trace would prove nothing about its place in the form."""
    for item in equation.inputs:
        moved = False
        for vector in equation.vectors:
            inputs = LIBRARY.inputs_of(equation, vector)
            before = evaluate_exact(equation, inputs)
            value = inputs[item.symbol]
            nudge = Fraction(1001, 1000)
            if isinstance(value, Mapping):
                # Members grow by different factors: a ratio of sums does not see a common one.
                inputs[item.symbol] = {
                    key: number(key, cell) * nudge**place
                    for place, (key, cell) in enumerate(value.items(), start=1)
                }
            else:
                inputs[item.symbol] = number(item.symbol, value) * nudge
            moved |= evaluate_exact(equation, inputs) != before
        assert moved, item.symbol


@pytest.mark.parametrize("equation", IPCC, ids=lambda equation: equation.id)
def test_float_stays_with_the_exact_value_far_from_the_vectors(equation: Equation) -> None:
    for vector in equation.vectors:
        for nudge in (Fraction(7, 9), Fraction(13, 11)):
            inputs = LIBRARY.inputs_of(equation, vector)
            for item in equation.inputs:
                value = inputs[item.symbol]
                if isinstance(value, Mapping):
                    inputs[item.symbol] = {
                        key: Fraction(repr(float(number(key, cell) * nudge))) for key, cell in value.items()
                    }
                else:
                    inputs[item.symbol] = Fraction(repr(float(number(item.symbol, value) * nudge)))
            exact, single = evaluate_exact(equation, inputs), evaluate_float(equation, inputs)
            size = max(abs(value) for value in exact.values())
            for name, value in single.items():
                assert abs(Fraction(value) - exact[name]) <= max(abs(exact[name]), size / 1000) / 10**9, name


def test_the_ipcc_families_keep_their_floors() -> None:
    volumes = Counter(item.id[:11] for item in IPCC)
    external = sum(any(vector.external for vector in item.vectors) for item in IPCC)
    assert len(IPCC) >= 335
    assert external >= 165
    floors = {"ipcc2006.v1": 9, "ipcc2006.v2": 34, "ipcc2006.v3": 107, "ipcc2006.v4": 76, "ipcc2006.v5": 40}
    floors |= {"ipcc2019.v2": 6, "ipcc2019.v3": 25, "ipcc2019.v4": 20, "ipcc2019.v5": 15}
    assert {name: volumes[name] for name, floor in floors.items() if volumes[name] < floor} == {}


def test_a_superseded_equation_is_in_the_library_and_older() -> None:
    known = {item.id for item in LIBRARY.equations}
    for item in IPCC:
        if item.supersedes is not None:
            assert item.supersedes in known
            assert item.supersedes.startswith("ipcc2006.")
