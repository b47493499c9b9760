"""Rows of a batch as canonical blocks: what is hashed, so that any row can be proved to a root.

Belongs here: the bytes of a block and of a page, the hash of each.
Does not belong here: the tree over them (``core.provenance.merkle``), where rows come from
(``batch_columns``).

A hash for each row costs many times its calculation. The leaves of the tree are, one after the other:

* the *header*: what the rows are;
* *blocks* of 65,536 rows, in the order of the rows;
* *pages* of plans, 4,096 each, in the order in which the rows name them: a plan is a distinct question and
  how it is calculated (the hash of factor, formula and GWPs, the rung at which the factor was found, the
  years between, the ratio of units), or the code of its refusal;
* pages of groups likewise.

All of them are JSON with sorted keys and without spaces. That of a block says how many rows it has, how many
of them with gases and how many without figures, and the BLAKE3 hash of its columns. These are, one after the
other, little-endian:

* each row's plan, then each row's group, int32: their numbers in the pages;
* the quantities as given, float64; a row without one holds the one canonical NaN;
* each row's CO2e in milligrams, int64; 0 where it has no figures;
* the places in the block of the rows whose formula gives gases, uint16, and then gas by gas, in the order of
  the header, their milligrams, int64;
* the places of the rows without figures, uint16, and then why each has none, a byte.

The columns are hashed as they lie in memory. SHA-256 of as many bytes takes as long as the calculation, even
where the processor has instructions for it; BLAKE3 takes a fraction of that. The tree, and all that the
ledger holds, is hashed with SHA-256. Blocks do not depend on threads, on the machine, on how a table is
divided, or on how Polars numbers its categories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from blake3 import blake3

from greenlang_assets.core.calculation.batch_layout import BLOCK
from greenlang_assets.core.calculation.batch_plans import GAS_COLUMNS
from greenlang_assets.core.provenance.canonical import canonical_bytes
from greenlang_assets.core.provenance.merkle import leaf_hash

FORMAT = "greenlang/rows@3"
#: Plans or groups of a page.
PAGE = 4096


@dataclass(frozen=True)
class Block:
    """The rows of one block.

    Attributes:
        first: number of the first row in its table.
        plans, groups: each row's, int32; numbered as the table names them.
        quantities: as given, float64; NaN where there is none.
        co2e: milligrams, int64; 0 where a row has no figures.
        gas_rows: places of the rows that have gases, int64, ascending.
        gases: their milligrams, (:data:`GAS_COLUMNS`, rows) int64.
        statuses: ``batch_layout.FINE``, or why a row has no figures, uint8.
    """

    first: int
    plans: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    quantities: npt.NDArray[np.float64]
    co2e: npt.NDArray[np.int64]
    gas_rows: npt.NDArray[np.int64]
    gases: npt.NDArray[np.int64]
    statuses: npt.NDArray[np.uint8]

    def record(self) -> bytes:
        """What the leaf is the hash of: the block's description with the hash of its columns."""
        digest = blake3()
        for piece in self._pieces():
            digest.update(piece)
        said = {
            "blake3": digest.hexdigest(), "first": self.first, "format": FORMAT, "gases": len(self.gas_rows),
            "rows": len(self.plans), "without": int(np.count_nonzero(self.statuses)),
        }  # fmt: skip
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)

    def leaf(self) -> bytes:
        """The hash of the block as a leaf."""
        return leaf_hash(self.record())

    def columns(self) -> bytes:
        """The columns, of which the record holds the hash."""
        return b"".join(bytes(piece) for piece in self._pieces())

    def _pieces(self) -> Iterator[Any]:
        without = np.flatnonzero(self.statuses)
        given = self.quantities
        if len(without):
            # Only rows without figures lack a quantity.
            given = np.where(np.isnan(given), np.nan, given)
        yield _bytes(self.plans, "<i4")
        yield _bytes(self.groups, "<i4")
        yield _bytes(given, "<f8")
        yield _bytes(self.co2e, "<i8")
        yield _bytes(self.gas_rows, "<u2")
        for masses in self.gases:
            yield _bytes(masses, "<i8")
        yield _bytes(without, "<u2")
        yield _bytes(self.statuses[without], "u1")


def _bytes(column: npt.NDArray[Any], dtype: str) -> Any:
    """The bytes of a column, without a copy where it lies in memory as they are."""
    return np.ascontiguousarray(column, dtype=dtype).view(np.uint8).data


def header_leaf(by: Sequence[str]) -> bytes:
    """The hash of the first leaf: what the rows are."""
    said = {"block": BLOCK, "by": list(by), "format": FORMAT, "gases": list(GAS_COLUMNS), "page": PAGE}
    return leaf_hash(canonical_bytes(said))


def page_count(entries: int) -> int:
    """How many pages they take."""
    return -(-entries // PAGE)


def page_bytes(kind: str, first: int, columns: Mapping[str, Sequence[Any]], rows: int) -> bytes:
    """A page.

    Args:
        kind: ``plans`` or ``groups``.
        first: number of the first entry, a multiple of :data:`PAGE`.
        columns: of texts and integers.
        rows: how many entries.
    """
    said = {"columns": columns, "first": first, "format": FORMAT, "kind": kind, "rows": rows}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
