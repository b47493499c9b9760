"""Fourteen pack files found in the wild, each with the answer that it should get.

The files are not ours and not in the project; ``GREENLANG_PACK_FILES`` names the folder that holds them.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from factory_ops.specification.answer import Issue
from factory_ops.specification.processor import Processed, SpecProcessor

FOLDER = os.environ.get("GREENLANG_PACK_FILES")
pytestmark = [
    pytest.mark.publisher_files,
    pytest.mark.skipif(not FOLDER, reason="GREENLANG_PACK_FILES names no folder with pack files"),
]
PROCESSOR = SpecProcessor()

#: Beginning of the file's name -> schema, codes of errors, codes of warnings that must be among them.
ANSWERS: dict[str, tuple[str, dict[str, int], set[str]]] = {
    "e01": (
        "2.0.0",
        {"REFERENCE_UNRESOLVED": 2},
        {"GOLDEN_FACTORS_DIFFER", "UNIT_READ_AS", "GWP_SET_READ_AS"},
    ),
    "e02": ("2.0.0", {}, {"NO_FACTORS"}),
    "e03": ("2.0.0", {}, {"UNIT_AFFINE", "NO_FACTORS"}),
    "e04": ("2.0.0", {}, {"SEED_MISSING", "NO_FACTORS"}),
    "e05": ("2.0.0", {"OUTPUT_KEY_NOT_ALLOWED": 1, "PIN_WITHOUT_FACTOR": 1}, set()),
    "e06": ("2.0.0", {"OUTPUT_KEY_NOT_ALLOWED": 1, "PIN_WITHOUT_FACTOR": 1}, {"UNKNOWN_KEY"}),
    "e07": ("2.0.0", {"NAME_NOT_UNIQUE": 2, "PIN_WITHOUT_FACTOR": 1}, set()),
    "e08": ("2.0.0, factory dialect", {"PACK_DIALECT": 1}, set()),
    "e09": ("pack 1.0", {"PACK_GENERATION": 1}, set()),
    "e10": ("pack 1.0", {"PACK_GENERATION": 1}, set()),
    "e11": ("contract 1.0", {"PACK_CONTRACT": 1}, set()),
    "e12": ("no version, inputs and outputs at the top", {"PACK_SAFETY_SYSTEM": 1}, set()),
    "e13": ("greenlang.io/v1 Pack", {"PACK_BUNDLE": 1}, set()),
    "e14": ("greenlang.io/v2 AgentSpec", {"PACK_EMPTY": 1}, set()),
}


def process(name: str, *, strict: bool = False) -> Processed:
    assert FOLDER is not None
    (path,) = Path(FOLDER).glob(f"{name}_*.yaml")
    return PROCESSOR.process(path.read_bytes(), strict=strict)


def codes(issues: tuple[Issue, ...]) -> dict[str, int]:
    return dict(Counter(issue.code for issue in issues))


@pytest.mark.parametrize("name", ANSWERS)
def test_each_file_gets_its_answer(name: str) -> None:
    schema, errors, warnings = ANSWERS[name]
    answer = process(name).answer
    assert (answer.schema, codes(answer.errors)) == (schema, errors)
    assert warnings <= codes(answer.warnings).keys()
    assert answer.exit_code == (1 if errors else 0)
    for issue in answer.errors + answer.warnings:
        assert issue.line is not None
        assert issue.line > 0
        assert issue.message
        assert issue.found or issue.expected


def test_every_file_of_the_folder_has_an_answer_here() -> None:
    assert FOLDER is not None
    assert sorted(path.name[:3] for path in Path(FOLDER).glob("e*.yaml")) == sorted(ANSWERS)


def test_the_boilers_golden_cases_contradict_each_other_and_its_property() -> None:
    told = next(i for i in process("e01").answer.warnings if i.code == "GOLDEN_FACTORS_DIFFER")
    assert "baseline 0.052, high_efficiency 0.05226, low_efficiency 0.04674" in told.message
    assert "does not depend on efficiency" in told.message
    assert "monotone_efficiency_inverse" in told.message


def test_temperatures_of_the_heat_pump_are_named() -> None:
    affine = [issue.path for issue in process("e03").answer.warnings if issue.code == "UNIT_AFFINE"]
    assert affine == [
        "compute.inputs.process_temperature_f.unit",
        "compute.inputs.design_ambient_temp_f.unit",
    ]


def test_the_roadmaps_foreign_keys_warn_or_refuse() -> None:
    lenient, strict = process("e06").answer, process("e06", strict=True).answer
    assert codes(lenient.warnings)["UNKNOWN_KEY"] == codes(strict.errors)["UNKNOWN_KEY"] == 4
    assert {issue.path for issue in strict.errors if issue.code == "UNKNOWN_KEY"} == {
        "priority",
        "compute.inputs.industry_type.examples",
        "compute.inputs.grid_region.examples",
        "compute.outputs.recommended_pathway.examples",
    }


def test_the_report_repeats_two_names() -> None:
    repeated = [i.path for i in process("e07").answer.errors if i.code == "NAME_NOT_UNIQUE"]
    assert repeated == ["compute.outputs.format", "compute.outputs.framework"]


def test_the_downgraded_pack_reuses_a_version() -> None:
    processor = SpecProcessor(published=lambda identity, version: "a" * 64)
    assert FOLDER is not None
    (path,) = Path(FOLDER).glob("e10_*.yaml")
    answer = processor.validate(path.read_bytes())
    assert codes(answer.errors) == {"PACK_GENERATION": 1, "VERSION_REUSED": 1}
    assert "went with compute" in answer.errors[1].message


def test_packs_that_are_no_calculators_have_no_plan_and_their_domain() -> None:
    found = {name: process(name) for name in ("e02", "e03", "e04")}
    assert all(item.plan is None for item in found.values())
    assert {name: item.domain.domain for name, item in found.items() if item.domain} == {
        "e02": "emissions",
        "e03": "industrial",
        "e04": "data",
    }
