"""The IPCC's EFDB, from an export of one's own: what cannot be understood is counted, never guessed at."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from factor_texts import EFDB_HEADER, EFDB_ROWS, efdb_workbook
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import ipcc_efdb
from greenlang_assets.core.factors.publishers import publisher

NAME = "EFDB_output_20260207.xlsx"


def as_csv(path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([EFDB_HEADER, *EFDB_ROWS])
    return path


def test_rows_that_differ_in_gas_alone_are_one_factor(tmp_path: Path) -> None:
    result = ipcc_efdb.read(efdb_workbook(tmp_path / NAME))
    row = result.factors.filter(note="EF ID 11, 12, 13").row(0, named=True)
    assert (row["co2"], row["ch4"], row["n2o"]) == (1000.0, 2.5, 0.5)
    assert {row["co2_unit"], row["ch4_unit"], row["n2o_unit"]} == {"kg/TJ"}
    assert (row["activity_unit"], row["calorific_basis"], row["gwp_set"]) == ("TJ", "net", None)
    assert (row["region"], row["year"], row["data_quality"]) == ("WORLD", 2006, "2006 IPCC default")
    assert (row["edition"], row["version"], row["cite_row"]) == ("2026-02-07", "2026.2.7", 2)
    assert "CO2" not in row["activity_path"].split("(")[0]
    assert row["activity_path"].startswith(
        "1.A.1 - Invented Industries 1.A.2 - More of them > Natural Gas > "
    )
    assert "not for redistribution" in row["cite_licence"]
    # A second figure of methane for the same parameter is a factor of its own.
    again = result.factors.filter(note="EF ID 14").row(0, named=True)
    assert (again["ch4"], again["co2"]) == (3.0, None)
    assert not contracts.failures(result.factors)


def test_biomass_regions_and_units(tmp_path: Path) -> None:
    rows = ipcc_efdb.read(efdb_workbook(tmp_path / NAME)).factors
    wood = rows.filter(note="EF ID 15").row(0, named=True)
    assert (wood["co2_biogenic"], wood["co2"]) == (2000.0, None)
    cattle = rows.filter(region="IN").row(0, named=True)
    assert (cattle["ch4"], cattle["ch4_unit"], cattle["activity_unit"], cattle["year"]) == (
        4.0, "kg/head/year", "head*year", 2019,
    )  # fmt: skip
    group = rows.filter(region="GROUP-LATIN-AMERICA-B").row(0, named=True)
    assert (group["ch4"], group["ch4_unit"], group["activity_unit"], group["year"]) == (
        5.0,
        "g/kg",
        "kg",
        2006,
    )


def test_what_cannot_be_understood_is_counted(tmp_path: Path) -> None:
    result = ipcc_efdb.read(efdb_workbook(tmp_path / NAME))
    assert result.skipped == {
        ipcc_efdb.NEGATIVE: 1,
        ipcc_efdb.NOT_A_NUMBER: 2,
        ipcc_efdb.NOT_EMISSION: 2,
        ipcc_efdb.NO_GAS: 1,
        ipcc_efdb.NO_VALUE: 1,
        ipcc_efdb.NO_YEAR: 1,
        ipcc_efdb.SEVERAL_GASES: 1,
        ipcc_efdb.UNIT_NOT_UNDERSTOOD: 5,
    }
    figures = sum(result.factors.select("co2", "ch4", "n2o", "co2_biogenic").count().row(0))
    assert result.rows_read == figures + sum(result.skipped.values()) == len(EFDB_ROWS)


def test_a_csv_export_gives_the_same_figures(tmp_path: Path) -> None:
    sheet = ipcc_efdb.read(efdb_workbook(tmp_path / NAME))
    text = ipcc_efdb.read(as_csv(tmp_path / "EFDB_output_20260207.csv"))
    columns = ["factor_id", "co2", "ch4", "n2o", "co2_biogenic", "region", "activity_unit", "note"]
    assert text.factors.select(columns).equals(sheet.factors.select(columns))
    assert text.skipped == sheet.skipped
    # A cell of two lines moves what follows: the line of the file is cited, not the number of the record.
    assert text.factors.filter(note="EF ID 12")["cite_row"].to_list() == []
    assert text.factors.filter(note="EF ID 11, 12, 13")["cite_row"].to_list() == [2]
    assert text.factors.filter(note="EF ID 14")["cite_row"].to_list() == [8]


def test_an_export_without_a_day_is_named_by_its_content(tmp_path: Path) -> None:
    first = ipcc_efdb.read(as_csv(tmp_path / "a.csv")).editions
    assert first == ipcc_efdb.read(as_csv(tmp_path / "b.csv")).editions
    assert first[0].startswith("export-")


def cell(address: str, value: object) -> Callable[[Worksheet], None]:
    def edit(sheet: Worksheet) -> None:
        sheet[address] = value

    return edit


BAD: dict[str, tuple[Callable[[Worksheet], None], str, dict[str, object]]] = {
    "column renamed": (cell("D1", "Gases"), "LAYOUT_UNKNOWN", {"row": 1, "column": "D"}),
    "columns shifted": (lambda sheet: sheet.insert_cols(1), "LAYOUT_UNKNOWN", {"row": 1}),
    "header shifted": (lambda sheet: sheet.insert_rows(1), "LAYOUT_UNKNOWN", {"row": 1}),
    "an EF ID twice": (cell("A3", "11"), "DUPLICATE_KEY", {"row": 3, "column": "EF ID"}),
    "no EF ID": (cell("A3", None), "LAYOUT_UNKNOWN", {"row": 3, "column": "EF ID"}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    with pytest.raises(GreenlangError) as refused:
        ipcc_efdb.read(efdb_workbook(tmp_path / NAME, edit))
    assert refused.value.code == code, refused.value
    assert {"file": NAME, "sheet": "Sheet1", **place}.items() <= refused.value.where.items()


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    workbook = efdb_workbook(tmp_path / NAME)
    workbook.write_bytes(workbook.read_bytes()[:-300])
    text = as_csv(tmp_path / "e.csv")
    text.write_bytes(text.read_bytes()[:-40])
    for path, code in ((workbook, "WORKBOOK_UNREADABLE"), (text, "LAYOUT_UNKNOWN")):
        with pytest.raises(GreenlangError) as refused:
            ipcc_efdb.read(path)
        assert refused.value.code == code


def test_no_file_of_it_ships() -> None:
    assert publisher("ipcc-efdb").files == {}
