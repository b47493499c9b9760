"""US EPA eGRID subregion output rates, as the GHG Protocol's cross-sector workbook restates them.

Belongs here: the sheet "Electricity US" (twelve stacked tables, one an eGRID year). The figures are EPA's
and cited so; the document named is the one they were read in.
Does not belong here: the workbook's other sheets, eGRID's own csv tables (``us_epa_egrid_csv``, to which
``read`` hands a csv file over).

CO2 is printed in lb per MWh, CH4 and N2O in lb per GWh (other eGRID publications print all three per MWh);
both headers are checked. Subregions stand by name: acronyms come from Table 6 of EPA's Hub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from greenlang_assets.core.factors.importers import us_epa_egrid_csv
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_SCHEMA,
    ImportResult,
    Source,
    edition_version,
    factor_row,
    frame,
    slug,
)
from greenlang_assets.core.factors.importers.spreadsheet import Sheet, file_sha256, open_sheet
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "us-epa"
DATASET = "egrid-subregion"
SHEET = "Electricity US"
_TITLE = re.compile(
    r"(Table \d+)\. Year (\d{4}) US Regional Electricity Emission Factors for CO2, CH4 and N2O"
)
_ROOT = "US Regional Electricity Emission Factors"
_HEADER = (
    {"B": "eGRID subregion name", "C": "Original data"},
    {
        "C": "eGRID subregion annual CO2 output emission rate (lb/MWh)",
        "D": "eGRID subregion annual CH4 output emission rate (lb/GWh)",
        "E": "eGRID subregion annual N2O output emission rate (lb/GWh)",
    },
)


def read(path: Path, acronyms: Mapping[str, str]) -> ImportResult:
    """Import every eGRID edition of the workbook, or one of eGRID's csv tables.

    Args:
        path: the workbook, or a file that ends in ``.csv``.
        acronyms: eGRID subregion names to acronyms (``us_epa_hub.subregion_acronyms``). A name that is
            not among them becomes a slug, which the row's note says.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``CELL_IS_AN_ERROR``, ``DUPLICATE_KEY``
            and those of ``open_sheet``; for a csv file those of ``us_epa_egrid_csv.read``.
    """
    if path.suffix.lower() == ".csv":
        return us_epa_egrid_csv.read(path)
    sheet = open_sheet(path, SHEET)
    source = Source(
        publisher="US EPA",
        document="eGRID, as restated in GHG Protocol, Emission Factors for Cross-Sector Tools, "
        "V2.0, March 2024",
        licence="US public domain",
        file=sheet.file,
        sha256=file_sha256(path),
        url="https://ghgprotocol.org/calculation-tools-and-guidance",
    )
    if sheet.columns() != ["B", "C", "D", "E"]:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet has other columns than name, CO2, CH4 and N2O",
            1,
            found=", ".join(sheet.columns()),
            expected="B, C, D, E",
        )
    rows: list[dict[str, Any]] = []
    editions: list[str] = []
    row = 1
    while row <= sheet.height:
        text = sheet.text(row, "B")
        if title := _TITLE.fullmatch(text or ""):
            for offset, cells in enumerate(_HEADER, start=1):
                sheet.expect(row + offset, cells, f"the header of {title[1]}")
            editions.append(f"eGRID{title[2]}")
            row += len(_HEADER) + 1
            while sheet.text(row, "B") is not None and not _TITLE.fullmatch(sheet.text(row, "B") or ""):
                rows.append(_row(sheet, row, source, title[1], int(title[2]), acronyms))
                row += 1
            continue
        # Before the first table stands one paragraph; elsewhere nothing may stand between tables.
        if (text is not None and editions) or any(sheet.text(row, column) for column in "CDE"):
            raise sheet.refuse(
                "LAYOUT_UNKNOWN",
                "something stands outside the tables of this sheet",
                row,
                "B",
                found=text or "figures without a subregion name",
                expected="a table's title or a blank row",
            )
        row += 1
    if not rows:
        raise sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet holds no eGRID table",
            1,
            "B",
            found=sheet.text(2, "B") or "nothing",
            expected="Table <n>. Year <year> US Regional Electricity …",
        )
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=tuple(sorted(editions)),
        source=source,
        factors=frame(rows, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, ("property_id",), source),
        rows_read=len(rows),
    )


def _row(
    sheet: Sheet, row: int, source: Source, table: str, year: int, acronyms: Mapping[str, str]
) -> dict[str, Any]:
    name = sheet.text(row, "B") or ""
    # The 2005 table writes "ASCC - Alaska Grid" for "ASCC Alaska Grid".
    acronym = acronyms.get(name) or acronyms.get(name.replace(" - ", " "))
    path = f"{_ROOT} > {name}"
    edition = f"eGRID{year}"
    return factor_row(
        source,
        table=f"{SHEET}, {table}",
        row=row,
        publisher=PUBLISHER,
        dataset=DATASET,
        edition=edition,
        version=edition_version(edition),
        activity_path=path,
        activity=harmonise(PUBLISHER, path),
        scope="2",
        region=f"US-EGRID-{acronym or slug(name).upper()}",
        year=year,
        activity_unit="MWh",
        co2=sheet.number(row, "C", "CO2 output emission rate"),
        co2_unit="lb/MWh",
        ch4=sheet.number(row, "D", "CH4 output emission rate"),
        ch4_unit="lb/GWh",
        n2o=sheet.number(row, "E", "N2O output emission rate"),
        n2o_unit="lb/GWh",
        note=None if acronym else "no Hub edition lists this name: the region is a slug of it",
    )
