"""Packs of an attacker: bombs end in under 100 ms, nothing is executed, names and code stay inside."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from factory_ops.specification.answer import ValidationAnswer
from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.pattern import MAX_TEXT, check_pattern, matches

PROCESSOR = SpecProcessor()
PACK = """\
schema_version: "2.0.0"
id: attacks/agent_v1
name: {name}
version: "1.0.0"
summary: {summary}
compute:
  entrypoint: {entrypoint}
  inputs:
    {field}: {{dtype: string, pattern: {pattern}}}
  outputs:
    {output}: {{dtype: string}}
"""


def pack(**changes: str) -> str:
    parts = {
        "name": "N",
        "summary": "S",
        "entrypoint": "python://agents.agent:compute",
        "field": "given",
        "pattern": "'^a$'",
        "output": "answer",
    }
    return PACK.format(**parts | changes)


def answer(text: str | bytes, *, strict: bool = False) -> ValidationAnswer:
    return PROCESSOR.validate(text, strict=strict)


def codes(text: str, *, strict: bool = False) -> list[str]:
    return [issue.code for issue in answer(text, strict=strict).errors]


def fastest(call: Callable[[], object], times: int = 3) -> float:
    """Seconds of this thread in the fastest run: what it costs, not what the machine was busy with."""
    spent = []
    for _ in range(times):
        start = time.thread_time()
        call()
        spent.append(time.thread_time() - start)
    return min(spent)


def test_the_pack_that_the_attacks_vary_is_valid() -> None:
    assert answer(pack()).valid


LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
MERGES = "a0: &a0 {k: v}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 50)}]}}\n" for n in range(1, 6)
)
BOMBS: dict[str, tuple[str, str]] = {
    "nine levels of aliases": (LAUGHS, "YAML_ALIAS"),
    "fifty merges a level": (MERGES, "YAML_ALIAS"),
    "3000 lists in each other": ("[" * 3000, "YAML_TOO_DEEP"),
    "3000 mappings in each other": ("{a: " * 3000, "YAML_TOO_DEEP"),
    "3000 block lists": ("- " * 3000 + "x", "YAML_TOO_DEEP"),
    "3000 complex keys": ("? " * 3000 + "x", "YAML_KEY_NOT_TEXT"),
    "a scalar of 10 MB": ("a: " + "x" * 10_000_000, "YAML_TOO_LARGE"),
    "a million keys": ("".join(f"k{n}: 1\n" for n in range(1_000_000)), "YAML_TOO_LARGE"),
    "keys up to the size limit": ("".join(f"k{n}: 1\n" for n in range(25_000)), "YAML_TOO_MANY_NODES"),
    "empty items up to the limit": ("[" + "a," * 130_000 + "]", "YAML_TOO_MANY_NODES"),
    "an integer of 200 kB": ("a: " + "9" * 200_000, "YAML_NUMBER"),
    "an anchor of 200 kB": ("a: &" + "x" * 200_000 + " 1", "YAML_ALIAS"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_in_under_100_ms(name: str) -> None:
    text, code = BOMBS[name]
    assert fastest(lambda: answer(text)) < 0.1
    refused = answer(text)
    assert [issue.code for issue in refused.errors] == [code]
    assert (refused.valid, refused.unreadable, refused.exit_code) == (False, True, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("NO", "NO"), ("010", "010"), ("1.10", "1.10"), ("12:30:45", "12:30:45"), ("1e3", "1e3")],
)
def test_text_is_kept_as_written_where_text_is_expected(text: str, expected: str) -> None:
    spec = answer(pack(name=text)).spec
    assert spec is not None
    assert spec.name == expected


def test_dtypes_are_checked_after_reading() -> None:
    text = pack().replace("{dtype: string, pattern: '^a$'}", "{dtype: int64, required: false, default: 010}")
    assert codes(text) == ["DEFAULT_VALUE_TYPE"]


HOSTILE_NAMES = {
    "keyword": "class", "import": "__import__", "ligature": "ﬁeld", "self": "self", "middle dot": "x·y",
    "300 characters": "a" * 300, "homoglyph": "ｃo2", "cyrillic": "сo2", "dunder": "__init__",
    "dash": "a-b", "dot": "a.b", "space": "a b", "quote": "'a\"b'", "newline": '"a\\nb"', "case": "Fuel",
    "digit": "'1a'", "empty": "''", "double underscore": "a__b", "template": "'{{ 7*7 }}'",
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE_NAMES)
def test_names_that_cannot_be_names_of_code(kind: str) -> None:
    for place in ("field", "output"):
        assert "NAME_INVALID" in codes(pack(**{place: HOSTILE_NAMES[kind]})), place


@pytest.mark.parametrize(
    ("entrypoint", "code"),
    [
        ("python://os:system", "ENTRYPOINT_FORM"),
        ("python://os.path:join", "ENTRYPOINT_OUTSIDE"),
        ("python://subprocess.x:run", "ENTRYPOINT_OUTSIDE"),
        ("../x:y", "ENTRYPOINT_FORM"),
        ("python://../agents.x:y", "ENTRYPOINT_FORM"),
        ("python://agents/x:y", "ENTRYPOINT_FORM"),
        ("python://greenlang_assets.sdk:run", "ENTRYPOINT_OUTSIDE"),
        ("python://agents.a:__import__", "ENTRYPOINT_FORM"),
        ("python://agents.__builtins__:eval", "ENTRYPOINT_FORM"),
        ("python://agents.class:compute", "ENTRYPOINT_FORM"),
        ("python://agents.a:compute()", "ENTRYPOINT_FORM"),
        ("python://agents.a:compute; import os", "ENTRYPOINT_FORM"),
        ("https://example.org/a.py", "ENTRYPOINT_FORM"),
        ("python://аgents.a:compute", "ENTRYPOINT_FORM"),
        ('"python://agents.a:compute\\n"', "ENTRYPOINT_FORM"),
    ],
)
def test_entrypoints_outside_the_pack(entrypoint: str, code: str) -> None:
    text = entrypoint if entrypoint.startswith('"') else f"'{entrypoint}'"
    assert codes(pack(entrypoint=text)) == [code]


def test_templates_and_markup_in_text_are_only_text() -> None:
    hostile = "{{ 7*7 }}{% raw %}<script>[red]${x}%s\\N{DASH}"
    spec = answer(pack(name=f"'{hostile}'", summary=f"'{hostile}'")).spec
    assert spec is not None
    assert spec.name == spec.summary == hostile
    shown = answer(pack(entrypoint=f"'{hostile}'")).errors[0]
    assert shown.found == hostile


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1", "(?=a)a", "(?<!a)b", "(?P<n>a)(?P=n)", "[", "(", "a{1000}{1000}", "(a{100}){100}",
        "a" * 500, r"\p{Nope}", r"\w{101}", r"(\w\w){60}",
    ],
)  # fmt: skip
def test_patterns_without_a_linear_engine_are_refused(pattern: str) -> None:
    with pytest.raises(GreenlangError) as refused:
        check_pattern(pattern)
    assert refused.value.code == "PATTERN_NOT_LINEAR"
    quoted = pattern.replace("'", "''")
    found = codes(pack(pattern=f"'{quoted}'"))
    assert found == (["VALUE_OUT_OF_RANGE"] if len(pattern) > 400 else ["PATTERN_NOT_LINEAR"])


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("^(a+)+$", "a" * 30_000 + "!"),
        ("^(a|a)*$", "a" * 30_000 + "!"),
        ("^(.*)*x$", "a" * 30_000),
        ("^([a-z]+)*[A-Z]$", "a" * 30_000),
        ("(x+x+)+y", "x" * 30_000),
    ],
)
def test_catastrophic_patterns_take_no_time(pattern: str, text: str) -> None:
    assert not matches(pattern, text)
    assert fastest(lambda: matches(pattern, text)) < 0.05


@pytest.mark.parametrize("pattern", [r"\w{100}", r"(\pL\w){50}", "(a|b|c){200}", "[^a]{200}", "(.*){14}{14}"])
def test_the_largest_patterns_compile_in_under_50_ms(pattern: str) -> None:
    # Compiled expressions are cached by the engine, so each time it is another one.
    endings = iter("bcdef")
    check_pattern("a")
    assert fastest(lambda: check_pattern(pattern + next(endings))) < 0.05


def test_texts_longer_than_any_are_not_searched() -> None:
    with pytest.raises(GreenlangError) as refused:
        matches("^a$", "a" * (MAX_TEXT + 1))
    assert refused.value.code == "TEXT_TOO_LONG"


@pytest.mark.parametrize(
    "key", ["status", "created_by", "certificate_id", "tenant", "__class__", "model_config"]
)
def test_keys_that_are_not_the_authors_to_set(key: str) -> None:
    text = pack() + f"{key}: certified\n"
    strict = answer(text, strict=True)
    assert [(issue.code, issue.found) for issue in strict.errors] == [("UNKNOWN_KEY", key)]
    lenient = answer(text)
    assert lenient.spec is not None
    assert key not in lenient.spec.canonical()
