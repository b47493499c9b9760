"""The DESNZ importer: CO2e by gas stays CO2e, what is no factor is counted, other layouts are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from factor_workbooks import DESNZ_HEADER, DESNZ_ROWS, desnz_workbook
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import uk_desnz


def test_gases_of_a_flat_file_are_co2e_and_never_masses(tmp_path: Path) -> None:
    result = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx"))
    row = result.factors.filter(activity="diesel", activity_unit="L").row(0, named=True)
    assert (row["co2e"], row["co2e_of_co2"], row["co2e_of_ch4"], row["co2e_of_n2o"]) == (
        2.5,
        2.46,
        0.0003,
        0.0397,
    )
    assert (row["co2e_unit"], row["gwp_set"]) == ("kg/L", "AR5")
    for gas in ("co2", "ch4", "n2o", "co2_biogenic"):
        assert result.factors[gas].null_count() == result.factors.height
        assert result.factors[f"{gas}_unit"].null_count() == result.factors.height
    assert row["activity_path"] == "Fuels > Liquid fuels > Diesel (average biofuel blend)"
    assert (row["region"], row["scope"], row["version"], row["cite_row"]) == ("GB", "1", "2024.0.1", 7)
    assert row["cite_document"].endswith("2024, flat file v1.1")


def test_units_and_bases(tmp_path: Path) -> None:
    rows = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx")).factors
    assert rows.filter(activity="diesel", activity_unit="kWh")["calorific_basis"].to_list() == ["gross"]
    # A factor whose total is not published keeps the parts that are.
    car = rows.filter(activity_unit="vehicle_km").row(0, named=True)
    assert (car["co2e"], car["co2e_of_co2"], car["scope"]) == (None, 0.138, "1")
    assert rows.filter(scope="outside").height == 1


def test_every_row_is_a_figure_or_counted(tmp_path: Path) -> None:
    result = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx"))
    assert result.skipped == {
        uk_desnz.NO_VALUE: 1,
        uk_desnz.BELOW_ONE: 1,
        uk_desnz.ENERGY: 1,
        uk_desnz.END_MARK: 1,
        uk_desnz.BLANK: 1,
    }
    figures = sum(result.factors.select("co2e", "co2e_of_co2", "co2e_of_ch4", "co2e_of_n2o").count().row(0))
    assert result.rows_read == figures + sum(result.skipped.values())


def test_the_first_version_of_an_edition(tmp_path: Path) -> None:
    rows = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx", edition=2025, version=1)).factors
    assert set(rows["version"]) == {"2025.0.0"}
    assert set(rows["year"]) == {2025}


def cell(address: str, value: object) -> Callable[[Worksheet], None]:
    def edit(sheet: Worksheet) -> None:
        sheet[address] = value

    return edit


def doubled(sheet: Worksheet) -> None:
    for column, value in enumerate(DESNZ_ROWS[0], start=1):
        sheet.cell(8, column).value = value


BAD: dict[str, tuple[Callable[[Worksheet], None] | None, str, dict[str, object]]] = {
    "decimal comma": (cell("J7", "2,5"), "CELL_NOT_A_NUMBER", {"row": 7, "column": "J"}),
    "text as a factor": (cell("J8", "see note"), "CELL_NOT_A_NUMBER", {"row": 8, "column": "J"}),
    "unknown unit": (cell("H7", "pints"), "UNIT_UNKNOWN", {"row": 7, "column": "H"}),
    "no unit": (cell("H7", None), "UNIT_UNKNOWN", {"row": 7, "column": "H"}),
    "unknown gas": (cell("I8", "kg CH4"), "GAS_UNKNOWN", {"row": 8, "column": "I"}),
    "unknown scope": (cell("B7", "Scope 4"), "SCOPE_UNKNOWN", {"row": 7, "column": "B"}),
    "a row twice": (doubled, "DUPLICATE_KEY", {"row": 8}),
    "a column more": (cell("K6", "Lookup"), "LAYOUT_UNKNOWN", {"row": 6}),
    "columns shifted": (lambda sheet: sheet.insert_cols(1), "LAYOUT_UNKNOWN", {"row": 6}),
    "no header": (lambda sheet: sheet.delete_rows(6), "LAYOUT_UNKNOWN", {}),
}


def refusal(path: Path) -> GreenlangError:
    with pytest.raises(GreenlangError) as refused:
        uk_desnz.read(path)
    assert refused.value.found is not None
    assert refused.value.expected is not None
    return refused.value


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    error = refusal(desnz_workbook(tmp_path / "bad.xlsx", edit=edit))
    assert error.code == code, error
    assert {"file": "bad.xlsx", "sheet": "Factors by Category", **place}.items() <= error.where.items()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(("Scope", *DESNZ_HEADER[2:], "GHG Conversion Factor 2022"), id="2022"),
        pytest.param(
            ("Scope", "Level 1", "Level 2", "Level 3", "Level 4", "Column Text", "UOM", "GHG", "Factor 2017"),
            id="2017",
        ),
    ],
)
def test_earlier_layouts_are_refused_by_name(header: tuple[str, ...], tmp_path: Path) -> None:
    error = refusal(desnz_workbook(tmp_path / "old.xlsx", header=header))
    assert error.code == "LAYOUT_UNKNOWN"
    assert "before 2023" in (error.hint or "")


def test_an_edition_nobody_checked_is_refused(tmp_path: Path) -> None:
    error = refusal(desnz_workbook(tmp_path / "new.xlsx", edition=2026))
    assert (error.code, error.found) == ("EDITION_UNKNOWN", "2026")


def test_a_front_page_without_a_version_is_refused(tmp_path: Path) -> None:
    assert refusal(desnz_workbook(tmp_path / "f.xlsx", version=None)).code == "LAYOUT_UNKNOWN"
