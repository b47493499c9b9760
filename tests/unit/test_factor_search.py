"""Ranked search: accents, French, typing errors, places, filters, and a table of words that is data."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.search import SearchIndex
from greenlang_assets.core.factors.search_stages import TABLE as STAGES
from greenlang_assets.core.factors.search_stages import THE_THING_ITSELF, stages_of
from greenlang_assets.core.factors.search_words import (
    TABLE,
    SearchWords,
    fold,
    shipped_words,
    words_expr,
    words_of,
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.shipped()


TEXTS = ("Électricité", "ELECTRICITE", "Œuf – bœuf", "CO₂, kg/m³", "Straße 12", "R-410A", "ﬁoul", "İzmir", "")


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_and_a_column_fold_alike(text: str) -> None:
    column = pl.DataFrame({"text": [text]}).select(words_expr(pl.col("text"))).to_series()[0].to_list()
    assert tuple(column) == words_of(text)


def test_accents_and_capitals_do_not_matter() -> None:
    assert fold("Électricité RÉSEAU") == fold("electricite reseau")
    assert words_of("Bœuf haché, 5 % MG") == ("boeuf", "hache", "5", "mg")


#: Query, and what the first hit must be.
QUERIES = [
    ("gaz naturel", {"activity": "natural-gas"}),
    (
        "gaz naturel kwh france",
        {"activity": "natural-gas-life-cycle", "region": "FR", "activity_unit": "kWh"},
    ),
    ("électricité france 2023", {"activity": "grid-electricity-life-cycle", "region": "FR", "year": 2023}),
    (
        "grid electricity germany 2020",
        {"activity": "grid-electricity-life-cycle", "region": "DE", "year": 2020},
    ),
    ("electrcity germny", {"activity": "grid-electricity-life-cycle", "region": "DE"}),
    ("uk grid electricity 2019", {"activity": "grid-electricity", "publisher": "uk-desnz", "year": 2019}),
    ("uk grid electricity 2024", {"activity": "grid-electricity", "publisher": "uk-desnz", "year": 2024}),
    ("uk grid electricity life cycle 2024", {"activity": "grid-electricity-life-cycle", "year": 2024}),
    ("aluminium turkey", {"publisher": "eu-cbam", "region": "TR"}),
    ("cement clinker china", {"publisher": "eu-cbam", "region": "CN"}),
    ("heating oil", {"activity": "kerosene"}),
    ("rice farming", {"activity": "naics-111160-rice-farming"}),
    ("Gaz Naturel états-unis 2024", {"activity": "natural-gas", "region": "US", "year": 2024}),
    ("électricité royaume-uni 2024", {"activity": "grid-electricity", "region": "GB", "year": 2024}),
    ("electrcity united kingdom 2025", {"activity": "grid-electricity", "region": "GB", "year": 2025}),
    ("gazole litre", {"activity": "diesel"}),
    ("deisel litres uk", {"activity": "diesel", "region": "GB", "activity_unit": "L"}),
    ("diesel litres road", {"activity": "diesel", "activity_unit": "L"}),
    ("essence US gallon", {"activity": "motor-gasoline", "region": "US", "activity_unit": "gallon"}),
    ("Grid Electricity United States 2023 epa", {"region": "US"}),
    (
        "natural gas emission factor for the UK in 2025",
        {"activity": "natural-gas", "region": "GB", "year": 2025},
    ),
]


@pytest.mark.parametrize(("query", "first"), QUERIES)
def test_the_first_hit_is_what_was_meant(query: str, first: dict[str, object], catalogue: Catalogue) -> None:
    hits = catalogue.search(query, limit=3)
    assert first.items() <= vars(hits[0]).items(), hits[0]


#: Kind of first result in ``search_first_results.csv`` -> how such a factor's publisher and path begin.
KINDS = {
    "material production": ("uk-desnz: Material use", "eu-cbam: ", "ademe-base-carbone: Achats de biens"),
    "fuel": (
        "uk-desnz: Fuels",
        "uk-desnz: Bioenergy",
        "us-epa: Mobile fuel",
        "us-epa: Petroleum Products",
        "us-epa: Coal and Coke",
        "us-epa: Natural Gas",
        "us-epa: Biomass Fuels",
    ),
    "electricity": ("uk-desnz: UK electricity > Electricity generated",),
    "heat": ("us-epa: Steam and Heat", "uk-desnz: Heat and steam"),
    "water": ("uk-desnz: Water supply", "uk-desnz: Water treatment"),
    "travel": ("us-epa: Travel", "uk-desnz: Business travel", "uk-desnz: Hotel stay"),
    "freight": ("uk-desnz: Delivery vehicles", "uk-desnz: Freighting goods"),
    "food": ("agribalyse: ",),
    "spending": ("us-epa: 2017 NAICS",),
    "waste disposal": ("us-epa: Waste", "uk-desnz: Waste disposal"),
    "recycled material": ("uk-desnz: Material use",),
    "well to tank": ("uk-desnz: WTT-",),
    "grid losses": ("uk-desnz: Transmission and distribution",),
    "refrigerant": ("uk-desnz: Refrigerant", "us-epa: Refrigerant blend"),
}
FIRST_RESULTS = list(
    csv.DictReader((Path(__file__).parent / "search_first_results.csv").open(encoding="utf-8", newline=""))
)


@pytest.mark.parametrize("row", FIRST_RESULTS, ids=lambda row: row["query"])
def test_a_short_query_finds_what_its_bare_word_means(row: dict[str, str], catalogue: Catalogue) -> None:
    first = catalogue.search(row["query"], limit=1)[0]
    assert f"{first.publisher}: {first.activity_path}".startswith(KINDS[row["kind"]]), first


@pytest.mark.parametrize("material", ["steel", "paper", "glass", "concrete", "plastic", "aluminium"])
def test_the_waste_of_a_material_comes_after_the_material(material: str, catalogue: Catalogue) -> None:
    ids = [hit.factor_id for hit in catalogue.search(material, limit=10)]
    found = catalogue.frame.filter(pl.col("factor_id").is_in(ids))
    assert "waste-disposal" not in set(stages_of(found))
    said = [hit.factor_id for hit in catalogue.search(f"{material} waste", limit=10)]
    asked = catalogue.frame.filter(pl.col("factor_id").is_in(said))
    assert set(stages_of(asked)) == {"waste-disposal"}


def test_every_stage_is_of_some_factor_and_can_be_asked_for(catalogue: Catalogue, tmp_path: Path) -> None:
    named = {row["stage"] for row in csv.DictReader(STAGES.open(encoding="utf-8", newline=""))}
    assert set(stages_of(catalogue.frame)) == {*named, THE_THING_ITSELF}
    assert {stage for stages in shipped_words().stages.values() for stage in stages} == named
    table = tmp_path / "stages.csv"
    table.write_text("publisher,stage\n")
    with pytest.raises(GreenlangError) as refused:
        stages_of(catalogue.frame, table)
    assert (refused.value.code, refused.value.where["row"]) == ("LAYOUT_UNKNOWN", 1)


def test_of_equal_scores_the_later_year_comes_first(catalogue: Catalogue) -> None:
    hits = catalogue.search("anthracite coal", limit=50)
    order = [(-hit.score, -hit.year, hit.factor_id) for hit in hits]
    assert order == sorted(order)
    assert hits == catalogue.search("anthracite coal", limit=50)


def test_a_limit_cuts_and_changes_nothing_else(catalogue: Catalogue) -> None:
    many = catalogue.search("diesel uk", limit=100)
    for limit in (1, 7, 30):
        assert catalogue.search("diesel uk", limit=limit) == many[:limit]


def test_filters_narrow_exactly(catalogue: Catalogue) -> None:
    hits = catalogue.search("diesel", limit=100, publisher="us-epa", region="US", year=2025)
    assert hits
    assert {(hit.publisher, hit.region, hit.year) for hit in hits} == {("us-epa", "US", 2025)}
    assert catalogue.search("diesel", publisher="nobody") == []
    assert catalogue.search("diesel", publisher="EPA", limit=1)[0].publisher == "us-epa"


@pytest.mark.parametrize("query", ["", " … ", "the of and", "x" * 10_000, "\N{PILE OF POO}", "a " * 5_000])
def test_odd_queries_find_nothing_and_do_no_harm(query: str, catalogue: Catalogue) -> None:
    assert catalogue.search(query) == []


def test_words_that_say_nothing_are_no_countries_unless_in_capitals(catalogue: Catalogue) -> None:
    frame = catalogue.frame.filter(activity="natural-gas", year=2025).head(1)
    rows = pl.concat([frame, frame.with_columns(region=pl.lit("DE"), factor_id=pl.lit("de"))])
    index = SearchIndex(rows)
    plain = index.search("facteur de gaz naturel")
    assert plain[0].score == plain[1].score
    assert index.search("natural gas DE")[0].region == "DE"
    assert index.search("natural gas germany")[0].region == "DE"
    assert index.search("gaz naturel Allemagne")[0].region == "DE"


def test_the_index_of_an_empty_table_answers() -> None:
    empty = Catalogue.shipped().frame.head(0)
    assert SearchIndex(empty).search("natural gas 2024") == []


def test_synonyms_are_data(catalogue: Catalogue, tmp_path: Path) -> None:
    words = SearchWords(means={("lightning", "juice"): ("electricity", "grid")})
    index = SearchIndex(catalogue.frame, words)
    assert index.search("lightning juice")[0].activity == "grid-electricity"
    shipped = shipped_words()
    assert shipped.regions[("united", "kingdom")] == ("GB",)
    assert "fr" not in shipped.ignored
    table = tmp_path / "words.csv"
    table.write_text("word,kind,means\npower,verb,electricity\n")
    with pytest.raises(GreenlangError) as refused:
        shipped_words(table)
    assert (refused.value.code, refused.value.where["row"]) == ("LAYOUT_UNKNOWN", 2)
    table.write_text("word,means\n")
    with pytest.raises(GreenlangError):
        shipped_words(table)


def test_no_word_of_the_table_stands_twice_with_the_same_meaning() -> None:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(set(lines))
