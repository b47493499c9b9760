"""The program that answers calls of one agent, inside the sandbox.

Belongs here: loading a pack's ``agent.py`` and turning its result into an execution answer.
Does not belong here: limits and pipes (``resources.sandbox_worker``).
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

_loaded: dict[str, Any] = {}


def prepare() -> None:
    """Import what every agent needs, before the doors close; data is read once here too."""
    from greenlang_assets.core.units import conversion
    from greenlang_assets.sdk import calculator, golden, pack, pattern, plan

    del golden, pack, plan
    calculator.shipped_engine()
    conversion("kWh[gross]", "mmBtu[gross]")
    pattern.matches("^a$", "a")


def load(folder: str) -> None:
    """Import the agent and let it initialize, so that the first call is as fast as the second."""
    agent = importlib.import_module("agent")
    plan = json.loads((Path(folder) / "plan.json").read_bytes())
    _loaded.update(agent=agent, main=main_output(plan))
    shared = getattr(agent, "shared", None)
    if shared is not None:
        shared().initialize()


def main_output(plan: dict[str, Any]) -> str | None:
    """The output that ``result`` repeats: the one in CO2e, else the first quantity by name."""
    quantities = {name: rule for name, rule in sorted(plan["outputs"].items()) if rule["kind"] == "quantity"}
    co2e = [name for name, rule in quantities.items() if "[CO2e]" in (rule.get("unit") or "")]
    return next(iter([*co2e, *quantities]), None)


def handle(message: dict[str, Any]) -> dict[str, Any]:
    """The execution answer to ``{"inputs": …}``."""
    result = _loaded["agent"].compute(message["inputs"])
    if result.fault is not None or result.data is None:
        if result.fault is None:
            raise ValueError("neither data nor an error")
        return {"error": result.fault.as_dict()}
    main = _loaded["main"]
    facts = result.metadata
    return {
        "result": result.data[main] if main is not None else None,
        "outputs": result.data,
        "units": facts["units"],
        "factors": facts["factors"],
        "formulas": facts["formulas"],
        "gwp_set": facts.get("gwp_set"),
        "datasets": facts.get("datasets", []),
        "calculation": facts.get("calculation"),
        "provenance_hash": facts["provenance_hash"],
        "citations": result.citations,
    }
