"""Audit bundles: made twice the same, checked without the platform, and refused when anything was changed."""

from __future__ import annotations

import base64
import io
import json
import os
import stat
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from bundle_world import DIESEL, GAS, HOTEL, RAIL, World, codes, relisted, resealed_lines, resealed_totals
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance import standalone_verifier
from greenlang_assets.core.provenance.bundle import Bundle, make_bundle
from greenlang_assets.core.provenance.canonical import canonical_bytes, content_sha256, sha256_hex
from greenlang_assets.core.provenance.ledger import InputRef, ProvenanceEntry
from greenlang_assets.core.provenance.merkle import FACT
from greenlang_assets.core.provenance.standalone_verifier import Check, Unreadable, read_files
from greenlang_assets.core.provenance.verify import verify_store
from resources.embedded_postgres import SUPERUSER, EmbeddedPostgres
from resources.platform import Platform, open_platform
from resources.settings import Settings

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def engine() -> CalculationEngine:
    return CalculationEngine.shipped()


@pytest.fixture(scope="module")
def world(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, engine: CalculationEngine
) -> Iterator[World]:
    """One recorded world that the tests of this module read."""
    home = tmp_path_factory.mktemp("bundles")
    url = postgres.address(user=SUPERUSER, database=f"bundle_{uuid4().hex}")
    with open_platform(Settings(home=home, store=home / "store", database_url=url)) as platform:
        yield World(platform, engine)


@pytest.fixture(scope="module")
def bundle(world: World) -> Bundle:
    """The bundle of a building's total."""
    return world.bundle(world.total)


@pytest.fixture
def files(bundle: Bundle) -> Files:
    return dict(bundle.files)


# --- what is in it


def test_a_total_is_proved_with_its_lines_factors_formulas_and_values(world: World, bundle: Bundle) -> None:
    check = Check(bundle.files, bundle.key_sha256)
    assert check.run(), check.faults
    # Two lines of four masses, the market-based figure of one, and both sums.
    assert (check.numbers, check.subjects) == (4 + 5 + 2, [world.total])
    told = "\n".join(check.lines)
    for said in (
        "City Hall, 2016",
        "53.06 kg/mmBtu",
        "Table 1 Stationary Combustion",
        "co2 = activity * ef_co2",
    ):
        assert said in told
    assert "kilowatt hour is read as 1*kWh" in told
    assert len(bundle.archive()) < 250_000


def test_a_bundle_shows_no_row_that_it_does_not_need(bundle: Bundle) -> None:
    for name, data in bundle.files.items():
        if name.startswith("tables/tenants-") and "method" not in name:
            assert b"house-1" in data
            assert b"house-2" not in data


def test_the_same_bytes_whenever_it_is_made(world: World, bundle: Bundle) -> None:
    archive = bundle.archive()
    assert world.bundle(world.total).archive() == archive
    world.calculation(f"epa.cccl.stationary.heat-content/{GAS}", {"activity": "7 therm[gross]"})
    assert world.bundle(world.total, world.total).archive() == archive


CALCULATIONS = {
    "a factor's gases": (
        f"epa.cccl.stationary.heat-content/{GAS}",
        {"activity": "1000 kWh[gross]"},
        "AR5",
        {},
    ),
    "AR6": (f"epa.cccl.stationary.heat-content/{GAS}", {"activity": 12.5}, "AR6", {}),
    "through the heat content": (
        f"epa.cccl.stationary.heat-content/{GAS}",
        {"activity": "1000 scf"},
        "AR5",
        {},
    ),
    "CO2e of the publisher": (f"nz.mfe.2.activity-factor/{DIESEL}", {"activity": "1000 L"}, None, {}),
    "a sum without one of its terms": (
        f"ghgp.scope3.6.1/{RAIL}",
        {"distance": "200 passenger_km"},
        "AR5",
        {},
    ),
    "the other term of that sum": (f"ghgp.scope3.6.1/{HOTEL}", {"nights": "3 room_night"}, None, {}),
    "an equation": (
        "epa.cccl.electricity.location-based",
        {"activity": "2 GWh", "ef_co2": "820 lb[CO2]/MWh", "ef_ch4": 0.01, "ef_n2o": 0.001},
        "AR5",
        {},
    ),
}


@pytest.mark.parametrize(("formula", "inputs", "gwp_set", "context"), CALCULATIONS.values(), ids=CALCULATIONS)
def test_a_calculation_is_proved(world, formula, inputs, gwp_set, context) -> None:
    proven = world.calculation(formula, inputs, gwp_set, **context)
    made = world.bundle(proven)
    assert Check(made.files).run()
    name = next(name for name in made.files if "runtime-calculation" in name)
    scaled = json.loads(made.files[name].split(b"\n")[1])
    assert proven in scaled
    altered = made.files[name].replace(b'\\"scaled\\":', b'\\"scaled\\":1', 1)
    assert altered != made.files[name]
    assert codes(relisted(dict(made.files) | {name: altered}))


def test_several_numbers_share_one_bundle(world: World) -> None:
    made = world.bundle(world.total, *world.lines)
    assert json.loads(made.files["manifest.json"])["subjects"] == sorted([world.total, *world.lines])
    assert made.numbers == 11 + 9


def test_without_a_root_the_whole_table_is_the_proof(platform: Platform, engine: CalculationEngine) -> None:
    world = World(platform, engine, tree=False)
    made = world.bundle(world.total)
    assert Check(made.files).run()
    name = next(name for name in made.files if "emissions" in name)
    assert made.files[name].count(b"\n") == 1 + 40
    assert codes(relisted(dict(made.files) | {name: made.files[name].replace(b"house-3", b"house-4", 1)}))


# --- on a machine without the project


def outside(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """``verify.py`` in an interpreter that sees the standard library alone."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify.py"), *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_auditor_checks_it_alone(bundle: Bundle, tmp_path: Path) -> None:
    archive = tmp_path / "building.zip"
    archive.write_bytes(bundle.archive())
    with zipfile.ZipFile(archive) as opened:
        opened.extract("verify.py", tmp_path)
    done = outside(tmp_path, "building.zip", "--key", bundle.key_sha256)
    assert (done.returncode, done.stderr) == (0, "")
    assert "EVERYTHING HOLDS: 11 published numbers" in done.stdout
    answer = json.loads(outside(tmp_path, "building.zip", "--json").stdout)
    assert (answer["holds"], answer["faults"], answer["numbers"]) == (True, [], 11)
    # A digit of the published figure, changed where it stands.
    name = next(name for name in bundle.files if "totals" in name)
    data = bundle.files[name]
    at = data.index(b'","', data.index(b"City Hall")) - 1
    changed = data.replace(b",2,0,", b",3,0,", 1)
    assert at > 0
    assert changed != data
    archive.write_bytes(Bundle(dict(bundle.files) | {name: changed}, 0, "").archive())
    done = outside(tmp_path, "building.zip")
    assert done.returncode == 1
    assert "FAULT      FILE_ALTERED" in done.stdout
    assert "DOES NOT HOLD" in done.stdout


def test_it_is_checked_where_it_was_unpacked(bundle: Bundle, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.archive())) as opened:
        opened.extractall(tmp_path)
    assert outside(tmp_path).returncode == 0
    (tmp_path / "tables" / "more.txt").write_text("x")
    assert "FILE_NOT_LISTED: tables/more.txt" in outside(tmp_path).stdout
    (tmp_path / "tables" / "more.txt").unlink()
    (tmp_path / "link.txt").symlink_to("/etc/hostname")
    assert outside(tmp_path).returncode == 2


# --- alterations, each under a list of files that was made to fit


def table(files: Files, asset: str) -> str:
    return next(name for name in files if name.startswith(f"tables/{asset}-"))


def edit_table(asset: str, old: bytes, new: bytes) -> Callable[[Files], Files]:
    def edit(files: Files) -> Files:
        name = table(files, asset)
        assert old in files[name], files[name][:2000]
        return files | {name: files[name].replace(old, new, 1)}

    return edit


def edit_json(name: str, change: Callable[[object], object]) -> Callable[[Files], Files]:
    def edit(files: Files) -> Files:
        record = json.loads(files[name])
        changed = change(record)
        return files | {name: json.dumps(record if changed is None else changed).encode()}

    return edit


def without_link(ledger) -> None:
    sealed = next(entry for entry in ledger["entries"] if entry["asset"] == "tenants/activity")
    hashed = content_sha256(sealed)
    ledger["links"] = [link for link in ledger["links"] if link["entry_sha256"] != hashed]


def without_tail(ledger) -> None:
    ledger["links"].pop()


def other_run(ledger) -> None:
    ledger["links"][0]["run_id"] = "another run"


def other_root(ledger) -> None:
    next(entry for entry in ledger["entries"] if FACT in entry["facts"])["facts"][FACT]["root"] = "0" * 64


def other_input(ledger) -> None:
    next(entry for entry in ledger["entries"] if entry["asset"] == "tenants/emissions")["inputs"].pop()


def swapped_paths(proofs) -> None:
    rows = next(item for item in proofs["tables"] if "library" in item["file"])["rows"]
    first, second = list(rows)[:2]
    rows[first], rows[second] = rows[second], rows[first]


def renumbered(proofs) -> None:
    item = next(item for item in proofs["tables"] if "activity" in item["file"])
    item["rows"] = {str(int(number) + 1): path for number, path in item["rows"].items()}


def no_paths(proofs) -> None:
    for item in proofs["tables"]:
        item["rows"] = {}


def claimed_whole(proofs) -> None:
    for item in proofs["tables"]:
        item["whole"] = True


def flipped(checkpoints) -> None:
    text = checkpoints[-1]["signature"]
    checkpoints[-1]["signature"] = ("B" if text[0] == "A" else "A") + text[1:]


def longer(checkpoints) -> None:
    checkpoints[-1]["seq"] += 1
    checkpoints[-1]["count"] += 1


def without_middle(checkpoints) -> None:
    del checkpoints[1]


ATTACKS = {
    "factor": (edit_table("factors-catalogue", b'"53.06"', b'"53.05"'), "ROW_ALTERED"),
    "factor's citation": (edit_table("factors-catalogue", b"Table 1", b"Table 2"), "ROW_ALTERED"),
    "input": (edit_table("tenants-activity", b'"12345.678"', b'"12345.679"'), "ROW_ALTERED"),
    "output": (edit_table("tenants-emissions", b'"AR4"', b'"AR5"'), "ROW_ALTERED"),
    "total": (edit_table("tenants-totals", b"City Hall", b"City Mall"), "ROW_ALTERED"),
    "formula": (edit_table("formulas-library", b"activity * ef_co2", b"activity + ef_co2"), "ROW_ALTERED"),
    "GWP": (edit_table("factors-ipcc_gwp", b'"25"', b'"21"'), "ROW_ALTERED"),
    "method": (edit_table("tenants-method", b"a test", b"no test"), "ROW_ALTERED"),
    "header": (edit_table("tenants-emissions", b'"quantity"', b'"quantitY"'), "ROW_ALTERED"),
    "swapped proofs": (edit_json("proofs.json", swapped_paths), "ROW_ALTERED"),
    "another row's number": (edit_json("proofs.json", renumbered), "ROW_ALTERED"),
    "no proofs": (edit_json("proofs.json", no_paths), "ROW_UNPROVED"),
    "rows called a table": (edit_json("proofs.json", claimed_whole), "TABLE_ALTERED"),
    "cut chain": (edit_json("ledger.json", without_link), "CHAIN_BROKEN"),
    "cut end": (edit_json("ledger.json", without_tail), "CHAIN_BROKEN"),
    "altered link": (edit_json("ledger.json", other_run), "CHAIN_BROKEN"),
    "another root": (edit_json("ledger.json", other_root), "ENTRY_ALTERED"),
    "inputs of an entry": (edit_json("ledger.json", other_input), "ENTRY_ALTERED"),
    "forged signature": (edit_json("checkpoints.json", flipped), "SIGNATURE_FORGED"),
    "another length": (edit_json("checkpoints.json", longer), "SIGNATURE_FORGED"),
    "checkpoint cut out": (edit_json("checkpoints.json", without_middle), "CHECKPOINT_CUT"),
    "no checkpoints": (edit_json("checkpoints.json", lambda _: []), "CHECKPOINT_MISSING"),
    "no numbers": (edit_json("manifest.json", lambda record: record | {"subjects": []}), "NOTHING_PROVED"),
    "another number": (
        edit_json("manifest.json", lambda record: record | {"subjects": ["0" * 64]}),
        "SUBJECT_MISSING",
    ),
    "not JSON": (lambda files: files | {"ledger.json": b"{"}, "MALFORMED"),
    "nested": (lambda files: files | {"ledger.json": b"[" * 200_000}, "MALFORMED"),
    "a list": (lambda files: files | {"proofs.json": b"[]"}, "MALFORMED"),
    "no key": (lambda files: files | {"public-key.txt": b"not hexadecimal"}, "MALFORMED"),
}


@pytest.mark.parametrize(("attack", "code"), ATTACKS.values(), ids=ATTACKS)
def test_an_alteration_is_found_and_named(files: Files, attack: Callable[[Files], Files], code: str) -> None:
    assert codes(files) == []
    assert code in codes(relisted(attack(files)))


@pytest.mark.parametrize(
    "name", ["README.txt", "verify.py", "ledger.json", "proofs.json", "checkpoints.json"]
)
def test_every_file_is_needed_as_it_is(files: Files, name: str) -> None:
    assert "FILE_ALTERED" in codes(files | {name: files[name] + b" "})
    assert "FILE_MISSING" in codes({key: data for key, data in files.items() if key != name})


def test_a_file_that_is_not_listed_is_found(files: Files) -> None:
    assert codes(files | {"tables/more.txt": b""}) == ["FILE_NOT_LISTED"]


def test_the_whole_made_anew_with_another_key_is_told_by_the_fingerprint(
    files: Files, bundle: Bundle
) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    checkpoints = json.loads(files["checkpoints.json"])
    before = None
    for item in checkpoints:
        del item["signature"]
        item["key_id"] = sha256_hex(public)[:16]
        if before is not None:
            item["previous"] = content_sha256(before)
        item["signature"] = base64.b64encode(key.sign(canonical_bytes(item))).decode()
        before = item
    forged = relisted(
        files
        | {"checkpoints.json": json.dumps(checkpoints).encode(), "public-key.txt": public.hex().encode()}
    )
    assert codes(forged) == []
    assert codes(forged, bundle.key_sha256)[0] == "KEY_NOT_TRUSTED"
    assert codes(files, bundle.key_sha256[:32]) == []
    assert codes(files, bundle.key_sha256[:8])[0] == "KEY_NOT_TRUSTED"


def test_every_link_counts(files: Files) -> None:
    ledger = json.loads(files["ledger.json"])
    for number in range(len(ledger["links"])):
        links = [link for at, link in enumerate(ledger["links"]) if at != number]
        cut = files | {"ledger.json": json.dumps(ledger | {"links": links}).encode()}
        assert set(codes(relisted(cut))) & {"CHAIN_BROKEN", "ENTRY_ALTERED"}, number


def test_every_single_byte_counts(files: Files) -> None:
    """Any byte of the tables changed, under a list that fits: none passes unseen."""
    for name in sorted(files):
        if name.startswith("tables/"):
            for at in range(0, len(files[name]), max(1, len(files[name]) // 12)):
                data = bytearray(files[name])
                data[at] ^= 1
                assert codes(relisted(files | {name: bytes(data)})), (name, at)


# --- archives that are not to be read


def archive_of(*members: tuple[zipfile.ZipInfo | str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def link() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("link.txt")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


GOOD = archive_of(("manifest.json", b"{}"))
ARCHIVES = {
    "bomb": archive_of(("manifest.json", bytes(50_000_000)), method=zipfile.ZIP_DEFLATED),
    "nested bomb": archive_of(("a.zip", b""), ("manifest.json", b"{}" * 100), method=zipfile.ZIP_BZIP2),
    "parent folder": archive_of(("../manifest.json", b"{}")),
    "inner parent": archive_of(("tables/../../x", b"{}")),
    "absolute": archive_of(("/etc/passwd", b"")),
    "drive": archive_of(("C:/x", b"")),
    "backslash": archive_of(("..\\x", b"")),
    "hidden": archive_of((".bashrc", b"")),
    "folder": archive_of(("tables/", b"")),
    "long name": archive_of(("a" * 101, b"")),
    "control character": archive_of(("a\x1b[2J", b"")),
    "deep": archive_of(("a/b/c/d/e", b"")),
    "twice": archive_of(("manifest.json", b"{}"), ("manifest.json", b"[]")),
    "symlink": archive_of((link(), b"/etc/passwd")),
    "too many files": archive_of(*((f"f{number}", b"") for number in range(2_001))),
    "something before": b"#!/bin/sh\n" + GOOD,
    "something after": GOOD + b"x",
    "cut off": GOOD[:-1],
    "half": GOOD[: len(GOOD) // 2],
    "empty": b"",
    "another format": b"\x1f\x8b\x08\x00" + bytes(30),
    "no manifest": archive_of(("other.txt", b"")),
    "claims more than it has": GOOD.replace(
        (2).to_bytes(4, "little") * 2, (2_000_000_000).to_bytes(4, "little") * 2
    ),
    "wrong checksum": GOOD.replace(b"{}", b"[]"),
}


@pytest.mark.parametrize("data", ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_that_is_not_safe_is_not_read(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(data)
    if "manifest.json" not in str(data) or data == ARCHIVES["no manifest"]:
        assert standalone_verifier.main([str(path)]) == 2
        return
    with pytest.raises(Unreadable):
        read_files(str(path))
    assert standalone_verifier.main([str(path)]) == 2


def test_an_oversized_archive_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with path.open("wb") as file:
        file.write(GOOD)
        file.truncate(standalone_verifier.MAX_ARCHIVE + 1)
    with pytest.raises(Unreadable, match="bytes, more than"):
        read_files(str(path))


def test_a_path_that_is_nothing_is_unreadable(tmp_path: Path) -> None:
    assert standalone_verifier.main([str(tmp_path / "none.zip")]) == 2
    assert standalone_verifier.main([str(tmp_path)]) == 2


# --- a platform that lies: all hashes, links and signatures fit, the numbers do not


def on(
    asset: str, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> Callable[[str, pl.DataFrame], pl.DataFrame]:
    def apply(name: str, frame: pl.DataFrame) -> pl.DataFrame:
        return change(frame) if name == asset else frame

    return apply


def lines(*changes: pl.Expr) -> Callable[[str, pl.DataFrame], pl.DataFrame]:
    """Lines changed under hashes that fit, and totals that name them and sum them rightly."""
    kept: dict[str, pl.DataFrame] = {}

    def apply(name: str, frame: pl.DataFrame) -> pl.DataFrame:
        if name == "tenants/emissions":
            kept["lines"] = resealed_lines(frame.with_columns(*changes))
            return kept["lines"]
        if name == "tenants/totals":
            sums = (
                kept["lines"]
                .group_by("facility_id")
                .agg(
                    pl.col("line_sha256").sort().str.join(" ").alias("line_sha256s"),
                    pl.col("co2e_mg").sum(),
                    pl.coalesce("co2e_market_mg", "co2e_mg").sum().alias("co2e_market_mg"),
                )
            )
            names = frame.columns
            replaced = frame.drop("line_sha256s", "co2e_mg", "co2e_market_mg").join(sums, on="facility_id")
            return resealed_totals(replaced.select(names))
        return frame

    return apply


LIES = {
    "one milligram more": (lines(pl.col("co2e_mg") + 1, pl.col("co2e_market_mg") + 1), "NUMBER_WRONG"),
    "one milligram of methane": (lines(pl.col("ch4_mg") - 1), "NUMBER_WRONG"),
    "converted otherwise": (lines(pl.col("converted_quantity") * 1.0000001), "NUMBER_WRONG"),
    "market-based nothing": (
        lines(pl.when(pl.col("scope") == "2").then(0).otherwise(None).cast(pl.Int64).alias("co2e_market_mg")),
        "NUMBER_WRONG",
    ),
    "instruments": (
        lines(pl.when(pl.col("scope") == "2").then(pl.lit("contractual instruments")).alias("market_basis")),
        "LINE_WRONG",
    ),
    "another licence": (lines(pl.lit("CC0").alias("licence")), "LINE_WRONG"),
    "another year": (lines(pl.lit(0, dtype=pl.Int64).alias("year_distance")), "FACTOR_WRONG"),
    "another place": (lines(pl.lit("world").alias("matched_level")), "FACTOR_WRONG"),
    "a fallback that nobody allowed": (
        on(
            "tenants/emissions",
            lambda frame: frame.with_columns(
                pl.when(pl.col("scope") == "1")
                .then(pl.lit("country"))
                .otherwise("matched_level")
                .alias("matched_level")
            ),
        ),
        "FACTOR_WRONG",
    ),
    "another tenant's": (lines(pl.lit("village").alias("tenant")), "TOTAL_WRONG"),
    "a line counted twice": (
        on(
            "tenants/totals",
            lambda frame: resealed_totals(
                frame.with_columns(
                    (pl.col("line_sha256s") + " " + pl.col("line_sha256s").str.slice(0, 64)).alias(
                        "line_sha256s"
                    ),
                    pl.col("lines") + 1,
                )
            ),
        ),
        "TOTAL_WRONG",
    ),
    "a total of its own": (
        on("tenants/totals", lambda frame: resealed_totals(frame.with_columns(pl.col("co2e_mg") - 1))),
        "NUMBER_WRONG",
    ),
    "a total under no hash": (
        on("tenants/totals", lambda frame: frame.with_columns(rejected=5)),
        "TOTAL_ALTERED",
    ),
    "a line under no hash": (
        on("tenants/emissions", lambda frame: frame.with_columns(pl.col("quantity") * 2)),
        "LINE_ALTERED",
    ),
    "a method of its own": (
        on("tenants/method", lambda frame: frame.with_columns(gwp_set=pl.lit("AR5"))),
        "METHOD_MISSING",
    ),
}


@pytest.mark.parametrize(("lie", "code"), LIES.values(), ids=LIES)
def test_a_number_that_was_recorded_wrong_is_not_handed_out(
    platform: Platform, engine: CalculationEngine, lie: object, code: str
) -> None:
    world = World(platform, engine, lie)
    with pytest.raises(GreenlangError) as caught:
        world.bundle(world.total)
    assert (caught.value.code, code in str(caught.value.found)) == ("BUNDLE_DOES_NOT_VERIFY", True), (
        caught.value
    )


# --- the command


def test_the_command_writes_the_bundle_and_names_its_hashes(
    world: World, bundle: Bundle, tmp_path: Path
) -> None:
    settings = world.platform.settings
    words = ["provenance", "bundle", world.total.upper(), "--out", str(tmp_path / "b.zip"), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", "from registry_ops.cli import main; main()", *words],
        cwd=Path(__file__).parents[2],
        env=os.environ
        | {"GREENLANG_HOME": str(settings.home), "GREENLANG_DATABASE_URL": str(settings.database_url)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert (tmp_path / "b.zip").read_bytes() == bundle.archive()
    assert answer["sha256"] == sha256_hex(bundle.archive())
    assert answer["key_sha256"] == sha256_hex(world.platform.signer.public_key)
    assert answer["verifier_sha256"] == sha256_hex(Path(standalone_verifier.__file__).read_bytes())


# --- refusals


def test_what_is_no_number_is_refused(world: World, platform: Platform) -> None:
    factor = world.engine.catalogue.factor(GAS).sha256
    for sha256, code in ((factor, "BUNDLE_SUBJECT"), ("0" * 64, "PROVENANCE_UNKNOWN"), ("x", "HASH_INVALID")):
        with pytest.raises(GreenlangError) as caught:
            world.bundle(sha256)
        assert caught.value.code == code


def test_what_was_read_elsewhere_is_refused(platform: Platform, engine: CalculationEngine) -> None:
    other = engine.catalogue.factor(GAS).model_copy(update={"co2": 1.0}).sha256
    world = World(platform, engine, lines(pl.lit(other).alias("factor_sha256")))
    with pytest.raises(GreenlangError, match="BUNDLE_UNRESOLVED"):
        world.bundle(world.total)


def test_a_number_that_no_checkpoint_covers_is_refused(world: World) -> None:
    proven = world.calculation(f"epa.cccl.stationary.heat-content/{GAS}", {"activity": 99.25})
    platform = world.platform
    arguments = (platform.ledger, platform.store, platform.checkpoints, platform.signer.public_key)
    with pytest.raises(GreenlangError, match="BUNDLE_NOT_SEALED"):
        make_bundle([proven], *arguments)
    platform.checkpoints.seal(platform.ledger)
    assert make_bundle([proven], *arguments).numbers


def test_a_root_that_is_not_the_tables_is_found_by_the_platform_too(world: World, platform: Platform) -> None:
    assert verify_store(world.platform.ledger.since(), world.platform.store) == []
    content = platform.store.put(b'{"columns":[],"format":"greenlang/table@1","key":[]}\n')
    fact = {"block": 1, "root": "0" * 64, "rows": 0}
    ref = (InputRef("file:x", None, content),)
    platform.ledger.append([ProvenanceEntry("a/b", None, content, ref, "1", {FACT: fact})], run_id="r")
    assert [found.code for found in verify_store(platform.ledger.since(), platform.store)] == [
        "ROW_TREE_WRONG"
    ]
