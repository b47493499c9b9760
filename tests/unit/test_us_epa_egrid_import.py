"""The eGRID importer: rates of every year, units as printed, acronyms by name, other layouts refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from factor_workbooks import EGRID_HEADER, egrid_workbook, find
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import us_epa_egrid

ACRONYMS = {"RFC West": "RFCW", "WECC California": "CAMX", "ERCOT All": "ERCT"}


def test_rates_carry_the_units_of_their_columns(tmp_path: Path) -> None:
    result = us_epa_egrid.read(egrid_workbook(tmp_path / "g.xlsx"), ACRONYMS)
    row = result.factors.filter(region="US-EGRID-RFCW").row(0, named=True)
    assert (row["co2"], row["co2_unit"]) == (1379.5, "lb/MWh")
    assert (row["ch4"], row["ch4_unit"], row["n2o"], row["n2o_unit"]) == (17.1, "lb/GWh", 21.7, "lb/GWh")
    assert (row["edition"], row["version"], row["year"], row["activity"]) == (
        "eGRID2012", "2012.0.0", 2012, "grid-electricity",
    )  # fmt: skip
    assert (row["cite_publisher"], row["cite_table"], row["cite_row"]) == (
        "US EPA",
        "Electricity US, Table 1",
        6,
    )
    assert "GHG Protocol" in row["cite_document"]
    assert result.editions == ("eGRID2005", "eGRID2012")


def test_names_without_an_acronym_become_a_slug_and_say_so(tmp_path: Path) -> None:
    result = us_epa_egrid.read(egrid_workbook(tmp_path / "g.xlsx"), ACRONYMS)
    regions = dict(result.factors.filter(edition="eGRID2005").select("region", "note").iter_rows())
    assert regions["US-EGRID-ERCT"] is None
    assert "slug" in regions["US-EGRID-RFC-SUBREGION-UNKNOWN"]


def change(near: str, value: object, *, right: int = 0, down: int = 0) -> Callable[[Worksheet], None]:
    def edit(sheet: Worksheet) -> None:
        row, column = find(sheet, near)
        sheet.cell(row + down, column + right).value = value

    return edit


BAD = {
    "another unit": (
        change(EGRID_HEADER[1], EGRID_HEADER[1].replace("GWh", "MWh")),
        "LAYOUT_UNKNOWN",
        {"column": "D"},
    ),
    "columns swapped": (
        change(EGRID_HEADER[1], EGRID_HEADER[2]),
        "LAYOUT_UNKNOWN",
        {"row": 5, "column": "D"},
    ),
    "text in a rate": (change("RFC West", "n/a", right=1), "CELL_NOT_A_NUMBER", {"row": 6, "column": "C"}),
    "decimal comma": (change("RFC West", "1379,5", right=1), "CELL_NOT_A_NUMBER", {"row": 6, "column": "C"}),
    "a rate without a name": (change("WECC California", None), "LAYOUT_UNKNOWN", {"row": 7}),
    "a name twice": (change("WECC California", "RFC West"), "DUPLICATE_KEY", {"row": 7}),
    "a stray column": (change("RFC West", 5, right=4), "LAYOUT_UNKNOWN", {}),
    "columns shifted": (lambda sheet: sheet.insert_cols(1), "LAYOUT_UNKNOWN", {}),
    "a title mistyped": (
        change(
            "Table 1.  Year 2012 US Regional Electricity Emission Factors for CO2, CH4 and N2O ", "Rates 2012"
        ),
        "LAYOUT_UNKNOWN",
        {"row": 4},
    ),
    "no table at all": (lambda sheet: sheet.delete_rows(3, 40), "LAYOUT_UNKNOWN", {}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    path = egrid_workbook(tmp_path / "bad.xlsx", edit)
    with pytest.raises(GreenlangError) as refused:
        us_epa_egrid.read(path, ACRONYMS)
    assert refused.value.code == code, refused.value
    assert {"file": "bad.xlsx", **place}.items() <= refused.value.where.items()
    assert refused.value.found is not None
    assert refused.value.expected is not None
