"""From specification to files: what is generated compiles, is stable, and says only what it should."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from factory_ops.generation.generator import CodeGenerator, GenerationOutput
from factory_ops.generation.literals import identifier, md, prove, py
from factory_ops.generation.samples import properties
from factory_ops.specification.processor import Processed, SpecProcessor
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.pack import PackSpec

ROOT = Path(__file__).resolve().parents[2]
PACKS = sorted((ROOT / "data" / "packs").glob("*/pack.yaml"))
PROCESSOR = SpecProcessor()
NASTY = (
    "'''quotes'''",
    '"""doc""" + exec("1")',
    "back\\slash \\n \\' end\\",
    "line\nbreak\r\n",
    "\u2028\u2029\x85",
    "{{ 7*7 }} {% for x in y %}",
    "{{ ''.__class__.__mro__ }}",
    "%s %(x)s {0}",
    "# -*- coding: x -*-",
    "\x00nul",
    "<script>alert(1)</script>",
    "é ñ 漢字 \U0001f600",
)


def processed(path: Path) -> Processed:
    made = PROCESSOR.process(path.read_bytes())
    assert made.spec is not None
    return made


def generated(path: Path) -> GenerationOutput:
    made = processed(path)
    assert made.spec is not None
    return CodeGenerator().generate(made.spec, made.plan)


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.parent.name)
def test_two_generations_are_byte_identical_and_compile(path: Path) -> None:
    first, second = generated(path), generated(path)
    assert first.files == second.files
    assert {
        "agent.py",
        "models.py",
        "tests/test_agent.py",
        "README.md",
        "pack.json",
        "plan.json",
        "manifest.json",
    } < {*first.files}
    for name, data in first.files.items():
        if name.endswith(".py"):
            compile(data, name, "exec")
    imports = {
        node.module
        for node in ast.walk(ast.parse(first.agent_code))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert {name.split(".")[0] for name in imports} <= {
        "__future__", "functools", "pathlib", "typing", "greenlang_assets", "models",
    }  # fmt: skip
    assert all(name.split(".")[1] in ("core", "sdk") for name in imports if name.startswith("greenlang"))


def test_the_tests_of_a_pack_read_the_library_once_a_process() -> None:
    """Each of its mutants runs all its tests: reading the library anew took most of a pack's time."""
    text = generated(PACKS[0]).files["tests/test_agent.py"].decode()
    assert "shipped_engine()" in text
    assert ".shipped(" not in text


def test_hash_seed_does_not_matter() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from factory_ops.specification.processor import SpecProcessor\n"
        "from factory_ops.generation.generator import CodeGenerator\n"
        "from factory_ops.packaging.builder import PackBuilder\n"
        "made = SpecProcessor().process(open(sys.argv[2], 'rb').read())\n"
        "files = CodeGenerator().generate(made.spec, made.plan).files\n"
        "print(PackBuilder().create_pack(files).archive_sha256)\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code, str(ROOT), str(PACKS[0])],
            env={"PYTHONHASHSEED": seed, "TZ": zone, "LANG": "C"},
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("4711", "Asia/Tokyo"))
    }
    assert len(answers) == 1


@pytest.mark.parametrize("path", PACKS[:2], ids=lambda path: path.parent.name)
def test_generated_tests_pass_in_a_process_of_their_own(path: Path, tmp_path: Path) -> None:
    for name, data in generated(path).files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "tests.test_agent"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Ran 12 tests" in done.stderr


@pytest.mark.parametrize("text", NASTY)
def test_texts_of_strangers_become_literals_and_nothing_else(text: str) -> None:
    made = processed(PACKS[0])
    assert made.spec is not None
    assert made.plan is not None
    base = made.spec.canonical()
    base["name"] = text
    base["summary"] = text
    spec = PackSpec.from_canonical(base)
    plan = made.plan.model_copy(update={"pack_sha256": spec.sha256})
    output = CodeGenerator().generate(spec, plan)
    plain = CodeGenerator().generate(made.spec, made.plan)
    tree = ast.parse(output.agent_code)
    (name,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "AGENT_NAME"
        and node.value is not None
    ]
    assert name == text
    kinds = [type(node) for node in ast.walk(tree)]
    assert kinds == [type(node) for node in ast.walk(ast.parse(plain.agent_code))]
    assert "<script" not in output.documentation


@pytest.mark.parametrize(
    "name", ["class", "__import__", "ﬁeld", "x·y", "a" * 65, "Ax", "1a", "a-b", "", "a b", "а", "_a", "a\n"]
)
def test_names_that_are_no_identifiers_are_refused(name: str) -> None:
    with pytest.raises(GreenlangError) as refused:
        identifier(name)
    assert refused.value.code == "NAME_NOT_SAFE"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, print, [1, float("-inf")]])
def test_what_is_no_plain_value_never_becomes_code(value: object) -> None:
    with pytest.raises(GreenlangError) as refused:
        py(value)
    assert refused.value.code == "LITERAL_NOT_PLAIN"


def test_text_behaves_as_a_literal_even_if_a_class_lies_about_it() -> None:
    class Liar(str):
        def __repr__(self) -> str:
            return "__import__('os').system('true')"

    with pytest.raises(GreenlangError) as refused:
        py(Liar("x"))
    assert refused.value.code == "LITERAL_NOT_PLAIN"


@pytest.mark.parametrize(
    "source",
    [
        "A: int = 2\n",
        "A: int = 1\nimport os\n",
        "A: int = True\n",
        "A: int = 1 + 0\n",
        "B: int = 1\n",
        "A: int = 1\nA: int = 1\n",
        "A: int = (\n",
    ],
)
def test_proof_finds_what_was_not_meant(source: str) -> None:
    prove("x.py", "A: int = 1\n", "A: int = None\n", {"A": 1})
    with pytest.raises(GreenlangError) as refused:
        prove("x.py", source, "A: int = None\n", {"A": 1})
    assert refused.value.code == "GENERATED_CODE_ALTERED"


def test_a_pack_that_is_no_calculator_or_has_another_plan_is_refused() -> None:
    made, other = processed(PACKS[0]), processed(PACKS[1])
    assert made.spec is not None
    for plan, code in ((None, "PATTERN_NOT_SUPPORTED"), (other.plan, "PLAN_OF_OTHER_PACK")):
        with pytest.raises(GreenlangError) as refused:
            CodeGenerator().generate(made.spec, plan)
        assert refused.value.code == code


def test_properties_that_are_prose_are_named_and_not_invented() -> None:
    made = processed(PACKS[0])
    assert made.spec is not None
    base = made.spec.canonical()
    base["tests"]["properties"] = [
        {"name": "range", "rule": "0 <= output.co2e_kg < 9000"},
        {"name": "again", "rule": "run(inputs, seed=42) == run(inputs, seed=42)"},
        {"name": "prose", "rule": "the answer should be sensible"},
        {"name": "absent", "rule": "output.nothing >= 0"},
    ]
    known, unknown = properties(PackSpec.from_canonical(base))
    assert [item["name"] for item in known] == ["range"]
    assert known[0]["bounds"] == [[">=", 0.0], ["<", 9000.0]]
    assert [item.name for item in unknown] == ["prose", "absent"]


def test_markdown_shows_texts_as_they_are() -> None:
    assert md("<b>*x*</b>\n# h") == "&lt;b&gt;\\*x\\*&lt;/b&gt; \\# h"
