"""The shipped set of tables: written whole or not at all, read with counts checked, verified by content."""

import json
from pathlib import Path

import polars as pl
import pytest
from factor_workbooks import desnz_workbook, hub_workbook

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import tables
from greenlang_assets.core.factors.importers import uk_desnz, us_epa_hub
from greenlang_assets.core.factors.rebuild import SOURCES, cross_check, rebuild


@pytest.fixture
def written(tmp_path: Path) -> list[tables.Table]:
    hub = us_epa_hub.read(hub_workbook(tmp_path / "hub.xlsx"))
    return [
        tables.Table("a.parquet", "factors", hub.factors, {"publisher": "us-epa"}),
        tables.Table("b.parquet", "properties", hub.properties, {"publisher": "us-epa"}),
    ]


def code(call: object, *arguments: object) -> str:
    with pytest.raises(GreenlangError) as refused:
        call(*arguments)  # type: ignore[operator]
    return refused.value.code


def test_what_is_written_is_read_and_verified(written: list[tables.Table], tmp_path: Path) -> None:
    root = tmp_path / "out"
    manifest = tables.write(written, root)
    assert tables.load("factors", root).equals(written[0].frame)
    assert tables.verify(root) == manifest == tables.read_manifest(root)
    entry = manifest["tables"]["a.parquet"]
    assert (entry["rows"], entry["content_sha256"]) == (written[0].frame.height, written[0].sha256)
    assert entry["sources"][0]["file"] == "hub.xlsx"
    assert sorted(path.name for path in root.iterdir()) == ["a.parquet", "b.parquet", "manifest.json"]


def test_writing_twice_gives_the_same_bytes_and_drops_what_left_the_set(
    written: list[tables.Table], tmp_path: Path
) -> None:
    root = tmp_path / "out"
    tables.write(written, root)
    first = {path.name: path.read_bytes() for path in root.iterdir()}
    tables.write(written, root)
    assert {path.name: path.read_bytes() for path in root.iterdir()} == first
    tables.write(written[:1], root)
    assert sorted(path.name for path in root.iterdir()) == ["a.parquet", "manifest.json"]


def test_a_set_that_is_refused_changes_nothing(
    written: list[tables.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "out"
    tables.write(written, root)
    before = {path.name: path.read_bytes() for path in root.iterdir()}
    odd = tables.Table("b.parquet", "properties", written[1].frame.drop("unit"), {})
    assert code(tables.write, [written[0], odd], root) == "TABLE_SCHEMA"
    monkeypatch.setattr(tables, "MAX_BYTES", 100)
    assert code(tables.write, written, root) == "TABLE_TOO_LARGE"
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before


def test_altered_cut_and_missing_tables_are_named(written: list[tables.Table], tmp_path: Path) -> None:
    root = tmp_path / "out"
    tables.write(written, root)
    frame = written[0].frame
    frame.with_columns(co2=pl.col("co2") * 2).write_parquet(root / "a.parquet")
    assert code(tables.verify, root) == "TABLE_ALTERED"
    frame.head(3).write_parquet(root / "a.parquet")
    assert code(tables.load, "factors", root) == "TABLE_ROWS"
    frame.drop("note").write_parquet(root / "a.parquet")
    assert code(tables.load, "factors", root) == "TABLE_SCHEMA"
    (root / "a.parquet").write_bytes(b"PAR1")
    assert code(tables.load, "factors", root) == "TABLE_UNREADABLE"
    (root / "a.parquet").unlink()
    assert code(tables.load, "factors", root) == "TABLE_UNREADABLE"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}'])
def test_a_manifest_that_is_none(text: str, tmp_path: Path) -> None:
    assert code(tables.read_manifest, tmp_path) == "TABLES_MISSING"
    (tmp_path / "manifest.json").write_text(text)
    assert code(tables.read_manifest, tmp_path) == "MANIFEST_UNREADABLE"


def test_a_manifest_that_disagrees_with_itself(written: list[tables.Table], tmp_path: Path) -> None:
    tables.write(written, tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"content_sha256": "0" * 64}))
    assert code(tables.verify, tmp_path / "out") == "TABLE_ALTERED"


def test_a_missing_publisher_file_is_named_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(GreenlangError) as refused:
        rebuild(tmp_path, tmp_path / "out")
    assert refused.value.code == "PUBLISHER_FILE_MISSING"
    assert refused.value.expected in SOURCES.values()
    assert not (tmp_path / "out").exists()


def test_gwps_that_a_publisher_prints_are_compared_with_the_ipcc_table(tmp_path: Path) -> None:
    gwp = tables.load("gwp")
    hub = us_epa_hub.read(hub_workbook(tmp_path / "hub.xlsx"))
    cross_check(hub, gwp)
    wrong = gwp.with_columns(value=pl.when(gas="CH4").then(99.0).otherwise("value"))
    assert code(cross_check, hub, wrong) == "GWP_CROSS_CHECK"


def test_the_shipped_tables_are_whole() -> None:
    manifest = tables.verify()
    for name in manifest["tables"]:
        assert (tables.FACTORS_ROOT / name).stat().st_size <= tables.MAX_BYTES
    flat = manifest["tables"]["uk-desnz-conversion-factors-2024.parquet"]
    assert flat["skipped"][uk_desnz.NO_VALUE] == 1711


def test_importing_the_same_file_twice_gives_the_same_content(tmp_path: Path) -> None:
    path = desnz_workbook(tmp_path / "f.xlsx")
    first, second = (tables.Table("t", "factors", uk_desnz.read(path).factors, {}).sha256 for _ in range(2))
    assert first == second
