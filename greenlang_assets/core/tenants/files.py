"""A tenant's own table file, CSV or Parquet, as a frame of its contract's columns and types.

Belongs here: reading cells, and saying which one cannot be read.
Does not belong here: bounds and keys (``contracts``), a publisher's layout (``chicago``).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.contracts import Contract

_WORDS = {pl.String(): "text", pl.Int64(): "a whole number", pl.Float64(): "a number with a decimal point"}


def read_table_file(path: Path, contract: Contract) -> pl.DataFrame:
    """The table in a file, its columns those of the contract, in its order.

    Args:
        path: ``.csv`` (UTF-8, comma, header line) or ``.parquet``.
        contract: names and types of the columns.

    Raises:
        GreenlangError: ``FILE_MISSING``, ``FILE_UNREADABLE``, ``FILE_COLUMNS``, ``FILE_CELL`` with row and
            column; rows are counted as a spreadsheet shows them, the header being row 1.
    """
    if not path.is_file():
        raise GreenlangError(
            "FILE_MISSING", "there is no such file", found=path, expected="a CSV or Parquet file"
        )
    try:
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, infer_schema=False, encoding="utf8")
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise GreenlangError(
            "FILE_UNREADABLE",
            "the table cannot be read",
            found=str(error).splitlines()[0],
            expected="UTF-8 CSV with commas and a header line, or Parquet",
            where={"file": path.name},
        ) from error
    missing = [name for name in contract.columns if name not in frame.columns]
    strange = [name for name in frame.columns if name not in contract.columns]
    if missing or strange:
        raise GreenlangError(
            "FILE_COLUMNS",
            f"the columns are not those of the table {contract.name}",
            found="without " + ", ".join(missing) if missing else "besides " + ", ".join(strange),
            expected=", ".join(contract.columns),
            where={"file": path.name, "row": 1},
        )
    return as_contract(frame, contract, path)


def as_contract(frame: pl.DataFrame, contract: Contract, path: Path) -> pl.DataFrame:
    """The contract's columns of a frame, in its order and types.

    Raises:
        GreenlangError: ``FILE_CELL`` with row and column.
    """
    return frame.select(_column(frame[name], dtype, path) for name, dtype in contract.schema.items())


def _column(cells: pl.Series, dtype: pl.DataType, path: Path) -> pl.Series:
    if cells.dtype == pl.String() and dtype != pl.String():
        cells = cells.str.strip_chars().replace("", None)
    read = cells.cast(dtype, strict=False)
    lost = (read.is_null() & cells.is_not_null()).arg_true()
    if lost.len():
        at = int(lost[0])
        raise GreenlangError(
            "FILE_CELL",
            f"{lost.len()} cells of column {cells.name} cannot be read, the first in row {at + 2}",
            found=cells[at],
            expected=_WORDS[dtype],
            where={"file": path.name, "row": at + 2, "column": cells.name},
        )
    return read
