"""Values against declared fields: types, units, bounds, enums, patterns, defaults, all faults at once."""

from __future__ import annotations

from typing import Any

import pytest

from greenlang_assets.sdk.errors import GLValidationError
from greenlang_assets.sdk.pack import InputField, OutputField
from greenlang_assets.sdk.schema import checked_inputs, checked_outputs

CASES: list[tuple[dict[str, Any], Any, Any]] = [
    ({"dtype": "float64"}, 1, 1.0),
    ({"dtype": "float64"}, 1.5, 1.5),
    ({"dtype": "float64"}, True, "VALUE_TYPE"),
    ({"dtype": "float64"}, "1", "VALUE_TYPE"),
    ({"dtype": "float64"}, float("nan"), "VALUE_OUT_OF_RANGE"),
    ({"dtype": "float64"}, float("inf"), "VALUE_OUT_OF_RANGE"),
    ({"dtype": "float64"}, 10**400, "VALUE_OUT_OF_RANGE"),
    ({"dtype": "float32"}, 1e39, "VALUE_OUT_OF_RANGE"),
    ({"dtype": "int32"}, 2**31 - 1, 2**31 - 1),
    ({"dtype": "int32"}, 2**31, "VALUE_OUT_OF_RANGE"),
    ({"dtype": "int64"}, -(2**63), -(2**63)),
    ({"dtype": "int64"}, 2**63, "VALUE_OUT_OF_RANGE"),
    ({"dtype": "int64"}, 1.0, "VALUE_TYPE"),
    ({"dtype": "int64"}, True, "VALUE_TYPE"),
    ({"dtype": "bool"}, False, False),
    ({"dtype": "bool"}, 0, "VALUE_TYPE"),
    ({"dtype": "string"}, "", ""),
    ({"dtype": "string"}, 1, "VALUE_TYPE"),
    ({"dtype": "list"}, [1], [1]),
    ({"dtype": "list"}, (1,), "VALUE_TYPE"),
    ({"dtype": "object"}, {"a": 1}, {"a": 1}),
    ({"dtype": "object"}, [1], "VALUE_TYPE"),
    ({"dtype": "float64", "ge": 0.0}, 0, 0.0),
    ({"dtype": "float64", "gt": 0.0}, 0, "VALUE_OUT_OF_BOUNDS"),
    ({"dtype": "float64", "le": 1.0}, 1, 1.0),
    ({"dtype": "float64", "lt": 1.0}, 1, "VALUE_OUT_OF_BOUNDS"),
    ({"dtype": "string", "enum": ["a", "b"]}, "b", "b"),
    ({"dtype": "string", "enum": ["a", "b"]}, "B", "VALUE_NOT_IN_ENUM"),
    ({"dtype": "int64", "enum": [1]}, 1, 1),
    ({"dtype": "string", "pattern": "^[A-Z]{2}$"}, "US", "US"),
    ({"dtype": "string", "pattern": "^[A-Z]{2}$"}, "US\n", "VALUE_PATTERN"),
    ({"dtype": "string", "pattern": "[A-Z]"}, "aBc", "aBc"),
    ({"dtype": "string", "pattern": "(?=a)"}, "a", "PATTERN_NOT_LINEAR"),
    ({"dtype": "float64", "unit": "kWh"}, {"value": 1, "unit": "MWh"}, 1000.0),
    ({"dtype": "float64", "unit": "kWh"}, {"value": 3.6, "unit": "MJ"}, 1.0),
    ({"dtype": "float64", "unit": "kWh"}, {"value": 1, "unit": "kg"}, "UNIT_MISMATCH"),
    ({"dtype": "float64", "unit": "kWh"}, {"value": 1, "unit": "kWh[gross]"}, "UNIT_MISMATCH"),
    ({"dtype": "float64", "unit": "kWh"}, {"value": 1, "unit": "zorkmid"}, "UNIT_UNKNOWN"),
    ({"dtype": "float64", "unit": "kWh"}, {"value": "1", "unit": "kWh"}, "VALUE_TYPE"),
    ({"dtype": "float64", "unit": "kWh"}, {"value": 1}, "VALUE_TYPE"),
    ({"dtype": "float64", "unit": "kWh"}, {"value": 1, "unit": "kWh", "more": 1}, "VALUE_TYPE"),
    ({"dtype": "float64"}, {"value": 1, "unit": "kWh"}, "UNIT_NOT_DECLARED"),
    ({"dtype": "float64", "unit": "degC"}, {"value": 32, "unit": "degF"}, 0.0),
    ({"dtype": "float64", "unit": "degF"}, {"value": -40, "unit": "degC"}, -40.0),
    ({"dtype": "float64", "unit": "kWh", "le": 500.0}, {"value": 1, "unit": "MWh"}, "VALUE_OUT_OF_BOUNDS"),
    ({"dtype": "int64", "unit": "kg"}, {"value": 2, "unit": "tonne"}, 2000),
    ({"dtype": "int64", "unit": "tonne"}, {"value": 2, "unit": "kg"}, "VALUE_TYPE"),
]


@pytest.mark.parametrize(("field", "value", "expected"), CASES)
def test_one_value_against_one_field(field: dict[str, Any], value: Any, expected: Any) -> None:
    fields = {"x": InputField.model_validate(field)}
    if isinstance(expected, str) and expected.isupper() and len(expected) > 2:
        with pytest.raises(GLValidationError) as refused:
            checked_inputs(fields, {"x": value})
        assert [fault.code for fault in refused.value.faults] == [expected]
        assert refused.value.faults[0].field == "x"
        return
    answer = checked_inputs(fields, {"x": value})["x"]
    assert answer == expected
    assert type(answer) is type(expected)


def test_a_plain_unit_that_the_formula_reads_as_gross() -> None:
    fields = {"x": InputField(dtype="float64", unit="kWh")}
    units = {"x": "kWh[gross]"}
    for unit in ("MWh", "MWh[gross]"):
        assert checked_inputs(fields, {"x": {"value": 1, "unit": unit}}, units=units) == {"x": 1000.0}
    with pytest.raises(GLValidationError) as refused:
        checked_inputs(fields, {"x": {"value": 1, "unit": "MWh[net]"}}, units=units)
    assert refused.value.faults[0].code == "UNIT_MISMATCH"


def test_missing_optional_and_default() -> None:
    fields = {
        "needed": InputField(dtype="string"),
        "free": InputField(dtype="string", required=False),
        "given": InputField(dtype="int64", required=False, default=7),
    }
    assert checked_inputs(fields, {"needed": "a"}) == {"needed": "a", "given": 7}
    assert checked_inputs(fields, {"needed": "a", "free": None, "given": 8}) == {"needed": "a", "given": 8}


def test_all_faults_at_once() -> None:
    fields = {
        "a": InputField(dtype="int64"),
        "b": InputField(dtype="string", enum=["x"]),
        "c": InputField(dtype="bool"),
    }
    with pytest.raises(GLValidationError) as refused:
        checked_inputs(fields, {"a": "1", "b": "y", "d": 1})
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [
        ("d", "INPUT_UNKNOWN"), ("a", "VALUE_TYPE"), ("b", "VALUE_NOT_IN_ENUM"), ("c", "INPUT_MISSING"),
    ]  # fmt: skip
    assert len(refused.value.as_dict()["faults"]) == 4
    assert refused.value.code == "INPUT_INVALID"


@pytest.mark.parametrize("values", [None, [], "x", 1])
def test_what_is_no_mapping(values: Any) -> None:
    with pytest.raises(GLValidationError):
        checked_inputs({}, values)
    with pytest.raises(GLValidationError):
        checked_outputs({}, values)


def test_outputs_are_complete_and_no_more() -> None:
    fields = {"a": OutputField(dtype="float64", unit="kg"), "b": OutputField(dtype="string")}
    assert checked_outputs(fields, {"a": 1, "b": "x"}) == {"a": 1.0, "b": "x"}
    with pytest.raises(GLValidationError) as refused:
        checked_outputs(fields, {"a": 1, "c": 2})
    assert [(fault.field, fault.code) for fault in refused.value.faults] == [
        ("c", "OUTPUT_UNKNOWN"), ("b", "OUTPUT_MISSING"),
    ]  # fmt: skip
