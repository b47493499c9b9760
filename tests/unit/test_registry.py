"""The registry on a real PostgreSQL: registration whole or not at all, statuses, search, snapshot."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import read_table, sha256_hex
from greenlang_assets.sdk.pack import PackSpec
from registry_ops.registry.errors import (
    AgentNotFoundError,
    AgentVersionConflictError,
    CertificationRequiredError,
    StatusTransitionError,
)
from registry_ops.registry.models import (
    AgentStatus,
    CertificateRecord,
    DeploymentStatus,
    SearchQuery,
)
from registry_ops.registry.registry import AgentRegistry
from registry_ops.registry.status import precedence
from resources.platform import Platform
from resources.registry_store import RegistryRows, RegistryStore

ID = "emissions/carbon_calculator_v1"
REASON = "the factors of 2025 replaced it"


@pytest.fixture(scope="module")
def shipped() -> PackSpec:
    return SpecProcessor().parse(
        (DATA_ROOT / "packs" / "emissions_carbon_calculator_v1" / "pack.yaml").read_bytes()
    )


@pytest.fixture
def store(platform: Platform, clock: object) -> Iterator[RegistryStore]:
    opened = RegistryStore(platform.database, clock)  # type: ignore[arg-type]
    yield opened
    opened.close()


@pytest.fixture
def registry(platform: Platform, store: RegistryStore, clock: object) -> AgentRegistry:
    return AgentRegistry(store, platform.store, tenant="one", clock=clock)  # type: ignore[arg-type]


def versioned(spec: PackSpec, version: str, **changes: object) -> PackSpec:
    return spec.model_copy(update={"version": version, **changes})


def certified(platform: Platform, spec: PackSpec, archive: str, *, number: int = 1) -> CertificateRecord:
    return CertificateRecord(
        certificate_id=f"CERT-GL-{spec.id.rpartition('/')[2].upper()}-{spec.version}-{number}",
        agent_id=spec.id,
        version=spec.version,
        artifact_sha256=archive,
        content_sha256=platform.store.put(f"certificate {spec.version} {number}".encode()),
    )


def test_an_agent_is_registered_and_found_again(
    platform: Platform, registry: AgentRegistry, shipped: PackSpec
) -> None:
    archive = platform.store.put(b"archive 1")
    certificate = certified(platform, shipped, archive)
    entry = registry.register_agent(shipped, archive, certificate, "factory", changelog="first")
    assert entry == registry.get_agent(ID)
    assert (entry.agent_id, entry.name, entry.current_version) == (ID, shipped.name, shipped.version)
    (version,) = registry.list_versions(ID)
    assert (version.status, version.spec_hash, version.artifact_hash) == ("active", shipped.sha256, archive)
    assert (version.certificate_id, version.created_by, version.changelog) == (
        certificate.certificate_id, "factory", "first",
    )  # fmt: skip
    assert registry.get_artifact(ID, shipped.version) == b"archive 1"
    assert registry.certificate(certificate.certificate_id) == certificate


def test_the_same_content_again_changes_nothing(
    platform: Platform, registry: AgentRegistry, shipped: PackSpec
) -> None:
    archive = platform.store.put(b"archive 1")
    certificate = certified(platform, shipped, archive)
    first = registry.register_agent(shipped, archive, certificate, "factory")
    assert registry.register_agent(shipped, archive, certificate, "somebody else") == first


@pytest.mark.parametrize("what", ["spec", "archive"])
def test_a_version_never_changes(
    platform: Platform, registry: AgentRegistry, shipped: PackSpec, what: str
) -> None:
    archive, other = platform.store.put(b"archive 1"), platform.store.put(b"archive 2")
    first = registry.register_agent(shipped, archive, None, "factory")
    changed = {
        "spec": (versioned(shipped, shipped.version, name="Other"), archive),
        "archive": (shipped, other),
    }
    with pytest.raises(AgentVersionConflictError) as caught:
        registry.register_agent(*changed[what], None, "factory")
    assert caught.value.code == "VERSION_REUSED"
    assert caught.value.expected == (
        f"spec_hash {shipped.sha256}" if what == "spec" else f"artifact_hash {archive}"
    )
    assert registry.get_agent(ID) == first


def test_a_newer_certificate_takes_the_older_ones_place_and_lifts_a_draft(
    platform: Platform, registry: AgentRegistry, shipped: PackSpec
) -> None:
    archive = platform.store.put(b"archive 1")
    assert registry.register_agent(shipped, archive, None, "f").current_version is None
    assert registry.list_versions(ID)[0].status is AgentStatus.DRAFT
    for number in (1, 2):
        certificate = certified(platform, shipped, archive, number=number)
        entry = registry.register_agent(shipped, archive, certificate, "f")
        assert entry.current_version == shipped.version
        assert entry.versions[0].certificate_id == certificate.certificate_id
    registry.update_status(ID, shipped.version, AgentStatus.DEPRECATED, REASON, "ann")
    entry = registry.register_agent(shipped, archive, certified(platform, shipped, archive, number=3), "f")
    assert entry.versions[0].status is AgentStatus.DEPRECATED, "a certificate does not undo a decision"


def test_without_its_archive_in_the_store_nothing_is_registered(
    registry: AgentRegistry, shipped: PackSpec
) -> None:
    with pytest.raises(GreenlangError) as caught:
        registry.register_agent(shipped, sha256_hex(b"nowhere"), None, "f")
    assert caught.value.code == "ARTIFACT_MISSING"
    with pytest.raises(AgentNotFoundError):
        registry.get_agent(ID)


@pytest.mark.parametrize("breaks", ["put_agent", "add_certificate", "add_version"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_registration_that_breaks_off_leaves_nothing(
    platform: Platform,
    registry: AgentRegistry,
    shipped: PackSpec,
    monkeypatch: pytest.MonkeyPatch,
    breaks: str,
    when: str,
) -> None:
    real = getattr(RegistryRows, breaks)

    def broken(self: RegistryRows, *arguments: object) -> None:
        if when == "after":
            real(self, *arguments)
        raise ConnectionError("broken off")

    archive = platform.store.put(b"archive 1")
    certificate = certified(platform, shipped, archive)
    with monkeypatch.context() as patch:
        patch.setattr(RegistryRows, breaks, broken)
        with pytest.raises(ConnectionError):
            registry.register_agent(shipped, archive, certificate, "f")
    assert registry.search_agents(SearchQuery()).total == 0
    assert registry.certificate(certificate.certificate_id) is None
    registry.register_agent(shipped, archive, certificate, "f")
    assert registry.get_agent(ID).current_version == shipped.version


def test_of_many_who_register_different_content_at_once_one_wins(
    platform: Platform, registry: AgentRegistry, shipped: PackSpec
) -> None:
    archives = [platform.store.put(f"archive {number}".encode()) for number in range(8)]
    answers: list[str] = []

    def register(archive: str) -> None:
        try:
            registry.register_agent(shipped, archive, None, "f")
            answers.append("registered")
        except AgentVersionConflictError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=register, args=(archive,)) for archive in archives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["VERSION_REUSED"] * 7 + ["registered"]
    assert len(registry.list_versions(ID)) == 1


def test_the_highest_active_version_is_current_and_old_lines_do_not_rename(
    platform: Platform, registry: AgentRegistry, shipped: PackSpec
) -> None:
    for version, name in (
        ("1.0.0", "One"),
        ("2.0.0", "Two"),
        ("2.1.0-rc.1", "Candidate"),
        ("1.0.1", "Patch"),
    ):
        spec = versioned(shipped, version, name=name)
        archive = platform.store.put(version.encode())
        entry = registry.register_agent(spec, archive, certified(platform, spec, archive), "f")
    assert (entry.current_version, entry.name) == ("2.0.0", "Two")
    assert [known.version for known in entry.versions] == ["2.1.0-rc.1", "2.0.0", "1.0.1", "1.0.0"]
    assert registry.get_agent(ID, "1.0.1").current_version == "1.0.1"
    entry = registry.update_status(ID, "2.0.0", AgentStatus.DEPRECATED, REASON, "ann")
    assert entry.current_version == "1.0.1"
    with pytest.raises(AgentNotFoundError) as caught:
        registry.get_agent(ID, "3.0.0")
    assert caught.value.expected == "2.1.0-rc.1, 2.0.0, 1.0.1, 1.0.0"


def test_versions_are_ordered_as_semantic_versioning_says() -> None:
    # The example of SemVer 2.0.0, section 11.4.
    ordered = [
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
        "1.0.0-rc.1", "1.0.0", "1.0.2", "1.10.0", "2.0.0",
    ]  # fmt: skip
    assert sorted(set(ordered), key=precedence) == ordered


def test_statuses_change_only_along_the_allowed_ways(
    platform: Platform, registry: AgentRegistry, shipped: PackSpec
) -> None:
    archive = platform.store.put(b"archive 1")
    registry.register_agent(shipped, archive, None, "f")
    with pytest.raises(CertificationRequiredError):
        registry.update_status(ID, shipped.version, AgentStatus.ACTIVE, REASON, "ann")
    registry.register_agent(shipped, archive, certified(platform, shipped, archive), "f")
    for wanted, reason, code in (
        (AgentStatus.RETIRED, REASON, "STATUS_TRANSITION"),
        (AgentStatus.ACTIVE, REASON, "STATUS_TRANSITION"),
        (AgentStatus.DEPRECATED, "  short   ", "STATUS_REASON"),
    ):
        with pytest.raises(StatusTransitionError) as caught:
            registry.update_status(ID, shipped.version, wanted, reason, "ann")
        assert caught.value.code == code
    before = registry.decisions_sha256()
    registry.update_status(ID, shipped.version, AgentStatus.DEPRECATED, REASON, "ann")
    assert registry.decisions_sha256() != before
    registry.record_deployment(
        ID, shipped.version, "local", DeploymentStatus.LIVE,
        certificate_id=registry.list_versions(ID)[0].certificate_id or "",
    )  # fmt: skip
    assert registry.get_agent(ID).deployment_count == 1
    with pytest.raises(StatusTransitionError) as caught:
        registry.update_status(ID, shipped.version, AgentStatus.RETIRED, REASON, "ann")
    assert caught.value.code == "ACTIVE_DEPLOYMENTS"
    registry.record_deployment(
        ID, shipped.version, "local", DeploymentStatus.REMOVED,
        certificate_id=registry.list_versions(ID)[0].certificate_id or "",
    )  # fmt: skip
    registry.update_status(ID, shipped.version, AgentStatus.RETIRED, REASON, "ann")
    with pytest.raises(StatusTransitionError):
        registry.update_status(ID, shipped.version, AgentStatus.ACTIVE, REASON, "ann")


def test_search_pages_and_filters(platform: Platform, registry: AgentRegistry, shipped: PackSpec) -> None:
    archive = platform.store.put(b"archive 1")
    for number in range(12):
        spec = shipped.model_copy(
            update={"id": f"emissions/agent_{number:02}", "tags": ["even" if number % 2 == 0 else "odd"]}
        )
        registry.register_agent(spec, archive, None, "f")
    found = registry.search_agents(SearchQuery(tags=("odd",), page=2, page_size=4))
    assert (found.total, [entry.agent_id for entry in found.agents]) == (
        6, ["emissions/agent_09", "emissions/agent_11"],
    )  # fmt: skip
    assert registry.search_agents(SearchQuery(query="AGENT_07")).total == 1
    for text in ("%", "_0%", "' OR 1=1 --", "agent.*"):
        assert registry.search_agents(SearchQuery(query=text)).total == 0, text
    assert registry.search_agents(SearchQuery(status=AgentStatus.ACTIVE)).total == 0
    assert registry.search_agents(SearchQuery(status=AgentStatus.DRAFT)).total == 12


def test_the_snapshot_is_the_same_bytes_whatever_the_order_and_the_time(
    platform: Platform, store: RegistryStore, clock: object, shipped: PackSpec
) -> None:
    specs = [versioned(shipped, version) for version in ("1.0.0", "2.0.0")]
    snapshots = []
    for tenant, order in (("a", specs), ("b", specs[::-1])):
        registry = AgentRegistry(store, platform.store, tenant=tenant, clock=clock)  # type: ignore[arg-type]
        for spec in order:
            archive = platform.store.put(spec.version.encode())
            registry.register_agent(spec, archive, certified(platform, spec, archive), "f")
        snapshots.append(registry.snapshot())
    assert snapshots[0] == snapshots[1]
    table = read_table(snapshots[0])
    assert table.select("version", "current", "status").rows() == [
        ("1.0.0", False, "active"), ("2.0.0", True, "active"),
    ]  # fmt: skip
    assert table["certificate_sha256"].null_count() == 0


def test_a_lost_connection_is_told_and_the_next_transaction_works(
    registry: AgentRegistry, database_url: str
) -> None:
    registry.search_agents(SearchQuery())
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(GreenlangError) as caught:
        registry.search_agents(SearchQuery())
    assert caught.value.code == "DATABASE_UNREACHABLE"
    assert registry.search_agents(SearchQuery()).total == 0
