"""EU CBAM default values of the definitive period: emissions embedded in a tonne of goods.

Belongs here: the European Commission's workbook of Annex I to Implementing Regulation (EU) 2025/2621 (one
sheet a country), and from beside it Annex IV (``annex_IV_*.csv``) and the corrections that a later act made
(``corrections_*.json``). Given the benchmarks workbook, its benchmarks (``eu_cbam_benchmarks``).
Does not belong here: names of goods (``eu_cn``), the number of certificates (a calculation).

* The factor is the printed total per country, CN code and production route, in t CO2e per t of goods. It is
  never direct + indirect (rounded apart, they differ from it by 0.01 in some 700 rows). Direct, indirect and
  the marked-up values of each year are published values: (EU) 2026/1740 deletes the printed marked-up
  columns and has them computed from the total (recital 10).
* A mark-up of 10, 20, 30 % (1 % for fertilisers) is part of a calculation, never of a factor.
* GWP set AR5. Default values follow the methodology of Annex IV to Regulation (EU) 2023/956 ((EU) 2025/2621,
  recital 2), whose detailed rules, Implementing Regulation (EU) 2025/2547, print in Annex II, point G,
  Table 6: N2O 265, CF4 6630, C2F6 11100. Those are AR5's (without climate-carbon feedbacks).
* Edition: the first year of the marked-up columns, from which the values apply. Version n of the workbook is
  patch n - 1; what an act corrects is one patch more.
* A corrected total replaces the printed one, which stays as a published value ``superseded-…``; a withdrawn
  one becomes such a value alone; where the new figure is not at hand the printed one is found, with a note,
  and not counted.
* Annex IV (a precursor whose country is unknown) repeats for every code the highest total of Annex I: found
  under its own region, never counted.
* Electricity has an annex of its own and is not in the workbook; a group of goods that is new stops the
  import, since its unit is unknown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import eu_cbam_benchmarks, eu_cbam_corrections
from greenlang_assets.core.factors.importers import eu_cbam_sheets as sheets
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    edition_version,
    factor_id,
    factor_row,
    frame,
    value_row,
)
from greenlang_assets.core.factors.importers.delimited import Line, open_table
from greenlang_assets.core.factors.importers.eu_cbam_corrections import Correction, Corrections
from greenlang_assets.core.factors.importers.eu_cbam_sheets import Row
from greenlang_assets.core.factors.importers.spreadsheet import Workbook, file_sha256, open_workbook
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "eu-cbam"
DATASET = "default-values"
UNKNOWN_ORIGIN = "default-values-unknown-origin"
UNKNOWN_REGION = "GROUP-UNKNOWN-ORIGIN"
GWP_SET = "AR5"
UNIT = "tonne/tonne"
LICENCE = "Decision 2011/833/EU: reuse with acknowledgement of the European Commission"
HIGHEST = "highest total of Annex I over the countries"
WITHDRAWN = "withdrawn by a correction (rows)"
APPLIED = "corrections of rows that were read already, or without a figure (entries)"

_ANNEX_HEADER = ("cn_code", "highest_default", *(re.compile(r"printed_\d{4}"),) * 3, "route")


@dataclass
class _Made:
    """What grows while rows are read: factors, published values, what was skipped, and what to tell."""

    source: Source
    edition: str
    patch: int
    factors: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Good:
    """A good as its rows name it: key (for ids and the harmonised activity) and path (for people)."""

    section: str
    code: str
    headings: tuple[str, ...]
    description: str | None
    route: str | None

    @property
    def key(self) -> str:
        """The least that tells goods apart; descriptions run to 400 letters."""
        colour = [self.description] if self.section in sheets.COLOURED and self.description else []
        return " > ".join([self.section, sheets.spaced(self.code), *colour])

    @property
    def path(self) -> str:
        names = [*self.headings, sheets.spaced(self.code), self.description, self.route]
        return " > ".join([self.section, *(name for name in names if name)])


def read(path: Path) -> ImportResult:
    """Import the default values workbook with what lies beside it, or the benchmarks workbook.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``REGION_UNKNOWN``, ``ROUTE_UNKNOWN``, ``CELL_NOT_A_NUMBER``,
            ``CELL_IS_AN_ERROR``, ``DUPLICATE_KEY``, ``CORRECTION_MISMATCH``, and those of ``open_workbook``
            and ``open_table``.
    """
    book = open_workbook(path)
    if eu_cbam_benchmarks.SHEET in book.names:
        return eu_cbam_benchmarks.read(path, book)
    history = sheets.history(book, "Version History")
    rows, made, rows_read = _annex_one(path, book, history)
    corrections = [_corrections(file, history) for file in sorted(path.parent.glob("corrections_*.json"))]
    if not corrections:
        made.notes.append("no corrections lie beside the workbook: its figures are as printed")
    for act in corrections:
        rows, added = _correct(rows, act, made)
        rows_read += len(act.entries)
        made.skipped[APPLIED] += len(act.entries) - added
    for row in rows:
        _print(row, made)
    annexes = sorted(path.parent.glob("annex_IV_*.csv"))
    for annex in annexes:
        rows_read += _annex_four(annex, rows, made, history, corrections)
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET, UNKNOWN_ORIGIN) if annexes else (DATASET,),
        editions=(made.edition,),
        source=made.source,
        factors=frame(made.factors, FACTOR_SCHEMA, FACTOR_KEY, made.source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, made.source),
        rows_read=rows_read,
        skipped=dict(sorted(made.skipped.items())),
        others={"values": frame(made.values, VALUE_SCHEMA, VALUE_KEY, made.source)},
        notes=tuple(made.notes),
    )


# --- Annex I -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """A row of Annex I, and what corrections made of it."""

    row: Row
    total: float | None
    source: Source
    cite_row: int
    table: str
    patch: int
    #: What was printed before a correction, and is no longer so.
    superseded: bool = False
    not_counted: str | None = None
    note: str | None = None


def _annex_one(path: Path, book: Workbook, history: sheets.History) -> tuple[list[_Entry], _Made, int]:
    names = sheets.countries(book)
    years: list[int] = []
    rows: list[Row] = []
    skipped: Counter[str] = Counter()
    strays: list[str] = []
    rows_read = 0
    for name in names:
        sheet = book.sheet(name)
        found = sheets.header(sheet)
        if years and found != years:
            raise sheet.refuse(
                "LAYOUT_UNKNOWN",
                "the sheets have marked-up columns of different years",
                2,
                "F",
                found=found,
                expected=years,
            )
        years = found
        goods, read_here = sheets.table(sheet, skipped)
        rows += goods
        rows_read += read_here
        if cells := sheets.stray(sheet):
            strays.append(f"{name} {cells[0]} to {cells[-1]} ({len(cells)} cells)")
    edition = str(years[0])
    source = Source(
        publisher="European Commission",
        document=f"CBAM default values, version {history.version}, under Implementing Regulation "
        f"{history.act}, Annex I",
        licence=LICENCE,
        file=path.name,
        sha256=file_sha256(path),
        url=_eli(history.act),
    )
    made = _Made(source, edition, history.version - 1, skipped=skipped)
    if strays:
        made.notes.append(f"cells right of the table, under no heading, left out: {'; '.join(strays)}")
    made.notes += _defects(rows)
    entries = [_Entry(row, row.figures.get("total"), source, row.row, row.sheet, made.patch) for row in rows]
    return entries, made, rows_read


def _eli(act: str) -> str:
    return f"http://data.europa.eu/eli/reg_impl/{act.removeprefix('(EU) ')}/oj"


def _defects(rows: Iterable[Row]) -> list[str]:
    """Where the printed figures do not agree with each other; they are kept as printed."""
    apart, marked, orphans = 0, [], []
    for row in rows:
        total = row.figures.get("total")
        place = f"{row.country} {sheets.spaced(row.code)}"
        if total is None:
            if any(name.startswith("marked-up") for name in row.figures):
                orphans.append(place)
            continue
        # Two figures of two decimals each: half a unit of the last place apart is rounding.
        apart += abs(row.figures.get("direct", 0) + row.figures.get("indirect", 0) - total) > 0.005
        ups = [value for name, value in row.figures.items() if name.startswith("marked-up")]
        if len(ups) == len(row.mark_ups) and any(
            mark is not None and abs(value - total * (100 + mark) / 100) > 0.0006
            for value, mark in zip(ups, row.mark_ups, strict=True)
        ):
            marked.append(place)
    notes = [f"direct + indirect differs from the printed total in {apart} rows"] if apart else []
    if marked:
        notes.append(f"a marked-up value is not total x (1 + mark-up) in {len(marked)} rows: {_some(marked)}")
    if orphans:
        notes.append(f"marked-up values without a total in {len(orphans)} rows: {_some(orphans)}")
    return notes


def _some(places: Sequence[str]) -> str:
    return ", ".join(places[:10]) + (" …" if len(places) > 10 else "")


def _print(entry: _Entry, made: _Made) -> None:
    """One row as a factor with its published values, or as what was skipped."""
    row = entry.row
    good = _Good(row.section, row.code, row.headings, row.description, row.route)
    columns = {"edition": made.edition, "region": row.region, "year": int(made.edition)}
    identity = None
    if entry.total is not None:
        factor = _factor(good, entry, {"dataset": DATASET, **columns})
        made.factors.append(factor)
        identity = factor["factor_id"]
    elif entry.superseded:
        made.skipped[WITHDRAWN] += 1
    else:
        made.skipped[sheets.SEE_BELOW if row.below else sheets.NO_VALUE] += 1
    for name, figure in row.figures.items():
        if name == "total" and not entry.superseded:
            continue
        measure = f"superseded-{name}" if entry.superseded else name
        at = {**columns, "year": int(name[-4:])} if name.startswith("marked-up") else columns
        made.values.append(
            _value(
                made.source, good, {"dataset": DATASET, **at},
                table=row.sheet, row=row.row, measure=measure, value=figure, factor_id=identity,
            )
        )  # fmt: skip


def _factor(good: _Good, entry: _Entry, columns: Mapping[str, Any]) -> dict[str, Any]:
    made = factor_row(
        entry.source,
        table=entry.table,
        row=entry.cite_row,
        publisher=PUBLISHER,
        version=edition_version(columns["edition"], entry.patch),
        activity_path=good.path,
        activity=harmonise(PUBLISHER, good.key),
        activity_unit="tonne",
        gwp_set=GWP_SET,
        co2e=entry.total,
        co2e_unit=UNIT,
        not_counted=entry.not_counted,
        note=entry.note,
        **columns,
    )
    made["factor_id"] = factor_id(
        publisher=PUBLISHER,
        activity_path=good.key,
        activity_unit="tonne",
        suffix=sheets.group_slug(good.route),
        **columns,
    )
    return made


def _value(source: Source, good: _Good, columns: Mapping[str, Any], **rest: Any) -> dict[str, Any]:
    suffix = sheets.group_slug(good.route)
    made = value_row(
        source, unit=UNIT, suffix=suffix, publisher=PUBLISHER, activity_path=good.key, **columns, **rest
    )
    return {**made, "activity_path": good.path}


# --- corrections ---------------------------------------------------------------------------------------


def _corrections(path: Path, history: sheets.History) -> Corrections:
    act = eu_cbam_corrections.read(path)
    if act.corrects != history.act:
        raise GreenlangError(
            "CORRECTION_MISMATCH",
            "the corrections beside the workbook are of another act",
            found=act.corrects,
            expected=history.act,
            where={"file": act.file},
        )
    return act


def _correct(rows: list[_Entry], act: Corrections, made: _Made) -> tuple[list[_Entry], int]:
    """The rows after one act; how many of its entries became rows of their own."""
    source = Source(
        publisher="European Commission",
        document=f"CBAM default values, Implementing Regulation {act.corrects}, Annex I, "
        f"as corrected by {act.act}",
        licence=LICENCE,
        file=act.file,
        sha256=act.sha256,
        url=_eli(act.act),
    )
    added: list[_Entry] = []
    unplaced: list[str] = []
    for entry in act.entries:
        if entry.place == eu_cbam_corrections.ANNEX_IV:
            continue
        touched = [
            at
            for at, row in enumerate(rows)
            if row.row.country.casefold() == entry.place and entry.covers(row.row.code)
        ]
        for at in touched:
            rows[at] = _corrected(rows[at], entry, act, source, made)
        if not touched and entry.effect == "figure":
            added += [_added(entry, code, rows, act, source, made) for code in entry.codes]
        elif not touched:
            unplaced.append(entry.where)
    if unplaced:
        made.notes.append(f"corrected by {act.act}, new text not at hand, no row here: {'; '.join(unplaced)}")
    return rows + added, len(added)


def _corrected(row: _Entry, entry: Correction, act: Corrections, source: Source, made: _Made) -> _Entry:
    printed = row.total
    if printed is None:
        # A row without a value stays so unless it is given one.
        if entry.effect != "figure":
            return row
    elif entry.old_total is not None:
        places = -int(entry.old_total.as_tuple().exponent)
        if round(Decimal(repr(printed)), places) != entry.old_total:
            raise GreenlangError(
                "CORRECTION_MISMATCH",
                f"{entry.where}: the workbook prints another total than the correction replaces",
                found=printed,
                expected=entry.old_total,
                where={"file": act.file, "row": entry.line},
            )
    if entry.effect == "withdrawn":
        return _Entry(row.row, None, row.source, row.cite_row, row.table, row.patch, superseded=True)
    if entry.effect == "unread":
        reason = f"superseded by {act.act}; the corrected figure is not at hand"
        return _Entry(
            row.row, printed, row.source, row.cite_row, row.table, row.patch,
            not_counted=reason, note=f"{reason}: this one is as first printed",
        )  # fmt: skip
    now = Row(**{**vars(row.row), "route": entry.new_route or row.row.route})
    before = "no value" if printed is None else f"{printed}"
    note = f"corrected by {act.act}; printed before: {before}"
    return _Entry(
        now, entry.new_total, source, entry.line, "value_corrections", made.patch + 1,
        superseded=printed is not None, note=note,
    )  # fmt: skip


def _added(
    entry: Correction, code: str, rows: Sequence[_Entry], act: Corrections, source: Source, made: _Made
) -> _Entry:
    """A row that an act gives to a country whose table had none; the good is named as in other tables."""
    named = [other.row for other in rows if other.row.code == code]
    own = [other.row for other in rows if other.row.country.casefold() == entry.place]
    if not named or not own:
        raise GreenlangError(
            "CORRECTION_MISMATCH",
            f"{entry.where}: the workbook has neither the row nor another from which to name it",
            found="no table of that country" if named else "no row of that code",
            expected="a good and a country of the workbook",
            where={"file": act.file, "row": entry.line},
        )
    like, at = named[0], own[0]
    row = Row(
        at.sheet, entry.line, at.country, at.region, like.section, like.mark_ups, like.headings, code,
        like.description, entry.new_route, False, {},
    )  # fmt: skip
    note = f"added by {act.act}"
    return _Entry(row, entry.new_total, source, entry.line, "value_corrections", made.patch + 1, note=note)


# --- Annex IV ------------------------------------------------------------------------------------------


def _annex_four(
    path: Path, rows: Sequence[_Entry], made: _Made, history: sheets.History, acts: Sequence[Corrections]
) -> int:
    """The highest value per code, for precursors whose country is unknown; returns the rows read."""
    table = open_table(path, _ANNEX_HEADER)
    source = Source(
        publisher="European Commission",
        document=f"CBAM default values, Implementing Regulation {history.act}, Annex IV",
        licence=LICENCE,
        file=table.file,
        sha256=table.sha256,
        url=_eli(history.act),
    )
    names = _names(row.row for row in rows)
    columns = {
        "dataset": UNKNOWN_ORIGIN,
        "edition": made.edition,
        "region": UNKNOWN_REGION,
        "year": int(made.edition),
    }
    factors: list[dict[str, Any]] = []
    for line in table.lines:
        good = _annex_good(line, names)
        unread = [
            act.act
            for act in acts
            for entry in act.entries
            if entry.place == eu_cbam_corrections.ANNEX_IV and entry.covers(good.code)
        ]
        note = f"superseded by {unread[0]}; the corrected figure is not at hand" if unread else None
        identity = None
        if line["highest_default"]:
            total = line.figure("highest_default", "the highest default value")
            row = _row_of(good, line)
            entry = _Entry(
                row, total, source, line.number, "Annex IV", made.patch, not_counted=HIGHEST, note=note
            )
            factors.append(_factor(good, entry, columns))
            identity = factors[-1]["factor_id"]
        else:
            made.skipped[sheets.SEE_BELOW] += 1
        for column in table.header[2:5]:
            if line[column]:
                year = int(column[-4:])
                made.values.append(
                    _value(
                        source, good, {**columns, "year": year}, table="Annex IV", row=line.number,
                        measure=f"marked-up-{year}", value=line.figure(column, "the marked-up value"),
                        factor_id=identity,
                    )
                )  # fmt: skip
    # Doubled lines are refused under this file's name.
    made.factors += frame(factors, FACTOR_SCHEMA, FACTOR_KEY, source).to_dicts()
    return len(table.lines)


def _row_of(good: _Good, line: Line) -> Row:
    return Row(
        line.file, line.number, UNKNOWN_REGION, UNKNOWN_REGION, good.section, (), good.headings, good.code,
        good.description or "", good.route, False, {},
    )  # fmt: skip


def _names(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Code -> rows of Annex I, one for each description that the code has."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        at = found.setdefault(row.code, {})
        if row.description not in at or (at[row.description].route is None and row.route):
            at[row.description] = row
    return {code: list(named.values()) for code, named in found.items()}


def _annex_good(line: Line, names: Mapping[str, Sequence[Row]]) -> _Good:
    """A line's good, named as in Annex I; white and grey goods of one code are told apart by the route."""
    code, route = line["cn_code"], line["route"] or None
    if not re.fullmatch(r"[0-9]{4}([0-9]{2}){0,3}", code):
        raise line.refuse(
            "LAYOUT_UNKNOWN", "a CN code is none", "cn_code", found=repr(code), expected="4 to 10 digits"
        )
    if route is not None and not re.fullmatch(r"\([A-Z]\)(/\([A-Z]\))*", route):
        raise line.refuse(
            "ROUTE_UNKNOWN", "the production route is not of the known form", "route",
            found=repr(route), expected="(<letter>) or nothing",
        )  # fmt: skip
    named = names.get(code, [])
    if len(named) > 1:
        named = [row for row in named if row.route == route]
    if len(named) != 1:
        return _Good("Annex IV", code, (), None, route)
    return _Good(named[0].section, code, named[0].headings, named[0].description, route)
