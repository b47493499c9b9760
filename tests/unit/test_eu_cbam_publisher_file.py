"""With the publishers' own files: CBAM's figures as a second reader reads them, and nothing lost."""

import os
import re
from collections import Counter
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from greenlang_assets.core.factors.importers import eu_cbam
from greenlang_assets.core.factors.importers.base import ImportResult

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200
WORKBOOK = "DVs_as_adopted_v20260204.xlsx"
ANNEX = "annex_IV_precursor_unknown_origin.csv"
BENCHMARKS = "CBAM_Benchmarks_20260206.xlsx"
Cells = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module")
def folder() -> Path:
    assert FOLDER is not None
    return Path(FOLDER) / "eu-cbam-2026"


@pytest.fixture(scope="module")
def result(folder: Path) -> ImportResult:
    return eu_cbam.read(folder / WORKBOOK)


@pytest.fixture(scope="module")
def cells(folder: Path) -> Cells:
    """Columns A to I of every sheet, read by openpyxl."""
    book = openpyxl.load_workbook(folder / WORKBOOK, data_only=True)
    return {sheet.title: list(sheet.iter_rows(max_col=9, values_only=True)) for sheet in book}


def goods(cells: Cells) -> list[tuple[str, tuple[object, ...]]]:
    """The rows that hold a code and a description, with their sheet."""
    return [
        (name, row)
        for name, rows in cells.items()
        for row in rows
        if re.fullmatch(r"[\d ]{4,}", str(row[0])) and row[1] is not None
    ]


def number(cell: object) -> bool:
    return isinstance(cell, int | float)


def test_the_yield_is_the_one_that_was_found_before(cells: Cells, result: ImportResult) -> None:
    rows = goods(cells)
    assert len(rows) == 12_532
    assert sum(number(row[4]) for _, row in rows) == 10_931
    assert len({name for name, _ in rows}) == 120
    own = result.factors.filter(dataset="default-values")
    # 27 totals withdrawn by (EU) 2026/1740, one added; five superseded by figures that are not at hand.
    assert own.height == 10_931 - 27 + 1
    assert own["not_counted"].null_count() == 10_900
    assert own["region"].n_unique() == 120
    assert result.factors.filter(dataset="default-values-unknown-origin").height == 282 - 23
    assert result.rows_read == result.factors.height + sum(result.skipped.values())


def test_rows_as_a_second_reader_reads_them(cells: Cells, result: ImportResult) -> None:
    own = result.factors.filter(cite_source_file=WORKBOOK)
    for row in own.sample(SAMPLE, seed=7).iter_rows(named=True):
        found = cells[row["cite_table"]][row["cite_row"] - 1]
        assert row["co2e"] == found[4], row["factor_id"]
        path = row["activity_path"].split(" > ")
        assert str(found[0]).replace(" ", "") in [level.replace(" ", "") for level in path]
        assert " ".join(str(found[1]).split()) in row["activity_path"]
        route = str(found[8] or "").strip()
        assert path[-1] == route or not route.startswith("(")
        parts = dict(
            result.others["values"].filter(factor_id=row["factor_id"]).select("measure", "value").iter_rows()
        )
        printed = zip(
            ("direct", "indirect", "marked-up-2026", "marked-up-2027", "marked-up-2028"),
            (found[2], found[3], *found[5:8]),
            strict=True,
        )
        assert parts == {name: cell for name, cell in printed if number(cell)}


def test_every_figure_of_the_workbook_is_in_a_row(cells: Cells, result: ImportResult) -> None:
    printed = Counter(float(str(cell)) for _, row in goods(cells) for cell in row[2:8] if number(cell))
    values = result.others["values"].filter(cite_source_file=WORKBOOK)
    ours = Counter(result.factors.filter(cite_source_file=WORKBOOK)["co2e"]) + Counter(values["value"])
    assert ours == printed


def test_the_three_known_corrections(result: ImportResult) -> None:
    rows = result.factors
    assert rows.filter(
        pl.col("activity").str.contains(r"^cn-72(1[89]|2[0-3])"), region="TW", dataset="default-values"
    ).is_empty()
    corrected = rows.filter(version="2026.0.1").sort("region").select("region", "activity", "co2e").rows()
    assert corrected == [
        ("AL", "cn-7202-41", 2.35),
        ("GROUP-OTHER-COUNTRIES-AND-TERRITORIES", "cn-7226-20-00", 5.5),
    ]
    kept = result.others["values"].filter(measure="superseded-total")
    assert kept.height == 28
    assert kept.filter(region="GROUP-OTHER-COUNTRIES-AND-TERRITORIES")["value"].to_list() == [5.588]


def test_annex_four_as_a_second_reader_reads_it(folder: Path, result: ImportResult) -> None:
    lines = pl.read_csv(folder / ANNEX, schema_overrides={"cn_code": pl.String})
    rows = result.factors.filter(cite_source_file=ANNEX).sort("cite_row")
    read = lines.with_row_index("line", 2).drop_nulls("highest_default")
    assert rows["cite_row"].to_list() == read["line"].to_list()
    assert rows["co2e"].to_list() == read["highest_default"].to_list()
    values = result.others["values"].filter(cite_source_file=ANNEX)
    for year in (2026, 2027, 2028):
        ours = values.filter(measure=f"marked-up-{year}").sort("cite_row")["value"].to_list()
        assert ours == lines[f"printed_{year}"].drop_nulls().to_list()


def test_benchmarks_as_a_second_reader_reads_them(folder: Path) -> None:
    result = eu_cbam.read(folder / BENCHMARKS)
    values = result.others["values"]
    sheet = openpyxl.load_workbook(folder / BENCHMARKS, data_only=True)["Benchmarks"]
    rows = list(sheet.iter_rows(values_only=True))
    printed = Counter(cell for row in rows[1:] for cell in (row[2], row[4]) if number(cell))
    assert Counter(values["value"]) == printed
    codes = {row[0] for row in rows if isinstance(row[0], int)}
    assert (result.rows_read, values["activity_path"].str.split(" > ").list[1].n_unique()) == (1809, 570)
    assert len(codes) == 570
    for row in values.sample(SAMPLE, seed=8).iter_rows(named=True):
        found = rows[row["cite_row"] - 1]
        assert row["value"] == found[2 if row["measure"].endswith("a") else 4]
        # A further route of a code stands below it, without the code.
        above = next(rows[at] for at in range(row["cite_row"] - 1, 0, -1) if rows[at][0] is not None)
        assert str(above[0]) == row["activity_path"].split(" > ")[1].replace(" ", "")
