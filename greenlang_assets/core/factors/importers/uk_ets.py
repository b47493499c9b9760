"""UK greenhouse gas inventory factors for UK ETS reporting: CO2 by fuel and industry, natural gas by zone.

Belongs here: the sheets "Emission_Factors_&_CVs", "Regional_Natural_Gas_Data" and "Oxidation_Factors,Fuel_
Density" of DESNZ's yearly workbook "Carbon emission factors and calorific values from the UK greenhouse gas
inventory". Does not belong here: its postcodes and its references, which hold no figure.

* The first column of figures is **carbon**, not CO2: it is a published value beside the factor ("CEF", kt of
  carbon). The factor is the CO2 column, which is refused unless it is carbon times 44/12 (the workbook's
  note 1). Where carbon alone is printed, the factor is ``derived`` and its note says how.
* Units change from row to row: kt per Mt of fuel, or kt per million therms (gross). Each line also has tCO2
  per TJ on the net basis: a second factor.
* No GWP set is behind these figures: they are CO2 alone, and oxidation is in them already (note 2). The
  oxidation factor and the calorific values are properties of the fuel in that industry.
* "[note 12]" in place of figures sends to the natural-gas zones, "[note 4]" says that biomass counts 0: such
  lines are counted as skipped.
* A factor's year is that of its data (inventory year; year of the gas), which lies before the edition.
* A zone is a Local Distribution Zone of the gas network: region ``GB-LDZ-<abbreviation>``. Cubic metres are
  at 15 degrees Celsius and 1.01325 bar (note 14).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    edition_version,
    factor_row,
    frame,
    path_slug,
    slug,
    value_row,
)
from greenlang_assets.core.factors.importers.spreadsheet import Sheet, file_sha256, open_workbook
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "uk-ets"
FUELS = "inventory-factors"
ZONES = "natural-gas-zones"
COVER = "Cover"
FUEL_SHEET = "Emission_Factors_&_CVs"
ZONE_SHEET = "Regional_Natural_Gas_Data"
OXIDATION_SHEET = "Oxidation_Factors,Fuel_Density"
URL = (
    "https://www.gov.uk/government/publications/using-uk-greenhouse-gas-inventory-data-in-uk-ets-"
    "monitoring-and-reporting-the-country-specific-factor-list"
)

NOTE_INSTEAD = "a note in place of every figure (rows)"
FOOTNOTE = "notes below a table (rows)"
BLANK = "blank rows"
DERIVED = "carbon times 44/12: the publisher prints carbon alone"

_FUEL_HEADER: dict[str, tuple[str, ...]] = {
    "A": ("IPCC 2006 Sector", "CRT Category"),
    "B": ("Industry",),
    "C": ("UK GHG fuel",),
    "D": ("CEF (Gross)",),
    "E": ("CO2 EF (Gross)",),
    "F": ("CEF Units",),
    "G": ("CO2 tCO2/TJ (net)",),
    "H": ("GCV",),
    "I": ("GCV Units",),
    "J": ("Conversion factors for gross to net energy consumption",),
    "K": ("NCV",),
    "L": ("NCV Units",),
    "M": ("Oxidation factor used in the UK GHGI",),
}
_ZONE_HEADER: dict[str, tuple[str, ...]] = {
    "A": ("Local Distribution Zone (LDZ)",),
    "B": ("LDZ abbreviation",),
    "C": ("CEF(g) tCO2/TJ",),
    "D": ("CEF(n) tCO2/TJ",),
    "E": ("CEF(g) gCO2/m3",),
    "F": ("GCV MJ/m3",),
    "G": ("NCV MJ/m3",),
}
_OXIDATION_HEADER: dict[str, tuple[str, ...]] = {
    "A": ("Fuel",),
    "B": ("Source",),
    "C": ("Unburnt C Correction (%)",),
    "D": ("Reference",),
}
#: Printed unit of a carbon factor: the CO2 factor's unit, the activity's, its calorific basis.
_CARBON_UNITS: dict[str, tuple[str, str, str | None]] = {
    "kt C per Mt fuel consumed": ("kt/Mt", "tonne", None),
    "kt C per Mtherm fuel consumed": ("kt/million_therm", "therm", "gross"),
}
_HEAT_UNITS = {"GJ/tonne": "GJ/tonne", "MJ/m3": "MJ/m3"}
#: Column of a zone: unit of the figure, the activity's, its calorific basis.
_ZONE_FACTORS: dict[str, tuple[str, str, str | None]] = {
    "C": ("tonne/TJ", "TJ", "gross"),
    "D": ("tonne/TJ", "TJ", "net"),
    "E": ("g/m3", "m3", None),
}
_NOTE = re.compile(r"\[notes? \d+( (to|and) \d+)?\]")
_CO2_OF_CARBON = Fraction(44, 12)
#: The two columns are rounded apart, to nine decimals at the least.
_ROUNDING = 1e-6
_Known = TypeVar("_Known")


@dataclass
class _Reader:
    """What was read so far, and what every row shares."""

    source: Source
    edition: str
    version: str
    factors: list[dict[str, Any]] = field(default_factory=list)
    properties: list[dict[str, Any]] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    rows_read: int = 0

    def columns(self, dataset: str, path: str, region: str, year: int) -> dict[str, Any]:
        """What the rows of one line of the workbook share, whatever they become."""
        return {
            "publisher": PUBLISHER,
            "dataset": dataset,
            "edition": self.edition,
            "activity_path": path,
            "region": region,
            "year": year,
        }

    def factor(self, sheet: Sheet, row: int, columns: dict[str, Any], **more: Any) -> str:
        """Add a CO2 factor and return its id."""
        made = factor_row(
            self.source,
            table=sheet.name,
            row=row,
            version=self.version,
            activity=harmonise(PUBLISHER, columns["activity_path"]),
            scope="1",
            **columns,
            **more,
        )
        self.factors.append(made)
        return str(made["factor_id"])

    def property(
        self,
        sheet: Sheet,
        row: int,
        columns: dict[str, Any],
        name: str,
        value: float,
        unit: str,
        basis: str | None = None,
    ) -> None:
        """Add a property of the line's fuel."""
        path = columns["activity_path"]
        parts = (PUBLISHER, columns["dataset"], self.edition, path_slug(path), name, slug(unit), basis)
        self.properties.append(
            {
                "property_id": "/".join(part for part in parts if part),
                "publisher": PUBLISHER,
                "dataset": columns["dataset"],
                "edition": self.edition,
                "activity_path": path,
                "activity": harmonise(PUBLISHER, path),
                "property": name,
                "calorific_basis": basis,
                "value": value,
                "unit": unit,
                **self.source.cite(edition=self.edition, table=sheet.name, row=row),
            }
        )

    def value(self, sheet: Sheet, row: int, columns: dict[str, Any], **more: Any) -> None:
        """Add a figure that is no factor."""
        self.values.append(value_row(self.source, table=sheet.name, row=row, **columns, **more))


def read(path: Path) -> ImportResult:
    """Import one workbook. Factors are masses of CO2 in kt, tonnes or g, as printed.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``UNIT_UNKNOWN``, ``CARBON_AND_CO2_DISAGREE``,
            ``CELL_NOT_A_NUMBER``, ``CELL_IS_AN_ERROR``, ``DUPLICATE_KEY`` and those of ``open_workbook``.
    """
    book = open_workbook(path)
    edition, issue = _edition(book.sheet(COVER))
    source = Source(
        publisher="UK DESNZ",
        document="Carbon emission factors and calorific values from the UK greenhouse gas inventory to "
        f"support the UK ETS, {edition}, issue {issue}",
        licence="Open Government Licence v3.0",
        file=path.name,
        sha256=file_sha256(path),
        url=URL,
    )
    found = _Reader(source, edition, edition_version(edition, issue - 1))
    fuels = book.sheet(FUEL_SHEET)
    year = _year(fuels, r"\((\d{4}) data as presented in")
    _fuels(found, fuels, year)
    _zones(found, book.sheet(ZONE_SHEET))
    _oxidation(found, book.sheet(OXIDATION_SHEET), year)
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(FUELS, ZONES),
        editions=(edition,),
        source=source,
        factors=frame(found.factors, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame(found.properties, PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=found.rows_read,
        skipped=dict(sorted(found.skipped.items())),
        others={"values": _values(found)},
        notes=("fuel densities are not in the workbook: it sends to DUKES for them",),
    )


def _values(found: _Reader) -> pl.DataFrame:
    return frame(found.values, VALUE_SCHEMA, VALUE_KEY, found.source)


def _edition(cover: Sheet) -> tuple[str, int]:
    """The edition that the cover's title names, and the number of its issue."""
    text = "\n".join(cover.text(row, "A") or "" for row in range(1, min(cover.height, 10) + 1))
    edition = re.search(r"UK Greenhouse Gas Inventory \([^)]*?(\d{4})\)", text)
    issue = re.search(r"^Issue (\d+)$", text, flags=re.MULTILINE)
    if edition is None or issue is None:
        raise cover.refuse(
            "LAYOUT_UNKNOWN",
            "the cover does not name the edition and its issue",
            1,
            "A",
            found=cover.text(1, "A") or "an empty cell",
            expected="… from the UK Greenhouse Gas Inventory (…, <year>) …, and below it Issue <number>",
        )
    return edition[1], int(issue[1])


def _year(sheet: Sheet, pattern: str) -> int:
    """The year of the data, from the sheet's title."""
    year = re.search(pattern, sheet.text(1, "A") or "")
    if year is None:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet's title does not name the year of its data",
            1,
            "A",
            found=sheet.text(1, "A") or "an empty cell",
            expected=f"a text that fits {pattern}",
        )
    return int(year[1])


def _plain(text: str | None) -> str | None:
    """A label without its marks of notes."""
    return (" ".join(_NOTE.sub(" ", text).split()) or None) if text else None


def _header(sheet: Sheet, expected: dict[str, tuple[str, ...]]) -> int:
    """The header's row: the one whose second and third columns say what they must."""
    for row in range(1, min(sheet.height, 20) + 1):
        if all(_plain(sheet.text(row, column)) in expected[column] for column in "BC"):
            break
    else:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "no header row in the first 20 rows",
            1,
            found=sheet.text(1, "A") or "an empty cell",
            expected=" | ".join(texts[0] for texts in expected.values()),
        )
    for column in sorted({*expected, *sheet.columns()}):
        found = _plain(sheet.text(row, column))
        if found not in expected.get(column, (None,)):
            raise sheet.refuse(
                "LAYOUT_UNKNOWN",
                "a column is not in the layout that this importer knows",
                row,
                column,
                found="an empty cell" if found is None else repr(found),
                expected=" or ".join(expected.get(column, ("no such column",))),
            )
    return row


def _figure(sheet: Sheet, row: int, column: str, label: str) -> float | None:
    """A number, or None where a note stands in its place."""
    text = sheet.text(row, column)
    if text is not None and _NOTE.fullmatch(text):
        return None
    return sheet.number(row, column, label)


def _unit(sheet: Sheet, row: int, column: str, known: dict[str, _Known]) -> _Known:
    found = sheet.text(row, column)
    if found not in known:
        raise sheet.refuse(
            "UNIT_UNKNOWN",
            "the unit is none that this publication has used",
            row,
            column,
            found="an empty cell" if found is None else repr(found),
            expected=", ".join(known),
        )
    return known[found]


def _fuels(found: _Reader, sheet: Sheet, year: int) -> None:
    header = _header(sheet, _FUEL_HEADER)
    found.rows_read += sheet.height - header
    category = industry = None
    for row in range(header + 1, sheet.height + 1):
        cells = [sheet.text(row, column) for column in _FUEL_HEADER]
        if not any(cells):
            found.skipped[BLANK] += 1
            continue
        # A category stands at its first line only.
        category, industry = cells[0] or category, cells[1] or (None if cells[0] else industry)
        fuel = _plain(cells[2])
        if not (category and industry and fuel):
            raise sheet.refuse(
                "LAYOUT_UNKNOWN",
                "a line does not say of which category, industry and fuel it is",
                row,
                "C" if category and industry else "B",
                found=" | ".join(cell or "(empty)" for cell in cells[:3]),
                expected="category (at its first line), industry, fuel",
            )
        if all(cell and _NOTE.fullmatch(cell) for cell in cells[3:]):
            found.skipped[NOTE_INSTEAD] += 1
        else:
            path = f"{category} > {industry} > {fuel}"
            _fuel(found, sheet, row, found.columns(FUELS, path, "GB", year), _notes(cells[2]))


def _notes(label: str | None) -> str | None:
    """Where the publication says more about a fuel, from the mark at its name."""
    mark = _NOTE.search(label or "")
    return f"{mark[0].strip('[]')} of the publication" if mark else None


def _fuel(found: _Reader, sheet: Sheet, row: int, columns: dict[str, Any], note: str | None) -> None:
    carbon, co2 = (_figure(sheet, row, column, _FUEL_HEADER[column][0]) for column in "DE")
    factor_id = None
    if carbon is not None or co2 is not None:
        unit, activity_unit, basis = _unit(sheet, row, "F", _CARBON_UNITS)
        factor_id = found.factor(
            sheet,
            row,
            columns,
            **_co2(sheet, row, carbon, co2, note),
            co2_unit=unit,
            activity_unit=activity_unit,
            calorific_basis=basis,
        )
    net = _figure(sheet, row, "G", _FUEL_HEADER["G"][0])
    if net is not None:
        shared = {"co2": net, "co2_unit": "tonne/TJ", "activity_unit": "TJ", "calorific_basis": "net"}
        found.factor(sheet, row, columns, note=note, **shared)
    if carbon is not None:
        printed = str(sheet.text(row, "F"))
        found.value(
            sheet,
            row,
            columns,
            measure="carbon emission factor",
            value=carbon,
            unit=printed,
            factor_id=factor_id,
        )
    ratio = _figure(sheet, row, "J", _FUEL_HEADER["J"][0])
    if ratio is not None:
        found.value(sheet, row, columns, measure="net energy per gross energy", value=ratio, unit="1")
    for column, unit_column, basis in (("H", "I", "gross"), ("K", "L", "net")):
        heat = _figure(sheet, row, column, _FUEL_HEADER[column][0])
        if heat is not None:
            unit = _unit(sheet, row, unit_column, _HEAT_UNITS)
            found.property(sheet, row, columns, "heat_content", heat, unit, basis)
    oxidation = _figure(sheet, row, "M", _FUEL_HEADER["M"][0])
    if oxidation is not None:
        found.property(sheet, row, columns, "oxidation_factor", oxidation, "1")


def _co2(sheet: Sheet, row: int, carbon: float | None, co2: float | None, note: str | None) -> dict[str, Any]:
    """The CO2 factor of a line: as printed, or derived from carbon where carbon alone is printed."""
    if carbon is None:
        return {"co2": co2, "note": note}
    of_carbon = float(Fraction(carbon) * _CO2_OF_CARBON)
    if co2 is None:
        return {"co2": of_carbon, "kind": "derived", "note": "; ".join(filter(None, (DERIVED, note)))}
    if abs(co2 - of_carbon) > _ROUNDING * of_carbon:
        raise sheet.refuse(
            "CARBON_AND_CO2_DISAGREE",
            "the CO2 factor is not the carbon factor times 44/12",
            row,
            "E",
            found=f"{co2:g} beside {carbon:g} of carbon",
            expected=f"{of_carbon:g}",
        )
    return {"co2": co2, "note": note}


def _zones(found: _Reader, sheet: Sheet) -> None:
    header = _header(sheet, _ZONE_HEADER)
    year = _year(sheet, r"UK natural gas (\d{4})")
    found.rows_read += sheet.height - header
    for row in range(header + 1, sheet.height + 1):
        cells = [sheet.text(row, column) for column in _ZONE_HEADER]
        if not any(cells):
            found.skipped[BLANK] += 1
        elif cells[0] and not any(cells[1:]):
            found.skipped[FOOTNOTE] += 1
        elif not (cells[0] and cells[1] and re.fullmatch(r"[A-Za-z]+", cells[1])):
            raise sheet.refuse(
                "LAYOUT_UNKNOWN",
                "a line does not name its zone",
                row,
                "B",
                found=" | ".join(cell or "(empty)" for cell in cells[:2]),
                expected="the zone's name and its abbreviation in letters",
            )
        else:
            region = f"GB-LDZ-{cells[1].upper()}"
            _zone(found, sheet, row, found.columns(ZONES, f"Natural gas > {cells[0]}", region, year))


def _zone(found: _Reader, sheet: Sheet, row: int, columns: dict[str, Any]) -> None:
    for column, (unit, activity_unit, basis) in _ZONE_FACTORS.items():
        found.factor(
            sheet,
            row,
            columns,
            co2=sheet.number(row, column, _ZONE_HEADER[column][0]),
            co2_unit=unit,
            activity_unit=activity_unit,
            calorific_basis=basis,
        )
    for column, basis in (("F", "gross"), ("G", "net")):
        heat = sheet.number(row, column, _ZONE_HEADER[column][0])
        found.property(sheet, row, columns, "heat_content", heat, "MJ/m3", basis)


def _oxidation(found: _Reader, sheet: Sheet, year: int) -> None:
    """Shares of carbon that stay unburnt: Excel shows the cells as percent, they hold fractions."""
    header = _header(sheet, _OXIDATION_HEADER)
    found.rows_read += sheet.height - header
    fuel = None
    for row in range(header + 1, sheet.height + 1):
        cells = [sheet.text(row, column) for column in "ABC"]
        if not any(cells):
            found.skipped[BLANK] += 1
        elif cells[0] and not any(cells[1:]):
            found.skipped[FOOTNOTE] += 1
        else:
            fuel = cells[0] or fuel
            found.value(
                sheet,
                row,
                found.columns(FUELS, f"{fuel} > {cells[1]}", "GB", year),
                measure="unburnt carbon",
                value=sheet.number(row, "C", _OXIDATION_HEADER["C"][0]),
                unit="1",
            )
