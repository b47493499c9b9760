"""The Base Carbone importer: elements are factors, their stages are not, and every row is accounted for."""

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ademe_workbooks import HEADER, ROWS, cell, column, workbook
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import ademe_base_carbone as ademe
from greenlang_assets.core.factors.importers.ademe_base_carbone_tables import UNITS, place, unit
from greenlang_assets.core.factors.importers.base import ImportResult
from greenlang_assets.core.units import conversion


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ImportResult:
    return ademe.read(workbook(tmp_path_factory.mktemp("ademe") / "Base.xlsx"))


def factor(result: ImportResult, number: int) -> dict[str, Any]:
    """The factor made of an element."""
    return next(
        row for row in result.factors.iter_rows(named=True) if row["factor_id"].endswith(f"/{number}")
    )


def values(result: ImportResult, number: int) -> dict[str, float]:
    """The published values of an element, by what they measure."""
    rows = result.others["values"].iter_rows(named=True)
    return {row["measure"]: row["value"] for row in rows if row["value_id"].endswith(f"/{number}")}


def test_an_element_is_a_factor_and_its_gases_are_co2e(result: ImportResult) -> None:
    row = factor(result, 1)
    assert row["activity_path"] == (
        "Combustibles > Fossiles > Gazeux > Gaz naturel > Gaz naturel - 2022 > mix moyen > consommation"
    )
    assert (row["activity"], row["region"], row["year"]) == ("natural-gas-life-cycle", "FR", 2022)
    assert (row["activity_unit"], row["calorific_basis"], row["co2e_unit"]) == ("kWh", "net", "kg/kWh")
    assert (row["co2e"], row["co2e_of_co2"], row["co2e_of_ch4"], row["co2e_of_n2o"]) == (
        0.25,
        0.235,
        0.0125,
        0.0025,
    )
    assert (row["co2e_of_ch4_biogenic"], row["co2e_of_other"], row["co2e_of_co2_biogenic"]) == (0, 0, 0)
    assert (row["gwp_set"], row["uncertainty_percent"], row["data_quality"]) == ("AR5", 5, "4.5 (TeR 4)")
    assert (row["valid_to"], row["not_counted"], row["cite_row"]) == (dt.date(2025, 2, 28), None, 2)
    assert row["note"] == "total over its stages: Combustion, Amont"
    assert (row["edition"], row["version"], row["cite_document"]) == ("V23.6", "23.6.0", "Base Carbone V23.6")
    for gas in ("co2", "ch4", "ch4_biogenic", "n2o", "co2_biogenic"):
        assert result.factors[gas].null_count() == result.factors.height
    assert contracts.failures(result.factors) == []


def test_stages_belong_to_their_element_and_are_no_factors(result: ImportResult) -> None:
    stages = values(result, 1)
    assert (stages["stage Combustion"], stages["stage Amont, puits"]) == (0.2, 0.05)
    assert stages["stage Combustion: CO2f"] == 0.19
    rows = result.others["values"].filter(measure="stage Combustion").row(0, named=True)
    assert rows["factor_id"] == factor(result, 1)["factor_id"]
    assert (rows["unit"], rows["cite_row"]) == ("kgCO2e/kWh PCI", 3)


def test_every_row_is_a_factor_or_counted(result: ImportResult) -> None:
    assert result.skipped == {
        ademe.STAGE: 2,
        ademe.DATA: 1,
        ademe.PROPERTY: 1,
        ademe.NEGATIVE: 1,
        ademe.UNDATED: 1,
    }
    assert result.rows_read == len(ROWS) == result.factors.height + sum(result.skipped.values())
    assert result.notes == ("sheets that are not the publisher's and were not read: F1",)


def test_gross_and_net_and_what_is_archived(result: ImportResult) -> None:
    assert factor(result, 2)["calorific_basis"] == "gross"
    archived = factor(result, 3)
    assert (archived["activity_unit"], archived["not_counted"]) == ("toe", ademe.ARCHIVED)
    assert archived["gwp_set"] == "unstated"


def test_names_lose_the_quotes_of_exports_and_keep_their_own(result: ImportResult) -> None:
    assert factor(result, 4)["activity_path"] == 'Achats > Repas > Barre "équilibre" aux fruits'
    assert ademe.unquoted('"""Propres"" (Broyat criblé)"') == '"Propres" (Broyat criblé)'
    assert ademe.unquoted("Tannage ''wet white'' du cuir") == "Tannage ''wet white'' du cuir"
    # A sign of comparison is no level of the path.
    assert factor(result, 5)["activity_path"].split(" > ")[-3:] == ["Moto >250 cm3", "Mixte", "2023"]


def test_gwp_sets(result: ImportResult) -> None:
    found = {number: factor(result, number)["gwp_set"] for number in (4, 5, 11, 12)}
    assert found == {4: "unstated", 5: "AR5", 11: "AR5", 12: "AR6"}


def test_years_of_units_validities_names_and_creation(result: ImportResult) -> None:
    found = {number: factor(result, number)["year"] for number in (4, 5, 6, 11, 12)}
    assert found == {4: 2023, 5: 2023, 6: 2021, 11: 2019, 12: 2014}
    assert (factor(result, 11)["valid_from"], factor(result, 11)["valid_to"]) == (
        dt.date(2019, 1, 1),
        dt.date(2019, 12, 31),
    )
    assert factor(result, 12)["note"] == "validity as printed: 3 ans"


def test_money_has_a_year_or_is_no_factor(result: ImportResult) -> None:
    row = factor(result, 6)
    # 110 kg per thousand euros is 110 g per euro: the figure stays as printed.
    assert (row["activity_unit"], row["co2e"], row["co2e_unit"]) == ("EUR[2021]", 110, "g/EUR[2021]")
    assert values(result, 7) == {"emission factor": 367}


def test_removals_are_values(result: ImportResult) -> None:
    assert values(result, 8) == {"removal or avoided emission": -4300}
    row = result.others["values"].filter(measure="removal or avoided emission").row(0, named=True)
    assert (row["factor_id"], row["unit"], row["region"]) == (None, "kgCO2e/ha.an", "FR")
    assert row["activity_path"].endswith("Chêne > Alsace")


def test_negative_parts_stand_beside_the_total(result: ImportResult) -> None:
    row = factor(result, 13)
    assert (row["co2e"], row["co2e_of_co2"], row["co2e_of_n2o"], row["co2e_of_co2_biogenic"]) == (
        0.45,
        None,
        None,
        None,
    )
    assert values(result, 13) == {
        "part of the total: CO2f": -0.05,
        "part of the total: CH4f": 0.05,
        "part of the total: CH4b": 0,
        "part of the total: N2O": 0.45,
        "part of the total: Autres GES": 0,
        "part of the total: CO2b": -2.5,
    }
    assert row["valid_to"] == dt.date(2018, 12, 31)


def test_an_extra_gas_is_the_other_gas_and_two_stand_beside(result: ImportResult, tmp_path: Path) -> None:
    row = factor(result, 11)
    assert (row["co2e_of_other"], row["note"]) == (0.03, "other gases: SF6")
    assert (row["region"], row["activity"]) == ("RE", "grid-electricity-life-cycle")
    both = [{**ROWS[12], "other": 0.05, "total": 0.7}]
    made = ademe.read(workbook(tmp_path / "b.xlsx", both))
    assert factor(made, 11)["co2e_of_other"] is None
    assert values(made, 11) == {"part of the total: SF6 (1)": 0.03, "part of the total: Autres GES": 0.05}


def test_fuel_properties(result: ImportResult) -> None:
    row = result.properties.row(0, named=True)
    assert (row["property"], row["value"], row["unit"], row["calorific_basis"]) == (
        "heat_content",
        42.5,
        "GJ/tonne",
        "net",
    )
    assert (row["activity"], row["cite_row"]) == ("diesel", 12)


def test_what_belongs_to_one_producer_says_so(tmp_path: Path) -> None:
    made = ademe.read(workbook(tmp_path / "b.xlsx", [{**ROWS[5], "status": "Valide spécifique"}]))
    assert (factor(made, 4)["note"], factor(made, 4)["not_counted"]) == ("specific to one producer", None)


def test_of_one_identity_the_newer_element_counts(tmp_path: Path) -> None:
    newer = {**ROWS[4], "status": "Valide générique", "created": dt.date(2025, 4, 24)}
    older = {**newer, "id": 99, "created": dt.date(2023, 9, 27)}
    made = ademe.read(workbook(tmp_path / "b.xlsx", [newer, older]))
    assert factor(made, 3)["not_counted"] is None
    assert factor(made, 99)["not_counted"] == ademe.REPEATED


def test_an_edition_nobody_has_seen(tmp_path: Path) -> None:
    later = {**ROWS[4], "name": "Gaz naturel - 2027", "modified": dt.date(2028, 5, 17)}
    made = ademe.read(workbook(tmp_path / "b.xlsx", [later], edition="V31.0"))
    row = factor(made, 3)
    assert (row["edition"], row["version"], row["year"]) == ("V31.0", "31.0.0", 2027)


def test_places_that_the_region_does_not_say_stay_in_the_path(tmp_path: Path) -> None:
    town = {**ROWS[5], "within": "Bretagne, Rennes"}
    abroad = {**ROWS[5], "id": 14, "place": "Autre pays du monde", "within": "Côte d'Ivoire"}
    lost = {**ROWS[5], "id": 15}
    path = workbook(
        tmp_path / "b.xlsx",
        [town, abroad, lost],
        edit=lambda sheet: set_cell(sheet, cell("within", 4), "#N/A"),
    )
    made = ademe.read(path)
    assert factor(made, 4)["activity_path"].endswith("> Bretagne, Rennes")
    assert (factor(made, 4)["region"], factor(made, 14)["region"]) == ("FR", "CI")
    assert factor(made, 15)["note"] == "place within the region printed as #N/A"


def set_cell(sheet: Worksheet, address: str, value: object) -> None:
    sheet[address] = value
    if value == "#N/A":
        sheet[address].data_type = "e"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-12-01 00:00:00", (None, dt.date(2017, 12, 1), None)),
        ("2026", (None, dt.date(2026, 12, 31), None)),
        ("déc.-20", (None, dt.date(2020, 12, 31), None)),
        ("févr.-24", (None, dt.date(2024, 2, 29), None)),
        ("44286", (None, dt.date(2021, 3, 31), None)),
        ("Données valides pour l'année 2024", (dt.date(2024, 1, 1), dt.date(2024, 12, 31), None)),
        ("5ème rapport du GIEC (2013)", (None, None, "validity as printed: 5ème rapport du GIEC (2013)")),
        (None, (None, None, None)),
    ],
)
def test_validities_as_printed(text: str | None, expected: tuple[object, ...]) -> None:
    assert ademe.validity(text) == expected


def test_every_unit_of_the_table_is_a_mass_per_activity() -> None:
    for printed in UNITS:
        found = unit(f"kgCO2e/{printed}", "")
        assert found is not None
        assert conversion(f"{found.figure}*{found.activity}", "kg") == 1


def test_units_and_places_that_are_not_there() -> None:
    assert unit("gCO2e/kWh", "") is None
    assert unit("kgCO2e/kWh PCX", "") is None
    assert unit("kgCO2e/km", "Transport de personnes > Ferroviaire") == ("km", "kg/km", None)
    assert place("France", None) is None
    assert place("Autre pays du monde", "Atlantide") is None
    assert place("Outre-mer", "Tahiti") == ("PF", False)


def put(name: str, value: object, row: int = 2) -> Callable[[Worksheet], None]:
    return lambda sheet: set_cell(sheet, cell(name, row), value)


def without_last_column(sheet: Worksheet) -> None:
    sheet.delete_cols(len(HEADER))


def another_sheet(sheet: Worksheet) -> None:
    sheet.title = "Données"


BAD: dict[str, tuple[Callable[[Worksheet], None], str, dict[str, object]]] = {
    "decimal comma": (put("total", "0,25"), "CELL_NOT_A_NUMBER", {"row": 2, "column": column("total")}),
    "text as a figure": (put("CO2f", "voir note"), "CELL_NOT_A_NUMBER", {"row": 2, "column": column("CO2f")}),
    "no figure": (put("total", None), "CELL_NOT_A_NUMBER", {"row": 2}),
    "no gas": (put("N2O", None), "CELL_NOT_A_NUMBER", {"row": 2, "column": column("N2O")}),
    "an error as a figure": (put("total", "#N/A"), "CELL_IS_AN_ERROR", {"row": 2, "column": column("total")}),
    "masses instead of CO2e": (put("CH4f", 0.0004), "PARTS_DO_NOT_ADD_UP", {"row": 2}),
    "unknown unit": (put("unit", "kgCO2e/pinte"), "UNIT_UNKNOWN", {"row": 2, "column": column("unit")}),
    "another mass": (put("unit", "gCO2e/kWh PCI"), "UNIT_UNKNOWN", {"row": 2, "column": column("unit")}),
    "no unit": (put("unit", None), "UNIT_UNKNOWN", {"row": 2}),
    "unknown status": (put("status", "Brouillon"), "STATUS_UNKNOWN", {"row": 2, "column": column("status")}),
    "unknown structure": (put("structure", "éclaté"), "STRUCTURE_UNKNOWN", {"row": 2}),
    "unknown line": (put("line", "Ligne"), "LINE_UNKNOWN", {"row": 2, "column": "A"}),
    "unknown type": (put("type", "Autre"), "LINE_UNKNOWN", {"row": 2, "column": "D"}),
    "unknown region": (put("place", "Lune"), "REGION_UNKNOWN", {"row": 2, "column": column("place")}),
    "unknown territory": (put("within", "Atlantide", 14), "REGION_UNKNOWN", {"column": column("within")}),
    "no date": (put("created", "un jour"), "DATE_UNKNOWN", {"row": 2, "column": column("created")}),
    "impossible day": (put("created", "2024-02-31"), "DATE_UNKNOWN", {"row": 2}),
    "an element twice": (put("id", 1, 5), "DUPLICATE_KEY", {"row": 5, "column": "B"}),
    "a stage of nothing": (put("id", 77, 3), "STAGE_WITHOUT_ELEMENT", {"row": 3, "column": "B"}),
    "a stage without a name": (put("stage", None, 3), "LAYOUT_UNKNOWN", {"row": 3}),
    "no name": (put("name", None), "LAYOUT_UNKNOWN", {"row": 2, "column": "F"}),
    "mojibake in the header": (put("status", "Statut de l'Ã©lÃ©ment", 1), "LAYOUT_UNKNOWN", {"column": "E"}),
    "a column renamed": (put("total", "Total", 1), "LAYOUT_UNKNOWN", {"row": 1, "column": column("total")}),
    "a column more": (lambda sheet: set_cell(sheet, "BP1", "Note"), "LAYOUT_UNKNOWN", {"column": "BP"}),
    "a column less": (without_last_column, "LAYOUT_UNKNOWN", {"row": 1, "column": "BO"}),
    "columns shifted": (lambda sheet: sheet.insert_cols(1), "LAYOUT_UNKNOWN", {"row": 1}),
    "header shifted": (lambda sheet: sheet.insert_rows(1), "LAYOUT_UNKNOWN", {"row": 1}),
    "nothing below": (lambda sheet: sheet.delete_rows(2, 99), "LAYOUT_UNKNOWN", {"row": 1}),
    "sheet renamed": (another_sheet, "SHEET_MISSING", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, where = BAD[case]
    with pytest.raises(GreenlangError) as refused:
        ademe.read(workbook(tmp_path / "bad.xlsx", edit=edit))
    error = refused.value
    assert error.code == code, error
    assert error.found is not None
    assert error.expected is not None
    assert {"file": "bad.xlsx", **where}.items() <= error.where.items()


def test_a_truncated_workbook_and_a_bomb_are_refused(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "whole.xlsx").read_bytes()
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(whole[: len(whole) // 2])
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    for path, code in ((cut, "WORKBOOK_UNREADABLE"), (bomb, "WORKBOOK_TOO_LARGE")):
        with pytest.raises(GreenlangError) as refused:
            ademe.read(path)
        assert refused.value.code == code
