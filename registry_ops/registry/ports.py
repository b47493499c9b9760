"""What the registry asks of a database.

Belongs here: method names, types and the promises behind them. Does not belong here: an implementation
(``resources.registry_store``).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol
from uuid import UUID

from registry_ops.registry.models import (
    AgentVersion,
    CertificateRecord,
    Deployment,
    FactoryOperation,
    RegistryEntry,
    SearchQuery,
    SearchResult,
    StatusDecision,
)


class RegistryTransaction(Protocol):
    """One tenant's registry inside one transaction: all of it happens, or nothing."""

    def lock_agent(self, agent_id: str) -> None:
        """Let no other transaction change this agent (which need not exist yet) until this one ends."""
        ...

    def entry(self, agent_id: str) -> RegistryEntry | None:
        """An agent with all its versions."""
        ...

    def put_agent(self, entry: RegistryEntry) -> None:
        """Add an agent, or take over the fields that may change; its versions are left alone."""
        ...

    def add_version(self, agent_id: str, version: AgentVersion) -> None:
        """Add a version."""
        ...

    def update_version(self, agent_id: str, version: AgentVersion) -> None:
        """Take over status and certificate of a version."""
        ...

    def add_certificate(self, certificate: CertificateRecord) -> None:
        """Add a certificate; one that is there already stays as it is."""
        ...

    def certificate(self, certificate_id: str) -> CertificateRecord | None:
        """A certificate by its id."""
        ...

    def add_decision(self, decision: StatusDecision) -> None:
        """Keep what somebody decided."""
        ...

    def decisions(self) -> list[StatusDecision]:
        """All decisions, in order."""
        ...

    def search(self, query: SearchQuery) -> SearchResult:
        """One page of agents."""
        ...

    def put_deployment(self, deployment: Deployment) -> None:
        """Add a deployment or take over its new state."""
        ...

    def deployments(self, agent_id: str | None = None) -> list[Deployment]:
        """Deployments, of one agent or of all, ordered by agent, version, environment."""
        ...

    def add_operation(self, operation: FactoryOperation) -> None:
        """Keep an operation."""
        ...

    def operation(self, operation_id: UUID) -> FactoryOperation | None:
        """An operation by its id."""
        ...

    def add_token(self, token_sha256: str, actor: str) -> None:
        """Accept a token from now on; one that is known already stays as it is."""
        ...

    def token_actor(self, token_sha256: str) -> str | None:
        """Whose token this is; None when it is unknown or revoked."""
        ...


class RegistryDatabase(Protocol):
    """Gives transactions, each inside one tenant."""

    def transaction(self, tenant: str) -> AbstractContextManager[RegistryTransaction]:
        """A transaction that sees and writes the rows of this tenant alone; an exception undoes it."""
        ...
