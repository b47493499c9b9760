"""The batch: every row is a line or a rejected row with its reason, and sums are exact."""

from fractions import Fraction

import polars as pl
import pytest

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.lines import line_sha256, total_sha256
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.provenance.canonical import row_sha256
from greenlang_assets.core.tenants.contracts import ACTIVITY, LINES, METHOD, REJECTED, TOTALS, check

ROW = {
    "tenant": "town",
    "period": "2016",
    "facility_id": "house-1",
    "facility_name": "A house",
    "scope": "1",
    "activity": "natural-gas",
    "region": "US",
    "quantity": 1000.0,
    "unit": "kBtu[gross]",
    "data_year": 2016,
    "source_document": "A document",
    "source_row": 2,
    "source_file": "a.csv",
    "source_sha256": "0" * 64,
}
POWER = {"scope": "2", "activity": "grid-electricity", "region": "US-EGRID-RFCW", "unit": "kBtu"}
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


def activities(*changes):
    rows = [ROW | {"activity_id": f"a-{number}"} | change for number, change in enumerate(changes)]
    return pl.DataFrame(rows, schema=ACTIVITY.schema)


def methods(*changes):
    return pl.DataFrame([HOW | change for change in changes], schema=METHOD.schema)


def run(engine, activity, method=None):
    return calculate_batch(
        activity,
        methods({}, HOW_POWER) if method is None else method,
        catalogue=engine.catalogue,
        library=engine.library,
        gwp=engine.gwp,
    )


def test_the_tables_keep_their_contracts(engine):
    result = run(engine, activities({}, POWER, {"unit": "furlong"}))
    check(result.lines, LINES)
    check(result.totals, TOTALS)
    check(result.rejected, REJECTED)


def test_a_line_holds_the_integers_of_the_engine_and_the_way_to_its_source(engine):
    activity = activities({"quantity": 12345.678}, POWER | {"quantity": 98765.4321})
    result = run(engine, activity)
    for line in result.lines.iter_rows(named=True):
        single = engine.calculate(
            line["formula_id"],
            {"activity": f"{line['quantity']} {line['unit']}"},
            CalculationContext(gwp_set="AR4"),
        )
        for gas in ("co2", "ch4", "n2o", "co2e"):
            assert line[f"{gas}_mg"] == single.output(gas).scaled
        assert line["co2_biogenic_mg"] is None
        assert line["converted_quantity"] == single.inputs[0].quantity
        assert (
            line["factor_sha256"] == single.factor_sha256 == engine.catalogue.factor(line["factor_id"]).sha256
        )
        assert line["formula_sha256"] == engine.library.binding(line["formula_id"]).sha256
        assert (line["gwp_set"], line["gwp_sha256"]) == ("AR4", single.gwp_sha256)
    assert result.lines["year_distance"].to_list() == [2016 - 2024, 2016 - 2012]
    assert result.lines["activity_sha256"].to_list() == [
        row_sha256(row) for row in activity.iter_rows(named=True)
    ]


VALUE_CHAIN = {
    "rail": ("ghgp.scope3.6.1", "uk-desnz", "conversion-factors", "2024", "passenger_km", 200.0),
    "hotel-stay-hotel-stay-uk": (
        "ghgp.scope3.6.1",
        "uk-desnz",
        "conversion-factors",
        "2024",
        "room_night",
        3.0,
    ),
    "freighting-goods-rail-freight-train": (
        "ileap.element",
        "uk-desnz",
        "conversion-factors",
        "2025",
        "tonne_km",
        1e4,
    ),
    "material-use-metal-metal-steel-cans-primary-material-production": (
        "ghgp.scope3.1.4",
        "uk-desnz",
        "conversion-factors",
        "2025",
        "tonne",
        2.5,
    ),
    "waste-disposal-metal-metal-steel-cans-landfill": (
        "ghgp.scope3.5.2",
        "uk-desnz",
        "conversion-factors",
        "2025",
        "tonne",
        0.8,
    ),
    "naics-111110-soybean-farming": (
        "ghgp.scope3.1.5",
        "us-epa",
        "supply-chain",
        "v1.3.0",
        "USD[2022]",
        1e6,
    ),
}


def test_the_value_chain_is_calculated_by_the_formula_of_what_each_row_is(engine):
    rows, how = [], []
    for activity, (_, publisher, dataset, edition, unit, quantity) in VALUE_CHAIN.items():
        place = {"activity": activity, "data_year": 2025}
        region = "US" if publisher == "us-epa" else "GB"
        rows.append(place | {"scope": "3", "region": region, "unit": unit, "quantity": quantity})
        how.append(
            place
            | {"factor_activity": activity, "publisher": publisher, "dataset": dataset, "edition": edition}
            | {"activity_unit": unit, "gwp_set": "AR5"}
        )
    result = run(engine, activities(*rows), methods(*how))
    assert result.rejected.is_empty()
    for line in result.lines.iter_rows(named=True):
        equation, *_, quantity = VALUE_CHAIN[line["activity"]]
        assert line["formula_id"] == f"{equation}/{line['factor_id']}"
        factor = engine.catalogue.factor(line["factor_id"])
        assert line["co2e_mg"] == round(Fraction(repr(factor.co2e)) * Fraction(quantity) * 10**6)


def test_scope_2_has_both_figures_and_scope_1_one(engine):
    lines = run(engine, activities({}, POWER)).lines
    gas, power = lines.iter_rows(named=True)
    assert (gas["co2e_market_mg"], gas["market_basis"]) == (None, None)
    assert power["co2e_market_mg"] == power["co2e_mg"] > 0
    assert "no residual mix" in power["market_basis"]


def test_hashes_are_formed_from_the_rows_alone(engine):
    result = run(engine, activities({}, POWER))
    for line in result.lines.iter_rows(named=True):
        assert line_sha256(line) == line["line_sha256"]
        for column, other in (("co2e_mg", line["co2e_mg"] + 1), ("quantity", 0.5), ("gwp_set", "AR5")):
            assert line_sha256(line | {column: other}) != line["line_sha256"]
    total = result.totals.row(0, named=True)
    assert total_sha256(total) == total["total_sha256"]
    assert total_sha256(total | {"co2e_mg": total["co2e_mg"] - 1}) != total["total_sha256"]
    assert total["line_sha256s"].split(" ") == sorted(result.lines["line_sha256"])


def test_totals_are_the_sums_of_their_lines_per_facility_and_period(engine):
    other = {"facility_id": "house-2", "facility_name": "Another"}
    result = run(engine, activities({}, POWER, other, {"period": "2017"}, {"scope": "outside"}))
    key = ["facility_id", "period"]
    assert result.totals.select(*key, "lines", "rejected").rows() == [
        ("house-1", "2016", 2, 0),
        ("house-1", "2017", 1, 0),
        ("house-2", "2016", 1, 0),
    ]
    summed = (
        result.lines.filter(pl.col("scope") != "outside").group_by(key).agg(pl.col("co2e_mg").sum()).sort(key)
    )
    assert summed["co2e_mg"].to_list() == result.totals["co2e_mg"].to_list()


GRID = {
    "scope": "2", "activity": "grid-electricity", "region": "GB-SCT", "unit": "kWh", "data_year": 2024,
    "period": "2024",
}  # fmt: skip
HOW_GRID = HOW_POWER | {
    "data_year": 2024, "publisher": "uk-desnz", "dataset": "conversion-factors", "edition": "2024",
    "activity_unit": "kWh", "gwp_set": "AR5",
}  # fmt: skip


@pytest.fixture(scope="module")
def two_years(engine):
    """A catalogue in which one edition gives natural gas for two years."""
    frame = engine.catalogue.frame
    of_gas = (pl.col("activity") == "natural-gas") & (pl.col("dataset") == "stationary-combustion")
    older = frame.filter(of_gas & (pl.col("edition") == "2024")).with_columns(
        pl.col("factor_id").str.replace("/us/2024/", "/us/2020/"), pl.lit(2020).cast(pl.Int64).alias("year")
    )
    catalogue = Catalogue(pl.concat([frame, older]), engine.catalogue.properties, engine.catalogue.gwp)
    return CalculationEngine(catalogue, Library.shipped(catalogue), engine.gwp)


@pytest.mark.parametrize(
    ("row", "how", "allowed", "level", "year"),
    [
        (GRID, HOW_GRID, ("region", "both"), "country", 2024),
        ({"data_year": 2022}, HOW | {"data_year": 2022}, ("year", "both"), "exact", 2020),
        ({"data_year": 2022, "region": "US-TX"}, HOW | {"data_year": 2022}, ("both",), "country", 2020),
    ],
)
def test_a_fallback_is_what_the_method_allows_and_no_more(two_years, row, how, allowed, level, year):
    for fallback in (None, "none", "region", "year", "both"):
        result = run(two_years, activities(row), methods(how | {"fallback": fallback}))
        if fallback in allowed:
            (line,) = result.lines.iter_rows(named=True)
            assert two_years.catalogue.factor(line["factor_id"]).year == year
            assert (line["matched_level"], line["year_distance"]) == (level, how["data_year"] - year)
            check(result.lines, LINES)
        else:
            assert result.rejected["code"].to_list() == ["FACTOR_NOT_FOUND"]


def test_allowing_a_fallback_changes_no_line_that_needs_none(engine):
    rows = activities({}, POWER)
    allowed = run(engine, rows, methods({"fallback": "both"}, HOW_POWER | {"fallback": "both"}))
    assert allowed.lines.equals(run(engine, rows).lines)
    assert allowed.totals.equals(run(engine, rows).totals)


REJECTIONS = {
    "no method": ({"activity": "district-chilled-water"}, "METHOD_MISSING", "natural-gas"),
    "no method for the year": ({"data_year": 1999}, "METHOD_MISSING", "data year"),
    "no factor in the region": ({"region": "FR"}, "FACTOR_NOT_FOUND", "US"),
    "unknown unit": ({"unit": "furlong"}, "UNIT_UNKNOWN", None),
    "net for gross": ({"unit": "kBtu[net]"}, "UNIT_MISMATCH", "mmBtu[gross]"),
    "negative": ({"quantity": -5.0}, "INPUT_OUT_OF_BOUNDS", "at least 0"),
    "not a number": ({"quantity": float("nan")}, "INPUT_NOT_FINITE", "finite"),
    "infinite": ({"quantity": float("inf")}, "INPUT_NOT_FINITE", "finite"),
    "missing": ({"quantity": None}, "INPUT_NOT_FINITE", "finite"),
    "no region": ({"region": None}, "ACTIVITY_INCOMPLETE", "every column"),
    "no scope": ({"scope": None}, "ACTIVITY_INCOMPLETE", "every column"),
    "too much": ({"quantity": 1e18}, "NUMBER_OVERFLOW", "64 bits"),
}


@pytest.mark.parametrize("case", REJECTIONS)
def test_a_row_that_cannot_be_calculated_is_rejected_with_its_reason(engine, case):
    change, code, expected = REJECTIONS[case]
    result = run(engine, activities({}, change))
    assert result.lines["activity_id"].to_list() == ["a-0"]
    rejected = result.rejected.row(0, named=True)
    assert (rejected["activity_id"], rejected["code"]) == ("a-1", code)
    assert rejected["found"]
    if expected is not None:
        assert expected in rejected["expected"]
    assert result.totals["rejected"].to_list() == [1]


def test_every_row_is_in_lines_or_rejected(engine):
    activity = activities({}, *(change for change, _, _ in REJECTIONS.values()), POWER)
    result = run(engine, activity)
    assert sorted([*result.lines["activity_id"], *result.rejected["activity_id"]]) == sorted(
        activity["activity_id"]
    )
    assert result.totals["rejected"].to_list() == [len(REJECTIONS)]


def test_a_formula_with_more_inputs_or_without_co2e_is_rejected(engine):
    biodiesel = {"activity": "biodiesel"}
    how = biodiesel | {
        "factor_activity": "biodiesel",
        "dataset": "mobile-combustion-co2",
        "activity_unit": "gallon",
    }
    result = run(engine, activities(biodiesel | {"unit": "gallon"}), methods(how))
    assert result.rejected["code"].to_list() == ["FORMULA_NOT_FOR_BATCH"]


def test_an_empty_table_gives_empty_tables(engine):
    result = run(engine, ACTIVITY.empty())
    assert [frame.height for frame in (result.lines, result.totals, result.rejected)] == [0, 0, 0]
    nothing = run(engine, activities({}), METHOD.empty())
    assert [frame.height for frame in (nothing.lines, nothing.totals, nothing.rejected)] == [0, 0, 1]


def test_a_total_never_adds_two_gwp_sets(engine):
    with pytest.raises(GreenlangError, match="GWP_SET_MIXED") as caught:
        run(engine, activities({}, POWER), methods({}, HOW_POWER | {"gwp_set": "AR5"}))
    assert caught.value.found == "AR4, AR5"


def test_a_table_that_would_count_twice_is_refused_whole(engine):
    twice = activities({"activity_id": "a"}, {"activity_id": "a"})
    with pytest.raises(GreenlangError, match="CONTRACT_KEY"):
        run(engine, twice)
    with pytest.raises(GreenlangError, match="CONTRACT_COLUMNS"):
        run(engine, activities({}).drop("unit"))
    with pytest.raises(GreenlangError, match="FACILITY_SHARED"):
        run(engine, activities({}, {"tenant": "village"}))
    with pytest.raises(GreenlangError, match="CONTRACT_KEY"):
        run(engine, activities({}), methods({}, {"gwp_set": "AR5"}))


def test_a_total_beyond_64_bits_is_refused(engine):
    large = {"quantity": 1.7e14}
    assert run(engine, activities(large)).totals["co2e_mg"][0] > 2**62
    with pytest.raises(GreenlangError, match="NUMBER_OVERFLOW"):
        run(engine, activities(large, large))
