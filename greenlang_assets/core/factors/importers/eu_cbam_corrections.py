"""Corrections of the CBAM default values: a record of places in an act's annexes, and what stands there now.

Belongs here: reading ``corrections_<act>.json`` (the act, and one record a corrected place), strictly.
Does not belong here: applying them to rows (``eu_cbam``).

A correcting act replaces whole annexes; the record lists the places that its recitals name. Where the new
figure was not read the record says so, and the printed figure is then known to be superseded, no more.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.spreadsheet import read_bytes
from greenlang_assets.core.provenance.canonical import sha256_hex

#: ``where`` of places in the annex of precursors, which belong to no country.
ANNEX_IV = "annex iv"

_FIELDS = {"where", "old", "old_total", "new", "new_total", "new_route", "verified"}
_PLACE = re.compile(r"(?P<place>[^0-9]+) CN (?P<codes>[0-9].*)")
_CODE = r"[0-9]{4}(?: ?[0-9]{2}){0,3}"
_RANGE = re.compile(r"([0-9]{4}) to ([0-9]{4})")
_ACT = re.compile(r"Commission Implementing Regulation (\(EU\) \d{4}/\d+).*correcting (\(EU\) \d{4}/\d+)")


@dataclass(frozen=True)
class Correction:
    """What one record says of one place.

    ``place`` is a country's name in lower case, ``ANNEX_IV``, or None where the record names no code.
    ``effect``: ``figure`` (a new total), ``withdrawn`` (no value any more), ``unread`` (what is new was not
    read).
    """

    where: str
    place: str | None
    codes: tuple[str, ...]
    headings: tuple[str, str] | None
    effect: Literal["figure", "withdrawn", "unread"]
    old_total: Decimal | None
    new_total: float | None
    new_route: str | None
    line: int

    def covers(self, code: str) -> bool:
        """Whether a code (digits only) is one of the corrected ones."""
        if self.headings is not None:
            return self.headings[0] <= code[:4] <= self.headings[1]
        return code in self.codes


@dataclass(frozen=True)
class Corrections:
    """One correcting act."""

    file: str
    sha256: str
    #: ``(EU) 2026/1740``, and the act that it corrects.
    act: str
    corrects: str
    title: str
    entries: tuple[Correction, ...]


def read(path: Path) -> Corrections:
    """Read one record of corrections.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN`` for anything that is not understood to the last field,
            ``PUBLISHER_FILE_UNREADABLE``.
    """
    data = read_bytes(path)
    try:
        text = data.decode("utf-8")
        content = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise _refuse(path.name, 1, str(error), "whole JSON in UTF-8") from error
    title = content.get("act") if isinstance(content, dict) else None
    act = _ACT.search(title) if isinstance(title, str) else None
    records = content.get("value_corrections") if isinstance(content, dict) else None
    if act is None or not isinstance(records, list):
        raise _refuse(
            path.name, 1, str(title)[:200], "act: Commission Implementing Regulation … correcting (EU) …, "
            "and value_corrections",
        )  # fmt: skip
    entries = []
    for record in records:
        where = record.get("where") if isinstance(record, dict) else None
        mark = json.dumps(where, ensure_ascii=False)
        line = text.count("\n", 0, max(text.find(mark), 0)) + 1
        entries.append(_entry(record, path.name, line))
    return Corrections(path.name, sha256_hex(data), act[1], act[2], str(title), tuple(entries))


def _entry(record: Any, file: str, line: int) -> Correction:
    if not isinstance(record, dict) or not isinstance(record.get("where"), str) or set(record) - _FIELDS:
        raise _refuse(file, line, str(record)[:200], f"a record of {', '.join(sorted(_FIELDS))}")
    place, codes, headings = _place(record["where"], file, line)
    effect = _effect(record, file, line)
    old, new, route = (record.get(name) for name in ("old_total", "new_total", "new_route"))
    if not isinstance(old, Decimal | int | None) or not (route is None or re.fullmatch("[A-Z]", str(route))):
        raise _refuse(file, line, f"{old!r}, {route!r}", "a number and the letter of a route")
    return Correction(
        record["where"],
        place,
        codes,
        headings,
        effect,
        None if old is None else Decimal(old),
        None if new is None else float(new),
        None if route is None else f"({route})",
        line,
    )


def _place(where: str, file: str, line: int) -> tuple[str | None, tuple[str, ...], tuple[str, str] | None]:
    """``Zimbabwe CN 7202 11 and 7202 41`` as place and codes; a text without a code names no row."""
    found = _PLACE.fullmatch(where)
    if found is None:
        if " CN " in where:
            raise _refuse(file, line, where, "<country> CN <codes>")
        return None, (), None
    place = found["place"].casefold()
    if span := _RANGE.fullmatch(found["codes"]):
        return place, (), (span[1], span[2])
    codes = re.split(r", | and ", found["codes"])
    if not all(re.fullmatch(_CODE, code) for code in codes):
        raise _refuse(
            file, line, found["codes"], "CN codes joined by commas and 'and', or <heading> to <heading>"
        )
    return place, tuple(code.replace(" ", "") for code in codes), None


def _effect(record: dict[str, Any], file: str, line: int) -> Literal["figure", "withdrawn", "unread"]:
    new, total = record.get("new"), record.get("new_total")
    if isinstance(total, Decimal | int) and not isinstance(total, bool):
        return "figure"
    if total is None and isinstance(new, str) and new.startswith("no value"):
        return "withdrawn"
    if total is None and (new is None or "not read" in str(new)):
        return "unread"
    raise _refuse(file, line, f"new {new!r}, new_total {total!r}", "a figure, 'no value', or null")


def _refuse(file: str, line: int, found: str, expected: str) -> GreenlangError:
    return GreenlangError(
        "LAYOUT_UNKNOWN",
        "the record of corrections is not in the form that this importer knows",
        found=found,
        expected=expected,
        where={"file": file, "row": line},
    )
