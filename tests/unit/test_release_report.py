"""The release report: what it measures, what it finds thin or odd, what Great Expectations says, the page."""

from __future__ import annotations

import re
import socket
from typing import Any

import polars as pl
import pytest
from edition_rows import imported

from greenlang_assets.core.factors import release_report, tables
from greenlang_assets.core.factors.importers.base import PROPERTY_SCHEMA, Source, factor_row, frame
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.release_expectations import CRITICAL, SUITES, Judgement, Verdict
from greenlang_assets.core.factors.release_page import heat_map, page
from greenlang_assets.core.factors.release_report import Release, measure
from greenlang_assets.core.provenance.canonical import canonical_bytes
from resources.expectations import judge

GWP = tables.load("gwp")
NO_PROPERTIES = pl.DataFrame(schema=PROPERTY_SCHEMA)


def released(*parts: pl.DataFrame) -> Release:
    return measure(pl.concat(parts), further_values=7, properties=NO_PROPERTIES, gwp=GWP)


def rows(*given: dict[str, Any], publisher: str = "us-epa", edition: str = "2024") -> pl.DataFrame:
    """Factors of a publication of our own; what is not given is a fuel in the US, kg CO2e per litre, AR5."""
    source = Source("US EPA", "Figures", "US public domain", "f.xlsx", "c" * 64)
    made = []
    for number, columns in enumerate(given, start=1):
        plain: dict[str, Any] = {
            "publisher": publisher, "dataset": "fuels", "edition": edition, "version": f"{edition}.0.0",
            "activity_path": f"Fuels > {number}", "activity": "some-fuel", "region": "US",
            "year": int(edition), "activity_unit": "L", "gwp_set": "AR5", "co2e_unit": "kg/L",
        }  # fmt: skip
        made.append(factor_row(source, table="T", row=number, **{**plain, **columns}))
    return frame(made, FACTOR_SCHEMA, FACTOR_KEY, source)


def titles(release: Release) -> str:
    return " | ".join(title for title, _ in release.gaps)


def test_the_counts_are_those_of_the_catalogue() -> None:
    found = released(imported().factors, rows({"co2e": 1.0}, {"co2e": 2.0, "not_counted": "archived"}))
    assert found.stats["total"] == 5
    assert found.stats["published_values"] == 6 + 7 + GWP.height
    assert found.heat.to_dicts() == [
        {"publisher": "uk-desnz", "year": 2024, "name": "UK DESNZ", "factors": 4},
        {"publisher": "us-epa", "year": 2024, "name": "US EPA", "factors": 1},
    ]
    assert found.licences["factors"].to_list() == [4, 1]
    assert canonical_bytes(found.record()) == canonical_bytes(
        released(imported().factors, rows({"co2e": 1.0}, {"co2e": 2.0, "not_counted": "archived"})).record()
    )


def test_every_factor_has_one_topic() -> None:
    shipped = tables.load("factors")
    found = measure(shipped, further_values=0, properties=NO_PROPERTIES, gwp=GWP)
    assert found.topics["factors"].sum() == found.stats["total"]
    by_topic = dict(found.topics.select("topic", "factors").iter_rows())
    assert by_topic["Grid electricity"] > 300
    assert by_topic["Road vehicles, by distance"] > 1000


def test_thin_places_are_named() -> None:
    series = [imported(2.5, edition=str(year)).factors for year in (2016, 2018, 2019, 2021, 2022)]
    found = released(*series, rows({"co2e": 1.0, "gwp_set": "unstated", "year": 2015}))
    said = titles(found)
    assert "49,979 factors short of 50,000" in said
    assert "uk-desnz: no edition of 2017, 2020" in said
    assert "us-epa: newest figures are of 2015" in said
    assert "5% of the factors do not name the GWP set" in said
    assert "100% of the factors have neither uncertainty nor quality rating" in said
    assert "249 of 250" not in said
    assert re.search(r"Fuels: only 1 of 250", said)
    # A publisher that comes out every second year left nothing out.
    biennial = [imported(2.5, edition=str(year)).factors for year in (2016, 2018, 2020, 2022)]
    assert "no edition of" not in titles(released(*biennial))


def test_drift_is_the_last_edition_against_the_one_before() -> None:
    found = released(
        imported(2.0, edition="2022").factors,
        imported(2.5, edition="2023").factors,
        imported(3.0, edition="2024", others=2).factors,
    )
    (row,) = found.drift.to_dicts()
    assert (row["before"], row["after"], row["removed"], row["changed"]) == ("2023", "2024", 1, 1)
    assert row["median_change"] == row["largest_change"] == pytest.approx(0.2)
    assert row["removed_share"] == 0.25


def test_what_is_far_from_its_like_is_found() -> None:
    near = [{"co2e": 2.0 + number / 100} for number in range(9)]
    found = released(rows(*near, {"co2e": 0.02}))
    (row,) = found.outliers.to_dicts()
    assert row["kg"] == 0.02
    # Where all are far from each other none is an outlier, and a grid may be anywhere.
    assert not released(rows(*({"co2e": 10.0**number} for number in range(9)))).outliers.height
    grid = [{**figure, "activity": "grid-electricity"} for figure in (*near, {"co2e": 0.02})]
    assert not released(rows(*grid)).outliers.height


def test_figures_repeated_in_everything_but_the_id_are_found() -> None:
    same = {"co2e": 2.0, "activity_path": "Fuels > one"}
    found = released(rows({**same, "suffix": "a"}, {**same, "suffix": "b"}, {"co2e": 2.0}))
    assert found.duplicates.height == 2


MASSES = {
    "co2": 2.0, "co2_unit": "kg/L", "ch4": 1.0, "ch4_unit": "g/L", "n2o": 1.0, "n2o_unit": "g/L",
    "co2e": 2.0 + 0.028 + 0.265,
}  # fmt: skip


def test_masses_times_gwps_are_compared_with_what_is_printed() -> None:
    found = released(
        rows(
            MASSES,
            {**MASSES, "gwp_set": "AR4"},
            {**MASSES, "other_gases": '{"HFC-134a":"0.001"}', "other_gases_unit": "kg/L"},
            {**MASSES, "gwp_set": "unstated"},
        )
    )
    ratios = found.frames["factors"].sort("factor_id")["gwp_ratio"].to_list()
    assert ratios[0] == pytest.approx(1)
    assert ratios[1] == pytest.approx((2 + 0.025 + 0.298) / 2.293)
    assert ratios[2] == pytest.approx((2.293 + 1.3) / 2.293)
    assert ratios[3] is None


def by_words(judgement: Judgement, part: str) -> Verdict:
    (found,) = [verdict for verdict in judgement.verdicts if part in verdict.words]
    return found


@pytest.fixture(scope="module")
def sound() -> tuple[Release, Judgement]:
    near = [{"co2e": 2.0 + number / 100} for number in range(9)]
    release = released(imported().factors, imported(2.6, edition="2025").factors, rows(*near, {"co2e": 0.02}))
    return release, judge(SUITES, release.frames, release="d" * 64)


def test_a_sound_release_holds_and_warnings_name_rows(sound: tuple[Release, Judgement]) -> None:
    _, judgement = sound
    assert judgement.sound
    assert len(judgement.verdicts) == sum(len(suite.expectations) for suite in SUITES)
    assert by_words(judgement, "a litre").observed == "2 of 2 rows"
    thin = by_words(judgement, "at least 50,000")
    assert (thin.success, thin.severity, thin.observed) == (False, "warning", "18")
    far = by_words(judgement, "ten times its like")
    assert (far.success, far.unexpected) == (False, 1)
    assert far.examples == ("us-epa/fuels/2024/fuels-10/us/2024/l",)


def test_a_gwp_applied_twice_is_critical() -> None:
    release = released(imported(5.71).factors, rows({**MASSES, "gwp_set": "AR4", "co2e": 9.0}))
    judgement = judge(SUITES, release.frames, release="e" * 64)
    assert not judgement.sound
    twice = by_words(judgement, "a litre")
    assert (twice.success, twice.severity) == (False, CRITICAL)
    assert twice.examples == ("uk-desnz/conversion-factors/2024/fuels-diesel/gb/2024/l",)
    assert not by_words(judgement, "masses times the GWPs").success


def test_the_judge_needs_no_network_and_says_the_same_again(
    sound: tuple[Release, Judgement], monkeypatch: pytest.MonkeyPatch
) -> None:
    release, first = sound

    def refuse(*_: object) -> None:
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    again = judge(SUITES, release.frames, release="d" * 64)
    assert again == first
    assert {*first.documents} == {"index.html", *(f"{suite.name}.html" for suite in SUITES)}
    for text in first.documents.values():
        assert "<script" not in text
        assert not re.search(r"""(src|href)=["']?(https?:)?//|url\(""", text)


def test_the_page_says_it_in_a_minute(sound: tuple[Release, Judgement]) -> None:
    release, judgement = sound
    text = page(release, judgement.verdicts, catalogue="d" * 64)
    assert text == page(release, judgement.verdicts, catalogue="d" * 64)
    for word in ("18 sourced emission factors", "49,982 short of 50,000", "Every critical expectation holds"):
        assert word in re.sub("<[^>]+>", "", text)
    assert text.count("<svg") == 1
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    links = set(re.findall(r'href="data-docs/([^"]+)"', text))
    assert links == set(judgement.documents)


def test_what_a_publisher_prints_cannot_break_the_page(sound: tuple[Release, Judgement]) -> None:
    evil = "<img src=x onerror=alert(1)>"
    release = released(
        imported().factors.with_columns(cite_licence=pl.lit(evil), cite_publisher=pl.lit(evil)),
    )
    text = page(release, sound[1].verdicts, catalogue="d" * 64)
    assert "<img" not in text
    assert evil.replace("<", "&lt;").replace(">", "&gt;") in text


def test_an_empty_catalogue_has_a_page_too() -> None:
    release = released(imported().factors.clear())
    text = page(release, (), catalogue="d" * 64)
    assert "0 sourced emission factors" in text
    assert heat_map(release.heat) == "<p>nothing to show</p>"


def test_plausible_bounds_leave_no_room_for_a_second_gwp() -> None:
    for _, _, _, low, high in release_report.PLAUSIBLE:
        assert 0 <= low < high
