"""With the publishers' own files: the shipped tables are their import, and a second reader agrees."""

import csv
import os
import re
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from greenlang_assets.core.factors import tables
from greenlang_assets.core.factors.rebuild import SOURCES, rebuild, to_read

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200


@pytest.fixture(scope="module")
def folder() -> Path:
    assert FOLDER is not None
    return Path(FOLDER)


def test_the_shipped_tables_are_a_fresh_import(folder: Path, tmp_path: Path) -> None:
    assert rebuild(folder, tmp_path) == tables.verify()
    assert tables.verify(tmp_path) == tables.read_manifest()


@pytest.fixture(scope="module")
def cells(folder: Path) -> dict[str, dict[str, dict[str, object]]]:
    """Every cell of every workbook, by file, sheet and address, read by openpyxl."""
    books = {}
    for path in {path for path in to_read(folder).values() if path.suffix == ".xlsx"}:
        book = openpyxl.load_workbook(path, data_only=True, read_only=False)
        books[path.name] = {
            sheet.title: {
                cell.coordinate: cell.value
                for row in sheet.iter_rows()
                for cell in row
                if cell.value is not None
            }
            for sheet in book
        }
    return books


def number(cell: object) -> float | None:
    """A cell as EPA or DESNZ means it, read without our importer."""
    return float(str(cell).strip()) if cell is not None else None


def hub_columns(row: dict[str, object]) -> dict[str, str]:
    """Column letter of each figure of a Hub row, from what the tables look like."""
    table = int(str(row["cite_table"]).split()[1])
    gases = ("co2", "ch4", "n2o")
    if table == 1:
        return dict(zip(gases, "EFG" if row["activity_unit"] == "mmBtu" else "HIJ", strict=True))
    if table == 6:
        return dict(zip(gases, "EFG" if row["activity"] == "grid-electricity" else "HIJ", strict=True))
    if table == 9:
        treatments = ("Recycled", "Landfilled", "Combusted", "Composted", "Dry", "Wet")
        letter = next(
            column
            for column, name in zip("DEFGHI", treatments, strict=True)
            if re.search(rf"> (Anaerobically Digested \()?{name}", str(row["activity_path"]))
        )
        return {"co2e": letter}
    return {
        2: {"co2": "D"},
        3: {"ch4": "E", "n2o": "F"},
        4: {"ch4": "F", "n2o": "G"},
        5: {"ch4": "E", "n2o": "F"},
        12: {"co2e": "D"},
    }.get(table, dict(zip(gases, "DEF", strict=True)))


@pytest.mark.parametrize("edition", ["2024", "2025"])
def test_hub_rows_as_a_second_reader_reads_them(
    edition: str, cells: dict[str, dict[str, dict[str, object]]]
) -> None:
    rows = (
        tables.load("factors")
        .filter(cite_document=f"GHG Emission Factors Hub {edition}")
        .sample(SAMPLE, seed=1)
    )
    for row in rows.iter_rows(named=True):
        sheet = cells[row["cite_source_file"]]["Emission Factors Hub"]
        figures = dict(row)
        figures["co2"] = row["co2"] if row["co2"] is not None else row["co2_biogenic"]
        for name, letter in hub_columns(row).items():
            assert figures[name] == number(sheet[f"{letter}{row['cite_row']}"]), (row["factor_id"], name)
        label = str(sheet.get(f"C{row['cite_row']}") or "").split("\n")[0].strip()
        if label and row["cite_table"] != "Table 6 Electricity" and not label.startswith("("):
            # The published label, but for a footnote letter at its end, stands in the path.
            assert " ".join(label[:-1].split()) in row["activity_path"]


@pytest.mark.parametrize("edition", ["2024", "2025"])
def test_every_figure_of_the_hub_is_in_a_row(
    edition: str, cells: dict[str, dict[str, dict[str, object]]]
) -> None:
    rows = tables.load("factors").filter(cite_document=f"GHG Emission Factors Hub {edition}")
    heat = tables.load("properties").filter(publisher="us-epa", edition=edition)
    sheet = cells[rows["cite_source_file"][0]]["Emission Factors Hub"]
    published: list[float] = []
    table = 0
    for address, value in sheet.items():
        column, line = re.fullmatch(r"([A-Z]+)(\d+)", address).groups()  # type: ignore[union-attr]
        title = re.fullmatch(r"Table (\d+)", str(sheet.get(f"B{line}", "")))
        table = int(title[1]) if title else table
        model_year = (table, column) in ((3, "D"), (4, "E"))
        # Before Table 1 stands a box of GWPs; Table 11 repeats the IPCC's.
        if table in (0, 11) or model_year:
            continue
        if isinstance(value, int | float) or (isinstance(value, str) and value.strip() == "0"):
            published.append(float(value))
    figures = [name for name, dtype in rows.schema.items() if dtype == pl.Float64()]
    ours = [value for name in figures for value in rows[name].drop_nulls()] + heat["value"].to_list()
    losses = (re.search(r"grid gross loss ([0-9.]+)", note) for note in rows["note"].drop_nulls())
    ours += [float(loss[1]) for loss in losses if loss]
    assert sorted(ours) == sorted(published)


def test_egrid_rows_as_a_second_reader_reads_them(cells: dict[str, dict[str, dict[str, object]]]) -> None:
    rows = tables.load("factors").filter(dataset="egrid-subregion").sample(SAMPLE, seed=2)
    for row in rows.iter_rows(named=True):
        sheet = cells[row["cite_source_file"]]["Electricity US"]
        at = row["cite_row"]
        assert row["activity_path"].endswith(str(sheet[f"B{at}"]).strip())
        assert [row["co2"], row["ch4"], row["n2o"]] == [number(sheet[f"{letter}{at}"]) for letter in "CDE"]
        above = max(line for line in range(3, at) if str(sheet.get(f"B{line}", "")).startswith("Table "))
        assert f"Year {row['year']} " in str(sheet[f"B{above}"])


@pytest.mark.parametrize("edition", ["2024", "2025"])
def test_desnz_rows_as_a_second_reader_reads_them(
    edition: str, cells: dict[str, dict[str, dict[str, object]]]
) -> None:
    rows = tables.load("factors").filter(publisher="uk-desnz", edition=edition).sample(SAMPLE, seed=3)
    parts = {
        "kg CO2e": "co2e",
        "kg CO2e of CO2 per unit": "co2e_of_co2",
        "kg CO2e of CH4 per unit": "co2e_of_ch4",
        "kg CO2e of N2O per unit": "co2e_of_n2o",
    }
    for row in rows.iter_rows(named=True):
        sheet = cells[row["cite_source_file"]]["Factors by Category"]
        at = row["cite_row"]
        key = [sheet.get(f"{letter}{at}") for letter in "BCDEFGH"]
        path = " > ".join(" ".join(str(level).split()) for level in key[1:6] if level is not None)
        assert row["activity_path"] == path
        # The parts of a factor stand in the rows that follow.
        found = {}
        for line in range(at, at + 4):
            if [sheet.get(f"{letter}{line}") for letter in "BCDEFGH"] == key:
                part = parts.get(str(sheet.get(f"I{line}")))
                if part is not None and sheet.get(f"J{line}") is not None:
                    found[part] = number(sheet[f"J{line}"])
        assert found == {part: row[part] for part in parts.values() if row[part] is not None}


def test_every_figure_of_the_flat_files_is_in_a_row(cells: dict[str, dict[str, dict[str, object]]]) -> None:
    for edition in ("2024", "2025"):
        rows = tables.load("factors").filter(publisher="uk-desnz", edition=edition)
        sheet = cells[rows["cite_source_file"][0]]["Factors by Category"]
        published = [
            number(value)
            for address, value in sheet.items()
            if re.fullmatch(r"J\d+", address)
            and isinstance(value, int | float)
            and str(sheet.get(f"I{address[1:]}", "")).startswith("kg CO2e")
        ]
        ours = pl.concat(
            [rows[part].drop_nulls() for part in ("co2e", "co2e_of_co2", "co2e_of_ch4", "co2e_of_n2o")]
        )
        assert sorted(published) == ours.sort().to_list()


def test_gwps_as_a_second_reader_reads_them(folder: Path) -> None:
    with (folder / SOURCES["gwp"]).open(encoding="utf-8", newline="") as handle:
        lines = list(csv.reader(handle))
    header = next(line for line in lines if line[0] == "Species")
    rows = tables.load("gwp").filter(cite_source_file="globalwarmingpotentials.csv").sample(SAMPLE, seed=4)
    for row in rows.iter_rows(named=True):
        line = lines[row["cite_row"] - 1]
        assert line[0].replace("-", "") == row["gas"].replace("-", "")
        assert float(line[header.index(f"{row['gwp_set']}GWP100")]) == row["value"]
