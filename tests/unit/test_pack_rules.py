"""Each rule across fields: one change of a sound pack, one code at one path; all faults in one answer."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from factory_ops.specification.processor import SpecProcessor

PROCESSOR = SpecProcessor()
PACK = """\
schema_version: "2.0.0"
id: rules/agent_v1
name: Agent
version: "1.0.0"
summary: A pack that keeps every rule
tags: [rules]
compute:
  entrypoint: python://agents.agent:compute
  deterministic: true
  inputs:
    amount: {dtype: float64, unit: kWh, ge: 0, lt: 10}
    number: {dtype: int32, required: false, default: 3, gt: 0, le: 5}
    kind: {dtype: string, enum: [a, b], pattern: "^[a-z]$"}
    flag: {dtype: bool, required: false, default: false}
  outputs:
    total: {dtype: float64, unit: kWh}
    label: {dtype: string}
  factors: {}
ai:
  tools:
    - {name: look_up, impl: "python://agents.tools:look_up"}
provenance: {pin_ef: false}
tests:
  golden:
    - {name: one, input: {amount: 1, kind: a}, expect: {total: {value: 1, tol: 0.01}}}
    - {name: two, input: {amount: -1, kind: a}, error: INPUT_INVALID}
  properties:
    - {name: positive, rule: "output.total >= 0 for input.amount"}
"""
with Path(__file__).with_name("pack_rules.csv").open(encoding="utf-8", newline="") as _stream:
    #: One change a row: text of the pack, what replaces it, the code and path that must be answered.
    RULES = list(csv.DictReader(_stream, strict=True))


def test_the_pack_that_the_rules_vary_is_valid_and_strict() -> None:
    answer = PROCESSOR.validate(PACK, strict=True)
    assert answer.errors == ()
    assert [issue.code for issue in answer.warnings] == ["NO_FACTORS"]


@pytest.mark.parametrize("rule", RULES, ids=[row["rule"] for row in RULES])
def test_one_fault_one_error_at_its_place(rule: dict[str, str]) -> None:
    old, new = (rule[side].replace("\\n", "\n") for side in ("old", "new"))
    assert PACK.count(old) == 1
    text = PACK.replace(old, new)
    answer = PROCESSOR.validate(text)
    assert [(issue.code, issue.path) for issue in answer.errors] == [(rule["code"], rule["path"])]
    assert not answer.valid
    issue = answer.errors[0]
    assert issue.expected
    assert issue.message
    lines = zip(PACK.split("\n"), text.split("\n"), strict=False)
    changed = next(number for number, (before, after) in enumerate(lines, 1) if before != after)
    assert issue.line == (1 if rule["code"] == "FIELD_MISSING" else changed)


def test_all_faults_are_in_one_answer_in_the_order_of_the_file() -> None:
    text = PACK
    for old, new in (
        ('version: "1.0.0"', "version: one"),
        ("python://agents.agent:compute", "python://os.path:join"),
        ("unit: kWh, ge: 0, lt: 10", "unit: nonsense, ge: 5, lt: 2"),
        ("dtype: bool, required", "dtype: complex, required"),
        ("    label:", "    amount:"),
        ("pin_ef: false", "pin_ef: true"),
        ("expect: {total:", "expect: {sum:"),
    ):
        text = text.replace(old, new)
    answer = PROCESSOR.validate(text + "status: certified\n", strict=True)
    assert [issue.code for issue in answer.errors] == [
        "VALUE_NOT_ALLOWED", "ENTRYPOINT_OUTSIDE", "BOUNDS_UNSATISFIABLE", "UNIT_UNKNOWN",
        "VALUE_NOT_ALLOWED", "NAME_NOT_UNIQUE", "PIN_WITHOUT_FACTOR", "GOLDEN_OUTPUT_UNKNOWN", "UNKNOWN_KEY",
    ]  # fmt: skip
    lines = [issue.line for issue in answer.errors]
    assert lines == sorted(lines, key=lambda line: line or 0)


@pytest.mark.parametrize(
    "place", ["tags: [rules]\npriority: P0", "name: Agent\nowner: me"], ids=["priority", "owner"]
)
def test_unknown_keys_warn_or_with_strict_refuse(place: str) -> None:
    text = PACK.replace(place.split("\n")[0], place)
    assert PROCESSOR.validate(text).valid
    strict = PROCESSOR.validate(text, strict=True)
    assert [issue.code for issue in strict.errors] == ["UNKNOWN_KEY"]
    assert strict.errors[0].hint is not None
    assert ("owners" in strict.errors[0].hint) == ("owner:" in place)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tags: [rules]", "tags: [isolation-forest]"),
        ("number:", "n_estimators:"),
        ("agents.agent:compute", "agents.monte_carlo:compute"),
    ],
)
def test_random_methods_need_a_seed(old: str, new: str) -> None:
    text = PACK.replace(old, new)
    assert "SEED_MISSING" in [issue.code for issue in PROCESSOR.validate(text).warnings]
    seeded = text.replace("    flag:", "    seed:").replace(
        "dtype: bool, required: false, default: false", "dtype: int64"
    )
    seeded = seeded.replace("amount: 1, kind: a}, expect", "amount: 1, kind: a, seed: 1}, expect")
    assert PROCESSOR.validate(seeded).errors == ()
    assert "SEED_MISSING" not in [issue.code for issue in PROCESSOR.validate(seeded).warnings]


def test_a_published_version_never_changes() -> None:
    spec = PROCESSOR.parse(PACK)
    published = {(spec.id, spec.version): spec.sha256}
    processor = SpecProcessor(published=lambda identity, version: published.get((identity, version)))
    assert processor.validate(PACK).valid
    reworded = processor.validate(PACK.replace("unit: kWh,", "unit: 'kWh',"))
    assert reworded.valid, "another spelling is the same content"
    changed = processor.validate(PACK.replace("name: Agent", "name: Other"))
    assert [(issue.code, issue.path, issue.line) for issue in changed.errors] == [
        ("VERSION_REUSED", "version", 4)
    ]
    assert processor.validate(PACK.replace("name: Agent", "name: Other").replace('"1.0.0"', '"1.0.1"')).valid


GOLDENS = """\
    - {name: one, input: {amount: 1, kind: a}, expect: {total: {value: 2}}}
    - {name: two, input: {amount: 2, kind: a}, expect: {total: {value: SECOND}}}
"""


@pytest.mark.parametrize(("second", "told"), [("4", False), ("4.02", False), ("5", True)])
def test_golden_cases_that_imply_two_factors(second: str, told: bool) -> None:
    text = PACK.replace("unit: kWh}", "unit: kgCO2e}")
    start, end = text.index("    - {name: one"), text.index("  properties:")
    text = text[:start] + GOLDENS.replace("SECOND", second) + text[end:]
    answer = PROCESSOR.validate(text)
    assert answer.valid
    assert ("GOLDEN_FACTORS_DIFFER" in [issue.code for issue in answer.warnings]) == told


def test_a_specification_is_judged_without_its_file_too() -> None:
    spec = PROCESSOR.parse(PACK)
    assert PROCESSOR.validate(spec).valid
    faulty = spec.model_copy(update={"compute": spec.compute.model_copy(update={"entrypoint": "os"})})
    errors = PROCESSOR.validate(faulty).errors
    assert [(issue.code, issue.line, issue.path) for issue in errors] == [
        ("ENTRYPOINT_FORM", None, "compute.entrypoint")
    ]


def test_a_part_of_the_wrong_kind_hides_no_other_fault() -> None:
    text = PACK.replace("pin_ef: false", "pin_ef: true")
    start, end = text.index("  inputs:"), text.index("  outputs:")
    answer = PROCESSOR.validate(text[:start] + "  inputs: [null]\n" + text[end:])
    assert {("VALUE_TYPE", "compute.inputs"), ("PIN_WITHOUT_FACTOR", "provenance.pin_ef")} <= {
        (issue.code, issue.path) for issue in answer.errors
    }
