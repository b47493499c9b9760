"""GWPs: each set keeps its own values, methane from combustion takes the right one."""

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.gwp import GwpTable


@pytest.fixture(scope="module")
def table() -> GwpTable:
    return GwpTable.shipped()


@pytest.mark.parametrize(
    ("gwp_set", "gas", "value", "meant"),
    [
        ("AR4", "CH4", 25, "CH4"),
        ("AR5", "CH4", 28, "CH4"),
        ("AR6", "CH4", 27.0, "CH4_non_fossil"),
        ("AR6", "N2O", 273, "N2O"),
        ("AR6", "CO2", 1, "CO2"),
        ("AR6", "CH4_fossil", 29.8, "CH4_fossil"),
    ],
)
def test_methane_that_is_burnt_does_not_count_its_co2_twice(
    gwp_set: str, gas: str, value: float, meant: str, table: GwpTable
) -> None:
    found = table.for_combustion(gwp_set, gas)
    assert (found.value, found.gas, found.gwp_set) == (value, meant, gwp_set)


@pytest.mark.parametrize("spelling", ["HFC-134a", "hfc134a", "HFC 134A"])
def test_spellings_of_a_gas(spelling: str, table: GwpTable) -> None:
    assert table.value("AR5", spelling).gas == "HFC-134a"


def test_designations_and_formulas_name_the_same_gas(table: GwpTable) -> None:
    for designation, formula in (("PFC-14", "CF4"), ("PFC-318", "c-C4F8"), ("PFC-91-18", "C10F18")):
        assert table.value("AR5", designation) == table.value("AR5", formula)


def test_every_value_cites_its_source(table: GwpTable) -> None:
    for gwp_set in ("AR4", "AR5", "AR6"):
        gases = table.gases(gwp_set)
        assert len(gases) > 50
        for gas in gases:
            citation = table.value(gwp_set, gas).citation
            assert citation.publisher == "IPCC"
            assert citation.licence


def test_unknown_sets_and_gases_name_what_is_near(table: GwpTable) -> None:
    with pytest.raises(GreenlangError) as refused:
        table.value("AR7", "CH4")
    assert (refused.value.code, refused.value.expected) == ("GWP_SET_UNKNOWN", "AR4, AR5, AR6")
    with pytest.raises(GreenlangError) as refused:
        table.value("AR4", "HFC-134b")
    assert refused.value.code == "GWP_NOT_FOUND"
    assert "HFC-134a" in str(refused.value.expected)
