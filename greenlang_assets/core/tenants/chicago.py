"""The City of Chicago's building benchmarking file as activity and reported tables.

Belongs here: how that one CSV file is read, and what its columns mean.
Does not belong here: factors, editions (``data/tenants/chicago/method.csv``) or a comparison of results.

What the file is: one line per building and data year (2014 to 2017), annual energy use in kBtu by kind,
and the city's own figure for greenhouse gas emissions in metric tons CO2e. A blank cell means none.
Natural gas is in kBtu gross: the EPA's factor per gross mmBtu reproduces the city's figures for buildings
that use gas alone, and the net heat content of natural gas is a tenth lower.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.tenants.contracts import ACTIVITY, REPORTED

DOCUMENT = "City of Chicago, Chicago Energy Benchmarking, data years 2014 to 2017"
ATTRIBUTION = (
    "Energy use and reported emissions: City of Chicago, Chicago Energy Benchmarking (Chicago Data Portal, "
    "data years 2014 to 2017), used under the city's terms of use for open data; no formal licence is "
    "stated. Reshaped into the tables of this project; the city vouches for neither the tables nor what is "
    "computed from them."
)
#: Tenant of the buildings for which the file names no community area.
UNSTATED_AREA = "chicago-area-not-stated"

#: Column of the file → (activity, scope, region, unit). RFC West is the eGRID subregion whose rates
#: reproduce the city's own figures.
ENERGY = {
    "Electricity Use (kBtu)": ("grid-electricity", "2", "US-EGRID-RFCW", "kBtu"),
    "Natural Gas Use (kBtu)": ("natural-gas", "1", "US", "kBtu[gross]"),
    "District Steam Use (kBtu)": ("district-steam", "2", "US", "kBtu"),
    "District Chilled Water Use (kBtu)": ("district-chilled-water", "2", "US", "kBtu"),
    "All Other Fuel Use (kBtu)": ("other-fuel", "1", "US", "kBtu"),
}
_REPORTED = "Total GHG Emissions (Metric Tons CO2e)"
_AREA = "Gross Floor Area - Buildings (sq ft)"
_EUI = "Site EUI (kBtu/sq ft)"
_NEEDED = (
    *("Data Year", "ID", "Property Name", "Community Area", "Primary Property Type"),
    *(_AREA, *ENERGY, _EUI, _REPORTED),
)
_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")


def import_chicago(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reads the benchmarking file.

    Args:
        path: the city's CSV file (UTF-8, with or without byte order mark).

    Returns:
        ``activity``: one row per building, data year and kind of energy with a figure, and ``reported``:
        one row per building and data year, with or without a reported figure. Both follow the contracts
        in :mod:`greenlang_assets.core.tenants.contracts`, sorted by their keys. A building without any
        energy figure is in ``reported`` alone.

    Raises:
        GreenlangError: ``TENANT_FILE_UNREADABLE``, ``TENANT_COLUMNS``, ``TENANT_ROW``,
            ``TENANT_ROW_DUPLICATED``, each with file, row and column.
    """
    data = path.read_bytes()
    digest = sha256_hex(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GreenlangError(
            "TENANT_FILE_UNREADABLE",
            "the file is not UTF-8 text",
            found=error.reason,
            expected="the CSV export of the Chicago Data Portal",
            where={"file": path.name, "byte": error.start},
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(reader, [])
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise GreenlangError(
            "TENANT_COLUMNS",
            "the file lacks columns of the benchmarking export",
            found=", ".join(header),
            expected=", ".join(missing),
            where={"file": path.name, "row": 1},
        )
    activity: list[dict[str, object]] = []
    reported: list[dict[str, object]] = []
    first_row: dict[tuple[str, str], int] = {}
    end = reader.line_num
    try:
        for cells in reader:
            row, end = end + 1, reader.line_num  # a quoted line break makes one record span several lines
            if cells:
                record = _Record(header, cells, row, path.name, digest, first_row)
                record.read(activity, reported)
    except csv.Error as error:
        raise GreenlangError(
            "TENANT_FILE_UNREADABLE",
            "the file is not well-formed CSV",
            found=str(error),
            where={"file": path.name, "row": end + 1},
        ) from error
    return (
        pl.DataFrame(activity, schema=ACTIVITY.schema).sort(ACTIVITY.key),
        pl.DataFrame(reported, schema=REPORTED.schema).sort(REPORTED.key),
    )


class _Record:
    """One line of the file on its way into the two tables."""

    def __init__(
        self,
        header: Sequence[str],
        cells: Sequence[str],
        row: int,
        file: str,
        digest: str,
        first_row: dict[tuple[str, str], int],
    ) -> None:
        self.row, self.file = row, file
        if len(cells) != len(header):
            raise GreenlangError(
                "TENANT_ROW",
                "this row has another number of cells than the header",
                found=len(cells),
                expected=len(header),
                where={"file": file, "row": row},
            )
        self.cells = {name: _clean(cell) for name, cell in zip(header, cells, strict=True)}
        self.source = {
            "source_document": DOCUMENT,
            "source_row": row,
            "source_file": file,
            "source_sha256": digest,
        }
        self.year = self.matching("Data Year", r"\d{4}", "a year of four digits")
        self.id = self.matching("ID", r"\d+", "the building's number")
        key = (self.id, self.year)
        if key in first_row:
            raise self.error(
                "TENANT_ROW_DUPLICATED",
                f"building {self.id} has two rows for data year {self.year}",
                "ID",
                expected=f"one row a building and data year; the first is row {first_row[key]}",
            )
        first_row[key] = row

    def error(self, code: str, message: str, column: str, expected: str) -> GreenlangError:
        return GreenlangError(
            code,
            message,
            found=self.cells[column] or "a blank cell",
            expected=expected,
            where={"file": self.file, "row": self.row, "column": column},
        )

    def matching(self, column: str, pattern: str, expected: str) -> str:
        if re.fullmatch(pattern, self.cells[column]) is None:
            raise self.error("TENANT_ROW", f"{column} is not readable", column, expected)
        return self.cells[column]

    def number(self, column: str) -> float | None:
        """The figure of a cell; ``None`` for a blank one. Commas stand between thousands only."""
        cell = self.cells[column]
        if cell == "":
            return None
        if _NUMBER.fullmatch(cell) is None:
            raise self.error("TENANT_ROW", f"{column} is not a number", column, "digits such as 6,889,272.5")
        return float(cell.replace(",", ""))

    def read(self, activity: list[dict[str, object]], reported: list[dict[str, object]]) -> None:
        facility_id = f"chicago-{self.id}"
        area = re.sub(r"[^a-z0-9]+", "-", self.cells["Community Area"].casefold()).strip("-")
        head: dict[str, object] = {
            "tenant": f"chicago-{area}" if area else UNSTATED_AREA,
            "period": self.year,
            "facility_id": facility_id,
            "facility_name": self.matching("Property Name", r".+", "the building's name"),
        }
        for column, (kind, scope, region, unit) in ENERGY.items():
            quantity = self.number(column)
            if quantity is not None:
                activity.append(
                    head
                    | self.source
                    | {
                        "activity_id": f"{facility_id}-{self.year}-{kind}",
                        "scope": scope,
                        "activity": kind,
                        "region": region,
                        "quantity": quantity,
                        "unit": unit,
                        "data_year": int(self.year),
                    }
                )
        floor = self.number(_AREA)
        if floor is None:
            raise self.error("TENANT_ROW", "the building has no floor area", _AREA, "square feet")
        reported.append(
            head
            | self.source
            | {
                "property_type": self.matching("Primary Property Type", r".+", "the kind of building"),
                "gross_floor_area_sqft": floor,
                "site_eui_kbtu_per_sqft": self.number(_EUI),
                "reported_tco2e": self.number(_REPORTED),
            }
        )


def _clean(cell: str) -> str:
    """A cell without no-break spaces and doubled blanks, of which three names of the file have some."""
    return " ".join(cell.split())
