"""The contract of factor tables: the shipped ones keep it, and each broken rule is named with examples."""

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts, tables


@pytest.fixture(scope="module")
def sound() -> pl.DataFrame:
    frame = tables.load("factors")
    return frame.filter(pl.col("activity").is_in(["diesel", "natural-gas", "steam-and-heat"]))


def test_every_shipped_factor_keeps_the_contract() -> None:
    assert contracts.failures(tables.load("factors")) == []


#: What is done to a sound table, and the rule and column that must be named.
BROKEN: dict[str, tuple[pl.Expr, str, str | None]] = {
    "a GWP applied twice": (
        pl.col("co2e") * 2.27,
        "diesel per litre is in range (no GWP applied twice)",
        None,
    ),
    "CO2e without its set": (pl.lit(None, pl.String).alias("gwp_set"), "CO2e comes with its GWP set", None),
    "masses without unit": (pl.lit(None, pl.String).alias("co2_unit"), "co2 comes with its unit", None),
    "CO2e without unit": (pl.lit(None, pl.String).alias("co2e_unit"), "CO2e comes with its unit", None),
    "a negative figure": (-pl.col("n2o"), "n2o is finite and not negative", None),
    "an infinite figure": (pl.col("ch4") / 0, "ch4 is finite and not negative", None),
    "parts above the whole": (pl.col("co2e_of_co2") * 1.1, "parts of CO2e do not exceed the whole", None),
    "an empty licence": (pl.lit("  ").alias("cite_licence"), "every row has a licence", None),
    "ids twice": (pl.lit("a/b").alias("factor_id"), "field_uniqueness", "factor_id"),
    "a source hash cut short": (
        pl.col("cite_source_sha256").str.head(60),
        "str_matches",
        "cite_source_sha256",
    ),
    "an unknown GWP set": (pl.lit("AR7").alias("gwp_set"), "isin", "gwp_set"),
    "a unit that cannot be read": (
        pl.lit("blurb").alias("ch4_unit"),
        "figure times activity is a mass",
        "ch4_unit",
    ),
    "a unit of something else": (
        pl.lit("kg/h").alias("co2_unit"),
        "figure times activity is a mass",
        "co2_unit",
    ),
    "a year as text": (pl.col("year").cast(pl.String), "dtype('Int64')", "year"),
    "a missing licence": (pl.lit(None, pl.String).alias("cite_licence"), "not_nullable", "cite_licence"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_named_with_its_rows(case: str, sound: pl.DataFrame) -> None:
    change, rule, column = BROKEN[case]
    found = contracts.failures(sound.with_columns(change))
    named = [failure for failure in found if (failure.rule, failure.column) == (rule, column)]
    assert named, [str(failure) for failure in found]
    assert named[0].rows > 0
    assert named[0].examples


def test_a_missing_column_is_named(sound: pl.DataFrame) -> None:
    found = contracts.failures(sound.drop("note"))
    assert [failure.examples for failure in found] == [("note",)]


def test_require_refuses_with_every_rule(sound: pl.DataFrame) -> None:
    contracts.require(sound, "sound")
    with pytest.raises(GreenlangError) as refused:
        contracts.require(sound.with_columns(-pl.col("co2"), gwp_set=None), "t.parquet")
    assert refused.value.code == "CONTRACT_BROKEN"
    assert refused.value.where == {"table": "t.parquet"}
    for rule in ("co2 is finite and not negative", "CO2e comes with its GWP set"):
        assert rule in str(refused.value.found)
