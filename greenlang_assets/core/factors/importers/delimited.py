"""A publisher's delimited text file as cells that know their line.

Belongs here: decoding a text file, opening a csv safely, its header, numbers read from text, refusals that
name line and column.
Does not belong here: what a cell means; that is the importer's business. Workbooks: ``spreadsheet``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.spreadsheet import read_bytes
from greenlang_assets.core.provenance.canonical import sha256_hex

#: The largest file read here is 12 MB; an endless one must not fill the memory.
MAX_BYTES = 200_000_000

#: Names of the columns in their order; a pattern where a name carries a year.
Header = Sequence[str | re.Pattern[str]]

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Line:
    """One record: the number of the line that it begins on, and its cells by column, ends trimmed.

    ``sheet`` names the sheet where the record was taken from a workbook.
    """

    file: str
    number: int
    cells: Mapping[str, str]
    sheet: str | None = None

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def figure(self, column: str, label: str) -> float:
        """The number in a cell that must hold one, as the float64 nearest to its digits.

        Raises:
            GreenlangError: ``CELL_NOT_A_NUMBER`` for empty cells, text and decimal commas.
        """
        return float(self.figure_text(column, label))

    def figure_text(self, column: str, label: str) -> str:
        """The printed digits of a number.

        Raises:
            GreenlangError: as :meth:`figure`.
        """
        cell = self.cells[column]
        if not _NUMBER.fullmatch(cell):
            raise self.refuse(
                "CELL_NOT_A_NUMBER",
                f"{label} is not a number",
                column,
                found=repr(cell) if cell else "an empty cell",
                expected="digits with a decimal point",
                hint="neither a decimal comma nor a note in the cell is guessed at" if cell else None,
            )
        return cell

    def one_of(self, column: str, known: Sequence[str] | Mapping[str, Any], code: str, label: str) -> str:
        """The cell, which must be one of the known texts."""
        cell = self.cells[column]
        if cell not in known:
            raise self.refuse(
                code,
                f"the {label} is none that this layout has used",
                column,
                found=repr(cell) if cell else "an empty cell",
                expected=", ".join(map(str, known)),
            )
        return cell

    def refuse(self, code: str, message: str, column: str | None = None, **rest: Any) -> GreenlangError:
        """The error for a cell of this line."""
        where: dict[str, Any] = {"file": self.file, "row": self.number}
        if self.sheet is not None:
            where["sheet"] = self.sheet
        if column is not None:
            where["column"] = column
        return GreenlangError(code, message, where=where, **rest)


@dataclass(frozen=True)
class TextTable:
    """A delimited file: its header as printed and its records."""

    file: str
    sha256: str
    header: tuple[str, ...]
    lines: tuple[Line, ...]


def open_table(path: Path, *layouts: Header, delimiter: str = ",") -> TextTable:
    """Read a file whose header is exactly one of ``layouts``.

    A byte order mark is allowed, blank lines are left out, the header is the first line that is not blank.

    Raises:
        GreenlangError: ``PUBLISHER_FILE_UNREADABLE``, ``FILE_TOO_LARGE``, ``ENCODING_UNKNOWN`` (not UTF-8
            text), ``LAYOUT_UNKNOWN`` (another header, a line with another number of cells, an open quote).
    """
    data = read_bytes(path)
    records = _records(decoded(data, path.name), path.name, delimiter)
    number, header = records[0] if records else (1, ["an empty file"])
    if not any(_fits(header, layout) for layout in layouts):
        raise GreenlangError(
            "LAYOUT_UNKNOWN",
            "the file has columns that this importer does not know",
            found=" | ".join(header)[:500],
            expected=" or ".join(" | ".join(map(_name, layout)) for layout in layouts),
            where={"file": path.name, "row": number, **_first_odd(header, layouts)},
            hint="columns that moved or were renamed need an importer that knows the new layout",
        )
    lines = []
    for number, cells in records[1:]:
        if len(cells) != len(header):
            raise GreenlangError(
                "LAYOUT_UNKNOWN",
                "a line has another number of cells than the header",
                found=len(cells),
                expected=len(header),
                where={"file": path.name, "row": number},
                hint="a file that was cut off ends like this" if number == records[-1][0] else None,
            )
        lines.append(Line(path.name, number, dict(zip(header, cells, strict=True))))
    if not lines:
        raise GreenlangError(
            "LAYOUT_UNKNOWN",
            "the file holds a header and nothing else",
            found="no line",
            expected="at least one line of figures",
            where={"file": path.name, "row": number + 1},
        )
    return TextTable(path.name, sha256_hex(data), tuple(header), tuple(lines))


def _name(column: str | re.Pattern[str]) -> str:
    return column if isinstance(column, str) else column.pattern


def _fits(found: Sequence[str], header: Header) -> bool:
    return len(found) == len(header) and all(
        cell == column if isinstance(column, str) else column.fullmatch(cell)
        for cell, column in zip(found, header, strict=True)
    )


def _first_odd(found: Sequence[str], layouts: Sequence[Header]) -> dict[str, Any]:
    """The first column that differs, where there is one layout only."""
    if len(layouts) != 1:
        return {}
    for cell, column in zip(found, layouts[0], strict=False):
        if not _fits([cell], [column]):
            return {"column": cell}
    return {}


def decoded(data: bytes, file: str) -> str:
    """The text of a file; a byte order mark is allowed.

    Raises:
        GreenlangError: ``FILE_TOO_LARGE``, ``ENCODING_UNKNOWN`` (not UTF-8, or signs that no text has).
    """
    if len(data) > MAX_BYTES:
        raise GreenlangError(
            "FILE_TOO_LARGE",
            "the file is larger than a publisher's table",
            found=f"{len(data):,} bytes",
            expected=f"at most {MAX_BYTES:,}",
            where={"file": file},
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GreenlangError(
            "ENCODING_UNKNOWN",
            "the file is not UTF-8 text",
            found=f"byte {data[error.start]:#04x} at {error.start}",
            expected="UTF-8",
            where={"file": file, "row": data.count(b"\n", 0, error.start) + 1},
        ) from error
    odd = next((position for position, sign in enumerate(text) if sign in "\0\ufffd"), None)
    if odd is not None:
        raise GreenlangError(
            "ENCODING_UNKNOWN",
            "the file holds signs that no text has",
            found=f"U+{ord(text[odd]):04X}",
            expected="UTF-8 text without lost characters",
            where={"file": file, "row": text.count("\n", 0, odd) + 1},
        )
    return text


def _records(text: str, file: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Records with the number of the line on which each begins; blank lines left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records, begin = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                records.append((begin, [cell.strip() for cell in cells]))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise GreenlangError(
            "LAYOUT_UNKNOWN",
            "a line cannot be split into cells",
            found=str(error),
            expected="cells in closed quotes",
            where={"file": file, "row": begin},
        ) from error
    return records
