"""Peers that calculate the same forms, and one run of a peer on our inputs.

Belongs here: finding the peers' functions, evaluating a line of ``peer_runs.csv``.
Does not belong here: what is compared with what (``test_peer_runs``).

``bonsai_ipcc`` and ``oemof.thermal`` cannot be imported as a whole: they ask for numpy below 2, frictionless
and fitter, and for an energy system model. Their equations are plain functions in modules of their own, and
only those are loaded; the packages around them are entered by their folder, without running what they would
import.
"""

from __future__ import annotations

import csv
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import atomic6ghg.formulas

HERE = Path(__file__).parent
#: Distribution of each peer, by the name that the runs use.
PACKAGES = {"bonsai": "bonsai_ipcc", "atomic6": "atomic6ghg", "oemof": "oemof.thermal"}
#: The modules of bonsai_ipcc that hold equations of the guidelines, by the last part of their path.
BONSAI = {
    path.rpartition(".")[2]: path
    for path in (
        "industry.mineral",
        "industry.chemical",
        "industry.metal",
        "agriculture.generic",
        "agriculture.livestock_manure",
        "agriculture.soils",
        "waste.waste_generation",
        "waste.swd",
        "waste.biological",
        "waste.incineration",
        "waste.wastewater",
    )
}


@dataclass(frozen=True)
class Run:
    """One line of the table: how a peer gives one output of one equation.

    ``run`` is a call of the peer's functions with our symbols, in the units of the equation; a conversion to
    the peer's units stands in it. ``fixed`` are the inputs that the peer reads from tables of its own, and
    ``given`` one that follows from others where the peer takes it so: ``gain = last - first``.
    """

    equation: str
    output: str
    run: str
    fixed: tuple[str, ...]
    given: str


@cache
def runs() -> tuple[Run, ...]:
    """The table."""
    with (HERE / "peer_runs.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(
            Run(row["equation"], row["output"], row["run"], tuple(row["fixed"].split()), row["given"])
            for row in csv.DictReader(stream)
        )


def left_out() -> dict[str, str]:
    """Functions of the peers that no run uses, and why."""
    with (HERE / "peer_functions_left_out.csv").open(encoding="utf-8", newline="") as stream:
        return {row["function"]: row["reason"] for row in csv.DictReader(stream)}


def version(peer: str) -> str:
    """The peer's version that is installed."""
    return importlib.metadata.version(PACKAGES[peer])


@cache
def peers() -> dict[str, Any]:
    """The peers, as the runs name them."""
    return {
        "bonsai": SimpleNamespace(**_bonsai()),
        "atomic6": atomic6ghg.formulas,
        "oemof": SimpleNamespace(cogeneration=_module("oemof.thermal", "oemof/thermal/cogeneration.py")),
    }


def _module(distribution: str, path: str) -> ModuleType:
    """One file of a distribution that imports nothing of its package."""
    file = importlib.metadata.distribution(distribution).locate_file(path)
    spec = importlib.util.spec_from_file_location(Path(path).stem, str(file))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _bonsai() -> dict[str, ModuleType]:
    root = Path(str(importlib.metadata.distribution("bonsai_ipcc").locate_file("bonsai_ipcc")))
    try:
        for path in (
            "",
            *sorted({part for name in BONSAI.values() for part in (name.partition(".")[0], name)}),
        ):
            package = ModuleType(f"bonsai_ipcc.{path}".rstrip("."))
            package.__path__ = [str(root.joinpath(*path.split(".")))]
            sys.modules[package.__name__] = package
        return {
            name: importlib.import_module(f"bonsai_ipcc.{path}.elementary") for name, path in BONSAI.items()
        }
    finally:
        # Nobody else shall find the empty packages.
        for name in [name for name in sys.modules if name.partition(".")[0] == "bonsai_ipcc"]:
            del sys.modules[name]


def evaluate(run: Run, inputs: Mapping[str, Any]) -> float:
    """What the peer gives for our inputs: numbers, or one number a member."""
    return float(_value(run.run, inputs))


def with_given(run: Run, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs, the one that follows from others put in."""
    if not run.given:
        return dict(inputs)
    symbol, _, rule = run.given.partition(" = ")
    return {**inputs, symbol: _value(rule, inputs)}


def _value(text: str, inputs: Mapping[str, Any]) -> Any:
    # The table is ours and stands in the repository.
    return eval(text, {"__builtins__": {}, **peers(), **inputs, "sum": sum})
