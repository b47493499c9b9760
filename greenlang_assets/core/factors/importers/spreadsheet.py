"""A publisher's workbook as text cells at the places where Excel shows them.

Belongs here: opening a workbook safely, cell addresses, numbers read from text, refusals that name the cell.
Does not belong here: what a cell means; that is the importer's business.

Rows and columns are those of Excel: row 1 is the first row of the sheet even when it is blank, column A
the first even when it is blank. (The reader underneath drops blank leading columns, and blank leading
rows unless it is told to skip none of them.)
"""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastexcel

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import compound_file, sheet_extent

#: The largest workbook read here unpacks to 4.3 MB; other publishers' reach tens of MB.
MAX_UNPACKED_BYTES = 200_000_000
#: Their XML packs to a ninth at most; a bomb reaches a thousandth.
MAX_PACKING_RATIO = 200
#: The largest sheet read here reaches over 1.2 million places.
MAX_CELLS = 10_000_000

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def column_letter(index: int) -> str:
    """``0`` is ``A``, ``27`` is ``AB``."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_index(letter: str) -> int:
    """The inverse of :func:`column_letter`."""
    index = 0
    for character in letter:
        index = index * 26 + ord(character) - 64
    return index - 1


def squeeze(text: str) -> str:
    """Line breaks, no-break spaces and runs of blanks become one space; the ends are trimmed."""
    return " ".join(text.replace("\xa0", " ").split())


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_bytes(path: Path) -> bytes:
    """The bytes of a publisher's file, or a refusal that says it is not there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise GreenlangError(
            "PUBLISHER_FILE_UNREADABLE",
            "a publisher's file could not be read",
            found=error.strerror,
            expected="a readable file",
            where={"file": path.name},
        ) from error


@dataclass(frozen=True)
class Sheet:
    """One sheet as text: ``text(row, "C")`` is the cell that Excel calls C<row>."""

    file: str
    name: str
    rows: list[tuple[str | None, ...]]
    #: The same cells as float64, to the last bit; the text of a cell has 15 digits, as Excel shows it.
    numbers: list[tuple[float | None, ...]]
    first_column: int
    errors: dict[tuple[int, str], str]
    #: The columns that were read, counted from 0, where not all were.
    picked: tuple[int, ...] | None = None

    @property
    def height(self) -> int:
        """The last row that holds anything, counted as Excel counts."""
        return len(self.rows)

    def raw(self, row: int, column: str) -> str | None:
        """The cell as it stands, or None when it is empty."""
        if (row, column) in self.errors:
            raise self.refuse(
                "CELL_IS_AN_ERROR",
                "a cell holds a spreadsheet error instead of a value",
                row,
                column,
                found=self.errors[row, column],
                expected="a number, a text or nothing",
            )
        at = self._at(column)
        if not 1 <= row <= len(self.rows) or not 0 <= at < len(self.rows[row - 1]):
            return None
        return self.rows[row - 1][at]

    def text(self, row: int, column: str) -> str | None:
        """The cell with blanks squeezed; a cell of blanks only counts as empty."""
        cell = self.raw(row, column)
        return (squeeze(cell) or None) if cell is not None else None

    def number(self, row: int, column: str, label: str) -> float:
        """The number in a cell that must hold one.

        Raises:
            GreenlangError: ``CELL_NOT_A_NUMBER`` for empty cells, text and decimal commas.
        """
        cell = self.text(row, column)
        if cell is None or not _NUMBER.fullmatch(cell):
            raise self.refuse(
                "CELL_NOT_A_NUMBER",
                f"{label} is not a number",
                row,
                column,
                found="an empty cell" if cell is None else repr(cell),
                expected="digits with a decimal point",
                hint="neither a decimal comma nor a note in the cell is guessed at" if cell else None,
            )
        exact = self.numbers[row - 1][self._at(column)]
        return float(cell) if exact is None else exact

    def columns(self) -> list[str]:
        """Letters of the columns that hold anything."""
        if self.picked is not None:
            return [column_letter(index) for index in self.picked]
        width = max((len(row) for row in self.rows), default=0)
        return [column_letter(self.first_column + offset) for offset in range(width)]

    def _at(self, column: str) -> int:
        """Where a column stands in a row that was read; -1 where it was not."""
        index = column_index(column)
        if self.picked is None:
            return index - self.first_column
        return self.picked.index(index) if index in self.picked else -1

    def refuse(
        self, code: str, message: str, row: int, column: str | None = None, **rest: Any
    ) -> GreenlangError:
        """The error for a cell of this sheet."""
        where: dict[str, Any] = {"file": self.file, "sheet": self.name, "row": row}
        if column is not None:
            where["column"] = column
        return GreenlangError(code, message, where=where, **rest)

    def expect(self, row: int, cells: Mapping[str, str | tuple[str | None, ...]], what: str) -> None:
        """Refuse the sheet unless each named cell of ``row`` holds exactly that text (or one of those)."""
        for column, texts in cells.items():
            accepted = (texts,) if isinstance(texts, str) else texts
            found = self.text(row, column)
            if found not in accepted:
                raise self.refuse(
                    "LAYOUT_UNKNOWN",
                    f"{what} is not in the layout that this importer knows",
                    row,
                    column,
                    found="an empty cell" if found is None else repr(found),
                    expected=" or ".join(map(repr, accepted)),
                    hint="columns that moved or were renamed need an importer that knows the new layout",
                )


@dataclass(frozen=True)
class Workbook:
    """A workbook that was opened safely once; its sheets are read one at a time."""

    file: str
    reader: fastexcel.ExcelReader

    @property
    def names(self) -> list[str]:
        """The sheets, in the order of their tabs."""
        return list(self.reader.sheet_names)

    def sheet(self, name: str, *, head: int | None = None, picked: Sequence[int] | None = None) -> Sheet:
        """Read one sheet, every cell as text.

        Args:
            head: only so many rows from the top.
            picked: only these columns, counted from 0: a sheet of 20 million cells does not fit in memory.

        Raises:
            GreenlangError: ``SHEET_MISSING``, ``WORKBOOK_UNREADABLE``.
        """
        if name not in self.names:
            raise GreenlangError(
                "SHEET_MISSING",
                "the workbook has no sheet of that name",
                found=", ".join(self.names),
                expected=name,
                where={"file": self.file},
            )
        part: dict[str, Any] = {"header_row": None, "skip_rows": 0, "n_rows": head}
        if picked is not None:
            part["use_columns"] = list(picked)
        try:
            sheet = self.reader.load_sheet(name, dtypes="string", **part)
            batch, problems = sheet.to_arrow_with_errors()
            exact = self.reader.load_sheet(name, dtypes="float", **part).to_arrow()
            columns = sheet.selected_columns
        except fastexcel.FastExcelError as error:
            raise _not_read(error, {"file": self.file, "sheet": name}) from error
        first = columns[0].absolute_index if columns else 0
        rows, numbers = (
            list(zip(*(column.to_pylist() for column in cells.columns), strict=True)) if columns else []
            for cells in (batch, exact)
        )
        errors = {}
        for problem in problems.errors if problems else ():
            row, offset = problem.position
            at = first + offset if picked is None else columns[offset].absolute_index
            errors[row + 1, column_letter(at)] = problem.detail
        read = None if picked is None else tuple(column.absolute_index for column in columns)
        return Sheet(self.file, name, rows, numbers, first, errors, read)


def open_workbook(path: Path, max_unpacked: int = MAX_UNPACKED_BYTES, max_cells: int = MAX_CELLS) -> Workbook:
    """Open an xlsx workbook, or an xls one of the years before.

    Args:
        max_unpacked: bytes that the workbook may unpack to; more only for a publisher known to need it.
        max_cells: places that a sheet may reach over; the same.

    Raises:
        GreenlangError: ``WORKBOOK_UNREADABLE`` (not a workbook, truncated), ``WORKBOOK_TOO_LARGE`` (unpacks
            to far more than any publisher's file, or its cells lie far apart).
    """
    data = read_bytes(path)
    if data.startswith(compound_file.MAGIC):
        # Nothing in such a file is packed; it is as large as it looks.
        _refuse_torn(path, data)
    else:
        _refuse_bombs(path, max_unpacked, max_cells)
    try:
        return Workbook(path.name, fastexcel.read_excel(data))
    except fastexcel.FastExcelError as error:
        raise _not_read(error, {"file": path.name}) from error


def open_sheet(path: Path, name: str) -> Sheet:
    """Read one sheet of a workbook, every cell as text.

    Raises:
        GreenlangError: ``WORKBOOK_UNREADABLE``, ``WORKBOOK_TOO_LARGE``, ``SHEET_MISSING``.
    """
    return open_workbook(path).sheet(name)


def _not_read(error: fastexcel.FastExcelError, where: dict[str, Any]) -> GreenlangError:
    return GreenlangError(
        "WORKBOOK_UNREADABLE",
        "the file could not be read as a workbook",
        found=str(error).splitlines()[0],
        expected="a whole workbook",
        where=where,
    )


def _refuse_torn(path: Path, data: bytes) -> None:
    """Refuse an xls workbook that is not whole."""
    found = compound_file.defect(data)
    if found is not None:
        raise GreenlangError(
            "WORKBOOK_UNREADABLE",
            "the file is not a whole xls workbook",
            found=f"{found} ({len(data)} bytes)",
            expected="an xls workbook, complete to its last sector",
            hint="fetch the file again from its publisher",
            where={"file": path.name},
        )


def _refuse_bombs(path: Path, max_unpacked: int, max_cells: int) -> None:
    """Refuse what unpacks to too much, before anything unpacks it, and what is not whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            packed = max(1, sum(member.compress_size for member in members))
            within = unpacked <= max_unpacked and unpacked / packed <= MAX_PACKING_RATIO
            # Reads at most the sizes just summed; a member that states a false size fails its checksum.
            damaged = archive.testzip() if within else None
            reached = _reached(archive) if within and damaged is None else 0
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _unreadable(path, str(error)) from error
    if not within:
        raise GreenlangError(
            "WORKBOOK_TOO_LARGE",
            "the workbook unpacks to more than a publisher's workbook holds",
            found=f"{unpacked:,} bytes from {packed:,}",
            expected=f"at most {max_unpacked:,} bytes and {MAX_PACKING_RATIO} times its packed size",
            where={"file": path.name},
        )
    if damaged is not None:
        raise _unreadable(path, f"{damaged} is damaged")
    if reached > max_cells:
        raise GreenlangError(
            "WORKBOOK_TOO_LARGE",
            "a sheet of the workbook reaches over more places than a publisher's sheet",
            found=f"{reached:,} places between its first and its last cell",
            expected=f"at most {max_cells:,}",
            hint="a cell far out was filled by mistake, or the file was made to fill the memory",
            where={"file": path.name},
        )


def _reached(archive: zipfile.ZipFile) -> int:
    """Places of the largest sheet; a sheet may stand under any name."""
    most = 0
    for member in archive.infolist():
        with archive.open(member) as part:
            most = max(most, sheet_extent.cells_of(part))
    return most


def _unreadable(path: Path, found: str) -> GreenlangError:
    return GreenlangError(
        "WORKBOOK_UNREADABLE",
        "the file is not a whole xlsx workbook",
        found=f"{found} ({path.stat().st_size} bytes)",
        expected="an xlsx workbook, complete to its last byte",
        hint="fetch the file again from its publisher",
        where={"file": path.name},
    )
