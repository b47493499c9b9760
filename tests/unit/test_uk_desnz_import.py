"""The DESNZ importer: four layouts, CO2e by gas stays CO2e, what is no factor is kept or counted."""

from collections.abc import Callable
from pathlib import Path

import pytest
from factor_workbooks import (
    DESNZ_ROWS,
    desnz_workbook,
    desnz_xls,
    old_desnz_rows,
    old_desnz_workbook,
)
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import compound_file, uk_desnz
from greenlang_assets.core.factors.importers.base import ImportResult

FIGURES = ("co2e", "co2e_of_co2", "co2e_of_ch4", "co2e_of_n2o")
DIESEL = {"activity": "diesel", "activity_unit": "L"}
#: Rows of the years before 2023 that today's files do not have.
LOSSES = ("13", "Scope 3", "Transmission and distribution", "T&D- overseas electricity")
ABROAD = [
    (*LOSSES, "Electricity: Slovak Republic", None, None, "kWh", "kg CO2", 0.015),
    (*LOSSES, "Electricity: EU (average)", None, None, "kWh", "kg CO2", 0.025),
]
_ELECTRIC = (
    "Scope 2",
    "SECR kWh UK electricity for EVs",
    "Vans",
    "Class I",
    None,
    "Battery Electric Vehicle",
)
_MOTORBIKE = ("Scope 1", "Passenger and delivery vehicles- kWh factors", "Motorbike", "Small", None, None)
_MANAGED = ("Scope 3", "Managed assets- vehicles", "Managed cars (by size)", "Small car")


def test_gases_of_a_flat_file_are_co2e_and_never_masses(tmp_path: Path) -> None:
    result = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx"))
    row = result.factors.filter(**DIESEL).row(0, named=True)
    assert [row[part] for part in FIGURES] == [2.5, 2.46, 0.0003, 0.0397]
    assert (row["co2e_unit"], row["gwp_set"]) == ("kg/L", "AR5")
    for gas in ("co2", "ch4", "n2o", "co2_biogenic"):
        assert result.factors[gas].null_count() == result.factors.height
        assert result.factors[f"{gas}_unit"].null_count() == result.factors.height
    assert row["activity_path"] == "Fuels > Liquid fuels > Diesel (average biofuel blend)"
    assert (row["region"], row["scope"], row["version"], row["cite_row"]) == ("GB", "1", "2024.0.1", 7)
    assert row["cite_document"].endswith("2024, flat file v1.1")
    assert row["cite_publisher"] == "UK DESNZ"


def test_units_and_bases(tmp_path: Path) -> None:
    rows = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx")).factors
    assert rows.filter(activity="diesel", activity_unit="kWh")["calorific_basis"].to_list() == ["gross"]
    # A factor whose total is not published keeps the parts that are.
    car = rows.filter(activity_unit="vehicle_km").row(0, named=True)
    assert (car["co2e"], car["co2e_of_co2"], car["scope"]) == (None, 0.138, "1")
    assert rows.filter(scope="outside").height == 1


def accounted(result: ImportResult) -> int:
    """Rows that are a figure of a factor, a published value, or counted as skipped."""
    figures = sum(result.factors.select(FIGURES).count().row(0))
    values = result.others["values"].height if "values" in result.others else 0
    return figures + values + sum(result.skipped.values())


def test_every_row_is_a_figure_or_counted(tmp_path: Path) -> None:
    result = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx"))
    assert result.skipped == {
        uk_desnz.NO_VALUE: 1,
        uk_desnz.BELOW_ONE: 1,
        uk_desnz.END_MARK: 1,
        uk_desnz.BLANK: 1,
    }
    assert result.rows_read == accounted(result)


def test_energy_for_secr_is_a_published_value(tmp_path: Path) -> None:
    result = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx"))
    row = result.others["values"].row(0, named=True)
    assert (row["value"], row["unit"], row["factor_id"]) == (0.3, "kWh[net]/vehicle_km", None)
    assert row["measure"] == "energy use, net calorific value"
    assert row["cite_row"] == 15
    assert not result.factors["activity_path"].str.contains("SECR").any()


def test_the_first_version_of_an_edition(tmp_path: Path) -> None:
    rows = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx", edition=2025, version=1)).factors
    assert set(rows["version"]) == {"2025.0.0"}
    assert set(rows["year"]) == {2025}


@pytest.mark.parametrize(
    ("printed", "meant"),
    [("1.01", "2024.0.1"), ("1.03", "2024.0.3"), ("1.1", "2024.0.1"), ("3", "2024.0.200")],
)
def test_corrections_count_upwards(printed: str, meant: str, tmp_path: Path) -> None:
    rows = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx", version=printed)).factors
    assert set(rows["version"]) == {meant}


def test_a_year_nobody_has_seen_is_read_in_a_known_layout(tmp_path: Path) -> None:
    rows = uk_desnz.read(desnz_workbook(tmp_path / "f.xlsx", edition=2031)).factors
    assert (set(rows["edition"]), set(rows["year"]), set(rows["gwp_set"])) == ({"2031"}, {2031}, {"AR5"})


def old(tmp_path: Path, edition: int, further: list[tuple[object, ...]] | None = None) -> ImportResult:
    rows = old_desnz_rows(edition, further or [])
    if edition < 2018:
        return uk_desnz.read(old_desnz_workbook(tmp_path / "f.xlsx", edition, rows, "1.01"))
    return uk_desnz.read(desnz_xls(tmp_path / "f.xls", edition, rows))


@pytest.mark.parametrize("edition", [2016, 2017, 2018, 2019, 2020, 2021, 2022])
def test_the_layouts_before_2023(edition: int, tmp_path: Path) -> None:
    result = old(tmp_path, edition)
    row = result.factors.filter(**DIESEL).row(0, named=True)
    # "kg CH4" is kg CO2e of CH4: its figures add up to the total.
    assert [row[part] for part in FIGURES] == [2.5, 2.46, 0.0003, 0.0397]
    assert (row["gwp_set"], row["year"], row["cite_publisher"]) == ("AR4", edition, "UK BEIS")
    assert row["factor_id"].startswith(f"uk-desnz/conversion-factors/{edition}/fuels-liquid-fuels-diesel")
    assert row["cite_row"] == 6
    assert result.rows_read == accounted(result)
    # "UOM (simple)" says miles in every row of the fixture: it is not read.
    assert set(result.factors["activity_unit"]) == {"L", "kWh", "vehicle_km", "kg"}


def test_fuels_of_the_older_files_are_the_fuels_of_today(tmp_path: Path) -> None:
    gas = ("Fuels", "Gaseous fuels", "Natural gas", None)
    oil = ("WTT- fuels", "WTT- liquid fuels", "Gas oil", None)
    rows = old(
        tmp_path,
        2019,
        [
            ("20", "Scope 1", *gas, "Volume", "cubic metres", "kg CO2e", 2.1),
            ("21", "Scope 1", *gas, "Energy - Net CV", "kWh (Net CV)", "kg CO2e", 0.21),
            ("22", "Scope 1", *gas[:2], "LPG", None, "Volume", "Litres", "kg CO2e", 1.6),
            ("23", "Scope 3", *oil, "Volume", "litres", "kg CO2e", 0.6),
        ],
    ).factors
    assert rows.filter(activity="natural-gas")["co2e"].to_list() == [0.21, 2.1]
    assert rows.filter(activity="lpg", activity_unit="L")["co2e"].to_list() == [1.6]
    assert rows.filter(activity="wtt-fuels-liquid-fuels-gas-oil")["co2e"].to_list() == [0.6]


def test_electricity_abroad_has_its_country(tmp_path: Path) -> None:
    rows = old(tmp_path, 2016, ABROAD).factors.filter(
        activity="overseas-electricity-transmission-and-distribution"
    )
    assert rows.select("region", "co2e_of_co2", "not_counted").rows() == [
        ("GROUP-EU", 0.025, uk_desnz.AVERAGE),
        ("SK", 0.015, None),
    ]
    atlantis = [(*LOSSES, "Electricity: Atlantis", None, None, "kWh", "kg CO2", 0.015)]
    with pytest.raises(GreenlangError) as refused:
        old(tmp_path, 2016, atlantis)
    assert (refused.value.code, refused.value.where["row"]) == ("REGION_UNKNOWN", 18)


def test_slips_in_the_labels_of_energy_rows(tmp_path: Path) -> None:
    result = old(
        tmp_path,
        2021,
        [("30", *_ELECTRIC, "km", "`", 0.25), ("31", *_ELECTRIC, "miles", "kWh", 0.5)],
    )
    values = result.others["values"].filter(measure="electricity use").sort("value")
    assert values.select("value", "unit").rows() == [(0.25, "kWh/vehicle_km"), (0.5, "kWh/vehicle_mile")]
    # No figure and no label: there is nothing to keep.
    empty = old(tmp_path, 2022, [("32", *_MOTORBIKE, "km", None, None)])
    assert empty.skipped[uk_desnz.NO_VALUE] == 2
    with pytest.raises(GreenlangError) as refused:
        old(tmp_path, 2022, [("32", *_MOTORBIKE, "km", None, 0.2)])
    assert refused.value.code == "GAS_UNKNOWN"


def test_a_zero_for_an_empty_level_does_not_split_a_factor(tmp_path: Path) -> None:
    rows = old(
        tmp_path,
        2021,
        [
            ("40", *_MANAGED, None, "Diesel", "km", "kg CO2e", 0.15),
            ("41", *_MANAGED, "0", "Diesel", "km", "kg CO2", 0.149),
            ("42", *_MANAGED, "0", "Diesel", "km", "kg CH4", 0.0),
            ("43", *_MANAGED, "0", "Diesel", "km", "kg N2O", 0.001),
        ],
    ).factors
    (row,) = rows.filter(activity_path=" > ".join((*_MANAGED[1:], "Diesel"))).iter_rows(named=True)
    assert [row[part] for part in FIGURES] == [0.15, 0.149, 0.0, 0.001]


def test_labels_of_masses_are_believed_only_when_the_figures_are_co2e(tmp_path: Path) -> None:
    masses = [
        (*row[:-1], 0.000012) if row[-2:] == ("kg CH4", 0.0003) else row for row in old_desnz_rows(2016)
    ]
    with pytest.raises(GreenlangError) as refused:
        uk_desnz.read(old_desnz_workbook(tmp_path / "f.xlsx", 2016, masses, "1.01"))
    assert refused.value.code == "GAS_UNIT_UNKNOWN"
    assert refused.value.where["sheet"] == "Factors by Category"


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
    "text as an energy": (cell("J15", "n/a"), "CELL_NOT_A_NUMBER", {"row": 15, "column": "J"}),
    "unknown unit": (cell("H7", "pints"), "UNIT_UNKNOWN", {"row": 7, "column": "H"}),
    "no unit": (cell("H7", None), "UNIT_UNKNOWN", {"row": 7, "column": "H"}),
    "gas of another layout": (cell("I8", "kg CH4"), "GAS_UNKNOWN", {"row": 8, "column": "I"}),
    "energy outside SECR": (cell("I8", "kWh (net)"), "GAS_UNKNOWN", {"row": 8, "column": "I"}),
    "unknown scope": (cell("B7", "Scope 4"), "SCOPE_UNKNOWN", {"row": 7, "column": "B"}),
    "a row twice": (doubled, "DUPLICATE_KEY", {"row": 8}),
    "a column more": (cell("K6", "Lookup"), "LAYOUT_UNKNOWN", {"row": 6}),
    "a column renamed": (cell("H6", "Unit"), "LAYOUT_UNKNOWN", {}),
    "columns shifted": (lambda sheet: sheet.insert_cols(1), "LAYOUT_UNKNOWN", {"row": 6}),
    "no header": (lambda sheet: sheet.delete_rows(6), "LAYOUT_UNKNOWN", {}),
    "no edition": (cell("J6", "GHG Conversion Factor"), "LAYOUT_UNKNOWN", {"row": 6}),
    "GWPs of no set": (cell("J17", 26), "GWP_SET_UNKNOWN", {"row": 6, "column": "J"}),
    "no methane": (cell("E17", "Butane"), "GWP_SET_UNKNOWN", {"row": 6, "column": "J"}),
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


def test_a_renamed_sheet_is_refused(tmp_path: Path) -> None:
    def rename(sheet: Worksheet) -> None:
        sheet.title = "Factors"

    error = refusal(desnz_workbook(tmp_path / "f.xlsx", edit=rename))
    assert (error.code, error.expected) == ("SHEET_MISSING", "Factors by Category")


def test_a_front_page_without_a_version_is_refused(tmp_path: Path) -> None:
    assert refusal(desnz_workbook(tmp_path / "f.xlsx", version=None)).code == "LAYOUT_UNKNOWN"


@pytest.mark.parametrize("lost", [1, 512, 2048, 5000])
def test_an_old_workbook_that_lost_its_end_is_refused(lost: int, tmp_path: Path) -> None:
    path = desnz_xls(tmp_path / "f.xls", 2018, old_desnz_rows(2018))
    path.write_bytes(path.read_bytes()[:-lost])
    error = refusal(path)
    assert error.code == "WORKBOOK_UNREADABLE"
    assert error.where["file"] == "f.xls"


def test_a_container_that_is_none_is_refused(tmp_path: Path) -> None:
    path = desnz_xls(tmp_path / "f.xls", 2018, old_desnz_rows(2018))
    data = path.read_bytes()
    assert compound_file.defect(data) is None
    for broken in (data[:300], data[:26] + b"\0" * 6 + data[32:], data[:44] + b"\xff" * 4 + data[48:]):
        path.write_bytes(broken)
        assert refusal(path).code == "WORKBOOK_UNREADABLE"
