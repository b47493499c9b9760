"""The GWP values behind a result line: one hash stands for the few values that the line took.

Belongs here: finding those rows again in the recorded GWP table, by trying which of them give the hash.
Does not belong here: choosing values for a calculation (``core.calculation``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from greenlang_assets.core.factors.model import Citation, GwpValue
from greenlang_assets.core.provenance.canonical import StoredTable, content_sha256

COLUMNS = frozenset({"gwp_set", "gas", "horizon_years", "value"})

#: Gases that one formula may take together; every other gas is taken alone.
_TOGETHER = ("CO2", "CH4", "CH4_fossil", "CH4_non_fossil", "N2O")


def is_gwp_table(table: StoredTable) -> bool:
    """Whether a stored table holds GWP values."""
    return {name for name, _ in table.columns} >= COLUMNS


def applied_by_publisher(gwp_set: str, factor_id: str | None) -> str:
    """The hash of a line whose factor came with a GWP set already applied."""
    return content_sha256({"applied_by": factor_id or "caller", "gwp_set": gwp_set})


def find(sha256: str, gwp_set: str, table: StoredTable) -> list[dict[str, Any]]:
    """The rows of a GWP table that together have this hash, none when there are no such rows."""
    rows = {
        str(row["gas"]): row
        for row in (table.row(number) for number in range(1, len(table) + 1))
        if row["gwp_set"] == gwp_set and row["horizon_years"] == 100
    }
    values = {gas: _value(row).model_dump(exclude_none=True) for gas, row in rows.items()}
    for gases in _choices(sorted(rows)):
        if content_sha256({gas: values[gas] for gas in gases}) == sha256:
            return [rows[gas] for gas in gases]
    return []


def _choices(gases: Sequence[str]) -> Iterator[tuple[str, ...]]:
    together = [gas for gas in _TOGETHER if gas in gases]
    for size in range(2, len(together) + 1):
        yield from combinations(together, size)
    yield from ((gas,) for gas in gases)


def _value(row: Mapping[str, Any]) -> GwpValue:
    citation = {name.removeprefix("cite_"): cell for name, cell in row.items() if name.startswith("cite_")}
    return GwpValue(
        gwp_set=row["gwp_set"],
        gas=row["gas"],
        horizon_years=row["horizon_years"],
        value=row["value"],
        citation=Citation(**citation),
    )
