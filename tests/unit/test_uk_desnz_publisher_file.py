"""With DESNZ's own flat files, each that is at hand: a second reader agrees, and the yield is what they hold.

xlsx files are read again by openpyxl, xls files by xlrd. xlrd stops at the table of texts of the 2021 and
2022 files (its count is wrong): there it reads the figures alone, and the sums of the gases show that each
stands in its row.
"""

import os
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlrd

from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import uk_desnz
from greenlang_assets.core.factors.importers.base import ImportResult
from greenlang_assets.core.factors.publishers import publisher
from greenlang_assets.core.factors.rebuild import to_read

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200
FIGURES = ("co2e", "co2e_of_co2", "co2e_of_ch4", "co2e_of_n2o")
FILES = {
    stem[-4:]: path
    for stem, path in (to_read(Path(FOLDER), [publisher("uk-desnz")]) if FOLDER else {}).items()
}
#: Without texts there is no header to find the column of figures by: columns up to and with it.
WITHOUT_TEXTS = {"2021": 11, "2022": 9}
#: Edition -> cells with a number in the column of figures, as counted in the files by other means.
NUMBERS = {
    "2016": 4977,
    "2017": 6178,
    "2018": 6192,
    "2019": 6163,
    "2020": 6587,
    "2021": 6731,
    "2022": 6895,
    "2023": 6916,
    "2024": 7029,
    "2025": 7029,
}
#: UK electricity, kg CO2e/kWh as published, to the digits that the publisher shows.
ELECTRICITY = {
    "2016": 0.41205,
    "2017": 0.35156,
    "2018": 0.28307,
    "2019": 0.2556,
    "2020": 0.23314,
    "2021": 0.21233,
    "2022": 0.19338,
    "2023": 0.20707,
    "2024": 0.20705,
    "2025": 0.177,
}

Grid = list[list[Any]]


@pytest.fixture(scope="module")
def results() -> dict[str, ImportResult]:
    return {edition: uk_desnz.read(path) for edition, path in FILES.items()}


@pytest.fixture(scope="module")
def grids() -> dict[str, Grid]:
    """Every cell of the sheet of factors up to the figure, by edition; row and column count from 0."""
    found = {}
    for edition, path in FILES.items():
        cells = grid(path, edition)
        header = next((row for row in cells if "Scope" in row and "UOM" in row), [])
        width = WITHOUT_TEXTS.get(edition) or header.index(f"GHG Conversion Factor {edition}") + 1
        found[edition] = [[*row, *[None] * width][:width] for row in cells]
    return found


def grid(path: Path, edition: str) -> Grid:
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path, data_only=True, read_only=True)["Factors by Category"]
        return [list(row) for row in sheet.iter_rows(values_only=True)]
    with pytest.MonkeyPatch.context() as patch:
        if edition in WITHOUT_TEXTS:
            patch.setattr(xlrd.book, "unpack_SST_table", lambda data, count: ([""] * count, {}))
        book = xlrd.open_workbook(path)
        sheet = book.sheet_by_name("Factors by Category")
        return [sheet.row_values(row) for row in range(sheet.nrows)]


def test_every_file_is_of_its_own_year(results: dict[str, ImportResult]) -> None:
    assert set(NUMBERS) - set(FILES) <= {"2017", "2020"}
    for edition, result in results.items():
        assert result.editions == (edition,)
        assert set(result.factors["year"]) == {int(edition)}


@pytest.mark.parametrize("edition", FILES)
def test_every_number_of_the_sheet_is_kept_once(
    edition: str, results: dict[str, ImportResult], grids: dict[str, Grid]
) -> None:
    result = results[edition]
    ours = [value for part in FIGURES for value in result.factors[part].drop_nulls()]
    if "values" in result.others:
        ours += result.others["values"]["value"].to_list()
    published = [row[-1] for row in grids[edition] if isinstance(row[-1], int | float)]
    assert len(ours) == NUMBERS[edition]
    assert sorted(map(float, published)) == sorted(ours)
    assert result.rows_read == len(ours) + sum(result.skipped.values())


Key = tuple[str, str, str]


def by_key(cells: Grid) -> dict[Key, dict[str, tuple[int, float]]]:
    """Path, scope and unit -> label of the gas -> row and figure, from a sheet as a second reader has it."""
    header = next(row for row in cells if "Scope" in row and "UOM" in row)
    scope, first, last, unit = map(header.index, ("Scope", "Level 1", "Column Text", "UOM"))
    gas = header.index("GHG" if "GHG" in header else "GHG/Unit")
    found: dict[Key, dict[str, tuple[int, float]]] = {}
    for at, row in enumerate(cells, start=1):
        if isinstance(row[-1], int | float):
            levels = [" ".join(str(level or "").split()) for level in row[first : last + 1]]
            path = " > ".join(level for level in levels if level not in ("", "0"))
            label = str(row[gas]).replace("CO2e of ", "").replace(" per unit", "")
            found.setdefault((path, str(row[scope]), str(row[unit]).strip()), {})[label] = (
                at,
                float(row[-1]),
            )
    return found


@pytest.mark.parametrize("edition", [edition for edition in FILES if edition not in WITHOUT_TEXTS])
def test_sampled_rows_as_a_second_reader_reads_them(
    edition: str, results: dict[str, ImportResult], grids: dict[str, Grid]
) -> None:
    published = by_key(grids[edition])
    for factor in results[edition].factors.sample(SAMPLE, seed=3).iter_rows(named=True):
        unit = next(
            printed
            for printed, read in uk_desnz._UNITS.items()
            if read == (factor["activity_unit"], factor["calorific_basis"]) and printed != "Litres"
        )
        scope = "Outside of Scopes" if factor["scope"] == "outside" else f"Scope {factor['scope']}"
        gases = published[factor["activity_path"], scope, unit]
        assert factor["cite_row"] in [row for row, _ in gases.values()]
        assert {label: figure for label, (_, figure) in gases.items()} == {
            label: factor[part]
            for label, part in zip(("kg CO2e", "kg CO2", "kg CH4", "kg N2O"), FIGURES, strict=True)
            if factor[part] is not None
        }, factor["factor_id"]


@pytest.mark.parametrize("edition", WITHOUT_TEXTS)
def test_sampled_figures_and_sums_where_the_second_reader_has_no_texts(
    edition: str, results: dict[str, ImportResult], grids: dict[str, Grid]
) -> None:
    whole = results[edition].factors.drop_nulls(list(FIGURES))
    for factor in whole.sample(SAMPLE, seed=4).iter_rows(named=True):
        assert grids[edition][factor["cite_row"] - 1][-1] == factor["co2e"]
        gases = sum(factor[part] for part in FIGURES[1:])
        assert gases == pytest.approx(factor["co2e"], abs=0.00003, rel=0.0001)


@pytest.mark.parametrize("edition", FILES)
def test_known_figures_and_the_contract(edition: str, results: dict[str, ImportResult]) -> None:
    factors = results[edition].factors
    (power,) = factors.filter(activity="grid-electricity", activity_unit="kWh")["co2e"]
    assert power == pytest.approx(ELECTRICITY[edition], abs=0.000005)
    assert set(factors["gwp_set"]) == {"AR4" if edition < "2023" else "AR5"}
    blend = factors.filter(factors["activity_path"].str.contains("R410A")).drop_nulls("co2e")["co2e"]
    assert set(blend) - {0.0} == ({2088.0} if edition < "2023" else {1924.0})
    for activity, unit in (("diesel", "L"), ("motor-gasoline", "L"), ("natural-gas", "m3")):
        assert factors.filter(activity=activity, activity_unit=unit).height == 1, activity
    assert contracts.failures(factors) == []
