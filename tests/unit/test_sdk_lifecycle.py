"""The lifecycle of an agent: its order, its hooks, and what becomes of errors."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.base import EVENTS, AgentSpecV2Base
from greenlang_assets.sdk.errors import GLValidationError, LifecycleError
from greenlang_assets.sdk.pack import PackSpec
from greenlang_assets.sdk.result import AgentResult, ExecutionContext

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
PACK = {
    "schema_version": "2.0.0",
    "id": "sdk/agent_v1",
    "name": "Agent",
    "version": "1.0.0",
    "summary": "S",
    "compute": {
        "entrypoint": "python://agents.agent:compute",
        "inputs": {"amount": {"dtype": "float64", "unit": "kWh", "ge": 0.0}},
        "outputs": {"double": {"dtype": "float64", "unit": "kWh"}},
    },
}
Values = dict[str, Any]


class Recorder(AgentSpecV2Base[Values, Values]):
    """Notes each step; ``faults`` names the step that fails and how."""

    def __init__(self, pack_path: Path | None = None, faults: dict[str, Exception] | None = None) -> None:
        super().__init__(pack_path, clock=lambda: NOON, ids=lambda: "call-1")
        self.steps: list[str] = []
        self.faults = faults or {}
        for event in EVENTS:
            self.add_lifecycle_hook(event, self.note(event))

    def note(self, step: str) -> Callable[[Any], None]:
        def hook(agent: Any) -> None:
            assert agent is self
            self.step(step)

        return hook

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.faults:
            raise self.faults[name]

    def _initialize_impl(self) -> None:
        self.step("initialize")

    def execute(self, validated_input: Values, context: ExecutionContext) -> Values:
        self.step("execute")
        self.cite({"figure": "f"})
        self.cite({"figure": "f"})
        return {"double": validated_input["amount"] + validated_input["amount"]}

    def validate_output(self, output: Values, context: ExecutionContext) -> Values:
        self.step("validate_output")
        return super().validate_output(output, context)

    def finalize(self, result: AgentResult[Values], context: ExecutionContext) -> AgentResult[Values]:
        self.step("finalize")
        return super().finalize(result, context)


ORDER = [
    "pre_initialize", "initialize", "post_initialize", "pre_validate", "post_validate", "pre_execute",
    "execute", "post_execute", "validate_output", "finalize",
]  # fmt: skip


@pytest.fixture
def pack_path(tmp_path: Path) -> Path:
    (tmp_path / "pack.json").write_text(json.dumps(PACK), "utf-8")
    return tmp_path


def test_the_order_of_a_run(pack_path: Path) -> None:
    agent = Recorder(pack_path)
    result = agent.run({"amount": 2})
    assert agent.steps == ORDER
    assert (result.success, result.data, result.error, result.fault) == (True, {"double": 4.0}, None, None)
    assert result.citations == [{"figure": "f"}]
    assert result.metadata == {
        "execution_id": "call-1",
        "started_at": "2026-01-01T12:00:00+00:00",
        "metrics": {"runs": 1, "failures": 0, "hooks": 6, "calculations": 0},
    }


def test_a_second_run_initializes_no_more(pack_path: Path) -> None:
    agent = Recorder(pack_path)
    agent.run({"amount": 2})
    agent.steps.clear()
    agent.run({"amount": 3})
    assert agent.steps == ORDER[3:]


@pytest.mark.parametrize("step", [step for step in ORDER if step != "finalize"])
@pytest.mark.parametrize("kind", ["refusal", "bug"])
def test_a_fault_at_any_step_ends_in_a_typed_error(step: str, kind: str, pack_path: Path) -> None:
    fault = GreenlangError("OWN_CODE", "no") if kind == "refusal" else ZeroDivisionError("by zero")
    agent = Recorder(pack_path, {step: fault})
    result = agent.run({"amount": 2})
    assert agent.steps == [*ORDER[: ORDER.index(step) + 1], "finalize"]
    assert (result.success, result.data) == (False, None)
    assert result.fault is not None
    expected = "HOOK_FAILED" if step in EVENTS else "OWN_CODE" if kind == "refusal" else "EXECUTION_FAILED"
    assert result.fault.code == expected
    assert result.error == str(result.fault)
    assert result.citations == [], "a refused call cites nothing"
    assert result.metadata["metrics"]["failures"] == 1
    if step in EVENTS:
        assert result.fault.where["event"] == step


def test_a_failed_initialization_is_tried_again(pack_path: Path) -> None:
    agent = Recorder(pack_path, {"initialize": GreenlangError("NOT_YET", "later")})
    assert not agent.run({"amount": 2}).success
    agent.faults.clear()
    assert agent.run({"amount": 2}).success


def test_interruption_is_not_an_answer(pack_path: Path) -> None:
    class Interrupted(Recorder):
        def execute(self, validated_input: Values, context: ExecutionContext) -> Values:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted(pack_path).run({"amount": 2})


def test_an_event_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LifecycleError) as refused:
        Recorder().add_lifecycle_hook("pre_finalize", lambda agent: None)
    assert refused.value.code == "HOOK_UNKNOWN"
    assert refused.value.expected == ", ".join(EVENTS)


def test_hooks_of_one_event_run_in_the_order_of_their_registration(pack_path: Path) -> None:
    agent = Recorder(pack_path)
    agent.add_lifecycle_hook("pre_execute", lambda own: agent.steps.append("second"))
    agent.run({"amount": 2})
    assert agent.steps[agent.steps.index("pre_execute") + 1] == "second"


def test_inputs_and_outputs_are_held_to_the_pack(pack_path: Path) -> None:
    wrong = Recorder(pack_path).run({"amount": -1, "other": 2})
    assert isinstance(wrong.fault, GLValidationError)
    assert [fault.code for fault in wrong.fault.faults] == ["INPUT_UNKNOWN", "VALUE_OUT_OF_BOUNDS"]

    class Silent(Recorder):
        def execute(self, validated_input: Values, context: ExecutionContext) -> Values:
            return {"double": float("nan"), "secret": 1}

    answer = Silent(pack_path).run({"amount": 1})
    assert isinstance(answer.fault, GLValidationError)
    assert (answer.fault.code, [fault.code for fault in answer.fault.faults]) == (
        "OUTPUT_INVALID",
        ["OUTPUT_UNKNOWN", "VALUE_OUT_OF_RANGE"],
    )


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[1]", b"\xff", b'{"schema_version": "1.0"}'])
def test_a_pack_that_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "pack.json").write_bytes(content)
    fault = Recorder(tmp_path).run({"amount": 1}).fault
    assert fault is not None
    assert fault.code == "PACK_UNREADABLE"


def test_an_agent_without_a_pack_takes_what_it_is_given() -> None:
    result = Recorder().run({"amount": 1, "anything": "else"})
    assert result.data == {"double": 2}


def test_the_pack_survives_its_json() -> None:
    spec = PackSpec.from_canonical(PACK)
    assert PackSpec.from_canonical(spec.canonical_json()) == spec
    assert spec.canonical_json() == PackSpec.from_canonical(spec.canonical_json()).canonical_json()


def test_contexts_carry_what_the_caller_says() -> None:
    context = ExecutionContext.create(clock=lambda: NOON, ids=lambda: "x", tenant="t", request="r")
    assert (context.execution_id, context.tenant, context.facts) == ("x", "t", (("request", "r"),))
    assert Recorder().run({"amount": 1}, context=context).metadata["request"] == "r"
