"""Units: spellings, exact factors against NIST SP 811, dimensions that do not mix."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import pytest

from greenlang_assets.core import units
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.units import (
    Unit,
    conversion,
    convert_temperature,
    dimension_text,
    known_symbols,
    normalise_unit,
    parse_unit,
    qualify,
)

SPELLINGS = [
    ("kgCO2e", "kg[CO2e]"),
    ("kg CO2e", "kg[CO2e]"),
    ("kg CO2-eq", "kg[CO2e]"),
    ("kg of CO2", "kg[CO2]"),
    ("tCO2e", "tonne[CO2e]"),
    ("g CH4 per vehicle-mile", "g[CH4]/vehicle_mile"),
    ("kg CO2 per mmBtu", "kg[CO2]/mmBtu"),
    ("mmBtu per short ton", "mmBtu/short_ton"),
    ("MMBtu", "mmBtu"),
    ("kBtu", "kBtu"),
    ("m³", "m3"),
    ("m^3", "m3"),
    ("cubic metres", "m3"),
    ("kWh/m²", "kWh/m2"),
    ("kWh/m2/a", "kWh/m2/year"),
    ("kg\u00a0CO2e/t·km", "kg[CO2e]/tonne_km"),
    ("t.km", "tonne_km"),
    ("tonne.km", "tonne_km"),
    ("passenger.km", "passenger_km"),
    ("short ton-mile", "short_ton_mile"),
    ("Room per night", "room_night"),
    ("guest night", "person_night"),
    ("US gal", "gallon"),
    ("million litres", "ML"),
    ("kWh (Gross CV)", "kWh[gross]"),
    ("kg CO2e/kWh (Net CV)", "kg[CO2e]/kWh[net]"),
    ("GWh HHV", "GWh[gross]"),
    ("kg[CO2e]/(FTE*h)", "kg[CO2e]/FTE/h"),
    ("USD[2022]", "USD[2022]"),
    ("°C", "degC"),
    ("%", "%"),
    ("kg/kg", "1"),
    ("Mg CO2", "Mg[CO2]"),
    ("mwh", "MWh"),
    ("KWH", "kWh"),
    ("ml", "mL"),
]


@pytest.mark.parametrize(("written", "canonical"), SPELLINGS)
def test_people_s_spelling_becomes_canonical(written: str, canonical: str) -> None:
    assert normalise_unit(written) == canonical
    assert normalise_unit(canonical) == canonical


@pytest.mark.parametrize("symbol", sorted(set(known_symbols()) - {"1"}))
def test_every_symbol_reads_as_itself_and_has_a_scale(symbol: str) -> None:
    text = f"{symbol}[2022]" if known_symbols()[symbol] == "currency" else symbol
    unit = parse_unit(text)
    assert unit.text == text
    if text not in ("degC", "degF"):
        assert conversion(unit, unit**1) == 1
        assert conversion(unit * unit, unit**2) == 1
    assert dimension_text(unit.dimension)


# NIST Special Publication 811 (2008), Appendix B.8, in its notation. Its acre is the survey foot's and
# therefore not in this list: ours is 43 560 international square feet.
NIST = [
    ("lb", "kg", "4.535924E-01"),
    ("oz", "kg", "2.834952E-02"),
    ("short_ton", "kg", "9.071847E+02"),
    ("long_ton", "kg", "1.016047E+03"),
    ("Btu", "J", "1.055056E+03"),
    ("therm_us", "J", "1.054804E+08"),
    ("therm_ec", "J", "1.05506E+08"),
    ("kWh", "J", "3.6E+06"),
    ("ft3", "m3", "2.831685E-02"),
    ("gallon", "m3", "3.785412E-03"),
    ("imp_gallon", "m3", "4.54609E-03"),
    ("barrel", "m3", "1.589873E-01"),
    ("mile", "m", "1.609344E+03"),
    ("nautical_mile", "m", "1.852E+03"),
    ("ft", "m", "3.048E-01"),
    ("inch", "m", "2.54E-02"),
    ("atm", "Pa", "1.01325E+05"),
]


@pytest.mark.parametrize(("unit", "base", "printed"), NIST)
def test_factor_rounds_to_what_nist_prints(unit: str, base: str, printed: str) -> None:
    value = Decimal(printed)
    half_a_digit = Fraction(Decimal(5).scaleb(int(value.as_tuple().exponent) - 1))
    assert abs(conversion(unit, base) - Fraction(value)) <= half_a_digit


EXACT = [
    ("lb", "kg", "0.45359237"),
    ("mmBtu", "J", "1055055852.62"),
    ("therm", "mmBtu", "0.1"),
    ("million_therm", "TJ", "105.505585262"),
    ("therm_us", "MJ", "105.4804"),
    ("short_ton", "lb", "2000"),
    ("Mg", "tonne", "1"),
    ("long_ton", "lb", "2240"),
    ("gallon", "L", "3.785411784"),
    ("imp_gallon", "L", "4.54609"),
    ("barrel", "gallon", "42"),
    ("acre", "ft2", "43560"),
    ("m3", "L", "1000"),
    ("lb/MWh", "kg/kWh", "0.00045359237"),
    ("lb/GWh", "kg/MWh", "0.00045359237"),
    ("kg[CO2]/TJ[net]", "g[CO2]/GJ[net]", "1"),
    ("vehicle_mile", "vehicle_km", "1.609344"),
    ("short_ton_mile", "tonne_km", "1.45997231821056"),
    ("degF*kg", "K*kg", "5/9"),
    ("kg/mV", "kg/V", "1000"),
]


@pytest.mark.parametrize(("source", "target", "factor"), EXACT)
def test_factor_is_an_exact_rational(source: str, target: str, factor: str) -> None:
    assert conversion(source, target) == Fraction(factor)
    assert conversion(target, source) == 1 / Fraction(factor)


def test_standard_cubic_foot_in_a_cubic_metre() -> None:
    assert conversion("m3", "scf") == 1 / Fraction("0.3048") ** 3


MIXED = [
    ("kg[CO2]", "kg[CH4]"),
    ("kg[CO2]", "kg[CO2e]"),
    ("kg", "kg[CO2]"),
    ("mmBtu[gross]", "mmBtu[net]"),
    ("kWh", "kWh[gross]"),
    ("kWh", "kg"),
    ("USD[2021]", "USD[2022]"),
    ("USD[2022]", "EUR[2022]"),
    ("passenger_km", "vehicle_km"),
    ("passenger_km", "km"),
    ("tonne_km", "km"),
    ("head", "person"),
    ("room_night", "item"),
    ("passenger_equivalent_km", "passenger_km"),
    ("person_night", "room_night"),
    ("kg", "L"),
]


@pytest.mark.parametrize(("source", "target"), MIXED)
def test_what_does_not_mix_is_refused_by_both_names(source: str, target: str) -> None:
    with pytest.raises(GreenlangError) as refused:
        conversion(source, target)
    assert refused.value.code == "UNIT_MISMATCH"
    for unit in (source, target):
        assert dimension_text(parse_unit(unit).dimension) in refused.value.message
    assert refused.value.hint


REFUSED = [
    ("kgg", "UNIT_UNKNOWN"),
    ("", "UNIT_UNKNOWN"),
    ("/", "UNIT_UNKNOWN"),
    ("kg[", "UNIT_UNKNOWN"),
    ("m^(1/0)", "UNIT_UNKNOWN"),
    ("(" * 150, "UNIT_UNKNOWN"),
    ("kg" * 500, "UNIT_UNKNOWN"),
    ("MBtu", "UNIT_AMBIGUOUS"),
    ("tons", "UNIT_AMBIGUOUS"),
    ("MG", "UNIT_AMBIGUOUS"),
    ("MM", "UNIT_AMBIGUOUS"),
    ("mJ", "UNIT_UNKNOWN"),
    ("mWh", "UNIT_UNKNOWN"),
    ("Ml", "UNIT_UNKNOWN"),
    ("mtCO2e", "UNIT_AMBIGUOUS"),
    ("kWh[foo]", "UNIT_QUALIFIER"),
    ("m[CO2]", "UNIT_QUALIFIER"),
    ("kg[gross]", "UNIT_QUALIFIER"),
    ("USD", "UNIT_QUALIFIER"),
    ("USD[22]", "UNIT_QUALIFIER"),
    ("USD[２０２２]", None),
]


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_unreadable_unit_is_refused(text: str, code: str | None) -> None:
    if code is None:  # full-width digits are the same digits
        assert normalise_unit(text) == "USD[2022]"
        return
    with pytest.raises(GreenlangError) as refused:
        parse_unit(text)
    assert refused.value.code == code
    assert refused.value.expected


def test_unknown_unit_names_the_nearest() -> None:
    with pytest.raises(GreenlangError) as refused:
        parse_unit("short_tn")
    assert "short_ton" in str(refused.value.expected)


TEMPERATURES = [
    (0, "°C", "K", "273.15"),
    (212, "°F", "°C", "100"),
    (-40, "°C", "°F", "-40"),
    (32, "°F", "K", "273.15"),
]


@pytest.mark.parametrize(("value", "source", "target", "expected"), TEMPERATURES)
def test_temperature_scales_are_affine(value: int, source: str, target: str, expected: str) -> None:
    assert convert_temperature(value, source, target) == Fraction(expected)


def test_temperature_scale_has_no_factor() -> None:
    with pytest.raises(GreenlangError, match="UNIT_AFFINE"):
        conversion("°C", "K")
    with pytest.raises(GreenlangError, match="UNIT_MISMATCH"):
        convert_temperature(1, "kg", "K")


def test_a_factor_row_s_unit_takes_gas_and_basis_from_its_row() -> None:
    assert qualify("g/mmBtu", gas="CH4", calorific_basis="gross").text == "g[CH4]/mmBtu[gross]"
    assert qualify("kg/kg", gas="CO2e").text == "kg[CO2e]/kg"
    assert qualify("tonne/short_ton", gas="co2e").text == "tonne[CO2e]/short_ton"
    assert qualify("kgCO2e/kWh", gas="CO2e", calorific_basis="net").text == "kg[CO2e]/kWh[net]"
    assert qualify("lb/MWh", gas="CO2").text == "lb[CO2]/MWh"


@pytest.mark.parametrize(
    ("text", "gas", "basis"),
    [("kg[CH4]/kWh", "CO2", None), ("kg/kWh[net]", "CO2", "gross"), ("1/kWh", "CO2", None)],
)
def test_a_unit_that_contradicts_its_row_is_refused(text: str, gas: str, basis: str | None) -> None:
    with pytest.raises(GreenlangError, match="UNIT_QUALIFIER"):
        qualify(text, gas=gas, calorific_basis=basis)


def test_roots_are_exact_or_refused() -> None:
    assert conversion(parse_unit("km2") ** Fraction(1, 2), "m") == 1000
    with pytest.raises(GreenlangError, match="UNIT_ROOT"):
        conversion(parse_unit("km") ** Fraction(1, 2), parse_unit("m") ** Fraction(1, 2))


def test_reading_a_unit_does_not_load_pint() -> None:
    script = (
        "import sys; from greenlang_assets.core.units import parse_unit; "
        "parse_unit('kg CO2e/kWh (Gross CV)'); sys.exit('pint' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_products_merge_and_cancel() -> None:
    assert (parse_unit("kWh") * parse_unit("kg/kWh")).text == "kg"
    assert (parse_unit("kg") / parse_unit("kg")) == Unit()


def test_what_one_process_measured_another_takes_over_unchanged() -> None:
    told = json.loads(json.dumps(units.measured_symbols()))
    program = (
        "import json, sys; from greenlang_assets.core import units; units.take_over(json.load(sys.stdin)); "
        "json.dump([units.measured_symbols(), str(units.conversion('kWh[gross]', 'mmBtu[gross]')), "
        "'pint' in sys.modules], sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(told), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [told, str(units.conversion("kWh[gross]", "mmBtu[gross]")), False]
