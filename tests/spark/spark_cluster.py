"""A real Spark cluster on loopback: a master and workers, each a process of its own.

Belongs here: starting them on free ports in a folder of their own, and ending them, whatever happens.
Does not belong here: a test.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_SECONDS = 240


@dataclass(frozen=True)
class Cluster:
    """A running cluster: where jobs are sent, and the master's page."""

    master: str
    page: str

    def workers(self) -> list[dict[str, Any]]:
        """What the master says of each worker that is alive."""
        said = answer(f"{self.page}/json/")
        return [worker for worker in said["workers"] if worker["state"] == "ALIVE"]


def answer(url: str) -> Any:
    """A JSON page of Spark's."""
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.load(response)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def cluster(folder: Path, *, workers: int) -> Iterator[Cluster]:
    """A master and workers of one core and one gigabyte each."""
    port, page = free_port(), free_port()
    running = Cluster(f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{page}")
    with contextlib.ExitStack() as processes:
        address = ("--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page))
        processes.enter_context(_process(folder, "master", "master.Master", *address))
        _until(lambda: running.workers() == [], folder)
        for number in range(workers):
            own = ("--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", "0")
            work = ("--work-dir", str(folder / f"work-{number}"), running.master)
            processes.enter_context(_process(folder, f"worker-{number}", "worker.Worker", *own, *work))
        _until(lambda: len(running.workers()) == workers, folder)
        yield running


@contextlib.contextmanager
def _process(folder: Path, name: str, program: str, *arguments: str) -> Iterator[None]:
    import pyspark

    home = Path(pyspark.__file__).parent
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{program}", *arguments]
    settings = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m"}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | settings, stdout=log, stderr=log, cwd=folder,
            start_new_session=True, preexec_fn=_end_with_parent,
        )  # fmt: skip
    try:
        yield
    finally:
        # The whole group: a worker's executors are processes that it started.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


def _end_with_parent() -> None:
    """Linux ends the process when the test's own is killed and no ``finally`` runs."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _until(ready: Any, folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if ready():
                return
        time.sleep(0.3)
    logs = "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in sorted(folder.glob("*.log")))
    raise TimeoutError(f"the cluster is not ready after {READY_SECONDS} s\n{logs}")
