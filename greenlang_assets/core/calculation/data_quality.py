"""Data quality of a line by a published scheme: what is known of it as scores from one to five.

Belongs here: reading ``data/calculation/data_quality.yaml``, and scoring one result or a frame of lines.
Does not belong here: uncertainty (``uncertainty``, ``line_bounds``), a publisher's own rating of its factor,
which is passed on as printed.

A score says only what follows from facts that stand in the line or in the method table. An indicator about
which nothing is known is *not assessed*: it has no score, which is not the worst one, and there is no overall
score that would hide it. A mean over lines is weighted by their CO2e and counts lines that have the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.factors.regions import GROUP, WORLD
from greenlang_assets.core.strict_yaml import load

TABLE = DATA_ROOT / "calculation" / "data_quality.yaml"
#: The indicators of the scheme, in its order.
INDICATORS = ("reliability", "temporal", "geographical", "technological", "data_collection")
#: How wide a place is: part of a country, country, group of countries, world.
_WIDTH = {"country": 1, "region group": 2, "world": 3}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(_Frozen):
    """One score: the named levels or the distances below a bound that have it; without either, the rest."""

    score: int = Field(ge=1, le=5)
    levels: tuple[str, ...] = ()
    below: int | None = None
    meaning: str


class Indicator(_Frozen):
    """One indicator: what it asks, what it is derived from, its scores from the best on."""

    question: str
    derived_from: str
    scores: tuple[Score, ...]

    def of_level(self, level: str | None) -> int | None:
        """The score of a named level; None where nothing is stated."""
        return next((item.score for item in self.scores if level in item.levels), None)

    def of_distance(self, distance: int) -> int:
        """The score of a distance."""
        return next(item.score for item in self.scores if item.below is None or abs(distance) < item.below)

    def of_distances(self, distance: pl.Expr) -> pl.Expr:
        """The scores of a column of distances."""
        scored = pl.lit(None, dtype=pl.Int64)
        for item in reversed(self.scores):
            score = pl.lit(item.score, dtype=pl.Int64)
            scored = (
                score
                if item.below is None
                else pl.when(distance.abs() < item.below).then(score).otherwise(scored)
            )
        return scored


class Scheme(_Frozen):
    """The scheme as it was published, with its citation."""

    scheme: str
    citation: dict[str, str]
    indicators: dict[Literal["reliability", "temporal", "geographical"], Indicator]
    not_assessed: dict[str, str]


@cache
def scheme() -> Scheme:
    """The scheme that ships."""
    return Scheme.model_validate(load(TABLE.read_bytes()).data)


@dataclass(frozen=True)
class DataQuality:
    """Scores of one result; None is not assessed."""

    reliability: int | None
    temporal: int
    geographical: int
    technological: None = None
    data_collection: None = None

    def as_dict(self) -> dict[str, Any]:
        """Scores, scheme and source as JSON-ready data."""
        known = scheme()
        unassessed = dict(known.not_assessed)
        if self.reliability is None:
            unassessed["reliability"] = "nothing states how the quantity was come by"
        return {
            "scheme": known.scheme,
            "scores": {name: getattr(self, name) for name in INDICATORS},
            "not_assessed": unassessed,
            "citation": known.citation,
        }


def data_quality(
    *, region: str, matched_level: str, year_distance: int, reliability: str | None = None
) -> DataQuality:
    """Scores of one result.

    Args:
        region: the place that was asked for.
        matched_level: how the factor was found there (``exact``, ``country``, ``region group``, ``world``).
        year_distance: data year less the factor's year.
        reliability: level of the quantity, one of ``tenants.contracts.RELIABILITIES``, if somebody stated it.
    """
    indicators = scheme().indicators
    asked = 3 if region == WORLD else 2 if region.startswith(GROUP) else 0 if "-" in region else 1
    levels = max(0, _WIDTH.get(matched_level, asked) - asked)
    return DataQuality(
        reliability=indicators["reliability"].of_level(reliability),
        temporal=indicators["temporal"].of_distance(year_distance),
        geographical=indicators["geographical"].of_distance(levels),
    )


def score_columns() -> dict[str, pl.Expr]:
    """Scores of lines, as columns.

    They are computed from ``region``, ``matched_level``, ``year_distance`` and ``reliability`` (a level's
    name, or null), row by row the same as :func:`data_quality`.
    """
    indicators = scheme().indicators
    region = pl.col("region")
    asked = (
        pl.when(region == WORLD).then(3).when(region.str.starts_with(GROUP)).then(2)
        .when(region.str.contains("-", literal=True)).then(0).otherwise(1)
    )  # fmt: skip
    found = pl.col("matched_level").replace_strict(_WIDTH, default=None, return_dtype=pl.Int64)
    levels = (pl.coalesce(found, asked) - asked).clip(lower_bound=0)
    stated = {level: item.score for item in indicators["reliability"].scores for level in item.levels}
    unknown = pl.lit(None, dtype=pl.Int64)
    return {
        "reliability": pl.col("reliability").replace_strict(stated, default=None, return_dtype=pl.Int64),
        "temporal": indicators["temporal"].of_distances(pl.col("year_distance")),
        "geographical": indicators["geographical"].of_distances(levels),
        "technological": unknown,
        "data_collection": unknown,
    }
