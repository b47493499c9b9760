"""``glac pack validate``: exit codes, JSON, and text for people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from registry_ops.cli.pack import app

SHIPPED = DATA_ROOT / "packs" / "natural_gas_v1" / "pack.yaml"
ISSUE_KEYS = ["code", "line", "column", "path", "found", "expected", "message", "hint"]


def run(*words: str | Path) -> int:
    return int(app(["validate", *map(str, words)], standalone_mode=False) or 0)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (SHIPPED.read_bytes(), 0),
        (SHIPPED.read_bytes() + b"priority: P0\n", 1),
        (b"pack_schema_version: '1.0'\n", 1),
        (b"just text", 1),
        (b"a: &x 1", 2),
        (b"a: [", 2),
        (b"\xff\xfea", 2),
        (b"x" * 300_000, 2),
        (b"[" * 30, 2),
    ],
)
def test_exit_codes_and_json(
    content: bytes, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pack.yaml"
    file.write_bytes(content)
    assert run(file, "--strict", "--json") == code
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["valid", "schema", "errors", "warnings"]
    assert answer["valid"] == (code == 0) == (not answer["errors"])
    for issue in answer["errors"] + answer["warnings"]:
        assert list(issue) == ISSUE_KEYS


def test_text_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pack.yaml"
    file.write_text(SHIPPED.read_text("utf-8").replace("agents.natural_gas", "os.[red]path"), "utf-8")
    assert run(file) == 1
    shown = capsys.readouterr().out
    assert "ENTRYPOINT_FORM  pack.yaml:13:3  compute.entrypoint" in shown
    assert "found     python://os.[red]path:compute" in shown, "markup in a pack is only text"
    assert "not valid, schema 2.0.0, 1 error, 0 warnings" in shown
    assert run(SHIPPED) == 0
    shown = capsys.readouterr().out
    assert "formula epa.cccl.stationary.heat-content@1.0.0 (named), 1 factor row pinned" in shown
    assert "domain emissions" in shown


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GreenlangError) as refused:
        run(tmp_path / "nothing.yaml")
    assert refused.value.code == "FILE_UNREADABLE"
