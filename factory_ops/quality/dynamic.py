"""Dimensions that are measured by running the pack, always inside the sandbox.

Belongs here: asking the probe and judging its answers. Does not belong here: running anything in this
process.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from factory_ops.generation.samples import valid_calls
from factory_ops.quality.mutants import mutants
from factory_ops.quality.report import Measured
from factory_ops.sandbox import Limits, Sandbox, Worker
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import content_sha256
from greenlang_assets.sdk.pack import NUMERIC, PackSpec
from greenlang_assets.sdk.plan import CalculationPlan

PROBE = "factory_ops.quality.probe"
MIN_COVERED = 0.85
MIN_KILLED = 0.70
#: P95 of a call where the pack names no budget of its own, in milliseconds.
BUDGET_MS = 20.0
_CALLS = 400
_TESTS_S = 60.0


class DynamicMeasure:
    """Measures a pack in two processes of its own; a context manager that ends them."""

    def __init__(
        self, sandbox: Sandbox, files: Mapping[str, bytes], spec: PackSpec, plan: CalculationPlan
    ) -> None:
        self._spec, self._plan, self._files = spec, plan, files
        goldens = spec.tests.golden if spec.tests is not None else ()
        self._calls = [
            *valid_calls(spec, plan),
            *(dict(case.input) for case in goldens if case.error is None),
        ]
        self._code = sorted(name for name in files if name.endswith(".py") and not name.startswith("tests/"))
        self._sandbox = sandbox
        self._worker = self._start()

    def _start(self) -> Worker:
        return self._sandbox.start(
            self._files,
            agent_id=self._spec.id,
            version=self._spec.version,
            program=PROBE,
            limits=Limits(call_s=_TESTS_S),
        )

    def __enter__(self) -> DynamicMeasure:
        return self

    def __exit__(self, *error: object) -> None:
        self._worker.close()

    def coverage(self) -> Measured:
        """The generated tests, with lines and branches of the compute path."""
        answer = self._asked({"op": "tests", "measured": self._code})
        parts = answer["coverage"].values()
        lines = _share(sum(p["lines_run"] for p in parts), sum(p["lines"] for p in parts))
        branches = _share(sum(p["branches_run"] for p in parts), sum(p["branches"] for p in parts))
        failed = [f"{item['test']}: {item['why']}" for item in answer["failed"]]
        missed = [
            f"{name}: lines {found['missing']}"
            for name, found in answer["coverage"].items()
            if found["missing"]
        ]
        held = not failed and answer["ran"] > 0 and min(lines, branches) >= MIN_COVERED
        measure = {"tests": answer["ran"], "failed": len(failed), "lines": lines, "branches": branches}
        return Measured(0.0 if failed else min(lines, branches), held, measure, (*failed, *missed))

    def test_strength(self) -> Measured:
        """Share of mutants of the compute path that the generated tests notice."""
        made = [mutant for path in self._code for mutant in mutants(path, self._files[path].decode())]
        if not made:
            return Measured.not_measured("there is nothing on the compute path that could be mutated")
        for path in self._code:
            # The unchanged file goes the same way first: tests that fail anyway seem to kill everything.
            same = {"op": "mutant", "path": path, "source": self._files[path].decode()}
            if self._asked(same)["killed"]:
                return Measured.not_measured(f"the tests fail on {path} as it is")
        survivors = []
        for mutant in made:
            answer = self._worker.request(
                {"op": "mutant", "path": mutant.path, "source": mutant.source}, timeout_s=_TESTS_S / 3
            )
            # One that never ends, or takes its process with it, was noticed.
            if "error" not in answer and not answer["killed"]:
                survivors.append(f"{mutant.path}:{mutant.line}: {mutant.what}, and every test passes")
        killed = _share(len(made) - len(survivors), len(made))
        return Measured(
            killed,
            killed >= MIN_KILLED,
            {"mutants": len(made), "killed": len(made) - len(survivors)},
            tuple(survivors),
        )

    def runtime(self, anti_patterns: list[str], timings: dict[str, float]) -> Measured:
        """P95 of the calls against the pack's budget; milliseconds go into ``timings`` alone."""
        rounds = max(1, math.ceil(_CALLS / len(self._calls)))
        answer = self._asked({"op": "times", "calls": self._calls, "rounds": rounds})
        times = answer["ms"]
        budget = budget_ms(self._spec)
        timings["p50_ms"] = round(times[len(times) // 2], 3)
        timings["p95_ms"] = round(times[min(len(times) - 1, math.ceil(len(times) * 0.95) - 1)], 3)
        late = timings["p95_ms"] > budget
        findings = (["P95 is above the budget"] if late else []) + anti_patterns
        return Measured(
            0.0 if findings else 1.0,
            not findings,
            {"budget_ms": budget, "within_budget": not late, "anti_patterns": len(anti_patterns)},
            tuple(findings),
        )

    def zero_hallucination(self, impurities: list[str]) -> Measured:
        """Nothing impure on the compute path, and two processes answer the same."""
        first = self._asked({"op": "calls", "calls": self._calls})["answers"]
        other = self._start()
        try:
            second = self._asked({"op": "calls", "calls": self._calls}, other)["answers"]
        finally:
            other.close()
        differing = [
            f"two runs differ: {call}"
            for call, one, two in zip(self._calls, first, second, strict=True)
            if one != two
        ]
        findings = (*impurities, *differing)
        measure = {"impurities": len(impurities), "calls": len(self._calls), "differing": len(differing)}
        return Measured(0.0 if findings else 1.0, not findings, measure, findings)

    def provenance_and_units(self) -> Measured:
        """Every number has a unit, a citation and pinned factors, and its hash is that of its calculation."""
        answers = self._asked({"op": "calls", "calls": self._calls})["answers"]
        outputs = self._spec.compute.outputs
        findings = [f"{n} has no unit" for n, f in outputs.items() if f.dtype in NUMERIC and not f.unit]
        for call, answer in zip(self._calls, answers, strict=True):
            findings += [f"{fault}: {call}" for fault in _faults(answer, self._spec, self._plan)]
        numbers = sum(field.dtype in NUMERIC for field in outputs.values())
        measure = {"calls": len(answers), "numeric_outputs": numbers, "findings": len(findings)}
        return Measured(0.0 if findings else 1.0, not findings and bool(answers), measure, tuple(findings))

    def _asked(self, message: Mapping[str, Any], worker: Worker | None = None) -> dict[str, Any]:
        answer = (worker or self._worker).request(message, _TESTS_S)
        if "error" in answer:
            error = answer["error"]
            raise GreenlangError(
                error["code"],
                error["message"],
                found=error["found"],
                expected=error["expected"],
                hint=error["hint"],
            )
        return answer


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0


def budget_ms(spec: PackSpec) -> float:
    """``x-performance.p95_ms`` of the pack, 20 where absent."""
    stated = (spec.model_extra or {}).get("x-performance")
    value = stated.get("p95_ms") if isinstance(stated, dict) else None
    number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if number and value is not None else BUDGET_MS


def _faults(answer: Mapping[str, Any], spec: PackSpec, plan: CalculationPlan) -> list[str]:
    """What one answer leaves untold."""
    if answer["error"] is not None or answer["data"] is None:
        return [f"refused with {answer['error']}"]
    faults = []
    for name, field in spec.compute.outputs.items():
        value = answer["data"].get(name)
        if field.dtype in NUMERIC and (value is None or (answer["units"] or {}).get(name) != field.unit):
            faults.append(f"{name} comes without its unit")
    cited = answer["citations"] or []
    if not cited or any(not item.get("publisher") or not item.get("document") for item in cited):
        faults.append("a figure without publisher and document")
    pins = {row.factor_id: row.factor_sha256 for row in plan.choices}
    if any(pins.get(item["id"]) != item["sha256"] for item in answer["factors"] or ()):
        faults.append("a factor that the plan does not pin")
    if plan.choices and not answer["factors"]:
        faults.append("no factor is named")
    formulas = {plan.formula.sha256, *(row.binding_sha256 for row in plan.choices)}
    if not answer["formulas"] or any(item["sha256"] not in formulas for item in answer["formulas"]):
        faults.append("a formula that the plan does not pin")
    if answer["provenance_hash"] != content_sha256(answer["calculation"]):
        faults.append("the provenance hash is not that of the calculation")
    return faults
