"""Properties of the calculation: batch and engine agree, order and division do not matter, sums add up.

Rounding: each line is rounded once, to whole milligrams, from a float64. The sum of n parts therefore
differs from the whole by at most half a milligram for each part and one for the whole, and by the float64
error of the products, which stays below a milligram for the quantities drawn here.
"""

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.calculation.scope2 import Instrument, Rate
from greenlang_assets.core.tenants.contracts import ACTIVITY
from greenlang_assets.core.tenants.dataset import load_dataset

ENGINE = CalculationEngine.shipped()
METHOD = load_dataset("chicago").method
KINDS = {
    "grid-electricity": ("2", "US-EGRID-RFCW", ("kBtu", "MWh", "kWh", "GJ", "mmBtu")),
    "natural-gas": ("1", "US", ("kBtu[gross]", "mmBtu[gross]", "therm[gross]", "kWh[gross]", "MJ[gross]")),
    "district-steam": ("2", "US", ("kBtu", "mmBtu", "GJ")),
}
GASES = ("co2", "ch4", "n2o", "co2e")

quantities = st.floats(min_value=0, max_value=1e9, allow_nan=False).map(lambda value: value + 0.0)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


MANY = st.integers(1, 12)


@st.composite
def rows(draw, count=MANY):
    """Activity rows of the kinds that the method table knows, in any of their units."""
    drawn = []
    for number in range(draw(count)):
        kind = draw(st.sampled_from(sorted(KINDS)))
        scope, region, units = KINDS[kind]
        year = draw(st.sampled_from([2014, 2015, 2016, 2017]))
        drawn.append(
            {
                "tenant": "town",
                "period": str(year),
                "facility_id": f"house-{draw(st.integers(1, 3))}",
                "facility_name": "A house",
                "activity_id": f"a-{number}",
                "scope": scope,
                "activity": kind,
                "region": region,
                "quantity": draw(quantities),
                "unit": draw(st.sampled_from(units)),
                "data_year": year,
                "source_document": "A document",
                "source_row": number + 1,
                "source_file": "a.csv",
                "source_sha256": "0" * 64,
            }
        )
    return pl.DataFrame(drawn, schema=ACTIVITY.schema)


def run(activity):
    return calculate_batch(
        activity, METHOD, catalogue=ENGINE.catalogue, library=ENGINE.library, gwp=ENGINE.gwp
    )


def same(left, right):
    return all(getattr(left, name).equals(getattr(right, name)) for name in ("lines", "totals", "rejected"))


@QUICK
@given(rows())
def test_batch_and_engine_publish_the_same_integers(activity):
    result = run(activity)
    assert result.rejected.is_empty()
    for line in result.lines.iter_rows(named=True):
        text = f"{line['quantity']!r} {line['unit']}"
        single = ENGINE.calculate(line["formula_id"], {"activity": text}, CalculationContext(gwp_set="AR4"))
        assert [line[f"{gas}_mg"] for gas in GASES] == [single.output(gas).scaled for gas in GASES]
        assert line["converted_quantity"] == single.inputs[0].quantity


@QUICK
@given(rows(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(activity, random):
    order = list(range(activity.height))
    random.shuffle(order)
    assert same(run(activity[order]), run(activity))


@QUICK
@given(rows(st.integers(2, 12)))
def test_the_division_into_runs_does_not_matter(activity):
    whole = run(activity)
    facilities = activity["facility_id"].unique().sort()
    parts = [run(activity.filter(pl.col("facility_id") == facility)) for facility in facilities]
    for name, key in (("lines", ["activity_id"]), ("totals", ["facility_id", "period"])):
        assert pl.concat([getattr(part, name) for part in parts]).sort(key).equals(getattr(whole, name))
    cut = [run(activity[: activity.height // 2]).lines, run(activity[activity.height // 2 :]).lines]
    assert pl.concat(cut).sort("activity_id").equals(whole.lines)


@QUICK
@given(rows(st.just(1)), st.lists(st.integers(0, 10**9), min_size=2, max_size=8))
def test_parts_add_up_to_the_whole_within_their_rounding(activity, cents):
    # Hundredths of a unit: their sum is exact enough that the parts are parts of the whole.
    parts = pl.concat(
        [
            activity.with_columns(quantity=pl.lit(part / 100), activity_id=pl.lit(f"p-{n}"))
            for n, part in enumerate(cents)
        ]
    )
    whole = run(activity.with_columns(quantity=pl.lit(sum(cents) / 100))).lines.row(0, named=True)
    lines = run(parts).lines
    for gas in GASES:
        difference = abs(sum(lines[f"{gas}_mg"].to_list()) - whole[f"{gas}_mg"])
        assert difference <= (len(cents) + 1) / 2 + 1


@QUICK
@given(rows(st.just(1)))
def test_nothing_used_emits_nothing(activity):
    line = run(activity.with_columns(quantity=pl.lit(0.0))).lines.row(0, named=True)
    assert [line[f"{gas}_mg"] for gas in GASES] == [0, 0, 0, 0]


@QUICK
@given(rows(st.just(1)), quantities, quantities)
def test_more_use_never_emits_less(activity, first, second):
    low, high = sorted((first, second))
    lines = run(
        pl.concat(
            [
                activity.with_columns(quantity=pl.lit(value), activity_id=pl.lit(name))
                for name, value in (("a", low), ("b", high))
            ]
        )
    ).lines
    for gas in GASES:
        assert lines[f"{gas}_mg"].is_sorted()


@QUICK
@given(rows())
def test_co2e_is_its_gases_weighed_within_their_rounding(activity):
    for line in run(activity).lines.iter_rows(named=True):
        weighed = line["co2_mg"] + 25 * line["ch4_mg"] + 298 * line["n2o_mg"]
        assert abs(line["co2e_mg"] - weighed) <= (1 + 25 + 298) / 2 + 1


GRID = (
    "epa.cccl.electricity.location-based/us-epa/electricity/2024/"
    "total-output-emission-factors-ercot-all/us-egrid-erct/2022/mwh"
)


@QUICK
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_zero_rate_instruments_take_their_share_out_of_the_market_figure(use, covered):
    covered = min(use, covered)
    certificate = Instrument(
        instrument_id="c", kind="certificate", quantity=covered, rate=Rate(value=0, source="registry")
    )
    context = CalculationContext(gwp_set="AR5")
    result = ENGINE.scope2(GRID, {"activity": use}, context, instruments=[certificate])
    rest = ENGINE.calculate(GRID, {"activity": use - covered}, context).output("co2e")
    assert result.market.scaled == rest.scaled
    assert 0 <= result.market.scaled <= result.location_co2e.scaled


@pytest.mark.parametrize("gas", GASES)
def test_halves_are_rounded_to_even_by_both(gas):
    # With 1 g CH4 per mmBtu the first three are 0.5, 1.5 and 2.5 milligrams of CH4.
    activity = pl.concat(
        [
            run_row(quantity, f"a-{number}")
            for number, quantity in enumerate((0.0005, 0.0015, 0.0025, 0.0000005, 0.0000015))
        ]
    )
    for line in run(activity).lines.iter_rows(named=True):
        single = ENGINE.calculate(
            line["formula_id"], {"activity": line["quantity"]}, CalculationContext(gwp_set="AR4")
        )
        assert line[f"{gas}_mg"] == single.output(gas).scaled


def run_row(quantity, name):
    row = {
        "tenant": "town",
        "period": "2016",
        "facility_id": "house",
        "facility_name": "A house",
        "activity_id": name,
        "scope": "1",
        "activity": "natural-gas",
        "region": "US",
        "quantity": quantity,
        "unit": "mmBtu[gross]",
        "data_year": 2016,
        "source_document": "A document",
        "source_row": 1,
        "source_file": "a.csv",
        "source_sha256": "0" * 64,
    }
    return pl.DataFrame([row], schema=ACTIVITY.schema)
