"""Our World in Data, carbon intensity of electricity: one figure a country and year, from Ember.

Belongs here: the chart's csv ("carbon-intensity-electricity"), gCO2e per kWh generated.
Does not belong here: consumption-based or residual mixes, which this publication does not give.

The figures are life-cycle: Ember's methodology counts upstream methane, supply chain and manufacturing
besides the power station, all gases as CO2e over 100 years (Ember, Global Electricity Review 2024,
Supporting Material, Emissions). They are no combustion-only grid factor, so their activity says life-cycle
and they carry no scope. That methodology draws on studies of several years and names no GWP set:
``unstated``.

The file does not name its edition. Our World in Data publishes a year's figures in the year that follows
(chart "Lifecycle carbon intensity of electricity generation": data to 2025, updated January 2026), so the
edition is the year after the last one in the file; two downloads of one edition differ in the hash that
their rows cite. Groups of countries are found and not counted: they are averages of the rows that are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from greenlang_assets.core.factors.countries import by_alpha3
from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    ImportResult,
    Source,
    edition_version,
    factor_row,
    frame,
    slug,
)
from greenlang_assets.core.factors.importers.delimited import Line, open_table
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "owid-grid"
DATASET = "carbon-intensity-electricity"
AGGREGATE = "aggregate over countries"
URL = "https://ourworldindata.org/grapher/carbon-intensity-electricity"

#: The chart's title names no unit; its page does: grams of CO2 equivalents per kilowatt-hour.
_FIGURE = "Carbon intensity of electricity per kWh"
_HEADER = ("Entity", "Code", "Year", _FIGURE)
#: Our World in Data's own codes that stand for one country or for all of them.
_OWN_CODES = {"OWID_KOS": "XK", "OWID_WRL": "WORLD"}


def read(path: Path) -> ImportResult:
    """Import one download of the chart's data.

    Raises:
        GreenlangError: ``REGION_UNKNOWN`` (a code that is neither ISO 3166-1 nor the publisher's),
            ``YEAR_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``DUPLICATE_KEY`` and those of ``open_table``.
    """
    table = open_table(path, _HEADER)
    years = [_year(line) for line in table.lines]
    last = max(years)
    edition = str(last + 1)
    source = Source(
        publisher="Our World in Data",
        document=f"Carbon intensity of electricity, {edition}, from Ember and the Energy Institute",
        licence="CC BY 4.0",
        file=table.file,
        sha256=table.sha256,
        url=URL,
    )
    rows = [_row(line, year, source, edition) for line, year in zip(table.lines, years, strict=True)]
    countries = {row["region"] for row in rows if row["not_counted"] is None}
    newest = {row["region"] for row in rows if row["not_counted"] is None and row["year"] == last}
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition,),
        source=source,
        factors=frame(rows, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=len(table.lines),
        notes=(f"{last} is there for {len(newest)} of {len(countries)} countries",),
    )


def _year(line: Line) -> int:
    if not re.fullmatch(r"(19|20)\d{2}", line["Year"]):
        raise line.refuse(
            "YEAR_UNKNOWN", "the year is none", "Year", found=repr(line["Year"]), expected="four digits"
        )
    return int(line["Year"])


def _row(line: Line, year: int, source: Source, edition: str) -> dict[str, Any]:
    region = _region(line)
    path = f"{_FIGURE} > {line['Entity']}"
    return factor_row(
        source,
        table=DATASET,
        row=line.number,
        publisher=PUBLISHER,
        dataset=DATASET,
        edition=edition,
        version=edition_version(edition),
        activity_path=path,
        activity=harmonise(PUBLISHER, path),
        region=region,
        year=year,
        activity_unit="kWh",
        gwp_set="unstated",
        co2e=line.figure(_FIGURE, "the carbon intensity"),
        co2e_unit="g/kWh",
        not_counted=AGGREGATE if region == "WORLD" or region.startswith("GROUP-") else None,
        note="life-cycle emissions per kWh generated, losses in the grid not included",
    )


def _region(line: Line) -> str:
    """ISO 3166-1 alpha-2, WORLD, or the group by its name."""
    entity, code = line["Entity"], line["Code"]
    known = by_alpha3(code) or _OWN_CODES.get(code)
    if known is not None and entity:
        return known
    if entity and (code == "" or re.fullmatch(r"OWID_[A-Z0-9]+", code)):
        return f"GROUP-{slug(entity).upper()}"
    raise line.refuse(
        "REGION_UNKNOWN",
        "the entity has no name, or a code that is no country's",
        "Code" if entity else "Entity",
        found=repr(code) if entity else "an empty cell",
        expected="a name, and ISO 3166-1 alpha-3, OWID_… or nothing",
    )
