"""The ledger as people see it in Dagster: where it stands, whether it is intact, a check every day.

Belongs here: the ledger's node in the graph, its check, its job and schedule.
Does not belong here: the verification (``resources.dagster.verification``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from greenlang_assets.core.recipes.ledger import RECIPE, with_report
from greenlang_assets.defs import keys
from greenlang_assets.defs.marts import MARTS
from greenlang_assets.defs.provenance import record
from resources.dagster.resource import WorldResource
from resources.dagster.verification import report_of, verify


@dg.asset(
    key=keys.LEDGER,
    deps=[
        *(keys.CATALOGUE, keys.LIBRARY, keys.TOTALS, keys.TIE_OUT, keys.DEPLOYMENT),
        *(keys.mart(mart.name) for mart in MARTS),
    ],
    description=(
        "The append-only chain of everything that was made: content hash, input hashes, code. Materialising "
        "it verifies all of it.\n\nDagster's own record can be edited and deleted; this one refuses UPDATE, "
        "DELETE and TRUNCATE, every entry binds its predecessor, and each run ends with a signed checkpoint "
        "outside the database. Ledger, store, row index and Dagster's event log are compared, and the first "
        "entry that was altered, removed, cut off or never recorded is named: `glac provenance verify` does "
        "the same on the command line."
    ),
    group_name=keys.GROUP_PROVENANCE,
    owners=[keys.OWNER],
    kinds={"postgres"},
    code_version=RECIPE.code_version,
    check_specs=[
        dg.AssetCheckSpec(
            "intact",
            asset=keys.LEDGER,
            description="ledger, store, row index and Dagster's event log agree with each other",
            blocking=True,
        )
    ],
)
def ledger(context: dg.AssetExecutionContext, world: WorldResource) -> Iterator[Any]:
    """Verify everything and record what was found."""
    verification = verify(world.platform, context.instance)
    yield record(context, with_report(report_of(verification)), world.world())
    yield dg.AssetCheckResult(passed=verification.intact, metadata={"findings": len(verification.findings)})


VERIFICATION_JOB = dg.define_asset_job(
    "provenance_verification",
    selection=dg.AssetSelection.assets(keys.LEDGER),
    description="Ledger, store, row index and event log against each other.",
    executor_def=dg.in_process_executor,
)
DAILY_VERIFICATION = dg.ScheduleDefinition(
    name="provenance_verification_daily",
    job=VERIFICATION_JOB,
    cron_schedule="15 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 03:15 UTC.",
)
