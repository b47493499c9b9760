"""eGRID's csv tables: short tons and pounds, biomass apart, stand-ins not counted, SO2 and NOx as values."""

from pathlib import Path

import pytest
from factor_texts import Edit, egrid_fuels, egrid_pollutants, replaced

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import us_epa_egrid, us_epa_egrid_csv


def test_fuels_in_the_units_of_their_columns(tmp_path: Path) -> None:
    # By the importer of the publisher: the file's ending says which layout it has.
    result = us_epa_egrid.read(egrid_fuels(tmp_path / "f.csv"), {})
    row = result.factors.filter(activity="bituminous-coal").row(0, named=True)
    assert (row["co2"], row["co2_unit"]) == (0.125, "short_ton/mmBtu")
    assert (row["ch4"], row["ch4_unit"], row["n2o"], row["n2o_unit"]) == (
        0.25,
        "lb/mmBtu",
        0.00025,
        "lb/mmBtu",
    )
    assert (row["activity_unit"], row["calorific_basis"], row["region"]) == ("mmBtu", "gross", "US")
    assert (row["edition"], row["year"], row["version"], row["cite_row"]) == (
        "eGRID2021",
        2021,
        "2021.0.0",
        3,
    )
    assert row["activity_path"] == "eGRID fuels > Coal and Coke > BIT > Bituminous"
    assert (result.rows_read, result.factors.height, result.skipped) == (8, 8, {})
    assert not contracts.failures(result.factors)


def test_carbon_dioxide_of_biomass_is_apart(tmp_path: Path) -> None:
    rows = us_epa_egrid_csv.read(egrid_fuels(tmp_path / "f.csv")).factors
    biogenic = rows.filter(rows["co2"].is_null())
    # The biogenic part of waste has the activity of the taxonomy, whatever the file calls it.
    assert dict(biogenic.select("activity", "co2_biogenic").iter_rows()) == {
        "wood": 1.25,
        "landfill-gas": 2.0,
        "municipal-solid-waste-biogenic": 5.0,
    }
    assert biogenic["ch4"].null_count() == 0


def test_what_has_no_factor_of_its_own_is_not_counted(tmp_path: Path) -> None:
    rows = us_epa_egrid_csv.read(egrid_fuels(tmp_path / "f.csv")).factors
    reasons = dict(rows.drop_nulls("not_counted").select("activity", "not_counted").iter_rows())
    assert reasons == {
        "nuclear": "no factor: eGRID counts nothing for this source",
        "process-gas": "stand-in: eGRID uses the factor of NG",
    }
    # An IPCC figure is net, and what eGRID multiplies it with is gross.
    gas = rows.filter(activity="landfill-gas").row(0, named=True)
    assert gas["calorific_basis"] is None
    assert "net heat" in gas["note"]


def test_the_year_in_a_file_s_name(tmp_path: Path) -> None:
    result = us_epa_egrid_csv.read(egrid_fuels(tmp_path / "co2_ch4_n2o_ef_2027.csv"))
    assert (result.editions, result.notes) == (("eGRID2027",), ())
    assert us_epa_egrid_csv.read(egrid_fuels(tmp_path / "f.csv")).notes == (
        "the file names no year: taken as eGRID2021",
    )


def test_sulphur_and_nitrogen_oxides_are_published_values(tmp_path: Path) -> None:
    result = us_epa_egrid.read(egrid_pollutants(tmp_path / "emission_factors_test.csv"), {})
    assert result.factors.height == 0
    assert result.skipped == {
        us_epa_egrid_csv.NO_GREENHOUSE_GAS: 4,
        us_epa_egrid_csv.NO_VALUE: 1,
        us_epa_egrid_csv.AGAIN: 1,
    }
    values = result.others["values"].sort("cite_row", "measure")
    assert list(values.select("measure", "value", "unit", "cite_row").iter_rows()) == [
        ("NOx", 12.5, "lb/short_ton", 2),
        ("SO2 times sulphur content in percent", 1.5, "lb/mmBtu", 2),
        ("SO2", 0.5, "lb/barrel", 3),
        ("NOx", 0.25, "lb/Mcf", 4),
        ("SO2", 2.5, "lb/short_ton", 4),
        ("SO2", 0.75, "lb/Mcf", 5),
    ]
    # Every cell of a figure is a value or counted.
    assert 2 * result.rows_read == values.height + 2


BAD_FUELS: dict[str, tuple[Edit, str, dict[str, object]]] = {
    "metric tons": (replaced("ton CO2", "tonne CO2"), "UNIT_UNKNOWN", {"row": 2, "column": "co2_units"}),
    "kilograms": (replaced("lbs CH4", "kg CH4"), "UNIT_UNKNOWN", {"row": 2, "column": "ch4_units"}),
    "text": (replaced("BIT,0.125", "BIT,null"), "CELL_NOT_A_NUMBER", {"row": 3, "column": "co2_ef"}),
    "decimal comma": (replaced("BIT,0.125", 'BIT,"0,125"'), "CELL_NOT_A_NUMBER", {"row": 3}),
    "lost decimal comma": (replaced("BIT,0.125", "BIT,0,125"), "LAYOUT_UNKNOWN", {"row": 3}),
    "unknown source": (replaced("IPCC", "EMEP"), "SOURCE_UNKNOWN", {"row": 6, "column": "source"}),
    "stand-in for nothing": (replaced("use NG", "use OBL"), "SOURCE_UNKNOWN", {"row": 7}),
    "a fuel twice": (replaced("MSB", "MSW"), "DUPLICATE_KEY", {"row": 9}),
    "column renamed": (replaced("co2_ef,", "co2,"), "LAYOUT_UNKNOWN", {"row": 1}),
    "header shifted": (lambda lines: lines[1:], "LAYOUT_UNKNOWN", {"row": 1}),
    "cut off": (lambda lines: [*lines[:-1], lines[-1][:50]], "LAYOUT_UNKNOWN", {"row": 9}),
}
BAD_POLLUTANTS: dict[str, tuple[Edit, str, dict[str, object]]] = {
    "unknown unit": (replaced("12.5,lb,ton", "12.5,lb,tonne"), "UNIT_UNKNOWN", {"column": "nox_ef_denom"}),
    "kilograms": (replaced("1.5,S,lb", "1.5,S,kg"), "UNIT_UNKNOWN", {"row": 2, "column": "so2_ef_num"}),
    "unknown flag": (replaced("1.5,S", "1.5,A"), "FLAG_UNKNOWN", {"row": 2, "column": "so2_flag"}),
    "text": (replaced("BIT,1.5", "BIT,N/A"), "CELL_NOT_A_NUMBER", {"row": 2, "column": "so2_ef"}),
    "no fuel": (replaced("ST,WALL,BIT", "ST,WALL,"), "LAYOUT_UNKNOWN", {"column": "primary_fuel_type"}),
    "two figures": (
        replaced("0.75,,lb,Mcf", "0.75,,lb,ton"),
        "DUPLICATE_KEY",
        {"row": 5, "column": "so2_ef"},
    ),
}


@pytest.mark.parametrize("case", BAD_FUELS)
def test_fuels_that_are_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD_FUELS[case]
    with pytest.raises(GreenlangError) as refused:
        us_epa_egrid.read(egrid_fuels(tmp_path / "bad.csv", edit), {})
    assert refused.value.code == code, refused.value
    assert {"file": "bad.csv", **place}.items() <= refused.value.where.items()


@pytest.mark.parametrize("case", BAD_POLLUTANTS)
def test_pollutants_that_are_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD_POLLUTANTS[case]
    with pytest.raises(GreenlangError) as refused:
        us_epa_egrid.read(egrid_pollutants(tmp_path / "bad.csv", edit), {})
    assert refused.value.code == code, refused.value
    assert {"file": "bad.csv", **place}.items() <= refused.value.where.items()
