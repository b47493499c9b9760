"""What factory and registry ask of a sandbox: a protocol, implemented in ``resources.sandbox``.

Belongs here: method names and the promises behind them. Does not belong here: processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: Answers calls of an agent: ``{"inputs": …}`` in, an execution answer out.
AGENT_PROGRAM = "resources.sandbox_agent"


@dataclass(frozen=True)
class Limits:
    """What one worker may use.

    Attributes:
        memory_mb: private memory; the address space may be 4 GB larger, it is only reserved.
        cpu_s: processor time in the worker's whole life.
        start_s: seconds until it is ready, the platform's own libraries included.
        call_s: seconds for one call, unless the caller says otherwise.
        answer_bytes: of one answer.
        log_bytes: of what a call prints; the rest is dropped.
    """

    memory_mb: int = 1024
    cpu_s: int = 3600
    start_s: float = 60.0
    call_s: float = 10.0
    answer_bytes: int = 4 * 1024 * 1024
    log_bytes: int = 64 * 1024


@dataclass(frozen=True)
class Strength:
    """How strong a sandbox is here.

    Attributes:
        name: ``bubblewrap+seccomp``, ``bubblewrap``, ``seccomp`` or ``limits``.
        holds: what is guaranteed by the kernel: among ``memory``, ``cpu``, ``files-written``, ``network``,
            ``processes``, ``files-read``, ``processes-seen``.
        weaker: in words, what is left to Python alone.
    """

    name: str
    holds: frozenset[str]
    weaker: str


class Worker(Protocol):
    """One agent in a process of its own; when the process is lost, the next call gets a new one."""

    def call(self, inputs: Any, timeout_s: float | None = None) -> dict[str, Any]:
        """The execution answer to these inputs; a lost or misbehaving process is an answer as well."""
        ...

    def request(self, message: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, Any]:
        """The program's answer to any message of its own."""
        ...

    def log(self) -> str:
        """What the last call printed, secrets masked, cut at the limit."""
        ...

    def close(self) -> None:
        """End the process and remove its files."""
        ...


class Sandbox(Protocol):
    """Starts workers."""

    @property
    def strength(self) -> Strength:
        """How strong the sandbox is on this machine."""
        ...

    def start(
        self,
        files: Mapping[str, bytes],
        *,
        agent_id: str,
        version: str,
        program: str = AGENT_PROGRAM,
        limits: Limits | None = None,
    ) -> Worker:
        """A worker over a pack's files (as ``read_pack`` gives them), ready to be called.

        Raises:
            GreenlangError: ``SANDBOX_START``: the program could not be loaded.
        """
        ...
