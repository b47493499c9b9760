"""The inbox and the recipes: new files are built once, faulty ones hold up nobody, killed ones end well."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from factory_ops.certification.certificate import verify_certificate
from factory_ops.pipeline import (
    BATCH,
    INBOX,
    PackFile,
    Sweep,
    plan_new_packs,
    process_spec,
    receipts,
    sweep_inbox,
)
from factory_ops.recipes import (
    ARTIFACT,
    CERTIFICATE,
    QUALITY_REPORT,
    RECIPES,
    SPEC,
    FactoryWorld,
    build_files,
)
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ports import ArtifactStore, NamedObject
from greenlang_assets.core.recipes import factors, formulas, parameters
from greenlang_assets.core.recipes.base import record
from resources.platform import Platform
from resources.sandbox import ProcessSandbox
from resources.store import FolderStore

ROOT = Path(__file__).resolve().parents[2]
PACK = (ROOT / "data/packs/natural_gas_v1/pack.yaml").read_bytes()


def still() -> float:
    return 0.0


def objects(*names: str) -> list[NamedObject]:
    return [NamedObject(f"{INBOX}{name}", f"v-{name}", 1) for name in names]


def test_only_new_pack_files_are_planned() -> None:
    listing = [
        *objects("b.yaml", "a.yml", "notes.txt", "c/d.YAML"),
        NamedObject("specs/other/x.yaml", "v", 1),
    ]
    planned = plan_new_packs(listing, {f"{INBOX}b.yaml": "v-b.yaml", f"{INBOX}a.yml": "an older one"})
    assert [item.key for item in planned] == [f"{INBOX}a.yml", f"{INBOX}c/d.YAML"]
    assert planned[0].run_key == f"{INBOX}a.yml@v-a.yml"


def test_a_sweep_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    for number in range(25):
        store.put_named(f"{INBOX}p{number:03}.yaml", b"x")
    first = sweep_inbox(store, monotonic=still, limit=10)
    assert [len(first.files), first.cursor] == [10, f"{INBOX}p009.yaml"]
    second = sweep_inbox(store, first.cursor, monotonic=still, limit=100)
    assert [len(second.files), second.cursor] == [15, ""]
    assert {*first.files}.isdisjoint(second.files)
    assert [len(batch) for batch in Sweep((first.files + second.files), "").batches] == [BATCH, 5]


def test_a_sweep_stops_when_its_time_is_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory_ops.pipeline.PAGE", 5)
    store = FolderStore(tmp_path)
    for number in range(12):
        store.put_named(f"{INBOX}p{number:03}.yaml", b"x")
    ticks = iter(range(0, 1000, 30))
    cut = sweep_inbox(store, monotonic=lambda: float(next(ticks)), budget_s=20)
    assert [len(cut.files), cut.cursor] == [5, f"{INBOX}p004.yaml"]
    assert len(sweep_inbox(store, cut.cursor, monotonic=still).files) == 7


def test_a_listing_that_fails_is_not_an_empty_one() -> None:
    class Away(FolderStore):
        def list_named(
            self, prefix: str = "", *, start_after: str = "", limit: int = 1000
        ) -> list[NamedObject]:
            raise GreenlangError("STORE_UNREACHABLE", "away")

    store: ArtifactStore = Away(Path("nowhere"))
    with pytest.raises(GreenlangError):
        sweep_inbox(store, "specs/inbox/x", monotonic=still)


@pytest.mark.parametrize(
    ("data", "partition"),
    [
        (PACK, "emissions/natural_gas_v1"),
        (PACK.replace(b"schema_version", b"schema"), "emissions/natural_gas_v1"),
        (b"id: ../../etc/passwd\n", "unreadable/"),
        (b"a: [", "unreadable/"),
        (b"\xff\xfe", "unreadable/"),
        (b"- 1\n", "unreadable/"),
    ],
)
def test_a_file_belongs_to_the_pack_that_it_states(data: bytes, partition: str) -> None:
    outcome = process_spec(data)
    assert outcome.partition.startswith(partition)
    assert (outcome.spec is not None) == (data == PACK)


@pytest.fixture
def world(platform: Platform, tmp_path: Path) -> FactoryWorld:
    class Noon:
        def now(self) -> dt.datetime:
            return dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)

    made = FactoryWorld(
        store=platform.store,
        ledger=platform.ledger,
        publisher_files=None,
        tenant_folders=(),
        signer=platform.signer,
        clock=Noon(),
        sandbox=ProcessSandbox(),
        cache=tmp_path / "cache",
    )
    for recipe in (*factors.RECIPES, parameters.RECIPE, formulas.RECIPE):
        record(recipe, made, run_id="set-up")
    return made


def drop(world: FactoryWorld, name: str, data: bytes) -> None:
    """As a person does: a file copied into the folder."""
    assert isinstance(world.store, FolderStore)
    folder = world.store.folder / "specs" / "inbox"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


@pytest.mark.long
def test_from_files_in_the_inbox_to_certificates(world: FactoryWorld) -> None:
    drop(
        world,
        "a-broken.yaml",
        PACK.replace(b"ge: 0", b'ge: "none"').replace(b"natural_gas_v1", b"broken_v1", 1),
    )
    drop(world, "b-noise.yaml", b"a: [")
    drop(world, "c-good.yaml", PACK)
    swept = sweep_inbox(world.store, monotonic=still)
    done = build_files(world, swept.files, run_id="run-1")
    assert [built.file.key for built in done] == [
        f"{INBOX}{n}" for n in ("a-broken.yaml", "b-noise.yaml", "c-good.yaml")
    ]
    assert [built.error is None for built in done] == [False, False, True], done[2].errors
    assert done[0].errors
    assert all(error["line"] and error["code"] and error["path"] for error in done[0].errors)
    assert done[1].errors[0]["code"] == "YAML_SYNTAX"
    told = {receipt["key"]: receipt for receipt in receipts(world.store)}
    assert told[f"{INBOX}a-broken.yaml"]["errors"] == done[0].errors
    assert told[f"{INBOX}c-good.yaml"]["certificate_id"] == done[2].certificate_id

    identity = "emissions/natural_gas_v1"
    parts = {recipe.asset: world.ledger.latest(recipe.asset, identity) for recipe in RECIPES}
    assert all(parts.values())
    contents = {
        a: world.store.get(link.entry.content_sha256) for a, link in parts.items() if link is not None
    }
    certificate = verify_certificate(
        contents[CERTIFICATE],
        contents[ARTIFACT],
        world.signer,
        report=contents[QUALITY_REPORT],
        agent_id=identity,
    )
    assert certificate.certificate_id == done[2].certificate_id
    assert json.loads(contents[QUALITY_REPORT])["valid"]
    spec = parts[SPEC]
    assert spec is not None
    assert {ref.asset for ref in spec.entry.inputs} == {
        f"file:{INBOX}c-good.yaml", "factors/catalogue", "factors/fuel_properties", "factors/ipcc_gwp",
        "formulas/library",
    }  # fmt: skip

    # The same again does nothing; a touched copy under another name is new and changes nothing.
    head = world.ledger.head()
    assert sweep_inbox(world.store, monotonic=still).files == ()
    again = build_files(world, swept.files, run_id="run-2")
    assert again[2].certificate_id == done[2].certificate_id
    assert world.ledger.head() == head

    # A certified version never changes its content.
    drop(world, "d-other.yaml", PACK.replace(b'summary: "', b'summary: "Another: '))
    (other,) = build_files(world, sweep_inbox(world.store, monotonic=still).files, run_id="run-3")
    assert [error["code"] for error in other.errors] == ["VERSION_REUSED"]
    assert world.ledger.latest(CERTIFICATE, identity) == parts[CERTIFICATE]


@pytest.mark.long
def test_what_was_killed_in_the_middle_ends_well(world: FactoryWorld) -> None:
    drop(world, "pack.yaml", PACK)
    (file,) = sweep_inbox(world.store, monotonic=still).files

    class Killed(BaseException):
        pass

    class Dying(ProcessSandbox):
        def start(self, *args: object, **more: object) -> object:  # type: ignore[override]
            raise Killed

    dying = FactoryWorld(**{**vars(world), "sandbox": Dying()})
    with pytest.raises(Killed):
        build_files(dying, [file], run_id="run-1")
    assert world.ledger.latest(ARTIFACT, "emissions/natural_gas_v1") is not None
    assert world.ledger.latest(CERTIFICATE, "emissions/natural_gas_v1") is None
    assert sweep_inbox(world.store, monotonic=still).files == (file,)
    (built,) = build_files(world, [file], run_id="run-2")
    assert built.certificate_id is not None
    assert len([link for link in world.ledger.since() if link.entry.asset == ARTIFACT]) == 1


def test_a_file_that_was_replaced_meanwhile_is_left_to_the_next_sweep(world: FactoryWorld) -> None:
    drop(world, "pack.yaml", PACK)
    assert build_files(world, [PackFile(f"{INBOX}pack.yaml", "0" * 64)], run_id="run-1") == []
    assert build_files(world, [PackFile(f"{INBOX}gone.yaml", "0" * 64)], run_id="run-1") == []
    assert len(sweep_inbox(world.store, monotonic=still).files) == 1
