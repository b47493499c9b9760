"""What the registry knows, as frozen records.

Belongs here: entries, versions, deployments, operations, queries. Does not belong here: rules
(``registry``, ``status``), rows of a database.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

#: The environment of this installation: worker processes behind the router of one API process.
LOCAL = "local"
#: The tenant of the development token, of ``specs/inbox`` and of this installation's factory.
DEVELOPMENT_TENANT = "default"
MAX_PAGE_SIZE = 100


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentStatus(StrEnum):
    """Where a version stands in its life."""

    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class DeploymentStatus(StrEnum):
    """Where a version stands in one environment."""

    PENDING = "PENDING"
    PROGRESSING = "PROGRESSING"
    CANARY = "CANARY"
    LIVE = "LIVE"
    ROLLED_BACK = "ROLLED_BACK"
    FAILED = "FAILED"
    REMOVED = "REMOVED"


class OperationStatus(StrEnum):
    """Where a pack that was handed in stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class AgentVersion(_Frozen):
    """One version of an agent. Its content never changes; its status does.

    Attributes:
        spec_hash: SHA-256 of the pack in canonical form.
        artifact_hash: SHA-256 of the archive, under which the store keeps it.
        certificate_id: the newest certificate; None for a draft.
    """

    version: str
    status: AgentStatus
    spec_hash: str
    artifact_hash: str
    certificate_id: str | None
    created_at: dt.datetime
    created_by: str
    changelog: str = ""


class RegistryEntry(_Frozen):
    """An agent with all its versions, the highest first.

    Attributes:
        current_version: what callers get who name no version; None while none is active.
        deployment_count: deployments that are live.
    """

    agent_id: str
    name: str
    description: str
    owner_team: str
    type: str
    tags: tuple[str, ...]
    versions: tuple[AgentVersion, ...]
    current_version: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    deployment_count: int = 0

    def version(self, version: str) -> AgentVersion | None:
        """That version, or None."""
        return next((known for known in self.versions if known.version == version), None)


class CertificateRecord(_Frozen):
    """A registered certificate; its bytes are in the store under ``content_sha256``."""

    certificate_id: str
    agent_id: str
    version: str
    artifact_sha256: str
    content_sha256: str


class Deployment(_Frozen):
    """One version in one environment. ``fault`` is the code of what stopped it."""

    agent_id: str
    version: str
    environment: str
    status: DeploymentStatus
    certificate_id: str
    fault: str | None = None
    updated_at: dt.datetime


class StatusDecision(_Frozen):
    """A change of status that somebody decided."""

    agent_id: str
    version: str
    from_status: AgentStatus
    to_status: AgentStatus
    reason: str = Field(min_length=10, max_length=4_000)
    decided_by: str = Field(min_length=1)


class FactoryOperation(_Frozen):
    """A pack that was handed in; how it stands is read from what the factory recorded."""

    operation_id: UUID
    object_key: str
    file_sha256: str
    spec_sha256: str
    agent_id: str
    version: str
    created_by: str
    created_at: dt.datetime


class SearchQuery(_Frozen):
    """Which agents to list: words of id, name and description, tags that must all be there, a status."""

    query: str | None = Field(default=None, max_length=200)
    tags: tuple[str, ...] = ()
    status: AgentStatus | None = None
    page: int = Field(default=1, ge=1, le=10_000)
    page_size: int = Field(default=20, ge=1, le=MAX_PAGE_SIZE)


class SearchResult(_Frozen):
    """One page of agents, ordered by id, and how many there are in all."""

    total: int
    page: int
    page_size: int
    agents: tuple[RegistryEntry, ...]
