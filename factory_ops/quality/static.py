"""Dimensions that are measured by reading: radon, ruff, mypy, bandit, and our own rules.

Belongs here: running the tools on a copy of the pack and judging what they say. Does not belong here:
anything that runs generated code (``dynamic``).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from factory_ops.quality import rules
from factory_ops.quality.report import Measured
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.pack import PackSpec
from greenlang_assets.sdk.plan import CalculationPlan

MAX_COMPLEXITY = 10
MIN_INDEX = 40.0
MIN_DOCUMENTED = 0.80
MIN_ANNOTATED = 0.90
_RUFF = "E,F,W,I,UP,B,C4,D1,PIE,RET,RUF,S,SIM"
#: Literals may be long; a docstring of a dunder says nothing; an assert in a test is what it is for.
_RUFF_IGNORED = "E501,D105,D107,S101"
_TOOLS = ("ruff", "radon", "mypy", "bandit", "coverage")
#: What a pack's types are checked against, beside the standard library: the platform, and what its models
#: are made of. A pack may import nothing else, and all that else refers to is five times as much to read.
_TYPES = ("greenlang_assets", "pydantic", "pydantic_core", "annotated_types", "typing_inspection")
#: Stubs that are not on the installed packages' own path would be judged like the pack.
_MYPY = "[mypy]\nfollow_imports = silent\nfollow_imports_for_stubs = True\n"


class StaticMeasure:
    """Measures a copy of a pack's files.

    Args:
        folder: where the files lie; nothing in it is ever imported.
        sources: path -> text of every Python file.
        cache: mypy's memory between packs; most of its time goes into the platform's own types.
    """

    def __init__(self, folder: Path, sources: Mapping[str, str], cache: Path) -> None:
        self._folder, self._sources, self._cache = folder, dict(sorted(sources.items())), cache
        self._own = rules.own_modules(self._sources)
        self._code = {path: text for path, text in self._sources.items() if not path.startswith("tests/")}

    def complexity(self) -> Measured:
        """Radon's cyclomatic complexity of every function, tests included."""
        data = json.loads(self._tool("radon", "cc", "-j", *self._sources).stdout)
        blocks = {
            f"{path}:{block['lineno']} {block['name']}": int(block["complexity"])
            for path, found in data.items()
            for block in (found if isinstance(found, list) else [])
            if block["type"] != "class"
        }
        broken = [f"{path}: {found['error']}" for path, found in data.items() if isinstance(found, dict)]
        above = sorted(name for name, value in blocks.items() if value > MAX_COMPLEXITY)
        score = 1 - len(above) / len(blocks) if blocks else 1.0
        return Measured(
            score if not broken else 0.0,
            not above and not broken,
            {"functions": len(blocks), "highest": max(blocks.values(), default=0)},
            (*broken, *(f"{name}: complexity {blocks[name]}" for name in above)),
        )

    def maintainability(self) -> Measured:
        """Radon's index, the lowest of any file on the compute path, and duplicated blocks."""
        data = json.loads(self._tool("radon", "mi", "-j", *self._code).stdout)
        indices = {path: float(found.get("mi", 0.0)) for path, found in data.items()}
        lowest = min(indices.values(), default=0.0)
        doubled = rules.duplication(self._code)
        below = tuple(f"{path}: index {value:.1f}" for path, value in indices.items() if value < MIN_INDEX)
        return Measured(
            round(lowest / 100 * (1 - doubled), 4),
            not below and bool(indices),
            {"lowest_index": round(lowest, 2), "duplicated": doubled},
            below,
        )

    def style(self) -> Measured:
        """Ruff without any configuration or comment of the pack's own."""
        done = self._tool(
            "ruff", "check", "--isolated", "--no-cache", "--ignore-noqa", "--select", _RUFF,
            "--ignore", _RUFF_IGNORED, "--target-version", "py311", "--output-format", "json",
            "--exit-zero", ".",
        )  # fmt: skip
        found = [
            f"{Path(item['filename']).name}: {item['code']} {item['message']}"
            for item in json.loads(done.stdout)
        ]
        found += [line for path, text in self._sources.items() for line in rules.suppressions(path, text)]
        lines = sum(text.count("\n") for text in self._sources.values())
        score = max(0.0, 1 - 100 * len(found) / (10 * lines)) if lines else 0.0
        return Measured(score, not found, {"findings": len(found), "lines": lines}, tuple(found))

    def docstrings(self) -> Measured:
        """Share of public modules, classes and functions that say what they are."""
        have = total = 0
        bare: list[str] = []
        for path, text in self._sources.items():
            some, every, names = rules.documented(text)
            have, total = have + some, total + every
            bare += [f"{path}: {name}" for name in names]
        share = have / total if total else 0.0
        return Measured(
            share, share >= MIN_DOCUMENTED, {"documented": have, "definitions": total}, tuple(bare)
        )

    def type_hints(self) -> Measured:
        """Share of annotated places, and mypy --strict."""
        pairs = [rules.annotated(text) for text in self._sources.values()]
        have, total = sum(some for some, _ in pairs), sum(every for _, every in pairs)
        share = have / total if total else 0.0
        settings = self._folder.parent / "mypy.ini"
        settings.write_text(_MYPY, encoding="utf-8")
        # Other packages are not found at all rather than skipped: importing one is an error, and what is
        # skipped over makes mypy doubt its memory of the platform every time.
        done = self._tool(
            "mypy", "--strict", "--disallow-any-unimported", f"--config-file={settings}",
            "--no-site-packages", "--explicit-package-bases", "--namespace-packages", "--no-error-summary",
            "--no-color-output", f"--cache-dir={self._cache}", "--fixed-format-cache", *self._sources,
            environment={"MYPYPATH": os.pathsep.join((str(self._folder), str(_types(self._cache))))},
            accepted=(0, 1),
        )  # fmt: skip
        errors = tuple(line for line in done.stdout.splitlines() if ": error:" in line)
        if done.returncode and not errors:
            return Measured.not_measured(f"mypy: {done.stdout[-200:]}{done.stderr[-200:]}")
        measure = {"annotated": have, "places": total, "mypy_errors": len(errors)}
        return Measured(0.0 if errors else share, share >= MIN_ANNOTATED and not errors, measure, errors)

    def static_analysis(self) -> Measured:
        """Bandit on the compute path, and imports of every file against the list of what is allowed."""
        done = self._tool("bandit", "-q", "-f", "json", "--ignore-nosec", *self._code, accepted=(0, 1))
        answer = json.loads(done.stdout)
        if answer["errors"]:
            return Measured.not_measured(f"bandit: {answer['errors'][0]}")
        found = [
            f"{item['filename']}:{item['line_number']}: {item['test_id']} {item['issue_text']}"
            for item in answer["results"]
            if item["issue_severity"] in ("MEDIUM", "HIGH")
        ]
        low = len(answer["results"]) - len(found)
        found += [
            line for path, text in self._sources.items() for line in rules.imports(path, text, self._own)
        ]
        return Measured(
            0.0 if found else 1.0, not found, {"medium_or_higher": len(found), "low": low}, tuple(found)
        )

    def impurities(self) -> list[str]:
        """What our own rules find on the compute path."""
        return [line for path, text in self._code.items() for line in rules.forbidden(path, text, self._own)]

    def anti_patterns(self) -> list[str]:
        """Loops that our own rules refuse on the compute path."""
        return [line for path, text in self._code.items() for line in rules.anti_patterns(path, text)]

    def _tool(
        self, *command: str, environment: Mapping[str, str] | None = None, accepted: tuple[int, ...] = (0,)
    ) -> subprocess.CompletedProcess[str]:
        # From the module search path of this interpreter, and with nothing of the pack on it.
        done = subprocess.run(  # noqa: S603 our own tools on files
            [sys.executable, "-I", "-m", *command],
            cwd=self._folder,
            env={"PATH": os.defpath, "HOME": str(self._cache), "LC_ALL": "C.UTF-8", **(environment or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        if done.returncode not in accepted:
            raise GreenlangError(
                "TOOL_FAILED",
                f"{command[0]} could not be run",
                found=f"exit status {done.returncode}: {(done.stderr or done.stdout)[-300:]}",
                expected=f"{command[0]} of the platform's extra",
                hint="install the project with its platform extra",
            )
        return done


def _types(cache: Path) -> Path:
    """A folder that leads to the packages of :data:`_TYPES` and to no other, the same for every pack."""
    folder = cache / "types"
    folder.mkdir(parents=True, exist_ok=True)
    for name in _TYPES:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None, "none of them is a name space"
        link, target = folder / name, Path(found.origin).resolve().parent
        if not (link.is_symlink() and link.readlink() == target):
            # Under a name of its own first: another process may be looking at this very moment.
            fresh = folder / f".{name}-{os.getpid()}-{threading.get_ident()}"
            fresh.symlink_to(target, target_is_directory=True)
            fresh.replace(link)
    return folder


def secrets_and_dependencies(files: Mapping[str, bytes], spec: PackSpec, plan: CalculationPlan) -> Measured:
    """No secret in any file; formula, factors, datasets and libraries pinned."""
    found = [
        line
        for path, data in sorted(files.items())
        for line in rules.secrets(path, data.decode("utf-8", "replace"))
    ]
    found += [f"{name} is not pinned by a hash" for name, digest in _pins(plan) if len(digest) != 64]
    loose = [text for text in spec.compute.dependencies or () if "==" not in text]
    found += [f"{text} is not pinned to a version" for text in loose]
    pins = sum(1 for _ in _pins(plan))
    return Measured(0.0 if found else 1.0, not found, {"findings": len(found), "pins": pins}, tuple(found))


def _pins(plan: CalculationPlan) -> Iterator[tuple[str, str]]:
    yield plan.formula.id, plan.formula.sha256
    for dataset in plan.datasets:
        yield dataset.canonical, dataset.sha256
    for row in plan.choices:
        yield row.binding, row.binding_sha256
        yield row.factor_id, row.factor_sha256


def tool_versions() -> dict[str, Any]:
    """Versions of everything that measures."""
    versions = {name: metadata.version(name) for name in _TOOLS}
    return {**versions, "python": ".".join(map(str, sys.version_info[:3]))}
