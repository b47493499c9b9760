"""What commands calculate with: the shipped factors, and above them the editions that the user imported.

Belongs here: opening the catalogue and the engine of this installation.
Does not belong here: which version of an edition is in force (``core.factors.editions``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from greenlang_assets.core.calculation.engine import CalculationEngine
    from greenlang_assets.core.factors.catalogue import Catalogue
    from greenlang_assets.core.factors.references import Reference


def own_factors() -> Path:
    """Folder of the user's factor tables, below the state folder."""
    from greenlang_assets.core.factors.editions import FOLDER
    from resources.settings import Settings

    return Settings.from_env().home / FOLDER


def catalogue() -> Catalogue:
    """The catalogue in force; pins from before an upgrade are looked for in what was recorded here."""
    from greenlang_assets.core.factors import editions
    from resources.settings import Settings

    opened = editions.catalogue(own_factors())
    if (Settings.from_env().home / "keys").is_dir():  # else nothing was ever recorded here
        opened.former += (_recorded,)
    return opened


def _recorded(reference: Reference) -> Iterator[pl.DataFrame]:
    """Opens the database only when a pin asks for what is not in force."""
    from greenlang_assets.core.recipes.former import recorded
    from resources.platform import open_platform
    from resources.settings import Settings

    with open_platform(Settings.from_env()) as platform:
        yield from recorded(platform.store, platform.ledger)(reference)


def engine() -> CalculationEngine:
    """The engine over the catalogue in force."""
    from greenlang_assets.core.calculation.engine import CalculationEngine
    from greenlang_assets.core.formulas.library import Library
    from greenlang_assets.core.gwp import GwpTable

    opened = catalogue()
    gwp = GwpTable.shipped() if opened.gwp is None else GwpTable(opened.gwp)
    return CalculationEngine(opened, Library.shipped(opened), gwp)
