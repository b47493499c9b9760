"""Sensors of packs and certificates: requests from contents, idle the second time, single and bulk alike."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from factory_ops.defs.packs import PACK_FACTORY, pack_factory_bulk, pack_partitions
from factory_ops.defs.sensors import new_packs, requests_of
from factory_ops.pipeline import BATCH, INBOX, sweep_inbox
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.provenance.ledger import InputRef, ProvenanceEntry
from registry_ops.defs.registry import new_certificates
from registry_ops.recipes import CERTIFICATE, DEPLOYMENT, SNAPSHOT
from resources.platform import Platform
from resources.store import FolderStore

GAS = (DATA_ROOT / "packs" / "natural_gas_v1" / "pack.yaml").read_text(encoding="utf-8")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def still() -> float:
    return 0.0


def drop(store: FolderStore, count: int) -> None:
    for number in range(count):
        text = GAS.replace("emissions/natural_gas_v1", f"emissions/gas_{number:03d}_v1")
        store.put_named(f"{INBOX}gas_{number:03d}.yaml", text.encode())


def test_each_of_few_files_gets_a_run_of_its_own(store: FolderStore) -> None:
    drop(store, 3)
    packs, requests = requests_of(store, sweep_inbox(store, monotonic=still))
    assert packs == [f"emissions/gas_{number:03d}_v1" for number in range(3)]
    assert [request.partition_key for request in requests] == packs
    assert {request.job_name for request in requests} == {PACK_FACTORY.name}


def test_many_files_are_built_in_batches(store: FolderStore) -> None:
    drop(store, 2 * BATCH + 1)
    packs, requests = requests_of(store, sweep_inbox(store, monotonic=still))
    assert len(packs) == 2 * BATCH + 1
    assert [request.job_name for request in requests] == [pack_factory_bulk.name] * 3
    sizes = [len(request.run_config["ops"]["build_batch"]["config"]["names"]) for request in requests]
    assert sizes == [BATCH, BATCH, 1]


@pytest.mark.parametrize("count", [2, BATCH + 1])
def test_the_same_files_ask_for_the_same_runs_and_changed_ones_for_others(
    store: FolderStore, count: int
) -> None:
    drop(store, count)
    keys = [[r.run_key for r in requests_of(store, sweep_inbox(store, monotonic=still))[1]] for _ in range(2)]
    assert keys[0] == keys[1]
    store.put_named(f"{INBOX}gas_000.yaml", GAS.encode() + b"# another remark\n")
    changed = [request.run_key for request in requests_of(store, sweep_inbox(store, monotonic=still))[1]]
    assert changed[0] != keys[0][0]
    assert changed[1:] == keys[0][1:]


def test_a_tick_makes_packs_known_and_an_empty_bucket_asks_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENLANG_HOME", str(tmp_path))
    monkeypatch.delenv("GREENLANG_STORE", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        empty = new_packs(dg.build_sensor_context(instance=instance))
        assert isinstance(empty, dg.SensorResult)
        assert not empty.run_requests
        drop(FolderStore(tmp_path / "store"), 1)
        tick = new_packs(dg.build_sensor_context(instance=instance))
        assert isinstance(tick, dg.SensorResult)
        assert [request.partition_key for request in tick.run_requests or ()] == ["emissions/gas_000_v1"]
        (asked,) = tick.dynamic_partitions_requests or ()
        assert asked.partitions_def_name == pack_partitions.name
        assert list(asked.partition_keys) == ["emissions/gas_000_v1"]


def test_a_bucket_that_cannot_be_read_fails_the_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed listing is not an empty one: nothing is asked for, and the cursor stays."""
    (tmp_path / "store").write_text("no folder")
    monkeypatch.setenv("GREENLANG_HOME", str(tmp_path))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(Exception, match="STORE_UNREACHABLE"),
    ):
        new_packs(dg.build_sensor_context(instance=instance))


def test_a_certificate_asks_for_one_deployment_and_for_none_once_it_is_deployed(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENLANG_HOME", str(platform.settings.home))
    monkeypatch.setenv("GREENLANG_DATABASE_URL", str(platform.settings.database_url))
    monkeypatch.setenv("GREENLANG_STORE", str(platform.settings.store))
    content = platform.store.put(b"a certificate")
    platform.ledger.append([ProvenanceEntry(CERTIFICATE, "a/b", content, (), "1.0.0")], run_id="run-1")
    with dg.DagsterInstance.ephemeral() as instance:
        tick = new_certificates(dg.build_sensor_context(instance=instance))
        assert isinstance(tick, dg.SensorResult)
        assert [request.run_key for request in tick.run_requests or ()] == [f"certificates-to-{tick.cursor}"]
        again = new_certificates(dg.build_sensor_context(instance=instance, cursor=tick.cursor))
        assert isinstance(again, dg.SkipReason)
        # The main job deploys in a run of its own; a sensor that looks for the first time has no cursor.
        snapshot, deployment = platform.store.put(b"snapshot"), platform.store.put(b"deployment")
        seen = (InputRef(CERTIFICATE, "a/b", content),)
        taken = (InputRef(SNAPSHOT, None, snapshot),)
        platform.ledger.append(
            [
                ProvenanceEntry(SNAPSHOT, None, snapshot, seen, "1.0.0"),
                ProvenanceEntry(DEPLOYMENT, None, deployment, taken, "1.0.0"),
            ],
            run_id="run-2",
        )
        first = new_certificates(dg.build_sensor_context(instance=instance))
        assert isinstance(first, dg.SensorResult)
        assert not first.run_requests
        assert first.cursor == tick.cursor
