"""Inputs to test an agent with, derived from what its pack declares and its plan covers.

Belongs here: one valid call a factor row, calls that must be refused, the pack's own properties.
Does not belong here: what the answers must be (the generated tests derive that).
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.pack import INTEGERS, NUMERIC, InputField, PackSpec, Property
from greenlang_assets.sdk.plan import CalculationPlan, FactorChoice
from greenlang_assets.sdk.schema import check_value

#: Factor rows that get a call of their own; a pack may have hundreds.
MAX_ROWS = 60
_NUMBERS = (100.0, 10.0, 1.0, 1000.0, 0.5, 0.1, 0.01, 2024.0, 0.0, -1.0, 1e6)
_TEXTS = (
    "US",
    "GB",
    "EU",
    "CA",
    "2024",
    "A",
    "a",
    "AA",
    "text",
    "A1",
    "Site-1",
    "2024-01-01",
    "user@example.org",
)
_BOUND = re.compile(r"outputs?\.([a-z][a-z0-9_]*) (>=|>|<=|<) (-?[0-9]+(?:\.[0-9]+)?)")
_RANGE = re.compile(
    r"(-?[0-9]+(?:\.[0-9]+)?) (<=|<) outputs?\.([a-z][a-z0-9_]*) (<=|<) (-?[0-9]+(?:\.[0-9]+)?)"
)
_TREND = re.compile(
    r"outputs?\.([a-z][a-z0-9_]*) is (nondecreasing|nonincreasing) in inputs?\.([a-z][a-z0-9_]*)"
)
_AGAIN = re.compile(r"run\((\w+)(?:, seed=\d+)?\) == run\(\1(?:, seed=\d+)?\)")


def valid_calls(spec: PackSpec, plan: CalculationPlan) -> list[dict[str, Any]]:
    """One call for every factor row (or one call, where the formula needs none).

    Raises:
        GreenlangError: ``TEST_INPUT_UNKNOWN``: no value can be made for a required input.
    """
    rows: tuple[FactorChoice | None, ...] = plan.choices[:MAX_ROWS] or (None,)
    return [_call(spec, plan, row) for row in rows]


def _call(spec: PackSpec, plan: CalculationPlan, row: FactorChoice | None) -> dict[str, Any]:
    call: dict[str, Any] = {}
    for name, field in sorted(spec.compute.inputs.items()):
        if row is not None and name == plan.activity_input:
            call[name] = _spelled(name, field, plan.activities, row.activity, refused=plan.refused)
        elif row is not None and name == plan.region_input:
            call[name] = _spelled(name, field, plan.regions, row.region)
        elif field.required:
            call[name] = _value(spec, name, field)
    return call


def _spelled(
    name: str, field: InputField, values: Mapping[str, str], meant: str, *, refused: Container[str] = ()
) -> str:
    """The input's own word for an activity or a region, one that the field itself admits."""
    words = [word for word, value in sorted(values.items()) if value == meant and word not in refused]
    admitted = (word for word in (*words, meant) if not check_value(name, field, word)[1])
    return next(admitted, meant)


def _value(spec: PackSpec, name: str, field: InputField) -> Any:
    cases = spec.tests.golden if spec.tests is not None else []
    given = [case.input[name] for case in cases if case.error is None and name in case.input]
    for candidate in (*given, *_candidates(field)):
        if not isinstance(candidate, dict) or field.dtype == "object":
            _, faults = check_value(name, field, candidate)
            if not faults:
                return candidate
    raise GreenlangError(
        "TEST_INPUT_UNKNOWN",
        f"no value for {name} can be made from what the pack declares",
        found=f"{field.dtype}, pattern {field.pattern}",
        expected="an enum, or a golden case that shows a value",
        hint="add a golden case under tests.golden",
        where={"path": f"compute.inputs.{name}"},
    )


def _candidates(field: InputField) -> list[Any]:
    if field.enum:
        return list(field.enum)
    if field.dtype in NUMERIC:
        bounds = [bound for bound in (field.ge, field.gt, field.le, field.lt) if bound is not None]
        numbers = (
            [*_NUMBERS, sum(bounds) / len(bounds), *bounds, *(b + 1 for b in bounds)] if bounds else _NUMBERS
        )
        return [int(n) for n in numbers if n == int(n)] if field.dtype in INTEGERS else list(numbers)
    plain: dict[str, list[Any]] = {
        "string": list(_TEXTS),
        "bool": [True, False],
        "list": [[]],
        "object": [{}],
    }
    return plain[field.dtype]


def refused_calls(
    spec: PackSpec, plan: CalculationPlan, valid: dict[str, Any]
) -> list[tuple[dict[str, Any], str]]:
    """Calls with the code of the refusal that each must get."""
    calls: list[tuple[dict[str, Any], str]] = [({**valid, "not_declared": 1}, "INPUT_INVALID")]
    for name, field in sorted(spec.compute.inputs.items()):
        if field.required:
            calls.append(({key: value for key, value in valid.items() if key != name}, "INPUT_INVALID"))
        if field.enum and field.dtype == "string":
            calls.append(({**valid, name: "none of these"}, "INPUT_INVALID"))
        if field.dtype in NUMERIC:
            calls.append(({**valid, name: "many"}, "INPUT_INVALID"))
            for bound, beyond in ((field.ge, -1), (field.gt, 0), (field.le, 1), (field.lt, 0)):
                if bound is not None:
                    over = bound + beyond
                    value = int(over) if field.dtype in INTEGERS else float(over)
                    calls.append(({**valid, name: value}, "INPUT_INVALID"))
    chooser = plan.activity_input
    for word, refusal in sorted(plan.refused.items()):
        if chooser is not None and not check_value(chooser, spec.compute.inputs[chooser], word)[1]:
            calls.append(({**valid, chooser: word}, refusal.code))
    return calls


def properties(spec: PackSpec) -> tuple[list[dict[str, Any]], list[Property]]:
    """The pack's properties as data for the tests, and those whose rule says nothing that can be run."""
    known: list[dict[str, Any]] = []
    unknown: list[Property] = []
    for item in spec.tests.properties if spec.tests is not None else ():
        rule = " ".join(item.rule.split())
        if found := _BOUND.fullmatch(rule):
            name, sign, number = found.groups()
            read: dict[str, Any] = {"kind": "bounds", "output": name, "bounds": [[sign, float(number)]]}
        elif found := _RANGE.fullmatch(rule):
            low, first, name, second, high = found.groups()
            over = [[first.replace("<", ">"), float(low)], [second, float(high)]]
            read = {"kind": "bounds", "output": name, "bounds": over}
        elif found := _TREND.fullmatch(rule):
            name, trend, by = found.groups()
            read = {"kind": trend, "output": name, "input": by}
        elif _AGAIN.fullmatch(rule):
            continue  # every agent is tested for that
        else:
            unknown.append(item)
            continue
        by_input = read.get("input")
        if read["output"] in spec.compute.outputs and (by_input is None or by_input in spec.compute.inputs):
            known.append({"name": item.name, **read})
        else:
            unknown.append(item)
    return known, unknown
