"""The engine: what it answers, what it refuses and in which words, and what its results carry."""

from decimal import Decimal

import pytest

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import content_sha256

GAS = (
    "epa.cccl.stationary.heat-content/us-epa/stationary-combustion/2024/"
    "natural-gas-natural-gas/us/2024/mmbtu/gross"
)
DIESEL_GB = (
    "nz.mfe.2.activity-factor/uk-desnz/conversion-factors/2024/"
    "fuels-liquid-fuels-diesel-average-biofuel-blend/gb/2024/l/scope-1"
)
AR5 = CalculationContext(gwp_set="AR5")


@pytest.fixture(scope="module")
def engine():
    return CalculationEngine.shipped()


def refusal(call, *arguments, **keywords):
    with pytest.raises(GreenlangError) as caught:
        call(*arguments, **keywords)
    return caught.value


# --- factors by the names that people use

FACTORS = [
    ("natural_gas", "US", 2024, "EPA", 53.06, "mmBtu", "gross"),
    ("Natural Gas", "US", 2025, "epa", 53.06, "mmBtu", "gross"),
    ("gasoline", "US", 2024, "EPA", 70.22, "mmBtu", "gross"),
    ("petrol", "US", 2024, "us-epa", 70.22, "mmBtu", "gross"),
    ("heating oil", "US", 2024, "EPA", 73.96, "mmBtu", "gross"),
    ("diesel", "US", 2024, "EPA", 10.21, "gallon", None),
    ("steam", "US", 2024, "EPA", 66.33, "mmBtu", None),
    ("electricity", "US-EGRID-RFCW", 2022, "EPA", 1000.053, "MWh", None),
    ("grid-electricity", "US-EGRID-RFCW", 2010, "EPA", 1503.4707, "MWh", None),
]


@pytest.mark.parametrize(("name", "region", "year", "source", "co2", "unit", "basis"), FACTORS)
def test_a_factor_is_found_by_the_name_people_use(engine, name, region, year, source, co2, unit, basis):
    factor = engine.get_emission_factor(name, region, year, source=source)
    assert (factor.co2, factor.activity_unit, factor.calorific_basis) == (co2, unit, basis)
    assert factor.year == year
    assert factor.citation.source_sha256


def test_a_factor_given_as_co2e_is_found_too(engine):
    factor = engine.get_emission_factor("electricity", "GB", 2024, "DEFRA")
    assert (factor.co2e, factor.gwp_set, factor.scope) == (0.20705, "AR5", "2")


UNKNOWN_FACTORS = [
    (("natural_gaz", "US", 2024), "FUEL_UNKNOWN", "natural-gas"),
    (("coal", "US", 2024), "FUEL_UNKNOWN", "bituminous-coal"),
    (("natural_gas", "FR", 2024), "FACTOR_NOT_FOUND", "US"),
    (("electricity", "US-EGRID-RFWC", 2022), "FACTOR_NOT_FOUND", "US-EGRID-RFCW"),
    (("natural_gas", "US", 2019), "FACTOR_NOT_FOUND", "2024"),
]


@pytest.mark.parametrize(("question", "code", "near"), UNKNOWN_FACTORS)
def test_what_is_not_there_is_refused_with_what_is_near(engine, question, code, near):
    error = refusal(engine.get_emission_factor, *question)
    assert error.code == code
    assert near in error.expected


def test_an_unknown_publisher_is_refused(engine):
    error = refusal(engine.get_emission_factor, "diesel", "US", 2024, source="EPAA")
    assert error.code == "PUBLISHER_UNKNOWN"
    assert {"us-epa", "epa", "desnz"} <= set(error.expected.split(", "))


# --- one calculation


def test_a_result_carries_each_gas_and_the_proof_of_every_figure(engine):
    result = engine.calculate(GAS, {"activity": 1000}, AR5)
    assert {item.symbol: (item.value, item.unit) for item in result.outputs} == {
        "co2": (Decimal("53060"), "kg[CO2]"),
        "ch4": (Decimal("1"), "kg[CH4]"),
        "n2o": (Decimal("0.1"), "kg[N2O]"),
        "co2e": (Decimal("53114.5"), "kg[CO2e]"),
    }
    assert result.output("co2_biogenic") is None
    assert (result.factor_id, result.gwp_set, result.licence) == (
        GAS.split("/", 1)[1],
        "AR5",
        "US public domain",
    )
    figures = {figure.symbol: figure for figure in result.figures}
    assert figures["ef_ch4"].published == "1 g[CH4]/mmBtu[gross]"
    assert figures["ef_ch4"].value == 0.001
    assert figures["gwp_n2o"].value == 265
    for figure in result.figures:
        assert {"publisher", "document", "table", "row", "licence", "source_sha256"} <= set(figure.citation)
    assert result.formula_citation["document"]


def test_biogenic_co2_stands_apart_from_co2e(engine):
    wood = next(
        item.id
        for item in engine.library.factor_bindings
        if item.equation.id == "epa.cccl.stationary.heat-content-biomass"
        and item.row["activity"] == "wood-and-wood-residuals"
    )
    result = engine.calculate(wood, {"activity": 100}, AR5)
    factor = engine.library.binding(wood).factor
    assert result.output("co2") is None
    assert result.output("co2_biogenic").value == Decimal(str(factor.co2_biogenic)) * 100
    ch4_n2o = Decimal(str(factor.ch4)) * 28 + Decimal(str(factor.n2o)) * 265
    assert result.output("co2e").value == ch4_n2o * 100 / 1000


SAME_HEAT = [
    "1000 mmBtu[gross]",
    "1000 mmBtu (HHV)",
    " 1e3 mmBtu[gross]",
    "1000000 kBtu[gross]",
    "10000 therm[gross]",
]


@pytest.mark.parametrize("text", SAME_HEAT)
def test_text_with_a_unit_is_converted_exactly(engine, text):
    plain = engine.calculate(GAS, {"activity": 1000.0}, AR5)
    read = engine.calculate(GAS, {"activity": text}, AR5)
    assert read.inputs[0].quantity == 1000.0
    assert read.inputs[0].unit == "mmBtu[gross]"
    assert read.outputs == plain.outputs


def test_a_fuel_amount_goes_through_the_published_heat_content_and_cites_it(engine):
    result = engine.calculate(GAS, {"activity": "1000000 scf"}, AR5)
    assert result.inputs[0].quantity == 1026.0
    cited = next(figure for figure in result.figures if figure.kind == "property")
    assert cited.published == "0.001026 mmBtu/scf"
    assert list(result.properties) == [cited.source_id]
    assert cited.source_id in str(result.body)


def test_the_hash_covers_what_was_calculated_and_nothing_else(engine):
    first = engine.calculate(GAS, {"activity": 1000}, AR5)
    again = CalculationEngine.shipped().calculate(GAS, {"activity": 1000.0}, AR5)
    looked_up = engine.calculate(GAS, {"activity": 1000}, AR5.model_copy(update={"matched_level": "country"}))
    assert first.provenance_hash == again.provenance_hash == looked_up.provenance_hash
    assert first.provenance_hash == content_sha256(first.body)
    others = [
        engine.calculate(GAS, {"activity": 1000.000001}, AR5),
        engine.calculate(GAS, {"activity": "1000000 kBtu[gross]"}, AR5),
        engine.calculate(GAS, {"activity": 1000}, CalculationContext(gwp_set="AR4")),
        engine.calculate(GAS.replace("2024", "2025"), {"activity": 1000}, AR5),
    ]
    assert len({item.provenance_hash for item in (first, *others)}) == 5


def test_an_equation_takes_every_figure_from_its_caller(engine):
    inputs = {"fuel": "100 gal", "heat_content": 0.138, "ef_co2": 73.96}
    context = CalculationContext(activity_unit="gallon")
    result = engine.calculate("carb.mrr2008.95125-a", inputs, context)
    assert result.output("co2").value == Decimal("1.020648")
    assert result.output("co2").unit == "tonne[CO2]"
    assert (result.factor_id, result.gwp_set) == (None, None)


def test_a_formula_about_any_gas_takes_the_gas_from_the_context(engine):
    inputs = {
        "inventory_begin": 10,
        "inventory_end": 4,
        "purchases": 0,
        "sales": 0,
        "capacity_begin": 1,
        "capacity_end": 1,
    }
    context = CalculationContext(gwp_set="AR6", gas="HFC-134a")
    result = engine.calculate("epa.cccl.fugitive.eq5", inputs, context)
    assert result.output("co2e").value == 6 * 1530
    assert (
        refusal(engine.calculate, "epa.cccl.fugitive.eq5", inputs, CalculationContext(gwp_set="AR6")).code
        == "GWP_GAS_MISSING"
    )


def test_an_indexed_input_takes_one_value_for_each_member(engine):
    fuel = {"first": 2, "second": "3 TJ[net]", "third": 0}
    factors = {"first": 10, "second": 20, "third": 30}
    result = engine.calculate("ipcc2006.v2.eq3.2.1", {"fuel": fuel, "ef": factors}, CalculationContext())
    assert result.output("co2").value == 80
    error = refusal(engine.calculate, "ipcc2006.v2.eq3.2.1", {"fuel": 1, "ef": factors}, CalculationContext())
    assert (error.code, error.expected) == ("INPUT_MEMBERS", "first, second, third")


# --- refusals

NAN, INFINITE = float("nan"), float("inf")
REFUSALS = {
    "unknown binding": (GAS + "x", {"activity": 1}, "AR5", "FORMULA_NOT_FOUND", "natural-gas"),
    "unknown equation": (
        "epa.cccl.stationary",
        {},
        "AR5",
        "FORMULA_NOT_FOUND",
        "epa.cccl.stationary.heat-content",
    ),
    "nothing given": (GAS, {}, "AR5", "INPUT_MISSING", "activity (mmBtu[gross])"),
    "one too many": (GAS, {"activity": 1, "amount": 1}, "AR5", "INPUT_UNKNOWN", "activity"),
    "own factor": (GAS, {"activity": 1, "ef_co2": 1}, "AR5", "INPUT_UNKNOWN", "activity"),
    "own gwp": (GAS, {"activity": 1, "gwp_ch4": 25}, "AR5", "INPUT_UNKNOWN", "activity"),
    "bool": (GAS, {"activity": True}, "AR5", "INPUT_NOT_A_NUMBER", "mmBtu[gross]"),
    "none": (GAS, {"activity": None}, "AR5", "INPUT_NOT_A_NUMBER", "mmBtu[gross]"),
    "list": (GAS, {"activity": [1]}, "AR5", "INPUT_NOT_A_NUMBER", "mmBtu[gross]"),
    "words": (GAS, {"activity": "a lot"}, "AR5", "INPUT_NOT_A_NUMBER", "mmBtu[gross]"),
    "thousands": (GAS, {"activity": "1,000"}, "AR5", "UNIT_UNKNOWN", None),
    "empty": (GAS, {"activity": ""}, "AR5", "INPUT_NOT_A_NUMBER", "mmBtu[gross]"),
    "nan": (GAS, {"activity": NAN}, "AR5", "INPUT_NOT_FINITE", "finite"),
    "nan text": (GAS, {"activity": "nan"}, "AR5", "INPUT_NOT_A_NUMBER", None),
    "infinite": (GAS, {"activity": INFINITE}, "AR5", "INPUT_NOT_FINITE", "finite"),
    "huge integer": (GAS, {"activity": 10**400}, "AR5", "INPUT_NOT_FINITE", "finite"),
    "huge text": (GAS, {"activity": "1e999"}, "AR5", "INPUT_NOT_FINITE", "finite"),
    "negative": (GAS, {"activity": -0.001}, "AR5", "INPUT_OUT_OF_BOUNDS", "at least 0"),
    "unknown unit": (GAS, {"activity": "1 mmbtus gross calorific"}, "AR5", "UNIT_UNKNOWN", None),
    "no basis": (GAS, {"activity": "1 GJ"}, "AR5", "UNIT_MISMATCH", "mmBtu[gross]"),
    "net": (GAS, {"activity": "1 GJ[net]"}, "AR5", "UNIT_MISMATCH", "mmBtu[gross]"),
    "mass of a gas": (GAS, {"activity": "1 kg"}, "AR5", "UNIT_MISMATCH", "mmBtu[gross]"),
    "no set": (GAS, {"activity": 1}, None, "GWP_SET_MISSING", "AR4, AR5 or AR6"),
    "another set": (DIESEL_GB, {"activity": 1}, "AR6", "GWP_SET_MIXED", "AR6"),
    "overflow": (GAS, {"activity": 1e12}, "AR5", "NUMBER_OVERFLOW", None),
    "generic": ("carb.mrr2008.95125-a", {}, None, "FORMULA_UNIT_MISSING", "activity_unit"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_calculation_that_cannot_be_made_is_refused(engine, case):
    formula, inputs, gwp_set, code, expected = REFUSALS[case]
    error = refusal(engine.calculate, formula, inputs, CalculationContext(gwp_set=gwp_set))
    assert error.code == code
    if expected is not None:
        assert expected in error.expected


def test_a_published_co2e_factor_brings_its_own_set(engine):
    result = engine.calculate(DIESEL_GB, {"activity": 1000}, CalculationContext())
    assert (result.gwp_set, result.output("co2e").value) == ("AR5", Decimal("2512.79"))


def test_the_unit_of_a_binding_is_its_factors(engine):
    context = CalculationContext(gwp_set="AR5", activity_unit="kWh")
    assert refusal(engine.calculate, GAS, {"activity": 1}, context).code == "FORMULA_UNIT_FIXED"
    context = CalculationContext(activity_unit="kWh")
    assert refusal(engine.calculate, "ipcc2006.v2.eq3.2.1", {}, context).code == "FORMULA_UNIT_FIXED"


# --- formulas

VALIDATIONS = [
    ("co2 = activity * ef", {"activity": "mmBtu[gross]", "ef": "kg[CO2]/mmBtu[gross]"}, None),
    ("total = a + b", {"a": "1 kg", "b": "2 lb"}, None),
    ("co2e = ch4 * gwp", {"ch4": "kg[CH4]", "gwp": "kg[CO2e]/kg[CH4]"}, None),
    ("a = b +* c", {"b": 1, "c": 2}, ("FORMULA_SYNTAX", 1, 8)),
    ("a = b\nd = a + q", {"b": 1}, ("FORMULA_NAME", 2, 9)),
    ("a = b + c", {"b": "kg", "c": "m"}, ("UNIT_MISMATCH", 1, 7)),
    ("a = b + c", {"b": "kg[CO2]", "c": "kg[CO2e]"}, ("UNIT_MISMATCH", 1, 7)),
    ("a = b.__class__", {"b": 1}, ("FORMULA_SYNTAX", 1, 6)),
    ("a = b", {"b": "blurb"}, ("UNIT_UNKNOWN", None, None)),
    ("a = b", {"b": True}, ("INPUT_NOT_A_NUMBER", None, None)),
    (GAS, {"activity": "100 tonne"}, ("UNIT_MISMATCH", None, None)),
    (GAS, {"activity": "100 scf"}, None),
    (GAS, {"activity": -1}, ("INPUT_OUT_OF_BOUNDS", None, None)),
    ("no.such.formula", {}, ("FORMULA_NOT_FOUND", None, None)),
]


@pytest.mark.parametrize(("formula", "inputs", "fault"), VALIDATIONS)
def test_a_formula_is_validated_with_its_faults_in_their_places(engine, formula, inputs, fault):
    result = engine.validate_formula(formula, inputs)
    assert result.valid == (fault is None)
    if fault is not None:
        assert [(item.code, item.line, item.column) for item in result.errors] == [fault]
    else:
        assert result.errors == ()


def test_every_wrong_input_of_a_formula_is_told(engine):
    inputs = {"fuel": "1 kWh", "heat_content": -1, "ef_co2": "no"}
    result = engine.validate_formula("epa.cccl.fugitive.fire-screening", {"capacity": "1 m", "leak_rate": -1})
    assert [item.code for item in result.errors] == ["UNIT_MISMATCH", "INPUT_OUT_OF_BOUNDS"]
    assert not engine.validate_formula("carb.mrr2008.95125-a", inputs).valid
