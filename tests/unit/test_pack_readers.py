"""Other spellings become the canonical form, and each change is told."""

from __future__ import annotations

import pytest

from factory_ops.specification.processor import Processed, SpecProcessor
from factory_ops.specification.readers import factor_name
from greenlang_assets.sdk.pack import PackSpec

PROCESSOR = SpecProcessor()
HEAD = """\
schema_version: "2.0.0"
id: readers/agent_v1
name: N
version: "1.0.0"
summary: S
"""
COMPUTE = """\
compute:
  entrypoint: python://agents.agent:compute
  inputs:
    given: {dtype: string}
  outputs:
    answer: {dtype: string}
"""


def process(text: str) -> Processed:
    return PROCESSOR.process(text)


def spec_of(text: str) -> PackSpec:
    processed = process(text)
    assert processed.spec is not None, processed.answer.errors
    return processed.spec


def warned(text: str, code: str) -> list[tuple[str, str]]:
    """Path and message of the warnings with a code."""
    return [(issue.path, issue.message) for issue in process(text).answer.warnings if issue.code == code]


@pytest.mark.parametrize("written", ['"2.0.0"', "2.0.0", "2.0", "2", "'2.0'"])
def test_schema_versions(written: str) -> None:
    text = HEAD.replace('"2.0.0"', written) + COMPUTE
    assert spec_of(text).schema_version == "2.0.0"
    assert bool(warned(text, "SCHEMA_VERSION_READ_AS")) == ("2.0.0" not in written)


@pytest.mark.parametrize("empty", ["", "[]", "{}", "null", "~"])
def test_no_factors_in_all_its_forms(empty: str) -> None:
    text = HEAD + COMPUTE + f"  factors: {empty}\n"
    assert spec_of(text).compute.factors == {}
    assert process(text).answer.as_dict()["warnings"][0]["code"] == "NO_FACTORS"


@pytest.mark.parametrize(
    "factors",
    [
        "[{ref: 'ef://ipcc/gwp/ar6'}, {ref: 'ef://us-epa/stationary-combustion/2024'}]",
        "['ef://ipcc/gwp/ar6', 'ef://us-epa/stationary-combustion/2024']",
        "{ar6: {ref: 'ef://ipcc/gwp/ar6'}, stationary_combustion: 'ef://us-epa/stationary-combustion/2024'}",
        "[{name: ar6, ref: 'ef://ipcc/gwp/ar6'}, 'ef://us-epa/stationary-combustion/2024']",
    ],
)
def test_factors_become_one_mapping(factors: str) -> None:
    """The formula then refuses (one text in, one text out), which is not this test's matter."""
    processed = process(HEAD + COMPUTE + f"  factors: {factors}\n  formula: cbam.none@1.0.0\n")
    assert [issue.code for issue in processed.answer.errors] == ["FORMULA_NOT_FOUND"]
    told = {issue.code: issue.message for issue in processed.answer.warnings}
    assert told.get("FACTORS_READ_AS_MAPPING", "ar6, stationary_combustion").endswith(
        "ar6, stationary_combustion"
    )
    assert "FACTORS_READ_AS_MAPPING" in told or "FACTOR_READ_AS" in told
    assert told["FORMULA_READ_AS"] == "read as id cbam.none, version 1.0.0"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("ef://epa/stationary-combustion/2024", "stationary_combustion"),
        ("ef://ipcc/gwp/ar6", "ar6"),
        ("ef://epa/egrid/us_average/co2e_kg_per_mwh", "co2e_kg_per_mwh"),
        ("ef://epa/stationary-combustion/natural-gas/2024-Q4", "natural_gas"),
        ("ef://epa/stationary-combustion/2024@2024.0.0#sha256=" + "0" * 64, "stationary_combustion"),
        ("ef://x/1", "x"),
        ("nonsense", "nonsense"),
        ("", "factor"),
    ],
)
def test_names_of_factors(reference: str, name: str) -> None:
    assert factor_name(reference, set()) == name
    assert factor_name(reference, {name}) == f"{name}_2"


@pytest.mark.parametrize("written", ["AR6GWP100", "ar6", "AR6-GWP100", "AR6 GWP 100", "AR6"])
def test_gwp_sets(written: str) -> None:
    text = HEAD + COMPUTE + f"provenance: {{gwp_set: {written}}}\n"
    provenance = spec_of(text).provenance
    assert provenance is not None
    assert provenance.gwp_set == "AR6"
    assert bool(warned(text, "GWP_SET_READ_AS")) == (written != "AR6")


@pytest.mark.parametrize("written", ["SAR", "AR7", "AR6GWP20", "GWP100"])
def test_gwp_sets_that_there_are_no_tables_of(written: str) -> None:
    issues = process(HEAD + COMPUTE + f"provenance: {{gwp_set: {written}}}\n").answer.errors
    assert [(issue.code, issue.path, issue.line) for issue in issues] == [
        ("VALUE_NOT_ALLOWED", "provenance.gwp_set", 12)
    ]


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("m^3", "m3"), ("kgCO2e", "kg[CO2e]"), ("MMBtu/year", "mmBtu/year"), ("percent", "%"),
        ("fraction", "1"), ("count", "1"), ("degrees", "1"), ("people", "person"), ("sqft", "ft2"),
        ("1", "1"), ("kWh[gross]", "kWh[gross]"),
    ],
)  # fmt: skip
def test_units_take_their_canonical_spelling(written: str, unit: str) -> None:
    text = HEAD + COMPUTE + f"    amount: {{dtype: float64, unit: '{written}'}}\n"
    assert spec_of(text).compute.outputs["amount"].unit == unit
    told = warned(text, "UNIT_READ_AS")
    assert told == [] if unit == written else told[0][0] == "compute.outputs.amount.unit"
    assert not told or f"read as {unit}" in told[0][1]


def test_temperatures_are_told_apart() -> None:
    text = HEAD + COMPUTE.replace("given: {dtype: string}", "given: {dtype: float64, unit: degF}")
    assert [path for path, _ in warned(text, "UNIT_AFFINE")] == ["compute.inputs.given.unit"]


def test_a_unit_that_nobody_knows_is_an_error() -> None:
    text = HEAD + COMPUTE + "    amount: {dtype: float64, unit: furlongs}\n"
    errors = process(text).answer.errors
    assert [(issue.code, issue.found, issue.line, issue.column) for issue in errors] == [
        ("UNIT_UNKNOWN", "furlongs", 12, 30)
    ]


def test_dtypes_defaults_lists_and_retrieval() -> None:
    text = HEAD + (
        "compute:\n"
        "  entrypoint: python://agents.agent:compute\n"
        "  inputs:\n"
        "    - {name: amount, dtype: float, unit: '1', default: 1}\n"
        "    - {name: label, dtype: str, enum: [NO, 1.10, 2024], default: 1.10}\n"
        "  outputs:\n"
        "    answer: {dtype: integer, unit: '1'}\n"
        "ai: {rag_collections: [a, b]}\n"
    )
    spec = spec_of(text)
    amount, label = spec.compute.inputs["amount"], spec.compute.inputs["label"]
    assert (amount.dtype, amount.required, amount.default) == ("float64", False, 1.0)
    assert (label.enum, label.default) == (["NO", "1.10", "2024"], "1.10")
    assert spec.compute.outputs["answer"].dtype == "int64"
    assert spec.ai is not None
    assert spec.ai.rag is not None
    assert spec.ai.rag.collections == ["a", "b"]
    codes = [issue.code for issue in process(text).answer.warnings]
    assert sorted(set(codes)) == [
        "DEFAULT_READ_AS_OPTIONAL", "DTYPE_READ_AS", "LIST_READ_AS_MAPPING", "NO_FACTORS", "RAG_READ_AS",
    ]  # fmt: skip


def test_issues_point_into_the_file_also_where_something_was_moved() -> None:
    text = HEAD + COMPUTE + "  factors:\n    - ref: ef://nobody/nothing/2024\n    - ef://ipcc/gwp/ar9\n"
    errors = process(text).answer.errors
    assert [(issue.code, issue.path, issue.line, issue.column) for issue in errors] == [
        ("REFERENCE_UNRESOLVED", "compute.factors.nothing.ref", 13, 7),
        ("REFERENCE_UNRESOLVED", "compute.factors.ar9.ref", 14, 7),
    ]


def test_free_keys_are_kept_everywhere_and_belong_to_the_content() -> None:
    text = (
        HEAD
        + COMPUTE.replace("{dtype: string}", "{dtype: string, x-note: {a: [1, 2.5, null]}}")
        + "x-p95_ms: 20\n"
    )
    spec = spec_of(text)
    canonical = spec.canonical()
    assert canonical["x-p95_ms"] == 20
    assert canonical["compute"]["inputs"]["given"]["x-note"] == {"a": [1, 2.5, None]}
    assert spec.sha256 != spec_of(text.replace("x-p95_ms: 20", "x-p95_ms: 21")).sha256
    assert PackSpec.from_canonical(spec.canonical_json()) == spec


def test_order_and_spelling_do_not_change_the_identity() -> None:
    one = HEAD + COMPUTE + "    amount: {dtype: float64, unit: kgCO2e, ge: 0}\n"
    two = COMPUTE + "    amount:\n      ge: 0.0\n      unit: 'kg[CO2e]'\n      dtype: float64\n" + HEAD
    assert spec_of(one).sha256 == spec_of(two).sha256
