"""What commands calculate with: the shipped factors, and above them the editions that the user imported.

Belongs here: opening the catalogue and the engine of this installation.
Does not belong here: which version of an edition is in force (``core.factors.editions``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenlang_assets.core.calculation.engine import CalculationEngine
    from greenlang_assets.core.factors.catalogue import Catalogue


def own_factors() -> Path:
    """Folder of the user's factor tables, below the state folder."""
    from greenlang_assets.core.factors.editions import FOLDER
    from resources.settings import Settings

    return Settings.from_env().home / FOLDER


def catalogue() -> Catalogue:
    """The catalogue in force."""
    from greenlang_assets.core.factors import editions

    return editions.catalogue(own_factors())


def engine() -> CalculationEngine:
    """The engine over the catalogue in force."""
    from greenlang_assets.core.calculation.engine import CalculationEngine
    from greenlang_assets.core.formulas.library import Library
    from greenlang_assets.core.gwp import GwpTable

    opened = catalogue()
    gwp = GwpTable.shipped() if opened.gwp is None else GwpTable(opened.gwp)
    return CalculationEngine(opened, Library.shipped(opened), gwp)
