"""Which formula a pack means: the only one that fits, the one it names, or a refusal with the reason."""

from __future__ import annotations

import polars as pl
import pytest

from factory_ops.specification.answer import ValidationAnswer
from factory_ops.specification.processor import Processed, SpecProcessor
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import FORMULAS_ROOT, Library
from greenlang_assets.sdk.plan import CalculationPlan

PROCESSOR = SpecProcessor()
EXAMPLE = (DATA_ROOT / "packs" / "emissions_carbon_calculator_v1" / "pack.yaml").read_text("utf-8")
HEAT = "epa.cccl.stationary.heat-content"
PACK = """\
schema_version: "2.0.0"
id: emissions/inference_v1
name: N
version: "1.0.0"
summary: S
compute:
  entrypoint: python://agents.agent:compute
  inputs:
    fuel: {dtype: string, enum: [natural_gas, kerosene]}
    heat: {dtype: float64, unit: "mmBtu[gross]", ge: 0}
  outputs:
    co2e_kg: {dtype: float64, unit: "kg[CO2e]"}
  factors:
    - ref: ef://us-epa/stationary-combustion/2024
provenance: {gwp_set: AR6}
"""


def process(text: str) -> Processed:
    return PROCESSOR.process(text)


def plan_of(text: str) -> CalculationPlan:
    processed = process(text)
    assert processed.plan is not None, [issue.as_dict() for issue in processed.answer.errors]
    return processed.plan


def told(answer: ValidationAnswer) -> dict[str, str]:
    return {f"{issue.code} {issue.found or ''}".strip(): issue.message for issue in answer.warnings}


def test_the_specifications_example_finds_its_formula() -> None:
    processed = process(EXAMPLE)
    assert processed.plan is not None
    plan = processed.plan
    assert plan.formula.id == HEAT
    assert plan.formula.inferred
    assert plan.gwp_set == "AR6"
    assert [(feed.symbol, feed.input, feed.unit) for feed in plan.feeds] == [
        ("activity", "consumption", "kWh[gross]")
    ]
    assert {name: rule.kind for name, rule in plan.outputs.items()} == {
        "co2e_emissions_kg": "quantity",
        "emission_factor_used": "intensity",
        "calculation_provenance": "provenance",
    }
    assert [(choice.activity, choice.region) for choice in plan.choices] == [("natural-gas", "US")]
    assert {value: refusal.code for value, refusal in plan.refused.items()} == {
        "diesel": "ACTIVITY_NOT_REFERENCED",
        "coal": "ACTIVITY_AMBIGUOUS",
        "electricity": "ACTIVITY_NOT_REFERENCED",
    }
    assert "bituminous-coal" in plan.refused["coal"].expected


def test_everything_that_was_inferred_is_told_with_its_place() -> None:
    issues = {issue.code: issue for issue in process(EXAMPLE).answer.warnings}
    line = {code: EXAMPLE.split("\n")[issue.line - 1] for code, issue in issues.items() if issue.line}
    assert HEAT in issues["FORMULA_INFERRED"].message
    assert "natural_gas → natural-gas" in issues["ACTIVITIES_INFERRED"].message
    assert issues["ACTIVITY_AMBIGUOUS"].found == "coal"
    assert "coal" in line["ACTIVITY_AMBIGUOUS"]
    assert issues["CALORIFIC_BASIS_INFERRED"].expected == "kWh[gross]"
    assert 'unit: "kWh"' in line["CALORIFIC_BASIS_INFERRED"]


def test_coal_is_computed_once_it_is_mapped() -> None:
    mapped = EXAMPLE.replace("  factors:\n", "  activities: {coal: bituminous-coal}\n  factors:\n")
    plan = plan_of(mapped)
    assert plan.activities == {"natural_gas": "natural-gas", "coal": "bituminous-coal"}
    assert "coal" not in plan.refused
    assert {choice.activity for choice in plan.choices} == {"natural-gas", "bituminous-coal"}


def test_a_mapping_to_what_is_not_there_is_refused_at_run_time_and_told() -> None:
    plan = plan_of(EXAMPLE.replace("  factors:\n", "  activities: {coal: peat-moss}\n  factors:\n"))
    assert plan.refused["coal"].code == "ACTIVITY_NOT_REFERENCED"
    assert "peat-moss" in plan.refused["coal"].message


@pytest.mark.parametrize(
    ("unit", "formula"),
    [
        ("mmBtu[gross]", HEAT),
        ("therm", HEAT),
        ("GJ", HEAT),
        ("scf", "epa.cccl.activity.by-gas"),
        ("m3", "epa.cccl.activity.by-gas"),
    ],
)
def test_the_unit_of_the_input_chooses_the_formula(unit: str, formula: str) -> None:
    text = PACK.replace('"mmBtu[gross]"', f'"{unit}"').replace(", kerosene", "")
    assert plan_of(text).formula.id == formula


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('unit: "mmBtu[gross]"', "unit: tonne_km", "no numeric input gives activity"),
        ('unit: "mmBtu[gross]"', 'unit: "mmBtu[net]"', "no numeric input gives activity"),
        ('unit: "kg[CO2e]"', 'unit: "kg[HFC-134a]"', "none of its results is co2e_kg"),
        (", ge: 0}", ", ge: 0}\n    more: {dtype: float64, unit: 'GJ[gross]'}", "several inputs could give"),
        (", ge: 0}", ", ge: 0}\n    eta: {dtype: float64, unit: '1'}", "it has no use for the input eta"),
        ("enum: [natural_gas, kerosene]", "pattern: '^n'", "no input chooses one"),
        ("gwp_set: AR6", "enable_audit: true", "states no GWP set"),
        ("[natural_gas, kerosene]", "[phlogiston, aether]", "no input chooses one"),
        ("    co2e_kg:", "    eta: {dtype: float64, unit: '%'}\n    co2e_kg:", "none of its results is eta"),
        ("    co2e_kg:", "    chart: {dtype: object}\n    co2e_kg:", "does not give the output chart"),
    ],
)  # fmt: skip
def test_no_formula_fits_and_why(old: str, new: str, reason: str) -> None:
    errors = process(PACK.replace(old, new)).answer.errors
    assert [(issue.code, issue.path) for issue in errors] == [("FORMULA_NOT_INFERRED", "compute.formula")]
    assert reason in (errors[0].found or "")


def test_more_than_one_formula_fits() -> None:
    """A second equation bound to the same rows, with the same units, makes the choice the author's."""
    catalogue = Catalogue.shipped()
    texts = {path.name: path.read_text("utf-8") for path in FORMULAS_ROOT.glob("*.yaml")}
    one = Library(texts, catalogue).equation(HEAT)
    twin = """
family: twins
equations:
  - id: twin.heat-content
    version: 1.0.0
    title: The same again
    domain: carbon
    citation: {publisher: us, document: d, locator: l, text: second-hand, read_in: nowhere, licence: none}
    inputs:
      - {symbol: activity, unit: "mmBtu[gross]"}
      - {symbol: ef_co2, unit: "kg[CO2]/mmBtu[gross]", role: factor, gas: co2}
      - {symbol: gwp_co2, unit: "kg[CO2e]/kg[CO2]", role: gwp, gas: CO2}
    outputs: [{symbol: co2e, unit: "kg[CO2e]"}]
    expression: co2e = activity * ef_co2 * gwp_co2
    vectors: [{inputs: {activity: 1, ef_co2: 2, gwp_co2: 1}, outputs: {co2e: 2}, source: ours}]
bindings:
  - equation: twin.heat-content
    factors: {publisher: us-epa, dataset: stationary-combustion, edition: ["2024"], activity_unit: mmBtu}
    roles: {ef_co2: co2}
    vectors: {activity: 1, gwp_set: AR6}
"""
    processor = SpecProcessor(lambda: catalogue, lambda known: Library(texts | {"twin.yaml": twin}, known))
    errors = processor.validate(PACK).errors
    assert [issue.code for issue in errors] == ["FORMULA_AMBIGUOUS"]
    assert errors[0].found == f"{HEAT}, twin.heat-content"
    named = PACK.replace("provenance:", f"  formula: {{id: {HEAT}, version: {one.version}}}\nprovenance:")
    chosen = processor.process(named)
    assert chosen.plan is not None
    assert (chosen.plan.formula.id, chosen.plan.formula.inferred) == (HEAT, False)


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("{id: nobody.knows}", "FORMULA_NOT_FOUND"),
        (f"{{id: {HEAT}, version: 9.9.9}}", "FORMULA_VERSION"),
        ("{id: ghgp.scope3.5.2}", "FORMULA_DOES_NOT_FIT"),
        (
            f"{{id: {HEAT}/us-epa/stationary-combustion/2025/natural-gas-natural-gas/us/2025/mmbtu/gross}}",
            "FORMULA_OUTSIDE_REFERENCES",
        ),
    ],
)
def test_named_formulas_are_held_to_the_same(formula: str, code: str) -> None:
    errors = process(PACK.replace("provenance:", f"  formula: {formula}\nprovenance:")).answer.errors
    assert [issue.code for issue in errors] == [code]
    assert errors[0].path.startswith("compute.formula")


def test_a_named_formula_may_leave_inputs_unused_and_says_so() -> None:
    text = PACK.replace("provenance:", f"  formula: {HEAT}\nprovenance:")
    text = text.replace(", ge: 0}", ", ge: 0}\n    eta: {dtype: float64, unit: '1'}")
    processed = process(text)
    assert processed.plan is not None
    assert "INPUT_UNUSED eta" in told(processed.answer)


def test_the_publishers_gwp_set_is_not_the_packs() -> None:
    """The United Kingdom's factors are CO2e under AR5: under AR6 they cannot be used."""
    text = PACK.replace("us-epa/stationary-combustion/2024", "uk-desnz/conversion-factors/diesel/2025")
    text = text.replace('unit: "mmBtu[gross]"', "unit: L").replace("[natural_gas, kerosene]", "[diesel]")
    errors = process(text).answer.errors
    assert [issue.code for issue in errors] == ["FORMULA_NOT_INFERRED"]
    assert "the publisher applied AR5, and the pack states AR6" in (errors[0].found or "")
    assert plan_of(text.replace("AR6", "AR5")).formula.id == "nz.mfe.2.activity-factor"


def test_rows_that_compete_are_ambiguous_with_their_difference() -> None:
    """Two editions of one table: for each fuel there are two rows."""
    both = PACK.replace(
        "    - ref: ef://us-epa/stationary-combustion/2024\n",
        "    - ref: ef://us-epa/stationary-combustion/2024\n    - ref: ef://us-epa/stationary-combustion/2025\n",
    )
    errors = process(both).answer.errors
    assert [issue.code for issue in errors] == ["FORMULA_NOT_INFERRED"]
    assert "2 factors fit natural-gas in US" in (errors[0].found or "")


def test_a_plain_energy_between_gross_and_net_factors_has_to_say_which() -> None:
    text = PACK.replace("us-epa/stationary-combustion/2024", "uk-desnz/conversion-factors/diesel/2025")
    text = text.replace("[natural_gas, kerosene]", "[diesel]").replace("AR6", "AR5")
    plain = process(text.replace('"mmBtu[gross]"', "kWh")).answer.errors
    assert [issue.code for issue in plain] == ["FORMULA_NOT_INFERRED"]
    assert "state the calorific basis" in (plain[0].found or "")
    for basis, figure in (("gross", "kwh/gross"), ("net", "kwh/net")):
        plan = plan_of(text.replace('"mmBtu[gross]"', f'"kWh[{basis}]"'))
        assert figure in plan.choices[0].factor_id


def test_regions_are_chosen_by_their_acronyms() -> None:
    text = PACK.replace("us-epa/stationary-combustion/2024", "epa/egrid/eGRID2022")
    text = text.replace("fuel: {dtype: string, enum: [natural_gas, kerosene]}", "region: {dtype: string}")
    plan = plan_of(text.replace('"mmBtu[gross]"', "kWh"))
    assert plan.region_input == "region"
    assert plan.regions["RFCW"] == "US-EGRID-RFCW"
    assert len(plan.choices) == 27
    open_region = process(text.replace('"mmBtu[gross]"', "kWh").replace("region: {", "note: {"))
    assert "27 regions and no input chooses one" in (open_region.answer.errors[0].found or "")


def test_plans_are_the_same_every_time_and_survive_json() -> None:
    one, two = plan_of(EXAMPLE), plan_of(EXAMPLE)
    assert one.to_json() == two.to_json()
    assert CalculationPlan.from_json(one.to_json()) == one
    assert CalculationPlan.from_json(one.to_json()).sha256 == one.sha256


def test_a_pin_to_a_superseded_version_never_takes_the_figures_in_force() -> None:
    """The same id, another figure: what is pinned is not what the library is bound to."""
    shipped = Catalogue.shipped()
    edition = (pl.col("dataset") == "stationary-combustion") & (pl.col("edition") == "2024")
    (version,) = shipped.frame.filter(edition)["version"].unique()
    corrected = Catalogue.from_frames(
        shipped.frame.with_columns(
            pl.when(edition).then(pl.lit("2024.0.9")).otherwise("version").alias("version"),
            pl.when(edition).then(pl.col("co2") * 2).otherwise("co2").alias("co2"),
        ),
        shipped.properties,
        shipped.gwp,
    )
    corrected.former = (lambda _: [shipped.frame],)
    processor = SpecProcessor(lambda: corrected)
    pinned = PACK.replace("combustion/2024", f"combustion/2024@{version}")
    (error,) = processor.process(pinned).answer.errors
    assert error.code == "FACTOR_SUPERSEDED"
    assert version in str(error.found)
    assert "2024.0.9" in str(error.expected)
    for reference in (PACK, PACK.replace("combustion/2024", "combustion/2024@2024.0.9")):
        assert processor.process(reference).answer.errors == ()
