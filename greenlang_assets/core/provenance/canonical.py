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
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

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
    return _decimal_text(Decimal(repr(float(value))))


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
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise GreenlangError(
            "TEXT_NOT_UNICODE", "half a character has no canonical form", found=ascii(value)[:200]
        ) from error
    return unicodedata.normalize("NFC", value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
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
    return json.dumps(
        _plain(record), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


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
    return b"\n".join([header, *(_row_bytes(row) for row in ordered.iter_rows())]) + b"\n"


def _normalised(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts in NFC before rows are compared and sorted, so that spelling cannot change their order."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String()]
    # Almost every column is ASCII, where one comparison of lengths is all the work.
    odd = [name for name in texts if frame[name].str.len_bytes().sum() != frame[name].str.len_chars().sum()]
    return frame.with_columns(pl.col(name).str.normalize("NFC") for name in odd)


def _row_bytes(row: Iterable[Any]) -> bytes:
    return json.dumps(
        [_plain(cell) for cell in row], ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def row_sha256(row: Mapping[str, Any]) -> str:
    """Identity of one table row: SHA-256 of the row as a record, columns that are null left out."""
    return content_sha256({name: cell for name, cell in row.items() if cell is not None})


def read_table(data: bytes) -> pl.DataFrame:
    """The frame behind canonical table bytes; the inverse of :func:`table_bytes`.

    Raises:
        GreenlangError: ``TABLE_NOT_CANONICAL`` when the bytes are not a table of this format.
    """
    table = StoredTable(data)
    rows = [table.cells(number) for number in range(1, len(table) + 1)]
    try:
        return pl.DataFrame(
            [
                pl.Series(name, [row[position] for row in rows], dtype=_DTYPES[kind])
                for position, (name, kind) in enumerate(table.columns)
            ]
        )
    except (ValueError, TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise _not_canonical(f"{type(error).__name__}: {error}") from error


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
            head, *self._lines = data.decode().removesuffix("\n").split("\n")
            header = json.loads(head)
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

    def cells(self, number: int) -> list[Any]:
        """The cells of a row, counted from 1, as text, integers, floats, booleans and dates."""
        try:
            if not 1 <= number <= len(self._lines):
                raise ValueError(f"row {number} of {len(self._lines)}")
            cells = json.loads(self._lines[number - 1])
            if not isinstance(cells, list) or len(cells) != len(self.columns):
                raise ValueError(f"row {number} does not fill the columns")
            return [
                None if cell is None else _read_cell(cell, kind)
                for cell, (_, kind) in zip(cells, self.columns, strict=True)
            ]
        except (ValueError, TypeError) as error:
            raise _not_canonical(f"{type(error).__name__}: {error}") from error

    def row(self, number: int) -> dict[str, Any]:
        """A row, counted from 1, as a record."""
        return dict(zip((name for name, _ in self.columns), self.cells(number), strict=True))


def _read_cell(cell: Any, kind: str) -> Any:
    if kind == "number" and isinstance(cell, str):
        number = float(cell)
        if math.isfinite(number):
            return number
    elif kind == "date" and isinstance(cell, str):
        return dt.date.fromisoformat(cell)
    elif type(cell) is {"text": str, "integer": int, "boolean": bool}.get(kind):
        return cell
    raise ValueError(f"{cell!r} in a column of kind {kind}")


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
