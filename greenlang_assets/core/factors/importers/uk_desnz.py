"""UK DESNZ greenhouse gas conversion factors for company reporting, flat files 2024 and 2025.

Belongs here: the sheet "Factors by Category" in the layout used since 2023.
Does not belong here: earlier layouts (they are refused), the energy conversions for SECR (counted, skipped).

The columns "kg CO2e of CH4 per unit" and so on are CO2e of that gas, made with AR5 GWPs by the publisher:
they go to ``co2e_of_…`` and never into a column of masses, where a GWP would be applied a second time.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenlang_assets.core.factors.importers.base import (
    PROPERTY_SCHEMA,
    ImportResult,
    Source,
    edition_version,
    factor_row,
    frame,
)
from greenlang_assets.core.factors.importers.spreadsheet import Sheet, file_sha256, open_sheet
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "uk-desnz"
DATASET = "conversion-factors"
SHEET = "Factors by Category"
EDITIONS = ("2024", "2025")
GWP_SET = "AR5"
URL = "https://www.gov.uk/government/collections/government-conversion-factors-for-company-reporting"

NO_VALUE = "no value published (rows)"
ENERGY = "energy conversion for SECR, not an emission factor (rows)"
BELOW_ONE = "value given as '< 1' (rows)"
END_MARK = "end mark (rows)"
BLANK = "blank rows"

_HEADER = ("ID", "Scope", "Level 1", "Level 2", "Level 3", "Level 4", "Column Text", "UOM", "GHG/Unit")
_SCOPES = {"Scope 1": "1", "Scope 2": "2", "Scope 3": "3", "Outside of Scopes": "outside"}
#: Units as printed: ours, and the calorific basis. Every "km" and "miles" of the file is a vehicle's.
_UNITS: dict[str, tuple[str, str | None]] = {
    "tonnes": ("tonne", None),
    "kg": ("kg", None),
    "litres": ("L", None),
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
_PARTS = {
    "kg CO2e": "co2e",
    "kg CO2e of CO2 per unit": "co2e_of_co2",
    "kg CO2e of CH4 per unit": "co2e_of_ch4",
    "kg CO2e of N2O per unit": "co2e_of_n2o",
}
_ENERGY = ("kWh (Net CV)", "kWh (net)")


@dataclass
class _Group:
    """The rows that share path, unit and scope: one factor with its parts."""

    path: str
    uom: str
    scope: str
    values: dict[str, float]
    rows: dict[str, int]


def read(path: Path) -> ImportResult:
    """Import one flat file.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``EDITION_UNKNOWN``, ``UNIT_UNKNOWN``, ``SCOPE_UNKNOWN``,
            ``GAS_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``CELL_IS_AN_ERROR``, ``DUPLICATE_KEY`` and those of
            ``open_sheet``.
    """
    sheet = open_sheet(path, SHEET)
    header, edition = _header(sheet)
    version = _version(path)
    source = Source(
        publisher="UK DESNZ",
        document="UK Government GHG Conversion Factors for Company Reporting "
        f"{edition}, flat file v{version}",
        licence="Open Government Licence v3.0",
        file=sheet.file,
        sha256=file_sha256(path),
        url=URL,
    )
    groups, skipped = _groups(sheet, header)
    rows = [_factor(group, source, edition, version) for group in groups if group.values]
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition,),
        source=source,
        factors=frame(rows, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, ("property_id",), source),
        rows_read=sheet.height - header,
        skipped=dict(sorted(skipped.items())),
    )


def _header(sheet: Sheet) -> tuple[int, str]:
    """The header's row and the edition that its last column names."""
    for row in range(1, min(sheet.height, 40) + 1):
        cells = [sheet.text(row, column) for column in sheet.columns()]
        if "Scope" in cells and "UOM" in cells:
            break
    else:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "no header row with Scope and UOM in the first 40 rows",
            1,
            found=sheet.text(1, "A"),
            expected=" | ".join(_HEADER),
        )
    edition = re.fullmatch(r"GHG Conversion Factor (\d{4})", cells[-1] or "")
    if tuple(cells[:-1]) != _HEADER or edition is None or sheet.columns()[0] != "A":
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the flat file has columns that this importer does not know",
            row,
            found=" | ".join(cell or "(empty)" for cell in cells),
            expected=" | ".join((*_HEADER, "GHG Conversion Factor <year>")),
            hint="files before 2023 have other columns and are not read by this importer",
        )
    if edition[1] not in EDITIONS:
        raise sheet.refuse(
            "EDITION_UNKNOWN",
            "this edition has not been checked against its layout and GWP set",
            row,
            sheet.columns()[-1],
            found=edition[1],
            expected=", ".join(EDITIONS),
        )
    return row, edition[1]


def _version(path: Path) -> str:
    """The publisher's version of the file, e.g. ``1.1``, as the front page prints it."""
    front = open_sheet(path, "Front page")
    for row in range(1, min(front.height, 40) + 1):
        for label, value in zip(front.columns(), front.columns()[1:], strict=False):
            text = front.text(row, value)
            if front.text(row, label) == "Version:" and text and re.fullmatch(r"1(\.\d+)?", text):
                return text if "." in text else f"{text}.0"
    raise front.refuse(
        "LAYOUT_UNKNOWN",
        "the front page does not name its version",
        1,
        found="no cell beside 'Version:' of the form 1.x",
        expected="Version: 1 or 1.x",
    )


def _groups(sheet: Sheet, header: int) -> tuple[list[_Group], Counter[str]]:
    skipped: Counter[str] = Counter()
    groups: dict[tuple[str, str, str], _Group] = {}
    for row in range(header + 1, sheet.height + 1):
        cells = {name: sheet.text(row, column) for name, column in zip(_HEADER, "ABCDEFGHI", strict=True)}
        if not any(cells.values()) and sheet.text(row, "J") is None:
            skipped[BLANK] += 1
            continue
        if cells["Scope"] == "END":
            skipped[END_MARK] += 1
            continue
        scope, uom, gas = cells["Scope"], cells["UOM"], cells["GHG/Unit"]
        if gas in _ENERGY:
            skipped[ENERGY] += 1
            continue
        _known(sheet, row, "B", "SCOPE_UNKNOWN", "scope", scope, _SCOPES)
        _known(sheet, row, "H", "UNIT_UNKNOWN", "unit of measure", uom, _UNITS)
        _known(sheet, row, "I", "GAS_UNKNOWN", "gas", gas, _PARTS)
        levels = [cells[name] for name in _HEADER[2:7]]
        path = " > ".join(level for level in levels if level)
        group = groups.setdefault((path, str(uom), str(scope)), _Group(path, str(uom), str(scope), {}, {}))
        part = _PARTS[str(gas)]
        if part in group.rows:
            raise sheet.refuse(
                "DUPLICATE_KEY",
                "path, unit, scope and gas stand twice",
                row,
                found=f"{path}; {uom}; {scope}; {gas}",
                expected=f"only row {group.rows[part]}",
            )
        group.rows[part] = row
        value = sheet.text(row, "J")
        if value is None:
            skipped[NO_VALUE] += 1
        elif value == "< 1":
            skipped[BELOW_ONE] += 1
        else:
            group.values[part] = sheet.number(row, "J", "the conversion factor")
    return list(groups.values()), skipped


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


def _factor(group: _Group, source: Source, edition: str, version: str) -> dict[str, Any]:
    unit, basis = _UNITS[group.uom]
    scope = _SCOPES[group.scope]
    # Version 1.0 is the edition; each 1.x corrects it.
    patch = int(version.split(".")[1])
    return factor_row(
        source,
        table=SHEET,
        row=group.rows[next(part for part in _PARTS.values() if part in group.values)],
        # The same path and unit may stand under several scopes.
        suffix=f"scope-{scope}",
        publisher=PUBLISHER,
        dataset=DATASET,
        edition=edition,
        version=edition_version(edition, patch),
        activity_path=group.path,
        activity=harmonise(PUBLISHER, group.path),
        scope=scope,
        region="GB",
        year=int(edition),
        activity_unit=unit,
        calorific_basis=basis,
        gwp_set=GWP_SET,
        co2e_unit=f"kg/{unit.replace('*', '/')}",
        **group.values,
    )
