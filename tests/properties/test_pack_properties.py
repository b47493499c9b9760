"""Packs under random input: the reader raises its own error or none, and canonical forms are stable."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from factory_ops.specification.answer import ValidationAnswer
from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.strict_yaml import Place, YamlRefused, load
from greenlang_assets.sdk.pack import PackSpec

PROCESSOR = SpecProcessor()
#: Pieces from which YAML-like text grows far more often than from random characters.
PIECES = st.sampled_from(
    [
        "a", "b:", ": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ",", "&x ", "*x", "!!str ", "!t ",
        "<<: ", "? ", "|\n", ">-\n", "'", '"', "#", "---\n", "...\n", "%YAML 1.2\n", "1", "1.10", "010",
        ".nan", "0x1", "1e999", "null", "true", "\t", "\r\n", "\u2028", "\ufeff", "é",
        "schema_version: '2.0.0'\n", "compute:\n", "  inputs:\n",
    ]
)  # fmt: skip


def read(source: str | bytes) -> None:
    refusal: YamlRefused | None = None
    places = [Place(1, 1)]
    try:
        places += load(source).places.values()
    except YamlRefused as refused:
        refusal = refused
    if refusal is not None:
        places.append(Place(refusal.where["line"], refusal.where["column"]))
    assert all(place.line >= 1 and place.column >= 1 for place in places)


@given(st.binary(max_size=400))
def test_random_bytes(source: bytes) -> None:
    read(source)


@given(st.text(max_size=400))
def test_random_text(source: str) -> None:
    read(source)


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=400, deadline=None)
def test_random_yaml(source: str) -> None:
    read(source)
    assert isinstance(PROCESSOR.validate(source), ValidationAnswer)


_KEYS = st.sampled_from(
    [
        "schema_version", "id", "name", "version", "compute", "inputs", "outputs", "factors", "ref", "dtype",
        "unit", "enum", "default", "ge", "pattern", "ai", "tools", "rag_collections", "provenance", "gwp_set",
        "pin_ef", "tests", "golden", "input", "expect", "properties", "rule", "formula", "activities",
        "entrypoint", "x-free", "strange",
    ]
)  # fmt: skip
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from(
        ["2.0.0", "1.0.0", "a/b", "string", "float64", "kWh", "AR6", "python://agents.a:b", "^a$", ""]
    ),
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=5)),
    max_leaves=25,
)


@given(st.dictionaries(_KEYS, _TREES, max_size=8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_shape_gets_an_answer_with_places(data: dict[str, Any], strict: bool) -> None:
    answer = PROCESSOR.validate(yaml.safe_dump(data), strict=strict)
    assert answer.valid == (not answer.errors)
    json.dumps(answer.as_dict())
    for issue in answer.errors + answer.warnings:
        assert issue.line is not None
        assert issue.line >= 1


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path of a tree, the root's included."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


SHIPPED = [load(path.read_bytes()).data for path in sorted((DATA_ROOT / "packs").glob("*/pack.yaml"))]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_shipped_packs_with_one_part_replaced(data: st.DataObject) -> None:
    """Nearly right packs reach the rules, the references and the inference."""
    pack = copy.deepcopy(data.draw(st.sampled_from(SHIPPED)))
    path = data.draw(st.sampled_from(paths(pack)[1:]))
    parent = pack
    for key in path[:-1]:
        parent = parent[key]
    if data.draw(st.booleans()):
        parent[path[-1]] = data.draw(_TREES)
    else:
        del parent[path[-1]]
    processed = PROCESSOR.process(json.dumps(pack))
    assert processed.answer.valid == (processed.spec is not None)
    for issue in processed.answer.errors + processed.answer.warnings:
        assert issue.message
        assert issue.line == 1


_NAMES = st.from_regex(r"\A[a-z][a-z0-9]{0,8}\Z")
_LINES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
_FREE = st.dictionaries(
    st.from_regex(r"\Ax-[a-z]{1,5}\Z"),
    st.recursive(st.one_of(st.none(), st.booleans(), st.integers(-9, 9), _LINES), st.lists),
    max_size=2,
)
_FIELD = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["float64", "int64", "string", "bool"]),
        "unit": st.sampled_from(["1", "kWh", "kg[CO2e]"]),
    },
    optional={"description": _LINES},
)


@st.composite
def packs(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "schema_version": "2.0.0",
        "id": draw(_NAMES) + "/" + draw(_NAMES),
        "name": draw(_LINES),
        "version": draw(st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: ".".join(map(str, parts)))),
        "summary": draw(_LINES),
        "tags": draw(st.lists(_LINES, max_size=3)),
        "compute": {
            "entrypoint": "python://agents.a:compute",
            "inputs": draw(st.dictionaries(_NAMES, _FIELD, max_size=4)),
            "outputs": draw(st.dictionaries(_NAMES, _FIELD, min_size=1, max_size=4)),
        }
        | draw(_FREE),
    } | draw(_FREE)


#: Characters that a YAML file holds only as escapes: controls, foreign line breaks, marks, non-characters.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@given(packs())
def test_canonical_forms_are_stable(data: dict[str, Any]) -> None:
    spec = PackSpec.from_canonical(data)
    again = PackSpec.from_canonical(spec.canonical_json())
    assert again == spec
    assert again.canonical_json() == spec.canonical_json()
    assert again.sha256 == spec.sha256


@given(packs(), st.randoms(use_true_random=False))
def test_the_identity_does_not_see_the_order_of_keys(data: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = [(key, shuffled(item)) for key, item in value.items()]
            random.shuffle(items)
            return dict(items)
        return value

    assert PackSpec.from_canonical(shuffled(data)).sha256 == PackSpec.from_canonical(data).sha256


@given(packs())
@settings(deadline=None)
def test_what_is_written_as_json_is_read_as_the_same_pack(data: dict[str, Any]) -> None:
    """JSON is YAML 1.2, but for characters that YAML has only as escapes."""
    assume(not _ESCAPED.search(json.dumps(data, ensure_ascii=False)))
    spec = PackSpec.from_canonical(data)
    processed = PROCESSOR.process(json.dumps(spec.canonical(), ensure_ascii=False))
    assert {issue.code for issue in processed.answer.errors} <= {"NAME_NOT_UNIQUE", "NAME_INVALID"}
    if processed.spec is not None:
        assert processed.spec == spec
