"""With EPA's own csv files: another reader finds the same figures, and gases add up to the printed CO2e."""

import csv
import json
import os
import random
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import us_epa_egrid_csv, us_epa_supply_chain
from greenlang_assets.core.factors.importers.base import ImportResult
from greenlang_assets.core.gwp import GwpTable

FOLDER = os.environ.get("GREENLANG_PUBLISHER_FILES")
pytestmark = pytest.mark.publisher_files
SAMPLE = 200
BY_GAS = "SupplyChainGHGEmissionFactors_v1.3.0_NAICS_byGHG_USD2022.csv"
CO2E = {
    "v1.2": "SupplyChainGHGEmissionFactors_v1.2_NAICS_CO2e_USD2021.csv",
    "v1.3.0": "SupplyChainGHGEmissionFactors_v1.3.0_NAICS_CO2e_USD2022.csv",
}
WITHOUT, MARGINS, WITH = 4, 5, 6
#: As the file names a gas -> as our columns or the record of other gases do.
NAMES = {
    "Carbon dioxide": "co2", "Methane": "ch4", "Nitrous oxide": "n2o", "Sulfur hexafluoride": "sf6",
    "Nitrogen trifluoride": "nf3", "HFCs and PFCs, unspecified": "co2e_of_other",
    "Carbon tetrafluoride": "CF4", "Hexafluoroethane": "C2F6", "Perfluoropropane": "C3F8",
    "Perfluorobutane": "C4F10", "Perfluorocyclobutane": "cC4F8", "Perfluorohexane": "C6F14",
}  # fmt: skip
UNITS = {"MMBtu": "mmBtu", "ton": "short_ton", "short tons": "short_ton", "barrels": "barrel"}


@pytest.fixture(scope="module")
def folder() -> Path:
    assert FOLDER is not None
    return Path(FOLDER)


@pytest.fixture(scope="module")
def supply(folder: Path) -> dict[str, ImportResult]:
    read = us_epa_supply_chain.read
    files = folder / "us-epa-supply-chain"
    return {"v1.2": read(files / CO2E["v1.2"]), "v1.3.0": read(files / BY_GAS)}


def cells(path: Path) -> pl.DataFrame:
    """The file by another reader: every cell as text, columns by number, row n being line n + 2."""
    frame = pl.read_csv(path, infer_schema=False, has_header=True)
    return frame.rename({name: str(at) for at, name in enumerate(frame.columns)})


def code(path: str) -> str:
    return path.split(" > ")[1].split()[0]


def test_the_yield_of_the_supply_chain_files(supply: dict[str, ImportResult]) -> None:
    assert {name: result.factors.height for name, result in supply.items()} == {"v1.2": 1016, "v1.3.0": 1016}
    assert {name: result.rows_read for name, result in supply.items()} == {
        "v1.2": 1016,
        "v1.3.0": 18288 + 1016,
    }
    # Two figures beside each factor of v1.2; two a gas, and all three of CO2e, beside each of v1.3.
    assert supply["v1.2"].others["values"].height == 2 * 1016
    assert supply["v1.3.0"].others["values"].height == 2 * 18288 + 3 * 1016
    for result in supply.values():
        assert result.skipped == {}
        assert not contracts.failures(result.factors)
    by_code = {
        name: {code(row["activity_path"]): row for row in result.factors.iter_rows(named=True)}
        for name, result in supply.items()
    }
    assert (by_code["v1.3.0"]["111110"]["co2e"], by_code["v1.2"]["111110"]["co2e"]) == (0.532, 1.326)
    beside = supply["v1.3.0"].others["values"].filter(factor_id=by_code["v1.3.0"]["327310"]["factor_id"])
    cement = dict(beside.select("measure", "value").iter_rows())
    assert (cement["CO2e without margins"], cement["co2e"]) == (3.846, 3.924)


def test_supply_chain_rows_as_a_second_reader_reads_them(
    folder: Path, supply: dict[str, ImportResult]
) -> None:
    files = folder / "us-epa-supply-chain"
    for edition, result in supply.items():
        total = {row[0]: row for row in cells(files / CO2E[edition]).iter_rows()}
        for row in result.factors.sample(SAMPLE, seed=11).iter_rows(named=True):
            assert row["co2e"] == float(total[code(row["activity_path"])][WITH]), row["factor_id"]
            assert row["activity_path"].endswith(total[code(row["activity_path"])][1])
    gases = cells(files / BY_GAS)
    rows = {code(row["activity_path"]): row for row in supply["v1.3.0"].factors.iter_rows(named=True)}
    for line in gases.sample(SAMPLE, seed=12).iter_rows():
        row, name = rows[line[0]], NAMES.get(line[2], line[2])
        ours = row.get(name)
        if name not in row:
            ours = float(json.loads(row["other_gases"])[name])
        assert ours == float(line[WITH]), (row["factor_id"], line[2])


def test_margins_as_a_second_reader_reads_them(folder: Path, supply: dict[str, ImportResult]) -> None:
    files = folder / "us-epa-supply-chain"
    read = {name: cells(files / name) for name in (BY_GAS, *CO2E.values())}
    at = {"without margins": WITHOUT, "with margins": WITH, "margins": MARGINS}
    for result in supply.values():
        for row in result.others["values"].sample(SAMPLE, seed=13).iter_rows(named=True):
            line = read[row["cite_source_file"]].row(row["cite_row"] - 2)
            # "co2e" is the factor's own figure, which the file of CO2e prints.
            measure = "CO2e with margins" if row["measure"] == "co2e" else row["measure"]
            which = next(which for which in at if measure.endswith(f" {which}"))
            assert (row["value"], code(row["activity_path"])) == (float(line[at[which]]), line[0])
            gas = measure.removesuffix(f" {which}")
            assert gas in (line[2], "CO2e", "CO2e of HFCs and PFCs unspecified")


def test_gases_times_their_gwps_are_the_printed_co2e(supply: dict[str, ImportResult]) -> None:
    """AR5 reproduces the CO2e file within 3 %, and mostly within 1 %: that is the set of v1.3."""
    table = GwpTable.shipped()
    near = 0
    for row in supply["v1.3.0"].factors.iter_rows(named=True):
        masses = {gas: row[gas] for gas in ("co2", "ch4", "n2o", "sf6", "nf3")}
        masses |= {gas: float(text) for gas, text in json.loads(row["other_gases"]).items()}
        total = row["co2e_of_other"] + sum(
            mass * table.value("AR5", gas.upper() if gas in row else gas).value
            for gas, mass in masses.items()
        )
        off = abs(total / row["co2e"] - 1)
        assert off < 0.03, row["factor_id"]
        near += off < 0.01
    assert near >= 1000


def test_egrid_fuels_as_a_second_reader_reads_them(folder: Path) -> None:
    path = folder / "us-epa-egrid" / "co2_ch4_n2o_ef.csv"
    result = us_epa_egrid_csv.read(path)
    assert (result.rows_read, result.factors.height) == (76, 76)
    assert not contracts.failures(result.factors)
    lines = cells(path)
    assert lines.height == 76
    for row in result.factors.iter_rows(named=True):
        line = lines.row(row["cite_row"] - 2)
        co2 = row["co2"] if row["co2"] is not None else row["co2_biogenic"]
        assert (co2, row["ch4"], row["n2o"]) == tuple(float(line[at]) for at in (3, 5, 7))
        assert row["activity_path"].endswith(line[0])
    gas = result.factors.filter(activity="natural-gas").row(0, named=True)
    # The older value of 40 CFR 98: 53.02 kg and 1 g per mmBtu.
    assert round(gas["co2"] * 907.18474, 2) == 53.02
    assert round(gas["ch4"] * 453.59237, 3) == 1.0
    assert result.factors["not_counted"].count() == 15


@pytest.mark.parametrize(("name", "rows", "values"), [("heatinput", 86, 169), ("physicalunits", 290, 477)])
def test_egrid_pollutants_as_a_second_reader_reads_them(
    name: str, rows: int, values: int, folder: Path
) -> None:
    path = folder / "us-epa-egrid" / f"emission_factors_{name}.csv"
    result = us_epa_egrid_csv.read(path)
    assert (result.rows_read, result.others["values"].height) == (rows, values)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert len(lines) == rows
    ours = result.others["values"].to_dicts()
    for row in random.Random(14).sample(ours, min(SAMPLE, len(ours))):
        line = lines[row["cite_row"] - 2]
        which = "nox" if row["measure"] == "NOx" else "so2"
        assert row["value"] == float(line[f"{which}_ef"])
        denominator = line[f"{which}_ef_denom"]
        assert row["unit"] == f"lb/{UNITS.get(denominator, denominator.capitalize())}"
        assert ("sulphur content" in row["measure"]) == (which == "so2" and line["so2_flag"] == "S")
    printed = sum(bool(line[column]) for line in lines for column in ("so2_ef", "nox_ef"))
    assert printed == values + result.skipped.get(us_epa_egrid_csv.AGAIN, 0)
