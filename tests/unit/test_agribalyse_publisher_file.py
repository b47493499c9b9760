"""With Agribalyse's own file: polars reads the same rows, and the yields are as counted."""

import os
import re
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.factors.importers import agribalyse
from greenlang_assets.core.factors.importers.base import ImportResult

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200
CLIMATE = "Changement climatique (kg CO2 eq/kg de produit)"


@pytest.fixture(scope="module")
def path() -> Path:
    assert FOLDER is not None
    return Path(FOLDER) / "agribalyse" / "Agribalyse_Synthese.csv"


@pytest.fixture(scope="module")
def result(path: Path) -> ImportResult:
    return agribalyse.read(path)


@pytest.fixture(scope="module")
def table(path: Path) -> pl.DataFrame:
    """The file by Agribalyse code, every cell as text, read by polars."""
    return pl.read_csv(path, infer_schema_length=0)


def test_factors_as_a_second_reader_reads_them(result: ImportResult, table: pl.DataFrame) -> None:
    foods = {row["Code AGB"]: row for row in table.iter_rows(named=True)}
    for factor in result.factors.sample(SAMPLE, seed=1).iter_rows(named=True):
        row = foods[factor["factor_id"].rsplit("/", 1)[1]]
        assert factor["co2e"] == float(row[CLIMATE])
        assert factor["activity_path"].endswith(row["Nom du Produit en Français"].strip())
        assert factor["data_quality"].removeprefix("DQR ") == next(
            cell for name, cell in row.items() if name.startswith("DQR")
        )
        assert row["LCI Name"].strip() in factor["note"]


def test_values_as_a_second_reader_reads_them(result: ImportResult, table: pl.DataFrame) -> None:
    """Scales by another route: exact fractions, from the header's words."""
    columns = {name: at for at, name in enumerate(table.columns)}
    measures: dict[str, str] = {}
    for value in result.others["values"].sample(SAMPLE, seed=2).iter_rows(named=True):
        row = table.row(value["cite_row"] - 2)
        assert value["factor_id"].endswith(f"/{row[0]}")
        matches = [
            name
            for name, at in columns.items()
            if at >= 12
            and float(Fraction(row[at]) * Fraction(10) ** scale(name)) == value["value"]
            and f"{value['unit'].removesuffix('/kg')}/kg de produit)" in name
        ]
        assert len(matches) == 1, value["value_id"]
        assert measures.setdefault(value["measure"], matches[0]) == matches[0]
    assert len(measures) == len(set(measures.values())) == 14


def scale(column: str) -> int:
    found = re.search(r"\(E(-\d+) ", column)
    return int(found[1]) if found else 0


def test_the_yields(result: ImportResult, table: pl.DataFrame) -> None:
    assert result.rows_read == result.factors.height == table.height == 2_479
    assert result.others["values"].height == 2_479 * 14
    assert result.factors["not_counted"].null_count() == 2_479
    known = {
        "Boeuf, braisé": 42.727616,
        "Lait demi-écrémé, UHT": 1.4865868,
        "Pâtes sèches standard, crues": 1.7176499,
        "Tomate, crue": 0.62369712,
    }
    for name, climate in known.items():
        found = result.factors.filter(pl.col("activity_path").str.ends_with(f"> {name}"))
        assert found["co2e"].to_list() == [climate]
    pasta = result.others["values"].filter(
        pl.col("activity_path").str.ends_with("> Pâtes sèches standard, crues"), measure="water-scarcity"
    )
    assert pasta["value"].to_list() == [0.71506551]
