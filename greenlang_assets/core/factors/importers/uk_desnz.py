"""UK greenhouse gas conversion factors for company reporting, flat files, in the four layouts since 2016.

Belongs here: the sheet "Factors by Category", from 2016 (BEIS) to today (DESNZ). Does not belong here: other
sheets (users add their own to copies), and the condensed and full sets, which print the same figures.

* The header's last cell names the edition; its other cells name the layout: 2016-17, 2018-21 (two columns
  more, "UOM (simple)" and "Lookup", which the publisher marks "HIDE": helpers of its own look-ups, and not
  always in agreement with "UOM"; not read), 2022, and since 2023 (an "ID" column).
* Rows of one gas hold kg **CO2e** of that gas: they go to ``co2e_of_…`` and never into a column of masses,
  where a GWP would be applied a second time. Since 2022 the labels say so ("kg CO2e of CH4"); before, they
  say "kg CH4". There the figures themselves decide: a file is refused unless its gases add up to the total.
* The GWP set is read from the file: it prints methane and nitrous oxide among the refrigerants, as 25 and 298
  (AR4, IPCC 2007 Table 2.14; editions to 2022), 28 and 265 (AR5, IPCC 2013 Table 8.A.1; editions since 2023).
* Energy conversions for SECR (kWh per km) are no emissions: they are published values.
* Electricity abroad (losses in 2016, well-to-tank to 2021) has its country for a region; all else is GB.
* "0" in an empty level is what the publisher's formula shows of an empty cell (managed cars, 2019 and 2021).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from greenlang_assets.core.factors.countries import by_name
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    edition_version,
    factor_row,
    frame,
    slug,
    value_row,
)
from greenlang_assets.core.factors.importers.spreadsheet import Sheet, Workbook, file_sha256, open_workbook
from greenlang_assets.core.factors.model import CO2E_PARTS, FACTOR_KEY, FACTOR_SCHEMA, AppliedGwpSet
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "uk-desnz"
DATASET = "conversion-factors"
SHEET = "Factors by Category"
FRONT_PAGE = "Front page"
URL = "https://www.gov.uk/government/collections/government-conversion-factors-for-company-reporting"

NO_VALUE = "no value published (rows)"
BELOW_ONE = "value given as '< 1' (rows)"
END_MARK = "end mark (rows)"
BLANK = "blank rows"
AVERAGE = "an average over a group of countries"

_LEVELS = ("Level 1", "Level 2", "Level 3", "Level 4", "Column Text")
_EDITION = "GHG Conversion Factor"


@dataclass(frozen=True)
class _Layout:
    """The columns before the figure, and what the column of gases may say."""

    header: tuple[str, ...]
    gas_column: str
    parts: dict[str, str]
    #: False where the labels read like masses: then the sums must show that they are not.
    says_co2e: bool

    def column(self, name: str) -> str:
        """The letter of a column; the sheet begins in column A."""
        return chr(ord("A") + self.header.index(name))

    @property
    def value_column(self) -> str:
        """The letter of the column of figures: the one after the header's names."""
        return chr(ord("A") + len(self.header))


def _gases(of: str, after: str = "") -> dict[str, str]:
    parts = {f"kg {of}{gas}{after}": f"co2e_of_{gas.lower()}" for gas in ("CO2", "CH4", "N2O")}
    return {"kg CO2e": "co2e", **parts}


_LAYOUTS = (
    _Layout(("Scope", *_LEVELS, "UOM", "GHG"), "GHG", _gases(""), says_co2e=False),
    _Layout(("Scope", *_LEVELS, "UOM (simple)", "UOM", "GHG", "Lookup"), "GHG", _gases(""), says_co2e=False),
    _Layout(("Scope", *_LEVELS, "UOM", "GHG/Unit"), "GHG/Unit", _gases("CO2e of "), says_co2e=True),
    _Layout(
        ("ID", "Scope", *_LEVELS, "UOM", "GHG/Unit"),
        "GHG/Unit",
        _gases("CO2e of ", " per unit"),
        says_co2e=True,
    ),
)
_SCOPES = {"Scope 1": "1", "Scope 2": "2", "Scope 3": "3", "Outside of Scopes": "outside"}
#: Units as printed: ours, and the calorific basis. Every "km" and "miles" of the file is a vehicle's.
_UNITS: dict[str, tuple[str, str | None]] = {
    "tonnes": ("tonne", None),
    "kg": ("kg", None),
    "litres": ("L", None),
    "Litres": ("L", None),
    "million litres": ("ML", None),
    "cubic metres": ("m3", None),
    "kWh": ("kWh", None),
    "kWh (Net CV)": ("kWh", "net"),
    "kWh (Gross CV)": ("kWh", "gross"),
    "GJ": ("GJ", None),
    "km": ("vehicle_km", None),
    "miles": ("vehicle_mile", None),
    "tonne.km": ("tonne_km", None),
    "passenger.km": ("passenger_km", None),
    "Room per night": ("room_night", None),
    "per FTE Working Hour": ("FTE*h", None),
}
#: Label of an SECR row: what is measured, and in which energy.
_ENERGY = {
    "kWh (Net CV)": ("energy use, net calorific value", "kWh[net]"),
    "kWh (net)": ("electricity use", "kWh"),
    "kWh": ("electricity use", "kWh"),
    # A slip of the key in one row of 2020 and 2021, among rows that say kWh.
    "`": ("electricity use", "kWh"),
}
#: kg CO2e of a kg of methane and of nitrous oxide, as the file prints them among the refrigerants.
_GWP_SETS: dict[tuple[float, float], AppliedGwpSet] = {
    (25.0, 298.0): "AR4",
    (28.0, 265.0): "AR5",
    (27.9, 273.0): "AR6",
}
#: Share of a file's factors whose gases may miss the total by more than the publisher's rounding.
_MISSED_TOTALS = 0.02


@dataclass
class _Group:
    """The rows that share path, unit and scope: one factor with its parts."""

    path: str
    uom: str
    scope: str
    values: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


@dataclass
class _Rows:
    """What the rows below the header hold."""

    groups: dict[tuple[str, str, str], _Group] = field(default_factory=dict)
    energy: list[tuple[int, _Group, str, float]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def read(path: Path) -> ImportResult:
    """Import one flat file. Factors are kg CO2e per unit, in total and by gas.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``UNIT_UNKNOWN``, ``SCOPE_UNKNOWN``, ``GAS_UNKNOWN``,
            ``GAS_UNIT_UNKNOWN`` (labels of masses whose figures are no CO2e), ``GWP_SET_UNKNOWN``,
            ``REGION_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``CELL_IS_AN_ERROR``, ``DUPLICATE_KEY`` and those of
            ``open_workbook``.
    """
    book = open_workbook(path)
    sheet = book.sheet(SHEET)
    header, layout, edition = _header(sheet)
    version, department = _front_page(book)
    source = Source(
        publisher=department,
        document="UK Government GHG Conversion Factors for Company Reporting "
        f"{edition}, flat file v{version}",
        licence="Open Government Licence v3.0",
        file=sheet.file,
        sha256=file_sha256(path),
        url=URL,
    )
    rows = _rows(sheet, header, layout)
    if not layout.says_co2e:
        _require_co2e(sheet, header, layout, list(rows.groups.values()))
    common = {
        "publisher": PUBLISHER,
        "dataset": DATASET,
        "edition": edition,
        "year": int(edition),
    }
    gwp_set = _gwp_set(sheet, header, layout, list(rows.groups.values()))
    shared = {**common, "version": _semantic_version(edition, version), "gwp_set": gwp_set}
    factors = [_factor(sheet, group, source, shared) for group in rows.groups.values() if group.values]
    values = [_energy_value(source, *row, common) for row in rows.energy]
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition,),
        source=source,
        factors=frame(factors, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, ("property_id",), source),
        rows_read=sheet.height - header,
        skipped=dict(sorted(rows.skipped.items())),
        others={"values": frame(values, VALUE_SCHEMA, VALUE_KEY, source)} if values else {},
    )


def _header(sheet: Sheet) -> tuple[int, _Layout, str]:
    """The header's row, the layout that it names, and the edition in its last column."""
    for row in range(1, min(sheet.height, 40) + 1):
        cells = [sheet.text(row, column) for column in sheet.columns()]
        if "Scope" in cells and "UOM" in cells:
            break
    else:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "no header row with Scope and UOM in the first 40 rows",
            1,
            found=sheet.text(1, "A") or "an empty cell",
            expected=" | ".join(_LAYOUTS[-1].header),
        )
    edition = re.fullmatch(rf"{_EDITION} (\d{{4}})", cells[-1] or "")
    layout = next((known for known in _LAYOUTS if known.header == tuple(cells[:-1])), None)
    if layout is None or edition is None or sheet.columns()[0] != "A":
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the flat file has columns that this importer does not know",
            row,
            found=" | ".join(cell or "(empty)" for cell in cells),
            expected=" or ".join(" | ".join((*known.header, f"{_EDITION} <year>")) for known in _LAYOUTS),
        )
    return row, layout, edition[1]


def _front_page(book: Workbook) -> tuple[str, str]:
    """The publisher's version of the file, e.g. ``1.1``, and the department, as the front page has them."""
    front = book.sheet(FRONT_PAGE)
    version, department = None, "UK DESNZ"
    for row in range(1, min(front.height, 40) + 1):
        for label, value in zip(front.columns(), [*front.columns()[1:], None], strict=True):
            text = front.text(row, value) if value else None
            said = front.text(row, label) or ""
            if version is None and said == "Version:" and re.fullmatch(r"\d{1,2}(\.\d{1,2})?", text or ""):
                version = text
            named = re.search(r"Department for .*\(([A-Z]{3,})\b", said)
            if named:
                department = f"UK {named[1]}"
    if version is None:
        raise front.refuse(
            "LAYOUT_UNKNOWN",
            "the front page does not name its version",
            1,
            found="no cell beside 'Version:' of the form 1 or 1.x",
            expected="Version: 1 or 1.x",
        )
    return (version if "." in version else f"{version}.0"), department


def _semantic_version(edition: str, version: str) -> str:
    """The publisher corrects an edition as 1.1, 1.2 … or as 2, 3 …; both count upwards in the patch.

    1.1 is patch 1, and 3 is patch 200, so that an edition which uses both ways keeps its order.
    """
    major, minor = map(int, version.split("."))
    return edition_version(edition, 100 * (major - 1) + minor)


def _rows(sheet: Sheet, header: int, layout: _Layout) -> _Rows:
    found = _Rows()
    columns = {name: layout.column(name) for name in ("Scope", *_LEVELS, "UOM", layout.gas_column)}
    for row in range(header + 1, sheet.height + 1):
        cells = {name: sheet.text(row, column) for name, column in columns.items()}
        if not any(sheet.text(row, column) for column in sheet.columns()):
            found.skipped[BLANK] += 1
        elif "END" in (cells["Scope"], cells["Level 1"]):
            found.skipped[END_MARK] += 1
        else:
            _read_row(sheet, row, layout, cells, found)
    return found


def _read_row(sheet: Sheet, row: int, layout: _Layout, cells: dict[str, str | None], found: _Rows) -> None:
    scope, uom, gas = cells["Scope"], cells["UOM"], cells[layout.gas_column]
    energy = "kWh" in (cells["Level 1"] or "")
    value = sheet.text(row, layout.value_column)
    _known(sheet, row, layout.column("Scope"), "SCOPE_UNKNOWN", "scope", scope, _SCOPES)
    _known(sheet, row, layout.column("UOM"), "UNIT_UNKNOWN", "unit of measure", uom, _UNITS)
    levels = [cells[name] for name in _LEVELS]
    group = _Group(" > ".join(level for level in levels if level and level != "0"), str(uom), str(scope))
    # Rows without a figure may be without a label too (motorbikes, 2022).
    if not (energy and gas is None and value is None):
        known = _ENERGY if energy else layout.parts
        _known(sheet, row, layout.column(layout.gas_column), "GAS_UNKNOWN", "gas", gas, known)
    part = "" if energy else layout.parts[str(gas)]
    if not energy:
        group = found.groups.setdefault((group.path, group.uom, group.scope), group)
        if part in group.rows:
            raise sheet.refuse(
                "DUPLICATE_KEY",
                "path, unit, scope and gas stand twice",
                row,
                found=f"{group.path}; {uom}; {scope}; {gas}",
                expected=f"only row {group.rows[part]}",
            )
        group.rows[part] = row
    if value is None:
        found.skipped[NO_VALUE] += 1
    elif value == "< 1":
        found.skipped[BELOW_ONE] += 1
    elif energy:
        number = sheet.number(row, layout.value_column, "the energy conversion")
        found.energy.append((row, group, str(gas), number))
    else:
        group.values[part] = sheet.number(row, layout.value_column, "the conversion factor")


def _known(
    sheet: Sheet, row: int, column: str, code: str, what: str, found: str | None, known: dict[str, Any]
) -> None:
    if found not in known:
        raise sheet.refuse(
            code,
            f"the {what} is none that this layout has used",
            row,
            column,
            found="an empty cell" if found is None else repr(found),
            expected=", ".join(known),
        )


def _require_co2e(sheet: Sheet, header: int, layout: _Layout, groups: list[_Group]) -> None:
    """Refuse labels such as "kg CH4" unless the figures under them are CO2e: the gases give the total."""
    by_gas = [group for group in groups if {"co2e_of_ch4", "co2e_of_n2o"} & group.values.keys()]
    whole = [group for group in by_gas if len(group.values) == len(layout.parts)]
    missed = [group for group in whole if not _adds_up(group.values)]
    if by_gas and (not whole or len(missed) > _MISSED_TOTALS * len(whole)):
        example = (missed or by_gas)[0]
        raise sheet.refuse(
            "GAS_UNIT_UNKNOWN",
            "the labels read like masses of gases, and the figures are not seen to be CO2e of them",
            max(example.rows.values()) if example.rows else header,
            layout.value_column,
            found=f"{len(missed)} of {len(whole)} factors whose gases do not add up to kg CO2e",
            expected="CO2, CH4 and N2O that add up to kg CO2e, as in every edition so far",
        )


def _adds_up(values: dict[str, float]) -> bool:
    """Up to the rounding of four figures to five decimals, or to five digits."""
    gases = sum(value for part, value in values.items() if part != "co2e")
    return abs(values["co2e"] - gases) <= 0.00003 + 0.0001 * values["co2e"]


def _gwp_set(sheet: Sheet, header: int, layout: _Layout, groups: list[_Group]) -> AppliedGwpSet:
    """The set whose GWPs the file prints for methane and nitrous oxide."""
    printed: dict[str, set[float]] = {"Methane": set(), "Nitrous oxide": set()}
    for group in groups:
        levels = group.path.split(" > ")
        if levels[0].startswith("Refrigerant") and group.uom == "kg" and "co2e" in group.values:
            printed.get(levels[2] if len(levels) > 2 else "", set()).add(group.values["co2e"])
    for (methane, nitrous_oxide), gwp_set in _GWP_SETS.items():
        if printed == {"Methane": {methane}, "Nitrous oxide": {nitrous_oxide}}:
            return gwp_set
    raise sheet.refuse(
        "GWP_SET_UNKNOWN",
        "the file's methane and nitrous oxide do not name the GWP set behind its figures",
        header,
        layout.value_column,
        found="; ".join(f"{gas} {sorted(figures) or 'not printed'}" for gas, figures in printed.items()),
        expected="; ".join(f"{pair[0]:g} and {pair[1]:g} ({name})" for pair, name in _GWP_SETS.items()),
    )


def _region(sheet: Sheet, group: _Group) -> str:
    """GB, but for electricity abroad: the country, or the group of countries as the publisher draws it."""
    levels = group.path.split(" > ")
    if len(levels) < 3 or "overseas electricity" not in levels[1]:
        return "GB"
    name = levels[2].removeprefix("Electricity: ")
    if name.endswith(" (average)"):
        return f"GROUP-{slug(name.removesuffix(' (average)')).upper()}"
    country = by_name(name)
    if country is None:
        raise sheet.refuse(
            "REGION_UNKNOWN",
            "the electricity of a country that is in no list of ours",
            min(group.rows.values()),
            found=levels[2],
            expected="a country by a name of data/factors/countries.csv, or '<group> (average)'",
        )
    return country


def _factor(sheet: Sheet, group: _Group, source: Source, shared: dict[str, Any]) -> dict[str, Any]:
    unit, basis = _UNITS[group.uom]
    scope = _SCOPES[group.scope]
    region = _region(sheet, group)
    return factor_row(
        source,
        table=SHEET,
        row=group.rows[next(part for part in CO2E_PARTS if part in group.values)],
        # The same path and unit may stand under several scopes.
        suffix=f"scope-{scope}",
        activity_path=group.path,
        activity=harmonise(PUBLISHER, group.path),
        scope=scope,
        region=region,
        activity_unit=unit,
        calorific_basis=basis,
        co2e_unit=f"kg/{unit.replace('*', '/')}",
        not_counted=AVERAGE if region.startswith("GROUP-") else None,
        **shared,
        **group.values,
    )


def _energy_value(
    source: Source, row: int, group: _Group, gas: str, number: float, common: dict[str, Any]
) -> dict[str, Any]:
    measure, energy = _ENERGY[gas]
    unit = _UNITS[group.uom][0]
    return value_row(
        source,
        table=SHEET,
        row=row,
        measure=measure,
        value=number,
        unit=f"{energy}/{unit}",
        suffix=f"{slug(unit)}/scope-{_SCOPES[group.scope]}",
        activity_path=group.path,
        region="GB",
        **common,
    )
