"""Restatement: the same rows with another edition, against figures worked out from the two factor rows."""

import polars as pl
import pytest

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.restatement import SCHEMA, base_years, joined, restate, with_edition
from greenlang_assets.core.factors.editions import EditionName
from greenlang_assets.core.provenance.rows import identity
from greenlang_assets.core.recipes.restatement import with_rows
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD

BEFORE = EditionName("us-epa", "egrid-subregion", "eGRID2010")
AFTER = EditionName("us-epa", "egrid-subregion", "eGRID2012")
HUB = EditionName("us-epa", "stationary-combustion", "2024")
POWER = {
    "tenant": "town",
    "period": "2014",
    "facility_id": "house-1",
    "facility_name": "A house",
    "scope": "2",
    "activity": "grid-electricity",
    "region": "US-EGRID-RFCW",
    "quantity": 1000.0,
    "unit": "MWh",
    "data_year": 2014,
    "source_document": "A document",
    "source_row": 2,
    "source_file": "a.csv",
    "source_sha256": "0" * 64,
}
GAS = POWER | {"scope": "1", "activity": "natural-gas", "region": "US", "unit": "mmBtu[gross]"}
HOW = {
    "data_year": 2014,
    "activity": "grid-electricity",
    "factor_activity": "grid-electricity",
    "publisher": BEFORE.publisher,
    "dataset": BEFORE.dataset,
    "edition": BEFORE.edition,
    "activity_unit": "MWh",
    "gwp_set": "AR4",
    "reason": "a test",
}
HOW_GAS = HOW | {
    "activity": "natural-gas",
    "factor_activity": "natural-gas",
    "dataset": HUB.dataset,
    "edition": HUB.edition,
    "activity_unit": "mmBtu",
}
METHODS = pl.DataFrame([HOW, HOW_GAS], schema=METHOD.schema)


@pytest.fixture(scope="module")
def engine():
    return CalculationEngine.shipped()


def rows_of(engine, name):
    return engine.catalogue.frame.filter(publisher=name.publisher, dataset=name.dataset, edition=name.edition)


def activity(*changes):
    rows = [POWER | {"activity_id": f"a-{number}"} | change for number, change in enumerate(changes)]
    return pl.DataFrame(rows, schema=ACTIVITY.schema)


def parts(engine):
    return {"catalogue": engine.catalogue, "library": engine.library, "gwp": engine.gwp}


def again(engine, rows, after=AFTER):
    lines = calculate_batch(rows, METHODS, **parts(engine)).lines
    hashes = frozenset(identity(row) for row in rows_of(engine, BEFORE).iter_rows(named=True))
    return lines, restate(
        lines, rows, METHODS, before=BEFORE, after=after, factor_sha256s=hashes, **parts(engine)
    )


def test_only_the_rows_of_the_edition_change_and_by_its_figures(engine):
    lines, found = again(engine, activity({}, {"quantity": 500.0}, GAS))
    (row,) = found.differences.to_dicts()
    assert found.rejected.is_empty()
    assert (row["tenant"], row["period"], row["scope"], row["category"], row["lines"]) == (
        "town", "2014", "2", "grid-electricity", 2,
    )  # fmt: skip
    assert row["location_before_mg"] == int(lines.filter(scope="2")["co2e_mg"].sum())
    # Nothing but the edition in the method's table differs from a run of the whole.
    whole = calculate_batch(
        activity({}, {"quantity": 500.0}), with_edition(METHODS, BEFORE, AFTER), **parts(engine)
    )
    assert row["location_after_mg"] == int(whole.lines["co2e_mg"].sum())
    assert row["market_after_mg"] == row["location_after_mg"]
    assert row["location_after_mg"] != row["location_before_mg"]


def test_a_correction_of_the_same_edition_is_calculated_with_the_corrected_rows(engine):
    """The method names the edition, not its version; only the rows under the name differ."""
    rows = activity({}, GAS)
    lines = calculate_batch(rows, METHODS, **parts(engine)).lines
    held = rows_of(engine, BEFORE)
    corrected = held.with_columns(pl.lit("2010.0.1").alias("version"), pl.col("co2", "ch4", "n2o") * 2)
    hashes = frozenset(identity(row) for row in held.iter_rows(named=True))
    found = restate(
        lines, rows, METHODS,
        before=BEFORE, after=BEFORE, factor_sha256s=hashes, **with_rows(parts(engine), BEFORE, corrected),
    )  # fmt: skip
    (row,) = found.differences.to_dicts()
    assert row["location_after_mg"] == pytest.approx(2 * row["location_before_mg"], abs=1)


def test_rows_that_are_in_force_change_nothing(engine):
    given = parts(engine)
    assert with_rows(given, AFTER, rows_of(engine, AFTER)) is given


def test_an_edition_that_nothing_rests_on_changes_nothing(engine):
    _, found = again(engine, activity(GAS))
    assert found.differences.is_empty()
    assert dict(found.differences.schema) == SCHEMA


def test_what_the_other_edition_cannot_calculate_counts_before_and_not_after(engine):
    _, found = again(engine, activity({}), after=EditionName("us-epa", "egrid-subregion", "eGRID1900"))
    (row,) = found.differences.to_dicts()
    assert row["location_before_mg"] > 0
    assert row["location_after_mg"] == 0
    (refused,) = found.rejected.to_dicts()
    assert refused["activity_id"] == "a-0"
    assert refused["code"]
    assert refused["expected"]


@pytest.mark.parametrize(("share", "significant"), [(0.9999, False), (1.0, True), (1.0001, True)])
def test_the_threshold_is_held_against_the_whole_inventory_of_the_base_year(engine, share, significant):
    rows = activity({}, GAS, {"period": "2015"})
    lines, found = again(engine, rows)
    moved = found.differences.filter(period="2014")
    change = int((moved["location_after_mg"] - moved["location_before_mg"]).sum())
    total = int(lines.filter(period="2014")["co2e_mg"].sum())
    exact = abs(change) / total * 100
    location, market = base_years(lines, found.differences, threshold_percent=exact / share)
    assert (location.figure, market.figure) == ("location", "market")
    assert (location.period, location.before_mg, location.after_mg) == ("2014", total, total + change)
    assert location.percent == pytest.approx(change / total * 100)
    assert location.significant is significant


def test_another_base_year_can_be_named(engine):
    lines, found = again(engine, activity({}, {"period": "2015", "quantity": 10.0}))
    years = base_years(lines, found.differences, threshold_percent=5.0, period="2015")
    assert {year.period for year in years} == {"2015"}


def test_parts_are_joined_whatever_their_order(engine):
    _, one = again(engine, activity({}))
    _, other = again(engine, activity({"tenant": "abbey"}))
    assert joined([one, other]).differences.equals(joined([other, one]).differences)
    assert joined([]).differences.is_empty()
