"""Refusals of the registry.

Belongs here: error types with their codes. Does not belong here: deciding when to refuse.
"""

from __future__ import annotations

from greenlang_assets.core.errors import GreenlangError


class RegistryError(GreenlangError):
    """Root of what the registry refuses."""


class AgentNotFoundError(RegistryError):
    """No such agent, or no such version of it, in this tenant."""

    def __init__(self, agent_id: str, version: str | None = None, *, known: str | None = None) -> None:
        what = agent_id if version is None else f"{agent_id} {version}"
        super().__init__(
            "AGENT_NOT_FOUND",
            "no such agent is registered" if version is None else "the agent has no such version",
            found=what,
            expected=known,
            hint="GET /api/v1/registry/agents lists what is registered",
        )


class AgentVersionConflictError(RegistryError):
    """A published version never changes."""

    def __init__(self, agent_id: str, version: str, *, found: str, expected: str) -> None:
        super().__init__(
            "VERSION_REUSED",
            f"{agent_id} {version} is registered already, with other content",
            found=found,
            expected=expected,
            hint="a published version never changes; raise the version",
        )


class StatusTransitionError(RegistryError):
    """This version may not go from where it stands to there."""


class CertificationRequiredError(RegistryError):
    """Nothing becomes active without a certificate."""
