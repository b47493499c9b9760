"""With the workbooks of the UK inventory factors: openpyxl reads the same, and nothing is left out."""

import os
import re
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import uk_ets
from greenlang_assets.core.factors.importers.base import ImportResult
from greenlang_assets.core.factors.publishers import publisher

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200
FUELS, ZONES, OXIDATION = uk_ets.FUEL_SHEET, uk_ets.ZONE_SHEET, uk_ets.OXIDATION_SHEET
EDITIONS = {name[-4:]: relative for name, relative in publisher("uk-ets").files.items()}
#: Sheet and unit of activity -> the column that holds the figure.
COLUMNS = {
    (FUELS, "tonne", None): "E",
    (FUELS, "therm", "gross"): "E",
    (FUELS, "TJ", "net"): "G",
    (ZONES, "TJ", "gross"): "C",
    (ZONES, "TJ", "net"): "D",
    (ZONES, "m3", None): "E",
}


@pytest.fixture(scope="module")
def results() -> dict[str, ImportResult]:
    assert FOLDER is not None
    return {edition: uk_ets.read(Path(FOLDER) / relative) for edition, relative in EDITIONS.items()}


@pytest.fixture(scope="module")
def books() -> dict[str, Workbook]:
    assert FOLDER is not None
    return {
        edition: openpyxl.load_workbook(Path(FOLDER) / relative, data_only=True)
        for edition, relative in EDITIONS.items()
    }


@pytest.mark.parametrize("edition", EDITIONS)
def test_sampled_rows_as_a_second_reader_reads_them(
    edition: str, results: dict[str, ImportResult], books: dict[str, Workbook]
) -> None:
    factors = results[edition].factors
    for row in factors.sample(min(SAMPLE, factors.height), seed=5).iter_rows(named=True):
        sheet = books[edition][row["cite_table"]]
        at = row["cite_row"]
        column = COLUMNS[row["cite_table"], row["activity_unit"], row["calorific_basis"]]
        assert float(sheet[f"{column}{at}"].value) == row["co2"], row["factor_id"]
        label = sheet[f"{'C' if row['cite_table'] == FUELS else 'A'}{at}"].value
        assert row["activity_path"].endswith(re.sub(r"\[note \d+\]", "", label).strip())
        if row["cite_table"] == FUELS:
            per = {"kt/Mt": "per Mt fuel", "kt/million_therm": "per Mtherm fuel"}.get(row["co2_unit"])
            assert per is None or per in sheet[f"F{at}"].value
            # CO2 as printed is 44/12 of carbon as printed.
            assert sheet[f"E{at}"].value == pytest.approx(sheet[f"D{at}"].value * 44 / 12, rel=1e-8)


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_number_of_the_three_sheets_is_kept_once(
    edition: str, results: dict[str, ImportResult], books: dict[str, Workbook]
) -> None:
    result = results[edition]
    ours = [
        *result.factors["co2"].to_list(),
        *result.properties["value"].to_list(),
        *result.others["values"]["value"].to_list(),
    ]
    published = [
        float(cell.value)
        for name in (FUELS, ZONES, OXIDATION)
        for row in books[edition][name].iter_rows()
        for cell in row
        if isinstance(cell.value, int | float)
    ]
    assert sorted(ours) == sorted(published)


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_the_files_yield(edition: str, results: dict[str, ImportResult]) -> None:
    result = results[edition]
    # 67 lines of fuel and industry, eight of them notes alone, with two factors each; 16 zones with three.
    assert result.skipped[uk_ets.NOTE_INSTEAD] == 8
    assert result.factors.height == 2 * (67 - 8) + 3 * 16
    assert set(result.factors["kind"]) == {"sourced"}
    assert result.properties.height == 3 * (67 - 8) + 2 * 16
    assert contracts.failures(result.factors) == []


def test_known_figures(results: dict[str, ImportResult]) -> None:
    factors = results["2025"].factors
    (coal,) = factors.filter(activity="coal-power-stations", activity_unit="TJ")["co2"]
    assert coal == pytest.approx(93.68, abs=0.005)
    oil = factors.filter(activity="gas-oil-power-stations", activity_unit="tonne")
    assert oil.select("co2", "co2_unit").rows() == [(3190.0, "kt/Mt")]
    net = factors.filter(activity="natural-gas", activity_unit="TJ", calorific_basis="net")
    zones = net.filter(~net["region"].str.contains("SIU|STORNOWAY|STRANRAER"))["co2"]
    assert zones.len() == 13
    assert 55.8 < zones.min() < zones.max() < 57.3  # type: ignore[operator]
