"""How far the cells of an xlsx workbook reach, found before a reader makes room for them.

Belongs here: the places that cells name, without reading what is in them. Does not belong here: how much is
too much (``spreadsheet``).

A reader makes room for the whole rectangle between the first cell and the last. Two cells in opposite corners
of a sheet are a file of five kilobytes and seventeen thousand million places: an attempt to read it ends the
process. Cells that hold a style and nothing else do not count; publishers' sheets have them far out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

#: Bytes that are looked at at once.
_CHUNK = 8_000_000
#: A cell that closes itself holds nothing. Taken away only in its plainest form, so that nothing hides in it.
_EMPTY = re.compile(rb'<(?:\w+:)?c(?: \w+="[^"<>&]*")*\s*/>')
_CELL = re.compile(rb"<(?:\w+:)?c[\s>/]")
#: The place of a cell (``C12``) or of a row (``12``).
_PLACE = re.compile(rb"""\br\s*=\s*["']\s*([A-Za-z]{0,8})([0-9]{1,10})""")


def cells_of(part: IO[bytes]) -> int:
    """How many places the rectangle of a sheet has at most; 0 for what is no sheet."""
    rows = columns = named_rows = cells = placed = 0
    for whole in _pieces(part):
        found = _EMPTY.sub(b"", whole)
        places = _PLACE.findall(found)
        cells += len(_CELL.findall(found))
        placed += sum(1 for letters, _ in places if letters)
        columns = max([columns, *(_column(letters) for letters in {letters for letters, _ in places})])
        rows = max([rows, *map(int, {digits for letters, digits in places if letters})])
        named_rows = max([named_rows, *map(int, {digits for letters, digits in places if not letters})])
    unplaced = max(0, cells - placed)
    if unplaced:
        # A cell that does not say where it is stands right of the one before, in the row that names itself.
        rows, columns = max(rows, named_rows, 1), max(columns, unplaced)
    return rows * columns


def _pieces(part: IO[bytes]) -> Iterator[bytes]:
    """The part in pieces that cut no element in two."""
    rest = b""
    while chunk := part.read(_CHUNK):
        whole, mark, begun = (rest + chunk).rpartition(b"<")
        rest = mark + begun
        yield whole
    yield rest


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
