"""What never goes into a commit: publishers' files, registry hosts, paths of a machine, secrets, stubs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def committed() -> list[Path]:
    answer = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False, text=True
    )
    if answer.returncode != 0:
        # An archive without git history is judged as it lies there.
        skip = {".venv", ".greenlang", "build", "dist", ".git"}
        return [p for p in ROOT.rglob("*") if p.is_file() and not skip & set(p.relative_to(ROOT).parts)]
    return [ROOT / name for name in answer.stdout.split("\0") if name]


FILES = [path for path in committed() if path.exists()]
TEXTS = [p for p in FILES if p.suffix not in {".parquet", ".png", ".ico"}]


def test_no_publishers_file_and_no_binary() -> None:
    forbidden = {".xlsx", ".xls", ".zip", ".whl", ".exe", ".so", ".pdf", ".gz"}
    assert not [p for p in FILES if p.suffix.lower() in forbidden]
    assert not [p for p in FILES if p.name in {"uv.lock", "pylock.toml", "poetry.lock"}]


def test_shipped_tables_are_compact() -> None:
    assert not [p for p in FILES if p.suffix == ".parquet" and p.stat().st_size > 1_500_000]


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        (
            "a package registry's host",
            r"\b(?:pypi|pythonhosted|npmjs|registry\.npmjs|deb\.debian)\.(?:org|com)\b",
        ),
        ("a path of a machine", r"(?<![\w.$}])/(?:work|root|farm)/[a-z]"),
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("an access key", r"\bAKIA[0-9A-Z]{16}\b"),
        ("unfinished work", r"\b(?:TODO|FIXME|XXX)\b"),
        ("an exception swallowed", r"except Exception:\s*pass"),
    ],
)
def test_texts_are_free_of(what: str, pattern: str) -> None:
    own = Path(__file__).resolve()
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in TEXTS
        if path.resolve() != own
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not found, what
