"""The Chicago buildings as they ship, calculated and laid beside the city's own figures."""

import polars as pl
import pytest

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.tie_out import REASONS, WITHIN, tie_out
from greenlang_assets.core.tenants.contracts import LINES, REJECTED, TOTALS, check
from greenlang_assets.core.tenants.dataset import load_dataset

#: Period → facilities compared, within 1 %, calculated and reported t CO2e, as first found by hand.
PERIODS = {
    "2014": (188, 187, 2_156_359, 2_156_478),
    "2015": (1392, 1388, 5_234_351, 5_233_774),
    "2016": (2538, 2528, 5_916_486, 5_916_178),
    "2017": (2607, 2542, 5_805_233, 5_792_855),
}


@pytest.fixture(scope="module")
def chicago():
    return load_dataset("chicago")


@pytest.fixture(scope="module")
def parts():
    engine = CalculationEngine.shipped()
    return {"catalogue": engine.catalogue, "library": engine.library, "gwp": engine.gwp}


@pytest.fixture(scope="module")
def result(chicago, parts):
    return calculate_batch(chicago.activity, chicago.method, **parts)


@pytest.fixture(scope="module")
def compared(chicago, parts, result):
    return tie_out(chicago.activity, result.totals, chicago.reported, chicago.method, **parts)


def test_the_buildings_tie_out(compared):
    assert compared.compared == 6725
    assert compared.within == 6645
    assert compared.share >= 0.985
    for period, *figures in compared.periods.drop("share").iter_rows():
        assert tuple(round(figure) for figure in figures) == PERIODS[period]


def test_every_building_that_does_not_has_a_reason(compared):
    apart = compared.facilities.filter(~pl.col("within"))
    assert set(apart["reason"]) <= set(REASONS) - {"within"}
    assert (apart["detail"] != "").all()
    counted = dict(compared.reasons.select("reason", "facilities").iter_rows())
    assert sum(counted.values()) == compared.compared
    assert counted["within"] == compared.within
    assert counted["another_edition"] == 56
    assert counted["unexplained"] <= 20


def test_reasons_are_true_of_the_buildings_they_are_given_to(compared):
    by_facility = {
        (row["facility_id"], row["period"]): (row["reason"], row["detail"])
        for row in compared.facilities.iter_rows(named=True)
    }
    reason, detail = by_facility["chicago-119387", "2017"]
    assert (reason, "461.7 t against 461.7 t" in detail) == ("gas_alone", True)
    assert by_facility["chicago-101872", "2017"][0] == "energy_not_listed"
    assert by_facility["chicago-251875", "2015"][0] == "reporting_step"
    reason, detail = by_facility["chicago-134790", "2017"]
    assert (reason, "eGRID2016" in detail) == ("another_edition", True)


def test_the_comparison_covers_whom_its_predicate_says(chicago, compared):
    kinds = chicago.activity.group_by("facility_id", "period").agg(pl.col("activity").unique())
    joined = compared.facilities.join(kinds, on=["facility_id", "period"], how="left")
    for activities in joined["activity"]:
        assert "grid-electricity" in activities
        assert set(activities) <= {"grid-electricity", "natural-gas"}
    assert (compared.facilities["reported_tco2e"] > 0).all()


def test_the_share_is_that_of_the_differences(compared):
    assert compared.within == (compared.facilities["relative_difference"].abs() <= WITHIN).sum()


def test_every_activity_row_is_calculated_or_rejected(chicago, result):
    assert result.lines.height + result.rejected.height == chicago.activity.height
    for frame, contract in ((result.lines, LINES), (result.totals, TOTALS), (result.rejected, REJECTED)):
        check(frame, contract)
    by_code = dict(result.rejected.group_by("code").len().iter_rows())
    kinds = dict(chicago.activity.group_by("activity").len().iter_rows())
    assert by_code == {
        "METHOD_MISSING": kinds["district-chilled-water"] + kinds["other-fuel"],
        "INPUT_OUT_OF_BOUNDS": 3,
    }
    assert result.totals["rejected"].sum() <= result.rejected.height


def test_steam_by_the_hub_ties_out_too(chicago, result):
    """Not part of the comparison: why the method table takes Table 7 of the Hub for district steam."""
    kinds = chicago.activity.group_by("facility_id", "period").agg(
        (pl.col("activity") == "district-steam").any().alias("steam"),
        pl.col("activity").is_in(["grid-electricity", "natural-gas", "district-steam"]).all().alias("known"),
    )
    key = ["facility_id", "period"]
    steam = (
        result.totals.filter(pl.col("rejected") == 0)
        .join(kinds.filter(pl.col("steam") & pl.col("known")), on=key)
        .join(chicago.reported.filter(pl.col("reported_tco2e") > 0).select(*key, "reported_tco2e"), on=key)
    )
    near = (steam["co2e_mg"] / 1e9 / steam["reported_tco2e"] - 1).abs() <= WITHIN
    assert (steam.height, int(near.sum())) == (134, 132)


def test_a_facility_that_reports_what_is_calculated_needs_no_reason(chicago, parts, result):
    exact = chicago.reported.join(
        result.totals.select("facility_id", "period", (pl.col("co2e_mg") / 1e9).alias("own")),
        on=["facility_id", "period"],
        how="inner",
    ).with_columns(pl.col("own").alias("reported_tco2e"))
    compared = tie_out(
        chicago.activity, result.totals, exact.select(chicago.reported.columns), chicago.method, **parts
    )
    assert compared.share == 1
    nobody = tie_out(chicago.activity, result.totals, chicago.reported.head(0), chicago.method, **parts)
    assert (nobody.compared, nobody.share, nobody.periods.height) == (0, 0.0, 0)


@pytest.mark.parametrize("period", PERIODS)
def test_the_method_names_the_one_edition_that_reproduces_the_city(chicago, parts, compared, period):
    """What the reasons in the method table say, on one compared building in eight."""
    sample = compared.facilities.filter(pl.col("period") == period).gather_every(8)
    key = ["facility_id", "period"]
    activity = chicago.activity.join(sample.select(key), on=key, how="semi")
    power = (pl.col("activity") == "grid-electricity") & (pl.col("data_year") == int(period))
    stated = chicago.method.filter(power)["edition"][0]
    grid = parts["catalogue"].frame.filter(
        (pl.col("dataset") == "egrid-subregion")
        & (pl.col("region") == "US-EGRID-RFCW")
        & (pl.col("year") <= int(period))
    )
    shares = {}
    for edition in grid["edition"]:
        method = chicago.method.with_columns(
            edition=pl.when(power).then(pl.lit(edition)).otherwise("edition")
        )
        totals = calculate_batch(activity, method, **parts).totals.select(*key, "co2e_mg")
        both = totals.join(sample.select(*key, "reported_tco2e"), on=key)
        difference = both["co2e_mg"] / 1e9 / both["reported_tco2e"] - 1
        shares[edition] = (difference.abs() <= 0.001).mean()
    assert shares.pop(stated) >= 0.9
    assert max(shares.values()) <= 0.15  # buildings that use next to no electricity fit any edition
