"""A parameter: one figure of a printed table, with its keys, its range and where it stands.

Belongs here: the record, the columns of the shipped tables.
Does not belong here: reading and verifying the files (``tables``), making them (``bonsai_ipcc``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import polars as pl

from greenlang_assets.core.provenance.canonical import row_sha256

#: Figures are decimal texts: they stay to the last digit what the source says. ``keys`` is JSON: key -> the
#: cases for which the figure is printed.
PARAMETER_SCHEMA: dict[str, pl.DataType] = {
    "parameter_id": pl.String(),
    "table_id": pl.String(),
    "symbol": pl.String(),
    "meaning": pl.String(),
    "keys": pl.String(),
    "value": pl.String(),
    "low": pl.String(),
    "high": pl.String(),
    "unit": pl.String(),
    "published_unit": pl.String(),
    "cite_publisher": pl.String(),
    "cite_document": pl.String(),
    "cite_edition": pl.String(),
    "cite_table": pl.String(),
    "cite_url": pl.String(),
    "cite_licence": pl.String(),
    "source_document": pl.String(),
    "source_sha256": pl.String(),
    "source_file": pl.String(),
    "source_row": pl.Int64(),
}
PARAMETER_KEY = ("parameter_id",)


@dataclass(frozen=True)
class Parameter:
    """One figure.

    Args:
        row: columns of :data:`PARAMETER_SCHEMA`.
    """

    row: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its identity: ``ipcc2019.v4.table10.14.ef/<cases>``."""
        return str(self.row["parameter_id"])

    @property
    def table_id(self) -> str:
        """The table of ours that it belongs to."""
        return str(self.row["table_id"])

    @cached_property
    def keys(self) -> Mapping[str, frozenset[str]]:
        """Key -> the cases for which the figure is printed."""
        return {key: frozenset(cases) for key, cases in json.loads(self.row["keys"]).items()}

    @property
    def label(self) -> str:
        """Its cases, for people."""
        return ", ".join(" or ".join(cases) for cases in json.loads(self.row["keys"]).values())

    @property
    def value(self) -> Fraction:
        """The figure, exact, in :attr:`unit`."""
        return Fraction(self.row["value"])

    @property
    def unit(self) -> str:
        """Its unit, with what the figure is about: ``g[CH4]/kg``."""
        return str(self.row["unit"])

    @property
    def range(self) -> tuple[Fraction, Fraction] | None:
        """The range that the source gives for it, which holds the value; None where it gives none."""
        if self.row["low"] is None or self.row["high"] is None:
            return None
        return Fraction(self.row["low"]), Fraction(self.row["high"])

    @property
    def citation(self) -> dict[str, Any]:
        """Publisher, document, edition, table, licence; the package, file and line it was read in."""
        return {
            "publisher": self.row["cite_publisher"],
            "document": self.row["cite_document"],
            "edition": self.row["cite_edition"],
            "table": f"Table {self.row['cite_table']}: {self.row['meaning']}, {self.label or 'one figure'}",
            "url": self.row["cite_url"],
            "licence": self.row["cite_licence"],
            "read_in": f"{self.row['source_document']}, {self.row['source_file']}",
            "row": self.row["source_row"],
            "source_sha256": self.row["source_sha256"],
        }

    @cached_property
    def sha256(self) -> str:
        """Identity of the row, by which the recorded table knows it."""
        return row_sha256(self.row)
