"""One engine for every calculator of a process.

Belongs here: reading what ships once where a process lives on one agent. Does not belong here: calculating,
starting processes.
"""

from __future__ import annotations

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.sdk.calculator import CalculatorAgent

__all__ = ["share_engine"]


def share_engine() -> CalculationEngine:
    """Read the shipped tables and formulas now; from here on every calculator of this process uses them.

    Reading them is most of what starting an agent costs, and each new agent object, of which the tests of a
    pack make hundreds, would do it again.
    """
    engine = CalculationEngine.shipped()

    def shared() -> CalculationEngine:
        return engine

    CalculationEngine.shipped = shared  # type: ignore[method-assign]
    # The method was taken as the default when the class was made.
    defaults = CalculatorAgent.__init__.__kwdefaults__
    assert defaults is not None
    defaults["engine"] = shared
    return engine
