"""With the publishers' own files: the Combined Nomenclature as a second reader reads it."""

import os
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from greenlang_assets.core.factors.importers import eu_cn

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200


@pytest.fixture(scope="module")
def folder() -> Path:
    assert FOLDER is not None
    return Path(FOLDER)


@pytest.mark.parametrize(("year", "codes"), [(2025, 9_778), (2026, 9_791)])
def test_goods_as_a_second_reader_reads_them(year: int, codes: int, folder: Path) -> None:
    path = folder / "eu-cn-codes" / f"cnCodes_{year}.json"
    goods = eu_cn.read(path).others["goods"]
    read = pl.read_json(path, infer_schema_length=None).sort("code")
    assert goods.height == read.height == codes
    assert goods["code"].to_list() == read["code"].to_list()
    lines = path.read_text(encoding="utf-8").splitlines()
    both = goods.join(read, on="code", suffix="_read").sample(SAMPLE, seed=9)
    for row in both.iter_rows(named=True):
        assert row["name"] == " ".join(row["name_read"].split())
        assert row["path"].endswith(f" > {row['name']}")
        assert f"Section {row['section']} > Chapter {row['chapter']} > " in row["path"]
        assert f'"{row["code"]}"' in lines[row["cite_row"]]
        assert row["year"] == row["version"] == year


def test_every_good_of_cbam_is_in_the_nomenclature(folder: Path) -> None:
    codes = set(eu_cn.read(folder / "eu-cn-codes" / "cnCodes_2026.json").others["goods"]["code"])
    codes |= set(eu_cn.read(folder / "eu-cn-codes" / "cnCodes_2025.json").others["goods"]["code"])
    book = openpyxl.load_workbook(
        folder / "eu-cbam-2026" / "CBAM_Benchmarks_20260206.xlsx", data_only=True, read_only=True
    )
    rows = book["Benchmarks"].iter_rows(max_col=1, values_only=True)
    benchmarked = {str(row[0]) for row in rows if isinstance(row[0], int)}
    assert len(benchmarked) == 570
    assert benchmarked <= codes
