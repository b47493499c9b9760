"""Where each row of the catalogue stands: by id, by question, and its texts as numbers.

Belongs here: structures built once over a table of factors, so that one question touches only the rows
that can answer it. Does not belong here: which of them is the answer (``catalogue``), ranking (``search``).

Equal texts have equal codes: comparing numbers is what makes a look-up take microseconds, and the lists
of numbers take a tenth of the memory of lists of texts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

#: How ``not_counted`` begins in rows that their publisher has withdrawn: they are found by id alone.
ARCHIVED = "archived"
#: The code of no text.
NOTHING = -1


class Coded:
    """A column of texts as codes.

    Args:
        column: texts; a missing one has the code ``NOTHING``.
    """

    def __init__(self, column: pl.Series) -> None:
        distinct = column.drop_nulls().unique(maintain_order=True)
        self.names: list[str] = distinct.to_list()
        codes = column.cast(pl.Enum(distinct)).to_physical().cast(pl.Int32).fill_null(NOTHING)
        self.codes: npt.NDArray[np.int32] = codes.to_numpy()

    @cached_property
    def numbers(self) -> list[int]:
        """The codes as Python numbers, which are read one by one three times as fast."""
        numbers: list[int] = self.codes.tolist()
        return numbers

    @cached_property
    def code(self) -> dict[str, int]:
        """Text -> code."""
        return {name: code for code, name in enumerate(self.names)}

    def name(self, row: int) -> str | None:
        """The text of a row."""
        number = self.numbers[row]
        return None if number == NOTHING else self.names[number]


class FactorIndex:
    """A table of factors by id and by question.

    Args:
        frame: rows of ``FACTOR_SCHEMA``.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._coded: dict[str, Coded] = {}
        self._pins: dict[str, tuple[list[int], dict[str, int]]] = {}
        self.years: list[int] = frame["year"].to_list()
        #: Activity -> region -> rows, in the order of the table; withdrawn rows left out.
        self.places: dict[str, dict[str, list[int]]] = _places(frame)

    def column(self, name: str) -> Coded:
        """A column of texts as codes, coded when it is first asked for."""
        if name not in self._coded:
            self._coded[name] = Coded(self._frame[name])
        return self._coded[name]

    def pin(self, name: str) -> tuple[list[int], dict[str, int]]:
        """What a look-up compares: the codes of a column's rows, and text -> code."""
        pin = self._pins.get(name)
        if pin is None:
            column = self.column(name)
            pin = self._pins[name] = (column.numbers, column.code)
        return pin

    def cell(self, name: str, row: int) -> Any:
        """What stands in one cell."""
        return self.years[row] if name == "year" else self.column(name).name(row)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Factor id -> row."""
        return dict(zip(self._frame["factor_id"].to_list(), range(self._frame.height), strict=True))

    @cached_property
    def counted(self) -> list[bool]:
        """Which rows count as factors of their own."""
        return self._frame["not_counted"].is_null().to_list()


def current(frame: pl.DataFrame) -> pl.Series:
    """Which rows their publisher has not withdrawn."""
    return ~frame["not_counted"].str.starts_with(ARCHIVED).fill_null(False)


def _places(frame: pl.DataFrame) -> dict[str, dict[str, list[int]]]:
    grouped = (
        frame.lazy()
        .select("activity", "region", pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"))
        .filter(current(frame))
        .group_by("activity", "region", maintain_order=True)
        .agg("row")
        .collect()
    )
    places: dict[str, dict[str, list[int]]] = {}
    for activity, region, rows in zip(
        grouped["activity"].to_list(), grouped["region"].to_list(), grouped["row"].to_list(), strict=True
    ):
        places.setdefault(activity, {})[region] = rows
    return places
