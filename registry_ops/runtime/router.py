"""The router: workers by tenant and artefact, started when they are needed.

Belongs here: who answers a call. Does not belong here: what may be loaded (``executor``), limiting processes
and replacing lost ones (a worker does so itself, see ``factory_ops.sandbox``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from factory_ops.sandbox import Worker
from greenlang_assets.core.errors import GreenlangError


@dataclass(frozen=True, slots=True)
class WorkerKey:
    """What a worker is bound to for its whole life: no two tenants and no two artefacts share one."""

    tenant: str
    artifact_sha256: str


class Router:
    """Owns the workers of this process; may be used from several threads.

    Args:
        per_agent: workers of one tenant and artefact that may run at once.
        most: workers that may run at once in all; an idle one of the agent that was called longest ago
            makes room.
    """

    def __init__(self, *, per_agent: int = 2, most: int = 16) -> None:
        self._per_agent = per_agent
        self._most = most
        self._running = 0
        self._closed = False
        self._idle: OrderedDict[WorkerKey, list[Worker]] = OrderedDict()
        self._slots: dict[WorkerKey, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()

    def call(
        self, key: WorkerKey, start: Callable[[], Worker], inputs: Mapping[str, Any], *, timeout_s: float
    ) -> dict[str, Any]:
        """The answer of a worker; that its process was lost is an answer too.

        Args:
            key: whose worker answers.
            start: makes one, after verifying what it loads.
            inputs: by name.
            timeout_s: seconds for the call, and for waiting until a worker is free.

        Raises:
            GreenlangError: ``ROUTER_BUSY``, and what ``start`` raises.
        """
        with self._slot(key, timeout_s):
            worker = self._take(key) or self._started(start)
            try:
                return worker.call(inputs, timeout_s)
            finally:
                self._give_back(key, worker)

    def warm(self, key: WorkerKey, start: Callable[[], Worker]) -> None:
        """Have a worker ready before the first call, where there is none.

        Raises:
            GreenlangError: what ``start`` raises.
        """
        with self._slot(key, 0.0):
            self._give_back(key, self._take(key) or self._started(start))

    def workers(self) -> int:
        """How many are running."""
        with self._lock:
            return self._running

    def close(self) -> None:
        """End every idle worker; one that is answering ends after its answer."""
        with self._lock:
            self._closed = True
            idle = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
            self._running -= len(idle)
        for worker in idle:
            worker.close()

    @contextmanager
    def _slot(self, key: WorkerKey, seconds: float) -> Iterator[None]:
        with self._lock:
            slot = self._slots.setdefault(key, threading.BoundedSemaphore(self._per_agent))
        if not slot.acquire(timeout=seconds):
            raise _busy(f"{self._per_agent} workers of this agent, all answering")
        try:
            yield
        finally:
            slot.release()

    def _take(self, key: WorkerKey) -> Worker | None:
        with self._lock:
            workers = self._idle.get(key)
            return workers.pop() if workers else None

    def _give_back(self, key: WorkerKey, worker: Worker) -> None:
        with self._lock:
            if not self._closed:
                self._idle.setdefault(key, []).append(worker)
                self._idle.move_to_end(key)
                return
            self._running -= 1
        worker.close()

    def _started(self, start: Callable[[], Worker]) -> Worker:
        self._make_room()
        try:
            return start()
        except BaseException:
            with self._lock:
                self._running -= 1
            raise

    def _make_room(self) -> None:
        with self._lock:
            if self._running < self._most:
                self._running += 1
                return
            waiting = next((workers for workers in self._idle.values() if workers), None)
            if waiting is None:
                raise _busy(f"{self._running} workers, all answering")
            oldest = waiting.pop(0)
        oldest.close()  # its place is taken over


def _busy(found: str) -> GreenlangError:
    return GreenlangError(
        "ROUTER_BUSY", "no worker is free for this call", found=found, hint="repeat the request in a moment"
    )
