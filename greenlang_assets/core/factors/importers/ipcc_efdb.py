"""IPCC Emission Factor Database: the user's own export of it ("Export to XLS", or csv), as factors.

Belongs here: exports of the 21 columns from "EF ID" to "Data provider", one row a parameter.
Does not belong here: any figure of the database. Nothing of it ships with this project: the IPCC's copyright
note allows a personal, non-commercial copy and no redistribution, which every row's licence says.

The database holds "emission factors and other relevant parameters" (its main page): net calorific values,
carbon contents, fractions, activity data, ranges. A row becomes a factor only where everything can be
understood, and is counted with the reason otherwise:

* one gas with a column of its own; a number, not a range, a bound or a text; not negative;
* a description that says emission factor and not carbon: a carbon content in kg/GJ also stands under
  "CARBON DIOXIDE";
* a unit that is a mass (plain, or of that very gas) per something that ``core.units`` reads: kg N2O-N, m3 of
  methane and kg per kg BOD are not;
* a type of parameter that names a year ("2006 IPCC default"), which is the year of the factor.

CO2 of the biomass fuels of the 2006 Guidelines (Volume 2, Table 1.1) goes to ``co2_biogenic``. Rows that
differ in gas alone make one factor, cited by its first row; the note holds the EF IDs of all. An empty region
of a default means the world; countries become ISO 3166-1, any other text a group under its own name.

The export names no edition: the file's name may hold its day (``EFDB_output_20260207.xlsx``), else the
edition is named by the file's content.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.countries import by_name
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    ImportResult,
    Source,
    factor_row,
    frame,
    slug,
)
from greenlang_assets.core.factors.importers.delimited import Line, open_table
from greenlang_assets.core.factors.importers.spreadsheet import file_sha256, open_workbook, squeeze
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise
from greenlang_assets.core.unit_symbols import BASES, KIND
from greenlang_assets.core.unit_text import read_factors
from greenlang_assets.core.units import Unit, parse_unit

PUBLISHER = "ipcc"
DATASET = "efdb"
LICENCE = "IPCC copyright: user's own copy for personal, non-commercial use; not for redistribution"

NO_GAS = "no gas, or none with a column of its own (rows)"
SEVERAL_GASES = "several gases in one row (rows)"
NO_VALUE = "no value (rows)"
NOT_A_NUMBER = "a range, a bound or a text instead of a number (rows)"
NEGATIVE = "negative value (rows)"
NOT_EMISSION = "not described as an emission factor of the gas (rows)"
UNIT_NOT_UNDERSTOOD = "unit not understood as mass of the gas per activity (rows)"
NO_YEAR = "type of parameter names no year (rows)"

_HEADER = (
    "EF ID", "IPCC 1996 Source/Sink Category", "IPCC 2006 Source/Sink Category", "Gas", "Fuel 1996",
    "Fuel 2006", "C pool", "Type of parameter", "Description", "Technologies / Practices",
    "Parameters / Conditions", "Region / Regional Conditions", "Abatement / Control Technologies",
    "Other properties", "Value", "Unit", "Equation", "IPCC Worksheet", "Technical Reference",
    "Source of data", "Data provider",
)  # fmt: skip
#: Gas as the database names it -> our column, and what a unit may call it.
_GASES = {
    "CARBON DIOXIDE": ("co2", "CO2"),
    "METHANE": ("ch4", "CH4"),
    "NITROUS OXIDE": ("n2o", "N2O"),
    "SULPHUR HEXAFLUORIDE": ("sf6", "SF6"),
    "SULFUR HEXAFLUORIDE": ("sf6", "SF6"),
    "NITROGEN TRIFLUORIDE": ("nf3", "NF3"),
}
_BIOMASS = (
    "woodwoodwaste", "sulphitelyesblackliquor", "sulphitelyes", "blackliquor", "otherprimarysolidbiomass",
    "charcoal", "biogasoline", "biodiesels", "otherliquidbiofuels", "landfillgas", "sludgegas",
    "otherbiogas", "municipalwastesbiomassfraction",
)  # fmt: skip
#: What tells rows apart besides category, fuel, description and gas, in the order of the activity path.
_CONDITIONS = (
    "Technologies / Practices", "Parameters / Conditions", "Abatement / Control Technologies",
    "Other properties",
)  # fmt: skip
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_GAS_WORDS = re.compile(
    r"\(?\b(CO2|CH4|N2O|SF6|NF3|carbon dioxide|methane|nitrous oxide|sul(ph|f)ur hexafluoride"
    r"|nitrogen trifluoride)\b\)?",
    re.IGNORECASE,
)
_SAYS_FACTOR = re.compile(r"\bemission factors?\b|\bEF\b", re.IGNORECASE)
_SAYS_CARBON = re.compile(r"\bcarbon\b(?! dioxide)|\b[CN]\b|\b(N2O|CH4)-[NC]\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Row:
    """One row that can be understood."""

    line: Line
    column: str
    value: float
    mass_unit: str
    key: tuple[str | int | None, ...]


@dataclass
class _Group:
    """Rows that differ in gas alone: one factor."""

    rows: dict[str, _Row] = field(default_factory=dict)

    @property
    def first(self) -> _Row:
        return next(iter(self.rows.values()))


def read(path: Path) -> ImportResult:
    """Import an export of the database; figures are masses of gases in the units of the export.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``DUPLICATE_KEY`` (an EF ID twice), ``CELL_IS_AN_ERROR``, and
            those of ``open_workbook`` and ``open_table``.
    """
    lines = _csv_lines(path) if path.suffix.lower() == ".csv" else _sheet_lines(path)
    digest = file_sha256(path)
    edition, version = _edition(path, digest)
    source = Source(
        publisher="IPCC",
        document=f"Emission Factor Database (EFDB), export {edition}",
        licence=LICENCE,
        file=path.name,
        sha256=digest,
        url="https://www.ipcc-nggip.iges.or.jp/EFDB/main.php",
    )
    skipped: Counter[str] = Counter()
    groups: dict[tuple[str | int | None, ...], list[_Group]] = {}
    seen: dict[str, int] = {}
    for line in lines:
        _refuse_twice(line, seen)
        row = _understood(line)
        if isinstance(row, str):
            skipped[row] += 1
            continue
        same = groups.setdefault(row.key, [])
        group = next((group for group in same if row.column not in group.rows), None)
        if group is None:
            group = _Group()
            same.append(group)
        group.rows[row.column] = row
    factors = [_factor(group, source, edition, version) for groups_ in groups.values() for group in groups_]
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition,),
        source=source,
        factors=frame(factors, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=len(lines),
        skipped=dict(sorted(skipped.items())),
        notes=("the user's own copy: not for redistribution",),
    )


def _csv_lines(path: Path) -> list[Line]:
    return list(open_table(path, _HEADER).lines)


def _sheet_lines(path: Path) -> list[Line]:
    """The rows of the first sheet; line breaks inside a cell are kept, since they part gases and regions."""
    workbook = open_workbook(path)
    sheet = workbook.sheet(workbook.names[0])
    letters = sheet.columns()
    found = tuple(sheet.text(1, letter) or "" for letter in letters)
    if found != _HEADER or letters[0] != "A":
        odd = next((letter for letter, a, b in zip(letters, found, _HEADER, strict=False) if a != b), None)
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet has columns that this importer does not know",
            1,
            odd,
            found=" | ".join(found) or "an empty sheet",
            expected=" | ".join(_HEADER),
            hint="export the database with all of its columns",
        )
    lines = []
    for row in range(2, sheet.height + 1):
        cells = [(sheet.raw(row, letter) or "").strip() for letter in letters]
        exact = sheet.numbers[row - 1][_HEADER.index("Value")]
        record = dict(zip(_HEADER, cells, strict=True))
        # The text of a numeric cell has 15 digits only; a number that was typed as text is as it stands.
        if exact is not None and _NUMBER.fullmatch(record["Value"]):
            record["Value"] = repr(exact)
        if any(cells):
            lines.append(Line(sheet.file, row, record, sheet.name))
    return lines


def _edition(path: Path, digest: str) -> tuple[str, str]:
    """The day in the file's name, else the beginning of the content's hash; and a semantic version."""
    day = re.search(r"(?<!\d)(20\d\d)-?([01]\d)-?([0-3]\d)(?!\d)", path.stem)
    if day is None:
        return f"export-{digest[:12]}", "1.0.0"
    return "-".join(day.groups()), ".".join(str(int(part)) for part in day.groups())


def _refuse_twice(line: Line, seen: dict[str, int]) -> None:
    identity = line["EF ID"]
    if not re.fullmatch(r"\d+", identity):
        raise line.refuse(
            "LAYOUT_UNKNOWN", "a row has no EF ID", "EF ID", found=repr(identity), expected="a number"
        )
    if identity in seen:
        raise line.refuse(
            "DUPLICATE_KEY", "an EF ID stands twice", "EF ID", found=identity,
            expected=f"only row {seen[identity]}",
        )  # fmt: skip
    seen[identity] = line.number


def _understood(line: Line) -> _Row | str:
    """The row as a figure of one gas, or the reason why it is none."""
    gases = [squeeze(part).upper() for part in line["Gas"].splitlines() if part.strip()]
    if len(gases) > 1:
        return SEVERAL_GASES
    if not gases or gases[0] not in _GASES:
        return NO_GAS
    value = squeeze(line["Value"])
    if not value:
        return NO_VALUE
    if not _NUMBER.fullmatch(value):
        return NOT_A_NUMBER
    if float(value) < 0:
        return NEGATIVE
    description = squeeze(line["Description"])
    if line["C pool"] or not _SAYS_FACTOR.search(description) or _SAYS_CARBON.search(description):
        return NOT_EMISSION
    column, name = _GASES[gases[0]]
    units = _units(squeeze(line["Unit"]), name)
    if units is None:
        return UNIT_NOT_UNDERSTOOD
    years = re.findall(r"\b(?:19|20)\d\d\b", line["Type of parameter"])
    if not years:
        return NO_YEAR
    mass_unit, activity_unit, basis = units
    if column == "co2" and _is_biomass(line):
        column = "co2_biogenic"
    key = (
        _path(line), _region(line), int(years[-1]), activity_unit, basis or _basis(description), mass_unit,
    )  # fmt: skip
    return _Row(line, column, float(value), mass_unit, key)


def _units(text: str, gas: str) -> tuple[str, str, str | None] | None:
    """Unit of the figure, unit of the activity and its calorific basis, from one printed unit.

    ``kg CH4/head/yr`` is kg/head/year per head*year; None where it is no mass of ``gas`` per activity.
    """
    try:
        (symbol, mark, power), *rest = read_factors(text)
        parse_unit(text)
    except GreenlangError:
        return None
    if KIND[symbol] != "mass" or power != 1 or mark not in ("", gas) or not rest:
        return None
    if any(under >= 0 for _, _, under in rest):
        return None
    bases = {mark for _, mark, _ in rest if mark in BASES}
    if any(mark and mark not in BASES for _, mark, _ in rest) or len(bases) > 1:
        return None
    activity = Unit(tuple((name, "", Fraction(-under)) for name, _, under in rest)).text
    return f"{symbol}/{activity.replace('*', '/')}", activity, next(iter(bases), None)


def _basis(description: str) -> str | None:
    found = re.search(r"\b(net|gross) calorific", description, re.IGNORECASE)
    return found[1].lower() if found else None


def _is_biomass(line: Line) -> bool:
    fuel = line["Fuel 2006"] or line["Fuel 1996"]
    return re.sub(r"[^a-z]", "", fuel.lower()) in _BIOMASS


def _path(line: Line) -> str:
    """Category, fuel and what else tells a parameter apart, but for the gas: that is a column."""
    levels = [
        line["IPCC 2006 Source/Sink Category"] or line["IPCC 1996 Source/Sink Category"],
        line["Fuel 2006"] or line["Fuel 1996"],
        _GAS_WORDS.sub(" ", line["Description"]),
        *(line[column] for column in _CONDITIONS),
    ]
    plain = [squeeze(level).replace(" > ", " over ") for level in levels]
    return " > ".join(level for level in plain if slug(level))


def _region(line: Line) -> str:
    text = squeeze(line["Region / Regional Conditions"])
    if not text:
        return "WORLD"
    return by_name(text) or (f"GROUP-{slug(text).upper().replace('_', '-')}" if slug(text) else "WORLD")


def _factor(group: _Group, source: Source, edition: str, version: str) -> dict[str, Any]:
    first = group.first
    path, region, year, activity_unit, basis, _ = first.key
    figures: dict[str, Any] = {}
    for column, row in group.rows.items():
        figures[column] = row.value
        figures[f"{column}_unit"] = row.mass_unit
    numbers = ", ".join(row.line["EF ID"] for row in group.rows.values())
    text = squeeze(first.line["Region / Regional Conditions"])
    return factor_row(
        source,
        table=first.line.sheet or "export",
        row=first.line.number,
        # Long texts become slugs, in which a sign may be lost: the EF ID keeps two parameters apart.
        suffix=f"efdb-{first.line['EF ID']}",
        publisher=PUBLISHER,
        dataset=DATASET,
        edition=edition,
        version=version,
        activity_path=path,
        activity=harmonise(PUBLISHER, str(path)),
        region=region,
        year=year,
        activity_unit=activity_unit,
        calorific_basis=basis,
        data_quality=squeeze(first.line["Type of parameter"]),
        note=f"EF ID {numbers}" + (f"; region {text}" if text else ""),
        **figures,
    )
