"""The European Commission's CBAM workbooks: their sheets as rows, before anything is made of them.

Belongs here: the layout of the default values workbook (one sheet a country) and of the version history.
Does not belong here: factors, corrections, Annex IV (``eu_cbam``), benchmarks (``eu_cbam_benchmarks``).

Figures are numeric cells here (the Official Journal prints the same ones with a decimal comma): a text with
a comma in a figure's place is refused like any other text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.countries import by_name
from greenlang_assets.core.factors.importers.base import slug
from greenlang_assets.core.factors.importers.spreadsheet import Sheet, Workbook

OVERVIEW = "Overview"
#: The table for countries that have none of their own.
OTHERS = "Other Countries and Territories"
OTHERS_REGION = "GROUP-OTHER-COUNTRIES-AND-TERRITORIES"

SEE_BELOW = "'see below': the figures stand at the codes below (rows)"
NO_VALUE = "no value: the row of 'Other Countries and Territories' applies (rows)"
SECTION = "heading of a group of goods (rows)"
BLANK = "blank rows"

#: All of them are per tonne of goods. Electricity (per MWh) has an annex of its own and no sheet here.
SECTIONS = ("Cement", "Fertilisers", "Hydrogen", "Iron and steel", "Aluminium")
#: In cement one code covers white and grey goods: there the description belongs to the key.
COLOURED = ("Cement",)

_FIRST = {
    "A": "Product CN Code",
    "B": "Description",
    "C": "Default Value (direct emissions)",
    "D": "Default Value (indirect emissions)",
    "E": "Default Value (total emissions)",
}
_MARKED_UP = re.compile(r"(\d{4})( and onwards)? Default Value \(including mark-up\)")
_ROUTE_TITLE = "Underlying production route determining CBAM BM"
_CODE = re.compile(r"[0-9]{4}(?: ?[0-9]{2}){0,3}")
_ROUTE = re.compile(r"\([A-Z]\)(/\([A-Z]\))*")
#: What stands in a figure's place where there is none. The odd spellings occur once or twice each.
_NONE = ("–", "_", "-", "N/A", "N.A.", "N/a", "N/(A", None)
_BELOW = "see below"
_PUBLISHED = re.compile(
    r"Implementing Regulation (\(EU\) \d{4}/\d+) published on (\d{1,2} [A-Z][a-z]+ \d{4})"
)


@dataclass(frozen=True)
class History:
    """The newest line of a workbook's version history."""

    version: int
    act: str
    published_year: int


@dataclass(frozen=True)
class Row:
    """One good in one country's table: what is printed, nothing made of it.

    ``figures`` holds every number of the row: ``direct``, ``indirect``, ``total`` and one a year of the
    marked-up values; what is no number is absent.
    """

    sheet: str
    row: int
    country: str
    region: str
    section: str
    mark_ups: tuple[int | None, ...]
    headings: tuple[str, ...]
    code: str
    description: str
    route: str | None
    below: bool
    figures: dict[str, float]


def spaced(code: str) -> str:
    """``25231000`` as ``2523 10 00``, the way the nomenclature prints it."""
    return " ".join([code[:4], *(code[at : at + 2] for at in range(4, len(code), 2))])


def history(book: Workbook, sheet_name: str) -> History:
    """The newest version that a workbook lists.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``SHEET_MISSING``.
    """
    sheet = book.sheet(sheet_name)
    sheet.expect(2, {"A": "Version", "B": "Date", "C": "Version Notes"}, "the version history")
    row = max(row for row in range(2, sheet.height + 1) if sheet.text(row, "A") is not None)
    version, notes = sheet.text(row, "A"), sheet.text(row, "C")
    found = _PUBLISHED.search(notes or "")
    if version is None or not re.fullmatch(r"[1-9]\d?", version) or found is None:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the version history does not say which act a version follows",
            row,
            "C",
            found=f"version {version}: {notes}",
            expected="a number, and: … Implementing Regulation (EU) … published on <day> <month> <year>",
        )
    return History(int(version), found[1], int(found[2].split()[-1]))


def countries(book: Workbook) -> list[str]:
    """The sheets that hold a country's table.

    Raises:
        GreenlangError: ``SHEET_MISSING`` when there is none, or not the one for other countries.
    """
    names = [name for name in book.names if name not in (OVERVIEW, "Version History")]
    if not any(name.startswith("_Other") for name in names):
        raise GreenlangError(
            "SHEET_MISSING",
            "the workbook has no table for other countries and territories",
            found=", ".join(book.names[-3:]),
            expected="_" + OTHERS[:30],
            where={"file": book.file},
        )
    return names


def table(sheet: Sheet, skipped: Counter[str]) -> tuple[list[Row], int]:
    """The goods of one country's sheet, and how many rows were read; rows that hold none are counted.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``REGION_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``CELL_IS_AN_ERROR``.
    """
    country, region = _country(sheet)
    years = header(sheet)
    section: str | None = None
    mark_ups: tuple[int | None, ...] = ()
    below: dict[str, str] = {}
    rows: list[Row] = []
    for row in range(3, sheet.height + 1):
        texts = [_plain(sheet, row, column) for column in "ABCDEFGHI"]
        if not any(texts):
            skipped[BLANK] += 1
        elif texts[0] is not None and not any(texts[1:5]):
            section, mark_ups = _section(sheet, row, texts)
            skipped[SECTION] += 1
        else:
            good = _good(sheet, row, texts, years, (country, region, section, mark_ups), below)
            rows.append(good)
            if good.below:
                below[good.code] = good.description
    return rows, sheet.height - 2


def _plain(sheet: Sheet, row: int, column: str) -> str | None:
    """A cell's text; a spreadsheet error reads as nothing, the cell that must be a number refuses it."""
    return None if (row, column) in sheet.errors else sheet.text(row, column)


def _country(sheet: Sheet) -> tuple[str, str]:
    """The country that a sheet is titled with, which its tab names too (cut at 31 signs)."""
    name = sheet.text(1, "A")
    tab = sheet.name.removeprefix("_")
    if name is None or not name.replace("/", "_").startswith(tab) or sheet.columns()[0] != "A":
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet's title is not the country of its tab",
            1,
            "A",
            found="an empty cell" if name is None else repr(name),
            expected=tab,
        )
    region = OTHERS_REGION if name == OTHERS else by_name(name)
    if region is None:
        raise sheet.refuse(
            "REGION_UNKNOWN",
            "the country has no code in our table of countries",
            1,
            "A",
            found=name,
            expected="a country of ISO 3166-1",
            hint="a new spelling belongs in data/factors/countries.csv, column also",
        )
    return name, region


def header(sheet: Sheet) -> list[int]:
    """The years of the marked-up columns of a country's sheet, in their order.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``.
    """
    sheet.expect(2, {**_FIRST, "I": _ROUTE_TITLE}, "the header of a country's table")
    titles = [sheet.text(2, column) or "" for column in "FGH"]
    years = [_MARKED_UP.fullmatch(title) for title in titles]
    known = [int(year[1]) for year in years if year]
    beyond = [column for column in sheet.columns()[9:] if sheet.text(2, column)]
    if len(known) != 3 or known != sorted(set(known)) or beyond:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the marked-up columns are not those that this importer knows",
            2,
            beyond[0] if beyond else "F",
            found=" | ".join(titles + [sheet.text(2, column) or "" for column in beyond]),
            expected="<year> Default Value (including mark-up) for three years in order, then the route",
        )
    return known


def _section(sheet: Sheet, row: int, texts: Sequence[str | None]) -> tuple[str, tuple[int | None, ...]]:
    mark_ups = [None if text is None else re.fullmatch(r"(\d{1,3})% mark-up", text) for text in texts[5:8]]
    if texts[0] not in SECTIONS or any(
        text is not None and mark is None for text, mark in zip(texts[5:8], mark_ups, strict=True)
    ):
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "a row without figures is no heading of a known group of goods",
            row,
            "A",
            found=" | ".join(text or "" for text in texts),
            expected=f"{', '.join(SECTIONS)}; and <n>% mark-up",
            hint="the unit of a new group must be known before its figures are read",
        )
    return str(texts[0]), tuple(None if mark is None else int(mark[1]) for mark in mark_ups)


def _good(
    sheet: Sheet,
    row: int,
    texts: Sequence[str | None],
    years: Sequence[int],
    of: tuple[str, str, str | None, tuple[int | None, ...]],
    below: dict[str, str],
) -> Row:
    country, region, section, mark_ups = of
    code, description = texts[0] or "", texts[1]
    if section is None or description is None or not _CODE.fullmatch(code):
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "a row is no good with a CN code and a description below a heading",
            row,
            "A" if not _CODE.fullmatch(code) else "B",
            found=" | ".join(text or "" for text in texts[:3]),
            expected="4, 6, 8 or 10 digits, and a text",
        )
    digits = code.replace(" ", "")
    route = texts[8]
    if route is not None and route not in _NONE and not _ROUTE.fullmatch(route):
        raise sheet.refuse(
            "ROUTE_UNKNOWN",
            "the production route is not of the known form",
            row,
            "I",
            found=repr(route),
            expected="(<letter>), several joined by /, or nothing",
        )
    names = ("direct", "indirect", "total", *(f"marked-up-{year}" for year in years))
    figures = {}
    for name, column, text in zip(names, "CDEFGH", texts[2:8], strict=True):
        # A marked-up cell may hold a spreadsheet error where its row has no total (it multiplies a text).
        spoilt = (row, column) in sheet.errors and not (column in "FGH" and "total" not in figures)
        if spoilt or (text not in _NONE and text != _BELOW):
            sheet.raw(row, column)
            figures[name] = sheet.number(row, column, f"the default value ({name})")
    return Row(
        sheet.name,
        row,
        country,
        region,
        section,
        mark_ups,
        tuple(name for head, name in below.items() if digits.startswith(head) and digits != head),
        digits,
        description,
        route if route not in _NONE else None,
        texts[4] == _BELOW,
        figures,
    )


def stray(sheet: Sheet) -> list[str]:
    """Cells right of the table, where no column has a heading."""
    return [
        f"{column}{row}"
        for column in sheet.columns()[9:]
        for row in range(3, sheet.height + 1)
        if _plain(sheet, row, column) is not None
    ]


def group_slug(route: str | None) -> str | None:
    """A route as part of an id: ``(C)/(F)`` is ``route-c-f``."""
    return None if route is None else f"route-{slug(route)}"
