"""The strict YAML reader: plain values keep their text, surprises are refused where they stand."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.strict_yaml import read_yaml

VALUES: list[tuple[str, Any]] = [
    ("a: NO", "NO"),
    ("a: 010", "010"),
    ("a: 0x10", "0x10"),
    ("a: 12:30:45", "12:30:45"),
    ("a: 2024-01-01", "2024-01-01"),
    ("a: 1_000", "1_000"),
    ("a: '1'", "1"),
    ("a: 12", 12),
    ("a: -0.5", Decimal("-0.5")),
    ("a: 1e-5", Decimal("1e-5")),
    ("a: true", True),
    ("a: ~", None),
    ("a:", None),
    ("a: |\n  x = 1\n  y = 2\n", "x = 1\ny = 2\n"),
    ("a: [1, {b: c}]", [1, {"b": "c"}]),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_scalars_are_those_of_yaml_1_2_core(text: str, value: Any) -> None:
    found = read_yaml(text, name="f.yaml").value["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_decimal_keeps_its_digits() -> None:
    assert str(read_yaml("a: 1.10", name="f.yaml").value["a"]) == "1.10"


REFUSED = [
    ("a: &x 1\nb: *x", 1, "YAML_INVALID"),
    ("a: 1\nb: *x", 2, "YAML_INVALID"),
    ("a: !!python/object/apply:os.system [id]", 1, "YAML_INVALID"),
    ("a: !mine 1", 1, "YAML_INVALID"),
    ("a: 1\na: 2", 2, "YAML_INVALID"),
    ("a: 1\n<<: {b: 1}", 2, "YAML_INVALID"),
    ("1: a", 1, "YAML_INVALID"),
    ("? [a]\n: b", 1, "YAML_INVALID"),
    ("a: 1\n---\nb: 1", 2, "YAML_INVALID"),
    ("a: .nan", 1, "YAML_INVALID"),
    ("a: -.inf", 1, "YAML_INVALID"),
    ("\ufeffa: 1", None, "YAML_INVALID"),
    ("", None, "YAML_INVALID"),
    ("a: [", 2, "YAML_INVALID"),
    ("a: \ud800", None, "YAML_INVALID"),
    ("a: \x00", None, "YAML_INVALID"),
    ("[" * 3000, 1, "YAML_LIMIT"),
    ("{a: " * 3000, 1, "YAML_LIMIT"),
    ("a: " + "x" * 300_000, None, "YAML_LIMIT"),
    (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)),
        1,
        "YAML_INVALID",
    ),
]


@pytest.mark.parametrize(("text", "line", "code"), REFUSED)
def test_surprises_are_refused_quickly(text: str, line: int | None, code: str) -> None:
    started = time.process_time()
    with pytest.raises(GreenlangError) as refused:
        read_yaml(text, name="f.yaml")
    assert time.process_time() - started < 0.5
    assert refused.value.code == code
    assert refused.value.where["file"] == "f.yaml"
    if line is not None and "line" in refused.value.where:
        assert refused.value.where["line"] == line


def test_parts_know_their_line() -> None:
    document = read_yaml("a: 1\nb:\n  - c: 2\n  - d: 3\n", name="f.yaml")
    assert document.line(("b", 1, "d")) == 4
    assert document.line(("b", 1, "missing")) == 4
