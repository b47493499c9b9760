"""The ledger as people see it in Dagster: where it stands, whether it is intact, a check every day.

Belongs here: the ledger's node in the graph, its check, its job and schedule.
Does not belong here: the verification (``resources.dagster.verification``).
"""

import dagster as dg

from greenlang_assets.defs import keys
from resources.dagster.resource import WorldResource
from resources.dagster.verification import verify

LEDGER_SPEC = dg.AssetSpec(
    keys.LEDGER,
    description=(
        "The append-only chain of everything that was made: content hash, input hashes, code.\n\nDagster's "
        "own record can be edited and deleted; this one refuses UPDATE, DELETE and TRUNCATE, every entry "
        "binds its predecessor, and each run ends with a signed checkpoint outside the database. The check "
        "`intact` compares ledger, store and Dagster's event log with each other and names the first entry "
        "that was altered, removed, cut off or never recorded: `glac provenance verify`."
    ),
    group_name=keys.GROUP_PROVENANCE,
    owners=[keys.OWNER],
    kinds={"postgres"},
    code_version="1.0.0",
)


@dg.asset_check(
    asset=keys.LEDGER,
    name="intact",
    description="ledger, store, row index and Dagster's event log agree with each other",
    blocking=True,
)
def intact(context: dg.AssetCheckExecutionContext, world: WorldResource) -> dg.AssetCheckResult:
    """Verify everything; the first findings are named."""
    verification = verify(world.platform, context.instance)
    return dg.AssetCheckResult(
        passed=verification.intact,
        metadata={
            "entries": verification.chain.entries,
            "sealed up to": verification.chain.sealed,
            "events compared": verification.events,
            "head": verification.chain.head or "none",
            "findings": dg.MetadataValue.json([finding.as_dict() for finding in verification.findings[:50]]),
        },
    )


VERIFICATION_JOB = dg.define_asset_job(
    "provenance_verification",
    selection=dg.AssetSelection.checks(intact),
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
