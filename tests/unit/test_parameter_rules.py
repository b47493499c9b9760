"""Rules that bind equations to parameter tables: what they make, and what they are refused for."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.model import FACTOR_SCHEMA
from greenlang_assets.core.factors.tables import KINDS
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.parameters.model import PARAMETER_SCHEMA
from greenlang_assets.core.parameters.tables import Parameters
from greenlang_assets.core.provenance.canonical import sha256_hex

FAMILY = """
family: herd
equations:
  - id: test.herd
    version: 1.0.0
    title: Gas of a herd
    domain: carbon
    citation: {publisher: P, document: D, locator: "1", text: official, read_in: here, licence: free}
    inputs:
      - {symbol: animals, unit: "head", role: activity, index: kind}
      - {symbol: ef, unit: "kg[CH4]/head", role: factor, index: kind, min: 0}
      - {symbol: share, unit: "%", role: parameter}
    outputs: [{symbol: ch4, unit: "kg[CH4]"}]
    indices: {kind: [one, two]}
    expression: "ch4 = sum(i in kind: animals[i] * ef[i]) * share"
    vectors:
      - inputs: {animals: {one: 1, two: 2}, ef: {one: 10, two: 20}, share: 50}
        outputs: {ch4: 25}
        source: ours
  - id: test.open
    version: 1.0.0
    title: Per unit
    domain: carbon
    citation: {publisher: P, document: D, locator: "2", text: official, read_in: here, licence: free}
    inputs:
      - {symbol: activity, unit: "{unit}"}
      - {symbol: ef, unit: "kg[CH4]/{unit}", role: factor}
    outputs: [{symbol: ch4, unit: "kg[CH4]"}]
    expression: ch4 = activity * ef
    vectors: [{inputs: {activity: 1, ef: 2}, outputs: {ch4: 2}, source: ours}]
"""
RULE = {
    "equation": "test.herd",
    "parameters": {"ef": {"table": "t.ef", "over": "year"}, "share": "t.share"},
    "match": ["animal"],
    "members": {"kind": ["each"]},
    "vectors": {"animals": 1000},
}


def row(table: str, name: str, value: str, unit: str, low: str | None = None, **keys: Any) -> dict[str, Any]:
    texts = dict.fromkeys(PARAMETER_SCHEMA, "x") | {
        "parameter_id": f"{table}/{name}",
        "table_id": table,
        "keys": json.dumps(keys),
        "value": value,
        "low": low,
        "high": None if low is None else "1000",
        "unit": unit,
        "source_sha256": sha256_hex(b"wheel"),
    }
    return texts | {"source_row": 7}


ROWS = [
    row("t.ef", "cow", "120", "kg[CH4]/head/year", "60", animal=["cow"]),
    row("t.ef", "goats", "5000", "g[CH4]/head/year", animal=["goat", "sheep"]),
    row("t.share", "cow", "0.5", "1", animal=["cow"]),
    row("t.share", "sheep", "0.25", "1", animal=["sheep", "horse"]),
    row("t.share", "horse", "0.1", "1", animal=["horse"]),
]


def bare_catalogue() -> Catalogue:
    return Catalogue.from_frames(
        pl.DataFrame(schema=dict(FACTOR_SCHEMA)), pl.DataFrame(schema=dict(KINDS["properties"][0]))
    )


def library(*rules: dict[str, Any], rows: list[dict[str, Any]] = ROWS) -> Library:
    text = FAMILY + "parameter_bindings: " + json.dumps(list(rules))
    return Library(
        {"test.yaml": text},
        bare_catalogue(),
        parameters=Parameters(pl.DataFrame(rows, schema=PARAMETER_SCHEMA)),
    )


def changed(**changes: Any) -> dict[str, Any]:
    return RULE | changes


def test_rows_that_have_a_case_in_common_make_a_binding() -> None:
    found = library(RULE)
    assert [binding.id for binding in found.bindings] == [
        "test.herd/t.ef/cow+t.share/cow",
        "test.herd/t.ef/goats+t.share/sheep",
    ]
    assert not found.prove().faults
    cow, goats = found.parameter_bindings
    assert dict(cow.constants) == {"ef[each]": 120, "share": 50}
    assert dict(goats.constants) == {"ef[each]": 5, "share": 25}
    assert cow.vectors[0].outputs == {"ch4": 60_000}
    assert [item.symbol for item in cow.inputs] == ["animals"]
    assert cow.spreads["ef[each]"].startswith("-50%/+733.3")
    assert found.stats()["parameter_bindings"] == 2
    assert found.equation("test.herd").indices == {"kind": ("one", "two")}


def test_without_a_common_key_every_combination_is_bound() -> None:
    assert len(library(changed(match=[])).bindings) == 6
    narrowed = {"ef": {"table": "t.ef", "over": "year", "only": {"animal": "goat"}}, "share": "t.share"}
    assert len(library(changed(match=[], parameters=narrowed)).bindings) == 3


def test_the_hash_covers_rows_members_and_figures() -> None:
    before = library(RULE).parameter_bindings[0]
    renamed = library(changed(members={"kind": ["every"]})).parameter_bindings[0]
    other = [{**line, "value": "121"} if line["value"] == "120" else line for line in ROWS]
    corrected = library(RULE, rows=other).parameter_bindings[0]
    assert before.id == renamed.id == corrected.id
    assert len({before.sha256, renamed.sha256, corrected.sha256}) == 3


def test_the_same_cells_twice_are_refused() -> None:
    with pytest.raises(GreenlangError) as refused:
        library(RULE, changed(vectors={"animals": 5}))
    assert refused.value.code == "FORMULA_DOUBLED"
    # The same sum over a member of another name is another expression; the same under another id is not.
    twin = FAMILY.replace("test.herd", "test.twin").replace("family: herd", "family: twins")
    twin = twin[: twin.index("  - id: test.open")]
    found = library(RULE)
    both = Library(
        {
            "a.yaml": FAMILY + "parameter_bindings: " + json.dumps([RULE]),
            "b.yaml": twin + "parameter_bindings: " + json.dumps([changed(equation="test.twin")]),
        },
        bare_catalogue(),
        parameters=Parameters(pl.DataFrame(ROWS, schema=PARAMETER_SCHEMA)),
    )
    doubled = {fault.formula for fault in both.prove().faults if fault.error.code == "FORMULA_DOUBLED"}
    assert {"test.twin/t.ef/cow+t.share/cow", "test.twin"} <= doubled
    assert not found.prove().faults


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"equation": "test.heard"}, "not in the library"),
        ({"parameters": {"ef": "t.none"}}, "no parameter table"),
        ({"parameters": {"animals": "t.ef"}}, "tables fill factors"),
        ({"parameters": {"ef": {"table": "t.ef", "only": {"colour": "red"}}}}, "no such key"),
        ({"parameters": {"ef": {"table": "t.ef", "reads_as": "kg[CO2]/head/d"}}}, "other brackets"),
        ({"members": {"sort": ["each"]}}, "no such index"),
        ({"members": {"kind": []}}, "no such index"),
        ({"equation": "test.open", "parameters": {"ef": "t.ef"}, "members": {}}, "unit of activity open"),
    ],
)
def test_a_rule_that_names_what_is_not_there_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(GreenlangError) as refused:
        library(changed(**change))
    assert refused.value.code == "BINDING_RULE"
    assert said in refused.value.message
    assert refused.value.where["file"] == "test.yaml"


def test_a_rule_whose_rows_never_agree_is_refused() -> None:
    narrowed = {
        "ef": {"table": "t.ef", "only": {"animal": "cow"}},
        "share": {"table": "t.share", "only": {"animal": "horse"}},
    }
    with pytest.raises(GreenlangError) as refused:
        library(changed(parameters=narrowed))
    assert "selects no rows" in refused.value.message


def test_a_unit_that_does_not_fit_is_a_fault_of_the_binding() -> None:
    missing_year = {"ef": "t.ef", "share": "t.share"}
    faults = library(changed(parameters=missing_year)).prove().faults
    assert {fault.error.code for fault in faults} == {"UNIT_MISMATCH"}
    assert faults[0].error.where["parameter"] == "t.ef/cow"


def test_an_input_that_the_vector_leaves_open_is_a_fault() -> None:
    faults = library(changed(vectors={})).prove().faults
    assert {fault.error.code for fault in faults} == {"BINDING_VECTOR"}


def test_a_binding_is_recorded_with_everything_that_it_rests_on() -> None:
    record = library(RULE).parameter_bindings[0].record()
    assert [item["id"] for item in record["parameters"]] == ["t.ef/cow", "t.share/cow"]
    assert record["parameter_citations"]["t.ef/cow"]["row"] == 7
    assert record["ranges"] == {"t.ef/cow": ["60", "1000"]}
    assert record["members"] == {"kind": ["each"]}
    assert record["vectors"][0]["inputs"] == {"animals": {"each": 1000}}
