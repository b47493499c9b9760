"""Rows of the catalogue as records, made one by one when they are asked for.

Belongs here: making an ``EmissionFactor`` out of a row in microseconds. Does not belong here: which row
(``catalogue``), what a record holds (``model``).

Two thirds of a factor's fifty columns (units, licence, document, file hash …) are the same for hundreds of
rows: they are read once a combination and copied; only the rest is read row by row. A table has been
through its contract (``contracts``), so its rows are not validated a second time: that would cost as much
as everything else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import polars as pl
from pydantic import BaseModel

from greenlang_assets.core.factors.model import (
    CO2E_PARTS,
    FACTOR_SCHEMA,
    MASS_GASES,
    Citation,
    EmissionFactor,
)

_CITE = "cite_"
_ROW = "cite_row"
#: Columns that differ from row to row, in the order in which they are read; the last is the citation's.
_OWN = (
    "factor_id", "activity_path", "activity", "region", "year", *MASS_GASES, "other_gases", *CO2E_PARTS,
    "uncertainty_percent", "note",
)  # fmt: skip
_SHARED = tuple(name for name in FACTOR_SCHEMA if name not in (*_OWN, _ROW))
#: So many records are kept once they were made.
_KEPT = 4096

_Record = TypeVar("_Record", bound=BaseModel)
_FIELDS: dict[type[BaseModel], set[str]] = {
    EmissionFactor: set(EmissionFactor.model_fields),
    Citation: set(Citation.model_fields),
}


class Records:
    """Records of a table of factors.

    Args:
        frame: rows of ``FACTOR_SCHEMA``.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        groups = (
            frame.lazy()
            .select(*_SHARED, pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))
            .group_by(*_SHARED, maintain_order=True)
            .agg("row")
            .with_row_index("group")
            .collect()
        )
        self._group: list[int] = groups.select("group", "row").explode("row").sort("row")["group"].to_list()
        self._shared = [_templates(row) for row in groups.select(_SHARED).iter_rows(named=True)]
        self._own = frame.select(*_OWN, _ROW)
        self.record = lru_cache(maxsize=_KEPT)(self._make)

    def _make(self, row: int) -> EmissionFactor:
        factor, citation = self._shared[self._group[row]]
        cells = self._own.row(row)
        values, cited = factor.copy(), citation.copy()
        values.update(zip(_OWN, cells, strict=False))
        cited["row"] = cells[-1]
        values["citation"] = _trusted(Citation, cited)
        return _trusted(EmissionFactor, values)


def _templates(shared: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What rows share, as the fields of a factor and of its citation; the other fields are empty."""
    factor = {name: shared.get(name) for name in EmissionFactor.model_fields}
    return factor, {name: shared.get(_CITE + name) for name in Citation.model_fields}


def _trusted(model: type[_Record], values: dict[str, Any]) -> _Record:
    """A record without validation. ``model_construct`` makes the same one, six times as slowly."""
    record = model.__new__(model)
    object.__setattr__(record, "__dict__", values)
    object.__setattr__(record, "__pydantic_fields_set__", _FIELDS[model])
    object.__setattr__(record, "__pydantic_extra__", None)
    object.__setattr__(record, "__pydantic_private__", None)
    return record
