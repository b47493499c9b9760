"""Distinct keys of the rows of a batch, numbered by the threads of a pool, and the memory of its columns.

Belongs here: columns as integers, keys of up to four of them, each row's number of its key.
Does not belong here: the loops (``batch_kernels``), what a key is asked for (``batch_columns``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from greenlang_assets.core.calculation import batch_kernels as kernel
from greenlang_assets.core.errors import GreenlangError

#: Parts of a key, and the bits that they take together.
KEY_PARTS, _KEY_BITS = 4, 63
#: Distinct keys for which a thread makes room at first: two to this power.
_ROOM = 16
#: Keys of so few bits are places in a table of their own.
_FEW_BITS = 22
#: One row in so many is looked at for the bits that a key's parts take; whether all fit is seen on the way.
_LOOKED_AT = 101

Codes = npt.NDArray[Any]


def room(shape: tuple[int, ...], dtype: Any) -> Codes:
    """An array whose values are nothing yet, in memory that Arrow keeps between batches.

    Memory fresh from the system is given and cleared page by page, which takes longer than the calculation.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(pa.allocate_buffer(size), dtype=dtype).reshape(shape)


class Distinct:
    """Distinct keys of the rows, numbered by the threads of a pool.

    Args:
        rows: the rows.
        names: the columns of a key, at most four; none gives one key for all rows.
        pool: the threads.
        ranges: a job each.

    Attributes:
        numbers: each row's number of its key in its range, int32, when :attr:`keys` was asked for.
    """

    def __init__(
        self,
        rows: pl.DataFrame,
        names: Sequence[str],
        pool: ThreadPoolExecutor,
        ranges: list[tuple[int, int]],
    ) -> None:
        self._rows, self._names, self._pool, self._ranges = rows, names, pool, ranges
        none = np.broadcast_to(np.zeros(1, dtype=np.uint32), (rows.height,))
        self._columns = [_codes(rows[name]) for name in names] or [none]
        self.numbers = room((rows.height,), np.int32)
        self._jobs = [pool.submit(_number, self._columns, self.numbers, *bounds) for bounds in ranges]

    @cached_property
    def _found(self) -> tuple[pl.DataFrame, list[npt.NDArray[np.int32]]]:
        seen = [job.result() for job in self._jobs]
        firsts = np.concatenate(seen)
        # Ranges follow one another, so the first of equal keys is the one that appears first.
        places = np.empty(len(firsts), dtype=np.int32)
        which = _number([codes[firsts] for codes in self._columns], places, 0, len(firsts))
        cuts = np.cumsum([len(first) for first in seen])[:-1]
        return _texts(self._rows, self._names, firsts[which]), np.split(places, cuts)

    @property
    def keys(self) -> pl.DataFrame:
        """The distinct keys in the order in which the rows name them."""
        return self._found[0]

    def counted(self) -> list[Future[npt.NDArray[np.int64]]]:
        """For each range, how many of its rows have each of its numbers: jobs of the same pool."""
        return [
            self._pool.submit(self._count, len(job.result()), bounds)
            for job, bounds in zip(self._jobs, self._ranges, strict=True)
        ]

    def _count(self, keys: int, bounds: tuple[int, int]) -> npt.NDArray[np.int64]:
        counts = np.zeros(keys, dtype=np.int64)
        kernel.count_rows(self.numbers, counts, *bounds)
        return counts

    def places_in(self, table: pl.DataFrame) -> list[npt.NDArray[np.int32]]:
        """For each range, the place of each of its numbers in a table that holds every key."""
        keys, own = self._found
        if table is keys or not table.width:
            return own
        found = keys.join(table.with_row_index("place"), on=table.columns, how="left", maintain_order="left")[
            "place"
        ]
        place = found.cast(pl.Int32).to_numpy()
        return [place[places] for places in own]


def _number(columns: Sequence[Codes], numbers: Codes, start: int, stop: int) -> npt.NDArray[np.int64]:
    """Numbers the keys of a range into ``numbers``; gives the row in which each appeared first."""
    for parts, widths in _readings(columns, start, stop):
        lacking = KEY_PARTS - len(parts)
        key = (*parts, *[None] * lacking, np.array([*widths, *[0] * lacking], dtype=np.uint64))
        exponent, count, bits = _ROOM, -1, sum(widths)
        while count == -1 and bits <= _KEY_BITS:
            first = np.empty(1 << exponent, dtype=np.int64)
            if bits <= _FEW_BITS:
                places = np.zeros(1 << bits, dtype=np.int32)
                count = kernel.number_small_keys(*key, places, first, numbers, start, stop)
            else:
                # Four places a key: most are found where they are looked for first.
                table = room((4 << exponent, 2), np.uint64)
                table.fill(0)
                count = kernel.number_keys(*key, table, 64 - 2 - exponent, first, numbers, start, stop)
            if count >= 0:
                return first[:count]
            exponent += 2
    raise GreenlangError(
        "BATCH_TOO_VARIED",
        "the columns of a key hold too many different values to be told apart",
        found=f"columns of {', '.join(map(str, widths))} bits",
        expected=f"{_KEY_BITS} bits together",
    )


def _readings(columns: Sequence[Codes], start: int, stop: int) -> Iterator[tuple[list[Codes], list[int]]]:
    """The parts of a range's keys and the bits of each, in ways that take longer but hold more values."""
    # As they are, if the few that are looked at are like the others: the loop sees whether they are.
    yield list(columns), _widths([codes[start:stop:_LOOKED_AT] for codes in columns])
    ranks = []
    for codes in columns:
        ranks.append(np.empty(len(codes), dtype=np.int64))
        ranks[-1][start:stop] = np.unique(codes[start:stop], return_inverse=True)[1]
    yield ranks, _widths([codes[start:stop] for codes in ranks])


def _widths(columns: Sequence[Codes]) -> list[int]:
    """How many bits the parts of a key take."""
    return [max(0, int(codes.max(initial=0))).bit_length() for codes in columns]


def _texts(rows: pl.DataFrame, names: Sequence[str], which: npt.NDArray[np.int64]) -> pl.DataFrame:
    """The keys in some rows as they are written: categories as texts, of which joins are sure."""
    if not names:
        return pl.DataFrame([{}])
    return rows.select(names)[which].with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def _codes(column: pl.Series) -> Codes:
    """A column as integers: texts as the codes of their categories."""
    coded = column.cast(pl.Categorical()) if column.dtype == pl.String() else column
    return together(coded.to_physical())


def together(column: pl.Series) -> Codes:
    """The values of a column one after the other; NaN where there is none."""
    if column.n_chunks() == 1:
        return column.to_numpy()
    parts = [part.to_numpy() for part in column.get_chunks()]
    every = room((len(column),), parts[0].dtype)
    return np.concatenate(parts, out=every)
