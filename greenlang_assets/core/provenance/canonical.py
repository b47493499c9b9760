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
    text = format(Decimal(repr(value)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def exact(value: float) -> Fraction:
    """The decimal number that a float64 was read from, as an exact fraction."""
    return Fraction(number_text(value))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, Decimal):
        return number_text(float(value)) if value == Decimal(repr(float(value))) else format(value, "f")
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
        return {unicodedata.normalize("NFC", key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
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
        GreenlangError: ``TABLE_KEY_NOT_UNIQUE``, ``TABLE_COLUMN_TYPE``, ``NUMBER_NOT_FINITE``.
    """
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
    try:
        head, *lines = data.decode().removesuffix("\n").split("\n")
        header = json.loads(head)
        if header["format"] != TABLE_FORMAT:
            raise KeyError(header["format"])
        rows = [json.loads(line) for line in lines]
        series = []
        for position, (name, kind) in enumerate(header["columns"]):
            cells = [row[position] for row in rows]
            if kind == "number":
                cells = [None if cell is None else float(cell) for cell in cells]
            elif kind == "date":
                cells = [None if cell is None else dt.date.fromisoformat(cell) for cell in cells]
            series.append(pl.Series(name, cells, dtype=_DTYPES[kind]))
    except (UnicodeDecodeError, ValueError, KeyError, IndexError, TypeError) as error:
        raise GreenlangError(
            "TABLE_NOT_CANONICAL",
            "these bytes are not a table in canonical form",
            found=f"{type(error).__name__}: {error}",
            expected=TABLE_FORMAT,
        ) from error
    return pl.DataFrame(series)


def table_sha256(frame: pl.DataFrame, *, key: Sequence[str]) -> str:
    """Content hash of a table: SHA-256 of its canonical bytes."""
    return sha256_hex(table_bytes(frame, key=key))
