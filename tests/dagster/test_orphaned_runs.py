"""A run whose process was killed is marked as failed when the platform comes up; one that goes on is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
from dagster._core.events import EngineEventData

from resources.dagster.recovery import fail_orphans

SLEEPER = """
import time, dagster as dg

@dg.op
def sleep():
    print("under way", flush=True)
    time.sleep(300)

@dg.job
def sleepy():
    sleep()

with dg.DagsterInstance.get() as instance:
    sleepy.execute_in_process(instance=instance)
"""


def sleeping_run(home: Path) -> subprocess.Popen[str]:
    """A process that is in the middle of a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "under way\n"
    return process


def test_a_killed_run_fails_and_a_living_one_goes_on(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    killed, living = sleeping_run(tmp_path), sleeping_run(tmp_path)
    try:
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            by_age = [record.dagster_run.run_id for record in instance.get_run_records(ascending=True)]
            assert fail_orphans(instance) == []
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            assert fail_orphans(instance) == by_age[:1]
            assert fail_orphans(instance) == []
            statuses = [instance.get_run_by_id(run).status for run in by_age]  # type: ignore[union-attr]
            assert statuses == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED]
    finally:
        for process in (killed, living):
            process.kill()
            process.wait()


def test_a_process_that_has_only_the_number_of_the_killed_one_is_not_it(tmp_path: Path) -> None:
    """Process numbers are used again: what began after the run did cannot be executing it."""
    run_id = "0a" * 16
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        run = dg.DagsterRun(job_name="sleepy", run_id=run_id, status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        time.sleep(2)  # the system knows the age of a process to a second
        young = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
        try:
            instance.report_engine_event(
                "executing",
                run,
                EngineEventData({"pid": dg.TextMetadataValue(str(young.pid))}),
            )
            assert fail_orphans(instance) == [run_id]
        finally:
            young.kill()
            young.wait()
