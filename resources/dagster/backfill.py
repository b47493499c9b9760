"""A backfill: one run a partition, each in a process of its own, as many at a time as the instance allows.

Belongs here: asking for one as Dagster's UI does, reading how far it is, giving it up.
Does not belong here: which partitions are due (``core.recipes.plan``); who watches (``registry_ops.cli``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.utils import make_new_backfill_id

from resources.dagster.instance import failure_words

State = Literal["waits", "runs", "made", "failed"]

_BACKFILL = "dagster/backfill"
_PARTITION = "dagster/partition"
_WILL_RETRY = "dagster/will_retry"
_STATES: dict[dg.DagsterRunStatus, State] = {
    dg.DagsterRunStatus.QUEUED: "waits",
    dg.DagsterRunStatus.NOT_STARTED: "waits",
    dg.DagsterRunStatus.SUCCESS: "made",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "failed",
}
#: Daemons say every 30 seconds that they are there.
_SILENT_SECONDS = 75


@dataclass(frozen=True)
class PartitionRun:
    """The newest run of one partition of a backfill.

    Attributes:
        why: what a failed run said of itself; empty otherwise.
    """

    partition: str
    run_id: str
    state: State
    why: str = ""


class Backfill:
    """One backfill, requested or found again by its id."""

    def __init__(self, instance: dg.DagsterInstance, backfill_id: str) -> None:
        self._instance = instance
        self.id = backfill_id

    @classmethod
    def request(
        cls,
        definitions: dg.Definitions,
        instance: dg.DagsterInstance,
        *,
        steps: Iterable[tuple[Iterable[str], str]],
        title: str,
    ) -> Backfill:
        """Ask Dagster's daemon for some assets of some partitions; it starts as soon as the daemon looks."""
        backfill_id = make_new_backfill_id()
        graph = definitions.resolve_asset_graph()
        wanted = {
            AssetKeyPartitionKey(dg.AssetKey(name.split("/")), partition)
            for assets, partition in steps
            for name in assets
        }
        instance.add_backfill(
            PartitionBackfill.from_asset_graph_subset(
                backfill_id=backfill_id,
                backfill_timestamp=time.time(),
                tags={},
                dynamic_partitions_store=instance,
                asset_graph_subset=AssetGraphSubset.from_asset_partition_set(wanted, graph),
                title=title,
                description=None,
                run_config=None,
            )
        )
        return cls(instance, backfill_id)

    def runs(self) -> dict[str, PartitionRun]:
        """The newest run of each partition that has one, by partition."""
        runs = self._instance.get_runs(dg.RunsFilter(tags={_BACKFILL: self.id}))
        newest: dict[str, PartitionRun] = {}
        for run in runs:  # newest first
            partition = run.tags.get(_PARTITION, "")
            if partition not in newest:
                newest[partition] = self._described(partition, run)
        return newest

    def _described(self, partition: str, run: dg.DagsterRun) -> PartitionRun:
        state = _STATES.get(run.status, "runs")
        if state == "failed" and run.tags.get(_WILL_RETRY) == "true":
            state = "waits"  # its process was lost; Dagster starts another
        why = self._why(run.run_id) if state == "failed" else ""
        return PartitionRun(partition, run.run_id, state, why)

    def _why(self, run_id: str) -> str:
        entries = self._instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        said = [failure_words(entry.dagster_event) for entry in entries if entry.dagster_event is not None]
        return (
            "; ".join(dict.fromkeys(filter(None, said)))
            or "its process ended without a word: killed, or out of memory"
        )

    @property
    def over(self) -> bool:
        """Whether Dagster has closed the backfill."""
        found = self._instance.get_backfill(self.id)
        return found is None or found.status in BULK_ACTION_TERMINAL_STATUSES

    def give_up(self) -> None:
        """Cancel what still waits; for when no daemon is left that would do it."""
        waiting = dg.RunsFilter(tags={_BACKFILL: self.id}, statuses=[dg.DagsterRunStatus.QUEUED])
        for run in self._instance.get_runs(waiting):
            self._instance.report_run_canceled(run, "the backfill was given up before this run began")
        found = self._instance.get_backfill(self.id)
        if found is not None and not self.over:
            ended = found.with_end_timestamp(time.time())._replace(status=BulkActionStatus.CANCELED)
            self._instance.update_backfill(ended)


def daemon_is_up(instance: dg.DagsterInstance) -> bool:
    """Whether a daemon that starts backfills was there a moment ago."""
    beats = instance.get_daemon_heartbeats()
    return "BACKFILL" in beats and time.time() - beats["BACKFILL"].timestamp < _SILENT_SECONDS


def forget_daemon(instance: dg.DagsterInstance) -> None:
    """Say that our daemon has ended, so that nobody waits for it."""
    instance.wipe_daemon_heartbeats()
