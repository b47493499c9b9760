"""Which changes of status are possible, and which version is the current one.

Belongs here: pure rules over versions. Does not belong here: storing anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from registry_ops.registry.errors import CertificationRequiredError, StatusTransitionError
from registry_ops.registry.models import AgentStatus, AgentVersion

REASON_LENGTH = 10

#: From where a version may go where. An active version is deprecated before it is retired.
TRANSITIONS: dict[AgentStatus, frozenset[AgentStatus]] = {
    AgentStatus.DRAFT: frozenset({AgentStatus.ACTIVE, AgentStatus.RETIRED}),
    AgentStatus.ACTIVE: frozenset({AgentStatus.DEPRECATED}),
    AgentStatus.DEPRECATED: frozenset({AgentStatus.ACTIVE, AgentStatus.RETIRED}),
    AgentStatus.RETIRED: frozenset(),
}


def check_transition(
    agent_id: str, version: AgentVersion, wanted: AgentStatus, *, reason: str, live: int
) -> None:
    """Whether a version may take this status now.

    Args:
        agent_id: whose version it is.
        version: as it stands.
        wanted: the new status.
        reason: why, for those who read it later.
        live: deployments of this version that are not removed.

    Raises:
        StatusTransitionError: ``STATUS_TRANSITION``, ``STATUS_REASON``, ``ACTIVE_DEPLOYMENTS``.
        CertificationRequiredError: ``CERTIFICATION_REQUIRED``.
    """
    what = f"{agent_id} {version.version}"
    if len(reason.strip()) < REASON_LENGTH:
        raise StatusTransitionError(
            "STATUS_REASON",
            "a change of status needs its reason",
            found=repr(reason[:100]),
            expected=f"at least {REASON_LENGTH} characters",
        )
    allowed = TRANSITIONS[version.status]
    if wanted not in allowed:
        raise StatusTransitionError(
            "STATUS_TRANSITION",
            f"{what} cannot go from {version.status} to {wanted}",
            found=wanted,
            expected=" or ".join(sorted(allowed)) or "nothing: a retired version stays retired",
        )
    if wanted is AgentStatus.ACTIVE and version.certificate_id is None:
        raise CertificationRequiredError(
            "CERTIFICATION_REQUIRED",
            f"{what} has no certificate",
            expected="a certificate over its artefact",
            hint="let the factory certify it first",
        )
    if wanted is AgentStatus.RETIRED and live:
        raise StatusTransitionError(
            "ACTIVE_DEPLOYMENTS",
            f"{what} is still deployed",
            found=f"{live} deployments",
            expected="none",
            hint="remove its deployments first",
        )


def precedence(version: str) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
    """Sort key of a semantic version (SemVer 2.0.0, section 11): a pre-release comes before its release."""
    numbers, _, pre = version.partition("-")
    major, minor, patch = (int(part) for part in numbers.split("."))
    # Numeric identifiers by value and below the alphanumeric ones; those by their ASCII text.
    parts = tuple(
        (False, int(part), "") if re.fullmatch(r"[0-9]+", part) else (True, 0, part)
        for part in pre.split(".")
        if pre
    )
    return (major, minor, patch), not pre, parts


def current_version(versions: Iterable[AgentVersion]) -> str | None:
    """The highest active release, the highest active pre-release where there is no release."""
    active = [known.version for known in versions if known.status is AgentStatus.ACTIVE]
    return max(active, key=lambda text: ("-" not in text, precedence(text)), default=None)
