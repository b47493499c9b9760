"""Bounds and scores of batches: the same as those of the totals, whatever the order of the rows."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.batch_uncertainty import uncertain_totals
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.line_quality import for_sums, line_quality, total_bounds
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.tenants.contracts import ACTIVITY, BOUNDS, METHOD, QUALITY, check
from greenlang_assets.sdk.calculator import shipped_engine

ROW: dict[str, Any] = {
    "tenant": "town", "period": "2016", "facility_id": "house-1", "facility_name": "A house", "scope": "1",
    "activity": "natural-gas", "region": "US", "quantity": 1000.0, "unit": "mmBtu[gross]", "data_year": 2016,
    "source_document": "A document", "source_row": 2, "source_file": "a.csv", "source_sha256": "0" * 64,
}  # fmt: skip
POWER = {"scope": "2", "activity": "grid-electricity", "region": "US-EGRID-RFCW", "unit": "MWh"}
HOW: dict[str, Any] = {
    "data_year": 2016, "activity": "natural-gas", "factor_activity": "natural-gas", "publisher": "us-epa",
    "dataset": "stationary-combustion", "edition": "2024", "activity_unit": "mmBtu", "gwp_set": "AR4",
    "reason": "a test",
}  # fmt: skip
HOW_POWER = HOW | {
    "activity": "grid-electricity", "factor_activity": "grid-electricity", "dataset": "egrid-subregion",
    "edition": "eGRID2012", "activity_unit": "MWh",
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> CalculationEngine:
    return shipped_engine()


def activities() -> pl.DataFrame:
    changes: list[dict[str, Any]] = [
        {"quantity": 300.0},
        {"quantity": 400.0},
        POWER | {"quantity": 20.0},
        {"quantity": 100.0, "facility_id": "house-2"},
        POWER | {"quantity": 30.0, "facility_id": "house-2"},
        POWER | {"quantity": 7.0, "facility_id": "house-3"},
        {"quantity": 5.0, "facility_id": "house-3", "scope": "outside"},
        *({"quantity": 0.1 * n, "facility_id": "house-4"} for n in range(1, 200)),
    ]
    rows = [ROW | {"activity_id": f"a-{number}"} | change for number, change in enumerate(changes)]
    return pl.DataFrame(rows, schema=ACTIVITY.schema)


def methods(gas: dict[str, Any] | None = None, power: dict[str, Any] | None = None) -> pl.DataFrame:
    return pl.DataFrame([HOW | (gas or {}), HOW_POWER | (power or {})], schema=METHOD.schema)


def run(
    engine: CalculationEngine, method: pl.DataFrame, activity: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Lines, their quality, and the bounds of the totals."""
    rows = activities() if activity is None else activity
    result = calculate_batch(rows, method, catalogue=engine.catalogue, library=engine.library, gwp=engine.gwp)
    quality = check(line_quality(result.lines, rows, method, engine.library), QUALITY)
    return result.lines, quality, check(total_bounds(quality, result.totals), BOUNDS)


STATED = methods(
    {"quantity_uncertainty": "2%", "factor_uncertainty": "3%"},
    {"quantity_uncertainty": "40% lognormal", "factor_uncertainty": "7%"},
)


def test_what_nobody_stated_has_no_bounds_and_is_counted(engine: CalculationEngine) -> None:
    _, quality, bounds = run(engine, methods())
    for frame in (quality, bounds):
        assert frame.select("lower_mg", "upper_mg", "distribution").null_count().row(0) == (frame.height,) * 3
    assert bounds["factor_unstated_mg"].to_list() == bounds["co2e_mg"].to_list()
    assert bounds["quantity_unstated_mg"].to_list() == bounds["co2e_mg"].to_list()


def test_a_lines_bounds_are_quantity_and_factor_in_quadrature_and_contain_it(
    engine: CalculationEngine,
) -> None:
    _, quality, _ = run(engine, STATED)
    gas, power = quality.row(0, named=True), quality.filter(pl.col("scope") == "2").row(0, named=True)
    assert (gas["quantity_percent"], gas["factor_percent"], gas["factor_stated_by"]) == (2.0, 3.0, "method")
    half = math.hypot(0.02, 0.03) * gas["co2e_mg"]
    assert gas["lower_mg"] == pytest.approx(gas["co2e_mg"] - half, abs=1)
    assert gas["upper_mg"] == pytest.approx(gas["co2e_mg"] + half, abs=1)
    assert power["quantity_percent"] == 40.0
    assert quality.filter(
        (pl.col("lower_mg") > pl.col("co2e_mg")) | (pl.col("co2e_mg") > pl.col("upper_mg"))
    ).is_empty()


def test_bounds_of_totals_are_those_of_the_general_arithmetic(engine: CalculationEngine) -> None:
    lines, _, bounds = run(engine, STATED)
    named, stated = for_sums(lines, activities(), STATED)
    for figure, prefix in (("location", ""), ("market", "market_")):
        expected = uncertain_totals(
            named, engine.library, stated, by=("facility_id", "period"),
            figure=figure,  # type: ignore[arg-type]
        )  # fmt: skip
        found = bounds.sort("facility_id").iter_rows(named=True)
        for total, row in zip(expected, found, strict=True):
            assert (row["facility_id"], row["period"]) == tuple(total.group.values())
            assert (row[f"{prefix}lower_mg"], row[f"{prefix}upper_mg"]) == (total.lower_mg, total.upper_mg)
            assert row["factor_unstated_mg"] == total.factor_unstated_mg == 0


def test_no_order_of_rows_changes_a_bound(engine: CalculationEngine) -> None:
    _, quality, bounds = run(engine, STATED)
    for seed in range(3):
        shuffled = activities().sample(fraction=1.0, shuffle=True, seed=seed)
        _, again, bounds_again = run(engine, STATED, shuffled)
        assert again.equals(quality)
        assert bounds_again.equals(bounds)


def test_a_part_that_is_unstated_is_named_beside_the_bounds(engine: CalculationEngine) -> None:
    _, quality, bounds = run(engine, methods({"quantity_uncertainty": "5%"}))
    first = bounds.filter(pl.col("facility_id") == "house-1").row(0, named=True)
    power = quality.filter((pl.col("facility_id") == "house-1") & (pl.col("scope") == "2"))["co2e_mg"].item()
    assert first["quantity_unstated_mg"] == power
    assert first["factor_unstated_mg"] == first["co2e_mg"]
    assert first["lower_mg"] < first["co2e_mg"] < first["upper_mg"]
    only_power = bounds.filter(pl.col("facility_id") == "house-3").row(0, named=True)
    assert only_power["lower_mg"] is None


def test_what_a_publisher_states_is_taken_and_its_rating_passed_on(engine: CalculationEngine) -> None:
    of_gas = (pl.col("activity") == "natural-gas") & (pl.col("dataset") == "stationary-combustion")
    frame = engine.catalogue.frame.with_columns(
        pl.when(of_gas).then(10.0).otherwise("uncertainty_percent").alias("uncertainty_percent"),
        pl.when(of_gas).then(pl.lit("DQR 2.1")).otherwise("data_quality").alias("data_quality"),
    )
    catalogue = Catalogue(frame, engine.catalogue.properties, engine.catalogue.gwp)
    stating = CalculationEngine(catalogue, Library.shipped(catalogue), engine.gwp)
    _, quality, _ = run(stating, methods())
    gas = quality.filter(pl.col("scope") == "1")
    assert gas.select("factor_percent", "factor_stated_by", "factor_rating").unique().rows() == [
        (10.0, "publisher", "DQR 2.1")
    ]
    assert gas["lower_mg"].null_count() == 0
    _, overruled, _ = run(stating, methods({"factor_uncertainty": "1%"}))
    assert overruled.filter(pl.col("scope") == "1")["factor_percent"].unique().to_list() == [1.0]


def test_the_interval_that_ademe_prints_bounds_a_real_line(engine: CalculationEngine) -> None:
    flight = "transport-de-marchandises-aerien-avion-cargo-10-25-t-detail-par-kms-parcourus-avion-cargo-10-a-"
    flight += "25-tonnes-under-500-kms-2023-avec-trainees"
    row = {"activity": flight, "scope": "3", "region": "FR", "unit": "t.km", "data_year": 2023}
    how = HOW | {
        "data_year": 2023, "activity": flight, "factor_activity": flight, "publisher": "ademe-base-carbone",
        "dataset": "base-carbone", "edition": "V23.6", "activity_unit": "tonne_km", "gwp_set": "AR5",
    }  # fmt: skip
    rows = pl.DataFrame([ROW | {"activity_id": "a-1"} | row], schema=ACTIVITY.schema)
    _, quality, bounds = run(engine, pl.DataFrame([how], schema=METHOD.schema), rows)
    (line,) = quality.iter_rows(named=True)
    published = engine.catalogue.factor(line["factor_id"])
    assert published.uncertainty_percent == 70.0
    # A half-width of 70 % would reach below zero as a normal one: the interval is lognormal, and contains it.
    assert (line["factor_percent"], line["factor_stated_by"], line["distribution"]) == (
        70.0, "publisher", "lognormal",
    )  # fmt: skip
    assert 0 < line["lower_mg"] < line["co2e_mg"] < line["upper_mg"]
    assert line["factor_rating"] == published.data_quality is not None
    assert bounds["quantity_unstated_mg"].to_list() == bounds["co2e_mg"].to_list()


def test_one_factor_has_one_uncertainty(engine: CalculationEngine) -> None:
    rows = pl.concat(
        [activities().head(1), activities().slice(1, 1).with_columns(data_year=pl.lit(2017, pl.Int64))]
    )
    later = HOW | {"data_year": 2017, "factor_uncertainty": "4%"}
    method = pl.DataFrame([HOW | {"factor_uncertainty": "3%"}, later], schema=METHOD.schema)
    with pytest.raises(GreenlangError, match="METHOD_UNCERTAINTY"):
        run(engine, method, rows)


@pytest.mark.parametrize(
    ("cell", "code"),
    [("much", "UNCERTAINTY_UNREADABLE"), ("90% normal", "UNCERTAINTY_DISTRIBUTION")],
)
def test_an_uncertainty_that_cannot_be_read_is_refused(
    engine: CalculationEngine, cell: str, code: str
) -> None:
    for column in ("quantity_uncertainty", "factor_uncertainty"):
        with pytest.raises(GreenlangError, match=code):
            run(engine, methods({column: cell}))


def test_scores_follow_the_line_and_the_method_and_means_the_weight(engine: CalculationEngine) -> None:
    _, quality, bounds = run(engine, methods({"reliability": "verified-measurement"}))
    gas, power = (quality.filter(pl.col("scope") == scope) for scope in ("1", "2"))
    # Gas of 2016 by a factor of 2024, power by one of 2012.
    assert gas.select("reliability", "temporal", "geographical").unique().rows() == [(1, 3, 1)]
    assert power.select("reliability", "temporal", "geographical").unique().rows() == [(None, 2, 1)]
    row = bounds.filter(pl.col("facility_id") == "house-1").row(0, named=True)
    masses = quality.filter(pl.col("facility_id") == "house-1").group_by("scope").agg(pl.col("co2e_mg").sum())
    by_scope = dict(masses.rows())
    expected = (3 * by_scope["1"] + 2 * by_scope["2"]) / (by_scope["1"] + by_scope["2"])
    assert row["temporal_mean"] == pytest.approx(expected, abs=1e-6)
    assert (row["reliability_mean"], row["technological_mean"]) == (1.0, None)


def test_a_factor_of_another_activity_is_named_as_a_proxy(engine: CalculationEngine) -> None:
    rows = activities().head(1).with_columns(activity=pl.lit("biogas"))
    _, quality, _ = run(engine, methods({"activity": "biogas"}), rows)
    assert quality["proxy"].to_list() == ["natural-gas"]
    assert run(engine, methods())[1]["proxy"].null_count() == activities().height


def test_no_lines_have_no_quality_and_no_bounds(engine: CalculationEngine) -> None:
    _, quality, bounds = run(engine, methods(), activities().with_columns(region=pl.lit("FR")))
    assert quality.is_empty()
    assert bounds.is_empty()
