"""The packs that ship: strict, without a fault, and right by the publishers' printed figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory_ops.specification.processor import Processed, SpecProcessor
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.sdk.calculator import CalculatorAgent
from greenlang_assets.sdk.golden import check_case

PACKS = sorted(path for path in (DATA_ROOT / "packs").iterdir() if path.is_dir())
PROCESSOR = SpecProcessor()
ENGINE = CalculationEngine.shipped()
EXAMPLE = "emissions_carbon_calculator_v1"


def processed(folder: Path) -> Processed:
    return PROCESSOR.process((folder / "pack.yaml").read_bytes(), strict=True)


def agent_of(folder: Path, target: Path) -> CalculatorAgent:
    done = processed(folder)
    assert done.spec is not None
    assert done.plan is not None
    (target / "pack.json").write_bytes(done.spec.canonical_json())
    (target / "plan.json").write_bytes(done.plan.to_json())
    return CalculatorAgent(target, engine=lambda: ENGINE)


def test_the_specifications_example_and_five_calculators_ship() -> None:
    assert [path.name for path in PACKS] == [
        "business_travel_rail_v1", "diesel_fleet_v1", EXAMPLE, "grid_electricity_egrid_v1", "natural_gas_v1",
        "refrigerants_v1",
    ]  # fmt: skip


@pytest.mark.parametrize("folder", PACKS, ids=lambda path: path.name)
def test_shipped_packs_are_valid_under_strict(folder: Path) -> None:
    done = processed(folder)
    assert done.answer.errors == ()
    assert done.plan is not None
    assert done.domain is not None
    assert "calculator" in done.domain.suggested_templates
    if folder.name != EXAMPLE:
        assert done.answer.warnings == (), "nothing is left to be inferred"
        assert not done.plan.refused


@pytest.mark.parametrize(
    "folder", [path for path in PACKS if path.name != EXAMPLE], ids=lambda path: path.name
)
def test_golden_cases_hold(folder: Path, tmp_path: Path) -> None:
    agent = agent_of(folder, tmp_path)
    agent.initialize()
    assert agent.spec is not None
    assert agent.spec.tests is not None
    assert len(agent.spec.tests.golden) >= 3
    for case in agent.spec.tests.golden:
        assert case.source or case.error
        assert check_case(agent, case) == []


def test_every_subregion_of_the_table_can_be_asked_for(tmp_path: Path) -> None:
    done = processed(DATA_ROOT / "packs" / "grid_electricity_egrid_v1")
    assert done.spec is not None
    assert done.plan is not None
    offered = {str(value) for value in done.spec.compute.inputs["subregion"].enum or ()}
    regions = {choice.region.removeprefix("US-EGRID-") for choice in done.plan.choices}
    assert offered == regions
    agent = agent_of(DATA_ROOT / "packs" / "grid_electricity_egrid_v1", tmp_path)
    for subregion in sorted(offered):
        result = agent.run({"electricity": 1, "subregion": subregion})
        assert result.success, result.error


ANSWERS = [
    ({"fuel_type": "natural_gas", "consumption": 1000, "country": "US"}, None),
    ({"fuel_type": "electricity", "consumption": 1000, "country": "US"}, "ACTIVITY_NOT_REFERENCED"),
    ({"fuel_type": "diesel", "consumption": 1000, "country": "US"}, "ACTIVITY_NOT_REFERENCED"),
    ({"fuel_type": "coal", "consumption": 1000, "country": "US"}, "ACTIVITY_AMBIGUOUS"),
    ({"fuel_type": "natural_gas", "consumption": 1000, "country": "DE"}, "REGION_NOT_REFERENCED"),
    ({"fuel_type": "natural_gas", "consumption": -1, "country": "US"}, "INPUT_INVALID"),
    ({"fuel_type": "natural_gas", "consumption": 1, "country": "usa"}, "INPUT_INVALID"),
    ({"fuel_type": "peat", "consumption": 1, "country": "US"}, "INPUT_INVALID"),
    ({"fuel_type": "natural_gas", "country": "US"}, "INPUT_INVALID"),
]


@pytest.mark.parametrize(
    ("inputs", "code"), ANSWERS, ids=[str(code) + str(n) for n, (_, code) in enumerate(ANSWERS)]
)
def test_the_specifications_example_answers(
    inputs: dict[str, object], code: str | None, tmp_path: Path
) -> None:
    agent = agent_of(DATA_ROOT / "packs" / EXAMPLE, tmp_path)
    result = agent.run(inputs)
    if code is not None:
        assert result.fault is not None
        assert (result.success, result.data, result.fault.code) == (False, None, code)
        assert result.fault.expected
        assert result.citations == []
        assert "provenance_hash" not in result.metadata
        return
    assert result.data is not None
    # 1000 kWh ÷ (1055.05585262 MJ/mmBtu ÷ 3.6) × (53.06 + 0.001 × 27.0 + 0.0001 × 273)
    assert result.data["co2e_emissions_kg"] == pytest.approx(181.23, abs=0.005)
    assert result.data["emission_factor_used"] == pytest.approx(0.18123, abs=5e-6)
    assert result.data["calculation_provenance"] == result.metadata["provenance_hash"]
    assert result.metadata["units"]["co2e_emissions_kg"] == "kg[CO2e]"
    assert result.metadata["gwp_set"] == "AR6"
    assert [cited["table"] for cited in result.citations if cited["kind"] == "factor"] == [
        "Table 1 Stationary Combustion"
    ] * 3


def test_the_same_inputs_give_the_same_hash_for_ever(tmp_path: Path) -> None:
    agent = agent_of(DATA_ROOT / "packs" / EXAMPLE, tmp_path)
    plain: dict[str, object] = {"fuel_type": "natural_gas", "consumption": 1000, "country": "US"}
    hashes = {agent.run(plain).metadata["provenance_hash"] for _ in range(3)}
    other = CalculatorAgent(tmp_path, engine=lambda: ENGINE)
    hashes.add(other.run(plain).metadata["provenance_hash"])
    assert len(hashes) == 1
    assert agent.run(plain | {"consumption": 1000.5}).metadata["provenance_hash"] not in hashes
