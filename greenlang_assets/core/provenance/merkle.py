"""The row tree: a hash tree over the rows of a stored table, whose root stands in the ledger.

Belongs here: the tree, its root as the ledger's facts state it, the proof of one row.
Does not belong here: finding a row by its hash (the ledger's index), checking a proof without us
(``verifier.verify``).

A table's content hash covers all of its bytes, so by itself it proves a row only to somebody who holds the
whole table. The tree proves a row alone, with the hashes beside its way to the root: some twenty for a
million rows, and nothing of the other rows is shown. Its form is that of the Merkle tree hash of RFC 6962,
section 2.1: a leaf is the SHA-256 of a zero byte and the leaf's bytes, a node that of a one byte and its two
children, and of ``n`` leaves the largest power of two below ``n`` stand on the left. The first leaf is the
table's header line; after it each leaf is a block of ``block`` rows, their lines joined by line feeds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from greenlang_assets.core.errors import GreenlangError

#: Name of the root among an entry's facts.
FACT = "row_tree"
#: Rows a leaf. One: hashing a row costs less than reading it for the index, and a proof shows no other row.
BLOCK = 1


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node with two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


class HashTree:
    """A tree over the hashes of leaves; every level is kept, so that a path is only looked up.

    Args:
        leaves: hashes of the leaves, at least one.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        # A level's odd last node moves up as it is: the same tree as RFC 6962's, built from below.
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            pairs = [node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
            self._levels.append(pairs + below[len(pairs) * 2 :])

    @property
    def root(self) -> str:
        """The root as 64 hexadecimal digits."""
        return self._levels[-1][0].hex()

    def path(self, leaf: int) -> tuple[bytes, ...]:
        """The hashes beside the way from a leaf to the root."""
        path, at = [], leaf
        for level in self._levels[:-1]:
            beside = at ^ 1
            if beside < len(level):
                path.append(level[beside])
            at //= 2
        return tuple(path)


@dataclass(frozen=True, slots=True)
class RowProof:
    """What proves one leaf.

    Attributes:
        leaf: its number; 0 is the header, then the blocks of rows.
        data: its bytes.
        path: the hashes beside the way to the root, from the leaf upwards.
    """

    leaf: int
    data: bytes
    path: tuple[bytes, ...]


class RowTree:
    """The tree over one table's canonical bytes.

    Args:
        data: the table, header line first, a line feed at the end.
        block: rows a leaf.
    """

    def __init__(self, data: bytes, block: int = BLOCK) -> None:
        header, *rows = data.removesuffix(b"\n").split(b"\n")
        self.block = block
        self.rows = len(rows)
        blocks = (
            rows if block == 1 else [b"\n".join(rows[at : at + block]) for at in range(0, len(rows), block)]
        )
        self._data = [header, *blocks]
        self._tree = HashTree([leaf_hash(item) for item in self._data])

    @property
    def root(self) -> str:
        """The root as 64 hexadecimal digits."""
        return self._tree.root

    @property
    def fact(self) -> dict[str, Any]:
        """What the ledger says of the tree."""
        return {"block": self.block, "root": self.root, "rows": self.rows}

    def header(self) -> RowProof:
        """The proof of the header line."""
        return self._proof(0)

    def row(self, number: int) -> RowProof:
        """The proof of the leaf that holds a row, counted from 1.

        Raises:
            GreenlangError: ``ROW_INDEX_WRONG`` when the table has no such row.
        """
        if not 1 <= number <= self.rows:
            raise GreenlangError(
                "ROW_INDEX_WRONG",
                "the table has no such row",
                found=f"row {number}",
                expected=f"1 to {self.rows}",
            )
        return self._proof(1 + (number - 1) // self.block)

    def _proof(self, leaf: int) -> RowProof:
        return RowProof(leaf, self._data[leaf], self._tree.path(leaf))


def fact_of(facts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What an entry's facts say of the row tree, None where nothing was said."""
    found = facts.get(FACT)
    return found if isinstance(found, Mapping) else None


def root_of(proof: RowProof, leaves: int) -> str:
    """The root that a proof leads to in a tree of so many leaves.

    Raises:
        GreenlangError: ``ROW_PROOF_WRONG`` when the path is too short or too long for the tree.
    """
    found, at, width = leaf_hash(proof.data), proof.leaf, leaves
    path: Sequence[bytes] = proof.path
    for_level = iter(path)
    try:
        while width > 1:
            if at % 2:
                found = node_hash(next(for_level), found)
            elif at + 1 < width:
                found = node_hash(found, next(for_level))
            at, width = at // 2, (width + 1) // 2
    except StopIteration:
        raise _wrong_length(len(path)) from None
    if next(for_level, None) is not None or not 0 <= proof.leaf < leaves:
        raise _wrong_length(len(path))
    return found.hex()


def _wrong_length(found: int) -> GreenlangError:
    return GreenlangError("ROW_PROOF_WRONG", "the path does not fit the tree", found=f"{found} hashes")
