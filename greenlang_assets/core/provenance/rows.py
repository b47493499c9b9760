"""Rows of stored tables: by which hashes a row may be asked for.

Belongs here: the identity of a row, whatever table it stands in.
Does not belong here: the index that finds a row by its hash (a ledger keeps it; it is derived).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import FACTOR_SCHEMA
from greenlang_assets.core.provenance.canonical import TABLE_FORMAT, StoredTable, content_sha256, row_sha256
from greenlang_assets.core.provenance.ledger import Leaf

#: Columns that hold the row's own identity, in the order in which they are looked for. Other columns
#: that end in ``_sha256`` refer to something else.
IDENTITY_COLUMNS = ("total_sha256", "line_sha256", "calculation_sha256", "sha256")

_CITATION = "cite_"


def is_table(data: bytes) -> bool:
    """Whether stored bytes are a table in canonical form (its header is looked at, no more)."""
    return data.startswith(b'{"columns":') and TABLE_FORMAT.encode() in data.partition(b"\n")[0]


def is_factor(row: Mapping[str, Any]) -> bool:
    """Whether a row is an emission factor with its citation."""
    return row.keys() >= FACTOR_SCHEMA.keys()


def identity(row: Mapping[str, Any]) -> str:
    """The hash by which other tables refer to this row.

    A result refers to itself by its own hash column, a factor is known by the hash of its record, every
    other row by the hash of its cells.
    """
    for column in IDENTITY_COLUMNS:
        if isinstance(row.get(column), str):
            return str(row[column])
    if is_factor(row):
        return _factor_sha256(row)
    return row_sha256(row)


def _factor_sha256(row: Mapping[str, Any]) -> str:
    """``EmissionFactor.sha256`` of a row, without making the record: a catalogue has tens of thousands."""
    record: dict[str, Any] = {}
    citation: dict[str, Any] = {}
    for name, cell in row.items():
        if cell is not None:
            if name.startswith(_CITATION):
                citation[name.removeprefix(_CITATION)] = cell
            else:
                record[name] = cell
    return content_sha256({**record, "citation": citation})


def answers_to(row: Mapping[str, Any], sha256: str) -> bool:
    """Whether a row may be shown for this hash: its identity, or the hash of its cells."""
    return sha256 == identity(row) or sha256 == row_sha256(row)


def table_leaves(content_sha256: str, data: bytes) -> Iterator[Leaf]:
    """The index of a stored table: every row by its identity.

    Raises:
        GreenlangError: ``TABLE_NOT_CANONICAL``.
    """
    for number, row in enumerate(StoredTable(data).records(), 1):
        yield Leaf(identity(row), content_sha256, number)


def check_leaves(data: bytes, indexed: list[Leaf]) -> Iterator[str]:
    """What is wrong with the index of one table, in words; nothing when it is right and whole.

    Args:
        data: the table's bytes, already verified.
        indexed: the index's rows about it, at least one.
    """
    try:
        table = StoredTable(data)
    except GreenlangError as error:
        yield f"rows are indexed in an object that is no table ({error.found})"
        return
    by_row: dict[int, list[str]] = {}
    for leaf in indexed:
        if not 1 <= leaf.row <= len(table):
            yield f"row {leaf.row} is indexed, the table has {len(table)}"
        else:
            by_row.setdefault(leaf.row, []).append(leaf.sha256)
    seen = set()
    for number, row in enumerate(table.records(), 1):
        for sha256 in by_row.get(number, ()):
            if answers_to(row, sha256):
                seen.add(number)
            else:
                yield f"row {number} is indexed as {sha256}, which it is not"
    if len(seen) < len(table):
        first = next(number for number in range(1, len(table) + 1) if number not in seen)
        yield f"{len(table) - len(seen)} of {len(table)} rows are not indexed, row {first} first"
