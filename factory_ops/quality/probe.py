"""The program that measures a pack from inside the sandbox: tests, coverage, mutants, times.

Belongs here: what has to run generated code. Does not belong here: judging the figures (``dynamic``).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
import unittest
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

_folder: list[Path] = []
#: Modules that were there before the pack: none of them is the pack's, and there are two thousand.
_platform: set[str] = set()


def prepare() -> None:
    """Import what tests need before the doors close; one engine serves every run of this process."""
    import coverage
    import coverage.sqldata

    from greenlang_assets.core.calculation import prepare as gwp_choice
    from greenlang_assets.core.formulas import reference
    from greenlang_assets.core.units import conversion
    from greenlang_assets.sdk import golden, pattern
    from greenlang_assets.sdk.calculator import shipped_engine

    del coverage, gwp_choice, reference, golden
    importlib.import_module("unittest.mock")
    shipped_engine()
    conversion("kWh[gross]", "mmBtu[gross]")
    pattern.matches("^a$", "a")


def load(folder: str) -> None:
    """Nothing of the pack is imported before it is measured."""
    _folder[:] = [Path(folder)]
    _platform.update(sys.modules)


def handle(message: Mapping[str, Any]) -> dict[str, Any]:
    """Answer ``tests``, ``mutant``, ``times`` or ``calls``."""
    operations = {"tests": _tests, "mutant": _mutant, "times": _times, "calls": _calls}
    return operations[message["op"]](message)


def _tests(message: Mapping[str, Any]) -> dict[str, Any]:
    """Every test, with line and branch coverage of the files named in ``measured``."""
    import coverage

    paths = [str(_folder[0] / path) for path in message["measured"]]
    measuring = coverage.Coverage(
        data_file=None, branch=True, config_file=False, include=paths, messages=False, check_preimported=False
    )
    for excuses in ("exclude", "partial"):  # nothing is excused, whatever a comment says
        measuring.clear_exclude(excuses)
    _forget()
    measuring.start()
    try:
        result = _run(fail_fast=False)
    finally:
        measuring.stop()
    covered = {}
    for name, path in zip(message["measured"], paths, strict=True):
        analysis = measuring._analyze(path)
        numbers = analysis.numbers
        covered[name] = {
            "lines": numbers.n_statements,
            "lines_run": numbers.n_executed,
            "branches": numbers.n_branches,
            "branches_run": numbers.n_executed_branches,
            "missing": sorted(analysis.missing),
        }
    faults = [(str(case), text) for case, text in (*result.failures, *result.errors)]
    return {
        "ran": result.testsRun,
        "skipped": len(result.skipped),
        "failed": [{"test": case, "why": text.strip().splitlines()[-1][:300]} for case, text in faults],
        "coverage": covered,
    }


def _mutant(message: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the tests notice that one file says something else."""
    _forget()
    name = message["path"].removesuffix(".py").replace("/", ".")
    try:
        replaced = ModuleType(name)
        replaced.__file__ = str(_folder[0] / message["path"])
        replaced.__package__ = name.rpartition(".")[0]
        sys.modules[name] = replaced
        exec(compile(message["source"], replaced.__file__, "exec"), replaced.__dict__)  # noqa: S102 in the sandbox
        result = _run(fail_fast=True)
    except Exception as error:
        return {"killed": True, "by": f"{type(error).__name__} at import"}
    return {"killed": not result.wasSuccessful(), "by": "a test"}


def _times(message: Mapping[str, Any]) -> dict[str, Any]:
    """Milliseconds of each of ``rounds`` times all ``calls``, after one round that is not counted."""
    agent = _agent()
    taken: list[float] = []
    for number in range(message["rounds"] + 1):
        for call in message["calls"]:
            started = time.perf_counter()
            agent.compute(dict(call))
            if number:
                taken.append((time.perf_counter() - started) * 1000)
    return {"ms": sorted(taken)}


def _calls(message: Mapping[str, Any]) -> dict[str, Any]:
    """The whole answers to ``calls``, as this process gives them."""
    agent = _agent()
    answers = []
    for call in message["calls"]:
        result = agent.compute(dict(call))
        facts = result.metadata
        names = ("provenance_hash", "units", "formulas", "factors", "gwp_set", "datasets", "calculation")
        answers.append(
            {
                "data": result.data,
                "error": result.fault.code if result.fault is not None else None,
                "citations": result.citations,
                **{name: facts.get(name) for name in names},
            }
        )
    return {"answers": answers}


def _agent() -> Any:
    _forget()
    return importlib.import_module("agent")


def _forget() -> None:
    """Take every module of the pack out of memory, so that the next import runs it again."""
    own = str(_folder[0])
    for name in sys.modules.keys() - _platform:
        module = sys.modules[name]
        place = getattr(module, "__file__", None) or ""
        spaces = [str(path) for path in getattr(module, "__path__", ())]
        if place.startswith(own) or any(path.startswith(own) for path in spaces):
            del sys.modules[name]


def _run(*, fail_fast: bool) -> unittest.TestResult:
    result = unittest.TestResult()
    result.failfast = fail_fast
    # By file, not by discovery: only what the manifest lists is there, and "tests" needs no package file.
    for path in sorted((_folder[0] / "tests").glob("test_*.py")):
        module = importlib.import_module(f"tests.{path.stem}")
        unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    return result
