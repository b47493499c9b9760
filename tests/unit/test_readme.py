"""The README, walked: every command it names exists and answers, every file it shows is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from greenlang_assets.core.data_root import DATA_ROOT

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def glac(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from registry_ops.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def verbs() -> list[tuple[str, ...]]:
    """``glac a | b`` in any code of the README, as ("a",), ("b",); groups keep their first word."""
    found: set[tuple[str, ...]] = set()
    for line in re.findall(r"glac ([a-z][^`\n]*)", README):
        first, *rest = re.split(r"\s+", line.strip())
        second = rest[0] if rest and re.fullmatch(r"[a-z]+", rest[0]) else None
        if second and first in {"factors", "formulas", "emissions", "provenance", "pack"}:
            found.add((first, second))
            found.update((first, word) for word in re.findall(r"\| ([a-z]+)", line))
        elif not second or first in {"calculate", "run", "up", "clean"}:
            found.add((first,))
    return sorted(found)


def test_there_are_commands_to_walk() -> None:
    assert {("factors", "lookup"), ("formulas", "validate"), ("provenance", "verify"), ("calculate",)} <= set(
        verbs()
    )


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_every_command_exists(words: tuple[str, ...]) -> None:
    done = glac(*words, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    "target",
    sorted(
        set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(BLOCKS) + README))
        & set(re.findall(r"^([a-z]+):", MAKEFILE, flags=re.MULTILINE))
        | {"run", "test", "up", "bench", "screenshots", "clean"}
    ),
)
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "line",
    [
        line
        for block in BLOCKS
        for line in block.splitlines()
        if re.match(r"glac factors (search|lookup)", line)
    ],
)
def test_the_look_ups_shown_find_something(line: str) -> None:
    import shlex

    done = glac(*shlex.split(line)[1:])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?:docs/|[A-Z])[^)#]+)\)", README))))
def test_what_is_linked_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:data|dbt|docs|greenlang_assets)/[^`*<> ]+)`", README)))
)
def test_what_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_pack_examples_are_counted_right() -> None:
    shipped = [folder for folder in (DATA_ROOT / "packs").iterdir() if folder.is_dir()]
    assert ("six examples" in README) == (len(shipped) == 6)


def test_ci_installs_what_the_readme_names() -> None:
    (named,) = re.findall(r"apt install (make python3-venv [^`]+)`", README)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (installed,) = re.findall(r'^packages="([^"]+)"$', script, flags=re.MULTILINE)
    assert set(named.split()) == set(installed.split())
