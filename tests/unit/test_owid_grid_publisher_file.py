"""With the publishers' own files: grid intensity as a second reader reads it."""

import os
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.factors.importers import owid_grid
from greenlang_assets.core.factors.importers.base import ImportResult

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200
#: gCO2e per kWh, 2023, to one decimal: found when the file was first looked at.
KNOWN = {"GB": 235.6, "DE": 362.9, "IN": 713.4, "CN": 583.0, "US": 392.9, "NO": 30.5, "WORLD": 483.2}


@pytest.fixture(scope="module")
def path() -> Path:
    assert FOLDER is not None
    return Path(FOLDER) / "owid-carbon-intensity" / "carbon-intensity-electricity.csv"


@pytest.fixture(scope="module")
def result(path: Path) -> ImportResult:
    return owid_grid.read(path)


@pytest.fixture(scope="module")
def lines(path: Path) -> pl.DataFrame:
    """The file as polars reads it; no cell of it holds a line break."""
    return pl.read_csv(path).with_row_index("line", 2)


def test_the_yield_is_the_one_that_was_found_before(result: ImportResult, lines: pl.DataFrame) -> None:
    assert result.rows_read == result.factors.height == lines.height == 6_332
    assert result.editions == ("2026",)
    assert result.factors["activity_path"].n_unique() == lines["Entity"].n_unique() == 238
    assert result.factors["not_counted"].null_count() == 5_717
    assert set(result.factors["year"]) == set(range(1990, 2026))
    of_2023 = dict(result.factors.filter(year=2023).select("region", "co2e").iter_rows())
    assert {region: round(of_2023[region], 1) for region in KNOWN} == KNOWN


def test_rows_as_a_second_reader_reads_them(result: ImportResult, lines: pl.DataFrame) -> None:
    by_line = {row["line"]: row for row in lines.iter_rows(named=True)}
    for row in result.factors.sample(SAMPLE, seed=10).iter_rows(named=True):
        read = by_line[row["cite_row"]]
        assert row["co2e"] == read["Carbon intensity of electricity per kWh"]
        assert (row["year"], row["activity_path"].split(" > ")[1]) == (read["Year"], read["Entity"])
        code = read["Code"] or ""
        country = len(code) == 3 or code == "OWID_KOS"
        assert (row["not_counted"] is None) == (len(row["region"]) == 2) == country


def test_every_figure_is_in_a_row(result: ImportResult, lines: pl.DataFrame) -> None:
    figures = lines["Carbon intensity of electricity per kWh"].cast(pl.Float64).sort()
    assert result.factors["co2e"].sort().to_list() == figures.to_list()
