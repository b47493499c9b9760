"""The release report as an asset that people open.

Belongs here: the asset, its description, its check. Does not belong here: what is measured
(``core.factors.release_report``) and how it is judged (``resources.expectations``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from greenlang_assets.core.recipes.release import RECIPE, judged_by
from greenlang_assets.defs import keys
from greenlang_assets.defs.provenance import record
from resources.dagster.resource import WorldResource


@dg.asset(
    key=keys.RELEASE_REPORT,
    deps=[keys.CATALOGUE, keys.PUBLISHED_VALUES, keys.FUEL_PROPERTIES, keys.IPCC_GWP],
    description=(
        "What the catalogue covers, how sound it is, and where it is thin.\n\n**Open the page** in "
        "`$GREENLANG_HOME/reports/factors/release_report/all.html`: publishers by year, what is covered, the "
        "gaps, licences, drift against the last edition, outliers. Behind it are the Data Docs of Great "
        "Expectations: coverage, units, GWP consistency, GWPs applied twice, drift, outliers, duplicates, "
        "licences. No script, no network; the same catalogue gives the same pages."
    ),
    group_name=keys.GROUP_FACTORS,
    owners=[keys.OWNER],
    kinds={"greatexpectations", "html"},
    code_version=RECIPE.code_version,
    check_specs=[
        dg.AssetCheckSpec(
            "critical_expectations",
            asset=keys.RELEASE_REPORT,
            description="every critical expectation of the release holds; warnings are for people",
        )
    ],
)
def release_report(context: dg.AssetExecutionContext, world: WorldResource) -> Iterator[Any]:
    """Measure the recorded catalogue, have it judged, record figures and verdicts, write the pages."""
    from resources.expectations import judge

    touched = world.world()
    yield record(context, judged_by(judge), touched, pages=world.home / "reports")
    link = touched.ledger.latest(RECIPE.asset)
    facts = dict(link.entry.facts) if link else {}
    yield dg.AssetCheckResult(passed=facts.get("critical_failures") == 0, metadata=facts)
