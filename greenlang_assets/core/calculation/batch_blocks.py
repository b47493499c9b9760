"""Rows of a batch as canonical blocks: what is hashed, so that any row can be proved to a root.

Belongs here: the bytes of a block, the hash of each, the tree over them.
Does not belong here: the tree's form (``core.provenance.merkle``), files (``batch_files``).

A hash for each row costs many times its calculation; the bytes of 65,536 rows hashed at once cost less than
twice as much. The leaves of the tree are: first the header, a record of what the rows are; then the blocks in
the order of the rows. A block is, one after the other:

* a line of canonical JSON: format, number of the first row, number of rows, of plans, of rows with gases and
  of rows without figures, and the groups in the order in which the rows name them;
* the SHA-256 of each plan (32 bytes) in the order in which the rows name them;
* each row's plan and then each row's group by its place in these lists, uint16;
* the quantities as given, float64; a row without one holds the one canonical NaN;
* each row's CO2e, int64; 0 where it has no figures;
* the places of the rows whose formula gives gases, uint16, and then row by row their gases in the order of
  the header, int64;
* the places of the rows without figures, uint16, and then why each has none, a byte.

Numbers are little-endian, masses are milligrams. A plan's hash covers the question, factor, formula, GWP set
and ratio of units, or the code of the refusal: plan, quantity and masses are the whole calculation of a row.
Blocks do not depend on threads, on the machine or on how Polars numbers its categories.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from greenlang_assets.core.calculation import batch_kernels as kernel
from greenlang_assets.core.calculation.batch_columns import GAS_COLUMNS, Calculated
from greenlang_assets.core.provenance.canonical import canonical_bytes
from greenlang_assets.core.provenance.merkle import leaf_hash

FORMAT = "greenlang/rows@2"
#: Rows a block; places of plans and groups in it fit into sixteen bits.
BLOCK = 65_536


def header(by: tuple[str, ...]) -> bytes:
    """The first leaf: what the rows are."""
    return canonical_bytes({"block": BLOCK, "by": list(by), "format": FORMAT, "gases": list(GAS_COLUMNS)})


def block_hashes(calculated: Calculated, threads: int, first: int = 0) -> list[bytes]:
    """The hash of each block as a leaf, in order.

    Args:
        calculated: rows; all but the last call for one table hold a multiple of :data:`BLOCK` rows.
        threads: how many hash at once.
        first: number of the first row in its table.
    """
    packer = Packer(calculated, first)
    starts = range(0, len(calculated.plans), BLOCK)
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda at: _leaf(packer.pieces(at)), starts))


def block_bytes(calculated: Calculated, number: int, first: int = 0) -> bytes:
    """The bytes of one block, counted from 0."""
    return b"".join(bytes(piece) for piece in Packer(calculated, first).pieces(number * BLOCK))


def _leaf(pieces: Iterator[Any]) -> bytes:
    # As merkle.leaf_hash of all the bytes, without putting them together.
    digest = hashlib.sha256(b"\0")
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def header_leaf(by: tuple[str, ...]) -> bytes:
    """The hash of the first leaf."""
    return leaf_hash(header(by))


class Packer:
    """Packs blocks of calculated rows.

    Args:
        calculated: the rows.
        first: number of the first of them in its table.
    """

    def __init__(self, calculated: Calculated, first: int) -> None:
        self.calculated, self.first = calculated, first
        self.hashes = calculated.answers.hashes
        self.groups = [list(row) for row in calculated.group_keys.iter_rows()] or [[]]

    def pieces(self, start: int) -> Iterator[Any]:
        """The bytes of the block that begins with a row, piece by piece; columns as they lie in memory."""
        rows = self.calculated
        stop = min(start + BLOCK, len(rows.plans))
        plans, plan_codes = _named(rows.plans, len(self.hashes), start, stop)
        groups, group_codes = _named(rows.groups, len(self.groups), start, stop)
        gases = rows.gases.between(start, stop)
        statuses = rows.statuses[start:stop]
        without = np.flatnonzero(statuses) if rows.without else np.empty(0, dtype=np.int64)
        said = {
            "first": self.first + start,
            "format": FORMAT,
            "gases": len(gases.rows),
            "groups": [self.groups[number] for number in groups.tolist()],
            "plans": len(plans),
            "rows": stop - start,
            "without": len(without),
        }
        yield canonical_bytes(said) + b"\n"
        yield self.hashes[plans].tobytes()
        yield plan_codes.data
        yield group_codes.data
        yield _quantities(rows.quantities[start:stop])
        yield rows.co2e[start:stop].astype("<i8", copy=False).data
        yield (gases.rows - start).astype("<u2").data
        yield gases.masses.astype("<i8", copy=False).data
        yield without.astype("<u2").data
        yield statuses[without].data


def _named(
    numbers: npt.NDArray[np.int32], count: int, start: int, stop: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]:
    """What a range of rows names in the order of its appearance, and the place of each row's in it."""
    seen, first = np.full(count, -1, dtype=np.int32), np.empty(count, dtype=np.int32)
    codes = np.empty(stop - start, dtype="<u2")
    return first[: kernel.number_names(numbers, seen, first, codes, start, stop)], codes


def _quantities(given: npt.NDArray[np.float64]) -> Any:
    nothing = np.isnan(given)
    exact = np.where(nothing, np.nan, given) if nothing.any() else given
    return exact.astype("<f8", copy=False).data
