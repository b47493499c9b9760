"""Uncertainty of totals: what lines share is added before it is squared, what they do not share after."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import polars as pl
import pytest

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.batch_uncertainty import LineUncertainty, uncertain_totals
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.sampling import GRAIN, generator
from greenlang_assets.core.calculation.spread import read_spread
from greenlang_assets.core.calculation.uncertainty import Simulation
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD

ROW = {
    "tenant": "town",
    "period": "2016",
    "facility_id": "house-1",
    "facility_name": "A house",
    "scope": "1",
    "activity": "natural-gas",
    "region": "US",
    "quantity": 1000.0,
    "unit": "mmBtu[gross]",
    "data_year": 2016,
    "source_document": "A document",
    "source_row": 2,
    "source_file": "a.csv",
    "source_sha256": "0" * 64,
}
POWER = {"scope": "2", "activity": "grid-electricity", "region": "US-EGRID-RFCW", "unit": "MWh"}
HOW = {
    "data_year": 2016,
    "activity": "natural-gas",
    "factor_activity": "natural-gas",
    "publisher": "us-epa",
    "dataset": "stationary-combustion",
    "edition": "2024",
    "activity_unit": "mmBtu",
    "gwp_set": "AR4",
    "reason": "a test",
}
HOW_POWER = HOW | {
    "activity": "grid-electricity",
    "factor_activity": "grid-electricity",
    "dataset": "egrid-subregion",
    "edition": "eGRID2012",
    "activity_unit": "MWh",
}


@pytest.fixture(scope="module")
def engine():
    return CalculationEngine.shipped()


@pytest.fixture(scope="module")
def lines(engine):
    """Three lines of gas and two of power, of two tenants."""
    changes = [
        {"quantity": 300.0},
        {"quantity": 400.0},
        {"quantity": 100.0, "tenant": "village", "facility_id": "house-2"},
        POWER | {"quantity": 20.0},
        POWER | {"quantity": 30.0, "tenant": "village", "facility_id": "house-2"},
    ]
    rows = [ROW | {"activity_id": f"a-{number}"} | change for number, change in enumerate(changes)]
    return calculate_batch(
        pl.DataFrame(rows, schema=ACTIVITY.schema),
        pl.DataFrame([HOW, HOW_POWER], schema=METHOD.schema),
        catalogue=engine.catalogue,
        library=engine.library,
        gwp=engine.gwp,
    ).lines


def factor_ids(lines):
    ids = dict(lines.select("activity", "factor_id").unique().iter_rows())
    return ids["natural-gas"], ids["grid-electricity"]


def masses(lines, activity):
    return lines.filter(pl.col("activity") == activity)["co2e_mg"].to_list()


def totals(engine, lines, activities=None, factors=None, **more):
    return uncertain_totals(lines, engine.library, LineUncertainty(activities or {}, factors or {}), **more)


def refusal(call, *arguments, **keywords):
    with pytest.raises(GreenlangError) as caught:
        call(*arguments, **keywords)
    return caught.value


def test_quantities_add_in_quadrature_and_a_factor_linearly(engine, lines):
    gas, power = factor_ids(lines)
    (found,) = totals(
        engine, lines, {"natural-gas": "2%", "grid-electricity": "1%"}, {gas: "3%", power: "7%"}
    )
    by_gas, by_power = masses(lines, "natural-gas"), masses(lines, "grid-electricity")
    half = math.hypot(
        *(0.02 * mass for mass in by_gas),
        *(0.01 * mass for mass in by_power),
        0.03 * sum(by_gas),
        0.07 * sum(by_power),
    )
    assert found.co2e_mg == sum(by_gas) + sum(by_power)
    assert (found.upper_mg - found.lower_mg) / 2 == pytest.approx(half, abs=1)
    assert found.shares[power] == pytest.approx((0.07 * sum(by_power) / half) ** 2)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert (found.factor_unstated_mg, found.quantity_unstated_mg) == (0, 0)


def test_one_factor_in_a_thousand_lines_does_not_average_out(engine, lines):
    """Independent quantities do: a thousand times the same line has the quantity's percent over its root."""
    gas, _ = factor_ids(lines)
    many = pl.concat(
        [lines.head(1).with_columns(pl.lit(f"b-{number}").alias("activity_id")) for number in range(1000)]
    )
    (by_factor,) = totals(engine, many, factors={gas: "10%"}, simulation=Simulation(100_000))
    (by_quantity,) = totals(engine, many, {"natural-gas": "10%"}, simulation=Simulation(100_000))
    assert by_factor.relative_percent == pytest.approx(10)
    assert by_quantity.relative_percent == pytest.approx(10 / math.sqrt(1000))
    for found in (by_factor, by_quantity):
        width = found.simulated_upper_mg - found.simulated_lower_mg
        assert width == pytest.approx(found.upper_mg - found.lower_mg, rel=0.02)


def test_pooled_draws_are_as_good_as_draws_of_each_line(engine, lines):
    """Normal quantities are pooled, uniform ones are not; both meet a simulation of each line."""
    gas, power = factor_ids(lines)
    stated = {gas: "30%", power: "20% uniform"}
    count = 200_000
    (pooled,) = totals(
        engine,
        lines,
        {"natural-gas": "20%", "grid-electricity": "40% uniform"},
        stated,
        simulation=Simulation(count, 3),
    )
    plain = np.zeros(count)
    stream = iter(range(100))

    def draw(text):
        return read_spread(text, "x", keeps_sign=True).draw(generator(99, str(next(stream))), count)

    gas_factor, power_factor = draw("30%"), draw("20% uniform")
    for mass in masses(lines, "natural-gas"):
        plain += mass * draw("20%") * gas_factor
    for mass in masses(lines, "grid-electricity"):
        plain += mass * draw("40% uniform") * power_factor
    low, high = np.percentile(plain, [2.5, 97.5])
    assert pooled.simulated_lower_mg == pytest.approx(low, rel=0.01)
    assert pooled.simulated_upper_mg == pytest.approx(high, rel=0.01)
    assert pooled.simulated_mean_mg == pytest.approx(plain.mean(), rel=0.002)


def test_groups_are_totals_of_their_lines(engine, lines):
    gas, _ = factor_ids(lines)
    found = totals(engine, lines, {"natural-gas": "5%"}, {gas: "4%"}, by=("tenant", "period"))
    assert [item.group for item in found] == [
        {"tenant": "town", "period": "2016"},
        {"tenant": "village", "period": "2016"},
    ]
    assert [item.lines for item in found] == [3, 2]
    assert sum(item.co2e_mg for item in found) == lines["co2e_mg"].sum()
    village = lines.filter(pl.col("tenant") == "village")
    (alone,) = totals(engine, village, {"natural-gas": "5%"}, {gas: "4%"})
    assert (alone.lower_mg, alone.upper_mg) == (found[1].lower_mg, found[1].upper_mg)
    assert found[1].factor_unstated_mg == sum(masses(village, "grid-electricity"))
    assert found[1].quantity_unstated_mg == sum(masses(village, "grid-electricity"))


def test_same_seed_same_bytes_whatever_the_order_and_the_block(engine, lines):
    gas, power = factor_ids(lines)

    def ask(rows=lines, seed=1, **more):
        found = totals(
            engine,
            rows,
            {"natural-gas": "5%", "grid-electricity": "10% triangular"},
            {gas: "70%", power: "3%"},
            by=("tenant",),
            simulation=Simulation(10_000, seed),
            **more,
        )
        return [item.model_dump_json() for item in found]

    once = ask()
    assert once == ask(lines.reverse()) == ask(block=GRAIN)
    assert not set(once) & set(ask(seed=2))
    assert len({line for line in once if '"provenance_hash":"' in line}) == 2


def test_zero_uncertainty_has_no_width(engine, lines):
    for item in totals(engine, lines, {"natural-gas": "0%"}, simulation=Simulation(1_000)):
        assert item.lower_mg == item.co2e_mg == item.upper_mg
        assert item.simulated_lower_mg == item.co2e_mg == item.simulated_upper_mg


def test_both_scope_2_figures_have_bounds(engine, lines):
    (location,) = totals(engine, lines, {"natural-gas": "5%"})
    (market,) = totals(engine, lines, {"natural-gas": "5%"}, figure="market")
    assert (location.figure, market.figure) == ("location", "market")
    assert location.co2e_mg == market.co2e_mg
    assert location.provenance_hash != market.provenance_hash


def test_what_is_outside_the_scopes_is_in_no_total(engine, lines):
    outside = lines.with_columns(pl.lit("outside").alias("scope"))
    assert totals(engine, outside, {"natural-gas": "5%"}) == []
    assert totals(engine, lines.clear(), {}) == []


@pytest.mark.parametrize(
    ("activities", "factors", "code"),
    [
        ({}, {}, "UNCERTAINTY_MISSING"),
        ({"coal": "5%"}, {}, "UNCERTAINTY_UNKNOWN"),
        ({}, {"us-epa/coal": "5%"}, "UNCERTAINTY_UNKNOWN"),
        ({"natural-gas": "lots"}, {}, "UNCERTAINTY_UNREADABLE"),
    ],
)
def test_what_cannot_be_known_is_refused(engine, lines, activities, factors, code):
    assert refusal(totals, engine, lines, activities, factors).code == code


def test_too_many_lines_that_are_not_normal_are_refused(engine, lines):
    line = lines.head(1)
    many = pl.concat([line] * 10_001).with_columns(
        pl.int_range(pl.len()).cast(pl.String).alias("activity_id")
    )
    error = refusal(totals, engine, many, {"natural-gas": "80% lognormal"}, simulation=Simulation(1_000))
    assert error.code == "SIMULATION_LINES"
    (without,) = totals(engine, many, {"natural-gas": "80% lognormal"})
    assert without.relative_percent == pytest.approx(80 / math.sqrt(10_001))


def test_memory_grows_neither_with_draws_nor_with_normal_lines(engine, lines):
    def peak(draws):
        tracemalloc.start()
        totals(engine, lines, {"natural-gas": "5%"}, simulation=Simulation(draws))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1_000)
    assert peak(1_000_000) < 1.1 * peak(100_000) < 20_000_000
