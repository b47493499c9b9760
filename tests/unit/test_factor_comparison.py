"""One activity across publishers: exact conversion, GWP sets that are named, reasons for what is left out."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import comparison
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.comparison import compare
from greenlang_assets.core.factors.model import FACTOR_SCHEMA
from registry_ops.cli.comparison_page import page, series


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.shipped()


def made(shipped: Catalogue, *rows: dict[str, Any]) -> Catalogue:
    """Factors of one activity that have nothing in common but what a factor must have."""
    base = shipped.frame.filter(activity="steam-and-heat", region="US", edition="2024").row(0, named=True)
    kept = {
        name: base[name]
        for name in base
        if name.startswith("cite_") or name in ("kind", "version", "dataset")
    }
    common = {
        **kept,
        "publisher": "us-epa",
        "edition": "2024",
        "activity": "x",
        "activity_path": "X",
        "year": 2024,
    }
    numbered = [
        {"factor_id": f"f/{number}", "region": "US", "activity_unit": "kWh", **common, **row}
        for number, row in enumerate(rows)
    ]
    return Catalogue.from_frames(pl.DataFrame(numbered, FACTOR_SCHEMA, orient="row"), shipped.properties)


CO2E = {"co2e": 0.5, "co2e_unit": "kg/kWh", "gwp_set": "AR5"}
MASSES = {
    "activity_unit": "MWh", "co2": 500.0, "co2_unit": "kg/MWh", "ch4": 10.0, "ch4_unit": "g/MWh",
    "n2o": 2.0, "n2o_unit": "g/MWh",
}  # fmt: skip


def test_figures_are_converted_exactly_and_nothing_else(shipped: Catalogue) -> None:
    found = compare(shipped, "natural-gas", unit="kWh[gross]", gwp_set="AR5")
    printed = {
        (row.year, row.publisher): row.value
        for row in found.rows
        if row.publisher == "uk-desnz" and row.gases == "as published" and row.year >= 2024
    }
    assert (printed[2024, "uk-desnz"], printed[2025, "uk-desnz"]) == (0.1829, 0.18296)
    (epa,) = [
        row
        for row in found.rows
        if row.factor_id.endswith("2025/natural-gas-natural-gas/us/2025/mmbtu/gross")
    ]
    kilowatt_hour = Fraction(3_600_000) / Fraction("1055055852.62")
    expected = (Fraction("53.06") + 28 * Fraction("0.001") + 265 * Fraction("0.0001")) * kilowatt_hour
    assert epa.value == float(expected)
    assert (epa.gases, epa.gwp_set) == ("CO2 + CH4 + N2O", "AR5")
    assert any(reason.startswith(comparison.OTHER_QUANTITY) for reason in found.left_out)
    assert not any("[net]" in row.printed_unit or row.calorific_basis == "net" for row in found.rows)


def test_co2e_is_the_publishers_unless_a_set_is_named(shipped: Catalogue) -> None:
    catalogue = made(shipped, CO2E, {**CO2E, "co2e": 0.6, "gwp_set": "AR4"}, MASSES)
    found = compare(catalogue, "x")
    assert [(row.value, row.gwp_set) for row in found.rows] == [(0.5, "AR5"), (0.6, "AR4")]
    assert found.left_out == {comparison.NO_CO2E: 1}
    found = compare(catalogue, "x", gwp_set="AR5", unit="kWh")
    assert [row.factor_id for row in found.rows] == ["f/0", "f/2"]
    assert found.rows[1].value == float((500 + Fraction("0.01") * 28 + Fraction("0.002") * 265) / 1000)
    assert found.left_out == {f"{comparison.NO_MASSES} (AR4)": 1}


@pytest.mark.parametrize(
    ("gwp_set", "fossil", "biogenic"), [("AR4", 25, 25), ("AR5", 28, 28), ("AR6", 27.9, 27)]
)
def test_methane_takes_the_value_of_what_the_row_tells(
    shipped: Catalogue, gwp_set: str, fossil: float, biogenic: float
) -> None:
    row = {**MASSES, "n2o": None, "n2o_unit": None, "ch4_biogenic": 5.0, "ch4_biogenic_unit": "g/MWh"}
    (found,) = compare(made(shipped, row), "x", gwp_set=gwp_set, unit="MWh").rows
    assert found.value == pytest.approx(500 + 0.01 * fossil + 0.005 * biogenic, rel=1e-15)


def test_every_gas_counts_and_one_without_a_gwp_leaves_the_factor_out(shipped: Catalogue) -> None:
    gases = {"other_gases": '{"HFC-134a":"0.5"}', "other_gases_unit": "g/MWh"}
    unknown = {"other_gases": '{"HFC-none":"0.5"}', "other_gases_unit": "g/MWh"}
    found = compare(made(shipped, {**MASSES, **gases}, {**MASSES, **unknown}), "x", gwp_set="AR5")
    assert [row.gases for row in found.rows] == ["CO2 + CH4 + N2O + HFC-134a"]
    assert found.rows[0].value == pytest.approx(500 + 0.28 + 0.53 + 0.65)
    assert found.left_out == {f"{comparison.NO_GWP} (AR5, HFC-none)": 1}


def test_a_part_of_the_gases_is_no_total(shipped: Catalogue) -> None:
    part = {**MASSES, "co2": None, "co2_unit": None}
    others = {**MASSES, "co2e_of_other": 1.0, "co2e_unit": "kg/MWh", "gwp_set": "AR4"}
    with pytest.raises(GreenlangError) as refused:
        compare(made(shipped, part, others), "x", gwp_set="AR5")
    assert refused.value.code == "COMPARISON_EMPTY"
    assert comparison.NO_CO2 in str(refused.value.found)
    assert "others" not in str(refused.value.found)
    assert comparison.NO_MASSES in str(refused.value.found)


REFUSED = [
    ({"activity": "natral-gas"}, "FACTOR_NOT_FOUND", "natural-gas"),
    ({"activity": "natural-gas", "region": "US-TX"}, "FACTOR_NOT_FOUND", "US"),
    ({"activity": "natural-gas", "gwp_set": "AR9"}, "GWP_SET_UNKNOWN", "AR5"),
    ({"activity": "natural-gas", "unit": "no unit"}, "UNIT_UNKNOWN", ""),
    ({"activity": "natural-gas", "unit": "passenger_km"}, "COMPARISON_EMPTY", "kWh[gross]"),
]


@pytest.mark.parametrize(("question", "code", "text"), REFUSED)
def test_what_is_refused(question: dict[str, Any], code: str, text: str, shipped: Catalogue) -> None:
    with pytest.raises(GreenlangError) as refused:
        compare(shipped, **question)
    assert refused.value.code == code
    assert text in str(refused.value.expected)


def test_withdrawn_factors_are_not_compared_and_aggregates_say_what_they_are(shipped: Catalogue) -> None:
    catalogue = made(
        shipped,
        CO2E,
        {**CO2E, "not_counted": "archived by its publisher"},
        {**CO2E, "region": "GROUP-EU", "not_counted": "aggregate over countries"},
    )
    found = compare(catalogue, "x")
    assert {(row.factor_id, row.not_counted) for row in found.rows} == {
        ("f/0", None),
        ("f/2", "aggregate over countries"),
    }
    assert json.loads(json.dumps(found.record()))["factors"][0]["licence"]


def test_the_same_comparison_is_the_same_page(shipped: Catalogue, tmp_path: Path) -> None:
    found = compare(shipped, "grid-electricity", unit="kWh", gwp_set="AR5")
    text = page(found)
    assert text == page(compare(shipped, "grid-electricity", unit="kWh", gwp_set="AR5"))
    assert text.count("<svg") == 1
    assert "longest of" in text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org", "").replace("https://www.w3.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "")
    assert text.count("<tr>") == len(found.rows) + 1


def test_a_page_escapes_what_publishers_write_and_warns_of_mixed_sets(shipped: Catalogue) -> None:
    odd = {**CO2E, "activity_path": "<b>odd</b> & $pa\\th", "gwp_set": "AR4", "factor_id": "<i>"}
    text = page(compare(made(shipped, CO2E, odd), "x"))
    assert "<b>odd" not in text
    assert "<i>" not in text
    assert "different GWP sets (AR4, AR5)" in text


def test_series_follow_years(shipped: Catalogue) -> None:
    catalogue = made(shipped, {**CO2E, "year": 2025}, {**CO2E, "year": 2023}, {**CO2E, "region": "GB"})
    lines = series(compare(catalogue, "x").rows)
    assert [[row.year for row in rows] for _, rows in lines] == [[2023, 2025], [2024]]
