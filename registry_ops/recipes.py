"""Recipes of the registry's assets: the snapshot of all agents, and their deployment on this machine.

Belongs here: which certificates lead to which registrations and deployments, and the tables that record it.
Does not belong here: the registry's rules (``registry``), judging certificates (``runtime.certificates``).

Both recipes touch the registry's database beside making content: what they do there is the same however
often it is done, so a run that was killed in the middle is made good by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from factory_ops.packaging.reader import read_pack
from factory_ops.sandbox import Sandbox
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import StoredTable, table_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.provenance.ports import Ledger
from greenlang_assets.core.recipes.base import Made, Recipe, World, file_input, latest_input, load_table
from greenlang_assets.sdk.pack import PackSpec
from registry_ops.registry.models import LOCAL, AgentStatus, Deployment, DeploymentStatus
from registry_ops.registry.registry import AgentRegistry
from registry_ops.runtime.certificates import Certificates

SNAPSHOT = "registry/snapshot"
DEPLOYMENT = "registry/deployment"
CERTIFICATE = "packs/certificate"
#: What people decided about versions: it is in no asset, and part of the snapshot's inputs.
DECISIONS = "registry/decisions"

_CODE = ("registry_ops/recipes.py", "registry_ops/registry", "registry_ops/runtime")

_DEPLOYMENT_SCHEMA = {
    name: pl.String()
    for name in (
        "agent_id", "version", "environment", "status", "certificate_id", "artifact_sha256", "fault",
    )
}  # fmt: skip


@dataclass(frozen=True)
class RegistryWorld(World):
    """A world in which there is a registry.

    Attributes:
        registry: of the tenant that the factory works for.
        certificates: reads and judges certificates, with the factory's key.
        sandbox: proves that an agent starts.
    """

    registry: AgentRegistry = field(compare=False)
    certificates: Certificates = field(compare=False)
    sandbox: Sandbox = field(compare=False)


@dataclass(frozen=True, order=True)
class Certified:
    """A registered version with its certificate, as the snapshot tells it."""

    agent_id: str
    version: str
    certificate_id: str
    artifact_sha256: str
    status: str


@dataclass(frozen=True, order=True)
class Step:
    """One thing to do: have a version running, or take it away."""

    agent_id: str
    version: str
    action: Literal["deploy", "remove"]
    certificate_id: str
    artifact_sha256: str


def plan_deployments(certificates: Iterable[Certified], deployed: Iterable[Deployment]) -> list[Step]:
    """What is to be done so that exactly the certified versions that may be called are live.

    Args:
        certificates: every registered version that has a certificate.
        deployed: deployments in environment ``local``; one that stopped half-way is begun anew.

    Returns:
        Steps in the order of agents and versions; none when all is as it should be.
    """
    callable_ = (AgentStatus.ACTIVE, AgentStatus.DEPRECATED)
    wanted = {(c.agent_id, c.version): c for c in certificates if c.status in callable_}
    running = {(d.agent_id, d.version): d for d in deployed if d.environment == LOCAL}
    steps = []
    for key, certified in wanted.items():
        now = running.get(key)
        live = now is not None and now.status is DeploymentStatus.LIVE
        if not live or now is None or now.certificate_id != certified.certificate_id:
            steps.append(Step(*key, "deploy", certified.certificate_id, certified.artifact_sha256))
    for key, deployment in running.items():
        if key not in wanted and deployment.status is not DeploymentStatus.REMOVED:
            steps.append(Step(*key, "remove", deployment.certificate_id, ""))
    return sorted(steps)


def _world(world: World) -> RegistryWorld:
    if not isinstance(world, RegistryWorld):
        raise TypeError("registry recipes need a RegistryWorld")
    return world


def _snapshot_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    refs = {
        InputRef(CERTIFICATE, link.entry.partition, link.entry.content_sha256)
        for link in world.ledger.history(CERTIFICATE)
    }
    decided = file_input(DECISIONS, _world(world).registry.decisions_sha256())
    return (*sorted(refs, key=lambda ref: (ref.partition or "", ref.content_sha256)), decided)


def _make_snapshot(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    known, wanted = _world(world), {ref.content_sha256 for ref in inputs}
    refused: dict[str, str] = {}
    # In the order in which they were issued: of two certificates over one version the newer one counts.
    for link in known.ledger.history(CERTIFICATE):
        digest = link.entry.content_sha256
        if digest not in wanted:
            continue
        try:
            _register(known, digest)
        except GreenlangError as error:
            # One that does not verify holds nobody else up.
            refused[f"{link.entry.partition} {digest[:12]}"] = error.code
    content = known.registry.snapshot()
    return Made(
        content,
        facts={"versions": len(StoredTable(content)), "refused": refused},
        indexed=True,
    )


def _register(world: RegistryWorld, content_sha256: str) -> None:
    certificate = world.certificates.read(content_sha256)
    archive = world.store.get(certificate.artifact_sha256)
    world.certificates.verify(certificate, archive)
    spec = PackSpec.from_canonical(read_pack(archive).files["pack.json"])
    world.registry.register_agent(spec, certificate.artifact_sha256, certificate, "factory")


def _deployment_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    return (latest_input(world, SNAPSHOT),)


def _make_deployment(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    known = _world(world)
    certified = certified_of(load_table(world, inputs[0]))
    steps = plan_deployments(certified, known.registry.deployments())
    for step in steps:
        _carry_out(known, step)
    artifacts = {(c.agent_id, c.version): c.artifact_sha256 for c in certified}
    rows = [
        {
            "agent_id": now.agent_id,
            "version": now.version,
            "environment": now.environment,
            "status": now.status.value,
            "certificate_id": now.certificate_id,
            "artifact_sha256": artifacts.get((now.agent_id, now.version)),
            "fault": now.fault,
        }
        for now in known.registry.deployments()
        if now.environment == LOCAL
    ]
    table = pl.DataFrame(rows, schema=_DEPLOYMENT_SCHEMA)
    counts = table["status"].value_counts().sort("status").rows()
    return Made(
        table_bytes(table, key=("agent_id", "version", "environment")),
        facts={"environment": LOCAL, **dict(counts)},
        indexed=True,
        notes={"steps": len(steps), "sandbox": known.sandbox.strength.name},
    )


def deployed_certificates(ledger: Ledger) -> frozenset[InputRef]:
    """The certificates behind the last deployment, where it is that of the last snapshot."""
    snapshot, deployment = ledger.latest(SNAPSHOT), ledger.latest(DEPLOYMENT)
    if snapshot is None or deployment is None:
        return frozenset()
    taken = {ref.content_sha256 for ref in deployment.entry.inputs}
    return frozenset(snapshot.entry.inputs) if snapshot.entry.content_sha256 in taken else frozenset()


def certified_of(snapshot: pl.DataFrame) -> list[Certified]:
    """The versions of a snapshot that have a certificate."""
    return [
        Certified(
            row["agent_id"], row["version"], row["certificate_id"], row["artifact_sha256"], row["status"]
        )
        for row in snapshot.iter_rows(named=True)
        if row["certificate_id"] is not None
    ]


def _carry_out(world: RegistryWorld, step: Step) -> None:
    def now(status: DeploymentStatus, fault: str | None = None) -> None:
        world.registry.record_deployment(
            step.agent_id, step.version, LOCAL, status, certificate_id=step.certificate_id, fault=fault
        )

    if step.action == "remove":
        now(DeploymentStatus.REMOVED)
        return
    now(DeploymentStatus.PROGRESSING)
    try:
        record = world.registry.certificate(step.certificate_id)
        if record is None:
            raise GreenlangError("CERTIFICATE_UNKNOWN", "the certificate is not registered")
        archive = world.store.get(step.artifact_sha256)
        world.certificates.verify(record, archive)
        # It is live when it starts; the router of the process that answers starts its own workers.
        world.sandbox.start(read_pack(archive).files, agent_id=step.agent_id, version=step.version).close()
    except GreenlangError as error:
        now(DeploymentStatus.FAILED, error.code)
    else:
        now(DeploymentStatus.LIVE)


SNAPSHOT_RECIPE = Recipe(SNAPSHOT, "1.0.0", _CODE, _snapshot_inputs, _make_snapshot)
DEPLOYMENT_RECIPE = Recipe(DEPLOYMENT, "1.0.0", _CODE, _deployment_inputs, _make_deployment)
RECIPES: Sequence[Recipe] = (SNAPSHOT_RECIPE, DEPLOYMENT_RECIPE)
