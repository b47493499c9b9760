"""Editions of the user: kept once, corrected by a new version, pinned for ever, never half written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from edition_rows import DIESEL, imported
from factor_workbooks import desnz_workbook
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import editions, tables
from greenlang_assets.core.factors.edition_diff import EditionDiff, buckets, compare
from greenlang_assets.core.factors.editions import Editions, Kept, catalogue, keep
from greenlang_assets.core.factors.importers.base import ImportResult
from registry_ops.cli.edition_page import page

NAME = editions.EditionName("uk-desnz", "conversion-factors", "2024")
PIN = "ef://uk-desnz/conversion-factors/2024"


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A shipped set with the IPCC's GWP sets and nothing of the UK."""
    root = tmp_path / "shipped"
    tables.write([tables.Table("gwp.parquet", "gwp", tables.load("gwp"), {"publisher": "ipcc"})], root)
    return root


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "home" / "factors"


def refused(call: Any, *arguments: Any, **words: Any) -> GreenlangError:
    with pytest.raises(GreenlangError) as error:
        call(*arguments, **words)
    return error.value


def test_a_first_import_is_in_force_and_verifies(tmp_path: Path, shipped: Path, own: Path) -> None:
    result = imported()
    (kept,) = keep(result, "uk-desnz", own, shipped)
    assert (kept.name, kept.version, kept.state) == (NAME, "2024.0.1", "new")
    assert tables.verify(own)["tables"].keys() == {
        "uk-desnz__conversion-factors__2024__2024-0-1__factors.parquet",
        "uk-desnz__conversion-factors__2024__2024-0-1__values.parquet",
    }
    found = catalogue(own, shipped)
    assert found.frame.equals(result.factors)
    assert found.resolve(PIN).version == "2024.0.1"


def test_the_same_content_again_is_nothing_new(tmp_path: Path, shipped: Path, own: Path) -> None:
    keep(imported(), "uk-desnz", own, shipped)
    before = (own / "manifest.json").read_bytes()
    # A copy that was saved again has another name and other bytes, and says the same.
    (again,) = keep(imported(file="saved again.xlsx", sha256="b" * 64), "uk-desnz", own, shipped)
    assert (again.state, again.version) == ("known", "2024.0.1")
    assert (own / "manifest.json").read_bytes() == before


def test_a_correction_is_a_new_version_and_pins_still_name_the_old_one(
    tmp_path: Path, shipped: Path, own: Path
) -> None:
    keep(imported(), "uk-desnz", own, shipped)
    first = catalogue(own, shipped).resolve(PIN)
    (kept,) = keep(imported(2.75), "uk-desnz", own, shipped)
    assert (kept.state, kept.version) == ("correction", "2024.0.2")
    found = catalogue(own, shipped)
    assert found.resolve(PIN).version == "2024.0.2"
    assert set(found.frame["version"]) == {"2024.0.2"}
    assert found.factor(DIESEL).co2e == 2.75
    for pin in (first.pinned, f"{PIN}@2024.0.1", f"{PIN}#sha256={first.content_sha256}"):
        former = found.resolve(pin)
        assert former.factors.equals(first.factors)
    assert found.resolve(f"ef://{DIESEL}@2024.0.1").factors["co2e"].to_list() == [2.5]
    assert refused(found.resolve, f"{PIN}@2024.0.9").code == "REFERENCE_VERSION_UNKNOWN"
    assert refused(found.resolve, f"{PIN}#sha256={'0' * 64}").code == "REFERENCE_HASH_MISMATCH"
    # A third correction leaves both behind it; going back to the first content is no fourth.
    assert keep(imported(3), "uk-desnz", own, shipped)[0].version == "2024.0.3"
    assert keep(imported(), "uk-desnz", own, shipped)[0] == Kept(
        NAME, "2024.0.1", "known", first.factors.height + 1
    )
    assert catalogue(own, shipped).resolve(PIN).version == "2024.0.3"
    assert catalogue(own, shipped).resolve(f"{PIN}@2024.0.2").factors.filter(factor_id=DIESEL)[
        "co2e"
    ].to_list() == [2.75]


def test_the_publishers_own_version_counts_when_it_is_higher(
    tmp_path: Path, shipped: Path, own: Path
) -> None:
    keep(imported(), "uk-desnz", own, shipped)
    (kept,) = keep(imported(2.75, patch=4), "uk-desnz", own, shipped)
    assert (kept.state, kept.version) == ("correction", "2024.0.4")


def test_over_a_shipped_edition(tmp_path: Path, own: Path) -> None:
    root = tmp_path / "shipped"
    result = imported()
    facts = {
        "importer": "uk-desnz",
        "publisher": "uk-desnz",
        "editions": ["2024"],
        "datasets": [NAME.dataset],
    }
    tables.write(
        [
            tables.Table("uk.parquet", "factors", result.factors, facts),
            tables.Table("uk-values.parquet", "values", result.others["values"], facts),
            tables.Table("gwp.parquet", "gwp", tables.load("gwp"), {"publisher": "ipcc"}),
        ],
        root,
    )
    assert keep(result, "uk-desnz", own, root)[0].state == "known"
    assert not (own / "manifest.json").exists()
    pinned = catalogue(own, root).resolve(PIN).pinned
    (kept,) = keep(imported(2.75), "uk-desnz", own, root)
    assert (kept.state, kept.version) == ("correction", "2024.0.2")
    held = Editions(root, own)
    assert held.replaced == {NAME}
    assert catalogue(own, root).resolve(PIN).version == "2024.0.2"
    assert catalogue(own, root).resolve(pinned).version == "2024.0.1"
    states = {(item.version, item.origin): item.state for item in held.listed() if item.name == NAME}
    assert states == {("2024.0.1", "shipped"): "superseded", ("2024.0.2", "own"): "in force"}
    # A later release of the platform that ships something newer wins over the user's copy.
    newer = imported(2.6, patch=5)
    tables.write([tables.Table("uk.parquet", "factors", newer.factors, facts)], root)
    assert catalogue(own, root).resolve(PIN).version == "2024.0.5"
    assert catalogue(own, root).resolve(f"{PIN}@2024.0.2").version == "2024.0.2"


def test_a_torn_file_is_held_back(tmp_path: Path, shipped: Path, own: Path) -> None:
    keep(imported(), "uk-desnz", own, shipped)
    torn = imported(2.75, others=0)
    (kept,) = keep(torn, "uk-desnz", own, shipped)
    assert kept.state == "held back"
    assert kept.reason is not None
    assert "lacks 3 of the 4 rows" in kept.reason
    found = catalogue(own, shipped)
    assert found.resolve(PIN).version == "2024.0.1"
    assert found.resolve(f"{PIN}@{kept.version}").factors.height == 1
    (listed,) = [item for item in Editions(shipped, own).listed() if item.version == kept.version]
    assert listed.state.startswith("held back: lacks")
    # A part that says nothing else than what is in force changes nothing at all.
    (part,) = keep(imported(others=2), "uk-desnz", own, shipped)
    assert (part.state, part.version) == ("known", "2024.0.1")


def test_what_breaks_a_contract_changes_nothing(
    tmp_path: Path, shipped: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(imported(), "uk-desnz", own, shipped)
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    twice = imported(5.71)  # a GWP applied to CO2e
    assert refused(keep, twice, "uk-desnz", own, shipped).code == "CONTRACT_BROKEN"
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before
    nothing = imported()
    empty = ImportResult(**{**vars(nothing), "factors": nothing.factors.clear(), "others": {}})
    assert refused(keep, empty, "uk-desnz", own, shipped).code == "NOTHING_READ"
    # A process that dies between table and manifest leaves the old set; the next import is whole.
    monkeypatch.setattr(tables, "manifest_text", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        keep(imported(2.75), "uk-desnz", own, shipped)
    monkeypatch.undo()
    assert tables.verify(own)
    assert catalogue(own, shipped).resolve(PIN).version == "2024.0.1"
    assert keep(imported(2.75), "uk-desnz", own, shipped)[0].version == "2024.0.2"
    assert {path.name for path in own.iterdir() if path.name.startswith(".w")} == set()


def test_imports_at_once_all_arrive(shipped: Path, own: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from edition_rows import imported\n"
        "from greenlang_assets.core.factors.editions import keep\n"
        "figure, own, shipped = sys.argv[1:]\n"
        "print(keep(imported(float(figure)), 'uk-desnz', Path(own), Path(shipped))[0].version)\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, figure, str(own), str(shipped)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(("", str(Path(__file__).parents[2])))},
        )
        for figure in ("2.1", "2.2", "2.3")
    ]
    said = sorted((process.communicate()[0] or "").strip() for process in running)
    assert said == ["2024.0.1", "2024.0.2", "2024.0.3"]
    assert len(tables.verify(own)["tables"]) == 6


def test_several_editions_of_one_file_are_kept_apart() -> None:
    factors = tables.load("factors").filter(publisher="us-epa", dataset="egrid-subregion")
    parts = editions.split({"factors": factors, "values": tables.load("values").clear()}, "us-epa")
    assert len(parts) == factors["edition"].n_unique() > 10
    assert sum(part["factors"].height for part in parts.values()) == factors.height
    gwp = editions.split({"gwp": tables.load("gwp")}, "ipcc")
    assert {str(name) for name in gwp} >= {"ipcc/gwp/AR4", "ipcc/gwp/AR5", "ipcc/gwp/AR6"}
    assert editions.version_of(editions.EditionName("ipcc", "gwp", "AR6"), {}) == "6.0.0"


def test_versions_compare_as_numbers() -> None:
    assert editions.version_key("2024.0.10") > editions.version_key("2024.0.9")
    assert editions.next_patch("2024.0.9") == "2024.0.10"


def test_an_edition_is_named_by_people(tmp_path: Path, shipped: Path, own: Path) -> None:
    keep(imported(), "uk-desnz", own, shipped)
    keep(imported(2.75), "uk-desnz", own, shipped)
    held = Editions(shipped, own)
    assert held.rows("DESNZ/conversion-factors/2024")[1] == "2024.0.2"
    assert held.rows(f"{PIN}@2024.0.1")[1] == "2024.0.1"
    error = refused(held.rows, "uk-desnz/conversion-factors/1999")
    assert error.code == "EDITION_UNKNOWN"
    assert "uk-desnz/conversion-factors/2024@2024.0.2" in str(error.expected)


# --- the command line


def glac(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from registry_ops.cli import main; main()", "factors", *words],
        env={**os.environ, "GREENLANG_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


KEYS = ["publisher", "edition", "rows_read", "factors", "skipped", "errors"]


def shifted(figure: float) -> Any:
    """An edit that gives diesel per litre another figure, or the text ``2,46`` for 0."""

    def edit(sheet: Worksheet) -> None:
        # The file names its GWP set through what it prints for these two.
        for number, (gas, gwp) in enumerate((("Methane", 28), ("Nitrous oxide", 265)), start=901):
            path = ("Refrigerant & other", "Kyoto protocol products", gas, None, None)
            sheet.append((str(number), "Scope 1", *path, "kg", "kg CO2e", gwp))
        for row in sheet.iter_rows():
            if row[0].value == "1":
                row[9].value = figure or "2,46"

    return edit


def test_import_says_exactly_what_it_read(tmp_path: Path) -> None:
    file, home = desnz_workbook(tmp_path / "uk.xlsx", edition=2027, edit=shifted(2.5)), tmp_path / "home"
    dry = glac(home, "import", "uk-desnz", str(file), "--dry-run", "--json")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    answer = json.loads(dry.stdout)
    assert list(answer) == KEYS
    assert (answer["publisher"], answer["edition"], answer["errors"]) == ("uk-desnz", "2027", [])
    assert 0 < answer["factors"] < answer["rows_read"]
    assert not (home / "factors").exists()
    kept = glac(home, "import", "uk-desnz", str(file), "--json")
    assert (kept.returncode, json.loads(kept.stdout)) == (0, answer)
    assert tables.verify(home / "factors")
    assert "known already" in glac(home, "import", "uk-desnz", str(file)).stdout
    # What was imported is in force from now on, beside everything that ships.
    listed = json.loads(glac(home, "editions", "--json").stdout)["editions"]
    (mine,) = [item for item in listed if item["origin"] == "own"]
    assert (mine["name"], mine["state"]) == ("uk-desnz/conversion-factors/2027", "in force")
    assert mine["rows"]["factors"] == answer["factors"]
    assert len(mine["sha256"]) == 64
    assert len(listed) > 20
    found = glac(home, "lookup", f"ef://desnz/conversion-factors/2027#sha256={mine['sha256']}", "--json")
    assert json.loads(found.stdout)["rows"] == answer["factors"]
    assert "conversion-factors/2027" in glac(home, "editions").stdout.replace("\n", "")
    # A correction over the command line: the diff names the one figure.
    desnz_workbook(file, edition=2027, edit=shifted(2.75))
    assert "a correction" in glac(home, "import", "uk-desnz", str(file)).stdout
    names = [f"uk-desnz/conversion-factors/2027@2027.0.{patch}" for patch in (1, 2)]
    html = tmp_path / "diff.html"
    compared = glac(home, "diff", *names, "--json", "--html", str(html), "--exit-code")
    assert compared.returncode == 1
    diff = json.loads(compared.stdout)
    assert (diff["added"], diff["removed"], diff["changed"]) == (0, 0, 1)
    (changed,) = diff["changed_figures"]
    assert (changed["before"], changed["after"], changed["relative"]) == (2.5, 2.75, 0.1)
    first = html.read_bytes()
    assert glac(home, "diff", *names, "--html", str(html)).returncode == 0
    assert html.read_bytes() == first
    assert b"<svg" in first
    assert b"<script" not in first
    assert glac(home, "diff", names[0], names[0], "--exit-code").returncode == 0
    assert glac(home, "diff", names[0], "uk-desnz/conversion-factors/1999").returncode == 1


def test_a_refused_file_changes_nothing_and_says_where(tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = desnz_workbook(tmp_path / "uk.xlsx", edition=2027, edit=shifted(0))
    done = glac(home, "import", "uk-desnz", str(file), "--json")
    assert done.returncode == 2
    answer = json.loads(done.stdout)
    assert list(answer) == KEYS
    (error,) = answer["errors"]
    assert error["code"] == "CELL_NOT_A_NUMBER"
    assert error["where"]["file"] == "uk.xlsx"
    assert error["where"]["row"]
    assert "2,46" in error["found"]
    assert error["expected"]
    twice = desnz_workbook(tmp_path / "twice.xlsx", edition=2027, edit=shifted(5.71))
    for words in (["--dry-run"], []):
        done = glac(home, "import", "uk-desnz", str(twice), "--json", *words)
        assert (done.returncode, json.loads(done.stdout)["errors"][0]["code"]) == (2, "CONTRACT_BROKEN")
    assert not (home / "factors").exists()
    assert glac(home, "import", "uk-desnz", str(tmp_path / "no such file"), "--json").returncode == 2


# --- comparing


def diffed(before: ImportResult, after: ImportResult) -> EditionDiff:
    return compare(before.factors, after.factors)


def test_a_yearly_edition_is_compared_over_its_year() -> None:
    found = diffed(imported(2.5), imported(2.0, edition="2025", others=2))
    assert (found.added, len(found.removed), found.unchanged, found.factors_changed) == ((), 1, 2, 1)
    (row,) = found.changed.to_dicts()
    assert (row["before"], row["after"], row["relative"]) == (2.5, 2.0, -0.2)
    assert row["factor"] == DIESEL.replace("2024", "2025")


def test_what_cannot_be_set_in_relation_is_still_named() -> None:
    found = diffed(imported(2.5), imported(2.5, co2=1.0, co2_unit="kg/L", gwp_set="AR6"))
    assert set(found.changed["figure"]) == {"co2"}
    assert found.changed["relative"].null_count() == found.changed.height == 4
    assert found.words.filter(column="gwp_set")["after"].to_list() == ["AR6"] * 4
    assert not diffed(imported(), imported()).differs
    assert diffed(imported(), imported()).summary()["median_relative_change"] is None


def test_another_unit_is_no_percentage() -> None:
    after = imported()
    grams = after.factors.with_columns(pl.lit("g/L").alias("co2e_unit"), pl.col("co2e") * 1000)
    found = compare(after.factors, grams)
    assert found.changed["relative"].null_count() == found.changed.height == 4
    assert found.changed.row(0, named=True)["unit_before"] == "kg/L"
    assert buckets(found.changed, (0.01, 0.1))["no relative figure"] == 4


def test_a_page_says_when_the_gwp_sets_differ() -> None:
    before, after = imported(), imported(2.75, gwp_set="AR6")
    text = page(diffed(before, after), before.factors, after.factors)
    assert "part of every change is that of the GWPs" in text
    evil = imported().factors.with_columns(pl.lit("<script>alert(1)</script>").alias("activity"))
    assert "<script" not in page(compare(before.factors, evil), before.factors, evil)
