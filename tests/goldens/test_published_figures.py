"""Figures that anyone can look up in the publishers' documents, found in the shipped tables."""

import csv
from pathlib import Path

import pytest

from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.gwp import GwpTable

with Path(__file__).with_name("published_figures.csv").open(encoding="utf-8", newline="") as handle:
    FIGURES = list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.shipped()


@pytest.mark.parametrize("row", FIGURES, ids=lambda row: f"{row['factor_id']}:{row['column']}")
def test_a_published_figure_ships(row: dict[str, str], catalogue: Catalogue) -> None:
    assert getattr(catalogue.factor(row["factor_id"]), row["column"]) == float(row["value"])


@pytest.mark.parametrize("edition", ["eGRID2010", "eGRID2012", "eGRID2014"])
def test_rfc_west_is_there_for_the_years_of_the_example_tenants(edition: str, catalogue: Catalogue) -> None:
    factor = catalogue.lookup(
        activity="grid-electricity",
        region="US-EGRID-RFCW",
        year=2014,
        dataset="egrid-subregion",
        edition=edition,
    ).factor
    assert (factor.co2_unit, factor.ch4_unit, factor.n2o_unit) == ("lb/MWh", "lb/GWh", "lb/GWh")
    assert 1300 < (factor.co2 or 0) < 1600


GWPS = {
    "CH4": (25, 28, 27.9),
    "N2O": (298, 265, 273),
    "HFC-134a": (1430, 1300, 1530),
    "SF6": (22800, 23500, 25200),
    "CO2": (1, 1, 1),
}


@pytest.mark.parametrize("gas", GWPS)
def test_gwps_of_the_three_reports(gas: str) -> None:
    table = GwpTable.shipped()
    assert tuple(table.value(report, gas).value for report in ("AR4", "AR5", "AR6")) == GWPS[gas]
