"""A table that looks different, read as activity: its columns named, its numbers and names made ours.

Belongs here: what a mapping may say, and reading a file by it.
Does not belong here: files that have the contract's columns (``files``), the bounds of their cells
(``contracts``).

A mapping is a small YAML file beside the table; ``glac emissions template`` writes one to fill in::

    columns:      # our column: the column of the file
      facility_id: Site code
      quantity: Consumption
    constants:    # our column: one text for every row
      tenant: acme
      data_year: "2024"
    delimiter: ";"
    decimal: ","

Nothing is guessed: what the mapping does not name has to stand in the file under our name. Filled in are only
``source_file``, ``source_row`` and ``source_sha256`` (the file's own), and ``activity_id`` from file and row.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import slug
from greenlang_assets.core.strict_yaml import Document, YamlRefused, load
from greenlang_assets.core.tenants.contracts import ACTIVITY
from greenlang_assets.core.tenants.files import as_contract

#: Columns whose cells are names in lower case with hyphens; the file's own spelling is turned into one.
_NAMES = ("tenant", "facility_id", "activity_id", "activity")
#: A number as people group its thousands, by decimal sign.
_NUMBER = {
    ".": re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?"),
    ",": re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"),
}


class ColumnMapping(BaseModel):
    """How a file's columns become those of contract ``activity``.

    Attributes:
        columns: our column -> the file's.
        constants: our column -> one text for every row.
        delimiter: sign between cells.
        decimal: sign before the decimals; thousands may be grouped with the other one.
        encoding: of the file's text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    delimiter: Literal[",", ";", "\t", "|"] = ","
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "windows-1252"] = "utf-8"


def read_mapping(path: Path) -> ColumnMapping:
    """The mapping in a YAML file.

    Raises:
        GreenlangError: ``FILE_MISSING``; ``MAPPING_UNREADABLE`` with line and column.
    """
    if not path.is_file():
        raise GreenlangError("FILE_MISSING", "there is no such file", found=path, expected="a YAML file")
    try:
        document = load(path.read_bytes())
    except YamlRefused as refused:
        raise _unreadable(path, refused.message, refused.found, int(refused.where["line"])) from refused
    try:
        mapping = ColumnMapping.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        where = tuple(first["loc"])
        message = f"{'.'.join(map(str, where)) or 'the file'}: {first['msg']}"
        raise _unreadable(path, message, first["input"], document.place(where).line) from error
    for name in (*mapping.columns, *mapping.constants):
        if name not in ACTIVITY.columns:
            raise _unreadable(path, f"{name} is no column of ours", name, _line(document, name))
    for name in mapping.columns.keys() & mapping.constants.keys():
        raise _unreadable(path, f"{name} is both a column and a constant", name, _line(document, name))
    return mapping


def _line(document: Document, name: str) -> int:
    return max(document.place((part, name)).line for part in ("columns", "constants"))


def _unreadable(path: Path, message: str, found: object, line: int) -> GreenlangError:
    return GreenlangError(
        "MAPPING_UNREADABLE",
        f"the mapping cannot be used: {message}",
        found=found,
        expected="columns and constants by our names: " + ", ".join(ACTIVITY.columns),
        hint="glac emissions template FOLDER writes one to fill in",
        where={"file": path.name, "line": line},
    )


def read_mapped(path: Path, mapping: ColumnMapping) -> pl.DataFrame:
    """A table that looks different, as columns and types of contract ``activity``.

    Args:
        path: ``.csv`` with a header line.
        mapping: what its columns mean.

    Raises:
        GreenlangError: ``FILE_MISSING``, ``FILE_UNREADABLE``; ``FILE_COLUMNS`` where the file lacks a column
            that the mapping names or nothing gives one of ours; ``FILE_CELL`` for a quantity that is none;
            ``NAMES_COLLIDE`` where two names of the file would become one of ours.
    """
    if not path.is_file():
        raise GreenlangError("FILE_MISSING", "there is no such file", found=path, expected="a CSV file")
    data = path.read_bytes()
    frame = _text(path, data, mapping)
    filled = {
        "source_file": pl.lit(path.name),
        "source_row": pl.int_range(2, pl.len() + 2).cast(pl.String),
        "source_sha256": pl.lit(hashlib.sha256(data).hexdigest()),
        "activity_id": pl.lit(slug(path.stem) + "-") + pl.int_range(2, pl.len() + 2).cast(pl.String),
    }
    absent = [theirs for theirs in mapping.columns.values() if theirs not in frame.columns]
    ungiven = [
        name
        for name in ACTIVITY.columns
        if name not in {*mapping.columns, *mapping.constants, *filled, *frame.columns}
    ]
    if absent or ungiven:
        raise GreenlangError(
            "FILE_COLUMNS",
            "the mapping names columns that the file lacks"
            if absent
            else "nothing gives some of our columns",
            found=f"the file has {', '.join(frame.columns)}",
            expected=", ".join(absent or ungiven),
            hint=None if absent else "name them under columns or constants of the mapping",
            where={"file": path.name, "row": 1},
        )
    chosen = frame.select(_source(name, frame, mapping, filled).alias(name) for name in ACTIVITY.columns)
    named = [_named(chosen[name], path) if name in _NAMES else chosen[name] for name in chosen.columns]
    return as_contract(pl.DataFrame(_number(c, mapping, path) if c.name == "quantity" else c for c in named),
                       ACTIVITY, path)  # fmt: skip


def _text(path: Path, data: bytes, mapping: ColumnMapping) -> pl.DataFrame:
    """Every cell as text."""
    try:
        text = data.decode(mapping.encoding).removeprefix("\ufeff")
        return pl.read_csv(text.encode(), separator=mapping.delimiter, infer_schema=False)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise GreenlangError(
            "FILE_UNREADABLE",
            "the table cannot be read",
            found=str(error).splitlines()[0],
            expected=f"{mapping.encoding} CSV with {mapping.delimiter!r} between cells and a header line",
            hint="set delimiter and encoding in the mapping",
            where={"file": path.name},
        ) from error


def _source(name: str, frame: pl.DataFrame, mapping: ColumnMapping, filled: dict[str, pl.Expr]) -> pl.Expr:
    if name in mapping.constants:
        return pl.lit(mapping.constants[name])
    if name in mapping.columns:
        return pl.col(mapping.columns[name]).str.strip_chars()
    return pl.col(name).str.strip_chars() if name in frame.columns else filled[name]


def _named(cells: pl.Series, path: Path) -> pl.Series:
    """Names as ours are spelled. Two sites that differ in the file stay two; an activity is a word of the
    catalogue, however it is written."""
    spelled: dict[str, str] = {}
    for cell in cells.unique(maintain_order=True).drop_nulls():
        made = slug(cell).replace("_", "-").strip("-")
        if made in spelled.values() and cells.name != "activity":
            other = next(known for known, name in spelled.items() if name == made)
            raise GreenlangError(
                "NAMES_COLLIDE",
                f"two names of column {cells.name} would become one",
                found=f"{other!r} and {cell!r} are both {made}",
                expected="names that differ in letters or digits",
                hint="give them codes of their own, or map another column",
                where={"file": path.name, "column": cells.name},
            )
        spelled[cell] = made
    return cells.replace(spelled)


def _number(cells: pl.Series, mapping: ColumnMapping, path: Path) -> pl.Series:
    """Quantities with a decimal point and no grouping."""
    form, group = _NUMBER[mapping.decimal], "," if mapping.decimal == "." else "."
    read: list[str | None] = []
    for row, cell in enumerate(cells, start=2):
        plain = None if cell is None else re.sub(r"[\s\u00a0\u202f']", "", cell)
        if plain and not form.fullmatch(plain):
            raise GreenlangError(
                "FILE_CELL",
                "a quantity cannot be read",
                found=cell,
                expected=f"a number with {mapping.decimal!r} before its decimals",
                hint="set decimal in the mapping",
                where={"file": path.name, "row": row, "column": cells.name},
            )
        read.append(plain.replace(group, "").replace(mapping.decimal, ".") if plain else None)
    return pl.Series(cells.name, read, dtype=pl.String)
