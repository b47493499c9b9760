"""The catalogue: exact by default, a fallback that says how far it fell, errors that name what is near."""

from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue, region_ladder


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.shipped()


GAS = {"activity": "natural-gas", "region": "US", "activity_unit": "mmBtu"}
GRID = {"activity": "grid-electricity", "dataset": "egrid-subregion"}

#: Question, then the edition found, the rung taken and the distance in years.
FOUND: list[tuple[dict[str, Any], tuple[str, str, int]]] = [
    ({**GAS, "year": 2024}, ("2024", "exact", 0)),
    ({**GAS, "year": 2025}, ("2025", "exact", 0)),
    ({**GAS, "year": 2025, "publisher": "EPA"}, ("2025", "exact", 0)),
    ({**GAS, "year": 2031, "fallback": True}, ("2025", "exact", 6)),
    ({**GAS, "year": 2024, "region": "US-TX", "fallback": True}, ("2024", "country", 0)),
    (
        {
            "activity": "natural-gas-life-cycle",
            "region": "FR",
            "year": 2023,
            "activity_unit": "kWh[net]",
            "fallback": True,
        },
        ("V23.6", "exact", 1),
    ),
    # A country without a table of its own falls to the publication's table for the others.
    (
        {"activity": "cn-7604-29-10", "region": "KI", "year": 2026, "fallback": True},
        ("2026", "region group", 0),
    ),
    # An aggregate is found where it is asked for.
    (
        {"activity": "grid-electricity-life-cycle", "region": "GROUP-EU-EMBER", "year": 2023},
        ("2026", "exact", 0),
    ),
    # A named edition is a choice: the distance is stated, whichever way it goes.
    ({**GAS, "year": 2014, "edition": "2024"}, ("2024", "exact", -10)),
    ({**GRID, "region": "US-EGRID-RFCW", "year": 2012}, ("eGRID2012", "exact", 0)),
    ({**GRID, "region": "US-EGRID-RFCW", "year": 2014, "edition": "eGRID2010"}, ("eGRID2010", "exact", 4)),
    ({**GRID, "region": "US-EGRID-RFCW", "year": 2013, "fallback": True}, ("eGRID2012", "exact", 1)),
    ({**GRID, "region": "US-EGRID-RFCW", "year": 2017, "fallback": True}, ("eGRID2016", "exact", 1)),
    ({"activity": "diesel", "region": "GB", "year": 2024, "activity_unit": "litres"}, ("2024", "exact", 0)),
    (
        {"activity": "natural-gas", "region": "GB", "year": 2025, "activity_unit": "kWh[gross]"},
        ("2025", "exact", 0),
    ),
    ({"activity": "steam-and-heat", "region": "US", "year": 2025}, ("2025", "exact", 0)),
]


@pytest.mark.parametrize(("question", "answer"), FOUND)
def test_what_is_found(question: dict[str, Any], answer: tuple[str, str, int], catalogue: Catalogue) -> None:
    match = catalogue.lookup(**question)
    assert (match.factor.edition, match.matched_level, match.year_distance) == answer


#: Question, the code of the refusal, and a text that must stand in what is expected or found.
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({**GAS, "year": 2024, "activity": "natral-gas"}, "FACTOR_NOT_FOUND", "natural-gas"),
    ({**GAS, "year": 2023}, "FACTOR_NOT_FOUND", "2024"),
    ({**GAS, "year": 2019, "fallback": True}, "FACTOR_NOT_FOUND", "2021"),
    ({**GAS, "year": 2031}, "FACTOR_NOT_FOUND", "2025"),
    ({**GAS, "year": 2024, "region": "US-TX"}, "FACTOR_NOT_FOUND", "US"),
    ({**GAS, "year": 2024, "region": "FR", "fallback": True}, "FACTOR_NOT_FOUND", "US"),
    ({**GAS, "year": 2024, "activity_unit": "kg"}, "FACTOR_NOT_FOUND", "scf"),
    ({**GAS, "year": 2024, "edition": "1999"}, "FACTOR_NOT_FOUND", "2024, 2025"),
    ({**GAS, "year": 2024, "publisher": "iea"}, "FACTOR_NOT_FOUND", "us-epa"),
    ({**GRID, "region": "RFCW", "year": 2012}, "FACTOR_NOT_FOUND", "US-EGRID-RFCW"),
    (
        {"activity": "natural-gas", "region": "US", "year": 2024},
        "FACTOR_AMBIGUOUS",
        "activity_unit: mmBtu, scf",
    ),
    (
        {"activity": "grid-electricity", "region": "US-EGRID-RFCW", "year": 2022},
        "FACTOR_AMBIGUOUS",
        "dataset: egrid-subregion, electricity",
    ),
    (
        {"activity": "natural-gas", "region": "GB", "year": 2024, "activity_unit": "kWh"},
        "FACTOR_AMBIGUOUS",
        "calorific_basis: gross, net",
    ),
]


@pytest.mark.parametrize(("question", "code", "text"), REFUSED)
def test_what_is_refused(question: dict[str, Any], code: str, text: str, catalogue: Catalogue) -> None:
    with pytest.raises(GreenlangError) as refused:
        catalogue.lookup(**question)
    assert refused.value.code == code
    assert text in f"{refused.value.expected} {refused.value.found}"


def test_the_ladder_ends_at_the_world() -> None:
    assert region_ladder("US-EGRID-RFCW") == [
        ("exact", "US-EGRID-RFCW"),
        ("country", "US"),
        ("world", "WORLD"),
    ]
    assert region_ladder("GB") == [("exact", "GB"), ("world", "WORLD")]
    assert region_ladder("WORLD") == [("exact", "WORLD")]


def test_a_fallback_takes_the_nearest_rung_even_when_its_year_is_older(catalogue: Catalogue) -> None:
    rows = catalogue.frame.filter(activity="steam-and-heat", region="US", edition="2024")
    world = rows.with_columns(factor_id=pl.lit("w"), region=pl.lit("WORLD"), year=pl.lit(2026, pl.Int64))
    small = Catalogue.from_frames(pl.concat([rows, world]), catalogue.properties)
    match = small.lookup(activity="steam-and-heat", region="US", year=2026, fallback=True)
    assert (match.matched_level, match.year_distance) == ("exact", 2)
    match = small.lookup(activity="steam-and-heat", region="DE-BY", year=2026, fallback=True)
    assert (match.matched_level, match.factor.region) == ("world", "WORLD")


def test_a_factor_by_id_is_the_row_with_its_citation(catalogue: Catalogue) -> None:
    for row in catalogue.frame.sample(50, seed=7).iter_rows(named=True):
        factor = catalogue.factor(row["factor_id"])
        assert factor.citation.row == row["cite_row"]
        assert factor.citation.source_sha256 == row["cite_source_sha256"]
        assert factor.co2 == row["co2"]
        assert factor.co2e == row["co2e"]
        assert catalogue.factor(row["factor_id"].upper()).sha256 == factor.sha256


def test_an_id_that_is_not_there_names_its_neighbours(catalogue: Catalogue) -> None:
    with pytest.raises(GreenlangError) as refused:
        catalogue.factor("us-epa/stationary-combustion/2024/natural-gas/us/2024/mmbtu/gross")
    assert "2024/natural-gas-natural-gas/us/2024/mmbtu/gross" in str(refused.value.expected)


def test_fuel_properties(catalogue: Catalogue) -> None:
    found = catalogue.fuel_property(activity="natural-gas", publisher="us-epa")
    assert (found.value, found.unit, found.edition, found.calorific_basis) == (
        0.001026,
        "mmBtu/scf",
        "2025",
        "gross",
    )
    older = catalogue.fuel_property(
        activity="anthracite-coal", unit="mmBtu/short_ton", publisher="epa", edition="2024"
    )
    assert (older.value, older.edition) == (25.09, "2024")
    with pytest.raises(GreenlangError) as refused:
        catalogue.fuel_property(activity="natural-gas", unit="mmBtu/gallon")
    assert refused.value.code == "FUEL_PROPERTY_NOT_FOUND"


def test_stats_add_up(catalogue: Catalogue) -> None:
    stats = catalogue.stats()
    kinds = pl.col("kind").is_in(("sourced", "derived"))
    assert stats["total"] == catalogue.frame.filter(pl.col("not_counted").is_null() & kinds).height
    for group in ("publisher", "kind", "licence", "dataset", "edition", "year"):
        assert sum(stats[f"by_{group}"].values()) == stats["total"]
    assert stats["total"] + sum(stats["not_counted"].values()) == catalogue.frame.height
    assert set(stats["by_publisher"]) >= {"uk-desnz", "us-epa"}
    assert stats["published_values"] == sum(stats["published_values_of"].values()) > stats["total"]
    assert any("per identity" in rule for rule in stats["rules"])


#: Query, and what the first hit must be.
QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("uk grid electricity 2024", {"activity": "grid-electricity", "region": "GB", "year": 2024}),
    ("uk electricity 2025", {"activity": "grid-electricity", "region": "GB", "year": 2025}),
    ("natural gas", {"activity": "natural-gas"}),
    ("natral gas us 2025", {"activity": "natural-gas", "region": "US", "year": 2025}),
    ("diesel litre uk", {"activity": "diesel", "region": "GB", "activity_unit": "L"}),
    ("petrol uk 2025", {"activity": "motor-gasoline", "region": "GB", "year": 2025}),
    ("anthracite coal", {"activity": "anthracite-coal"}),
    ("r-410a", {"activity": "r-410a"}),
    ("rfc west electricity 2012", {"region": "US-EGRID-RFCW", "year": 2012}),
    ("RFCW 2014 grid electricity", {"region": "US-EGRID-RFCW", "year": 2014}),
    ("national rail", {"activity": "rail"}),
    ("wtt diesel uk 2024", {"year": 2024, "region": "GB"}),
    ("steam and heat us", {"activity": "steam-and-heat", "region": "US"}),
]


@pytest.mark.parametrize(("query", "first"), QUERIES)
def test_the_first_hit_is_what_was_meant(query: str, first: dict[str, Any], catalogue: Catalogue) -> None:
    hits = catalogue.search(query, limit=5)
    assert first.items() <= vars(hits[0]).items(), hits[0]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert ("wtt" in hits[0].factor_id) == ("wtt" in query)


def test_a_search_for_nothing_known_finds_nothing(catalogue: Catalogue) -> None:
    assert catalogue.search("") == []
    assert catalogue.search("qqqqxxxxzzzz") == []
