"""Attacks on provenance: each one is carried out for real, found, and named.

The attacker has whatever each attack needs: the files of the store, the database as its superuser with
triggers switched off, Dagster's instance. What the attacker lacks is the signing key.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.provenance.ledger import Checkpoint, InputRef, LedgerLink, ProvenanceEntry
from greenlang_assets.core.provenance.reconcile import reconcile
from greenlang_assets.core.provenance.verify import ChainReport, Finding, verify_chain, verify_store
from resources.dagster.event_log import materialisation_events, running
from resources.ledger import _row
from resources.platform import Platform
from resources.signing import Ed25519Signer
from resources.store import cas_key

ENTRIES = 10
#: Entries after which a checkpoint was signed.
SEALED = (4, 8, 10)


@pytest.fixture
def honest(platform: Platform) -> Platform:
    """A ledger of ten entries about artefacts in the store, signed three times; nothing is wrong."""
    for number in range(1, ENTRIES + 1):
        content = platform.store.put(f"content {number}".encode())
        entry = ProvenanceEntry(f"asset/{number}", None, content, code="1.0.0", facts={"rows": number})
        platform.ledger.append([entry], run_id=f"run-{number}")
        if number in SEALED:
            platform.checkpoints.seal(platform.ledger)
    assert verify(platform).findings == ()
    assert verify(platform).sealed == ENTRIES
    assert verify_store(platform.ledger.since(), platform.store) == []
    return platform


def verify(platform: Platform) -> ChainReport:
    return verify_chain(
        platform.ledger.since(),
        chain=platform.ledger.chain,
        checkpoints=platform.checkpoints,
        signer=platform.signer,
    )


def first(platform: Platform) -> tuple[str, int | None]:
    finding = verify(platform).findings[0]
    return finding.code, finding.seq


def as_superuser(platform: Platform, *statements: str) -> None:
    """Change the ledger past its triggers."""
    with psycopg.connect(platform.database.owner_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


def recompute(platform: Platform, start: int, change: Callable[[ProvenanceEntry], ProvenanceEntry]) -> None:
    """Rewrite the chain from an entry on, every hash right again: what an owner of the database can do."""
    links = list(platform.ledger.since())
    head: LedgerLink | None = links[start - 2] if start > 1 else None
    as_superuser(platform, f"DELETE FROM greenlang.ledger WHERE seq >= {start}")
    with psycopg.connect(platform.database.owner_url, autocommit=True) as connection:
        for link in links[start - 1 :]:
            entry = change(link.entry) if link.seq == start else link.entry
            head = LedgerLink.after(
                head, entry, chain=link.chain, run_id=link.run_id, recorded_at=link.recorded_at
            )
            connection.execute(
                "INSERT INTO greenlang.ledger (chain, seq, entry, entry_sha256, run_id, recorded_at,"
                " prev_sha256, chain_sha256) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                _row(head),
            )


def other_content(entry: ProvenanceEntry) -> ProvenanceEntry:
    return ProvenanceEntry(entry.asset, entry.partition, sha256_hex(b"forged"), entry.inputs, entry.code)


def object_path(platform: Platform, content: bytes) -> Path:
    return platform.settings.home / "store" / cas_key(sha256_hex(content))


# --- the store


def test_a_changed_byte_in_a_stored_artefact(honest: Platform) -> None:
    path = object_path(honest, b"content 7")
    path.chmod(0o644)
    path.write_bytes(b"content 8")
    (finding,) = verify_store(honest.ledger.since(), honest.store)
    assert (finding.code, finding.seq, finding.asset) == ("ARTIFACT_ALTERED", 7, "asset/7")
    assert finding.expected == sha256_hex(b"content 7")
    assert finding.found == sha256_hex(b"content 8")


def test_a_deleted_artefact(honest: Platform) -> None:
    object_path(honest, b"content 3").unlink()
    (finding,) = verify_store(honest.ledger.since(), honest.store)
    assert (finding.code, finding.seq, finding.asset) == ("ARTIFACT_MISSING", 3, "asset/3")


def test_an_input_that_was_never_recorded(honest: Platform) -> None:
    entry = ProvenanceEntry(
        "asset/x",
        None,
        honest.store.put(b"x"),
        (
            InputRef("asset/ghost", None, sha256_hex(b"ghost")),
            InputRef("file:known.csv", None, sha256_hex(b"f")),
        ),
        "1.0.0",
    )
    honest.ledger.append([entry], run_id="run-x")
    (finding,) = verify_store(honest.ledger.since(), honest.store)
    assert (finding.code, finding.seq) == ("INPUT_NEVER_RECORDED", 11)
    assert "asset/ghost" in finding.message


# --- the ledger


@pytest.mark.parametrize("seq", [1, 5, 10])
def test_an_altered_entry(honest: Platform, seq: int) -> None:
    as_superuser(
        honest,
        f"UPDATE greenlang.ledger SET entry = replace(entry, '\"rows\":{seq}', '\"rows\":99')"
        f" WHERE seq = {seq}",
    )
    (finding,) = verify(honest).findings
    assert (finding.code, finding.seq, finding.asset) == ("ENTRY_ALTERED", seq, f"asset/{seq}")


def test_an_entry_that_cannot_be_read_any_more(honest: Platform) -> None:
    as_superuser(
        honest, 'UPDATE greenlang.ledger SET entry = \'{"asset":"x","content_sha256":"y"}\' WHERE seq = 2'
    )
    (finding,) = verify(honest).findings
    assert (finding.code, finding.seq, finding.asset) == ("ENTRY_ALTERED", 2, None)
    assert verify_store(honest.ledger.since(), honest.store) == []


@pytest.mark.parametrize(
    "change", ["run_id = 'other'", "recorded_at = recorded_at - interval '1 microsecond'"]
)
def test_an_altered_run_or_time(honest: Platform, change: str) -> None:
    as_superuser(honest, f"UPDATE greenlang.ledger SET {change} WHERE seq = 6")
    (finding,) = verify(honest).findings
    assert (finding.code, finding.seq, finding.asset) == ("LINK_ALTERED", 6, "asset/6")


def test_an_altered_entry_with_its_entry_hash(honest: Platform) -> None:
    (link,) = honest.ledger.find(sha256_hex(b"content 5"))
    forged = other_content(link.entry)
    as_superuser(
        honest,
        f"UPDATE greenlang.ledger SET entry = '{forged.body}', entry_sha256 = '{forged.sha256}'"
        " WHERE seq = 5",
    )
    assert first(honest) == ("LINK_ALTERED", 5)


def test_an_altered_entry_with_all_its_hashes(honest: Platform) -> None:
    link = honest.ledger.at(5)
    before = honest.ledger.at(4)
    assert link is not None
    forged = LedgerLink.after(
        before, other_content(link.entry), chain=link.chain, run_id=link.run_id, recorded_at=link.recorded_at
    )
    as_superuser(
        honest,
        f"UPDATE greenlang.ledger SET entry = '{forged.body}', entry_sha256 = '{forged.entry_sha256}',"
        f" chain_sha256 = '{forged.chain_sha256}' WHERE seq = 5",
    )
    (finding,) = verify(honest).findings
    assert (finding.code, finding.seq) == ("CHAIN_BROKEN", 6)
    assert "does not continue entry 5" in finding.message


@pytest.mark.parametrize(
    ("gone", "message"), [("1", "entry 1 was"), ("5", "entry 5 was"), ("5, 6, 7", "entries 5 to 7 were")]
)
def test_deleted_rows(honest: Platform, gone: str, message: str) -> None:
    as_superuser(honest, f"DELETE FROM greenlang.ledger WHERE seq IN ({gone})")
    finding = verify(honest).findings[0]
    assert (finding.code, finding.seq) == ("ENTRY_REMOVED", int(gone[0]))
    assert finding.message == f"{message} removed from the ledger"


def test_a_deleted_row_with_the_rest_renumbered(honest: Platform) -> None:
    as_superuser(
        honest,
        "DELETE FROM greenlang.ledger WHERE seq = 5",
        *(f"UPDATE greenlang.ledger SET seq = {seq - 1} WHERE seq = {seq}" for seq in range(6, 11)),
    )
    assert first(honest) == ("CHAIN_BROKEN", 5)


@pytest.mark.parametrize("left", [9, 5, 1])
def test_a_cut_tail(honest: Platform, left: int) -> None:
    as_superuser(honest, f"DELETE FROM greenlang.ledger WHERE seq > {left}")
    codes = [(finding.code, finding.seq) for finding in verify(honest).findings]
    assert ("TAIL_CUT", left + 1) in codes
    assert {code for code, _ in codes} == {"TAIL_CUT"}
    with pytest.raises(GreenlangError) as caught:
        honest.checkpoints.seal(honest.ledger)
    assert caught.value.code == "CHAIN_ROLLED_BACK"


def test_the_whole_chain_deleted(honest: Platform) -> None:
    as_superuser(honest, "DELETE FROM greenlang.ledger")
    assert first(honest) == ("TAIL_CUT", 1)
    assert verify(honest).entries == 0


@pytest.mark.parametrize(("start", "named"), [(1, 1), (3, 1), (6, 5), (9, 9), (10, 9)])
def test_the_chain_made_anew_from_an_entry_on(honest: Platform, start: int, named: int) -> None:
    """Every hash in the database is right again; only the signatures tell."""
    recompute(honest, start, other_content)
    assert first(honest) == ("CHAIN_REWRITTEN", named)
    with pytest.raises(GreenlangError) as caught:
        honest.checkpoints.seal(honest.ledger)
    assert caught.value.code == "CHAIN_ROLLED_BACK"


def test_reordered_entries(honest: Platform) -> None:
    as_superuser(
        honest,
        *(
            f"UPDATE greenlang.ledger SET seq = {new} WHERE seq = {old}"
            for old, new in ((3, 99), (4, 3), (99, 4))
        ),
    )
    finding = verify(honest).findings[0]
    assert (finding.code, finding.seq) == ("ENTRY_REORDERED", 3)
    assert "what belongs at 3 stands at 4" in finding.message


def test_an_entry_moved_to_another_chain(honest: Platform) -> None:
    as_superuser(honest, "UPDATE greenlang.ledger SET chain = 'other' WHERE seq = 10")
    assert first(honest) == ("TAIL_CUT", 10)
    links = list(type(honest.ledger)(honest.database, _Stopped(), chain="other").since())
    report = verify_chain(links, chain="other", checkpoints=honest.checkpoints, signer=honest.signer)
    assert report.findings[0].code == "ENTRY_REMOVED"


class _Stopped:
    def now(self) -> Any:
        raise AssertionError("reading needs no clock")


# --- the checkpoints


def checkpoint_files(platform: Platform) -> list[Path]:
    return sorted((platform.settings.home / "store" / "checkpoints" / platform.ledger.chain).iterdir())


def memory(platform: Platform) -> Path:
    return platform.settings.home / "checkpoints" / f"{platform.ledger.chain}.json"


def test_database_and_checkpoints_rolled_back_together(honest: Platform) -> None:
    as_superuser(honest, "DELETE FROM greenlang.ledger WHERE seq > 8")
    checkpoint_files(honest)[-1].unlink()
    codes = {(finding.code, finding.seq) for finding in verify(honest).findings}
    assert codes == {("CHECKPOINT_ROLLED_BACK", 10), ("TAIL_CUT", 9)}
    with pytest.raises(GreenlangError):
        honest.checkpoints.seal(honest.ledger)


def test_all_checkpoints_deleted_and_the_chain_made_anew(honest: Platform) -> None:
    recompute(honest, 2, other_content)
    shutil.rmtree(checkpoint_files(honest)[0].parent)
    codes = {finding.code for finding in verify(honest).findings}
    assert codes == {"CHECKPOINT_ROLLED_BACK", "CHAIN_REWRITTEN"}


def test_memory_lost(honest: Platform) -> None:
    memory(honest).unlink()
    (finding,) = verify(honest).findings
    assert (finding.code, finding.severity) == ("CHECKPOINT_NOT_REMEMBERED", "warning")


def test_a_checkpoint_in_the_middle_removed(honest: Platform) -> None:
    checkpoint_files(honest)[1].unlink()
    assert first(honest) == ("CHECKPOINT_MISSING", 10)


def test_a_checkpoint_forged_with_another_key(honest: Platform, tmp_path: Path) -> None:
    recompute(honest, 9, other_content)
    head = honest.ledger.head()
    assert head is not None
    stranger = Ed25519Signer(tmp_path / "stranger.pem")
    path = checkpoint_files(honest)[-1]
    real = Checkpoint.from_bytes(path.read_bytes())
    for key_id in (stranger.key_id, honest.signer.key_id):  # under its own name, and under ours
        draft = Checkpoint(real.chain, 10, head.chain_sha256, 10, real.recorded_at, real.previous, key_id)
        forged = Checkpoint(
            draft.chain,
            draft.seq,
            draft.head,
            draft.count,
            draft.recorded_at,
            draft.previous,
            key_id,
            stranger.sign(draft.signed_bytes()),
        )
        path.write_bytes(forged.to_bytes())
        memory(honest).write_bytes(forged.to_bytes())
        assert ("CHECKPOINT_FORGED", 10) in {
            (finding.code, finding.seq) for finding in verify(honest).findings
        }


def test_a_checkpoint_whose_text_was_changed(honest: Platform) -> None:
    path = checkpoint_files(honest)[0]
    path.write_bytes(path.read_bytes().replace(b'"seq":4', b'"seq":3').replace(b'"count":4', b'"count":3'))
    assert first(honest) == ("CHECKPOINT_FORGED", 3)
    path.write_bytes(b"{}")
    assert first(honest) == ("CHECKPOINT_FORGED", None)


def test_a_checkpoint_of_another_chain(honest: Platform) -> None:
    other = type(honest.ledger)(honest.database, _StandStill(), chain="other")
    other.append([ProvenanceEntry("a", None, sha256_hex(b"a"), code="1")], run_id="r")
    foreign = honest.checkpoints.seal(other)
    other.close()
    assert foreign is not None
    checkpoint_files(honest)[0].write_bytes(foreign.to_bytes())
    assert "CHECKPOINT_FORGED" in {finding.code for finding in verify(honest).findings}


class _StandStill:
    def now(self) -> Any:
        import datetime as dt

        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


# --- Dagster's event log


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def recording_assets(platform: Platform) -> list[dg.AssetsDefinition]:
    """Two assets that store, record and report as ours do; the second one loads the first one."""

    def record(context: dg.AssetExecutionContext, content: bytes, inputs: list[InputRef]) -> Any:
        asset = context.asset_key.to_user_string()
        entry = ProvenanceEntry(asset, None, platform.store.put(content), tuple(inputs), "1.0.0")
        (link,) = platform.ledger.append([entry], run_id=context.run.run_id)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(entry.content_sha256),
            metadata={
                "greenlang/entry_sha256": link.entry_sha256,
                "greenlang/chain_sha256": link.chain_sha256,
            },
        )

    @dg.asset(key=["factors", "raw"], code_version="1.0.0")
    def raw(context: dg.AssetExecutionContext) -> Any:
        return record(context, b"raw", [])

    @dg.asset(key=["factors", "catalogue"], deps=[raw], code_version="1.0.0")
    def catalogue(context: dg.AssetExecutionContext) -> Any:
        return record(context, b"catalogue", [InputRef("factors/raw", None, sha256_hex(b"raw"))])

    return [raw, catalogue]


def run(platform: Platform, instance: dg.DagsterInstance) -> str:
    result = dg.materialize(recording_assets(platform), instance=instance)
    assert result.success
    return result.run_id


def compare(platform: Platform, instance: dg.DagsterInstance) -> list[Finding]:
    return reconcile(
        platform.ledger.since(), materialisation_events(instance, page=2), running=running(instance)
    )


def test_an_honest_event_log(platform: Platform, instance: dg.DagsterInstance) -> None:
    runs = [run(platform, instance) for _ in range(3)]
    events = list(materialisation_events(instance, page=2))
    assert [event.run_id for event in events] == runs + runs
    assert {event.asset for event in events} == {"factors/raw", "factors/catalogue"}
    assert all(event.code_version == "1.0.0" for event in events)
    assert events[0].input_versions == {"factors/raw": sha256_hex(b"raw")}
    assert compare(platform, instance) == []


def test_a_forged_runless_event(platform: Platform, instance: dg.DagsterInstance) -> None:
    run(platform, instance)
    instance.report_runless_asset_event(
        dg.AssetMaterialization(["factors", "raw"], tags={"dagster/data_version": sha256_hex(b"raw")})
    )
    (finding,) = compare(platform, instance)
    assert (finding.code, finding.asset) == ("EVENT_NEVER_RECORDED", "factors/raw")
    assert "reported from outside" in finding.message


def test_an_event_for_an_asset_that_we_do_not_have(platform: Platform, instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("ghost", partition="2014"))
    (finding,) = compare(platform, instance)
    assert (finding.code, finding.asset) == ("EVENT_NEVER_RECORDED", "ghost [2014]")


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"dagster/data_version": "LIE"}, "DATA_VERSION_FORGED"),
        ({"dagster/input_data_version/factors/raw": "LIE"}, "INPUT_VERSION_FORGED"),
    ],
)
def test_a_run_that_lies_in_its_tags(
    platform: Platform, instance: dg.DagsterInstance, tags: dict[str, str], code: str
) -> None:
    raw, _ = recording_assets(platform)

    @dg.asset(key=["factors", "catalogue"], deps=[raw], code_version="1.0.0")
    def lying(context: dg.AssetExecutionContext) -> Any:
        content = platform.store.put(b"catalogue")
        inputs = (InputRef("factors/raw", None, sha256_hex(b"raw")),)
        platform.ledger.append(
            [ProvenanceEntry("factors/catalogue", None, content, inputs, "1.0.0")], run_id=context.run.run_id
        )
        return dg.MaterializeResult(tags={"dagster/data_version": content, **tags})

    assert dg.materialize([raw, lying], instance=instance).success
    (finding,) = compare(platform, instance)
    assert (finding.code, finding.asset, finding.seq) == (code, "factors/catalogue", 2)
    assert finding.found == "LIE"


def test_an_input_replaced_during_the_step_is_a_warning(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    """Dagster looks the version up when the step starts; the entry says what was loaded."""
    old = platform.store.put(b"older raw")
    platform.ledger.append([ProvenanceEntry("factors/raw", None, old, code="0.9")], run_id="before")
    raw, _ = recording_assets(platform)

    @dg.asset(key=["factors", "catalogue"], deps=[raw], code_version="1.0.0")
    def late(context: dg.AssetExecutionContext) -> Any:
        content = platform.store.put(b"catalogue")
        inputs = (InputRef("factors/raw", None, sha256_hex(b"raw")),)
        platform.ledger.append(
            [ProvenanceEntry("factors/catalogue", None, content, inputs, "1.0.0")], run_id=context.run.run_id
        )
        tags = {"dagster/data_version": content, "dagster/input_data_version/factors/raw": old}
        return dg.MaterializeResult(tags=tags)

    assert dg.materialize([raw, late], instance=instance).success
    findings = reconcile(platform.ledger.since(), materialisation_events(instance), not_runs=["before"])
    assert [(finding.code, finding.severity) for finding in findings] == [
        ("INPUT_VERSION_DIFFERS", "warning")
    ]


def test_a_deleted_run(platform: Platform, instance: dg.DagsterInstance) -> None:
    kept, deleted = run(platform, instance), run(platform, instance)
    instance.delete_run(deleted)
    findings = compare(platform, instance)
    assert [(finding.code, finding.seq) for finding in findings] == [("RUN_DELETED", 3), ("RUN_DELETED", 4)]
    assert all(deleted in finding.message for finding in findings)
    assert kept not in str(findings)


def test_a_wiped_asset(platform: Platform, instance: dg.DagsterInstance) -> None:
    run(platform, instance)
    instance.wipe_assets([dg.AssetKey(["factors", "catalogue"])])
    (finding,) = compare(platform, instance)
    assert (finding.code, finding.asset, finding.seq) == ("EVENT_MISSING", "factors/catalogue", 2)


def test_a_run_that_was_never_recorded(platform: Platform, instance: dg.DagsterInstance) -> None:
    @dg.asset(key=["factors", "raw"])
    def silent() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(data_version=dg.DataVersion("v1"))

    result = dg.materialize([silent], instance=instance)
    (finding,) = compare(platform, instance)
    assert (finding.code, finding.asset) == ("EVENT_NEVER_RECORDED", "factors/raw")
    assert result.run_id in finding.message


def test_a_ledger_made_anew_is_contradicted_by_events(
    platform: Platform, instance: dg.DagsterInstance
) -> None:
    run(platform, instance)
    recompute(
        platform, 1, lambda entry: ProvenanceEntry(entry.asset, None, entry.content_sha256, (), "9.9.9")
    )
    found = [(finding.code, finding.seq) for finding in compare(platform, instance)]
    assert ("EVENT_NAMES_OTHER_ENTRY", 1) in found
    assert ("EVENT_FORGED", 1) in found


def test_an_entry_that_a_running_run_has_just_recorded_is_no_fault(platform: Platform) -> None:
    content = platform.store.put(b"x")
    platform.ledger.append([ProvenanceEntry("a", None, content, code="1")], run_id="now")
    assert reconcile(platform.ledger.since(), [], running=["now"]) == []
    assert [finding.code for finding in reconcile(platform.ledger.since(), [])] == ["RUN_DELETED"]


def test_text_that_imitates_a_log_stays_one_line(platform: Platform) -> None:
    """A name with line ends and terminal codes is kept, and shown escaped as data."""
    evil = "a\nERROR verified \x1b[32mok\x1b[0m"
    platform.ledger.append([ProvenanceEntry("asset", evil, platform.store.put(b"x"), code="1")], run_id="r")
    (finding,) = reconcile(platform.ledger.since(), [])
    assert "\n" in str(finding.asset)
    from greenlang_assets.core.provenance.canonical import canonical_bytes

    assert canonical_bytes(finding.as_dict()).count(b"\n") == 0
    assert b"\x1b" not in canonical_bytes(finding.as_dict())
