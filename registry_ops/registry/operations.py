"""Packs that were handed in over HTTP: where they are put, and how they stand.

Belongs here: the object that the factory's sensor sees, the operation, its state. Does not belong here:
judging or building a pack (``factory_ops``).

An operation stores what was asked for and no state: the state is read from what registry and ledger hold,
so that it cannot disagree with them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from factory_ops.pipeline import INBOX, RECEIPTS
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.provenance.ports import ArtifactStore, Clock, Ledger
from greenlang_assets.sdk.pack import PackSpec
from registry_ops.registry.errors import AgentNotFoundError, RegistryError
from registry_ops.registry.models import LOCAL, DeploymentStatus, FactoryOperation, OperationStatus
from registry_ops.registry.ports import RegistryDatabase
from registry_ops.registry.registry import AgentRegistry

SPEC_ASSET = "packs/spec"


@dataclass(frozen=True, slots=True)
class OperationState:
    """How an operation stands.

    Attributes:
        agent_status: of the version, once it is registered.
        deployment_status: in environment ``local``, once there is a deployment.
        error: what ended it, when it failed.
    """

    operation: FactoryOperation
    status: OperationStatus
    agent_status: str | None = None
    deployment_status: str | None = None
    error: dict[str, Any] | None = None


class Operations:
    """The operations of one tenant."""

    def __init__(
        self,
        db: RegistryDatabase,
        store: ArtifactStore,
        ledger: Ledger,
        registry: AgentRegistry,
        clock: Clock,
    ) -> None:
        self._db = db
        self._store = store
        self._ledger = ledger
        self._registry = registry
        self._clock = clock

    def hand_in(self, file: bytes, spec: PackSpec, created_by: str) -> FactoryOperation:
        """Put a valid pack where the sensor sees it. The same file again is the same object.

        Args:
            file: the pack.yaml as it was given.
            spec: what it says.
            created_by: who handed it in.
        """
        file_sha256 = sha256_hex(file)
        operation = FactoryOperation(
            operation_id=uuid4(),
            object_key=f"{INBOX}{file_sha256}.yaml",
            file_sha256=file_sha256,
            spec_sha256=spec.sha256,
            agent_id=spec.id,
            version=spec.version,
            created_by=created_by,
            created_at=self._clock.now(),
        )
        # First the operation: an object without one would be built with nobody to ask for it.
        with self._db.transaction(self._registry.tenant) as work:
            work.add_operation(operation)
        try:
            self._store.put_named(operation.object_key, file, if_absent=True)
        except GreenlangError as error:
            if error.code != "OBJECT_EXISTS":
                raise
        return operation

    def state(self, operation_id: UUID) -> OperationState:
        """How an operation stands now.

        Raises:
            RegistryError: ``OPERATION_NOT_FOUND``.
        """
        with self._db.transaction(self._registry.tenant) as work:
            operation = work.operation(operation_id)
        if operation is None:
            raise RegistryError(
                "OPERATION_NOT_FOUND", "no such operation was started here", found=str(operation_id)
            )
        try:
            version = self._registry.get_agent(operation.agent_id).version(operation.version)
        except AgentNotFoundError:
            version = None
        if version is None:
            return self._in_the_factory(operation)
        if version.spec_hash != operation.spec_sha256:
            return OperationState(
                operation,
                OperationStatus.FAILED,
                error={
                    "code": "VERSION_REUSED",
                    "message": "this version was registered with other content",
                    "found": operation.spec_sha256,
                    "expected": version.spec_hash,
                },
            )
        return self._registered(operation, version.status.value)

    def _registered(self, operation: FactoryOperation, agent_status: str) -> OperationState:
        deployment = next(
            (
                known
                for known in self._registry.deployments(operation.agent_id)
                if known.version == operation.version and known.environment == LOCAL
            ),
            None,
        )
        if deployment is None:
            return OperationState(operation, OperationStatus.RUNNING, agent_status)
        status = {
            DeploymentStatus.LIVE: OperationStatus.SUCCEEDED,
            DeploymentStatus.FAILED: OperationStatus.FAILED,
            DeploymentStatus.REMOVED: OperationStatus.FAILED,
        }.get(deployment.status, OperationStatus.RUNNING)
        error = None
        if status is OperationStatus.FAILED:
            error = {
                "code": deployment.fault or "DEPLOYMENT_REMOVED",
                "message": "the agent is registered, and its deployment failed",
            }
        return OperationState(operation, status, agent_status, deployment.status.value, error)

    def _in_the_factory(self, operation: FactoryOperation) -> OperationState:
        receipt = self._receipt(operation)
        if receipt is not None and not receipt["accepted"]:
            errors = receipt["errors"]
            return OperationState(
                operation, OperationStatus.FAILED, error={**(errors[0] if errors else {}), "errors": errors}
            )
        spec = self._ledger.latest(SPEC_ASSET, operation.agent_id)
        begun = spec is not None and spec.entry.facts.get("pack_sha256") == operation.spec_sha256
        running = begun or receipt is not None
        return OperationState(operation, OperationStatus.RUNNING if running else OperationStatus.PENDING)

    def _receipt(self, operation: FactoryOperation) -> dict[str, Any] | None:
        """What the factory says of the file, once it is done with it."""
        try:
            data, _ = self._store.get_named(f"{RECEIPTS}{operation.object_key.removeprefix(INBOX)}.json")
        except GreenlangError as error:
            if error.code == "OBJECT_MISSING":
                return None
            raise
        receipt: dict[str, Any] = json.loads(data)
        return receipt
