"""EU Combined Nomenclature: the goods behind eight-digit codes, one file a year. No factors.

Belongs here: the machine-readable list of Eurostat and DG TAXUD as ``cnCodes_<year>.json`` (one record a
code: code, name of the leaf, the sections and headings above it as codes).
Does not belong here: what a good emits (``eu_cbam``), TARIC's ten-digit codes.

A leaf's name may be ``Other``; it means something below its headings only. The file holds the codes of the
headings and not their texts, so the path goes through those codes: ``Section XV > Chapter 72 > Heading 7208 >
Subheading 720825 > Of a thickness of 4,75 mm or more``. A level that the file leaves empty (a heading with
a single code below it) is left out of the path. Supplementary units are checked to be texts and not kept:
they are units of customs statistics, and no figure comes with them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import (
    GOODS_KEY,
    GOODS_SCHEMA,
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    ImportResult,
    Source,
    frame,
)
from greenlang_assets.core.factors.importers.delimited import decoded
from greenlang_assets.core.factors.importers.spreadsheet import read_bytes, squeeze
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.provenance.canonical import sha256_hex

PUBLISHER = "eu-cn"
DATASET = "combined-nomenclature"
NOMENCLATURE = "CN"
URL = "https://op.europa.eu/en/web/eu-vocabularies/dataset/-/resource?uri=http://publications.europa.eu/resource/dataset/cn"
NO_HEADINGS = (
    "the file holds no texts of sections, chapters, headings and subheadings: paths name them by code"
)

#: Levels above the leaf, and how many digits of the good's code each holds. (The file of 2025 puts the
#: heading 0702 in the place of the subheading, for three tomatoes.)
_DIGITS = {"chapter": (2,), "heading": (4,), "subheading": (6, 4)}
_NAMES = {2: "Chapter", 4: "Heading", 6: "Subheading"}
_FIELDS = ("code", "rawCode", "name", "version", "section", *_DIGITS, "supplementaryUnit")
_OPTIONAL = ("heading", "subheading", "supplementaryUnit")


def read(path: Path) -> ImportResult:
    """Import one year's list: a table of kind ``goods``, no factors.

    Raises:
        GreenlangError: ``FILE_TOO_LARGE``, ``ENCODING_UNKNOWN``, ``LAYOUT_UNKNOWN`` (no JSON list of records
            with the known fields, a level that is not the head of its code), ``EDITION_UNKNOWN`` (records of
            several years), ``DUPLICATE_KEY``, ``PUBLISHER_FILE_UNREADABLE``.
    """
    data = read_bytes(path)
    records, lines = _records(data, path.name)
    years = sorted({record["version"] for record in records})
    if len(years) != 1:
        raise GreenlangError(
            "EDITION_UNKNOWN",
            "the list mixes years",
            found=", ".join(map(str, years)),
            expected="one year",
            where={"file": path.name},
        )
    edition = str(years[0])
    source = Source(
        publisher="European Union, Eurostat and DG TAXUD",
        document=f"Combined Nomenclature {edition}",
        licence="CC BY 4.0",
        file=path.name,
        sha256=sha256_hex(data),
        url=URL,
    )
    rows = [
        {
            "nomenclature": NOMENCLATURE,
            "year": years[0],
            "code": record["code"],
            "name": squeeze(record["name"]),
            "path": _path(record),
            **source.cite(edition=edition, table="CN codes", row=line),
        }
        for record, line in zip(records, lines, strict=True)
    ]
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition,),
        source=source,
        factors=frame([], FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=len(records),
        skipped={"name of a good, not an emission factor (rows)": len(records)},
        others={"goods": frame(rows, GOODS_SCHEMA, GOODS_KEY, source)},
        notes=(NO_HEADINGS,),
    )


def _records(data: bytes, file: str) -> tuple[list[dict[str, Any]], list[int]]:
    """The records, each checked, and the line on which each begins."""
    text = decoded(data, file)
    try:
        records, lines = _parsed(text)
    except json.JSONDecodeError as error:
        raise _not_json(file, error.msg, error.lineno, error.colno) from error
    except (RecursionError, ValueError) as error:
        # Lists within lists without end, or a number of more digits than Python reads.
        raise _not_json(file, str(error), 1, 1) from error
    for record, line in zip(records, lines, strict=True):
        _check(record, file, line)
    return records, lines


def _not_json(file: str, found: str, line: int, column: int) -> GreenlangError:
    return GreenlangError(
        "LAYOUT_UNKNOWN",
        "the file is not whole JSON",
        found=found,
        expected="a list of records",
        hint="fetch the file again from its publisher",
        where={"file": file, "row": line, "column": column},
    )


def _parsed(text: str) -> tuple[list[Any], list[int]]:
    """The items of a JSON list, and the line on which each begins (a plain parse loses the places)."""
    decoder = json.JSONDecoder()
    gap = re.compile(r"\s*")
    at, line, counted = gap.match(text).end(), 1, 0  # type: ignore[union-attr]
    if text[at : at + 1] != "[":
        raise json.JSONDecodeError("the file does not begin with a list", text, at)
    records, lines = [], []
    while True:
        at = gap.match(text, at + 1).end()  # type: ignore[union-attr]
        line, counted = line + text.count("\n", counted, at), at
        record, at = decoder.raw_decode(text, at)
        records.append(record)
        lines.append(line)
        at = gap.match(text, at).end()  # type: ignore[union-attr]
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("a record is followed by neither a comma nor the end", text, at)
    if text[at + 1 :].strip():
        raise json.JSONDecodeError("something stands behind the list", text, at + 1)
    return records, lines


def _check(record: Any, file: str, line: int) -> None:
    """Refuse a record that is not one of the layout."""

    def refuse(field: str | None, found: object, expected: str) -> GreenlangError:
        return GreenlangError(
            "LAYOUT_UNKNOWN",
            "a record is not in the layout that this importer knows",
            found=found,
            expected=expected,
            where={"file": file, "row": line, **({"column": field} if field else {})},
        )

    if not isinstance(record, dict) or sorted(record) != sorted(_FIELDS):
        fields = sorted(record) if isinstance(record, dict) else type(record).__name__
        raise refuse(None, fields, ", ".join(_FIELDS))
    if not isinstance(record["version"], int) or not 1988 <= record["version"] <= 2100:
        raise refuse("version", repr(record["version"]), "a year")
    for field in _FIELDS:
        value = record[field]
        absent = value is None and field in _OPTIONAL
        if field != "version" and not absent and not (isinstance(value, str) and value.strip()):
            raise refuse(field, repr(value), "a text")
    code = record["code"]
    if not re.fullmatch(r"[0-9]{8}", code) or record["rawCode"].replace(" ", "") != code:
        raise refuse("code", f"{code} ({record['rawCode']})", "eight digits, the same in both spellings")
    if not re.fullmatch(r"[IVX]+", record["section"]):
        raise refuse("section", repr(record["section"]), "a Roman number")
    for level, digits in _DIGITS.items():
        heads = [code[:count] for count in digits]
        if record[level] is not None and record[level] not in heads:
            raise refuse(level, repr(record[level]), f"{' or '.join(heads)}, the head of {code}")


def _path(record: dict[str, Any]) -> str:
    codes = [record[level] for level in _DIGITS if record[level] is not None]
    above = [f"Section {record['section']}", *(f"{_NAMES[len(code)]} {code}" for code in codes)]
    return " > ".join([*above, squeeze(record["name"])])
