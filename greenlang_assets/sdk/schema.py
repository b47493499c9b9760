"""Values against the fields that a pack declares: type, unit, bounds, enum, pattern, default.

Belongs here: inputs and outputs of one call. Does not belong here: whether the declarations make sense
(``factory_ops.specification.rules``, which asks this module about defaults and golden cases).

A quantity may be given as a number, which is in the declared unit, or as ``{"value": 1, "unit": "MWh"}``,
which is converted to it exactly and rounded once to float64.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import exact
from greenlang_assets.core.units import conversion, convert_temperature, normalise_unit, parse_unit
from greenlang_assets.sdk.errors import FieldFault, GLValidationError
from greenlang_assets.sdk.pack import FLOATS, INTEGERS, NUMERIC, Constraints, InputField, OutputField
from greenlang_assets.sdk.pattern import matches

_FLOAT32_MAX = 3.4028234663852886e38
_WHOLE = {"int32": 2**31, "int64": 2**63}
_PLAIN: dict[str, tuple[type, str]] = {
    "string": (str, "text"),
    "bool": (bool, "true or false"),
    "list": (list, "a list"),
    "object": (dict, "a mapping"),
}
_TEMPERATURES = ("degC", "degF")


def checked_inputs(
    fields: Mapping[str, InputField], values: Any, *, units: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The inputs of one call, converted to their declared units, defaults filled in.

    Args:
        fields: what the pack declares.
        values: what the caller gave: a mapping name -> value.
        units: units that say more than the pack's own (``kWh[gross]`` where it says ``kWh``).

    Raises:
        GLValidationError: code ``INPUT_INVALID``, with every faulty field.
    """
    faults: list[FieldFault] = []
    if not isinstance(values, Mapping):
        fault = FieldFault("INPUT_TYPE", "", "inputs are a mapping", type(values).__name__, "name -> value")
        raise GLValidationError("input", [fault])
    for name in values:
        if name not in fields:
            faults.append(
                FieldFault(
                    "INPUT_UNKNOWN",
                    str(name)[:64],
                    "the pack declares no such input",
                    found=str(name)[:64],
                    expected=", ".join(fields),
                )
            )
    checked: dict[str, Any] = {}
    for name, field in fields.items():
        value = values.get(name)
        if value is None:
            if field.required:
                faults.append(
                    FieldFault("INPUT_MISSING", name, f"{name} is required", expected=_declared(field))
                )
            elif field.default is not None:
                checked[name] = field.default
            continue
        value, wrong = check_value(name, field, value, unit=(units or {}).get(name))
        faults.extend(wrong)
        checked[name] = value
    if faults:
        raise GLValidationError("input", faults)
    return checked


def checked_outputs(fields: Mapping[str, OutputField], values: Any) -> dict[str, Any]:
    """The outputs of one call; each that is declared is there, and no other.

    Raises:
        GLValidationError: code ``OUTPUT_INVALID``, with every faulty field.
    """
    faults: list[FieldFault] = []
    if not isinstance(values, Mapping):
        fault = FieldFault("OUTPUT_TYPE", "", "outputs are a mapping", type(values).__name__, "name -> value")
        raise GLValidationError("output", [fault])
    for name in sorted(set(values) - set(fields), key=str):
        faults.append(
            FieldFault("OUTPUT_UNKNOWN", str(name), "the pack declares no such output", found=str(name))
        )
    checked: dict[str, Any] = {}
    for name, field in fields.items():
        if values.get(name) is None:
            faults.append(
                FieldFault("OUTPUT_MISSING", name, f"{name} was not given", expected=_declared(field))
            )
            continue
        checked[name], wrong = check_value(name, field, values[name])
        faults.extend(wrong)
    if faults:
        raise GLValidationError("output", faults)
    return checked


def check_value(
    name: str, field: Constraints, value: Any, *, unit: str | None = None
) -> tuple[Any, list[FieldFault]]:
    """One value against one field: the value in its canonical form, and what is wrong with it."""
    try:
        if field.dtype in NUMERIC and isinstance(value, Mapping):
            value = _converted(name, field, value, unit)
        value = _typed(name, field, value)
    except _Fault as stop:
        return None, [stop.fault]
    return value, [*_bounds(name, field, value), *_choice(name, field, value)]


class _Fault(Exception):
    """Ends the examination of one value."""

    def __init__(self, fault: FieldFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def _declared(field: Constraints) -> str:
    return field.dtype if field.unit in (None, "1") else f"{field.dtype} in {field.unit}"


def _wrong(code: str, name: str, message: str, found: Any, expected: str, hint: str | None = None) -> _Fault:
    return _Fault(FieldFault(code, name, message, repr(found)[:120], expected, hint))


def _converted(name: str, field: Constraints, given: Mapping[Any, Any], unit: str | None) -> Any:
    """``{"value": …, "unit": …}`` in the declared unit."""
    if set(given) != {"value", "unit"} or not isinstance(given["unit"], str):
        raise _wrong(
            "VALUE_TYPE", name, "a quantity has a value and a unit", dict(given), '{"value", "unit"}'
        )
    number = _typed(name, field, given["value"]) if field.dtype in FLOATS else given["value"]
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise _wrong("VALUE_TYPE", name, f"{name} is a number", number, _declared(field))
    if field.unit is None:
        raise _wrong("UNIT_NOT_DECLARED", name, f"{name} has no unit", given["unit"], "a plain number")
    try:
        source = normalise_unit(given["unit"])
        if source in (field.unit, unit):
            return number
        # The pack's own unit first: plain MWh for plain kWh; then what the formula reads it as.
        plain = unit is None or parse_unit(source).dimension == parse_unit(field.unit).dimension
        return _as_number(field, exact(float(number)), source, field.unit if plain else str(unit))
    except GreenlangError as error:
        raise _Fault(
            FieldFault(error.code, name, error.message, error.found, error.expected, error.hint)
        ) from None


def _as_number(field: Constraints, number: Fraction, source: str, target: str) -> Any:
    if source in _TEMPERATURES or target in _TEMPERATURES:
        value = convert_temperature(number, source, target)
    else:
        value = number * conversion(source, target)
    if field.dtype in INTEGERS:
        return int(value) if value.denominator == 1 else float(value)
    return float(value)


def _typed(name: str, field: Constraints, value: Any) -> Any:
    if field.dtype in _PLAIN:
        kind, words = _PLAIN[field.dtype]
        if not isinstance(value, kind):
            raise _wrong("VALUE_TYPE", name, f"{name} is {words}", value, _declared(field))
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong("VALUE_TYPE", name, f"{name} is a number", value, _declared(field))
    if field.dtype in INTEGERS:
        if not isinstance(value, int):
            raise _wrong("VALUE_TYPE", name, f"{name} is an integer", value, _declared(field))
        limit = _WHOLE[field.dtype]
        if not -limit <= value < limit:
            raise _wrong("VALUE_OUT_OF_RANGE", name, f"{name} does not fit {field.dtype}", value, field.dtype)
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (field.dtype == "float32" and abs(number) > _FLOAT32_MAX):
        raise _wrong(
            "VALUE_OUT_OF_RANGE", name, f"{name} does not fit {field.dtype}", value, "a finite number"
        )
    return number


def _bounds(name: str, field: Constraints, value: Any) -> list[FieldFault]:
    if field.dtype not in NUMERIC:
        return []
    holds = (
        ("≥", field.ge, operator.ge),
        (">", field.gt, operator.gt),
        ("≤", field.le, operator.le),
        ("<", field.lt, operator.lt),
    )
    return [
        FieldFault("VALUE_OUT_OF_BOUNDS", name, f"{name} is out of bounds", repr(value), f"{sign} {bound:g}")
        for sign, bound, within in holds
        if bound is not None and not within(value, bound)
    ]


def _choice(name: str, field: Constraints, value: Any) -> list[FieldFault]:
    faults = []
    if field.enum is not None and not any(value == item and _same_kind(value, item) for item in field.enum):
        choices = ", ".join(map(str, field.enum[:20]))
        faults.append(
            FieldFault(
                "VALUE_NOT_IN_ENUM", name, f"{name} is none of the choices", repr(value)[:120], choices
            )
        )
    if field.pattern is not None and isinstance(value, str):
        try:
            fits = matches(field.pattern, value)
        except GreenlangError as error:
            return [*faults, FieldFault(error.code, name, error.message, error.found, error.expected)]
        if not fits:
            faults.append(
                FieldFault(
                    "VALUE_PATTERN",
                    name,
                    f"{name} does not match its pattern",
                    repr(value)[:120],
                    field.pattern,
                )
            )
    return faults


def _same_kind(left: Any, right: Any) -> bool:
    """True and 1 are equal in Python and different in a pack."""
    return isinstance(left, bool) == isinstance(right, bool)
