"""What every engine takes: a plan, its fixed constants, and values for the rest.

Belongs here: reading input values, and saying which are missing or not numbers.
Does not belong here: computing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Protocol

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.provenance.canonical import exact

Number = int | float | Fraction | Decimal
#: A value for an input: a number in the declared unit (or its decimal text), the text of a key, or one
#: number for each member of an index.
Value = Number | str | Mapping[str, Number | str]


class Formula(Protocol):
    """An equation or a binding: a plan, and the inputs that are already fixed (exact, declared unit)."""

    @property
    def plan(self) -> Plan:
        """The checked operations."""

    @property
    def constants(self) -> Mapping[str, Fraction]:
        """Fixed inputs by column name."""


def read_values(
    formula: Formula | Plan, inputs: Mapping[str, Value]
) -> tuple[Plan, dict[str, Fraction], dict[str, str]]:
    """The plan with a number for each of its columns and a text for each key.

    Floats mean the decimal number that they print as: 53.06 is 53.06 exactly.

    Raises:
        GreenlangError: ``FORMULA_INPUT`` for a missing, unknown or non-numeric input.
    """
    plan, constants = (formula, {}) if isinstance(formula, Plan) else (formula.plan, formula.constants)
    flat: dict[str, Number | str] = {}
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}[{member}]": cell for member, cell in value.items()})
        else:
            flat[name] = value
    columns = dict(plan.inputs)
    for name in flat:
        if name not in columns or name in constants:
            fixed = "is fixed by the binding" if name in constants else "is not an input of this formula"
            raise GreenlangError(
                "FORMULA_INPUT",
                f"{name} {fixed}",
                found=name,
                expected=", ".join(column for column in columns if column not in constants),
            )
    numbers: dict[str, Fraction] = dict(constants)
    keys: dict[str, str] = {}
    for name, unit in columns.items():
        if name in constants:
            continue
        if name not in flat:
            raise GreenlangError(
                "FORMULA_INPUT",
                f"the input {name} has no value",
                expected=f"a number in {unit}" if unit else "the text of a key",
            )
        if unit:
            numbers[name] = number(name, flat[name])
        else:
            keys[name] = str(flat[name])
    return plan, numbers, keys


def number(name: str, value: Number | str) -> Fraction:
    """One input value, exactly."""
    try:
        if isinstance(value, float) and math.isfinite(value):
            return exact(value)
        if isinstance(value, str):
            value = Decimal(value)
        if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 400:
            return Fraction(value)
        if isinstance(value, int | Fraction) and not isinstance(value, bool):
            return Fraction(value)
    except InvalidOperation:
        pass
    raise GreenlangError(
        "FORMULA_INPUT",
        f"the value of {name} is not a finite number",
        found=str(value)[:40],
        expected="a decimal number",
    )


def undefined(what: str) -> GreenlangError:
    """The error of an operation that has no result; in a frame the result is null instead."""
    return GreenlangError(
        "FORMULA_UNDEFINED",
        what,
        expected="inputs for which every operation has a result",
        hint="guard the operation with if(condition, ..., ...), or correct the input",
    )


def key_unknown(key: str, found: str, members: list[str]) -> GreenlangError:
    """The error of a key text that no row of the table has."""
    return GreenlangError(
        "FORMULA_INPUT", f"the table has no row for this {key}", found=found[:40], expected=", ".join(members)
    )
