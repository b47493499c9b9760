"""The shipped formula library against what its sources print.

Every test vector of every equation and binding runs through the exact interpreter, the float path and
Polars. Where a publisher prints one quantity twice, on two unit bases or as parts and total, the library
computes one from the other and must meet the printed rounding.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.library import FORMULAS_ROOT, Library
from greenlang_assets.core.formulas.model import Equation
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.reference import evaluate_exact
from greenlang_assets.core.formulas.values import read_values

CATALOGUE = Catalogue.shipped()
LIBRARY = Library.shipped(CATALOGUE)
BOUND = sorted({binding.equation.id for binding in LIBRARY.factor_bindings})

#: Forms that could be read only in somebody's rendering of the official text.
SECOND_HAND = {
    "chp.allocation.efficiency",
    "chp.allocation.finnish",
    "chp.allocation.iea",
    "epa.cccl.fugitive.eq5",
    "epa.cccl.fugitive.eq6",
    "epa.cccl.fugitive.fire-screening",
    "epa.cccl.steam-boiler-efficiency",
    "ghgp.scope2.market-based",
    "sbti.finance.annual-reduction",
    "sbti.finance.owned",
    "sbti.finance.tets",
    "sbti.finance.wats",
}

#: Kilograms in the mass units that publishers use, written out here so that units.py does not judge itself.
KILOGRAMS = {
    "kg": Fraction(1),
    "g": Fraction(1, 1000),
    "lb": Fraction(45359237, 100_000_000),
    "tonne": Fraction(1000),
}

#: Units of activity in the unit that the formula takes, where its source fixes one.
IN_FORMULA = {("GWh", "MWh"): 1000, ("tonne", "kg"): 1000}


def printed(value: float) -> Fraction:
    """The decimal number that a cell prints."""
    return Fraction(repr(value))


def half_of_last_digit(value: float) -> Fraction:
    """Half a unit in the last place of a printed number; whole numbers are printed to the unit."""
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return Fraction(1, 2 * 10 ** max(0, -int(exponent)))


def through_polars(formula: Equation | Binding, cases: list[Any]) -> list[dict[str, float]]:
    """All cases of one formula as rows of one frame."""
    columns: dict[str, list[float]] = {name: [] for name, _ in formula.plan.inputs}
    for owner, inputs in cases:
        _, numbers, _ = read_values(owner, inputs)
        for name, cells in columns.items():
            cells.append(float(numbers[name]))
    return pl.DataFrame(columns).select(**compile_polars(formula.plan)).to_dicts()


def close(value: float, exact: Fraction) -> bool:
    """Float64 noise only: no formula of the library loses more than a few digits."""
    return abs(Fraction(value) - exact) <= abs(exact) * Fraction(1, 10**12)


@pytest.mark.parametrize("equation", LIBRARY.equations, ids=lambda equation: equation.id)
def test_equation_reproduces_its_vectors_on_three_engines(equation: Equation) -> None:
    cases = [(equation, LIBRARY.inputs_of(equation, vector)) for vector in equation.vectors]
    frame = through_polars(equation, cases)
    for vector, (_, inputs), row in zip(equation.vectors, cases, frame, strict=True):
        exact, single = evaluate_exact(equation, inputs), evaluate_float(equation, inputs)
        for output in equation.outputs:
            name = output.symbol
            if name in vector.outputs:
                assert abs(exact[name] - Fraction(vector.outputs[name])) <= vector.allowed(output), (
                    vector.source
                )
            assert close(single[name], exact[name])
            assert row[name] == single[name]


@pytest.mark.parametrize("equation_id", BOUND)
def test_one_unit_of_activity_gives_the_printed_factor(equation_id: str) -> None:
    groups: dict[str, list[Binding]] = defaultdict(list)
    for binding in LIBRARY.factor_bindings:
        if binding.equation.id == equation_id:
            groups[binding.activity_unit.text].append(binding)
    for bindings in groups.values():
        frame = through_polars(bindings[0], [(item, item.vectors[0].inputs) for item in bindings])
        for binding, row in zip(bindings, frame, strict=True):
            inputs = binding.vectors[0].inputs
            exact, single = evaluate_exact(binding, inputs), evaluate_float(binding, inputs)
            for output, column in binding.rule.expect.items():
                unit = binding.row["co2e_unit" if column == "co2e" else f"{column}_unit"]
                mass, _, per = unit.partition("/")
                result = next(item.unit for item in binding.outputs if item.symbol == output)
                result_mass = result.partition("[")[0]
                expected = printed(binding.row[column]) * KILOGRAMS[mass] / KILOGRAMS[result_mass]
                taken = {item.unit for item in binding.inputs if item.role == "activity"}
                expected /= next((IN_FORMULA[per, one] for one in taken if (per, one) in IN_FORMULA), 1)
                assert exact[output] == expected, binding.id
            for name, value in single.items():
                assert close(value, exact[name]), binding.id
                assert row[name] == value, binding.id


def test_every_binding_states_what_one_unit_gives() -> None:
    open_ended = [binding.id for binding in LIBRARY.factor_bindings if not binding.rule.expect]
    other = [
        binding.id
        for binding in LIBRARY.factor_bindings
        if any(
            binding.vectors[0].inputs[item.symbol] != 1
            for item in binding.inputs
            if item.role in ("activity", "property")
        )
    ]
    assert (open_ended, other) == ([], [])


def test_hub_table_1_agrees_with_its_second_unit_basis() -> None:
    """Heat content times the factor per mmBtu is the factor per short ton, scf or gallon as printed."""
    stationary = CATALOGUE.frame.filter(pl.col("dataset") == "stationary-combustion")
    by_heat = {
        (row["edition"], row["activity_path"]): row["factor_id"]
        for row in stationary.filter(pl.col("activity_unit") == "mmBtu").iter_rows(named=True)
    }
    heat = {
        (row["edition"], row["activity_path"]): row["value"]
        for row in CATALOGUE.properties.filter(pl.col("property") == "heat_content").iter_rows(named=True)
    }
    compared: Counter[str] = Counter()
    for row in stationary.filter(pl.col("activity_unit") != "mmBtu").iter_rows(named=True):
        fuel = (row["edition"], row["activity_path"])
        binding = LIBRARY.find_binding(factor_id=by_heat[fuel])
        gwp = {item.symbol: 1 for item in binding.inputs if item.role == "gwp"}
        result = evaluate_exact(binding, {"activity": str(heat[fuel]), **gwp})
        for gas in ("co2", "co2_biogenic", "ch4", "n2o"):
            if row[gas] is None:
                continue
            scale = KILOGRAMS[row[f"{gas}_unit"].partition("/")[0]]
            difference = abs(result[gas] / scale - printed(row[gas]))
            assert difference <= half_of_last_digit(row[gas]), (fuel, gas)
            compared[row["activity_unit"]] += 1
    assert compared == {"short_ton": 102, "scf": 42, "gallon": 204}


def test_the_regulation_through_heat_content_gives_the_hub_factor_per_physical_unit() -> None:
    equation = LIBRARY.equation("carb.mrr2008.95125-a")
    per_ton = evaluate_exact(equation, {"fuel": 1, "heat_content": "25.09", "ef_co2": "103.69"})
    assert round(per_ton["co2"] * 1000) == 2602  # anthracite, kg CO2 per short ton, as the Hub prints it


def test_desnz_parts_add_up_to_the_printed_total() -> None:
    """The total is bound; the CO2, CH4 and N2O parts beside it are printed to five decimals each."""
    compared = 0
    for binding in LIBRARY.factor_bindings:
        parts = [binding.row[f"co2e_of_{gas}"] for gas in ("co2", "ch4", "n2o")]
        if binding.row["publisher"] != "uk-desnz" or None in parts:
            continue
        total = evaluate_exact(binding, binding.vectors[0].inputs)["co2e"]
        assert abs(sum(map(printed, parts)) - total) <= Fraction(2, 100_000) + Fraction(1, 10**9), binding.id
        compared += 1
    assert compared > 1_900


def test_no_equation_carries_the_library() -> None:
    """Eight thousand formulas are not one form eight thousand times."""
    stats = LIBRARY.stats()
    assert stats["bindings"] == len(LIBRARY.bindings) >= 8_000
    counts = Counter(binding.equation.id for binding in LIBRARY.bindings)
    equation, most = counts.most_common(1)[0]
    assert most * 10 < stats["bindings"]
    assert stats["largest_share"] == {
        "equation": equation,
        "bindings": most,
        "share": round(most / stats["bindings"], 4),
    }


def test_a_factor_row_has_one_formula() -> None:
    counts = Counter(binding.factor_id for binding in LIBRARY.factor_bindings)
    assert [factor for factor, count in counts.items() if count > 1] == []


def test_non_baseload_rates_have_no_inventory_formula() -> None:
    """EPA prints below Table 6 that they are not for footprints or inventories."""
    bound = {binding.factor_id for binding in LIBRARY.factor_bindings}
    rates = CATALOGUE.frame.filter(pl.col("activity") == "grid-electricity-non-baseload")["factor_id"]
    assert len(rates) > 0
    assert bound.isdisjoint(rates)


def test_every_factor_of_the_editions_in_use_has_a_formula_or_a_reason() -> None:
    """EPA's Hub and eGRID whole; of DESNZ all but what another unit or no official formula speaks against."""
    figures = ("co2", "ch4", "n2o", "co2_biogenic", "co2e")
    desnz = (pl.col("publisher") == "uk-desnz") & pl.col("edition").is_in(["2024", "2025"])
    hub = (pl.col("publisher") == "us-epa") & pl.col("edition").is_in(["2024", "2025"])
    bound = {binding.factor_id for binding in LIBRARY.factor_bindings}
    usable = CATALOGUE.frame.filter(
        pl.any_horizontal(pl.col(figure).is_not_null() for figure in figures),
        pl.col("activity") != "grid-electricity-non-baseload",
        desnz | hub | (pl.col("dataset") == "egrid-subregion"),
    )
    assert usable.height > 6_000
    unbound = usable.filter(~pl.col("factor_id").is_in(bound))
    assert set(unbound["publisher"]) == {"uk-desnz"}
    per_mile = pl.col("activity_unit") == "vehicle_mile"
    twice = unbound.filter(per_mile | (pl.col("activity_unit") == "ML"))
    assert_twins_are_bound(twice, bound)
    kinds = unbound.filter(~per_mile & (pl.col("activity_unit") != "ML")).select(
        pl.col("activity_path").str.split(" > ").list.first(), "activity_unit"
    )
    assert set(kinds.iter_rows()) == {
        ("UK electricity for EVs", "tonne_km"),
        ("UK electricity T&D for EVs", "tonne_km"),
        ("WTT- delivery vehs & freight", "vehicle_km"),
    }


def assert_twins_are_bound(twice: pl.DataFrame, bound: set[str]) -> None:
    """What is printed per mile and per kilometre, or per m3 and per million litres, has one formula."""
    other = {"vehicle_mile": "vehicle_km", "ML": "m3"}
    place = ["edition", "activity_path", "activity_unit"]
    known = {row[:3]: row[3] for row in CATALOGUE.frame.select(*place, "factor_id").iter_rows()}
    for edition, path, unit in twice.select(place).iter_rows():
        twin = known[edition, path, other[unit]]
        assert twin in bound or path.startswith("WTT- delivery vehs & freight"), twin


def test_equations_say_where_their_text_was_read() -> None:
    second_hand = {item.id for item in LIBRARY.equations if item.citation.text == "second-hand"}
    assert second_hand == SECOND_HAND
    for equation in LIBRARY.equations:
        citation = equation.citation
        assert citation.locator.strip(), equation.id
        assert len(citation.read_in) > 20, equation.id
        assert citation.licence.strip(), equation.id
        for item in equation.inputs:
            assert item.meaning, (equation.id, item.symbol)


def test_what_is_missing_is_listed_and_not_filled() -> None:
    known = {equation.id for equation in LIBRARY.equations}
    gaps = [gap.id for gap in LIBRARY.gaps]
    assert len(gaps) == len(set(gaps)) > 0
    assert known.isdisjoint(gaps)
    assert all(len(gap.reason) > 10 for gap in LIBRARY.gaps)


def test_counts_keep_their_floors() -> None:
    stats = LIBRARY.stats()
    assert stats["equations"] >= 100
    assert stats["second_hand"] == len(SECOND_HAND)
    assert stats["bindings"] >= 6_500
    assert stats["duplicates"] == 0


def test_no_machine_path_in_the_family_files() -> None:
    for file in sorted(FORMULAS_ROOT.glob("*.yaml")):
        text = file.read_text("utf-8")
        assert not any(root in text for root in ("/home/", "/root/", "/tmp/", "C:\\")), file.name
