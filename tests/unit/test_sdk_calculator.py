"""A calculator beside its pack and plan: pins that hold, files that do not fit, formulas without factors."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.calculator import CalculatorAgent
from greenlang_assets.sdk.golden import check_case
from greenlang_assets.sdk.pack import GoldenCase
from greenlang_assets.sdk.plan import CalculationPlan
from greenlang_assets.sdk.result import ExecutionContext

PROCESSOR = SpecProcessor()
ENGINE = CalculationEngine.shipped()
GAS = (DATA_ROOT / "packs" / "natural_gas_v1" / "pack.yaml").read_text("utf-8")
CALL = {"heat_content": 1000, "country": "US"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(GAS, tmp_path)


def make(text: str, target: Path) -> Path:
    done = PROCESSOR.process(text)
    assert done.spec is not None, done.answer.errors
    assert done.plan is not None
    (target / "pack.json").write_bytes(done.spec.canonical_json())
    (target / "plan.json").write_bytes(done.plan.to_json())
    return target


def agent(folder: Path) -> CalculatorAgent:
    return CalculatorAgent(folder, engine=lambda: ENGINE)


def change_plan(folder: Path, **changes: object) -> None:
    plan = CalculationPlan.from_json((folder / "plan.json").read_bytes())
    (folder / "plan.json").write_bytes(plan.model_copy(update=changes).to_json())


def code(folder: Path) -> str | None:
    result = agent(folder).run(dict(CALL))
    return result.fault.code if result.fault else None


def test_a_result_says_where_it_comes_from(folder: Path) -> None:
    result = agent(folder).run(dict(CALL))
    assert result.data is not None
    assert result.data["citation"] == (
        "US EPA, GHG Emission Factors Hub 2025, Table 1 Stationary Combustion, row 38"
    )
    facts = result.metadata
    assert (
        facts["factors"][0]["id"]
        == "us-epa/stationary-combustion/2025/natural-gas-natural-gas/us/2025/mmbtu/gross"
    )
    assert facts["formulas"][0]["id"].startswith("epa.cccl.stationary.heat-content/")
    assert facts["units"]["factor_used"] == "kg[CO2e]/mmBtu[gross]"
    assert {pin["canonical"] for pin in facts["datasets"]} == {
        "ef://us-epa/stationary-combustion/natural-gas/2025",
        "ef://ipcc/gwp/ar6",
    }
    assert facts["metrics"]["calculations"] == 2, "the figure for one unit is a calculation of its own"
    kinds = [cited["kind"] for cited in result.citations]
    assert (kinds.count("factor"), kinds.count("gwp"), kinds.count("formula")) == (3, 3, 1)


@pytest.mark.parametrize("which", ["binding_sha256", "factor_sha256"])
def test_data_that_changed_since_is_refused(which: str, folder: Path) -> None:
    plan = CalculationPlan.from_json((folder / "plan.json").read_bytes())
    change_plan(folder, choices=tuple(c.model_copy(update={which: "0" * 64}) for c in plan.choices))
    assert code(folder) == "PIN_BROKEN"


def test_a_plan_of_another_pack_is_refused(folder: Path) -> None:
    change_plan(folder, pack_sha256="0" * 64)
    assert code(folder) == "PLAN_OF_OTHER_PACK"


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff", b"[]"])
def test_a_plan_that_cannot_be_read(content: bytes | None, folder: Path) -> None:
    (folder / "plan.json").unlink()
    if content is not None:
        (folder / "plan.json").write_bytes(content)
    assert code(folder) == "PLAN_UNREADABLE"


def test_a_calculator_without_a_pack() -> None:
    fault = CalculatorAgent(engine=lambda: ENGINE).run({}).fault
    assert fault is not None
    assert fault.code == "PACK_MISSING"


def test_steps_out_of_order_are_refused(folder: Path) -> None:
    with pytest.raises(GreenlangError) as refused:
        agent(folder).execute(dict(CALL), ExecutionContext.create())
    assert refused.value.code == "NOT_INITIALIZED"


def test_outputs_in_another_unit_are_the_same_quantity(tmp_path: Path) -> None:
    text = GAS.replace('unit: "kg[CO2e]"', 'unit: "tonne[CO2e]"').replace("value: 53114.3", "value: 53.1143")
    text = text.replace("181.233514", "0.181233514")
    result = agent(make(text, tmp_path)).run(dict(CALL))
    assert result.data is not None
    assert result.data["co2e_kg"] == 53.1143


PLAIN = """\
schema_version: "2.0.0"
id: cbam/stack_correction_v1
name: N
version: "1.0.0"
summary: S
compute:
  entrypoint: python://agents.plain:compute
  inputs:
    duct: {dtype: float64, unit: kg, ge: 0}
    collection_efficiency: {dtype: float64, unit: "%", gt: 0, le: 100}
  outputs:
    emissions: {dtype: float64, unit: tonne}
    provenance: {dtype: string}
  formula: {id: FORMULA}
"""


def test_a_named_formula_without_factors_computes_from_its_inputs_alone(tmp_path: Path) -> None:
    """Equation 20 of Annex II of Regulation (EU) 2025/2547: what was measured over the share collected."""
    folder = make(PLAIN.replace("FORMULA", "cbam.2025-2547.annex2.eq20"), tmp_path)
    result = agent(folder).run({"duct": 9000, "collection_efficiency": 90})
    assert result.data is not None, result.error
    assert result.data["emissions"] == 10
    assert result.data["provenance"] == result.metadata["provenance_hash"]
    assert result.metadata["factors"] == []
    assert [cited["kind"] for cited in result.citations] == ["formula"]


def test_a_formula_that_needs_factors_needs_references() -> None:
    answer = PROCESSOR.validate(PLAIN.replace("FORMULA", "epa.cccl.activity.by-gas"))
    assert [issue.code for issue in answer.errors] == ["FORMULA_DOES_NOT_FIT"]
    assert "none of its bindings" in (answer.errors[0].found or "") or "GWP" in (answer.errors[0].found or "")


def test_golden_cases_tell_what_differs(folder: Path) -> None:
    case = GoldenCase.model_validate(
        {
            "name": "c",
            "input": dict(CALL),
            "expect": {"co2_kg": {"value": 53061}, "ch4_kg": {"value": 1.01, "tol": 0.02}},
        }
    )
    faults = check_case(agent(folder), case)
    assert [(fault.code, fault.field, fault.found) for fault in faults] == [
        ("GOLDEN_DIFFERS", "co2_kg", "53060.0")
    ]
    refused = GoldenCase.model_validate({"name": "c", "input": {}, "expect": {"co2_kg": {"value": 1}}})
    assert [fault.code for fault in check_case(agent(folder), refused)] == ["GOLDEN_REFUSED"]
    other = GoldenCase.model_validate({"name": "c", "input": {}, "error": "ANOTHER"})
    assert [fault.code for fault in check_case(agent(folder), other)] == ["GOLDEN_ERROR"]
