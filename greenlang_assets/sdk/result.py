"""What one call of an agent is made under and what it answers.

Belongs here: context, metrics, result. Does not belong here: how the answer comes about.

Ids and times come from functions that are handed in, never from the machine's clock on the calculation
path; they stand beside the data of a result, outside its provenance hash.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from greenlang_assets.core.errors import GreenlangError

OutT = TypeVar("OutT")

Clock = Callable[[], dt.datetime]
Ids = Callable[[], str]


def utc_now() -> dt.datetime:
    """The machine's clock, in UTC; tests and replays hand in another."""
    return dt.datetime.now(dt.UTC)


def random_id() -> str:
    """A random identifier (UUID 4)."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """Who called and when; nothing in here may change a number.

    Attributes:
        execution_id: of this call.
        started_at: with its zone.
        tenant: whose call it is, where there are tenants.
        facts: whatever the caller wants to find again in the result's metadata.
    """

    execution_id: str
    started_at: dt.datetime
    tenant: str | None = None
    facts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def create(
        cls, *, clock: Clock = utc_now, ids: Ids = random_id, tenant: str | None = None, **facts: str
    ) -> ExecutionContext:
        """A context with a new id and the clock's time."""
        return cls(ids(), clock(), tenant, tuple(sorted(facts.items())))


@dataclass(slots=True)
class AgentMetrics:
    """Counts of one agent's life."""

    runs: int = 0
    failures: int = 0
    hooks: int = 0
    calculations: int = 0

    def to_dict(self) -> dict[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class AgentResult(Generic[OutT]):
    """What ``run`` answers: data, or a typed error, never both.

    Attributes:
        success: whether there is data.
        data: the outputs.
        error: the error as text, for a person.
        fault: the typed error itself (code, found, expected, hint), for a program.
        citations: where every figure was published, as JSON-ready data.
        metadata: execution id, time, metrics, provenance hash, pinned factors.
    """

    success: bool
    data: OutT | None = None
    error: str | None = None
    fault: GreenlangError | None = None
    citations: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
