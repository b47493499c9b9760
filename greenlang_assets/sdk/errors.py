"""Errors of agents.

Belongs here: what an agent refuses, with every faulty field at once. Does not belong here: refusals of
the engine, which pass through as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from greenlang_assets.core.errors import GreenlangError


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field."""

    code: str
    field: str
    message: str
    found: str | None = None
    expected: str | None = None
    hint: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fault as JSON-ready data."""
        return {name: getattr(self, name) for name in self.__slots__}


class GLValidationError(GreenlangError):
    """Inputs or outputs that do not hold what the pack declares; ``faults`` has every one of them.

    Args:
        side: ``input`` or ``output``.
        faults: one or more.
    """

    def __init__(self, side: str, faults: Sequence[FieldFault]) -> None:
        first = faults[0]
        more = f" and {len(faults) - 1} more" if len(faults) > 1 else ""
        super().__init__(
            f"{side.upper()}_INVALID",
            f"{first.message}{more}",
            found=first.found,
            expected=first.expected,
            hint=first.hint,
            where={side: first.field},
        )
        self.side = side
        self.faults = tuple(faults)

    def as_dict(self) -> dict[str, Any]:
        """The error as JSON-ready data, with its faults."""
        return super().as_dict() | {"faults": [fault.as_dict() for fault in self.faults]}


class LifecycleError(GreenlangError):
    """An unknown hook, a hook that raised, or a step of the lifecycle out of order."""


class ExecutionError(GreenlangError):
    """An agent's own code raised something that is not a refusal."""
