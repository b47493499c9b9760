"""Bindings to the IPCC's default parameters: every one beside a peer where there is one, none of them twice.

Belongs here: what must hold of all of them. Does not belong here: reading the tables
(``tests/unit/test_parameter_tables.py``), rules that are refused (``tests/unit/test_parameter_rules.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from peers import evaluate, runs, with_given

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.parameter_binding import ParameterBinding
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.values import number
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.units import conversion, parse_unit

CATALOGUE = Catalogue.shipped()
LIBRARY = Library.shipped(CATALOGUE)
BINDINGS = LIBRARY.parameter_bindings
BY_EQUATION: dict[str, list[ParameterBinding]] = {}
for _binding in BINDINGS:
    BY_EQUATION.setdefault(_binding.origin.id, []).append(_binding)
RUNS = [run for run in runs() if run.equation in BY_EQUATION]

ENTERIC = "ipcc2019.v4.eq10.19/ipcc2019.v4.table10.11.ef/cattle-dairy/western-europe"
DDOC = (
    "ipcc2006.v5.eq3.2/ipcc2006.v5.table2.4.doc/msw-food/wet"
    "+ipcc2019.v5.table3.0.doc_f/msw-food+ipcc2019.v5.table3.1.mcf/unmanaged-shallow"
)


def all_inputs(binding: ParameterBinding) -> dict[str, Any]:
    """The worked case with the bound figures put in again, as the equation by itself takes them."""
    inputs: dict[str, Any] = dict(binding.vectors[0].inputs)
    for item in binding.equation.inputs:
        if item.symbol in binding.bound_symbols:
            members = binding.equation.indices.get(item.index or "", ())
            inputs[item.symbol] = (
                {member: binding.constants[f"{item.symbol}[{member}]"] for member in members}
                if item.index
                else binding.constants[item.symbol]
            )
    return inputs


def floats(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        symbol: {key: float(number(symbol, cell)) for key, cell in value.items()}
        if isinstance(value, Mapping)
        else float(number(symbol, value))
        for symbol, value in inputs.items()
    }


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.equation}-{run.output}")
def test_a_peer_calculates_every_binding_of_the_equation_alike(run) -> None:
    for binding in BY_EQUATION[run.equation]:
        inputs = floats(all_inputs(binding))
        theirs = evaluate(run, with_given(run, inputs))
        ours = float(binding.vectors[0].outputs[run.output])
        assert theirs == pytest.approx(ours, rel=1e-9, abs=1e-12), binding.id


def test_bindings_with_a_peer_are_those_that_a_peer_was_run_beside() -> None:
    run = {run.equation for run in RUNS}
    assert {binding.origin.id for binding in BINDINGS if binding.peer} <= run
    counted = LIBRARY.stats()
    assert counted["bindings_with_peer_run"] == sum(len(BY_EQUATION[i]) for i in BY_EQUATION if _has_peer(i))
    assert counted["bindings_with_peer_run"] >= 2_000


def _has_peer(equation_id: str) -> bool:
    return any(vector.peer for vector in LIBRARY.equation(equation_id).vectors)


def test_a_binding_is_the_equation_with_its_figures_put_in() -> None:
    for binding in BINDINGS:
        stated = dict(binding.vectors[0].outputs)
        assert evaluate_exact(binding.equation, all_inputs(binding)) == stated, binding.id


def test_a_figure_is_the_printed_one_times_the_exact_conversion() -> None:
    for binding in BINDINGS:
        for figure in binding.figures:
            symbol = figure.symbol.partition("[")[0]
            row, use = binding.rows[figure.symbol], binding.rule.parameters[symbol]
            unit = parse_unit(use.reads_as or row.unit)
            if use.over:
                unit = unit * parse_unit(use.over)
            assert figure.value == Fraction(row.row["value"]) * conversion(unit, parse_unit(figure.unit))
            assert figure.published == float(row.row["value"])


def test_many_bindings_over_many_equations_and_no_equation_carries_most() -> None:
    counts = Counter(binding.origin.id for binding in BINDINGS)
    assert len(BINDINGS) >= 3_900
    assert len(counts) >= 85
    assert max(counts.values()) <= 800
    assert len({binding.sha256 for binding in BINDINGS}) == len(BINDINGS)
    assert LIBRARY.stats()["parameter_bindings"] == len(BINDINGS)


def test_every_figure_says_which_printed_table_it_comes_from() -> None:
    for binding in BINDINGS:
        record = binding.record()
        assert record["citation"]["publisher"] == "IPCC"
        assert {item["id"] for item in record["parameters"]} == set(record["parameter_citations"])
        for citation in record["parameter_citations"].values():
            assert citation["table"].startswith("Table ")
            assert citation["edition"] in ("2006", "2019")
            assert citation["document"].startswith(("2006 IPCC", "2019 Refinement"))
            assert len(citation["source_sha256"]) == 64


@pytest.fixture(scope="module")
def engine() -> CalculationEngine:
    return CalculationEngine(CATALOGUE, LIBRARY, GwpTable.shipped())


def test_a_calculation_cites_equation_and_parameter(engine: CalculationEngine) -> None:
    result = engine.calculate(ENTERIC, {"animals": {"each": 1000}}, CalculationContext())
    # 126 kg a head and year is the figure of table 10.11 for dairy cattle of Western Europe.
    assert float(result.output("ch4").value) == 0.126
    assert (result.factor_id, result.gwp_set) == (None, None)
    (figure,) = result.figures
    assert (figure.kind, figure.symbol) == ("parameter", "ef[each]")
    assert (figure.published, figure.value) == ("126 kg[CH4]/head/year", 126.0)
    assert figure.citation["table"].startswith("Table 10.11: CH4 of enteric fermentation")
    assert "IPCC" in str(result.licence)
    assert result.formula_citation["locator"].startswith("equation 10.19")
    again = engine.calculate(ENTERIC, {"animals": 1000}, CalculationContext())
    assert again.provenance_hash == result.provenance_hash, "one category needs no name"


def test_what_a_table_gives_is_no_input(engine: CalculationEngine) -> None:
    with pytest.raises(GreenlangError) as refused:
        engine.calculate(DDOC, {"waste": "100 Gg", "mcf": 1}, CalculationContext())
    assert refused.value.code == "INPUT_UNKNOWN"
    assert refused.value.hint
    with pytest.raises(GreenlangError) as refused:
        engine.calculate(DDOC, {"waste": 100}, CalculationContext(activity_unit="kg"))
    assert refused.value.code == "FORMULA_UNIT_FIXED"


def test_the_range_of_a_table_is_the_uncertainty_of_its_figure(engine: CalculationEngine) -> None:
    found = engine.calculate_with_uncertainty(DDOC, {"waste": "100 Gg"}, CalculationContext(), {})
    spreads = {quantity.name: (quantity.spread, quantity.stated_by) for quantity in found.quantities}
    assert set(spreads) == {"doc", "doc_f", "mcf"}
    assert {by for _, by in spreads.values()} == {"publisher"}
    # Table 2.4: food waste, 15 percent of the wet weight, from 8 to 20.
    assert spreads["doc"][0].below == pytest.approx(100 * 7 / 15)
    assert spreads["doc"][0].above == pytest.approx(100 * 5 / 15)
    assert spreads["doc"][0].distribution == "triangular"
    ddocm = next(item for item in found.propagated if item.symbol == "ddocm")
    assert ddocm.lower < ddocm.scaled == 4_200_000_000 < ddocm.upper
    given = engine.calculate_with_uncertainty(DDOC, {"waste": 100}, CalculationContext(), {"doc": "5%"})
    mine = {quantity.name: quantity.stated_by for quantity in given.quantities}
    assert mine == {"doc": "caller", "doc_f": "publisher", "mcf": "publisher"}


def test_a_binding_of_a_table_is_none_of_a_factor() -> None:
    with pytest.raises(GreenlangError) as refused:
        LIBRARY.factor_binding(ENTERIC)
    assert refused.value.code == "FORMULA_NOT_FOUND"
    assert {binding.id for binding in LIBRARY.factor_bindings}.isdisjoint(item.id for item in BINDINGS)
    assert len(LIBRARY.factor_bindings) + len(BINDINGS) == len(LIBRARY.bindings)
