"""The agent registry of one tenant.

Belongs here: registering, finding, changing status, the snapshot. Does not belong here: SQL
(``resources.registry_store``), judging a certificate (``factory_ops.certification``), running agents.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from greenlang_assets.core.provenance.canonical import content_sha256, table_bytes
from greenlang_assets.core.provenance.ports import ArtifactStore, Clock
from greenlang_assets.sdk.pack import PackSpec
from registry_ops.registry.errors import AgentNotFoundError, AgentVersionConflictError
from registry_ops.registry.models import (
    AgentStatus,
    AgentVersion,
    CertificateRecord,
    Deployment,
    DeploymentStatus,
    RegistryEntry,
    SearchQuery,
    SearchResult,
    StatusDecision,
)
from registry_ops.registry.ports import RegistryDatabase, RegistryTransaction
from registry_ops.registry.status import check_transition, current_version

#: Deployments in these states do not stand in the way of retiring a version.
_GONE = frozenset({DeploymentStatus.REMOVED, DeploymentStatus.FAILED, DeploymentStatus.ROLLED_BACK})

SNAPSHOT_SCHEMA = {
    "agent_id": pl.String(),
    "version": pl.String(),
    "name": pl.String(),
    "owner_team": pl.String(),
    "type": pl.String(),
    "tags": pl.String(),
    "current": pl.Boolean(),
    "status": pl.String(),
    "spec_sha256": pl.String(),
    "artifact_sha256": pl.String(),
    "certificate_id": pl.String(),
    "certificate_sha256": pl.String(),
    "created_by": pl.String(),
    "changelog": pl.String(),
}


class AgentRegistry:
    """Central registry for agent management.

    Args:
        db: where entries are kept.
        artifact_store: where archives and certificates are kept, by their hash.
        tenant: whose agents these are; no method ever sees another tenant's.
        clock: tells when something was registered.
    """

    def __init__(
        self, db: RegistryDatabase, artifact_store: ArtifactStore, *, tenant: str, clock: Clock
    ) -> None:
        self.tenant = tenant
        self._db = db
        self._store = artifact_store
        self._clock = clock

    def register_agent(
        self,
        spec: PackSpec,
        artifact_sha256: str,
        certificate: CertificateRecord | None,
        created_by: str,
        *,
        changelog: str = "",
    ) -> RegistryEntry:
        """Register a new agent or a new version of one, whole or not at all.

        The same content again changes nothing; a newer certificate over it takes the older one's place.

        Args:
            spec: the pack that the agent was made from.
            artifact_sha256: hash of its archive, which the store must hold.
            certificate: verified by the caller; without one the version is a draft.
            created_by: who registers it.
            changelog: what is new, for people.

        Raises:
            AgentVersionConflictError: this version is registered with another pack or archive.
            GreenlangError: ``ARTIFACT_MISSING``, ``ARTIFACT_ALTERED``.
        """
        self._store.get(artifact_sha256)
        now = self._clock.now()
        wanted = AgentVersion(
            version=spec.version,
            status=AgentStatus.DRAFT if certificate is None else AgentStatus.ACTIVE,
            spec_hash=spec.sha256,
            artifact_hash=artifact_sha256,
            certificate_id=None if certificate is None else certificate.certificate_id,
            created_at=now,
            created_by=created_by,
            changelog=changelog,
        )
        with self._db.transaction(self.tenant) as work:
            work.lock_agent(spec.id)
            before = work.entry(spec.id)
            known = None if before is None else before.version(spec.version)
            if known is not None:
                _require_same_content(spec.id, known, wanted)
                if certificate is None or known.certificate_id == certificate.certificate_id:
                    return self._entry(work, spec.id)
                # A certificate lifts a draft; it does not undo what people decided about a version.
                lifted = AgentStatus.ACTIVE if known.status is AgentStatus.DRAFT else known.status
                wanted = known.model_copy(
                    update={"certificate_id": certificate.certificate_id, "status": lifted}
                )
            others = () if before is None else before.versions
            versions = (wanted, *(other for other in others if other.version != wanted.version))
            entry = RegistryEntry(
                agent_id=spec.id,
                name=spec.name,
                description=spec.summary,
                owner_team=spec.owners[0] if spec.owners else "unknown",
                type="calculator" if spec.compute.factors or spec.compute.formula else "agent",
                tags=tuple(spec.tags),
                versions=versions,
                current_version=current_version(versions),
                created_at=now if before is None else before.created_at,
                updated_at=now,
            )
            if before is not None and entry.current_version != spec.version:
                # An older line that is patched does not rename the agent.
                entry = before.model_copy(
                    update={"current_version": entry.current_version, "updated_at": now}
                )
            work.put_agent(entry)
            if certificate is not None:
                work.add_certificate(certificate)
            (work.add_version if known is None else work.update_version)(spec.id, wanted)
            return self._entry(work, spec.id)

    def get_agent(self, agent_id: str, version: str | None = None) -> RegistryEntry:
        """An agent with its versions; with ``version``, that one as the current one.

        Raises:
            AgentNotFoundError: no such agent, or no such version.
        """
        with self._db.transaction(self.tenant) as work:
            entry = self._entry(work, agent_id)
        if version is None:
            return entry
        _version(entry, version)
        return entry.model_copy(update={"current_version": version})

    def list_versions(self, agent_id: str) -> tuple[AgentVersion, ...]:
        """All versions of an agent, the highest first.

        Raises:
            AgentNotFoundError: no such agent.
        """
        return self.get_agent(agent_id).versions

    def search_agents(self, query: SearchQuery) -> SearchResult:
        """One page of agents, ordered by id."""
        with self._db.transaction(self.tenant) as work:
            return work.search(query)

    def update_status(
        self, agent_id: str, version: str, new_status: AgentStatus, reason: str, updated_by: str
    ) -> RegistryEntry:
        """Change the status of a version; who did it and why is kept in the same transaction.

        Raises:
            AgentNotFoundError: no such agent, or no such version.
            StatusTransitionError: not from here, not without a reason, not while it is deployed.
            CertificationRequiredError: nothing becomes active without a certificate.
        """
        with self._db.transaction(self.tenant) as work:
            work.lock_agent(agent_id)
            entry = self._entry(work, agent_id)
            known = _version(entry, version)
            live = sum(
                deployment.version == version and deployment.status not in _GONE
                for deployment in work.deployments(agent_id)
            )
            check_transition(agent_id, known, new_status, reason=reason, live=live)
            changed = known.model_copy(update={"status": new_status})
            versions = tuple(changed if other is known else other for other in entry.versions)
            work.update_version(agent_id, changed)
            work.put_agent(
                entry.model_copy(
                    update={"current_version": current_version(versions), "updated_at": self._clock.now()}
                )
            )
            work.add_decision(
                StatusDecision(
                    agent_id=agent_id,
                    version=version,
                    from_status=known.status,
                    to_status=new_status,
                    reason=reason.strip(),
                    decided_by=updated_by,
                )
            )
            return self._entry(work, agent_id)

    def get_artifact(self, agent_id: str, version: str) -> bytes:
        """The archive of a version, hashed again while it is read.

        Raises:
            AgentNotFoundError: no such agent, or no such version.
            GreenlangError: ``ARTIFACT_MISSING``, ``ARTIFACT_ALTERED``.
        """
        return self._store.get(_version(self.get_agent(agent_id), version).artifact_hash)

    def published_spec(self, agent_id: str, version: str) -> str | None:
        """Hash of the pack that carries this id and version already, None when none does."""
        with self._db.transaction(self.tenant) as work:
            entry = work.entry(agent_id)
        known = None if entry is None else entry.version(version)
        return None if known is None else known.spec_hash

    def certificate(self, certificate_id: str) -> CertificateRecord | None:
        """A registered certificate."""
        with self._db.transaction(self.tenant) as work:
            return work.certificate(certificate_id)

    def deployments(self, agent_id: str | None = None) -> list[Deployment]:
        """Deployments of one agent, or of all."""
        with self._db.transaction(self.tenant) as work:
            return work.deployments(agent_id)

    def record_deployment(
        self,
        agent_id: str,
        version: str,
        environment: str,
        status: DeploymentStatus,
        *,
        certificate_id: str,
        fault: str | None = None,
    ) -> Deployment:
        """How a version stands in an environment from now on."""
        deployment = Deployment(
            agent_id=agent_id,
            version=version,
            environment=environment,
            status=status,
            certificate_id=certificate_id,
            fault=fault,
            updated_at=self._clock.now(),
        )
        with self._db.transaction(self.tenant) as work:
            work.put_deployment(deployment)
        return deployment

    def decisions_sha256(self) -> str:
        """Hash of everything that people decided about versions, in order, without times."""
        with self._db.transaction(self.tenant) as work:
            return content_sha256([decision.model_dump(mode="json") for decision in work.decisions()])

    def snapshot(self) -> bytes:
        """All agents, versions and certificates as one canonical table, without times."""
        rows: list[dict[str, Any]] = []
        with self._db.transaction(self.tenant) as work:
            page = 1
            while found := work.search(SearchQuery(page=page, page_size=100)).agents:
                for entry in found:
                    rows += [_snapshot_row(entry, version, work) for version in entry.versions]
                page += 1
        return table_bytes(pl.DataFrame(rows, schema=SNAPSHOT_SCHEMA), key=("agent_id", "version"))

    @staticmethod
    def _entry(work: RegistryTransaction, agent_id: str) -> RegistryEntry:
        entry = work.entry(agent_id)
        if entry is None:
            raise AgentNotFoundError(agent_id)
        return entry


def _version(entry: RegistryEntry, version: str) -> AgentVersion:
    known = entry.version(version)
    if known is None:
        raise AgentNotFoundError(
            entry.agent_id, version, known=", ".join(other.version for other in entry.versions)
        )
    return known


def _require_same_content(agent_id: str, known: AgentVersion, wanted: AgentVersion) -> None:
    for what in ("spec_hash", "artifact_hash"):
        if getattr(known, what) != getattr(wanted, what):
            raise AgentVersionConflictError(
                agent_id,
                wanted.version,
                found=f"{what} {getattr(wanted, what)}",
                expected=f"{what} {getattr(known, what)}",
            )


def _snapshot_row(entry: RegistryEntry, version: AgentVersion, work: RegistryTransaction) -> dict[str, Any]:
    certificate = None if version.certificate_id is None else work.certificate(version.certificate_id)
    return {
        "agent_id": entry.agent_id,
        "version": version.version,
        "name": entry.name,
        "owner_team": entry.owner_team,
        "type": entry.type,
        "tags": " ".join(entry.tags),
        "current": entry.current_version == version.version,
        "status": version.status.value,
        "spec_sha256": version.spec_hash,
        "artifact_sha256": version.artifact_hash,
        "certificate_id": version.certificate_id,
        "certificate_sha256": None if certificate is None else certificate.content_sha256,
        "created_by": version.created_by,
        "changelog": version.changelog,
    }
