"""With ADEME's own file: openpyxl reads the same rows, every figure is kept once, the yields are right."""

import os
import re
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import ademe_base_carbone as ademe
from greenlang_assets.core.factors.importers.base import ImportResult

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200
NUMBER = "Identifiant de l'élément"
GASES = {
    "CO2f": "co2e_of_co2",
    "CH4f": "co2e_of_ch4",
    "CH4b": "co2e_of_ch4_biogenic",
    "N2O": "co2e_of_n2o",
    "CO2b": "co2e_of_co2_biogenic",
}
Cells = dict[str, object]


@pytest.fixture(scope="module")
def path() -> Path:
    assert FOLDER is not None
    return Path(FOLDER) / "ademe-base-carbone" / "Base_Carbone_V23.6.xlsx"


@pytest.fixture(scope="module")
def result(path: Path) -> ImportResult:
    return ademe.read(path)


@pytest.fixture(scope="module")
def rows(path: Path) -> dict[int, Cells]:
    """Every row by its number and column name, read by openpyxl."""
    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    lines = book["Base_Carbone_V23.6"].iter_rows(values_only=True)
    header = [str(name) for name in next(lines)]
    return {
        number: {name: cell for name, cell in zip(header, line, strict=True) if cell is not None}
        for number, line in enumerate(lines, start=2)
    }


def words(text: object) -> str:
    """The letters and digits of a text: quotes, blanks and signs do not matter here."""
    return "".join(re.findall(r"\w+", str(text))).lower()


def test_factors_as_a_second_reader_reads_them(result: ImportResult, rows: dict[int, Cells]) -> None:
    for factor in result.factors.sample(SAMPLE, seed=1).iter_rows(named=True):
        row = rows[factor["cite_row"]]
        assert row["Type Ligne"] == "Elément"
        assert row["Type de l'élément"] == "Facteur d'émission"
        assert factor["factor_id"].endswith(f"/{row[NUMBER]}")
        assert factor["co2e"] == row["Total poste non décomposé"]
        if factor["co2e_of_co2"] is not None:
            for name, part in GASES.items():
                if factor[part] is not None:
                    assert factor[part] == row[name], (factor["factor_id"], name)
        elif "par gaz" not in str(row["Structure"]):
            assert "CO2f" not in row
        assert factor["uncertainty_percent"] == row.get("Incertitude")
        assert (factor["not_counted"] == ademe.ARCHIVED) == (row["Statut de l'élément"] == "Archivé")
        assert words(row["Nom base français"]) in words(factor["activity_path"])
        assert words(row["Code de la catégorie"]) in words(factor["activity_path"])
        unit = str(row["Unité français"])
        assert factor["calorific_basis"] == {"PCI": "net", "PCS": "gross"}.get(unit.rstrip(")")[-3:])


def test_values_as_a_second_reader_reads_them(result: ImportResult, rows: dict[int, Cells]) -> None:
    for value in result.others["values"].sample(SAMPLE, seed=2).iter_rows(named=True):
        row = rows[value["cite_row"]]
        gas = (
            value["measure"].rpartition(": ")[2] if ": " in value["measure"] else "Total poste non décomposé"
        )
        if gas in row:
            assert value["value"] == row[gas], value["value_id"]
        else:
            assert value["value"] in [row.get(f"Valeur gaz supplémentaire {n}") for n in range(1, 6)]
        assert value["unit"] == row.get("Unité français", "1")
        if row["Type Ligne"] == "Poste":
            assert value["measure"].startswith(f"stage {row['Type poste']}")


def test_every_printed_figure_is_kept_once(result: ImportResult, rows: dict[int, Cells]) -> None:
    """The multiset of printed totals and gas figures is that of factors, values and properties."""
    printed: Counter[float] = Counter()
    for row in rows.values():
        printed[float(str(row["Total poste non décomposé"]))] += 1
        for name in (*GASES, "Autres GES"):
            if name in row:
                printed[float(str(row[name]))] += 1
        for n in range(1, 6):
            extra = float(str(row.get(f"Valeur gaz supplémentaire {n}", 0)))
            if extra or f"Code gaz supplémentaire {n}" in row:
                printed[extra] += 1
    figures = ("co2e", *GASES.values(), "co2e_of_other")
    kept: Counter[float] = Counter()
    for name in figures:
        kept.update(result.factors[name].drop_nulls().to_list())
    kept.update(result.others["values"]["value"].to_list())
    kept.update(result.properties["value"].to_list())
    # Where one extra gas stands in the column of other gases, the zero printed there has no place of its own.
    moved = sum(str(note).count("other gases: ") for note in result.factors["note"].drop_nulls())
    kept[0.0] += moved
    assert kept == printed


def test_the_yields(result: ImportResult, rows: dict[int, Cells]) -> None:
    kinds = Counter(
        (str(row["Type Ligne"]), str(row["Statut de l'élément"]) == "Archivé") for row in rows.values()
    )
    assert result.rows_read == len(rows) == 18_616
    assert kinds["Elément", False] == 8_163
    assert kinds["Poste", False] == 3_282
    assert kinds["Elément", True] + kinds["Poste", True] == 7_171
    assert result.factors.height + sum(result.skipped.values()) == result.rows_read
    assert result.skipped[ademe.STAGE] == 5_799
    counted = result.factors["not_counted"].null_count()
    assert counted == 6_222
    assert contracts.failures(result.factors) == []


def test_figures_that_are_known(result: ImportResult) -> None:
    def co2e(path: str, unit: str, basis: str | None, region: str) -> list[float]:
        found = result.factors.filter(activity_unit=unit, region=region)
        found = found.filter(found["activity_path"].str.ends_with(path) & found["not_counted"].is_null())
        wanted = found["calorific_basis"].is_null() if basis is None else found["calorific_basis"] == basis
        return found.filter(wanted)["co2e"].to_list()

    gas = "Combustibles > Fossiles > Gazeux > Gaz naturel > Gaz naturel"
    assert co2e(gas, "kWh", "net", "GROUP-EUROPE") == [0.243]
    assert co2e(gas, "kWh", "gross", "GROUP-EUROPE") == [0.213]
    assert co2e("Usage routier > Essence > E10", "L", None, "FR") == [2.69]
