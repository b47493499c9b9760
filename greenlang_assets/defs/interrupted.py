"""The sensor on failed runs: what a killed process recorded is told to Dagster.

Belongs here: when it happens while a daemon runs. Does not belong here: how (``resources.dagster.recovery``).
"""

import dagster as dg

from resources.dagster.recovery import tell_what_was_recorded
from resources.dagster.resource import WorldResource


@dg.run_failure_sensor(
    name="interrupted_runs",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A run that was killed after it recorded something: its materialisation is logged late.",
)
def interrupted_runs(context: dg.RunFailureSensorContext, world: WorldResource) -> None:
    """`glac run`, `glac up` and `glac emissions backfill` do the same before they begin."""
    late = tell_what_was_recorded(context.instance, world.platform.ledger, context.dagster_run)
    told = ", ".join(link.entry.asset for link in late) or "everything was told already"
    context.log.info(f"run {context.dagster_run.run_id[:8]}: {told}")
