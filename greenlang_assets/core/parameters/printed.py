"""The printed pages: does a figure stand in the table that it is said to come from?

Belongs here: the numbers in the text of a printed table.
Does not belong here: getting text out of a page (``pdftotext -layout FILE.pdf``, by whoever has the pages).

This is a check on the source, not a source: no figure is taken from here.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from greenlang_assets.core.errors import GreenlangError

#: A table that is printed over several pages repeats its heading; between two headings lies at most a page.
_MAX_LINES = 160
_HEADING = re.compile(r"^\s*TABLE\s+(\d+[A-Z]?\.\d+[A-Z]?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:[ ,]\d{3})+|\d+)(?:\.\d+)?(?![\d])|(?<![\w.])\.\d+")


class PrintedTables:
    """The tables in a folder of page texts, one file a document.

    Args:
        folder: holds ``<stem>.txt`` for each document.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @lru_cache(maxsize=256)  # noqa: B019  one object a check
    def lines(self, stem: str, table: str, *, marks: bool = False) -> tuple[frozenset[Decimal], ...]:
        """The numbers in each line of a table's text.

        Args:
            stem: the document.
            table: number of the table.
            marks: whether footnote marks stand at the end of figures, so that a last digit may be one.

        Raises:
            GreenlangError: ``PAGES_NOT_FOUND`` where the document or the table's heading is not there.
        """
        path = self._folder / f"{stem}.txt"
        found: list[frozenset[Decimal]] = []
        left = 0
        for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
            heading = _HEADING.match(line)
            if heading:
                left = _MAX_LINES if heading[1].upper() == table.upper() else 0
            if left:
                left -= 1
                found.append(frozenset(_numbers(line, marks)))
        if not found:
            raise GreenlangError(
                "PAGES_NOT_FOUND",
                "the printed table is not among the page texts",
                found=f"{stem}.txt, table {table}",
                expected="the text of the document, made with pdftotext -layout",
            )
        return tuple(found)


def _numbers(line: str, marks: bool) -> list[Decimal]:
    # A group of thousands may as well be two columns: both readings count.
    texts = [match[0] for match in _NUMBER.finditer(line)]
    texts += [part for text in texts if " " in text or "," in text for part in re.split("[ ,]", text)]
    if marks:
        texts += [text[:-1] for text in texts if len(text) > 1]
    return [Decimal(text.replace(" ", "").replace(",", "").rstrip(".")) for text in texts]
