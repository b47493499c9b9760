"""The ledger: what its hashes cover, appending by many at once, finding again; checkpoints and keys."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import content_sha256, sha256_hex
from greenlang_assets.core.provenance.ledger import (
    Checkpoint,
    InputRef,
    Leaf,
    LedgerLink,
    ProvenanceEntry,
    genesis_sha256,
)
from greenlang_assets.core.provenance.ports import Clock
from greenlang_assets.core.provenance.verify import verify_chain
from resources.clock import SystemClock
from resources.database import open_database
from resources.ledger import PostgresLedger
from resources.platform import Platform, open_platform
from resources.settings import Settings
from resources.signing import Ed25519Signer

A, B, C = (sha256_hex(text) for text in (b"a", b"b", b"c"))
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def entry(asset: str = "factors/catalogue", content: str = A, **changes: Any) -> ProvenanceEntry:
    return ProvenanceEntry(
        **{"asset": asset, "partition": None, "content_sha256": content, "code": "1.0.0", **changes}
    )


def test_the_entry_hash_covers_every_part_of_the_body_and_nothing_else() -> None:
    base = entry(inputs=(InputRef("file:x.xlsx", None, B),), facts={"rows": 3})
    assert base.sha256 == content_sha256(
        {
            "format": "greenlang/entry@1",
            "asset": "factors/catalogue",
            "partition": None,
            "content_sha256": A,
            "inputs": [{"asset": "file:x.xlsx", "partition": None, "content_sha256": B}],
            "code": "1.0.0",
            "facts": {"rows": 3},
        }
    )
    changed = [
        dataclasses.replace(base, asset="factors/other"),
        dataclasses.replace(base, partition="2014"),
        dataclasses.replace(base, content_sha256=C),
        dataclasses.replace(base, inputs=()),
        dataclasses.replace(base, inputs=(InputRef("file:x.xlsx", "p", B),)),
        dataclasses.replace(base, code="1.0.1"),
        dataclasses.replace(base, facts={"rows": 4}),
    ]
    assert len({base.sha256, *(other.sha256 for other in changed)}) == len(changed) + 1
    links = [
        LedgerLink.after(None, base, chain="c", run_id=run, recorded_at=NOW + dt.timedelta(days=days))
        for run, days in (("r1", 0), ("r2", 0), ("r1", 1))
    ]
    assert {link.entry_sha256 for link in links} == {base.sha256}
    assert len({link.chain_sha256 for link in links}) == 3


def test_order_and_doubles_of_inputs_do_not_matter() -> None:
    one, two = InputRef("x", None, A), InputRef("x", "p", A)
    assert entry(inputs=(two, one, two)).sha256 == entry(inputs=(one, two)).sha256


def test_an_entry_comes_back_from_its_body() -> None:
    made = entry(
        partition="c-01|2014",
        inputs=(InputRef("file:ü.xlsx", None, B), InputRef("a", "p", C)),
        facts={"share": 0.985, "big": 2**70, "e\u0301": ["\u2028", None, -0.0], "day": dt.date(2024, 1, 1)},
    )
    back = ProvenanceEntry.from_body(made.body)
    assert back == made
    assert back.sha256 == made.sha256


@pytest.mark.parametrize(
    "changes",
    [
        {"asset": ""},
        {"asset": "a\0b"},
        {"code": ""},
        {"partition": ""},
        {"content": "abc"},
        {"content": A.upper()},
        {"facts": {"x": "a\0b"}},
        {"facts": {"x": float("nan")}},
        {"facts": {"x": b""}},
    ],
)
def test_entries_that_cannot_be_recorded_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(GreenlangError):
        entry(**changes)


@pytest.mark.parametrize(
    "change", [lambda r: r.pop("code"), lambda r: r.update(more=1), lambda r: r.update(inputs=[1])]
)
def test_a_body_that_is_not_canonical_is_refused(change: Any) -> None:
    record = json.loads(entry().body)
    change(record)
    with pytest.raises(GreenlangError) as caught:
        ProvenanceEntry.from_body(json.dumps(record, sort_keys=True, separators=(",", ":")))
    assert caught.value.code == "ENTRY_UNREADABLE"
    with pytest.raises(GreenlangError):
        ProvenanceEntry.from_body(" " + entry().body)


def test_a_chain_starts_with_its_own_name() -> None:
    first = LedgerLink.after(None, entry(), chain="tenant-a", run_id="r", recorded_at=NOW)
    assert first.prev_sha256 == genesis_sha256("tenant-a") != genesis_sha256("tenant-b")


def test_append_find_and_read_back(platform: Platform) -> None:
    ledger = platform.ledger
    assert ledger.head() is None
    assert list(ledger.since()) == []
    first, second = ledger.append([entry(), entry("tenants/lines", B, partition="c1|2014")], run_id="run-1")
    assert (first.seq, second.seq, second.prev_sha256) == (1, 2, first.chain_sha256)
    assert ledger.head() == second
    assert ledger.at(1) == first
    assert ledger.at(3) is None
    assert list(ledger.since(1)) == [second]
    assert ledger.latest("tenants/lines", "c1|2014") == second
    assert ledger.latest("tenants/lines") is None
    for sha256, link in ((A, first), (first.entry_sha256, first), (second.chain_sha256, second)):
        assert ledger.find(sha256) == [link]
    assert ledger.find(C) == []
    with pytest.raises(GreenlangError):
        ledger.find("not a hash")
    assert second.entry == entry("tenants/lines", B, partition="c1|2014")


def test_a_run_records_an_entry_once_another_run_again(platform: Platform) -> None:
    ledger = platform.ledger
    (first,) = ledger.append([entry()], run_id="run-1")
    assert ledger.append([entry(), entry()], run_id="run-1") == [first, first]
    (again,) = ledger.append([entry()], run_id="run-2")
    assert again.seq == 2
    assert again.entry_sha256 == first.entry_sha256


def test_a_batch_is_recorded_whole_or_not_at_all(platform: Platform) -> None:
    leaves = [Leaf(B, A, 1), Leaf(C, A, 0)]  # rows count from 1
    with pytest.raises(psycopg.errors.CheckViolation):
        platform.ledger.append([entry()], run_id="r", leaves=leaves)
    assert platform.ledger.head() is None
    assert platform.ledger.find_row(B) == []


def test_rows_are_found_newest_table_first(platform: Platform) -> None:
    ledger = platform.ledger
    ledger.append([entry(content=A)], run_id="r1", leaves=[Leaf(C, A, 7), Leaf(C, A, 7)])
    ledger.append([entry(content=B)], run_id="r2", leaves=[Leaf(C, B, 9)])
    assert ledger.find_row(C) == [Leaf(C, B, 9), Leaf(C, A, 7)]
    assert ledger.indexed_leaves(A) == [Leaf(C, A, 7)]
    ledger.replace_leaves(A, [Leaf(B, A, 1)])
    assert ledger.find_row(C) == [Leaf(C, B, 9)]


def test_chains_do_not_mix(platform: Platform) -> None:
    other = PostgresLedger(platform.database, SystemClock(), chain="tenant-a")
    platform.ledger.append([entry()], run_id="r")
    assert other.head() is None
    (link,) = other.append([entry()], run_id="r")
    assert (link.chain, link.seq) == ("tenant-a", 1)
    other.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE greenlang.ledger SET run_id = 'x'",
        "DELETE FROM greenlang.ledger",
        "TRUNCATE greenlang.ledger",
        "DROP TABLE greenlang.ledger",
        "ALTER TABLE greenlang.ledger DISABLE TRIGGER ALL",
        "UPDATE greenlang.schema_migration SET sha256 = 'x'",
    ],
)
def test_the_program_cannot_change_what_is_recorded(platform: Platform, statement: str) -> None:
    platform.ledger.append([entry()], run_id="r")
    with platform.database.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    ["UPDATE greenlang.ledger SET run_id = 'x'", "DELETE FROM greenlang.ledger", "TRUNCATE greenlang.ledger"],
)
def test_even_the_owner_is_refused_by_the_trigger(platform: Platform, statement: str) -> None:
    platform.ledger.append([entry()], run_id="r")
    with (
        psycopg.connect(platform.database.owner_url) as owner,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        owner.execute(statement.encode())


def append_many(settings: Settings, worker: int, times: int) -> None:
    """What one of several processes does; top-level, because a new interpreter runs it."""
    with open_database(settings) as database:
        ledger = PostgresLedger(database, SystemClock())
        for number in range(times):
            ledger.append([entry(f"asset/{worker}", partition=str(number))], run_id=f"run-{worker}-{number}")
        ledger.close()


def assert_one_whole_chain(platform: Platform, count: int) -> None:
    report = verify_chain(
        platform.ledger.since(),
        chain=platform.ledger.chain,
        checkpoints=platform.checkpoints,
        signer=platform.signer,
    )
    assert report.entries == count
    assert [finding.code for finding in report.findings] == ["CHECKPOINT_MISSING"]
    assert [link.seq for link in platform.ledger.since()] == list(range(1, count + 1))


def test_eight_processes_append_without_gaps(platform: Platform) -> None:
    context = multiprocessing.get_context("forkserver")
    workers = [context.Process(target=append_many, args=(platform.settings, n, 25)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 8
    assert_one_whole_chain(platform, 200)


def test_eight_threads_share_one_ledger(platform: Platform) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: platform.ledger.append([entry(partition=str(n))], run_id=str(n)), range(100)))
    assert_one_whole_chain(platform, 100)


def test_reading_goes_page_by_page(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.ledger.append([entry(partition=str(number)) for number in range(25)], run_id="r")
    monkeypatch.setattr("resources.ledger._PAGE", 10)
    assert [link.seq for link in platform.ledger.since(3)] == list(range(4, 26))


def test_a_lost_connection_is_opened_again(platform: Platform) -> None:
    platform.ledger.append([entry()], run_id="r")
    with psycopg.connect(platform.database.owner_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(GreenlangError) as caught:
        platform.ledger.head()
    assert caught.value.code == "DATABASE_UNREACHABLE"
    assert platform.ledger.head() is not None


def test_sealing_signs_each_head_once(platform: Platform) -> None:
    seals, ledger = platform.checkpoints, platform.ledger
    assert seals.seal(ledger) is None
    ledger.append([entry()], run_id="r1")
    first = seals.seal(ledger)
    assert first is not None
    assert seals.seal(ledger) == first
    ledger.append([entry()], run_id="r2")
    second = seals.seal(ledger)
    assert second is not None
    assert (first.seq, second.seq, second.previous) == (1, 2, first.sha256)
    assert seals.checkpoints(ledger.chain) == [first, second]
    assert seals.remembered(ledger.chain) == second
    assert platform.signer.verify(second.signed_bytes(), second.signature, key_id=second.key_id)
    assert Checkpoint.from_bytes(second.to_bytes()) == second
    report = verify_chain(ledger.since(), chain=ledger.chain, checkpoints=seals, signer=platform.signer)
    assert (report.findings, report.sealed, report.head) == ((), 2, second.head)


def test_many_seal_at_once_and_the_checkpoints_stay_one_line(platform: Platform) -> None:
    def work(number: int) -> None:
        platform.ledger.append([entry(partition=str(number))], run_id=str(number))
        platform.checkpoints.seal(platform.ledger)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    report = verify_chain(
        platform.ledger.since(),
        chain=platform.ledger.chain,
        checkpoints=platform.checkpoints,
        signer=platform.signer,
    )
    assert report.findings == ()
    assert report.sealed == report.entries == 40


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format":"greenlang/checkpoint@1"}',
        b'{"format":"greenlang/checkpoint@2"}',
        b"\xff",
    ],
)
def test_bytes_that_are_no_checkpoint_are_refused(data: bytes) -> None:
    with pytest.raises(GreenlangError) as caught:
        Checkpoint.from_bytes(data)
    assert caught.value.code == "CHECKPOINT_UNREADABLE"


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.pem"
    first = Ed25519Signer(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["ledger.pem"]
    again = Ed25519Signer(path)
    assert again.key_id == first.key_id
    signature = first.sign(b"text")
    assert again.verify(b"text", signature, key_id=first.key_id)
    assert not again.verify(b"text!", signature, key_id=first.key_id)
    assert not again.verify(b"text", signature, key_id="0" * 16)
    assert not again.verify(b"text", b"short", key_id=first.key_id)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ledger.pem"
    Ed25519Signer(path)
    path.chmod(mode)
    with pytest.raises(GreenlangError) as caught:
        Ed25519Signer(path)
    assert caught.value.code == "KEY_FILE_MODE"


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(GreenlangError) as caught:
        Ed25519Signer(path)
    assert caught.value.code == "KEY_FILE_UNREADABLE"


def test_several_processes_make_one_key(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: Ed25519Signer(path).key_id, range(8)))) == 1


def test_the_platform_works_on_s3(settings: Settings, s3_location: Any, clock: Clock) -> None:
    del clock
    with open_platform(dataclasses.replace(settings, store=s3_location)) as platform:
        sha256 = platform.store.put(b"content")
        platform.ledger.append([entry(content=sha256)], run_id="r")
        sealed = platform.checkpoints.seal(platform.ledger)
        assert sealed is not None
        assert platform.checkpoints.checkpoints(platform.ledger.chain) == [sealed]


def test_a_home_that_cannot_be_made_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GreenlangError) as caught:
        open_platform(dataclasses.replace(settings, home=tmp_path / "file" / "home"))
    assert caught.value.code == "SETTING_HOME"
