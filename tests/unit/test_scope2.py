"""Scope 2: both figures always, what instruments cover, what the rest takes, and what is disclosed."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.calculation.scope2 import Instrument, Rate
from greenlang_assets.core.errors import GreenlangError

ERCOT = (
    "epa.cccl.electricity.location-based/us-epa/electricity/2024/"
    "total-output-emission-factors-ercot-all/us-egrid-erct/2022/mwh"
)
GAS = (
    "epa.cccl.stationary.heat-content/us-epa/stationary-combustion/2024/"
    "natural-gas-natural-gas/us/2024/mmbtu/gross"
)
AR5 = CalculationContext(gwp_set="AR5")
WIND = Rate(value=0, source="registry of certificates")
SUPPLIER = Rate(value=200, gwp_set="AR5", source="the supplier's statement")


@pytest.fixture(scope="module")
def engine():
    return CalculationEngine.shipped()


def instrument(quantity, rate=WIND, name="certificate-1"):
    return Instrument(instrument_id=name, kind="certificate", quantity=quantity, rate=rate)


def both(engine, *instruments, use="10000 kWh", **keywords):
    return engine.scope2(ERCOT, {"activity": use}, AR5, instruments=instruments, **keywords)


def test_without_instruments_the_market_figure_is_the_grid_average_and_says_so(engine):
    result = both(engine)
    assert result.location_co2e.value == Decimal("3512.211080")
    assert result.market.value == result.location_co2e.value
    assert result.basis == "grid-average"
    assert "No residual mix" in result.disclosure
    assert [part.basis for part in result.parts] == ["grid-average"]


def test_instruments_cover_what_they_cover_and_the_grid_the_rest(engine):
    result = both(engine, instrument("4 MWh"), instrument(3, SUPPLIER, "supplier"))
    rest = engine.calculate(ERCOT, {"activity": 3}, AR5).output("co2e")
    assert [part.co2e.value for part in result.parts] == [0, 600, rest.value]
    assert result.market.scaled == 600 * 10**6 + rest.scaled
    assert result.location_co2e.value == Decimal("3512.211080")
    assert result.basis == "instruments+grid-average"
    assert "No residual mix" in result.disclosure


def test_a_residual_mix_takes_the_rest_where_one_is_published(engine):
    mix = Rate(value=400, gwp_set="AR5", source="residual mix of the market, 2022")
    result = both(engine, instrument("4000 kWh"), residual_mix=mix)
    assert result.market.value == 2400
    assert result.basis == "instruments+residual-mix"
    assert "residual mix of the market, 2022" in result.disclosure
    assert both(engine, residual_mix=mix).basis == "residual-mix"


def test_full_cover_leaves_no_rest(engine):
    result = both(engine, instrument("10 MWh"))
    assert (result.market.value, result.basis, len(result.parts)) == (0, "instruments", 1)
    assert "No residual mix" not in result.disclosure


def test_no_use_gives_two_zeros(engine):
    result = both(engine, use=0)
    assert (result.location_co2e.scaled, result.market.scaled, result.basis) == (0, 0, "grid-average")


def test_the_hash_tells_results_apart(engine):
    results = [
        both(engine),
        both(engine, instrument("4 MWh")),
        both(engine, instrument("4 MWh", name="other")),
    ]
    assert len({item.provenance_hash for item in results}) == 3
    assert both(engine).provenance_hash == results[0].provenance_hash


REFUSED = {
    "more than was used": ([instrument("10.000001 MWh")], "INSTRUMENTS_EXCEED_USE"),
    "together too much": ([instrument(6), instrument(5, name="b")], "INSTRUMENTS_EXCEED_USE"),
    "claimed twice": ([instrument(1), instrument(1)], "INSTRUMENT_DUPLICATED"),
    "negative": ([instrument(-1)], "INPUT_OUT_OF_BOUNDS"),
    "another set": ([instrument(1, Rate(value=1, gwp_set="AR6", source="x"))], "GWP_SET_MIXED"),
    "no set": ([instrument(1, Rate(value=1, source="x"))], "GWP_SET_MIXED"),
    "heat of fuel": ([instrument(1, Rate(value=0, per="kWh[gross]", source="x"))], "UNIT_MISMATCH"),
    "no energy": ([instrument("1 tonne")], "UNIT_MISMATCH"),
    "unknown unit": ([instrument("1 megawatt")], "UNIT_UNKNOWN"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_instruments_that_do_not_fit_are_refused(engine, case):
    instruments, code = REFUSED[case]
    with pytest.raises(GreenlangError) as caught:
        both(engine, *instruments)
    assert caught.value.code == code


def test_a_residual_mix_of_another_set_is_refused(engine):
    with pytest.raises(GreenlangError, match="GWP_SET_MIXED"):
        both(engine, residual_mix=Rate(value=400, gwp_set="AR4", source="x"))


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_rate_is_a_finite_mass(value):
    with pytest.raises(ValidationError):
        Rate(value=value, gwp_set="AR5", source="x")


def test_a_formula_with_other_inputs_is_refused(engine):
    inputs = {"energy": 100, "ef": 1, "loss_rate": 5}
    with pytest.raises(GreenlangError, match="SCOPE2_INPUTS"):
        engine.scope2("ghgp.scope3.3.3", inputs, AR5)
    with pytest.raises(GreenlangError, match="NO_CO2E"):
        engine.scope2(
            "cbam.2025-2547.annex2.eq35",
            {"electricity": 1, "ef": 1},
            AR5.model_copy(update={"gwp_set": None}),
        )
