"""Distinct keys of the rows of a batch, numbered by the threads of a pool, and the memory of its columns.

Belongs here: columns as integers, keys of up to four of them, each row's number of its key.
Does not belong here: the loops (``batch_kernels``), what a key is asked for (``batch_columns``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
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
#: No job is made for fewer rows.
_FEW_ROWS = 4096
#: Stretches of columns that are numbered as they lie; more are put together first.
_STRETCHES = 16
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
    """Distinct keys of the rows, numbered by the threads of a pool from the moment in which this is made.

    Args:
        rows: the rows.
        names: the columns of a key, at most four; none gives one key for all rows.
        pool: the threads.
        jobs: among how many jobs the rows are divided, where they are many.

    Attributes:
        numbers: each row's number of its key in its range, int32, when :attr:`keys` was asked for.
        starts: the first row of each range, ascending.
    """

    def __init__(self, rows: pl.DataFrame, names: Sequence[str], pool: ThreadPoolExecutor, jobs: int) -> None:
        self._rows, self._names = rows, names
        self.numbers = room((rows.height,), np.int32)
        self._parts = [
            tuple(codes[start:stop] for codes in columns)
            for columns in _stretches(rows, names)
            for start, stop in _ranges(len(columns[0]), -(-jobs * len(columns[0]) // max(1, rows.height)))
        ]
        self.starts = [0, *itertools.accumulate(len(part[0]) for part in self._parts[:-1])]
        self._jobs = [
            pool.submit(_number, part, self.numbers[start : start + len(part[0])])
            for start, part in zip(self.starts, self._parts, strict=True)
        ]

    def numbered(self) -> Distinct:
        """The same when all rows are numbered: whoever waits in the pool itself could wait for ever."""
        wait(self._jobs)
        return self

    @cached_property
    def _found(self) -> tuple[pl.DataFrame, list[npt.NDArray[np.int32]]]:
        seen = [job.result() for job in self._jobs]
        # Ranges follow one another, so the first of equal keys is the one that appears first.
        keys = [
            np.concatenate([part[at][first] for part, first in zip(self._parts, seen, strict=True)])
            for at in range(len(self._parts[0]))
        ]
        places = np.empty(len(keys[0]), dtype=np.int32)
        which = _number(keys, places)
        firsts = np.concatenate([start + first for start, first in zip(self.starts, seen, strict=True)])
        cuts = np.cumsum([len(first) for first in seen])[:-1]
        return _texts(self._rows, self._names, firsts[which]), np.split(places, cuts)

    @property
    def keys(self) -> pl.DataFrame:
        """The distinct keys in the order in which the rows name them."""
        return self._found[0]

    def places_in(self, table: pl.DataFrame) -> list[npt.NDArray[np.int32]]:
        """For each range, the place of each of its numbers in a table that holds every key."""
        keys, own = self._found
        if table is keys or not table.width:
            return own
        # The empty text names no column of the key, whatever its columns are called.
        numbered = keys.join(table.with_row_index(""), on=table.columns, how="left", maintain_order="left")
        place = numbered[""].cast(pl.Int32).to_numpy()
        return [place[places] for places in own]


def _stretches(rows: pl.DataFrame, names: Sequence[str]) -> list[list[Codes]]:
    """The columns of a key as they lie in memory, stretch after stretch of the rows."""
    if not names:
        return [[np.broadcast_to(np.zeros(1, dtype=np.uint32), (rows.height,))]]
    columns = [_codes(rows[name]) for name in names]
    lengths = {tuple(column.chunk_lengths()) for column in columns}
    if len(lengths) > 1 or columns[0].n_chunks() > _STRETCHES:
        columns = [column.rechunk() for column in columns]
    chunks = [[chunk.to_numpy() for chunk in column.get_chunks()] for column in columns]
    return [list(parts) for parts in zip(*chunks, strict=True)]


def _ranges(rows: int, jobs: int) -> list[tuple[int, int]]:
    """As many ranges as jobs, one after the other; no job for fewer than some thousand rows."""
    parts = max(1, min(jobs, rows // _FEW_ROWS))
    return list(itertools.pairwise(rows * number // parts for number in range(parts + 1)))


def _number(columns: Sequence[Codes], numbers: Codes) -> npt.NDArray[np.int64]:
    """Numbers the keys of some rows into ``numbers``; gives the row in which each appeared first."""
    for parts, widths in _readings(columns):
        lacking = KEY_PARTS - len(parts)
        key = (*parts, *[None] * lacking, np.array([*widths, *[0] * lacking], dtype=np.uint64))
        exponent, count, bits = _ROOM, -1, sum(widths)
        while count == -1 and bits <= _KEY_BITS:
            first = np.empty(1 << exponent, dtype=np.int64)
            if bits <= _FEW_BITS:
                places = np.zeros(1 << bits, dtype=np.int32)
                count = kernel.number_small_keys(*key, places, first, numbers)
            else:
                # Four places a key: most are found where they are looked for first.
                table = room((4 << exponent, 2), np.uint64)
                table.fill(0)
                count = kernel.number_keys(*key, table, 64 - 2 - exponent, first, numbers)
            if count >= 0:
                return first[:count]
            exponent += 2
    raise GreenlangError(
        "BATCH_TOO_VARIED",
        "the columns of a key hold too many different values to be told apart",
        found=f"columns of {', '.join(map(str, widths))} bits",
        expected=f"{_KEY_BITS} bits together",
    )


def _readings(columns: Sequence[Codes]) -> Iterator[tuple[list[Codes], list[int]]]:
    """The parts of keys and the bits of each, in ways that take longer but hold more values."""
    # As they are, if the few that are looked at are like the others: the loop sees whether they are.
    yield list(columns), _widths([codes[::_LOOKED_AT] for codes in columns])
    ranks = [np.unique(codes, return_inverse=True)[1] for codes in columns]
    yield ranks, _widths(ranks)


def _widths(columns: Sequence[Codes]) -> list[int]:
    """How many bits the parts of a key take."""
    return [max(0, int(codes.max(initial=0))).bit_length() for codes in columns]


def _texts(rows: pl.DataFrame, names: Sequence[str], which: npt.NDArray[np.int64]) -> pl.DataFrame:
    """The keys in some rows as they are written: categories as texts, of which joins are sure."""
    if not names:
        return pl.DataFrame([{}])
    return rows.select(names)[which].with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def _codes(column: pl.Series) -> pl.Series:
    """A column as integers: texts as the codes of their categories."""
    coded = column.cast(pl.Categorical()) if column.dtype == pl.String() else column
    return coded.to_physical()


def together(column: pl.Series) -> Codes:
    """The values of a column one after the other; NaN where there is none."""
    if column.n_chunks() == 1:
        return column.to_numpy()
    parts = [part.to_numpy() for part in column.get_chunks()]
    every = room((len(column),), parts[0].dtype)
    return np.concatenate(parts, out=every)
