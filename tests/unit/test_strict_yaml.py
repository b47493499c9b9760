"""The strict YAML reader: scalars, decimals, places, limits, and every refusal with its line and column."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

import pytest

from greenlang_assets.core.strict_yaml import MAX_BYTES, MAX_NODES, Place, YamlRefused, load

SCALARS: list[tuple[str, object]] = [
    ("NO", "NO"), ("no", "no"), ("yes", "yes"), ("on", "on"), ("y", "y"),
    ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
    ("1", 1), ("12", 12), ("-7", -7), ("+3", 3), ("0", 0), ("0x1F", 31), ("0x10", 16), ("0o17", 15),
    ("010", "010"), ("0123.4", "0123.4"), ("12:30:45", "12:30:45"), ("2024-01-01", "2024-01-01"),
    ("1.10", 1.1), ("-0.5", -0.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("1e-5", 1e-5),
    ("1_000", "1_000"), ("1.0.0", "1.0.0"), ("'1'", "1"), ('"true"', "true"), ("AR6", "AR6"),
    ("1 000", "1 000"), ("|\n  x = 1\n  y = 2\n", "x = 1\ny = 2\n"), ("[1, {b: c}]", [1, {"b": "c"}]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS, ids=[text or "empty" for text, _ in SCALARS])
def test_scalars_of_yaml_1_2(text: str, value: object) -> None:
    data = load(f"a: {text}").data["a"]
    assert data == value
    assert type(data) is type(value)
    exact = load(f"a: {text}", decimals=True).data["a"]
    expected = Decimal(text) if isinstance(value, float) else value
    assert exact == expected
    assert type(exact) is type(expected)


def test_a_decimal_keeps_its_digits() -> None:
    assert str(load("a: 1.10", decimals=True).data["a"]) == "1.10"
    assert str(load("a: 0.1234567890123456789012345678901234567", decimals=True).data["a"]) == (
        "0.1234567890123456789012345678901234567"
    )


@pytest.mark.parametrize("decimals", [False, True])
def test_numbers_keep_the_characters_that_were_written(decimals: bool) -> None:
    document = load("version: 1.10\nlist: [0x10, 7.0]\ntext: '1.10'", decimals=decimals)
    assert document.texts == {("version",): "1.10", ("list", 0): "0x10", ("list", 1): "7.0"}


def test_every_node_has_its_place() -> None:
    document = load(b"a:\n  b: [1,\n      {c: x}]\n")
    assert document.place(("a",)) == Place(1, 1)
    assert document.key_places[("a", "b")] == Place(2, 3)
    assert document.places[("a", "b", 0)] == Place(2, 7)
    assert document.place(("a", "b", 1, "c")) == Place(3, 8)
    assert document.place(("a", "b", 1, "missing", "deeper")) == Place(3, 7), "the nearest ancestor"
    assert document.place(()) == Place(1, 1)


def test_items_of_a_block_list_have_their_places() -> None:
    document = load("a: 1\nb:\n  - c: 2\n  - d: 3\n    e: 4\n")
    assert document.place(("b", 1, "d")) == Place(4, 5)
    assert document.place(("b", 1, "missing")) == Place(4, 5)


LADDER = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
REFUSALS: list[tuple[str, str | bytes, str, int, int]] = [
    ("anchor", "a: &x 1", "YAML_ALIAS", 1, 4),
    ("anchor with its alias", "a: &x 1\nb: *x", "YAML_ALIAS", 1, 4),
    ("alias", "a: 1\nb: *x", "YAML_ALIAS", 2, 4),
    ("sixty levels of aliases", LADDER, "YAML_ALIAS", 1, 5),
    ("merge", "a:\n  <<: {b: 1}", "YAML_MERGE", 2, 3),
    ("merge at the root", "a: 1\n<<: {b: 1}", "YAML_MERGE", 2, 1),
    ("python tag", "a: !!python/object/apply:os.system [ls]", "YAML_TAG", 1, 4),
    ("unknown tag", "a: !mine 1", "YAML_TAG", 1, 4),
    ("standard tag", "a: !!str 1", "YAML_TAG", 1, 4),
    ("lone tag", "! a", "YAML_TAG", 1, 1),
    ("two documents", "a: 1\n---\nb: 2", "YAML_DOCUMENTS", 2, 1),
    ("yaml 1.1", "%YAML 1.1\n---\na: 1", "YAML_DIRECTIVE", 1, 1),
    ("tag directive", "%TAG ! tag:x,2000:\n---\na: 1", "YAML_DIRECTIVE", 1, 1),
    ("duplicate key", "a: 1\nb: 2\na: 3", "YAML_DUPLICATE_KEY", 3, 1),
    ("duplicate at once", "a: 1\na: 2", "YAML_DUPLICATE_KEY", 2, 1),
    ("duplicate in quotes", "a: 1\n'a': 2", "YAML_DUPLICATE_KEY", 2, 1),
    ("integer key", "1: a", "YAML_KEY_NOT_TEXT", 1, 1),
    ("null key", "~: a", "YAML_KEY_NOT_TEXT", 1, 1),
    ("list key", "[a]: b", "YAML_KEY_NOT_TEXT", 1, 1),
    ("complex list key", "? [a]\n: b", "YAML_KEY_NOT_TEXT", 1, 3),
    ("mapping key", "? {a: b}\n: c", "YAML_KEY_NOT_TEXT", 1, 3),
    ("decimal key", "1.5: a", "YAML_KEY_NOT_TEXT", 1, 1),
    ("nan", "a: .nan", "YAML_NUMBER", 1, 4),
    ("infinity", "a: -.inf", "YAML_NUMBER", 1, 4),
    ("overflow", "a: 1e999", "YAML_NUMBER", 1, 4),
    ("long number", "a: " + "9" * 5000, "YAML_NUMBER", 1, 4),
    ("65 bits", "a: 18446744073709551616", "YAML_NUMBER", 1, 4),
    ("byte order mark", b"\xef\xbb\xbfa: 1", "YAML_ENCODING", 1, 1),
    ("mark in text", "\ufeffa: 1", "YAML_ENCODING", 1, 1),
    ("utf-16", "a: 1".encode("utf-16"), "YAML_ENCODING", 1, 1),
    ("utf-16 without mark", "a: 1".encode("utf-16-le"), "YAML_SYNTAX", 1, 2),
    ("latin-1", b"a: 1\nb: \xe9", "YAML_ENCODING", 2, 4),
    ("surrogate", "a: \ud800", "YAML_ENCODING", 1, 4),
    ("next line", "a: x\x85y", "YAML_SYNTAX", 1, 5),
    ("line separator", "a: 1\nb: x\u2028y", "YAML_SYNTAX", 2, 5),
    ("nul", "a: \0", "YAML_SYNTAX", 1, 4),
    ("unclosed", "a: {b", "YAML_SYNTAX", 2, 1),
    ("unclosed list", "a: [", "YAML_SYNTAX", 2, 1),
    ("tab", "a:\n\t- b", "YAML_SYNTAX", 2, 1),
    ("empty", "", "YAML_EMPTY", 1, 1),
    ("comment alone", "# nothing", "YAML_EMPTY", 1, 1),
    ("too deep", "[" * 21 + "]" * 21, "YAML_TOO_DEEP", 1, 21),
    ("3000 lists in each other", "[" * 3000, "YAML_TOO_DEEP", 1, 21),
    ("3000 mappings in each other", "{a: " * 3000, "YAML_TOO_DEEP", 1, 81),
    ("too many", "[" + "a," * 10_000 + "]", "YAML_TOO_MANY_NODES", 1, 20_000),
    ("too large", "a: " + "x" * 300_000, "YAML_TOO_LARGE", 1, 1),
]  # fmt: skip


@pytest.mark.parametrize("decimals", [False, True])
@pytest.mark.parametrize(
    ("source", "code", "line", "column"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_refusals_say_where_and_come_quickly(
    source: str | bytes, code: str, line: int, column: int, decimals: bool
) -> None:
    # What other tests left in memory is not walked again and again while this one is timed.
    gc.collect()
    gc.freeze()
    started = time.process_time()
    with pytest.raises(YamlRefused) as refused:
        load(source, decimals=decimals)
    spent = time.process_time() - started
    gc.unfreeze()
    assert spent < 0.5
    assert (refused.value.code, refused.value.where) == (code, {"line": line, "column": column})


def test_tags_execute_nothing() -> None:
    script = (
        "from greenlang_assets.core.strict_yaml import load, YamlRefused\n"
        "import sys\n"
        "try: load('!!python/object/apply:os._exit [42]')\n"
        "except YamlRefused as e: sys.exit(7 if e.code == 'YAML_TAG' else 8)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7


def test_limits_are_the_stated_ones() -> None:
    assert load("[" * 20 + "]" * 20).data
    assert load("a: " + "x" * (MAX_BYTES - 3)).data
    assert load("[" + "a," * (MAX_NODES - 1) + "]").data
    for too_large in ("a: " + "x" * MAX_BYTES, "a: " + "é" * (MAX_BYTES // 2)):
        with pytest.raises(YamlRefused) as refused:
            load(too_large)
        assert refused.value.code == "YAML_TOO_LARGE"


@pytest.mark.parametrize(
    ("source", "limits", "code"),
    [
        ("a: xxx", {"max_bytes": 5}, "YAML_TOO_LARGE"),
        (b"a: xxx", {"max_bytes": 5}, "YAML_TOO_LARGE"),
        ("a: éé", {"max_bytes": 6}, "YAML_TOO_LARGE"),
        ("a: xxx", {"max_nodes": 2}, "YAML_TOO_MANY_NODES"),
        ("a: " + "x" * MAX_BYTES, {"max_bytes": MAX_BYTES + 2}, "YAML_TOO_LARGE"),
        ("[" + "a," * MAX_NODES + "]", {"max_nodes": MAX_NODES}, "YAML_TOO_MANY_NODES"),
    ],
)
def test_callers_set_limits(source: str | bytes, limits: dict[str, Any], code: str) -> None:
    with pytest.raises(YamlRefused) as refused:
        load(source, **limits)
    assert refused.value.code == code
    assert str(next(iter(limits.values()))) in str(refused.value.expected)
    assert load(source, **{name: limit + 1 for name, limit in limits.items()}).data


def test_line_breaks_of_windows_and_escapes_are_read() -> None:
    assert load(b"a: 1\r\nb: 2\r\n").data == {"a": 1, "b": 2}
    assert load('a: "x\\u2028y"').data == {"a": "x\u2028y"}
    assert load("%YAML 1.2\n---\na: 1").data == {"a": 1}
