"""The UK ETS importer: carbon is not CO2, units change by row, notes stand in place of figures."""

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import uk_ets

Edit = Callable[[Workbook], None]

HEADER = (
    "CRT Category [note 18]",
    "Industry",
    "UK GHG fuel",
    "CEF (Gross) [note 1]",
    "CO2 EF (Gross)",
    "CEF Units",
    "CO2\ntCO2/TJ (net)",
    "GCV",
    "GCV Units",
    "Conversion factors for gross to net energy consumption",
    "NCV",
    "NCV Units",
    "Oxidation factor used in the UK GHGI [note 2]",
)
MASS, HEAT = "kt C per Mt fuel consumed", "kt C per Mtherm fuel consumed"
SOLID, GAS = "GJ/tonne", "MJ/m3"
POWER, FARM = "1A1ai Public electricity generation", "1A4ci Agriculture/Forestry/Fishing: Stationary"
#: Row 6 on. 3 kt of carbon are 11 kt of CO2.
LINES: list[tuple[object, ...]] = [
    (POWER, "Power stations", "Coal", 600, 2200, MASS, 92.5, 25, SOLID, 0.95, 23.75, SOLID, 0.98),
    (None, "Power stations", "Fuel Oil [note 8]", 870, 3190, MASS, 75.5, 43, SOLID, 0.94, 40.42, SOLID, 1),
    (None, "Power stations", "Natural Gas ", *["[note 12]"] * 10),
    (None, "Power stations", "Sour gas", 1.5, 5.5, HEAT, 57.5, 38, GAS, 0.9, 34.2, GAS, 1),
    (None, "Power stations", "Biomass", *["[note 4]"] * 4, *["[note 5]"] * 5, "[note 4]"),
    (FARM, "All", "Gas Oil", 870, 3190, MASS, 74.5, 45, SOLID, 0.94, 42.3, SOLID, 1),
    (None, "All off-road machinery", "Petrol", 855, 3135, MASS, 70.5, 47, SOLID, 0.95, 44.65, SOLID, 1),
]
ZONE_HEADER = (
    "Local Distribution Zone (LDZ)",
    "LDZ abbreviation",
    "CEF(g) tCO2/TJ",
    "CEF(n) tCO2/TJ",
    " CEF(g) gCO2/m3",
    "GCV MJ/m3",
    "NCV MJ/m3",
)


def workbook(path: Path, edition: int = 2025, edit: Edit | None = None) -> Path:
    """A workbook in the publisher's form."""
    book = openpyxl.Workbook()
    cover = book.active
    assert cover is not None
    cover.title = "Cover"
    cover["A1"] = (
        "Carbon Emission Factors and Calorific Values from the UK Greenhouse Gas Inventory "
        f"(Somebody, {edition}) to support the UK ETS (Emissions Trading Scheme)"
    )
    cover["A2"], cover["A3"] = "Final Spreadsheet", "Issue 1"
    fuels = book.create_sheet("Emission_Factors_&_CVs")
    fuels["A1"] = (
        f"Carbon emissions factors as used ({edition - 2} data as presented in the National Inventory Report)"
    )
    fuels["A2"] = "This worksheet contains 1 table. "
    for row, line in enumerate((HEADER, *LINES), start=5):
        for column, cell in enumerate(line, start=1):
            fuels.cell(row, column, cell)  # type: ignore[arg-type]
    zones = book.create_sheet("Regional_Natural_Gas_Data")
    zones["A1"] = f"Carbon dioxide emission factors for UK natural gas {edition - 1} [notes 13 to 17]"
    zones["A4"] = "Source: Network operators "
    table = (
        ZONE_HEADER,
        ("Eastern", "EA", 51.25, 56.5, 2005.25, 39.25, 35.5),
        ("Stornoway", "Stornoway", 59.5, 64.5, 5689.5, 95.75, 88.5),
        (),
        ("Notes",),
        ("The oxidation factor used for natural gas is 1",),
    )
    for row, line in enumerate(table, start=5):
        for column, cell in enumerate(line, start=1):
            zones.cell(row, column, cell)
    oxidation = book.create_sheet("Oxidation_Factors,Fuel_Density")
    oxidation["A1"] = "Unburnt Carbon Fractions "
    for row, line in enumerate(
        (
            ("Fuel", "Source", "Unburnt C Correction (%)", "Reference"),
            ("Coal", "Power Stations", 0.02, "an average"),
            (None, "Other", 0, "a guideline"),
            ("Fuel Density",),
            ("Fuel density data are available from: ", None, None, "elsewhere"),
        ),
        start=6,
    ):
        for column, cell in enumerate(line, start=1):
            oxidation.cell(row, column, cell)
    if edit is not None:
        edit(book)
    book.save(path)
    return path


def test_co2_is_the_publishers_and_carbon_stands_beside_it(tmp_path: Path) -> None:
    result = uk_ets.read(workbook(tmp_path / "f.xlsx"))
    coal = result.factors.filter(activity="coal-power-stations").sort("activity_unit")
    assert coal.select("activity_unit", "calorific_basis", "co2", "co2_unit").rows() == [
        ("TJ", "net", 92.5, "tonne/TJ"),
        ("tonne", None, 2200.0, "kt/Mt"),
    ]
    assert set(coal["year"]) == {2023}
    assert set(coal["version"]) == {"2025.0.0"}
    assert set(coal["kind"]) == {"sourced"}
    assert coal["gwp_set"].to_list() == [None, None]
    assert set(coal["cite_row"]) == {6}
    carbon = result.others["values"].filter(measure="carbon emission factor").row(0, named=True)
    assert (carbon["value"], carbon["unit"]) == (600.0, MASS)
    assert carbon["factor_id"] == coal["factor_id"][1]
    assert carbon["factor_id"] == (
        "uk-ets/inventory-factors/2025/1a1ai-public-electricity-generation-power-stations-coal/gb/2023/tonne"
    )
    assert contracts.failures(result.factors) == []


def test_units_change_from_row_to_row(tmp_path: Path) -> None:
    result = uk_ets.read(workbook(tmp_path / "f.xlsx"))
    gas = result.factors.filter(activity="sour-gas-power-stations", calorific_basis="gross").row(
        0, named=True
    )
    assert (gas["co2"], gas["co2_unit"], gas["calorific_basis"]) == (5.5, "kt/million_therm", "gross")
    heat = result.properties.filter(activity="sour-gas-power-stations", property="heat_content")
    assert heat.select("calorific_basis", "value", "unit").rows() == [
        ("gross", 38.0, "MJ/m3"),
        ("net", 34.2, "MJ/m3"),
    ]
    oxidation = result.properties.filter(activity="coal-power-stations", property="oxidation_factor")
    assert oxidation.select("value", "unit", "calorific_basis").rows() == [(0.98, "1", None)]


def test_categories_reach_down_and_notes_leave_the_name(tmp_path: Path) -> None:
    factors = uk_ets.read(workbook(tmp_path / "f.xlsx")).factors
    oil = factors.filter(activity_path=f"{POWER} > Power stations > Fuel Oil", activity_unit="tonne")
    assert oil["note"].to_list() == ["note 8 of the publication"]
    assert factors.filter(activity_path=f"{FARM} > All > Gas Oil").height == 2
    # An industry called All says nothing: its category does.
    assert set(factors["activity"]) == {
        "coal-power-stations",
        "fuel-oil-power-stations",
        "sour-gas-power-stations",
        "gas-oil-agriculture-forestry-fishing",
        "motor-gasoline-all-off-road-machinery",
        "natural-gas",
    }


def test_zones_are_regions(tmp_path: Path) -> None:
    result = uk_ets.read(workbook(tmp_path / "f.xlsx"))
    gas = result.factors.filter(activity="natural-gas", region="GB-LDZ-EA").sort("co2")
    assert gas.select("co2", "co2_unit", "activity_unit", "calorific_basis", "year").rows() == [
        (51.25, "tonne/TJ", "TJ", "gross", 2024),
        (56.5, "tonne/TJ", "TJ", "net", 2024),
        (2005.25, "g/m3", "m3", None, 2024),
    ]
    assert result.factors.filter(region="GB-LDZ-STORNOWAY").height == 3


def test_every_row_becomes_something_or_is_counted(tmp_path: Path) -> None:
    result = uk_ets.read(workbook(tmp_path / "f.xlsx"))
    assert result.skipped == {uk_ets.NOTE_INSTEAD: 2, uk_ets.FOOTNOTE: 4, uk_ets.BLANK: 1}
    used = {
        cell
        for table in (result.factors, result.properties, result.others["values"])
        for cell in table.select("cite_table", "cite_row").iter_rows()
    }
    assert result.rows_read == len(used) + sum(result.skipped.values())
    unburnt = result.others["values"].filter(measure="unburnt carbon").sort("value")
    assert unburnt.select("activity_path", "value", "unit").rows() == [
        ("Coal > Other", 0.0, "1"),
        ("Coal > Power Stations", 0.02, "1"),
    ]


def cell(sheet: str, address: str, value: object) -> Edit:
    def edit(book: Workbook) -> None:
        book[sheet][address] = value

    return edit


FUELS, ZONES = "Emission_Factors_&_CVs", "Regional_Natural_Gas_Data"


def test_co2_from_carbon_alone_is_derived_and_says_so(tmp_path: Path) -> None:
    factors = uk_ets.read(workbook(tmp_path / "f.xlsx", edit=cell(FUELS, "E7", "[note 1]"))).factors
    oil = factors.filter(activity="fuel-oil-power-stations", activity_unit="tonne").row(0, named=True)
    assert (oil["co2"], oil["kind"]) == (3190.0, "derived")
    assert oil["note"] == f"{uk_ets.DERIVED}; note 8 of the publication"


def test_editions_nobody_has_seen_and_the_older_name_of_a_column(tmp_path: Path) -> None:
    new = uk_ets.read(workbook(tmp_path / "f.xlsx", edition=2031))
    assert (new.editions, set(new.factors["year"])) == (("2031",), {2029, 2030})
    old = uk_ets.read(workbook(tmp_path / "f.xlsx", edition=2024, edit=cell(FUELS, "A5", "IPCC 2006 Sector")))
    assert old.factors.height == new.factors.height
    second = uk_ets.read(workbook(tmp_path / "f.xlsx", edit=cell("Cover", "A3", "Issue 2")))
    assert set(second.factors["version"]) == {"2025.0.1"}


def rename(old: str, new: str) -> Edit:
    def edit(book: Workbook) -> None:
        book[old].title = new

    return edit


def shift(sheet: str) -> Edit:
    def edit(book: Workbook) -> None:
        book[sheet].insert_cols(1)

    return edit


def double(book: Workbook) -> None:
    for column, value in enumerate(LINES[0], start=1):
        book[FUELS].cell(13, column).value = value  # type: ignore[assignment]


OXIDATION = "Oxidation_Factors,Fuel_Density"
BAD: dict[str, tuple[Edit, str, dict[str, object]]] = {
    "decimal comma": (cell(FUELS, "E6", "2200,0"), "CELL_NOT_A_NUMBER", {"row": 6, "column": "E"}),
    "text as heat": (cell(FUELS, "H6", "about 25"), "CELL_NOT_A_NUMBER", {"row": 6, "column": "H"}),
    "a figure missing": (cell(FUELS, "G6", None), "CELL_NOT_A_NUMBER", {"row": 6, "column": "G"}),
    "unknown unit": (cell(FUELS, "F6", "kt CO2 per Mt"), "UNIT_UNKNOWN", {"row": 6, "column": "F"}),
    "unknown heat unit": (cell(FUELS, "I6", "Btu/lb"), "UNIT_UNKNOWN", {"row": 6, "column": "I"}),
    "carbon and CO2 swapped": (
        cell(FUELS, "E6", 163.636363636),
        "CARBON_AND_CO2_DISAGREE",
        {"row": 6, "column": "E"},
    ),
    "no fuel": (cell(FUELS, "C7", None), "LAYOUT_UNKNOWN", {"row": 7}),
    "a category without its industry": (cell(FUELS, "B11", None), "LAYOUT_UNKNOWN", {"row": 11}),
    "a line twice": (double, "DUPLICATE_KEY", {}),
    "a column renamed": (cell(FUELS, "G5", "tCO2/TJ (gross)"), "LAYOUT_UNKNOWN", {"row": 5, "column": "G"}),
    "a column more": (cell(FUELS, "N5", "Source"), "LAYOUT_UNKNOWN", {"row": 5, "column": "N"}),
    "columns shifted": (shift(FUELS), "LAYOUT_UNKNOWN", {}),
    "zones shifted": (shift(ZONES), "LAYOUT_UNKNOWN", {}),
    "no year": (cell(FUELS, "A1", "Carbon emission factors"), "LAYOUT_UNKNOWN", {"row": 1, "column": "A"}),
    "no year of gas": (cell(ZONES, "A1", "Natural gas"), "LAYOUT_UNKNOWN", {"row": 1, "column": "A"}),
    "no edition": (cell("Cover", "A1", "Factors"), "LAYOUT_UNKNOWN", {"sheet": "Cover"}),
    "a zone without a code": (cell(ZONES, "B6", None), "LAYOUT_UNKNOWN", {"row": 6, "column": "B"}),
    "text in a zone": (cell(ZONES, "D6", "56,5"), "CELL_NOT_A_NUMBER", {"row": 6, "column": "D"}),
    "text as a share": (cell(OXIDATION, "C7", "2 %"), "CELL_NOT_A_NUMBER", {"row": 7, "column": "C"}),
    "a sheet renamed": (rename(ZONES, "Gas"), "SHEET_MISSING", {"file": "bad.xlsx"}),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    path = workbook(tmp_path / "bad.xlsx", edit=edit)
    with pytest.raises(GreenlangError) as refused:
        uk_ets.read(path)
    error = refused.value
    assert error.code == code, error
    assert error.found is not None
    assert error.expected is not None
    assert {"file": "bad.xlsx", **place}.items() <= error.where.items()


def test_a_truncated_workbook_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "f.xlsx")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(GreenlangError) as refused:
        uk_ets.read(path)
    assert refused.value.code == "WORKBOOK_UNREADABLE"
