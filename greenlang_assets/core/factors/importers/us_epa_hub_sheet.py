"""Finding one's way on the Hub's sheet: its edition, its tables, a table's rows, a label without footnote.

Belongs here: what all tables share. Does not belong here: what a table's figures mean (``us_epa_hub``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from greenlang_assets.core.factors.importers.spreadsheet import Sheet
from greenlang_assets.core.factors.importers.us_epa_hub_layout import (
    FOOTNOTES,
    HEADERS,
    NOTE_STARTS,
    TITLES,
    UNITS,
)

EDITIONS = ("2024", "2025")
_REQUIRED = range(1, 11)


class HubSheet:
    """One edition's sheet, its tables found and their bounds known."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.edition, self.patch = self._edition()
        self.bounds = self._bounds()
        self.rows_read = 0

    def _edition(self) -> tuple[str, int]:
        head = [self.sheet.text(row, "C") or "" for row in range(1, 12)]
        for row, text in enumerate(head, start=1):
            match = re.fullmatch(
                r"Blue text indicates an update from the (\d{4}) version of this document\.", text
            )
            if match:
                edition = str(int(match[1]) + 1)
                if edition not in EDITIONS:
                    raise self.sheet.refuse(
                        "EDITION_UNKNOWN",
                        "this edition of the Hub has no importer yet",
                        row,
                        "C",
                        found=edition,
                        expected=", ".join(EDITIONS),
                        hint="another edition has another layout; it needs its headers in us_epa_hub_layout",
                    )
                # A release corrected after its first publication says so and is a patch of the edition.
                corrected = any(f"original release of the {edition} version" in line for line in head)
                return edition, int(corrected)
        raise self.sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet does not name its edition",
            1,
            "C",
            found=head[3] or "an empty cell",
            expected="Blue text indicates an update from the <year> version of this document.",
        )

    def _bounds(self) -> dict[int, tuple[int, int]]:
        """First and last row of each table, by its number."""
        starts: dict[int, int] = {}
        for row in range(1, self.sheet.height + 1):
            match = re.fullmatch(r"Table (\d+)", self.sheet.text(row, "B") or "")
            if match is None:
                continue
            number = int(match[1])
            if number in starts or TITLES.get(number) != self.sheet.text(row, "C"):
                raise self.sheet.refuse(
                    "LAYOUT_UNKNOWN",
                    f"Table {number} is not the table that this importer knows, or stands here twice",
                    row,
                    "C",
                    found=self.sheet.text(row, "C"),
                    expected=TITLES.get(number, "one of Table 1 to Table 12"),
                )
            starts[number] = row
        missing = [number for number in _REQUIRED if number not in starts]
        if missing:
            raise self.sheet.refuse(
                "TABLE_MISSING",
                "the Hub lacks tables that every edition has",
                self.sheet.height,
                found=f"tables {', '.join(map(str, starts)) or 'none'}",
                expected=f"also tables {', '.join(map(str, missing))}",
                hint="the file is cut off or is another document",
            )
        ends = [*list(starts.values())[1:], self.sheet.height + 1]
        return {number: (start, end - 1) for (number, start), end in zip(starts.items(), ends, strict=True)}

    def body(self, number: int) -> Iterator[int]:
        """Rows of a table between its header and its notes, blank rows left out.

        Below the notes no number may stand: a table that goes on after a note would be lost unseen.
        """
        first, last = self.bounds[number]
        header = HEADERS[number]
        for offset, titles in header.items():
            self.sheet.expect(first + offset, titles, f"the header of Table {number}")
        known = {"B", "C"}.union(*header.values())
        ended = False
        for row in range(first + max(header) + 1, last + 1):
            cells = {column: self.sheet.text(row, column) for column in self.sheet.columns()}
            if not any(cells.values()):
                continue
            ended = ended or (cells["C"] or "").startswith(NOTE_STARTS) or cells["B"] is not None
            stray = next((column for column, cell in cells.items() if cell and column not in known), None)
            if stray is not None:
                raise self.sheet.refuse(
                    "LAYOUT_UNKNOWN",
                    f"Table {number} has a column that this importer does not know",
                    row,
                    stray,
                    found=cells[stray],
                    expected=f"nothing beside the columns {', '.join(sorted(known))}",
                )
            if not ended:
                self.rows_read += 1
                yield row
            elif any(cells[column] for column in cells if column > "C"):
                raise self.sheet.refuse(
                    "LAYOUT_UNKNOWN",
                    f"figures stand below the notes of Table {number}",
                    row,
                    found=", ".join(cell for cell in cells.values() if cell),
                    expected="only notes in column C",
                )

    def name(self, row: int, column: str) -> str | None:
        """A label without the footnote letter that is glued to it."""
        text = self.sheet.text(row, column)
        return FOOTNOTES.get(text, text) if text is not None else None

    def label(self, row: int, column: str, label: str) -> str:
        """A label that must be there."""
        name = self.name(row, column)
        if name is None:
            raise self.sheet.refuse(
                "LABEL_MISSING", f"{label} is missing", row, column, found="an empty cell", expected=label
            )
        return name

    def empty(self, row: int, columns: str) -> bool:
        """Whether none of the columns holds anything in that row."""
        return all(self.sheet.text(row, column) is None for column in columns)

    def unit(self, row: int, column: str) -> str:
        """A unit as printed, in our spelling."""
        text = self.sheet.text(row, column)
        if text not in UNITS:
            raise self.sheet.refuse(
                "UNIT_UNKNOWN",
                "the unit is none that the Hub has used",
                row,
                column,
                found=text,
                expected=", ".join(UNITS),
            )
        return UNITS[text]
