"""Scores of data quality: the published bounds, and nothing where nothing is known."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlang_assets.core.calculation.data_quality import INDICATORS, data_quality, scheme, score_columns
from greenlang_assets.core.tenants.contracts import RELIABILITIES

PLACES = ("US", "GB", "US-EGRID-RFCW", "FR-BRE", "GROUP-EU-27", "WORLD")
LEVELS = ("exact", "country", "region group", "world")


@pytest.mark.parametrize(
    ("years", "score"), [(0, 1), (2, 1), (3, 2), (5, 2), (6, 3), (9, 3), (10, 4), (14, 4), (15, 5), (90, 5)]
)
def test_years_are_scored_by_the_published_bounds_in_both_directions(years: int, score: int) -> None:
    for distance in (years, -years):
        assert data_quality(region="US", matched_level="exact", year_distance=distance).temporal == score


@pytest.mark.parametrize(
    ("region", "level", "score"),
    [
        ("US", "exact", 1), ("US-EGRID-RFCW", "exact", 1), ("WORLD", "exact", 1), ("GROUP-EU-27", "exact", 1),
        ("US-EGRID-RFCW", "country", 2), ("FR", "region group", 2), ("GROUP-EU-27", "world", 2),
        ("FR-BRE", "region group", 3), ("FR", "world", 3), ("FR-BRE", "world", 4),
    ],
)  # fmt: skip
def test_a_wider_region_scores_a_level_each(region: str, level: str, score: int) -> None:
    assert data_quality(region=region, matched_level=level, year_distance=0).geographical == score


def test_reliability_has_a_score_for_every_word_of_the_method_table_and_for_no_other() -> None:
    scored = {
        level: data_quality(
            region="US", matched_level="exact", year_distance=0, reliability=level
        ).reliability
        for level in RELIABILITIES
    }
    assert scored == dict(zip(RELIABILITIES, (1, 2, 2, 3, 4, 5), strict=True))
    for unknown in (None, "good"):
        found = data_quality(region="US", matched_level="exact", year_distance=0, reliability=unknown)
        assert found.reliability is None


def test_what_is_not_known_is_not_assessed_and_says_why() -> None:
    told = data_quality(region="US", matched_level="exact", year_distance=0).as_dict()
    empty = {name for name, score in told["scores"].items() if score is None}
    assert empty == {"reliability", "technological", "data_collection"} == set(told["not_assessed"])
    assert all(len(reason) > 20 for reason in told["not_assessed"].values())
    assert told["citation"]["document"] == "Guidance on Data Quality Assessment for Life Cycle Inventory Data"
    assert "overall" not in told["scores"]
    assert set(scheme().indicators) | set(scheme().not_assessed) == set(INDICATORS)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(PLACES),
            st.sampled_from(LEVELS),
            st.integers(-200, 200),
            st.sampled_from((None, *RELIABILITIES)),
        ),
        min_size=1,
        max_size=50,
    )
)
def test_a_column_is_scored_as_each_row_is(rows: list[tuple[str, str, int, str | None]]) -> None:
    schema = {
        "region": pl.String, "matched_level": pl.String, "year_distance": pl.Int64, "reliability": pl.String,
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=schema, orient="row").select(**score_columns())
    for found, row in zip(frame.iter_rows(named=True), rows, strict=True):
        alone = data_quality(**dict(zip(schema, row, strict=True)))
        assert found == {name: getattr(alone, name) for name in INDICATORS}
