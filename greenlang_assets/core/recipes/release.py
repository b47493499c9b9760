"""Recipe of the release report: what the recorded catalogue covers, how sound it is, where it is thin.

Belongs here: which recorded tables are measured, and what of the report is recorded.
Does not belong here: measuring (``core.factors.release_report``), judging (``resources.expectations``).

The record holds figures and verdicts; the pages are notes, made anew from the same tables at any time. As
with the marts, the recipe that says whether the report is current needs no judge, and the one that makes it
is handed one.
"""

from __future__ import annotations

from dataclasses import replace

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.release_expectations import CRITICAL, SUITES, Judge
from greenlang_assets.core.factors.release_page import page
from greenlang_assets.core.factors.release_report import measure
from greenlang_assets.core.provenance.canonical import canonical_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes import factors
from greenlang_assets.core.recipes.base import Made, Recipe, World, latest_input, load_table

ASSET = "factors/release_report"
#: Folder of the Data Docs beside the page.
DOCS = "data-docs"
_TABLES = (factors.CATALOGUE, factors.VALUES, factors.PROPERTIES, factors.GWP)


def _inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    return tuple(latest_input(world, asset) for asset in _TABLES)


def _not_judged(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    raise GreenlangError(
        "RELEASE_NOT_JUDGED", "a release report is recorded with its verdicts", expected="judged_by(…)"
    )


RECIPE = Recipe(
    ASSET,
    "1.0.0",
    (
        *(f"greenlang_assets/core/factors/release_{part}.py" for part in ("expectations", "page", "report")),
        "greenlang_assets/core/factors/edition_diff.py",
        "greenlang_assets/core/factors/stats.py",
        "greenlang_assets/core/recipes/release.py",
        "resources/expectations.py",
    ),
    _inputs,
    _not_judged,
)


def _published_values(world: World) -> int:
    link = world.ledger.latest(factors.VALUES)
    return int(link.entry.facts["published_values"]) if link else 0


def judged_by(judge: Judge) -> Recipe:
    """The recipe that measures, has the figures judged, and records both."""

    def make(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
        del partition
        given = {reference.asset: reference for reference in inputs}
        catalogue = given[factors.CATALOGUE].content_sha256
        release = measure(
            load_table(world, given[factors.CATALOGUE]),
            # A hundred megabytes of which only the number of figures is asked: a fact of its entry.
            further_values=_published_values(world),
            properties=load_table(world, given[factors.PROPERTIES]),
            gwp=load_table(world, given[factors.GWP]),
        )
        judgement = judge(SUITES, release.frames, release=catalogue)
        failed = [verdict for verdict in judgement.verdicts if not verdict.success]
        return Made(
            canonical_bytes(
                {**release.record(), "verdicts": [verdict.record() for verdict in judgement.verdicts]}
            ),
            facts={
                "factors": release.stats["total"],
                "published_values": release.stats["published_values"],
                "expectations": len(judgement.verdicts),
                "critical_failures": sum(verdict.severity == CRITICAL for verdict in failed),
                "warnings": sum(verdict.severity != CRITICAL for verdict in failed),
            },
            notes={
                "page": page(release, judgement.verdicts, catalogue=catalogue, docs=f"{DOCS}/index.html"),
                "documents": {f"{DOCS}/{name}": text for name, text in judgement.documents.items()},
                "where it is thin": dict(release.gaps),
                "not as expected": {verdict.words: verdict.observed for verdict in failed},
            },
        )

    return replace(RECIPE, make=make)
