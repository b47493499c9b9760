"""Executing an agent: which version, is it live, may it be loaded, what did it answer.

Belongs here: the order of these questions. Does not belong here: HTTP, processes, the ledger's rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from factory_ops.packaging.reader import read_pack
from factory_ops.sandbox import Sandbox, Worker
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ports import ArtifactStore, Ledger
from registry_ops.registry.errors import AgentNotFoundError, CertificationRequiredError
from registry_ops.registry.models import LOCAL, AgentVersion, DeploymentStatus
from registry_ops.registry.registry import AgentRegistry
from registry_ops.runtime.certificates import Certificates
from registry_ops.runtime.records import record_calculation
from registry_ops.runtime.router import Router, WorkerKey

#: Seconds that one call may take.
CALL_SECONDS = 30.0


class AgentRuntime:
    """Answers calls of agents that are live in environment ``local``.

    Args:
        router: owns the workers.
        sandbox: starts them.
        certificates: judges certificate and archive.
        store: keeps what was calculated.
        ledger: keeps the entries about it.
    """

    def __init__(
        self,
        router: Router,
        sandbox: Sandbox,
        certificates: Certificates,
        store: ArtifactStore,
        ledger: Ledger,
    ) -> None:
        self._router = router
        self._sandbox = sandbox
        self._certificates = certificates
        self._store = store
        self._ledger = ledger

    def execute(
        self,
        registry: AgentRegistry,
        agent_id: str,
        version: str | None,
        inputs: Mapping[str, Any],
        *,
        timeout_s: float = CALL_SECONDS,
    ) -> dict[str, Any]:
        """The agent's answer, recorded in the ledger before it is given.

        Args:
            registry: of the caller's tenant.
            agent_id: whom to ask.
            version: which version, the current one unless named.
            inputs: by name.
            timeout_s: seconds for the call.

        Returns:
            ``agent_id``, ``version``, ``result``, ``outputs``, ``units``, ``factors``, ``formulas``,
            ``citations`` and ``provenance_hash``.

        Raises:
            AgentNotFoundError: no such agent or version.
            GreenlangError: ``DEPLOYMENT_NOT_LIVE``, the agent's own refusal, and what loading it refuses.
        """
        known = self._resolve(registry, agent_id, version)
        answer = self._router.call(
            WorkerKey(registry.tenant, known.artifact_hash),
            partial(self._load, registry, agent_id, known),
            inputs,
            timeout_s=timeout_s,
        )
        if "error" in answer:
            raise GreenlangError(**_error(answer["error"]))
        record_calculation(
            answer,
            inputs,
            agent_id=agent_id,
            version=known.version,
            artifact_sha256=known.artifact_hash,
            store=self._store,
            ledger=self._ledger,
        )
        given = {name: answer.get(name) for name in _ANSWERED}
        return {"agent_id": agent_id, "version": known.version, **given}

    def warm(self, registry: AgentRegistry) -> None:
        """Have a worker ready for every agent that is live, current versions alone.

        Raises:
            GreenlangError: what loading refuses, for the first agent that is refused.
        """
        for deployment in registry.deployments():
            if deployment.environment == LOCAL and deployment.status is DeploymentStatus.LIVE:
                entry = registry.get_agent(deployment.agent_id)
                known = entry.version(deployment.version)
                if known is not None and entry.current_version == known.version:
                    self._router.warm(
                        WorkerKey(registry.tenant, known.artifact_hash),
                        partial(self._load, registry, entry.agent_id, known),
                    )

    def close(self) -> None:
        """End all workers."""
        self._router.close()

    @staticmethod
    def _resolve(registry: AgentRegistry, agent_id: str, version: str | None) -> AgentVersion:
        entry = registry.get_agent(agent_id)
        wanted = version or entry.current_version
        known = None if wanted is None else entry.version(wanted)
        if wanted is not None and known is None:
            raise AgentNotFoundError(
                agent_id, wanted, known=", ".join(other.version for other in entry.versions)
            )
        status = next(
            (
                deployment.status
                for deployment in registry.deployments(agent_id)
                if deployment.version == wanted and deployment.environment == LOCAL
            ),
            None,
        )
        if known is None or status is not DeploymentStatus.LIVE:
            raise GreenlangError(
                "DEPLOYMENT_NOT_LIVE",
                f"{agent_id} is registered, and this version of it is not running here",
                found=f"version {wanted or 'none active'}, deployment {status or 'none'}",
                expected="an active version whose deployment is LIVE",
                hint="deployment follows certification by itself; ask again in a moment",
            )
        return known

    def _load(self, registry: AgentRegistry, agent_id: str, version: AgentVersion) -> Worker:
        """A worker over the archive, both verified now: whatever was checked before may have changed."""
        record = None if version.certificate_id is None else registry.certificate(version.certificate_id)
        if record is None:
            raise CertificationRequiredError(
                "CERTIFICATION_REQUIRED", f"{agent_id} {version.version} has no certificate"
            )
        archive = self._store.get(version.artifact_hash)
        self._certificates.verify(record, archive)
        return self._sandbox.start(read_pack(archive).files, agent_id=agent_id, version=version.version)


_ANSWERED = ("result", "outputs", "units", "factors", "formulas", "citations", "provenance_hash")


def _error(told: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's error as arguments, whatever else it holds left out."""
    where = told.get("where")
    return {
        "code": str(told.get("code") or "EXECUTION_FAILED")[:64],
        "message": str(told.get("message") or "the agent refused")[:1000],
        "found": told.get("found"),
        "expected": told.get("expected"),
        "hint": told.get("hint"),
        "where": dict(where) if isinstance(where, Mapping) else None,
    }
