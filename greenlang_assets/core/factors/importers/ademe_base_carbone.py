"""ADEME Base Carbone: the French database of emission factors, as exported with one row an element or stage.

Belongs here: the sheet "Base_Carbone_V<edition>" in the layout of 67 columns.
Does not belong here: units and places (``ademe_base_carbone_tables``), sheets that users added to a copy
(their names stand in the result's notes).

**Elements and stages.** An element is one figure with an identity of its own; its ``Poste`` rows split the
same figure by stage, so they are published values that belong to it. "Données source" are statistics, shares
and properties: published values, and fuel properties where they are net calorific values or densities.

**Status.** ADEME, Base Carbone, "What status for what usage?": "valide générique" is to be used by default,
"valide spécifique" belongs to one manufacturer, "archivé" must not be used any longer. Archived elements are
therefore found and not counted. Most are earlier figures of what stands valid beside them.

**Gases are CO2e.** ADEME, Base Carbone, "The gases": every figure is in kg CO2e, and CO2b (biogenic) stands
apart and outside the totals. The file agrees: CO2f + CH4f + CH4b + N2O + other gases give the total on each
row that has them, to 1 %, and so every import is checked (to 2 %). They are never masses.

**GWP set.** The same page: the base is calculated with AR5 (CH4 fossil 30, biogenic 28, N2O 265). Taken so
for valid elements that are split by gas or name no other programme. An element whose category or source names
a report of the IPCC has that set (the GWPs of AR6 among the fugitive emissions). Totals carried over from a
programme with a method of its own (Agribalyse, energy labels of buildings, IEA …) and archived elements, some
of them older than AR5, are ``unstated``.

**Year.** The one that the publication names for the element: in its unit (euros of a year), its validity
("Année 2019") or its name (one year from 2005 on); else the year in which ADEME created the element. A
revision archives an element and creates another, so that is the year that the figure was drawn up for.

**Negative figures** are removals by forests and soils and emissions avoided by recycling: no emission, and
not to be added to one. They are kept as published values, as are negative parts of a positive total.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import ademe_base_carbone_tables as tables
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    factor_row,
    frame,
    path_slug,
    slug,
    value_row,
)
from greenlang_assets.core.factors.importers.spreadsheet import (
    Sheet,
    column_letter,
    file_sha256,
    open_workbook,
    squeeze,
)
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "ademe-base-carbone"
DATASET = "base-carbone"
URL = "https://base-empreinte.ademe.fr/"
ARCHIVED = "archived by the publisher"
REPEATED = "its publisher gives the same identity again, newer"

STAGE = "stage of an element, kept as values (rows)"
DATA = "source data and no emission factor, kept as values (rows)"
PROPERTY = "fuel property, kept as a property (rows)"
NEGATIVE = "negative total, a removal or avoided emission, kept as a value (rows)"
UNDATED = "per money of an unstated year, kept as a value (rows)"

_SHEET = re.compile(r"Base_Carbone_V([0-9]+)\.([0-9]+)")
_EXTRA = tuple(range(1, 6))
_COLUMNS = (
    "Type Ligne", "Identifiant de l'élément", "Structure", "Type de l'élément", "Statut de l'élément",
    "Nom base français", "Nom base anglais", "Nom base espagnol", "Nom attribut français",
    "Nom attribut anglais", "Nom attribut espagnol", "Nom frontière français", "Nom frontière anglais",
    "Nom frontière espagnol", "Code de la catégorie", "Tags français", "Tags anglais", "Tags espagnol",
    "Unité français", "Unité anglais", "Unité espagnol", "Contributeur", "Autres Contributeurs", "Programme",
    "Url du programme", "Source", "Localisation géographique", "Sous-localisation géographique français",
    "Sous-localisation géographique anglais", "Sous-localisation géographique espagnol", "Date de création",
    "Date de modification", "Période de validité", "Incertitude", "Réglementations", "Transparence",
    "Qualité", "Qualité TeR", "Qualité GR", "Qualité TiR", "Qualité C", "Qualité P", "Qualité M",
    "Commentaire français", "Commentaire anglais", "Commentaire espagnol", "Type poste",
    "Nom poste français", "Nom poste anglais", "Nom poste espagnol", "Total poste non décomposé", "CO2f",
    "CH4f", "CH4b", "N2O",
    *(f"{what} gaz supplémentaire {n}" for n in _EXTRA for what in ("Code", "Valeur")),
    "Autres GES", "CO2b",
)  # fmt: skip
_LETTER = {name: column_letter(index) for index, name in enumerate(_COLUMNS)}
_TOTAL = "Total poste non décomposé"
_WITHIN = "Sous-localisation géographique français"
#: Gas columns, all in the unit of the total; the last one lies outside it.
_GASES = {
    "CO2f": "co2e_of_co2",
    "CH4f": "co2e_of_ch4",
    "CH4b": "co2e_of_ch4_biogenic",
    "N2O": "co2e_of_n2o",
    "Autres GES": "co2e_of_other",
    "CO2b": "co2e_of_co2_biogenic",
}
_BIOGENIC = "CO2b"
_STRUCTURES = {
    "élément non décomposé": False,
    "élément décomposé par poste": False,
    "élément décomposé par gaz": True,
    "élément décomposé par poste et par gaz": True,
}
_STATUSES = ("Valide générique", "Valide spécifique", "Archivé")
_LINES = ("Elément", "Poste")
_TYPES = ("Facteur d'émission", "Données source")
_QUALITY = ("TeR", "GR", "TiR", "C", "P", "M")
_REPORT = re.compile(r"PRG à 100 ans (?:du|issus du) ([456])[eè]me rapport du GIEC|GIEC \(AR([456]) - ")
_NAMED_YEAR = re.compile(r"(?<![0-9])20[0-9]{2}(?![0-9])")
#: The properties of fuels: category, printed unit -> property, basis, unit.
_PROPERTIES = {
    ("Combustibles > Caractéristiques physiques > PCI - Pouvoir Calorifique Inférieur", "GJ / tonne"): (
        "heat_content", "net", "GJ/tonne",
    ),
    ("Combustibles > Caractéristiques physiques > Masses volumiques", "kg / m³"): (
        "density", None, "kg/m3",
    ),
}  # fmt: skip
_MONTHS = ("janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc")
_EXCEL_DAY_ZERO = dt.date(1899, 12, 30)


def read(path: Path) -> ImportResult:
    """Import one edition.

    Raises:
        GreenlangError: ``SHEET_MISSING``, ``LAYOUT_UNKNOWN``, ``LINE_UNKNOWN``, ``STATUS_UNKNOWN``,
            ``STRUCTURE_UNKNOWN``, ``UNIT_UNKNOWN``, ``REGION_UNKNOWN``, ``DATE_UNKNOWN``,
            ``PARTS_DO_NOT_ADD_UP``, ``STAGE_WITHOUT_ELEMENT``, ``CELL_NOT_A_NUMBER``,
            ``CELL_IS_AN_ERROR``, ``DUPLICATE_KEY`` and those of ``open_workbook``.
    """
    book = open_workbook(path)
    name, edition, version = _edition(book.names, path.name)
    sheet = book.sheet(name)
    _check_header(sheet)
    source = Source(
        publisher="ADEME",
        document=f"Base Carbone {edition}",
        licence="Licence Ouverte 2.0 (Etalab)",
        file=sheet.file,
        sha256=file_sha256(path),
        url=URL,
    )
    base = _Base(sheet, source, edition, version)
    for row in range(2, sheet.height + 1):
        base.add(_Row(sheet, row))
    base.finish()
    others = [other for other in book.names if other != name]
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition,),
        source=source,
        factors=frame(base.factors, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame(base.properties, PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=sheet.height - 1,
        skipped=dict(sorted(base.skipped.items())),
        others={"values": frame(base.values, VALUE_SCHEMA, VALUE_KEY, source)},
        notes=(f"sheets that are not the publisher's and were not read: {', '.join(others)}",)
        if others
        else (),
    )


def _edition(names: list[str], file: str) -> tuple[str, str, str]:
    """The base's sheet, its edition (``V23.6``) and semantic version."""
    found = [match for name in names if (match := _SHEET.fullmatch(name))]
    if len(found) != 1:
        raise GreenlangError(
            "SHEET_MISSING",
            "the workbook has no sheet, or several, that holds the base",
            found=", ".join(names),
            expected="one sheet Base_Carbone_V<number>.<number>",
            where={"file": file},
        )
    major, minor = found[0].groups()
    return found[0][0], f"V{major}.{minor}", f"{int(major)}.{int(minor)}.0"


def _check_header(sheet: Sheet) -> None:
    sheet.expect(1, {_LETTER[name]: name for name in _COLUMNS}, "the header of the base")
    more = [letter for letter in sheet.columns() if letter not in _LETTER.values()]
    if more or sheet.height < 2:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the base has columns that this importer does not know" if more else "the base holds no row",
            1,
            more[0] if more else None,
            found=repr(sheet.text(1, more[0])) if more else "a header only",
            expected=f"{len(_COLUMNS)} columns, the last of them {_COLUMNS[-1]!r}, and rows below",
        )


def unquoted(text: str) -> str:
    """A text as its publisher meant it: some names carry the quotes of one or more exports as csv."""
    while len(text) > 1 and text[0] == text[-1] == '"':
        inner = text[1:-1]
        if inner.replace('""', "").count('"'):
            break
        text = inner.replace('""', '"')
    return squeeze(text)


@dataclass
class _Row:
    """One row of the base: what its cells say, read when asked for."""

    sheet: Sheet
    row: int

    def text(self, column: str) -> str | None:
        return self.sheet.text(self.row, _LETTER[column])

    def known(self, column: str, code: str, known: tuple[str, ...]) -> str:
        found = self.text(column)
        if found not in known:
            raise self.refuse(code, column, found, ", ".join(known))
        return str(found)

    def required(self, column: str) -> str:
        found = self.text(column)
        if found is None:
            raise self.refuse("LAYOUT_UNKNOWN", column, None, "a text")
        return found

    def refuse(self, code: str, column: str, found: object, expected: str) -> GreenlangError:
        return self.sheet.refuse(
            code,
            f"{column!r} holds what this layout has never held",
            self.row,
            _LETTER[column],
            found="an empty cell" if found is None else repr(found),
            expected=expected,
        )

    def number(self, column: str) -> float:
        return self.sheet.number(self.row, _LETTER[column], column)

    def figure(self, column: str) -> float | None:
        return None if self.text(column) is None else self.number(column)

    def date(self, column: str) -> dt.date:
        text = self.text(column)
        day = _day(text) if text else None
        if day is None:
            raise self.refuse("DATE_UNKNOWN", column, text, "a day such as 2024-05-17")
        return day

    def check(self) -> None:
        """Refuse a row of a status or structure that the base has not had."""
        self.known("Statut de l'élément", "STATUS_UNKNOWN", _STATUSES)
        self.known("Structure", "STRUCTURE_UNKNOWN", tuple(_STRUCTURES))

    @cached_property
    def number_of_element(self) -> str:
        found = self.text("Identifiant de l'élément")
        if found is None or not re.fullmatch(r"[0-9]+", found):
            raise self.refuse("LAYOUT_UNKNOWN", "Identifiant de l'élément", found, "digits")
        return found

    @cached_property
    def archived(self) -> bool:
        return self.text("Statut de l'élément") == "Archivé"

    @cached_property
    def by_gas(self) -> bool:
        return _STRUCTURES[self.required("Structure")]

    @cached_property
    def category(self) -> str:
        return self.required("Code de la catégorie")

    @cached_property
    def within_missing(self) -> bool:
        """Whether the place within the region is ``#N/A``, as for two heat networks of Corsica."""
        return "Error(NA)" in self.sheet.errors.get((self.row, _LETTER[_WITHIN]), "")

    @cached_property
    def within(self) -> str | None:
        """The place within the region."""
        return None if self.within_missing else self.text(_WITHIN)

    @cached_property
    def place(self) -> tables.Place:
        printed, within = self.text("Localisation géographique"), self.within
        place = tables.place(printed or "", within)
        if place is None:
            column = "Localisation géographique"
            if printed in tables.PLACES:
                column, printed = _WITHIN, within
            raise self.refuse("REGION_UNKNOWN", column, printed, "a place that the importer's tables list")
        return place

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Base name, attribute and frontier in French; a place within the region is a name as well."""
        texts = [self.required("Nom base français")]
        texts += filter(None, (self.text("Nom attribut français"), self.text("Nom frontière français")))
        if self.within and not self.place.whole and self.within not in texts:
            texts.append(self.within)
        # " > " joins the levels of a path; inside a name it is a sign of comparison.
        return tuple(unquoted(text).replace(" > ", " >") for text in texts)

    @cached_property
    def path(self) -> str:
        return " > ".join((self.category, *self.names))

    @cached_property
    def unit(self) -> str:
        return self.text("Unité français") or ""

    @cached_property
    def year(self) -> int:
        """See the module's docstring."""
        if money := re.fullmatch(r"kgCO2e/keuro \((20[0-9]{2})\) HT", self.unit):
            return int(money[1])
        validity = re.fullmatch(
            r"(?:Année|Données valides pour l'année) (20[0-9]{2})", self.text("Période de validité") or ""
        )
        if validity:
            return int(validity[1])
        created = self.date("Date de création").year
        last = self.date("Date de modification").year
        named = {int(year) for name in self.names for year in _NAMED_YEAR.findall(name)}
        named = {year for year in named if 2005 <= year <= max(created, last)}
        return named.pop() if len(named) == 1 else created

    @cached_property
    def gases(self) -> dict[str, float]:
        """The figures by gas, checked against the total; extra gases by their code."""
        if not self.by_gas:
            return {}
        found = {name: self.number(name) for name in _GASES}
        for n in _EXTRA:
            code, value = (
                self.text(f"Code gaz supplémentaire {n}"),
                self.figure(f"Valeur gaz supplémentaire {n}"),
            )
            # Most rows fill these columns with zeros that belong to no gas.
            if value or (code and value is not None):
                name = f"{code or 'gaz supplémentaire'} ({n})"
                found[name] = value
        total = self.number(_TOTAL)
        added = sum(value for name, value in found.items() if name != _BIOGENIC)
        if abs(added - total) > 0.02 * abs(total) + 1e-9:
            raise self.refuse(
                "PARTS_DO_NOT_ADD_UP", _TOTAL, total, f"about {added:g}, the sum of the row's gases in CO2e"
            )
        return found


def _day(text: str) -> dt.date | None:
    found = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})( 00:00:00)?", text)
    try:
        return dt.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def validity(text: str | None) -> tuple[dt.date | None, dt.date | None, str | None]:
    """Begin and end of a period of validity as printed; a text that is no date is returned as a note.

    ``2026`` and ``déc.-18`` are the last day of that year and month, ``Année 2019`` the whole year, five
    digits a day as spreadsheets count them.
    """
    if text is None:
        return None, None, None
    if day := _day(text):
        return None, day, None
    if re.fullmatch(r"20[0-9]{2}", text):
        return None, dt.date(int(text), 12, 31), None
    if year := re.fullmatch(r"(?:Année|Données valides pour l'année) (20[0-9]{2})", text):
        return dt.date(int(year[1]), 1, 1), dt.date(int(year[1]), 12, 31), None
    if re.fullmatch(r"4[0-9]{4}", text):
        return None, _EXCEL_DAY_ZERO + dt.timedelta(days=int(text)), None
    month = re.fullmatch(r"([a-zéû]+)\.?-([0-9]{2})", text)
    if month and month[1] in _MONTHS:
        at = _MONTHS.index(month[1]) + 1
        first = dt.date(2000 + int(month[2]) + at // 12, at % 12 + 1, 1)
        return None, first - dt.timedelta(days=1), None
    return None, None, f"validity as printed: {text}"


@dataclass
class _Base:
    """The tables as they grow, row by row."""

    sheet: Sheet
    source: Source
    edition: str
    version: str
    factors: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    properties: list[dict[str, Any]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    #: Element -> its row, and the id of its factor if it is one.
    elements: dict[str, tuple[_Row, str | None]] = field(default_factory=dict)
    stages: list[_Row] = field(default_factory=list)

    def add(self, row: _Row) -> None:
        """One row of the sheet; stages wait until every element is known."""
        row.check()
        if row.known("Type Ligne", "LINE_UNKNOWN", _LINES) == "Poste":
            self.stages.append(row)
            self.skipped[STAGE] += 1
            return
        earlier = self.elements.get(row.number_of_element)
        if earlier is not None:
            raise row.refuse(
                "DUPLICATE_KEY", "Identifiant de l'élément", row.number_of_element,
                f"only row {earlier[0].row}",
            )  # fmt: skip
        self.elements[row.number_of_element] = row, self._element(row)

    def finish(self) -> None:
        """The stages, by their elements, and which of doubled identities counts."""
        named: defaultdict[str, list[str]] = defaultdict(list)
        for row in self.stages:
            element, factor = self.elements.get(row.number_of_element, (None, None))
            if element is None:
                raise row.refuse(
                    "STAGE_WITHOUT_ELEMENT", "Identifiant de l'élément", row.number_of_element,
                    "the number of an element of the sheet",
                )  # fmt: skip
            kind, name = row.required("Type poste"), row.text("Nom poste français")
            if kind not in named[row.number_of_element]:
                named[row.number_of_element].append(kind)
            stage = f"stage {kind}, {unquoted(name)}" if name else f"stage {kind}"
            self._value(row, stage, row.number(_TOTAL), factor, element)
            for gas, value in row.gases.items():
                self._value(row, f"{stage}: {gas}", value, factor, element)
        for factor_ in self.factors:
            element = factor_.pop("_element")
            if element in named:
                stages = f"total over its stages: {', '.join(named[element])}"
                factor_["note"] = "; ".join(filter(None, (stages, factor_["note"])))
        self._mark_repeated()

    def _element(self, row: _Row) -> str | None:
        if row.known("Type de l'élément", "LINE_UNKNOWN", _TYPES) == "Données source":
            self._data(row)
            return None
        unit = tables.unit(row.unit, row.category)
        total = row.number(_TOTAL)
        if unit is None and row.unit.removeprefix("kgCO2e/") not in tables.UNDATED_MONEY:
            raise row.refuse(
                "UNIT_UNKNOWN", "Unité français", row.unit or None, "a unit of the importer's tables"
            )
        if unit is None or total < 0:
            self.skipped[UNDATED if unit is None else NEGATIVE] += 1
            measure = "emission factor" if total >= 0 else "removal or avoided emission"
            self._value(row, measure, total)
            for gas, value in row.gases.items():
                self._value(row, f"{measure}: {gas}", value)
            return None
        return self._factor(row, unit, total)

    def _factor(self, row: _Row, unit: tables.Unit, total: float) -> str:
        parts, aside, notes = _parts(row.gases)
        begin, end, validity_note = validity(row.text("Période de validité"))
        if row.text("Statut de l'élément") == "Valide spécifique":
            notes.append("specific to one producer")
        if row.within_missing:
            notes.append("place within the region printed as #N/A")
        made = factor_row(
            self.source,
            table=self.sheet.name,
            row=row.row,
            suffix=row.number_of_element,
            publisher=PUBLISHER,
            dataset=DATASET,
            edition=self.edition,
            version=self.version,
            activity_path=row.path,
            activity=harmonise(PUBLISHER, row.path),
            region=row.place.region,
            year=row.year,
            activity_unit=unit.activity,
            calorific_basis=unit.basis,
            gwp_set=_gwp_set(row),
            co2e=total,
            co2e_unit=unit.figure,
            uncertainty_percent=row.figure("Incertitude"),
            data_quality=_quality(row),
            valid_from=begin,
            valid_to=end,
            not_counted=ARCHIVED if row.archived else None,
            note="; ".join(filter(None, (*notes, validity_note))) or None,
            **parts,
        )
        for gas, value in aside.items():
            self._value(row, f"part of the total: {gas}", value, made["factor_id"])
        self.factors.append({**made, "_element": row.number_of_element})
        return str(made["factor_id"])

    def _data(self, row: _Row) -> None:
        kind = _PROPERTIES.get((row.category, row.unit))
        if kind is None:
            self.skipped[DATA] += 1
            self._value(row, "source data", row.number(_TOTAL))
            return
        self.skipped[PROPERTY] += 1
        name, basis, unit = kind
        # The same fuel has other values in Europe and in France.
        path = f"{row.path} > {row.required('Localisation géographique')}"
        self.properties.append(
            {
                "property_id": f"{PUBLISHER}/{DATASET}/{self.edition}/{path_slug(path)}/{name}/{slug(unit)}/"
                f"{row.number_of_element}".lower(),
                "publisher": PUBLISHER,
                "dataset": DATASET,
                "edition": self.edition,
                "activity_path": path,
                "activity": harmonise(PUBLISHER, path),
                "property": name,
                "calorific_basis": basis,
                "value": row.number(_TOTAL),
                "unit": unit,
                **self.source.cite(edition=self.edition, table=self.sheet.name, row=row.row),
            }
        )

    def _value(
        self, row: _Row, measure: str, value: float, factor: str | None = None, element: _Row | None = None
    ) -> None:
        """A printed figure beside a factor. A stage speaks of its element's path, place and year."""
        of = element or row
        self.values.append(
            value_row(
                self.source,
                table=self.sheet.name,
                row=row.row,
                measure=measure,
                value=value,
                unit=row.unit or "1",
                factor_id=factor,
                suffix=row.number_of_element,
                publisher=PUBLISHER,
                dataset=DATASET,
                edition=self.edition,
                activity_path=of.path,
                region=of.place.region,
                year=of.year,
            )
        )

    def _mark_repeated(self) -> None:
        """Of several valid elements with one identity the one that was created last counts."""
        same: defaultdict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
        for row in self.factors:
            if row["not_counted"] is None:
                key = ("activity_path", "region", "year", "activity_unit", "calorific_basis")
                same[tuple(row[name] for name in key)].append(row)
        for rows in same.values():
            rows.sort(key=self._created)
            for row in rows[:-1]:
                row["not_counted"] = REPEATED

    def _created(self, factor: Mapping[str, Any]) -> tuple[dt.date, int]:
        number = str(factor["factor_id"]).rsplit("/", 1)[1]
        return self.elements[number][0].date("Date de création"), int(number)


def _parts(gases: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """The gases as columns, those that no column can hold, and what the columns do not say.

    Of "Autres GES" and the extra gases one at most fits the column ``co2e_of_other``: figures are not
    added up here. Where a part of the total is negative the whole split stands aside.
    """
    if any(value < 0 for name, value in gases.items() if name != _BIOGENIC):
        aside = dict(gases)
        kept = {_BIOGENIC: aside.pop(_BIOGENIC)} if gases[_BIOGENIC] >= 0 else {}
        return {_GASES[name]: value for name, value in kept.items()}, aside, []
    own = {name: value for name, value in gases.items() if name in _GASES}
    extra = {name: value for name, value in gases.items() if name not in _GASES}
    aside, notes = {}, []
    if own.get(_BIOGENIC, 0) < 0:
        aside[_BIOGENIC] = own.pop(_BIOGENIC)
    filled = [name for name, value in extra.items() if value]
    if len(filled) == 1 and not own["Autres GES"]:
        own["Autres GES"] = extra.pop(filled[0])
        notes.append(f"other gases: {filled[0].rsplit(' ', 1)[0]}")
    elif filled:
        aside["Autres GES"] = own.pop("Autres GES")
    return {_GASES[name]: value for name, value in own.items()}, {**aside, **extra}, notes


def _gwp_set(row: _Row) -> str:
    """See the module's docstring."""
    named = _REPORT.search(f"{row.category} {row.text('Source') or ''}")
    if named:
        return f"AR{named[1] or named[2]}"
    if row.archived or (row.text("Programme") is not None and not row.by_gas):
        return "unstated"
    return "AR5"


def _quality(row: _Row) -> str | None:
    """The rating as printed, 1 to 5, and its criteria: ``2.9 (TeR 4, P 2)``; a criterion of 0 is unrated."""
    rating = row.text("Qualité")
    criteria = ", ".join(
        f"{name} {mark}" for name in _QUALITY if (mark := row.text(f"Qualité {name}")) not in (None, "0")
    )
    return f"{rating} ({criteria})" if rating and criteria else rating or criteria or None
