"""Rows that are found but do not count, groups of regions, records as validated, and the counts in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import regions
from greenlang_assets.core.factors.catalogue import Catalogue, region_ladder, to_factor
from greenlang_assets.core.factors.importers.base import VALUE_SCHEMA
from greenlang_assets.core.factors.model import FACTOR_SCHEMA
from greenlang_assets.core.factors.regions import Rung, ladder


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.shipped()


def small(shipped: Catalogue, *changes: dict[str, Any]) -> Catalogue:
    """A catalogue of one row as published, changed in each of the given ways."""
    row = shipped.frame.filter(activity="steam-and-heat", region="US", edition="2024").row(0, named=True)
    rows = [{**row, "factor_id": f"row/{number}", **change} for number, change in enumerate(changes)]
    return Catalogue.from_frames(
        pl.DataFrame(rows, schema=FACTOR_SCHEMA, orient="row"), shipped.properties.head(0)
    )


HEAT = {"activity": "steam-and-heat", "year": 2024}


def test_a_record_is_what_validation_would_have_made(shipped: Catalogue) -> None:
    for row in shipped.frame.sample(200, seed=11).iter_rows(named=True):
        found, validated = shipped.factor(row["factor_id"]), to_factor(row)
        assert found == validated
        assert found.model_dump() == validated.model_dump()
        assert found.model_fields_set == validated.model_fields_set
        assert found.sha256 == validated.sha256
        assert found.model_copy(update={"note": "x"}).note == "x"


def test_what_its_publisher_withdrew_answers_by_id_alone(shipped: Catalogue) -> None:
    archived = {"not_counted": "archived by its publisher", "co2": 1.0}
    catalogue = small(shipped, {}, archived, {"activity": "peat", **archived})
    assert catalogue.lookup(region="US", **HEAT).factor.factor_id == "row/0"
    assert catalogue.factor("row/1").not_counted == "archived by its publisher"
    assert catalogue.resolve("ef://us-epa/steam-and-heat/2024").factors.height == 3
    assert [hit.factor_id for hit in catalogue.search("steam and heat")] == ["row/0"]
    with pytest.raises(GreenlangError) as refused:
        catalogue.lookup(activity="peat", region="US", year=2024)
    assert refused.value.code == "FACTOR_NOT_FOUND"


def test_an_aggregate_is_found_under_its_own_region_and_nothing_falls_to_it(shipped: Catalogue) -> None:
    aggregate = {"region": "GROUP-ASEAN", "not_counted": "an aggregate over countries"}
    catalogue = small(shipped, {}, aggregate)
    match = catalogue.lookup(region="GROUP-ASEAN", **HEAT)
    assert (match.factor.factor_id, match.matched_level) == ("row/1", "exact")
    with pytest.raises(GreenlangError):
        catalogue.lookup(region="VN", fallback=True, **HEAT)
    assert catalogue.search("steam asean")[0].region == "GROUP-ASEAN"


def test_a_factor_that_counts_answers_before_one_kept_beside_it(shipped: Catalogue) -> None:
    kept = {"not_counted": "its publisher gives the same identity again, newer"}
    catalogue = small(shipped, kept, {})
    assert catalogue.lookup(region="US", **HEAT).factor.factor_id == "row/1"
    assert small(shipped, kept).lookup(region="US", **HEAT).factor.factor_id == "row/0"
    with pytest.raises(GreenlangError) as refused:
        small(shipped, kept, {}, {}).lookup(region="US", **HEAT)
    assert str(refused.value.message).startswith("2 factors")


def test_a_group_is_a_rung_for_its_publishers_factors_alone(
    shipped: Catalogue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "groups.csv"
    table.write_text(
        "group,member,publisher,where\nGROUP-REST,*,us-epa,Annex I\nGROUP-NORTH,NO,us-epa,p. 3\n"
    )
    known = regions.groups(table)
    monkeypatch.setattr(regions, "groups", lambda: known)
    ladder.cache_clear()
    try:
        assert ladder("NO-03") == (
            Rung("exact", "NO-03"),
            Rung("country", "NO"),
            Rung("region group", "GROUP-NORTH", "us-epa"),
            Rung("region group", "GROUP-REST", "us-epa"),
            Rung("world", "WORLD"),
        )
        assert region_ladder("NO-03") == [("exact", "NO-03"), ("country", "NO"), ("world", "WORLD")]
        rest, world = {"region": "GROUP-REST"}, {"region": "WORLD", "publisher": "ipcc"}
        catalogue = small(shipped, rest, {**rest, "publisher": "uk-desnz"}, world)
        match = catalogue.lookup(region="NO", fallback=True, **HEAT)
        assert (match.factor.factor_id, match.matched_level) == ("row/0", "region group")
        match = catalogue.lookup(region="NO", fallback=True, publisher="ipcc", **HEAT)
        assert (match.factor.factor_id, match.matched_level) == ("row/2", "world")
    finally:
        ladder.cache_clear()


def test_groups_of_another_layout_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("group,country\n")
    with pytest.raises(GreenlangError) as refused:
        regions.groups(table)
    assert refused.value.code == "LAYOUT_UNKNOWN"
    assert all(place.startswith("GROUP-") for of in regions.groups().values() for place, _ in of)


def test_every_reading_of_a_unit_finds_the_same_row(shipped: Catalogue) -> None:
    question = {"activity": "natural-gas", "region": "GB", "year": 2024, "publisher": "uk-desnz"}
    for unit in ("kWh[gross]", "kilowatt hour[gross]"):
        assert shipped.lookup(activity_unit=unit, **question).factor.calorific_basis == "gross"
    with pytest.raises(GreenlangError) as refused:
        shipped.lookup(activity_unit="no such unit", **question)
    assert refused.value.code == "UNIT_UNKNOWN"


def test_very_many_candidates_are_not_all_named(shipped: Catalogue) -> None:
    catalogue = small(shipped, *({"activity_path": f"path {number:02}"} for number in range(40)))
    with pytest.raises(GreenlangError) as refused:
        catalogue.lookup(region="US", **HEAT)
    assert "and 28 more" in str(refused.value.found)
    with pytest.raises(GreenlangError) as refused:
        catalogue.lookup(region="US", activity_path="path 391", **HEAT)
    assert "path 39" in str(refused.value.expected)


def test_what_counts(shipped: Catalogue) -> None:
    gases = {"other_gases": '{"HFC-134a":"1.5","HFC-32":"0.25"}', "other_gases_unit": "g/MWh"}
    frame = small(
        shipped,
        {"uncertainty_percent": 5.0, **gases},
        {"kind": "derived"},
        {"not_counted": "an aggregate over countries"},
        {"not_counted": "archived by its publisher"},
        {"kind": "synthetic"},
    ).frame
    one = sum(frame.select(name).head(1).to_series().count() for name in ("co2", "ch4", "n2o", "co2e"))
    # The last one says where else the factor's own figure is printed.
    measures = ("margins", "water-scarcity", "co2e")
    rows = [{"value_id": measure, "measure": measure} for measure in measures]
    values = pl.DataFrame(rows, schema=VALUE_SCHEMA, orient="row")
    stats = Catalogue(frame, shipped.properties.head(3), shipped.gwp, lambda: values).stats()
    assert stats["total"] == 2
    assert stats["by_kind"] == {"derived": 1, "sourced": 1}
    assert stats["not_counted"] == {"an aggregate over countries": 1, "archived by its publisher": 1}
    assert shipped.gwp is not None
    assert stats["published_values_of"] == {
        "figures": 3 * one,
        "other_gases": 2,
        "uncertainties": 1,
        "further_values": 2,
        "fuel_properties": 3,
        "gwp_values": shipped.gwp.height,
    }


def test_everything_can_be_made_ready_at_once(shipped: Catalogue) -> None:
    ready = small(shipped, {}).prepare()
    assert {"index", "_search"} <= vars(ready).keys()
