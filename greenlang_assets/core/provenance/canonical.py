"""Canonical bytes: the one form in which content is hashed, stored and compared.

Belongs here: how a value, a record or a table becomes bytes, and back.
Does not belong here: where the bytes are kept (``resources.store``) or who vouches for them (ledger).

Two forms:

* a *record* is JSON with sorted keys, no spaces, NFC text, and every non-integer number as a decimal
  string (so no reader's float parser can change it);
* a *table* is text: a first line with the columns (a record), then one JSON array a row, sorted by the
  table's key. ``sha256sum`` over the stored object is its identity, without our software.

Parquet files are never hashed: their bytes change with the version of their writer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import orjson
import polars as pl

from greenlang_assets.core.errors import GreenlangError

TABLE_FORMAT = "greenlang/table@1"

_DTYPES: dict[str, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()} | {
    pl.Int8(): "integer",
    pl.Int16(): "integer",
    pl.Int32(): "integer",
    pl.UInt8(): "integer",
    pl.UInt16(): "integer",
    pl.UInt32(): "integer",
}

#: The JSON type in which cells of a kind are held.
_HELD_AS: dict[str, type] = {"text": str, "integer": int, "number": str, "boolean": bool, "date": str}
#: Rows that are held as Python's objects at a time.
_ROWS_AT_ONCE = 4096
#: Not orjson, which stops at integers of 64 bits: a record may hold any integer.
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def number_text(value: float) -> str:
    """The shortest decimal text that reads back as the same float64, without an exponent.

    ``53.06`` stays ``53.06`` to the last digit that the publisher printed; ``100.0`` is ``100``.
    """
    if not math.isfinite(value):
        raise GreenlangError(
            "NUMBER_NOT_FINITE",
            "a quantity that is infinite or not a number cannot be published",
            found=value,
            expected="a finite number",
        )
    # float() first: a NumPy float is a float whose repr is not a number.
    text = repr(float(value))
    if "e" in text:
        return _decimal_text(Decimal(text))
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def _decimal_text(value: Decimal) -> str:
    """Digits without exponent, without trailing zeros, zero without a sign."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def exact(value: float) -> Fraction:
    """The decimal number that a float64 was read from, as an exact fraction."""
    return Fraction(number_text(value))


def _text(value: str) -> str:
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise GreenlangError(
            "TEXT_NOT_UNICODE", "half a character has no canonical form", found=ascii(value)[:200]
        ) from error
    return unicodedata.normalize("NFC", value)


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is float:
        return number_text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            return number_text(float(value))
        return _decimal_text(value)
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise GreenlangError("TIME_WITHOUT_ZONE", "a time needs its zone", found=value.isoformat())
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise GreenlangError("KEY_NOT_TEXT", "keys of a record are text", found=repr(key))
        record = {_text(key): _plain(item) for key, item in value.items()}
        if len(record) != len(value):
            raise GreenlangError(
                "KEY_DOUBLED",
                "two keys of a record are the same text in Unicode's NFC form",
                found=sorted(value),
                expected="each key once",
            )
        return record
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_plain(item) for item in value]
    raise GreenlangError(
        "NOT_CANONICAL",
        "this kind of value has no canonical form",
        found=type(value).__name__,
        expected="text, integer, number, date, list or mapping",
    )


def canonical_bytes(record: Any) -> bytes:
    """A record as canonical JSON bytes (UTF-8, no line end)."""
    return _ENCODER.encode(_plain(record)).encode()


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def content_sha256(record: Any) -> str:
    """SHA-256 of a record's canonical bytes."""
    return sha256_hex(canonical_bytes(record))


def table_bytes(frame: pl.DataFrame, *, key: Sequence[str]) -> bytes:
    """A table as canonical bytes, sorted by ``key``.

    Args:
        frame: columns of text, integer, number (float64), boolean or date; their order is part of the
            content.
        key: columns whose values name a row; two rows with the same key are refused.

    Raises:
        GreenlangError: ``TABLE_KEY_NOT_UNIQUE``, ``TABLE_KEY_MISSING``, ``TABLE_COLUMN_TYPE``,
            ``NUMBER_NOT_FINITE``.
    """
    frame = _normalised(frame)
    absent = [name for name in key if name not in frame.columns]
    if absent:
        raise GreenlangError(
            "TABLE_KEY_MISSING",
            "the table lacks columns of its key",
            found=", ".join(frame.columns),
            expected=", ".join(absent),
        )
    columns: list[list[str]] = []
    for name, dtype in frame.schema.items():
        kind = _NAMES.get(dtype)
        if kind is None:
            raise GreenlangError(
                "TABLE_COLUMN_TYPE",
                f"column {name} has a type without a canonical form",
                found=dtype,
                expected=", ".join(_DTYPES),
            )
        columns.append([name, kind])
    doubled = frame.select(key).is_duplicated() if key else pl.Series([], dtype=pl.Boolean)
    if doubled.any():
        raise GreenlangError(
            "TABLE_KEY_NOT_UNIQUE",
            f"several rows carry the same {', '.join(key)}",
            found=frame.select(key).filter(doubled).row(0),
            expected="one row a key",
        )
    ordered = frame.sort(list(key), nulls_last=True) if key else frame
    header = canonical_bytes({"columns": columns, "format": TABLE_FORMAT, "key": list(key)})
    lines = [header]
    for part in ordered.iter_slices(_ROWS_AT_ONCE):
        cells = [_written(part[name], kind) for name, kind in columns]
        lines += map(orjson.dumps, zip(*cells, strict=True))
    return b"\n".join(lines) + b"\n"


def _normalised(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts in NFC before rows are compared and sorted, so that spelling cannot change their order."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String()]
    # Almost every column is ASCII, where one comparison of lengths is all the work.
    odd = [name for name in texts if frame[name].str.len_bytes().sum() != frame[name].str.len_chars().sum()]
    return frame.with_columns(pl.col(name).str.normalize("NFC") for name in odd)


def _written(column: pl.Series, kind: str) -> list[Any]:
    """A column's cells as JSON holds them; whole columns at a time, for tables have millions of cells."""
    cells = column.to_list()
    if kind == "number":
        return [None if cell is None else number_text(cell) for cell in cells]
    if kind == "date":
        return [None if cell is None else cell.isoformat() for cell in cells]
    return cells


def row_sha256(row: Mapping[str, Any]) -> str:
    """Identity of one table row: SHA-256 of the row as a record, columns that are null left out."""
    return content_sha256({name: cell for name, cell in row.items() if cell is not None})


def row_hashes(frame: pl.DataFrame, **constants: int | str) -> list[str]:
    """:func:`row_sha256` of every row, ``constants`` added to each, ten times as fast as one by one."""
    frame = _normalised(frame)
    names = [*frame.columns, *constants]
    cells: list[Any] = [_written(frame[name], _NAMES[dtype]) for name, dtype in frame.schema.items()]
    cells += [[value] * frame.height for value in constants.values()]
    hashes = []
    for row in zip(*cells, strict=True):
        record = {name: cell for name, cell in zip(names, row, strict=True) if cell is not None}
        hashes.append(sha256_hex(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)))
    return hashes


def read_table(data: bytes, *, rows: int | None = None) -> pl.DataFrame:
    """The frame behind canonical table bytes; the inverse of :func:`table_bytes`.

    Args:
        data: the table.
        rows: how many of its first rows are wanted; all of them unless told.

    Raises:
        GreenlangError: ``TABLE_NOT_CANONICAL`` when the bytes are not a table of this format.
    """
    table = StoredTable(data)
    empty = pl.DataFrame(schema={name: _DTYPES[kind] for name, kind in table.columns})
    last = len(table) if rows is None else min(rows, len(table))
    try:
        blocks = [
            pl.DataFrame(cells, schema=empty.schema, orient="col", strict=True)
            for cells in table.blocks(last)
        ]
    except (ValueError, TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise _not_canonical(f"{type(error).__name__}: {error}") from error
    return pl.concat([empty, *blocks])


class StoredTable:
    """Canonical table bytes, read row by row: nothing but the rows that are asked for is parsed.

    Attributes:
        columns: name and kind of each column, in order.
        key: the columns that name a row.

    Raises:
        GreenlangError: ``TABLE_NOT_CANONICAL``, at once for the header, later for a row.
    """

    def __init__(self, data: bytes) -> None:
        try:
            head, *self._lines = data.removesuffix(b"\n").split(b"\n")
            header = orjson.loads(head)
            if header["format"] != TABLE_FORMAT:
                raise ValueError(f"format {header['format']}")
            self.columns: list[tuple[str, str]] = [(str(name), str(kind)) for name, kind in header["columns"]]
            self.key: tuple[str, ...] = tuple(header["key"])
        except (ValueError, KeyError, TypeError) as error:
            raise _not_canonical(f"{type(error).__name__}: {error}") from error
        unknown = {kind for _, kind in self.columns} - _DTYPES.keys()
        if unknown:
            raise _not_canonical(f"columns of kind {', '.join(sorted(unknown))}")

    def __len__(self) -> int:
        return len(self._lines)

    def read(self, first: int, last: int) -> list[list[Any]]:
        """The cells of rows ``first`` to ``last``, counted from 1, both included, column by column."""
        try:
            if first < 1 or last > len(self._lines):
                raise ValueError(f"rows {first} to {last} of {len(self._lines)}")
            rows = [orjson.loads(line) for line in self._lines[first - 1 : last]]
            for number, row in enumerate(rows, first):
                if not isinstance(row, list) or len(row) != len(self.columns):
                    raise ValueError(f"row {number} does not fill the columns")
            if not rows:
                return [[] for _ in self.columns]
            return [
                _read_column(cells, kind)
                for cells, (_, kind) in zip(zip(*rows, strict=True), self.columns, strict=True)
            ]
        except (ValueError, TypeError) as error:
            raise _not_canonical(f"{type(error).__name__}: {error}") from error

    def row(self, number: int) -> dict[str, Any]:
        """A row, counted from 1, as a record."""
        cells = self.read(number, number)
        return {name: cell for (name, _), (cell,) in zip(self.columns, cells, strict=True)}

    def blocks(self, last: int) -> Iterator[list[list[Any]]]:
        """The cells of rows 1 to ``last``, column by column, some thousand rows at a time.

        What a block needs is let go of before the next: a table of millions of cells as Python's objects
        takes twenty times its bytes.
        """
        for first in range(1, last + 1, _ROWS_AT_ONCE):
            yield self.read(first, min(first + _ROWS_AT_ONCE - 1, last))

    def records(self) -> Iterator[dict[str, Any]]:
        """Every row as a record, in order."""
        names = [name for name, _ in self.columns]
        for block in self.blocks(len(self)):
            for cells in zip(*block, strict=True):
                yield dict(zip(names, cells, strict=True))


def _read_column(cells: Sequence[Any], kind: str) -> list[Any]:
    """Cells of one column as text, integers, floats, booleans or dates."""
    wanted = _HELD_AS[kind]
    for held in set(map(type, cells)) - {wanted, type(None)}:
        odd = next(cell for cell in cells if type(cell) is held)
        raise ValueError(f"{odd!r} in a column of kind {kind}")
    if kind == "number":
        numbers = [None if cell is None else float(cell) for cell in cells]
        for number, cell in zip(numbers, cells, strict=True):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{cell!r} in a column of kind {kind}")
        return numbers
    if kind == "date":
        return [None if cell is None else dt.date.fromisoformat(cell) for cell in cells]
    return list(cells)


def _not_canonical(found: str) -> GreenlangError:
    return GreenlangError(
        "TABLE_NOT_CANONICAL",
        "these bytes are not a table in canonical form",
        found=found,
        expected=TABLE_FORMAT,
    )


def table_sha256(frame: pl.DataFrame, *, key: Sequence[str]) -> str:
    """Content hash of a table: SHA-256 of its canonical bytes."""
    return sha256_hex(table_bytes(frame, key=key))
