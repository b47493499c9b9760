"""ecoinvent, from a copy of one's own: climate change without biogenic CO2, its set by method and version."""

from collections.abc import Callable
from pathlib import Path

import pytest
from factor_texts import ECOINVENT_INDICATORS, ecoinvent_workbook
from openpyxl.worksheet.worksheet import Worksheet

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import ecoinvent
from greenlang_assets.core.factors.publishers import publisher

NAME = "Cut-off Cumulative LCIA v3.11.xlsx"


def test_a_dataset_is_a_factor_by_the_newest_method(tmp_path: Path) -> None:
    result = ecoinvent.read(ecoinvent_workbook(tmp_path / NAME))
    row = result.factors.filter(region="WORLD").row(0, named=True)
    assert (row["co2e"], row["co2e_unit"], row["gwp_set"], row["activity_unit"]) == (
        2.0,
        "kg/kg",
        "AR6",
        "kg",
    )
    assert (row["dataset"], row["edition"], row["version"], row["year"]) == (
        "cut-off-lcia", "3.11", "3.11.0", 2024,
    )  # fmt: skip
    assert row["activity_path"] == "market for invented good > invented good"
    assert "not for redistribution" in row["cite_licence"]
    assert (row["cite_table"], row["cite_row"], row["scope"]) == ("LCIA", 5, "3")
    assert row["factor_id"].endswith("/kg/00000001-00000001")
    assert not contracts.failures(result.factors)


def test_regions_units_and_treatments(tmp_path: Path) -> None:
    rows = ecoinvent.read(ecoinvent_workbook(tmp_path / NAME)).factors
    found = {
        region: (unit, note) for region, unit, note in rows.select("region", "activity_unit", "note").rows()
    }
    assert set(found) == {"WORLD", "CA-QC", "GROUP-EUROPE-WITHOUT-SWITZERLAND"}
    assert found["CA-QC"][0] == "kWh"
    assert found["GROUP-EUROPE-WITHOUT-SWITZERLAND"][1].endswith(
        "geography Europe without Switzerland; treatment of one unit"
    )


def test_every_row_is_a_factor_or_counted(tmp_path: Path) -> None:
    result = ecoinvent.read(ecoinvent_workbook(tmp_path / NAME))
    # Acidification, IPCC 2013, GWP20, and the total without long-term emissions are left where they are.
    assert result.skipped == {
        ecoinvent.NO_RESULT: 1,
        ecoinvent.NEGATIVE: 1,
        ecoinvent.OTHER_INDICATORS: 4,
    }
    assert result.rows_read == result.factors.height + 2
    values = result.others["values"]
    parts = values.filter(measure="IPCC 2021 climate change: fossil")
    assert sorted(parts["value"]) == [0.25, 0.5, 1.5, 2.5]
    negative = values.filter(measure="IPCC 2021 climate change").row(0, named=True)
    assert (negative["value"], negative["unit"], negative["factor_id"]) == (-1.0, "kg/tonne_km", None)


@pytest.mark.parametrize(
    ("name", "method", "expected"),
    [
        ("Cut-off Cumulative LCIA v3.8.xlsx", "IPCC 2013", ("AR5", 8.5, 2021)),
        ("cutoff_cumulative_lcia_v3.1.xlsx", "IPCC 2013", ("AR5-feedbacks", 8.5, 2014)),
        ("APOS Cumulative LCIA v3.5.xlsx", "IPCC 2007", ("AR4", 8.5, 2018)),
        ("Cut-off Cumulative LCIA v3.14.1.xlsx", "IPCC 2021", ("AR6", 8.5, 2027)),
    ],
)
def test_versions_and_their_methods(
    name: str, method: str, expected: tuple[object, ...], tmp_path: Path
) -> None:
    kept = [ECOINVENT_INDICATORS[0], (method, *ECOINVENT_INDICATORS[1][1:])]
    rows = ecoinvent.read(ecoinvent_workbook(tmp_path / name, indicators=kept)).factors
    assert rows.filter(region="WORLD").select("gwp_set", "co2e", "year").row(0) == expected


def cell(address: str, value: object) -> Callable[[Worksheet], None]:
    def edit(sheet: Worksheet) -> None:
        sheet[address] = value

    return edit


BAD: dict[str, tuple[Callable[[Worksheet], None], str, dict[str, object]]] = {
    "text as a result": (cell("J5", "n/a"), "CELL_NOT_A_NUMBER", {"row": 5, "column": "J"}),
    "decimal comma": (cell("J5", "2,5"), "CELL_NOT_A_NUMBER", {"row": 5, "column": "J"}),
    "unknown unit": (cell("E5", "lb"), "UNIT_UNKNOWN", {"row": 5, "column": "E"}),
    "another amount": (cell("F5", 1000), "AMOUNT_UNKNOWN", {"row": 5, "column": "F"}),
    "no UUIDs": (cell("A5", "good"), "LAYOUT_UNKNOWN", {"row": 5, "column": "A"}),
    "no geography": (cell("C5", None), "LAYOUT_UNKNOWN", {"row": 5, "column": "C"}),
    "grams": (cell("J4", "g CO2-Eq"), "UNIT_UNKNOWN", {"row": 4, "column": "J"}),
    "names renamed": (cell("C4", "Location"), "LAYOUT_UNKNOWN", {"row": 4, "column": "C"}),
    "an indicator without a method": (cell("J1", None), "LAYOUT_UNKNOWN", {"row": 4, "column": "J"}),
    "an indicator twice": (
        cell("I2", "climate change: total (excl. biogenic CO2)"), "DUPLICATE_KEY", {"row": 4, "column": "J"},
    ),
    "a dataset twice": (lambda sheet: _copy(sheet, 5, 6), "DUPLICATE_KEY", {"row": 6}),
    "header shifted down": (lambda sheet: sheet.insert_rows(1), "LAYOUT_UNKNOWN", {}),
    "a row of headers lost": (lambda sheet: sheet.delete_rows(2), "LAYOUT_UNKNOWN", {}),
    "no climate change": (lambda sheet: sheet.delete_cols(8, 9), "INDICATOR_MISSING", {}),
    "sheet renamed": (lambda sheet: setattr(sheet, "title", "Results"), "SHEET_MISSING", {}),
}  # fmt: skip


def _copy(sheet: Worksheet, source: int, target: int) -> None:
    for column in range(1, 13):
        sheet.cell(target, column).value = sheet.cell(source, column).value


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    with pytest.raises(GreenlangError) as refused:
        ecoinvent.read(ecoinvent_workbook(tmp_path / NAME, edit))
    assert refused.value.code == code, refused.value
    assert {"file": NAME, **place}.items() <= refused.value.where.items()


def test_a_name_without_model_or_version_is_refused(tmp_path: Path) -> None:
    for name in ("LCIA v3.11.xlsx", "Cut-off Cumulative LCIA.xlsx", "Cut-off Cumulative LCIA v4.0.xlsx"):
        with pytest.raises(GreenlangError) as refused:
            ecoinvent.read(ecoinvent_workbook(tmp_path / name))
        assert refused.value.code == "EDITION_UNKNOWN"


def test_a_truncated_workbook_is_refused(tmp_path: Path) -> None:
    path = ecoinvent_workbook(tmp_path / NAME)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(GreenlangError) as refused:
        ecoinvent.read(path)
    assert refused.value.code == "WORKBOOK_UNREADABLE"


def test_no_file_of_it_ships() -> None:
    assert publisher("ecoinvent").files == {}
