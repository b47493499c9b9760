"""What a killed process left behind in Dagster's records, put right.

Belongs here: runs whose process is gone; what such a run recorded and could not tell any more.
Does not belong here: the ledger and the store, which need no repair: content and entry are whole or absent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg
import psutil
from dagster._core.events import StepMaterializationData

from greenlang_assets.core.provenance.ledger import LedgerLink
from resources.dagster.event_log import ENTRY_METADATA
from resources.dagster.shown import event_of

if TYPE_CHECKING:
    from resources.ledger import PostgresLedger
    from resources.platform import Platform

_FAILED = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
#: Says of a failed run that its events were compared with the ledger. Dagster's UI hides tags of this prefix.
COMPARED = ".dagster/greenlang_compared_with_ledger"
_LATE = "the run was stopped between recording this and telling of it; the ledger's entry is told here"


def recover(platform: Platform, instance: dg.DagsterInstance) -> list[str]:
    """Put right what processes that were killed left behind; called before new work is begun.

    Returns:
        The runs that were found without a process, oldest first.
    """
    # Only the embedded database is known to be this machine's alone: a run of another machine has a process
    # there that cannot be seen from here.
    gone = fail_orphans(instance) if platform.database.embedded is not None else []
    for run in instance.get_runs(_FAILED):
        tell_what_was_recorded(instance, platform.ledger, run)
    return gone


def tell_what_was_recorded(
    instance: dg.DagsterInstance, ledger: PostgresLedger, run: dg.DagsterRun
) -> list[LedgerLink]:
    """Log the materialisations that a failed run recorded and could not log any more.

    The ledger comes first and the event second, so a process that is killed between the two leaves an entry
    without its event. The entry stands; the event is made from it, under the same run. Only a run that
    Dagster itself says failed or was cancelled is completed: an event that is missing from a run that
    succeeded was deleted, and stays a finding.

    Returns:
        The entries that were told of, in the ledger's order.
    """
    if COMPARED in run.tags:
        return []
    told = set(_told(instance, run.run_id))
    late = [link for link in ledger.of_run(run.run_id) if link.entry_sha256 not in told]
    for link in late:
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name=run.job_name,
            message=_LATE,
            event_specific_data=StepMaterializationData(event_of(link), []),
        )
        instance.report_dagster_event(event, run_id=run.run_id)
    instance.add_run_tags(run.run_id, {COMPARED: f"{len(late)} told late"})
    return late


def _told(instance: dg.DagsterInstance, run_id: str) -> Iterable[str]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.asset_materialization
        named = event.metadata.get(ENTRY_METADATA) if event is not None else None
        if named is not None:
            yield str(named.value)


def fail_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed the runs whose process is gone: a machine that lost its power says nothing itself.

    Dagster's monitoring asks a run's worker only where the launcher can tell, and the launcher of one
    machine cannot. A failed run is retried by the daemon (``run_retries``) from where it stopped.

    Returns:
        The ids of those runs, oldest first.
    """
    under_way = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    )
    gone = []
    for record in instance.get_run_records(under_way, ascending=True):
        run, since = record.dagster_run, record.start_time or record.create_timestamp.timestamp()
        if not any(_alive(pid, since) for pid in _processes(instance, run.run_id)):
            instance.report_run_failed(run, "the process of this run is gone: it was killed from outside")
            gone.append(run.run_id)
    return gone


def _processes(instance: dg.DagsterInstance, run_id: str) -> set[int]:
    """The processes that said of themselves that they execute this run."""
    told = set()
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event is not None else None
        if pid is not None:
            told.add(int(str(pid.value)))
    return told


def _alive(pid: int, since: float) -> bool:
    """Whether a process that was there at ``since`` (seconds of the epoch) still is; ids are used again."""
    try:
        return bool(psutil.Process(pid).create_time() <= since)
    except psutil.NoSuchProcess:
        return False
