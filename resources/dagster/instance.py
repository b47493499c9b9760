"""Dagster's instance on our database, and runs in this process.

Belongs here: materialising from outside Dagster's UI.
Does not belong here: what is materialised; where Dagster keeps its state (``resources.dagster_home``).
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import dagster as dg
from dagster._core.events import RunFailureReason

from greenlang_assets.core.errors import GreenlangError

#: Progress is ours to show; every event of a run is kept in the instance, where Dagster's UI shows it.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

_STATEMENT_TIMEOUT_MS = 60_000
_RECYCLE_SECONDS = 3_600
_MORE_CONNECTIONS = 20


@contextmanager
def open_instance(environment: Mapping[str, str]) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of this installation.

    Args:
        environment: what :func:`resources.dagster_home.prepare` returned.
    """
    os.environ.update(environment)
    warnings.filterwarnings("ignore", module="dagster")
    with dg.DagsterInstance.get() as instance:
        # Dagster's storage opens a connection for each of its statements unless it is told that its process
        # stays; a fresh PostgreSQL backend for each event was half the time of a run.
        instance.optimize_for_webserver(
            statement_timeout=_STATEMENT_TIMEOUT_MS,
            pool_recycle=_RECYCLE_SECONDS,
            max_overflow=_MORE_CONNECTIONS,
        )
        yield instance


def _was_interrupted(event: dg.DagsterEvent) -> bool:
    if event.event_type != dg.DagsterEventType.RUN_FAILURE:
        return False
    return event.job_failure_data.failure_reason == RunFailureReason.UNEXPECTED_TERMINATION


def failure_words(event: dg.DagsterEvent) -> str:
    """What a failed step said, without Dagster's layers and the name of the class; else nothing."""
    if not event.is_step_failure or not event.step_failure_data.error:
        return ""
    error = event.step_failure_data.error
    return re.sub(r"^(?:\w+\.)+\w+: ", "", (error.cause or error).message.strip())


class Runner:
    """Runs of our assets in this process, recorded in the same instance that Dagster's UI shows."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._definitions = definitions
        self._instance = instance

    def add_partitions(self, dimension: str, keys: Iterable[str]) -> None:
        """Make dynamic partitions known; those that are known already stay."""
        known = set(self._instance.get_dynamic_partitions(dimension))
        new = [key for key in dict.fromkeys(keys) if key not in known]
        if new:
            self._instance.add_dynamic_partitions(dimension, new)

    def materialise(self, job: str, *, assets: Iterable[str] = (), partition: str | None = None) -> str:
        """Run a job (or some of its assets) to its end.

        Returns:
            The run's id.

        Raises:
            GreenlangError: the one that an asset raised, or ``RUN_FAILED``, naming the run; a failed
                blocking check counts as failure.
            KeyboardInterrupt: somebody stopped this process; Dagster has noted the run as failed.
        """
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self._instance,
            partition_key=partition,
            run_config=_QUIET,
            asset_selection=[dg.AssetKey(name.split("/")) for name in assets] or None,
            raise_on_error=False,
        )
        if result.success:
            return result.run_id
        # Dagster takes the signal and ends the run; whoever sent it wants the whole process to stop.
        if any(event.is_job_event and _was_interrupted(event) for event in result.all_events):
            raise KeyboardInterrupt
        events = [event for event in result.all_events if event.is_failure and event.is_step_event]
        words = "; ".join(dict.fromkeys(filter(None, map(failure_words, events))))
        raise GreenlangError(
            "RUN_FAILED",
            f"run {result.run_id[:8]} of job {job} failed" + (f" for {partition}" if partition else ""),
            found=words[:2000] or "a failure without a step",
            hint="`glac up` shows the run with every event; nothing of the failed step was recorded",
        )
