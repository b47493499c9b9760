"""Golden cases of a pack held against each other, before anything is generated.

Belongs here: contradictions that arithmetic on the pack's own figures shows. Does not belong here:
running the cases (the quality gate does, on the generated agent).

A quantity of CO2e that is proportional to its activity has one implied factor: expected CO2e divided by
the product of the inputs that carry a dimension. Cases of one region that imply different factors
cannot all be right, and neither can cases that differ only by what a dimensionless input says.
"""

from __future__ import annotations

import math
from typing import Any

from factory_ops.specification.answer import Judge
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.units import DIMENSIONLESS, parse_unit
from greenlang_assets.sdk.pack import NUMERIC, GoldenCase, PackSpec

#: Relative difference above which two implied factors differ; looser than any tolerance found in packs.
_AGREE = 0.02


def check_goldens(spec: PackSpec, judge: Judge) -> None:
    """Warn where golden cases imply more than one factor for one output.

    A pack whose cases are all inside 2 % of each other, or that has fewer than two, is left alone.
    """
    if spec.tests is None or spec.compute is None or len(spec.tests.golden) < 2:
        return
    carrying = [name for name, field in spec.compute.inputs.items() if _carries(field.dtype, field.unit)]
    choosing = [name for name, field in spec.compute.inputs.items() if field.dtype == "string"]
    plain = [
        name
        for name, field in spec.compute.inputs.items()
        if field.dtype in NUMERIC and field.required and name not in carrying
    ]
    for output, field in spec.compute.outputs.items():
        if field.unit is None or "[CO2e]" not in field.unit or "/" in field.unit or not carrying:
            continue
        implied = [
            (case, value)
            for case in spec.tests.golden
            if (value := _implied(case, output, carrying)) is not None
        ]
        if len(implied) < 2 or _agree([value for _, value in implied]):
            continue
        if choosing and not plain and _same_choice_agrees(implied, choosing):
            continue
        with_plain = [_with(case, value, plain) for case, value in implied]
        if plain and None not in with_plain and _agree([value for value in with_plain if value is not None]):
            continue
        told = ", ".join(f"{case.name} {value:.4g}" for case, value in implied)
        judge.warn(
            "GOLDEN_FACTORS_DIFFER",
            ("tests", "golden"),
            f"the golden cases imply different factors for {output} per {' × '.join(carrying)}: {told}"
            + (f"; what is burnt does not depend on {', '.join(plain)}" if plain else "")
            + _against_properties(spec, output, plain),
            found=told,
            expected="one factor for one fuel",
            hint="the cases are run against the generated agent, and those that are wrong fail there",
        )


def _against_properties(spec: PackSpec, output: str, plain: list[str]) -> str:
    """The pack's own properties that say that the output does depend on those inputs."""
    rules = spec.tests.properties if spec.tests is not None else []
    said = [
        item.name
        for item in rules
        if f"output.{output}" in item.rule and any(f"input.{name}" in item.rule for name in plain)
    ]
    return f", yet the property {', '.join(said)} says that it does" if said else ""


def _carries(dtype: str, unit: str | None) -> bool:
    if dtype not in NUMERIC or unit is None:
        return False
    try:
        return parse_unit(unit).dimension != DIMENSIONLESS.dimension
    except GreenlangError:
        return False


def _implied(case: GoldenCase, output: str, carrying: list[str]) -> float | None:
    expected: Any = case.expect[output].value if output in case.expect else None
    given = [case.input.get(name) for name in carrying]
    if not _number(expected) or not all(_number(value) for value in given):
        return None
    product = math.prod(float(value) for value in given if value is not None)
    return float(expected) / product if product else None


def _with(case: GoldenCase, value: float, plain: list[str]) -> float | None:
    given = [case.input.get(name) for name in plain]
    if not all(_number(item) and item for item in given):
        return None
    return value / math.prod(float(item) for item in given if item is not None)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _agree(values: list[float]) -> bool:
    return max(values) - min(values) <= _AGREE * max(abs(value) for value in values)


def _same_choice_agrees(implied: list[tuple[GoldenCase, float]], choosing: list[str]) -> bool:
    """Whether cases of one fuel and region agree among themselves; different ones may well differ."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for case, value in implied:
        groups.setdefault(tuple(repr(case.input.get(name)) for name in choosing), []).append(value)
    return all(_agree(values) for values in groups.values())
