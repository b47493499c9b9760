"""Global warming potentials: which value belongs to which gas in which assessment report.

Belongs here: looking a GWP up, and the rule for methane from combustion.
Does not belong here: the figures (``data/factors/gwp.parquet``), importing them (``factors.importers``).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import tables
from greenlang_assets.core.factors.model import Citation, GwpValue

GWP_SETS = ("AR4", "AR5", "AR6")
#: Perfluorocarbons by their designation (EPA Hub 2025, Table 11), beside their formula.
_ALIASES = {
    "pfc14": "cf4",
    "pfc116": "c2f6",
    "pfc218": "c3f8",
    "pfc318": "cc4f8",
    "pfc3110": "c4f10",
    "pfc4112": "c5f12",
    "pfc5114": "c6f14",
    "pfc9118": "c10f18",
}


def _plain(gas: str) -> str:
    """``HFC-134a``, ``hfc134A`` and ``HFC 134a`` are the same gas."""
    key = "".join(character for character in gas.lower() if character.isalnum())
    return _ALIASES.get(key, key)


class GwpTable:
    """GWPs over 100 years by set and gas.

    Args:
        frame: rows of ``importers.base.GWP_SCHEMA``; value in kg CO2e per kg of the gas.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    @classmethod
    def shipped(cls, root: Path = tables.FACTORS_ROOT) -> GwpTable:
        """The table that ships with the platform."""
        return cls(tables.load("gwp", root))

    @cached_property
    def _index(self) -> dict[tuple[str, str], dict[str, Any]]:
        rows = self.frame.filter(horizon_years=100).iter_rows(named=True)
        return {(row["gwp_set"], _plain(row["gas"])): row for row in rows}

    def value(self, gwp_set: str, gas: str) -> GwpValue:
        """The GWP of a gas.

        Methane in AR6 is one of three values: ``CH4`` 27.9 (Table 7.SM.7), ``CH4_fossil`` 29.8 and
        ``CH4_non_fossil`` 27.0 (Table 7.15).

        Raises:
            GreenlangError: ``GWP_SET_UNKNOWN``, ``GWP_NOT_FOUND`` with the nearest gases.
        """
        if gwp_set not in GWP_SETS:
            raise GreenlangError(
                "GWP_SET_UNKNOWN", "there is no such set of GWPs", found=gwp_set, expected=", ".join(GWP_SETS)
            )
        row = self._index.get((gwp_set, _plain(gas)))
        if row is None:
            from rapidfuzz import process

            gases = sorted(row["gas"] for (owner, _), row in self._index.items() if owner == gwp_set)
            near = [match for match, _, _ in process.extract(gas, gases, limit=5)]
            raise GreenlangError(
                "GWP_NOT_FOUND",
                f"{gwp_set} gives no 100-year GWP for this gas",
                found=gas,
                expected=f"a gas of {gwp_set}, such as {', '.join(near)}",
            )
        return GwpValue(
            gwp_set=row["gwp_set"],
            gas=row["gas"],
            horizon_years=row["horizon_years"],
            value=row["value"],
            citation=Citation(**{name[5:]: row[name] for name in row if name.startswith("cite_")}),
        )

    def for_combustion(self, gwp_set: str, gas: str) -> GwpValue:
        """The GWP of a gas that leaves with flue gas.

        The CO2 of burnt fuel already counts the fuel's whole carbon, so AR6 methane takes the non-fossil
        value, which leaves out the CO2 that methane becomes; AR4 and AR5 take their one methane value.
        """
        if _plain(gas) == "ch4" and gwp_set == "AR6":
            return self.value(gwp_set, "CH4_non_fossil")
        return self.value(gwp_set, gas)

    def gases(self, gwp_set: str) -> list[str]:
        """Every gas that a set has a value for."""
        return sorted(row["gas"] for (owner, _), row in self._index.items() if owner == gwp_set)
