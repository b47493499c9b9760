"""The Hub importer: what it reads from a sheet in EPA's layout, and every layout that it refuses."""

from pathlib import Path

import polars as pl
import pytest
from factor_workbooks import Edit, find, hub_workbook
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import us_epa_hub
from greenlang_assets.core.factors.importers.base import ImportResult


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> ImportResult:
    return us_epa_hub.read(hub_workbook(tmp_path_factory.mktemp("hub") / "hub.xlsx"))


def one(hub: ImportResult, **columns: object) -> dict[str, object]:
    rows = hub.factors.filter(**columns)
    assert rows.height == 1, rows["factor_id"].to_list()
    return rows.row(0, named=True)


def test_a_fuel_gives_a_row_by_heat_content_and_one_by_its_unit(hub: ImportResult) -> None:
    heat = one(hub, activity="anthracite-coal", activity_unit="mmBtu")
    assert (heat["co2"], heat["co2_unit"], heat["calorific_basis"]) == (101.5, "kg/mmBtu", "gross")
    assert (heat["ch4"], heat["ch4_unit"], heat["n2o"], heat["n2o_unit"]) == (11, "g/mmBtu", 1.5, "g/mmBtu")
    mass = one(hub, activity="anthracite-coal", activity_unit="short_ton")
    assert (mass["co2"], mass["co2_unit"], mass["calorific_basis"]) == (2600, "kg/short_ton", None)
    assert one(hub, activity="natural-gas", activity_unit="scf")["co2"] == 0.0505
    assert (
        heat["factor_id"] == "us-epa/stationary-combustion/2024/coal-and-coke-anthracite/us/2024/mmbtu/gross"
    )


def test_heat_contents_are_fuel_properties(hub: ImportResult) -> None:
    rows = hub.properties.select("activity", "value", "unit", "calorific_basis").sort("activity").rows()
    assert rows == [
        ("anthracite-coal", 25.5, "mmBtu/short_ton", "gross"),
        ("natural-gas", 0.001, "mmBtu/scf", "gross"),
        ("vegetable-oil", 0.12, "mmBtu/gallon", "gross"),
    ]


def test_co2_of_biomass_stands_apart(hub: ImportResult) -> None:
    oil = one(hub, activity="vegetable-oil", activity_unit="gallon")
    assert (oil["co2"], oil["co2_biogenic"], oil["co2_biogenic_unit"]) == (None, 9.75, "kg/gallon")
    assert one(hub, dataset="mobile-combustion-co2", activity="ethanol")["co2_biogenic"] == 5.5
    assert one(hub, activity="kraft-liquor-straw")["co2_biogenic"] == 95.5


def test_labels_hold_until_the_next_and_second_lines_are_no_label(hub: ImportResult) -> None:
    paths = hub.factors.filter(pl.col("dataset").str.starts_with("mobile-combustion-on")).sort("cite_row")
    assert paths["activity_path"].to_list() == [
        "On-road gasoline > Gasoline Light-Duty Trucks > 1973-1974",
        "On-road gasoline > Gasoline Light-Duty Trucks > 1975",
        "On-road gasoline > Gasoline Heavy-Duty Vehicles > ≤1980",
        "On-road gasoline > Gasoline Heavy-Duty Vehicles > 1981",
        "On-road diesel and alternative fuel > Passenger Cars > Diesel > 1960-1982",
        "On-road diesel and alternative fuel > Passenger Cars > Diesel > 1983-2006",
        "On-road diesel and alternative fuel > Buses > Methanol",
        "On-road diesel and alternative fuel > Buses > Ethanol",
    ]


def test_footnote_letters_go_and_printed_zeros_stay(hub: ImportResult) -> None:
    assert one(hub, activity_path="Non-road > Agricultural Equipment > LPG")["n2o"] == 0.94
    assert one(hub, activity="commuter-rail")["co2_unit"] == "kg/passenger_mile"
    assert one(hub, activity="air-freight")["ch4"] == 0
    assert one(hub, activity="r-406a")["co2e"] == 0


def test_electricity_names_regions_and_the_year_of_its_data(hub: ImportResult) -> None:
    row = one(hub, region="US-EGRID-CAMX", activity="grid-electricity")
    assert (row["co2"], row["co2_unit"], row["ch4_unit"], row["year"]) == (490.5, "lb/MWh", "lb/MWh", 2022)
    assert one(hub, region="US-EGRID-CAMX", activity="grid-electricity-non-baseload")["co2"] == 1050.5
    assert one(hub, region="US", activity="grid-electricity")["co2"] == 820.5
    assert us_epa_hub.subregion_acronyms(hub.factors) == {"WECC California": "CAMX", "RFC West": "RFCW"}


def test_waste_is_co2e_of_ar4_and_na_is_counted(hub: ImportResult) -> None:
    row = one(hub, activity_path="Waste > Glass > Recycled")
    assert (row["co2e"], row["co2e_unit"], row["gwp_set"], row["ch4"]) == (
        0.05,
        "tonne/short_ton",
        "AR4",
        None,
    )
    assert hub.skipped[us_epa_hub.NO_FACTOR] == 3


def test_blends_are_co2e_per_kg_and_table_11_only_checks(hub: ImportResult) -> None:
    row = one(hub, activity="r-410a")
    assert (row["co2e"], row["co2e_unit"], row["activity_unit"], row["gwp_set"]) == (
        1924,
        "kg/kg",
        "kg",
        "AR5",
    )
    assert hub.gwp == {"CH4": 28, "HFC-134a": 1300}


def test_every_row_cites_the_row_that_excel_shows(tmp_path: Path) -> None:
    places = {}
    path = hub_workbook(
        tmp_path / "hub.xlsx", edit=lambda sheet: places.update(row=find(sheet, "Anthracite")[0])
    )
    row = one(us_epa_hub.read(path), activity="anthracite-coal", activity_unit="mmBtu")
    assert row["cite_row"] == places["row"] == 17
    assert row["cite_table"] == "Table 1 Stationary Combustion"
    assert row["cite_licence"] == "US public domain"
    assert row["cite_source_file"] == "hub.xlsx"


def test_a_copy_without_tables_11_and_12_says_so(tmp_path: Path) -> None:
    result = us_epa_hub.read(hub_workbook(tmp_path / "hub.xlsx", last_table=10))
    assert result.notes == ("the copy at hand ends before Table 11 and Table 12",)
    assert "refrigerant-blends" not in result.datasets


def test_a_corrected_release_is_a_patch_of_its_edition(tmp_path: Path) -> None:
    def correct(sheet: Worksheet) -> None:
        sheet["C5"] = (
            "Light Blue text indicates an update from the original release of the 2024 version "
            "of this document."
        )

    assert (
        us_epa_hub.read(hub_workbook(tmp_path / "a.xlsx", edit=correct)).factors["version"][0] == "2024.0.1"
    )
    assert (
        us_epa_hub.read(hub_workbook(tmp_path / "b.xlsx", edition=2025)).factors["version"][0] == "2025.0.0"
    )


def put(near: str, value: object, *, right: int = 0, down: int = 0) -> Edit:
    """Set the cell that lies so far right of and below the cell with the text ``near``."""

    def edit(sheet: Worksheet) -> None:
        row, column = find(sheet, near)
        sheet.cell(row + down, column + right).value = value

    return edit


WASTE_NOTE = "Notes:\nAR4 GWP values are used to convert all waste emission factors into CO2e. \nEnd."
BAD = {
    "decimal comma": (put("Anthracite", "101,5", right=2), "CELL_NOT_A_NUMBER", {"row": 17, "column": "E"}),
    "note in a number": (put("Anthracite", "101.5 (a)", right=2), "CELL_NOT_A_NUMBER", {"column": "E"}),
    "empty number": (put("Anthracite", None, right=3), "CELL_NOT_A_NUMBER", {"row": 17, "column": "F"}),
    "NA where a factor must be": (put("Steam and Heat", "NA", right=1, down=3), "CELL_NOT_A_NUMBER", {}),
    "header renamed": (put("Heat Content (HHV)", "Heat Content (LHV)"), "LAYOUT_UNKNOWN", {"column": "D"}),
    "header shifted": (
        lambda sheet: sheet.insert_cols(4),
        "LAYOUT_UNKNOWN",
        {"row": 14, "column": "D"},
    ),
    "unit row changed": (put("mmBtu per scf", "GJ per scf"), "UNIT_UNKNOWN", {"column": "D"}),
    "gas of a unit row changed": (put("g CH4 per scf", "kg CH4 per scf"), "LAYOUT_UNKNOWN", {"column": "I"}),
    "unknown unit": (put("Diesel Fuel", "litre", right=2), "UNIT_UNKNOWN", {"column": "E"}),
    "unknown column": (put("Diesel Fuel", 12.5, right=4), "LAYOUT_UNKNOWN", {"column": "G"}),
    "duplicate fuel": (put("Ethanol (100%)", "Diesel Fuel"), "DUPLICATE_KEY", {}),
    "figures below the notes": (put("Source:", 3.5, right=1, down=1), "LAYOUT_UNKNOWN", {}),
    "another edition": (
        put("Blue text indicates an update from the 2023 version of this document.", "Blue text indicates "
            "an update from the 2029 version of this document."),
        "EDITION_UNKNOWN",
        {"row": 4, "column": "C"},
    ),
    "no edition": (
        put("Blue text indicates an update from the 2023 version of this document.", "Hello"),
        "LAYOUT_UNKNOWN",
        {"column": "C"},
    ),
    "renamed table": (put("Steam and Heat", "Steam, Heat and Cooling"), "LAYOUT_UNKNOWN", {"column": "C"}),
    "missing table": (put("Table 7", None), "TABLE_MISSING", {}),
    "no eGRID year": (
        put("Source: EPA eGRID2022, January 2024 (Summary Tables)", "Source: EPA"),
        "LAYOUT_UNKNOWN",
        {},
    ),
    "no GWP set for waste": (
        put(WASTE_NOTE, "Notes:"),
        "GWP_SET_UNKNOWN",
        {},
    ),
    "no GWP set for blends": (
        put("Source: \n100-year GWP values from IPCC Fifth Assessment Report (AR5), 2013.", "Source: IPCC"),
        "GWP_SET_UNKNOWN",
        {},
    ),
    "label missing": (put("Diesel Fuel", None), "LABEL_MISSING", {"column": "C"}),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    path = hub_workbook(tmp_path / "bad.xlsx", edit=edit)
    with pytest.raises(GreenlangError) as refused:
        us_epa_hub.read(path)
    assert refused.value.code == code, refused.value
    assert refused.value.where["file"] == "bad.xlsx"
    assert place.items() <= refused.value.where.items()
    assert refused.value.found is not None
    assert refused.value.expected is not None


def test_a_spreadsheet_error_is_not_an_empty_cell(tmp_path: Path) -> None:
    def spoil(sheet: Worksheet) -> None:
        row, column = find(sheet, "Glass")
        cell = sheet.cell(row, column + 1)
        cell.value, cell.data_type = "#REF!", "e"

    with pytest.raises(GreenlangError) as refused:
        us_epa_hub.read(hub_workbook(tmp_path / "bad.xlsx", edit=spoil))
    assert (refused.value.code, refused.value.where["column"]) == ("CELL_IS_AN_ERROR", "D")
