"""EU CBAM benchmarks: what free allocation is deducted by, per CN code and production route.

Belongs here: the sheet "Benchmarks" of the European Commission's workbook under Implementing Regulation
(EU) 2025/2620, in t CO2e per t of goods. Benchmarks are published values: they say what a good may emit, not
what it does, and no factor is made of them.
Does not belong here: default values (``eu_cbam``).

The two columns are kept apart as ``benchmark-column-a`` and ``benchmark-column-b``, which is all that the
workbook calls them. The second and further routes of a code stand in rows without a code. Edition: the year
after the one in which the act was published, from whose first day it applies.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from greenlang_assets.core.factors.importers import eu_cbam_sheets as sheets
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    frame,
    value_row,
)
from greenlang_assets.core.factors.importers.spreadsheet import Sheet, Workbook, file_sha256
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA

PUBLISHER = "eu-cbam"
DATASET = "benchmarks"
SHEET = "Benchmarks"
REGION = "GROUP-EU"
BENCHMARK = "benchmark, not an emission factor (rows)"

_HEADER = {
    "A": "CN code",
    "B": "CN Description",
    "C": "Column A BMg [tCO2e/t]",
    "D": "Column A Production route indicator",
    "E": "Column B BMg [tCO2e/t]",
    "F": "Column B Production route indicator",
}
_SECTIONS = ("Cement", "Hydrogen", "Fertilisers", "Iron & Steel", "Aluminium")
_ROUTE = re.compile(r"(\([A-Z]\))?(\([1-9]\))?")


def read(path: Path, book: Workbook) -> ImportResult:
    """Import the benchmarks: a table of published values.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``ROUTE_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``CELL_IS_AN_ERROR``,
            ``DUPLICATE_KEY``, ``SHEET_MISSING``.
    """
    history = sheets.history(book, "Version history")
    sheet = book.sheet(SHEET)
    sheet.expect(1, _HEADER, "the table of benchmarks")
    if sheet.columns() != list(_HEADER):
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the table of benchmarks has other columns",
            1,
            found=", ".join(sheet.columns()),
            expected=", ".join(_HEADER),
        )
    edition = str(history.published_year + 1)
    source = Source(
        publisher="European Commission",
        document=f"CBAM benchmarks, version {history.version}, under Implementing Regulation {history.act}",
        licence="Decision 2011/833/EU: reuse with acknowledgement of the European Commission",
        file=path.name,
        sha256=file_sha256(path),
        url=f"http://data.europa.eu/eli/reg_impl/{history.act.removeprefix('(EU) ')}/oj",
    )
    values, skipped = _values(sheet, source, edition)
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition,),
        source=source,
        factors=frame([], FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=sheet.height - 1,
        skipped=dict(sorted(skipped.items())),
        others={"values": frame(values, VALUE_SCHEMA, VALUE_KEY, source)},
    )


def _values(sheet: Sheet, source: Source, edition: str) -> tuple[list[dict[str, Any]], Counter[str]]:
    values: list[dict[str, Any]] = []
    skipped: Counter[str] = Counter()
    section, code, name = None, None, None
    for row in range(2, sheet.height + 1):
        texts = {column: sheet.text(row, column) for column in _HEADER}
        if not any(texts.values()):
            skipped[sheets.BLANK] += 1
            continue
        if texts["A"] in _SECTIONS and not any(texts[column] for column in "BCDEF"):
            section, code, name = texts["A"], None, None
            skipped[sheets.SECTION] += 1
            continue
        if texts["A"] is not None or texts["B"] is not None:
            code, name = texts["A"], texts["B"]
        if section is None or name is None or not re.fullmatch(r"[0-9]{8}", code or ""):
            raise sheet.refuse(
                "LAYOUT_UNKNOWN",
                "a row is no benchmark of a good below a heading",
                row,
                "A",
                found=" | ".join(text or "" for text in texts.values()),
                expected=f"{', '.join(_SECTIONS)}; or an eight-digit code and a name, or nothing after one",
            )
        skipped[BENCHMARK] += 1
        values += _row(sheet, row, source, edition, f"{section} > {sheets.spaced(str(code))} > {name}")
    return values, skipped


def _row(sheet: Sheet, row: int, source: Source, edition: str, path: str) -> list[dict[str, Any]]:
    """The one or two benchmarks of a row."""
    made = []
    section, code, _ = path.split(" > ", 2)
    for column, figure, mark in (("a", "C", "D"), ("b", "E", "F")):
        route = sheet.text(row, mark)
        if route is not None and not _ROUTE.fullmatch(route):
            raise sheet.refuse(
                "ROUTE_UNKNOWN",
                "the production route is not of the known form",
                row,
                mark,
                found=repr(route),
                expected="(<letter>), (<digit>), both, or nothing",
            )
        further = sheet.text(row, "A") is None
        if column == "a" and further and sheet.text(row, figure) is None and route is None:
            # The first row's benchmark of column A holds for every route of column B.
            continue
        value = value_row(
            source,
            table=SHEET,
            row=row,
            measure=f"benchmark-column-{column}",
            value=sheet.number(row, figure, f"the benchmark of column {column.upper()}"),
            unit="tonne/tonne",
            suffix=sheets.group_slug(route),
            publisher=PUBLISHER,
            dataset=DATASET,
            edition=edition,
            activity_path=f"{section} > {code}",
            region=REGION,
            year=int(edition),
        )
        made.append({**value, "activity_path": " > ".join(filter(None, (path, route)))})
    return made
