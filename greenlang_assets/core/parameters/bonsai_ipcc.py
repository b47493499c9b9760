"""Reads IPCC default parameters from the tables of the Python package ``bonsai_ipcc`` (MIT licence).

Belongs here: that package's file format, its words for units, what is refused.
Does not belong here: which of its tables are taken and what they are (``data/parameters/tables.yaml``).

The package transcribes tables of the IPCC Guidelines: a CSV file a parameter, a line a property (``def``,
``min``, ``max``), and a data package that names each file's printed table. It is a source of *figures*; its
equations are not read here. What is refused: a table for which the package cites no printed table or
another one than we say, a unit that our units do not read or that is another than we say, a range that does
not hold its value. Where the pages are at hand, a figure that does not stand in its printed table is left
out and counted.

Of version 0.5.3, 4,617 figures of the defined tables were compared with the text of the IPCC's PDF files
(those in the public repository icra/ecam): 4,429 stand in their printed table, where it spreads a row over
a line on one line of it, and 188 do not. For some tables the order of the figures was compared with print as
well, and where it differed the page was looked at: 18 figures stand for another cell than their own and are
left out by name (``differ``). What differed is listed under ``doubts`` in
``data/parameters/tables.yaml``, the counts of each table in ``data/parameters/manifest.json``. A figure
that stands elsewhere in its own table, in a table whose order was not compared, would not have been seen.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.parameters.definitions import Definitions, TableDefinition
from greenlang_assets.core.parameters.printed import PrintedTables
from greenlang_assets.core.provenance.canonical import number_text, sha256_hex
from greenlang_assets.core.units import conversion, parse_unit

_DATA = "bonsai_ipcc/data/"
_PACKAGE = _DATA + "ipcc.datapackage.yaml"
#: The package's words in unit texts -> ours. Any other word is read by our units or refused.
_WORDS = {"piece": "head", "cap": "person", "1000kg": "tonne"}
_PROPERTIES = ("def", "min", "max")
_SLUG = re.compile(r"[^a-z0-9]+")
#: Cases that are named one by one in an id; of more, the first and how many follow.
_NAMED = 3


@dataclass
class Reading:
    """What was read: rows of ``PARAMETER_SCHEMA``, and by table what became of the source's lines."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Case:
    """One figure of the source with its range, the cases it is for, and the line it stands in."""

    keys: tuple[tuple[str, tuple[str, ...]], ...]
    value: Decimal
    low: Decimal | None
    high: Decimal | None
    unit: str
    line: int


class Wheel:
    """The package's file as it comes from the index.

    Args:
        path: the wheel.
    """

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        self.sha256 = sha256_hex(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            self._texts = {
                name.removeprefix(_DATA): archive.read(name).decode("utf-8-sig")
                for name in archive.namelist()
                if name.startswith(_DATA) and name.endswith((".csv", ".yaml"))
            }
            self.name, self.licence = _distribution(archive)
        described = yaml.safe_load(self._texts[_PACKAGE.removeprefix(_DATA)])
        self._resources = {item["path"].removesuffix(".csv"): item for item in described["resources"]}

    def sources(self, table: str) -> list[dict[str, str]]:
        """What the package cites for a table: titles and addresses."""
        return list(self._resources.get(table, {}).get("sources", ()))

    def lines(self, table: str) -> Iterator[tuple[int, dict[str, str]]]:
        """The lines of a table's file with their numbers, the heading being line 1."""
        text = self._texts.get(table + ".csv")
        if text is None:
            raise _refused("the package has no such table", table, "a table of the package")
        yield from enumerate(csv.DictReader(io.StringIO(text)), start=2)


def _distribution(archive: zipfile.ZipFile) -> tuple[str, str]:
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    stated = dict(
        line.split(": ", 1) for line in archive.read(name).decode().splitlines()[:12] if ": " in line
    )
    if stated.get("Name", "").replace("-", "_") != "bonsai_ipcc":
        raise _refused("this is another package", stated.get("Name", ""), "bonsai_ipcc")
    return f"{stated['Name']} {stated['Version']}", stated.get("License", "unstated")


def read(path: Path, definitions: Definitions, pages: PrintedTables | None = None) -> Reading:
    """Every defined table of the package.

    Args:
        path: the package's wheel.
        definitions: which tables, and what they are.
        pages: the printed pages, where they are at hand.

    Raises:
        GreenlangError: ``PARAMETER_SOURCE`` where the package is not what the definitions say, naming the
            table; ``PAGES_NOT_FOUND``.
    """
    wheel = Wheel(path)
    reading = Reading()
    for table in definitions.tables:
        try:
            _read_table(wheel, table, definitions, pages, reading)
        except GreenlangError as error:
            error.where["table"] = table.id
            raise
    reading.rows.sort(key=lambda row: str(row["parameter_id"]))
    return reading


def _read_table(
    wheel: Wheel,
    table: TableDefinition,
    definitions: Definitions,
    pages: PrintedTables | None,
    reading: Reading,
) -> None:
    printed = definitions.documents[table.printed]
    _require_cited(wheel, table, printed.edition)
    counts: Counter[str] = Counter()
    cases = list(_cases(wheel, table, counts))
    if pages is not None:
        parts = [part.strip() for part in table.table.split(",")]
        lines = [line for part in parts for line in pages.lines(printed.pages, part, marks=table.marks)]
        cases = _seen(cases, table, lines, counts)
    merged = _merged(cases, table.merge)
    counts["repetitions of a figure"] = len(cases) - len(merged)
    counts["rows"] = len(merged)
    if not merged:
        raise _refused("nothing of the table is left", dict(counts), "at least one figure")
    for case, id in _named(table, merged):
        low, high = case.low, case.high
        reading.rows.append(
            {
                "parameter_id": id,
                "table_id": table.id,
                "symbol": table.symbol,
                "meaning": table.meaning,
                "keys": _json(dict(case.keys)),
                "value": _text(case.value),
                "low": None if low is None else _text(low),
                "high": None if high is None else _text(high),
                "unit": parse_unit(table.unit).text,
                "published_unit": case.unit,
                "cite_publisher": definitions.publisher,
                "cite_document": printed.document,
                "cite_edition": printed.edition,
                "cite_table": table.table,
                "cite_url": printed.url,
                "cite_licence": definitions.licence,
                "source_document": wheel.name,
                "source_sha256": wheel.sha256,
                "source_file": f"{table.source}.csv",
                "source_row": case.line,
            }
        )
    reading.counts[table.id] = {name: count for name, count in sorted(counts.items()) if count}


def _require_cited(wheel: Wheel, table: TableDefinition, edition: str) -> None:
    year, _, number = (table.cited or f"{edition}:{table.table.partition(',')[0]}").partition(":")
    listed = rf"(?:[\w.]+,\s*)*{re.escape(number.lower())}(?![\w.]*\d)"
    wanted = re.compile(rf"year:\s*{year}\b.*\btable\W\s*{listed}")
    titles = [source["title"].lower() for source in wheel.sources(table.source)]
    if not any(wanted.search(title) for title in titles):
        raise _refused(
            "the package does not say that its table is the printed one",
            " | ".join(titles) or "no citation",
            f"table {number} of {year}",
        )


def _require_unit(found: str, table: TableDefinition) -> None:
    words = re.split(r"([/*()^])", found)
    text = "".join(_WORDS.get(word, word) for word in words)
    bare = re.sub(r"\[[^\]]*\]", "", table.unit)
    if conversion(parse_unit(text), parse_unit(bare)) != 1:
        raise _refused("the package gives the figures in another unit", found, table.unit)


def _cases(wheel: Wheel, table: TableDefinition, counts: Counter[str]) -> Iterator[_Case]:
    """The figures of the source with their ranges; lines of one case are one figure."""
    columns = [column for names in table.keys.values() for column in names]
    groups: dict[tuple[str, ...], dict[str, tuple[int, str, str]]] = {}
    for line, row in wheel.lines(table.source):
        dimensions = [name for name in row if name not in ("property", "value", "unit")]
        wanted = (*columns, *table.only, *table.without, *table.names, *(c for d in table.differ for c in d))
        strange = [column for column in wanted if column not in dimensions]
        if strange:
            raise _refused("the source's table has no such column", strange[0], ", ".join(dimensions))
        if row["property"] in _PROPERTIES and _taken(row, table):
            key = tuple(row[name] for name in dimensions)
            properties = groups.setdefault(key, {})
            if row["property"] in properties:
                raise _refused("the source says one thing twice", f"line {line}", "each case once")
            properties[row["property"]] = (line, row["value"].strip(), row["unit"])
    for key, properties in groups.items():
        named = dict(zip(dimensions, key, strict=True))
        if any(named.items() >= case.items() for case in table.differ):
            counts["figures seen to differ in print"] += 1
            continue
        case = _case(named, properties, table, counts)
        if case is not None:
            yield case


def _taken(row: Mapping[str, str], table: TableDefinition) -> bool:
    return all(row[column] in values for column, values in table.only.items()) and not any(
        row[column] in values for column, values in table.without.items()
    )


def _case(
    named: Mapping[str, str],
    properties: Mapping[str, tuple[int, str, str]],
    table: TableDefinition,
    counts: Counter[str],
) -> _Case | None:
    line, text, unit = properties.get("def", (0, "", ""))
    value = _decimal(text)
    if value is None:
        counts["without a figure"] += 1
        return None
    if value == 0 and not table.zeros:
        counts["zeros for empty cells"] += 1
        return None
    _require_unit(unit, table)
    low, high = (_decimal(properties[side][1]) if side in properties else None for side in ("min", "max"))
    if table.ranges and low is not None and high is not None and not low <= value <= high:
        counts["ranges that do not hold their value"] += 1
        low = high = None
    if not table.ranges or low is None or high is None or low == high:
        low = high = None
    called = {column: table.names.get(column, {}).get(text, text) for column, text in named.items()}
    keys = tuple((key, (" ".join(called[c] for c in names),)) for key, names in table.keys.items())
    return _Case(keys, value, low, high, unit, line)


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _seen(
    cases: Sequence[_Case], table: TableDefinition, lines: Sequence[frozenset[Decimal]], counts: Counter[str]
) -> list[_Case]:
    """The figures that stand in the text of the printed table, on one line where they must."""
    scale = 100 if table.percent else 1
    everywhere = frozenset[Decimal]().union(*lines)
    groups: dict[Any, list[_Case]] = {}
    for case in cases:
        groups.setdefault(tuple(item for item in case.keys if item[0] not in table.line), []).append(case)
    found: list[_Case] = []
    for group in groups.values():
        wanted = {case.value * scale for case in group}
        numbers = max(lines, key=lambda line: len(line & wanted)) if table.line else everywhere
        found += [case for case in group if case.value * scale in numbers or case.value == 0]
    counts["figures found on the page"] = len(found)
    counts["figures not found on the page"] = len(cases) - len(found)
    return found


def _merged(cases: Sequence[_Case], along: Sequence[str]) -> list[_Case]:
    """Cases with the same figures become one, first along one key, then along the next."""
    for key in along:
        groups: dict[Any, list[_Case]] = {}
        for case in cases:
            rest = tuple(item for item in case.keys if item[0] != key)
            groups.setdefault((rest, case.value, case.low, case.high, case.unit), []).append(case)
        cases = [_together(group, key) for group in groups.values()]
    return list(cases)


def _together(group: Sequence[_Case], key: str) -> _Case:
    first = min(group, key=lambda case: case.line)
    texts = tuple(sorted({text for case in group for text in dict(case.keys)[key]}))
    keys = tuple((name, texts if name == key else cases) for name, cases in first.keys)
    return _Case(keys, first.value, first.low, first.high, first.unit, first.line)


def _named(table: TableDefinition, cases: Sequence[_Case]) -> Iterator[tuple[_Case, str]]:
    taken: set[str] = set()
    for case in sorted(cases, key=lambda case: case.line):
        id = "/".join((table.id, *(_slug(texts) for _, texts in case.keys)))
        if id in taken:
            raise _refused("two figures of a table have the same name", id, "cases that tell figures apart")
        taken.add(id)
        yield case, id


def _slug(texts: Sequence[str]) -> str:
    slugs = [_SLUG.sub("-", text.lower()).strip("-") for text in texts]
    if len(slugs) <= _NAMED:
        return "-or-".join(slugs)
    return f"{slugs[0]}-and-{len(slugs) - 1}-more"


def _text(value: Decimal) -> str:
    """The digits of the source, without an exponent or trailing zeros."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or number_text(float(value))


def _json(keys: Mapping[str, Sequence[str]]) -> str:
    import json

    return json.dumps(keys, ensure_ascii=False, separators=(",", ":"))


def _refused(message: str, found: Any, expected: str) -> GreenlangError:
    return GreenlangError("PARAMETER_SOURCE", message, found=found, expected=expected)
