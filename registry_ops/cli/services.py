"""Processes that `glac up` keeps running, and what `glac clean` removes.

Belongs here: starting, waiting until ready, stopping in order, removing local state.
Does not belong here: which services there are (``platform``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlang_assets.core.errors import GreenlangError
from registry_ops.cli.output import console

if TYPE_CHECKING:
    from resources.settings import Settings

READY_SECONDS = 120
STOP_SECONDS = 20


@dataclass(frozen=True)
class Service:
    """A child process: a Python module with arguments, ready when its URL answers (where it has one).

    Attributes:
        log: file that takes its output; people are shown where it is, not what is in it.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    ready_url: str = ""
    signals: tuple[int, ...] = field(default=(signal.SIGTERM, signal.SIGKILL))

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own, so that Ctrl-C reaches us alone and we stop it in order."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                [sys.executable, "-m", self.module, *self.arguments],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def require_alive(self, process: subprocess.Popen[bytes]) -> None:
        """Return when it runs.

        Raises:
            GreenlangError: ``SERVICE_ENDED`` with the end of its log.
        """
        if process.poll() is not None:
            raise self._fault("SERVICE_ENDED", f"{self.name} ended with code {process.returncode}")

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return when the service answers.

        Raises:
            GreenlangError: ``SERVICE_ENDED`` or ``SERVICE_NOT_READY`` with the end of its log.
        """
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            self.require_alive(process)
            if _answers(self.ready_url):
                return
            time.sleep(0.3)
        raise self._fault("SERVICE_NOT_READY", f"{self.name} did not answer within {READY_SECONDS} s")

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """End it and its descendants, politely first."""
        for number in self.signals:
            if _is_empty(process):
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            until = time.monotonic() + STOP_SECONDS
            while time.monotonic() < until and not _is_empty(process):
                time.sleep(0.2)

    def _fault(self, code: str, message: str) -> GreenlangError:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return GreenlangError(
            code,
            message,
            found=" | ".join(lines[-5:])[-1500:],
            expected=self.ready_url or "a process that goes on",
            where={"log": self.log},
        )


def _is_empty(leader: subprocess.Popen[bytes]) -> bool:
    """Whether nothing is left of a process group: a run worker outlives the server that started it."""
    import psutil

    if leader.poll() is None:
        return False
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == leader.pid and process.info["status"] != psutil.STATUS_ZOMBIE:
                return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a loopback address of ours
            return bool(answer.status < 500)
    except OSError:
        return False


def keep_running(services: Sequence[Service], *, said: Sequence[str]) -> int:
    """Start services, say when they are ready (and ``said``), run until a signal or one of them ends."""
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _frame: stopped.append(got))
    began = time.monotonic()
    out = console()
    running: list[tuple[Service, Any]] = []
    try:
        for service in services:
            out.print(f"Starting {service.name} …")
            process = service.start()
            running.append((service, process))
            service.wait_until_ready(process)
        out.print(f"Ready after {time.monotonic() - began:.0f} s; Ctrl-C stops everything.")
        for line in said:
            out.print(f"  {line}", markup=False)
        while not stopped:
            for service, process in running:
                service.require_alive(process)
            time.sleep(0.3)
        return 0
    finally:
        out.print("Stopping …")
        for service, process in reversed(running):
            service.stop(process)
        out.print("Stopped.")


def remove_state(settings: Settings) -> Iterator[Path]:
    """Remove what this installation keeps on this machine; yields every folder that it removed."""
    from resources.embedded_postgres import remove

    if remove(settings.home):
        yield settings.home / "postgres"
    if settings.home.is_dir():
        shutil.rmtree(settings.home)
        yield settings.home
