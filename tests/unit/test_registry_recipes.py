"""From certificates in the ledger to the snapshot and to deployments: planned, carried out, then idle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from api_server import archive_of, certificate_bytes, pack_text
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import read_table
from greenlang_assets.core.provenance.ledger import ProvenanceEntry
from greenlang_assets.core.recipes.base import is_current, record
from greenlang_assets.sdk.pack import PackSpec
from registry_ops.recipes import (
    CERTIFICATE,
    DEPLOYMENT,
    DEPLOYMENT_RECIPE,
    SNAPSHOT_RECIPE,
    Certified,
    RegistryWorld,
    deployed_certificates,
    plan_deployments,
)
from registry_ops.registry.models import AgentStatus, Deployment, DeploymentStatus
from resources.platform import Platform, factory_signer
from resources.registry_world import open_registry_world
from resources.signing import Ed25519Signer

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def carbon() -> tuple[PackSpec, bytes]:
    return archive_of(pack_text("emissions_carbon_calculator_v1"))


@pytest.fixture(scope="module")
def diesel() -> tuple[PackSpec, bytes]:
    return archive_of(pack_text("diesel_fleet_v1"))


@pytest.fixture
def world(platform: Platform) -> Iterator[RegistryWorld]:
    with open_registry_world(platform) as opened:
        yield opened


def certify(
    world: RegistryWorld, platform: Platform, made: tuple[PackSpec, bytes], *, number: int = 1
) -> str:
    """A certificate over an archive in store and ledger, as the factory leaves it."""
    spec, archive = made
    content = world.store.put(certificate_bytes(factory_signer(platform.settings), archive, day=number))
    world.store.put(archive)
    world.ledger.append([ProvenanceEntry(CERTIFICATE, spec.id, content, (), "1.0.0")], run_id=f"run-{number}")
    return content


def deployed(world: RegistryWorld) -> dict[str, tuple[str, str | None]]:
    return {d.agent_id: (d.status.value, d.fault) for d in world.registry.deployments()}


def test_a_certificate_ends_in_a_registered_agent_that_starts(
    world: RegistryWorld, platform: Platform, carbon: tuple[PackSpec, bytes]
) -> None:
    content = certify(world, platform, carbon)
    first = record(SNAPSHOT_RECIPE, world, run_id="run-a")
    assert first.made.facts == {"versions": 1, "refused": {}}
    assert is_current(SNAPSHOT_RECIPE, world)
    assert deployed_certificates(world.ledger) == frozenset()
    second = record(DEPLOYMENT_RECIPE, world, run_id="run-a")
    assert second.made.facts == {"environment": "local", "LIVE": 1}
    assert deployed(world) == {carbon[0].id: ("LIVE", None)}
    assert is_current(DEPLOYMENT_RECIPE, world)
    assert content in {ref.content_sha256 for ref in deployed_certificates(world.ledger)}
    assert world.registry.get_agent(carbon[0].id).current_version == carbon[0].version
    table = read_table(second.made.content)
    assert table.select("status", "fault").rows() == [("LIVE", None)]
    # Again: the same bytes, nothing to do.
    assert record(SNAPSHOT_RECIPE, world, run_id="run-b").made.content == first.made.content
    again = record(DEPLOYMENT_RECIPE, world, run_id="run-b")
    assert (again.made.content, again.made.notes["steps"]) == (second.made.content, 0)


def test_what_does_not_verify_is_not_registered_and_holds_nobody_up(
    world: RegistryWorld,
    platform: Platform,
    carbon: tuple[PackSpec, bytes],
    diesel: tuple[PackSpec, bytes],
    tmp_path: Path,
) -> None:
    certify(world, platform, carbon)
    # Signed by a key of somebody else's, over an archive that is all right.
    stranger = Ed25519Signer(tmp_path / "stranger.pem")
    world.store.put(diesel[1])
    other = world.store.put(certificate_bytes(stranger, diesel[1]))
    world.ledger.append([ProvenanceEntry(CERTIFICATE, diesel[0].id, other, (), "1.0.0")], run_id="run-x")
    made = record(SNAPSHOT_RECIPE, world, run_id="run-a").made
    assert made.facts["versions"] == 1
    assert made.facts["refused"] == {f"{diesel[0].id} {other[:12]}": "CERTIFICATE_KEY"}
    certify(world, platform, diesel, number=2)
    assert not is_current(SNAPSHOT_RECIPE, world)
    assert record(SNAPSHOT_RECIPE, world, run_id="run-b").made.facts["versions"] == 2


def test_an_archive_that_was_swapped_after_registration_is_not_deployed(
    world: RegistryWorld, carbon: tuple[PackSpec, bytes], diesel: tuple[PackSpec, bytes], platform: Platform
) -> None:
    certify(world, platform, carbon)
    certify(world, platform, diesel, number=2)
    record(SNAPSHOT_RECIPE, world, run_id="run-a")
    digest = world.registry.get_agent(carbon[0].id).versions[0].artifact_hash
    folder = platform.settings.store
    object_ = folder / "cas" / "sha256" / digest[:2] / digest[2:]  # type: ignore[operator]
    object_.chmod(0o644)
    object_.write_bytes(diesel[1])
    made = record(DEPLOYMENT_RECIPE, world, run_id="run-a").made
    assert deployed(world) == {carbon[0].id: ("FAILED", "ARTIFACT_ALTERED"), diesel[0].id: ("LIVE", None)}
    assert made.facts == {"environment": "local", "FAILED": 1, "LIVE": 1}
    object_.write_bytes(carbon[1])
    record(DEPLOYMENT_RECIPE, world, run_id="run-b")
    assert deployed(world)[carbon[0].id] == ("LIVE", None)


def test_a_deployment_that_was_killed_half_way_ends_well(
    world: RegistryWorld, platform: Platform, carbon: tuple[PackSpec, bytes]
) -> None:
    certify(world, platform, carbon)
    record(SNAPSHOT_RECIPE, world, run_id="run-a")

    class Killed(BaseException):
        pass

    @dataclass(frozen=True)
    class Dying:
        starts: list[int] = field(default_factory=list)

        def start(self, *arguments: object, **named: object) -> None:
            raise Killed

    dying = RegistryWorld(
        world.store, world.ledger, None, (), world.registry, world.certificates,
        Dying(),  # type: ignore[arg-type]
    )  # fmt: skip
    with pytest.raises(Killed):
        record(DEPLOYMENT_RECIPE, dying, run_id="run-a")
    assert deployed(world) == {carbon[0].id: ("PROGRESSING", None)}
    assert world.ledger.latest(DEPLOYMENT) is None
    record(DEPLOYMENT_RECIPE, world, run_id="run-b")
    assert deployed(world) == {carbon[0].id: ("LIVE", None)}


def test_a_retired_version_is_taken_away(
    world: RegistryWorld, platform: Platform, carbon: tuple[PackSpec, bytes]
) -> None:
    spec = carbon[0]
    certify(world, platform, carbon)
    record(SNAPSHOT_RECIPE, world, run_id="run-a")
    reason = "replaced by a newer calculator"
    world.registry.update_status(spec.id, spec.version, AgentStatus.DEPRECATED, reason, "ann")
    assert not is_current(SNAPSHOT_RECIPE, world), "a decision is part of the inputs"
    record(SNAPSHOT_RECIPE, world, run_id="run-b")
    record(DEPLOYMENT_RECIPE, world, run_id="run-b")
    assert deployed(world) == {spec.id: ("LIVE", None)}, "a deprecated version still answers"
    with pytest.raises(GreenlangError):
        world.registry.update_status(spec.id, spec.version, AgentStatus.RETIRED, reason, "ann")
    certificate = world.registry.list_versions(spec.id)[0].certificate_id
    assert certificate is not None
    world.registry.record_deployment(
        spec.id, spec.version, "local", DeploymentStatus.FAILED, certificate_id=certificate, fault="BY_HAND"
    )
    world.registry.update_status(spec.id, spec.version, AgentStatus.RETIRED, reason, "ann")
    record(SNAPSHOT_RECIPE, world, run_id="run-c")
    record(DEPLOYMENT_RECIPE, world, run_id="run-c")
    assert deployed(world) == {spec.id: ("REMOVED", None)}


NAMES = st.sampled_from(["a/x", "a/y", "b/z"])
VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])
CERTIFIED = st.builds(
    Certified, NAMES, VERSIONS, st.sampled_from(["C1", "C2"]), st.just("ab" * 32),
    st.sampled_from([status.value for status in AgentStatus]),
)  # fmt: skip
DEPLOYED = st.builds(
    Deployment, agent_id=NAMES, version=VERSIONS, environment=st.just("local"),
    status=st.sampled_from(DeploymentStatus), certificate_id=st.sampled_from(["C1", "C2"]),
    fault=st.none(), updated_at=st.just(NOW),
)  # fmt: skip


def unique(items: list[Any]) -> list[Any]:
    return list({(item.agent_id, item.version): item for item in items}.values())


@given(st.lists(CERTIFIED).map(unique), st.lists(DEPLOYED).map(unique))
@settings(max_examples=200, deadline=None)
def test_carrying_the_plan_out_leaves_exactly_what_may_be_called_and_nothing_to_do(
    certified: list[Certified], running: list[Deployment]
) -> None:
    steps = plan_deployments(certified, running)
    assert steps == plan_deployments(certified[::-1], running[::-1])
    after = {(d.agent_id, d.version): d for d in running}
    for step in steps:
        status = DeploymentStatus.LIVE if step.action == "deploy" else DeploymentStatus.REMOVED
        after[step.agent_id, step.version] = Deployment(
            agent_id=step.agent_id, version=step.version, environment="local", status=status,
            certificate_id=step.certificate_id, updated_at=NOW,
        )  # fmt: skip
    assert plan_deployments(certified, after.values()) == []
    live = {key for key, d in after.items() if d.status is DeploymentStatus.LIVE}
    assert live == {(c.agent_id, c.version) for c in certified if c.status in ("active", "deprecated")}
