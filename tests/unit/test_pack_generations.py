"""Files of other generations are known by name and refused with the reason."""

from __future__ import annotations

import pytest

from factory_ops.specification.processor import SpecProcessor

PROCESSOR = SpecProcessor()
FILES: list[tuple[str, str, str, str, str, str]] = [
    (
        "1.0",
        "name: a\nkind: pack\npack_schema_version: '1.0'\ncapabilities: {net: {allow: true}}\n",
        "pack 1.0", "PACK_GENERATION", "pack_schema_version", "sandbox capabilities",
    ),
    (
        "downgraded to 1.0",
        "id: a/b\nversion: 1.0.0\npack_schema_version: '1.0'\nai: {system_prompt: x}\n",
        "pack 1.0", "PACK_GENERATION", "pack_schema_version", "downgraded",
    ),
    (
        "contract",
        "contract_version: '1.0'\napp_id: A\nentry_pipeline: gl.yaml\n",
        "contract 1.0", "PACK_CONTRACT", "contract_version", "contract of an application",
    ),
    (
        "bundle",
        "apiVersion: x.io/v1\nkind: Pack\nspec: {dependencies: [{name: a}, {name: b}]}\n",
        "x.io/v1 Pack", "PACK_BUNDLE", "spec.dependencies", "bundle that names other packs",
    ),
    (
        "empty shell",
        "apiVersion: x.io/v2\nkind: AgentSpec\nspec: {inputs: [], outputs: []}\n",
        "x.io/v2 AgentSpec", "PACK_EMPTY", "spec", "nothing to generate",
    ),
    (
        "Kubernetes style",
        "apiVersion: x.io/v2\nkind: AgentSpec\nspec: {inputs: [{name: a}], outputs: [{name: b}]}\n",
        "x.io/v2 AgentSpec", "PACK_GENERATION", "apiVersion", "Kubernetes-style",
    ),
    (
        "factory dialect",
        "schema_version: '2.0.0'\npack: {id: a}\nagents: [{id: a, inputs: []}]\n",
        "2.0.0, factory dialect", "PACK_DIALECT", "pack", "another's",
    ),
    (
        "top level",
        "name: a\nversion: 1.0.0\ninputs: {a: {type: object}}\noutputs: {b: {type: object}}\n",
        "no version, inputs and outputs at the top", "PACK_GENERATION", "inputs", "neither units nor factors",
    ),
    (
        "safety system",
        "name: a\ninputs: {a: {type: object}}\noutputs: {}\nsafety: {sil_level: 3}\n",
        "no version, inputs and outputs at the top", "PACK_SAFETY_SYSTEM", "safety", "safety function",
    ),
    (
        "empty 2.0.0",
        "schema_version: '2.0.0'\nid: a/b\ncompute: {entrypoint: x, inputs: {}, outputs: {}}\n",
        "2.0.0", "PACK_EMPTY", "compute", "nothing to generate",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "schema", "code", "path", "reason"), [row[1:] for row in FILES], ids=[row[0] for row in FILES]
)
def test_a_generation_is_refused_by_name(text: str, schema: str, code: str, path: str, reason: str) -> None:
    answer = PROCESSOR.validate(text)
    assert (answer.valid, answer.schema, answer.exit_code) == (False, schema, 1)
    assert [(issue.code, issue.path) for issue in answer.errors] == [(code, path)]
    issue = answer.errors[0]
    assert reason in issue.message
    assert issue.line is not None
    assert issue.hint
    assert issue.found


@pytest.mark.parametrize("text", ["[1, 2]", "just text", "42", "null"])
def test_what_is_no_mapping_is_no_pack(text: str) -> None:
    answer = PROCESSOR.validate(text)
    assert [issue.code for issue in answer.errors] == ["NOT_A_PACK"]
    assert answer.exit_code == 1


def test_a_mapping_that_nobody_knows_lacks_the_keys_of_2_0_0() -> None:
    answer = PROCESSOR.validate("hello: world")
    missing = {issue.path for issue in answer.errors if issue.code == "FIELD_MISSING"}
    assert missing == {"schema_version", "id", "name", "version", "summary", "compute"}
    assert answer.schema == "unknown"


def test_an_old_generation_under_a_published_id_is_also_version_reuse() -> None:
    processor = SpecProcessor(published=lambda identity, version: "f" * 64 if identity == "a/b" else None)
    text = "id: a/b\nversion: 1.0.0\npack_schema_version: '1.0'\n"
    assert [issue.code for issue in processor.validate(text).errors] == ["VERSION_REUSED", "PACK_GENERATION"]
