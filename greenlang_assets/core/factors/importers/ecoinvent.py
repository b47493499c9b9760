"""ecoinvent: the user's own licensed copy of "Cumulative LCIA", as factors per reference product.

Belongs here: the sheet "LCIA" of the workbooks "<system model> Cumulative LCIA v<version>.xlsx".
Does not belong here: any figure of ecoinvent. Nothing of it ships with this project; what this importer
makes of a user's copy stays under that user's licence and is not for redistribution, as each row says.

The sheet has four rows of headers: method, impact category, indicator, and unit; the columns that name a
dataset have their names in the fourth. One dataset is one factor, its ``co2e`` being climate change over 100
years by the newest IPCC method of the workbook, without biogenic CO2 ("Guidance on IPCC methods",
support.ecoinvent.org, calls the method "IPCC 2021" the main one). The parts that the method prints beside the
total are published values. All other indicators stay in the user's workbook; how many there are is counted.

GWP set: the assessment report behind the method: IPCC 2021 is AR6; IPCC 2013 is AR5, with climate-carbon
feedbacks in v3.1 and without them since v3.2 (Documentation of changes implemented in ecoinvent database 3.2,
section 2.9); IPCC 2007 is AR4.

Edition and system model stand in the file's name alone. ``year`` is the year of release: ecoinvent 3 has had
one minor version a year, 3.1 in 2014 to 3.12 in 2025, so it is 2013 plus the minor version.

A reference product amount of -1 is a treatment: the figure is for treating one unit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    factor_row,
    frame,
    slug,
    value_row,
)
from greenlang_assets.core.factors.importers.spreadsheet import (
    Sheet,
    column_index,
    file_sha256,
    open_workbook,
)
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "ecoinvent"
SHEET = "LCIA"
LICENCE = "ecoinvent licence: user's own licensed copy; not for redistribution"
#: The workbook of v3.12 is packed into 188 MB: 25,000 datasets by some 700 indicators.
MAX_UNPACKED_BYTES = 4_000_000_000
MAX_CELLS = 40_000_000

NO_RESULT = "no result for climate change (rows)"
NEGATIVE = "negative result: kept as a published value (rows)"
OTHER_INDICATORS = "other methods, horizons and substances: not read (columns)"

_FILE = re.compile(
    r"(?P<model>cut-?off|apos|consequential|en ?15804).*?v?(?P<version>(?P<major>\d)\.(?P<minor>\d{1,2})"
    r"(\.(?P<patch>\d+))?)(?!\d)",
    re.IGNORECASE,
)
_ID, _AMOUNT = "Activity UUID_Product UUID", "Reference Product Amount"
_NAMES = (_ID, "Activity Name", "Geography", "Reference Product Name", "Reference Product Unit")
_UUID = r"([0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UUIDS = re.compile(f"{_UUID}_{_UUID}")
_HEAD = 4
_UNIT = "kg CO2-Eq"
_GWP100 = ("global warming potential (GWP100)", "GWP 100a")
#: Newest first; the set of IPCC 2013 depends on the version.
_METHODS = {"IPCC 2021": "AR6", "IPCC 2013": "AR5", "IPCC 2007": "AR4"}
_TOTALS = ("climate change: total (excl. biogenic CO2)", "climate change")
_PARTS = (
    "climate change: fossil",
    "climate change: biogenic",
    "climate change: land use",
    "climate change: total (incl. biogenic CO2)",
)
#: Units as printed: ours. A plain "km" of ecoinvent is a vehicle's.
_UNITS = {
    "kg": "kg",
    "kWh": "kWh",
    "MJ": "MJ",
    "m3": "m3",
    "l": "L",
    "m2": "m2",
    "m": "m",
    "ha": "ha",
    "unit": "item",
    "hour": "h",
    "km": "vehicle_km",
    "metric ton*km": "tonne_km",
    "person*km": "passenger_km",
    "m2*year": "m2*year",
    "m*year": "m*year",
    "km*year": "km*year",
    "kg*day": "kg*d",
    "guest night": "person_night",
}
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")


@dataclass(frozen=True)
class _Columns:
    """Where things stand: names of a dataset, the total of climate change, its parts."""

    names: Mapping[str, str]
    method: str
    total: str
    parts: Mapping[str, str]
    others: int

    @property
    def letters(self) -> list[str]:
        return [*self.names.values(), self.total, *self.parts]


@dataclass(frozen=True)
class _Edition:
    label: str
    version: str
    dataset: str
    year: int


def read(path: Path) -> ImportResult:
    """Import a workbook of cumulative LCIA results; figures are kg CO2e per unit of the reference product.

    Raises:
        GreenlangError: ``EDITION_UNKNOWN`` (the file's name), ``LAYOUT_UNKNOWN``, ``INDICATOR_MISSING``,
            ``UNIT_UNKNOWN``, ``AMOUNT_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``CELL_IS_AN_ERROR``,
            ``DUPLICATE_KEY``, and those of ``open_workbook``.
    """
    edition = _edition(path)
    workbook = open_workbook(path, MAX_UNPACKED_BYTES, MAX_CELLS)
    columns = _columns(workbook.sheet(SHEET, head=_HEAD))
    sheet = workbook.sheet(SHEET, picked=[column_index(letter) for letter in columns.letters])
    source = Source(
        publisher="ecoinvent",
        document=f"ecoinvent {edition.label}, {edition.dataset}, cumulative LCIA",
        licence=LICENCE,
        file=path.name,
        sha256=file_sha256(path),
        url="https://ecoinvent.org",
    )
    gwp_set = _METHODS[columns.method]
    if columns.method == "IPCC 2013" and edition.label == "3.1":
        gwp_set = "AR5-feedbacks"
    skipped: Counter[str] = Counter({OTHER_INDICATORS: columns.others})
    factors: list[dict[str, Any]] = []
    values: list[dict[str, Any]] = []
    for row in range(_HEAD + 1, sheet.height + 1):
        dataset = _dataset(sheet, row, columns, edition)
        factor = None
        if dataset.total is None:
            skipped[NO_RESULT] += 1
        elif dataset.total < 0:
            skipped[NEGATIVE] += 1
        else:
            factor = _factor(dataset, edition, source, gwp_set)
            factors.append(factor)
        values += _values(dataset, columns.method, source, factor)
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(edition.dataset,),
        editions=(edition.label,),
        source=source,
        factors=frame(factors, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=max(0, sheet.height - _HEAD),
        skipped=dict(sorted((+skipped).items())),
        others={"values": frame(values, VALUE_SCHEMA, VALUE_KEY, source)},
        notes=(f"climate change by {columns.method}", "the user's own licensed copy: not for redistribution"),
    )


def _edition(path: Path) -> _Edition:
    match = _FILE.search(path.stem)
    if match is None or match["major"] != "3":
        raise GreenlangError(
            "EDITION_UNKNOWN",
            "system model and version stand in the file's name alone, and this name lacks them",
            found=path.name,
            expected="<Cut-off, APOS, Consequential or EN15804> Cumulative LCIA v3.<minor>.xlsx",
            where={"file": path.name},
            hint="keep the name under which ecoinvent offers the file",
        )
    model = slug(match["model"]).replace("cutoff", "cut-off").replace("en-15804", "en15804")
    return _Edition(
        label=match["version"],
        version=f"3.{match['minor']}.{match['patch'] or 0}",
        dataset=f"{model}-lcia",
        year=2013 + int(match["minor"]),
    )


def _columns(head: Sheet) -> _Columns:
    """What the four rows of headers say; cells above the names of a dataset mean nothing."""
    names: dict[str, str] = {}
    indicators: dict[tuple[str, str], str] = {}
    others = 0
    for letter in head.columns():
        method, category, indicator, last = (head.text(row, letter) for row in range(1, _HEAD + 1))
        if last in (*_NAMES, _AMOUNT):
            names[str(last)] = letter
        elif method in _METHODS and category in (*_TOTALS, *_PARTS) and indicator in _GWP100:
            if last != _UNIT:
                raise head.refuse(
                    "UNIT_UNKNOWN", "climate change is in another unit", _HEAD, letter, found=repr(last),
                    expected=_UNIT,
                )  # fmt: skip
            if (method, category) in indicators:
                raise head.refuse(
                    "DUPLICATE_KEY", "an indicator stands twice", _HEAD, letter,
                    found=f"{method}; {category}", expected=f"only column {indicators[method, category]}",
                )  # fmt: skip
            indicators[method, category] = letter
        elif None in (method, category, indicator, last):
            raise head.refuse(
                "LAYOUT_UNKNOWN",
                "a column is neither a dataset's name nor a whole indicator",
                _HEAD,
                letter,
                found=" | ".join(text or "(empty)" for text in (method, category, indicator, last)),
                expected="method, category, indicator and unit",
            )
        else:
            others += 1
    missing = [name for name in _NAMES if name not in names]
    if missing:
        raise head.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet does not name its datasets in row 4",
            _HEAD,
            found=" | ".join(head.text(_HEAD, letter) or "(empty)" for letter in head.columns()[:8]),
            expected=" | ".join(_NAMES),
        )
    for method in _METHODS:
        for category in _TOTALS:
            if (method, category) in indicators:
                total = indicators.pop((method, category))
                parts = {letter: which for (of, which), letter in indicators.items() if of == method}
                unused = len(indicators) - len(parts)
                return _Columns(names, method, total, parts, others + unused)
    raise head.refuse(
        "INDICATOR_MISSING",
        "the workbook has no total of climate change by a method of the IPCC",
        1,
        found=", ".join(sorted({head.text(1, letter) or "" for letter in head.columns()} - {""}))[:500],
        expected=" or ".join(_METHODS),
    )


@dataclass(frozen=True)
class _Dataset:
    """One row: what it is of, its total of climate change, and the parts that are printed beside it."""

    row: int
    identity: Mapping[str, Any]
    suffix: str
    unit: str
    note: str
    total: float | None
    parts: Mapping[str, float]

    @property
    def per_unit(self) -> str:
        return f"kg/{self.unit.replace('*', '/')}"


def _dataset(sheet: Sheet, row: int, columns: _Columns, edition: _Edition) -> _Dataset:
    uuids, activity, geography, product, unit = (
        _cell(sheet, row, columns.names[name], name) for name in _NAMES
    )
    matched = _UUIDS.fullmatch(uuids)
    if matched is None:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN", "a dataset has no two UUIDs", row, columns.names[_ID], found=repr(uuids),
            expected="<activity UUID>_<product UUID>",
        )  # fmt: skip
    if unit not in _UNITS:
        raise sheet.refuse(
            "UNIT_UNKNOWN", "the unit is none that ecoinvent has used", row,
            columns.names["Reference Product Unit"], found=repr(unit), expected=", ".join(_UNITS),
        )  # fmt: skip
    results = {
        letter: sheet.number(row, letter, "the result")
        for letter in (columns.total, *columns.parts)
        if sheet.text(row, letter) is not None
    }
    return _Dataset(
        row=row,
        identity={
            "publisher": PUBLISHER,
            "dataset": edition.dataset,
            "edition": edition.label,
            "activity_path": f"{activity} > {product}",
            "region": _region(geography),
            "year": edition.year,
        },
        # Names become slugs, in which a sign may be lost: the UUIDs keep two datasets apart.
        suffix=f"{matched[1]}-{matched[2]}",
        unit=_UNITS[unit],
        note="; ".join(filter(None, (uuids, f"geography {geography}", _treatment(sheet, row, columns)))),
        total=results.get(columns.total),
        parts={which: results[letter] for letter, which in columns.parts.items() if letter in results},
    )


def _factor(dataset: _Dataset, edition: _Edition, source: Source, gwp_set: str) -> dict[str, Any]:
    return factor_row(
        source,
        table=SHEET,
        row=dataset.row,
        suffix=dataset.suffix,
        **dataset.identity,
        version=edition.version,
        activity=harmonise(PUBLISHER, dataset.identity["activity_path"]),
        scope="3",
        activity_unit=dataset.unit,
        gwp_set=gwp_set,
        co2e=dataset.total,
        co2e_unit=dataset.per_unit,
        note=dataset.note,
    )


def _values(
    dataset: _Dataset, method: str, source: Source, factor: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The parts beside a factor; where there is no factor, because it would be negative, the total too."""
    printed = dict(dataset.parts)
    if factor is None and dataset.total is not None:
        printed["climate change"] = dataset.total
    return [
        value_row(
            source,
            table=SHEET,
            row=dataset.row,
            measure=f"{method} {which}",
            value=value,
            unit=dataset.per_unit,
            factor_id=factor["factor_id"] if factor else None,
            suffix=dataset.suffix,
            **dataset.identity,
        )
        for which, value in printed.items()
    ]


def _cell(sheet: Sheet, row: int, letter: str, name: str) -> str:
    text = sheet.text(row, letter)
    if text is None:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN", f"a dataset has no {name}", row, letter, found="an empty cell", expected=name
        )
    return text


def _treatment(sheet: Sheet, row: int, columns: _Columns) -> str | None:
    """What the reference amount says: nothing for 1, a treatment for -1. Other amounts are not rescaled."""
    letter = columns.names.get(_AMOUNT)
    if letter is None:
        return None
    amount = sheet.number(row, letter, "the reference product's amount")
    if amount not in (1, -1):
        raise sheet.refuse(
            "AMOUNT_UNKNOWN", "results are for another amount than one unit", row, letter, found=amount,
            expected="1, or -1 for a treatment",
        )  # fmt: skip
    return "treatment of one unit" if amount == -1 else None


def _region(geography: str) -> str:
    """ecoinvent's geography: countries and their subdivisions by ISO 3166, the world, groups of its own."""
    if geography == "GLO":
        return "WORLD"
    return geography if _COUNTRY.fullmatch(geography) else f"GROUP-{slug(geography).upper()}"
