"""A tenant's folder that cannot be used says which file, and what is wrong with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.dataset import load_dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of what ships, under another name."""
    return Path(shutil.copytree(DATA_ROOT / "tenants" / "chicago", tmp_path / "acme"))


def refusal(folder: Path) -> GreenlangError:
    with pytest.raises(GreenlangError) as caught:
        load_dataset(folder.name, folder.parent)
    return caught.value


def test_the_copy_itself_can_be_used(folder: Path) -> None:
    assert load_dataset("acme", folder.parent).activity.height == load_dataset("chicago").activity.height


@pytest.mark.parametrize("table", ["activity", "reported"])
def test_a_table_that_is_no_parquet_file_or_missing_is_named(folder: Path, table: str) -> None:
    file = folder / f"{table}.parquet"
    file.write_text("tenant,period\n")
    for _ in range(2):
        error = refusal(folder)
        assert error.code == "TENANT_FILE_UNREADABLE"
        assert error.where == {"file": f"acme/{table}.parquet"}
        assert error.hint
        file.unlink(missing_ok=True)


def test_a_table_without_a_column_is_named_with_the_column(folder: Path) -> None:
    file = folder / "activity.parquet"
    pl.read_parquet(file).drop("unit").write_parquet(file)
    error = refusal(folder)
    assert error.code == "CONTRACT_COLUMNS"
    assert error.where["file"] == "acme/activity.parquet"
    assert "unit is missing" in str(error.found)


def test_a_table_of_other_rows_than_the_manifest_vouches_for_is_refused(folder: Path) -> None:
    file = folder / "activity.parquet"
    pl.read_parquet(file).head(3).write_parquet(file)
    assert refusal(folder).code == "TENANT_DATASET_ALTERED"


@pytest.mark.parametrize("text", ["{", "[]", "{}", json.dumps({"tables": {"activity": {}}})])
def test_a_manifest_that_does_not_vouch_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    error = refusal(folder)
    assert error.code == "TENANT_FILE_UNREADABLE"
    assert error.where == {"file": "acme/manifest.json"}
    assert "content_sha256" in str(error.expected)
