"""Factor tables of the eGRID production model: what EPA multiplies fuel with to make eGRID.

Belongs here: "co2_ch4_n2o_ef.csv" (greenhouse gases by fuel: factors) and "emission_factors_heatinput.csv",
"emission_factors_physicalunits.csv" (SO2 and NOx by fuel and boiler: no greenhouse gas, so published values).
Does not belong here: subregion output rates (``us_epa_egrid``).

The "ton" of these files is the short ton of eGRID's Technical Guide. CO2 of the fuels that the model lists
as biomass (repository USEPA/egrid, fuel_type_categories.csv, column "biomass_fuel_adj") and of the categories
"Biomass fuels" goes to ``co2_biogenic``, as in EPA's Hub. Heat input is gross: factors of EPA's reporting
rule (40 CFR 98, Table C-1) are gross too, but those that the model takes from the IPCC are the IPCC's net
figures in other units, so that no calorific basis is claimed for them.

The files name no year: the name may (``…_2022.csv``), else they are those of eGRID2021, the unit file that
EPA published beside them; the import's notes say which.

An SO2 figure flagged "S" is multiplied by the fuel's sulphur content in percent (AP-42's notation).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

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
    slug,
    value_row,
)
from greenlang_assets.core.factors.importers.delimited import Line, TextTable, open_table
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "us-epa"
FUELS, POLLUTANTS = "egrid-fuel-factors", "egrid-so2-nox-factors"
EDITION_WITHOUT_A_YEAR = "eGRID2021"

NO_GREENHOUSE_GAS = "SO2 and NOx, no greenhouse gas: kept as published values (rows)"
NO_VALUE = "no value published (cells)"
AGAIN = "the figure of an earlier row again (cells)"

_FUEL_HEADER = (
    "fuel_type", "fuel_category", "eia_fuel_code", "co2_ef", "co2_units", "ch4_ef", "ch4_units",
    "n2o_ef", "n2o_units", "source",
)  # fmt: skip
_POLLUTANT_HEADER = (
    "prime_mover", "botfirty", "primary_fuel_type", "so2_ef", "so2_flag", "so2_ef_num", "so2_ef_denom",
    "unit_flag", "so2_source", "so2_ef_based_on", "nox_ef", "nox_ef_num", "nox_ef_denom", "nox_unit_flag",
    "nox_source", "nox_ef_based_on",
)  # fmt: skip
#: Gas -> its unit as printed, and ours.
_GAS_UNITS = {
    "co2": ("ton CO2/mmBtu", "short_ton/mmBtu"),
    "ch4": ("lbs CH4/mmBtu", "lb/mmBtu"),
    "n2o": ("lbs N2O/mmBtu", "lb/mmBtu"),
}
_BIOMASS = ("AB", "BG", "BLQ", "DG", "LFG", "MSB", "OBG", "OBL", "OBS", "SLW", "WDL", "WDS")
_SOURCES = ("EPA GHG MRR", "IPCC", "no EF")
_STAND_IN = re.compile(r"use ([A-Z]{2,3})")
_DENOMINATORS = {
    "MMBtu": "mmBtu",
    "Mcf": "Mcf",
    "MCf": "Mcf",
    "mcf": "Mcf",
    "ton": "short_ton",
    "short tons": "short_ton",
    "barrels": "barrel",
}


def read(path: Path) -> ImportResult:
    """Import one of the three csv files; its header says which it is.

    Greenhouse gases are in short tons (CO2) and pounds (CH4, N2O) per mmBtu, SO2 and NOx in pounds.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``UNIT_UNKNOWN``, ``SOURCE_UNKNOWN``, ``FLAG_UNKNOWN``,
            ``CELL_NOT_A_NUMBER``, ``DUPLICATE_KEY``, and those of ``open_table``.
    """
    table = open_table(path, _FUEL_HEADER, _POLLUTANT_HEADER)
    named = re.search(r"(?<!\d)(20\d\d)(?!\d)", path.stem)
    edition = f"eGRID{named[1]}" if named else EDITION_WITHOUT_A_YEAR
    source = Source(
        publisher="US EPA",
        document=f"eGRID production model, static tables, {edition}",
        licence="US public domain",
        file=table.file,
        sha256=table.sha256,
        url="https://github.com/USEPA/egrid",
    )
    notes = () if named else (f"the file names no year: taken as {edition}",)
    if table.header == _FUEL_HEADER:
        return _fuels(table, source, edition, notes)
    return _pollutants(table, source, edition, notes)


def _fuels(table: TextTable, source: Source, edition: str, notes: tuple[str, ...]) -> ImportResult:
    codes = {line["eia_fuel_code"] for line in table.lines}
    rows = [_fuel(line, source, edition, codes) for line in table.lines]
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(FUELS,),
        editions=(edition,),
        source=source,
        factors=frame(rows, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=len(table.lines),
        notes=notes,
    )


def _fuel(line: Line, source: Source, edition: str, codes: set[str]) -> dict[str, Any]:
    category, code, origin = (line[name] for name in ("fuel_category", "eia_fuel_code", "source"))
    # EPA writes "Biomass fuels—solid" beside "Biomass fuels - liquid".
    group = "Other" if category == "NA" else category.replace("—", " - ")
    levels = ("eGRID fuels", group, code, line["fuel_type"])
    path = " > ".join(level for level in levels if level != "NA")
    biogenic = code in _BIOMASS or category.startswith("Biomass fuels")
    figures: dict[str, Any] = {}
    for gas, (printed, unit) in _GAS_UNITS.items():
        line.one_of(f"{gas}_units", [printed], "UNIT_UNKNOWN", f"unit of {gas.upper()}")
        name = "co2_biogenic" if gas == "co2" and biogenic else gas
        figures[name] = line.figure(f"{gas}_ef", f"the factor of {gas.upper()}")
        figures[f"{name}_unit"] = unit
    not_counted, basis, note = _origin(line, origin, codes)
    return factor_row(
        source,
        table=table_name(line.file),
        row=line.number,
        publisher=PUBLISHER,
        dataset=FUELS,
        edition=edition,
        version=edition_version(edition),
        activity_path=path,
        activity=harmonise(PUBLISHER, path),
        scope="1",
        region="US",
        year=int(edition.removeprefix("eGRID")),
        activity_unit="mmBtu",
        calorific_basis=basis,
        not_counted=not_counted,
        note=note,
        **figures,
    )


def _origin(line: Line, origin: str, codes: set[str]) -> tuple[str | None, str | None, str | None]:
    """From the column "source": why the row does not count, its calorific basis, and a note."""
    stand_in = _STAND_IN.fullmatch(origin)
    if stand_in is None:
        line.one_of("source", _SOURCES, "SOURCE_UNKNOWN", "source of the factor")
    elif stand_in[1] not in codes:
        raise line.refuse(
            "SOURCE_UNKNOWN",
            "a fuel stands for another that the file does not list",
            "source",
            found=origin,
            expected=", ".join(sorted(codes)),
        )
    if origin == "no EF":
        return "no factor: eGRID counts nothing for this source", None, None
    if stand_in is not None:
        return f"stand-in: eGRID uses the factor of {stand_in[1]}", None, None
    if origin == "IPCC":
        return None, None, "IPCC figure per net heat, which eGRID multiplies with gross heat input"
    return None, "gross", None


def table_name(file: str) -> str:
    """The table as the model calls it: the file's name without its ending."""
    return Path(file).stem


def _pollutants(table: TextTable, source: Source, edition: str, notes: tuple[str, ...]) -> ImportResult:
    skipped: Counter[str] = Counter({NO_GREENHOUSE_GAS: len(table.lines)})
    values: dict[str, dict[str, Any]] = {}
    for line in table.lines:
        for pollutant in ("so2", "nox"):
            if not line[f"{pollutant}_ef"]:
                skipped[NO_VALUE] += 1
                continue
            row = _pollutant(line, pollutant, source, edition)
            earlier = values.setdefault(row["value_id"], row)
            if earlier is row:
                continue
            # A fuel with SO2 per volume and per mass has two rows, and its NOx figure stands in both.
            if earlier["value"] != row["value"]:
                raise line.refuse(
                    "DUPLICATE_KEY",
                    "fuel, prime mover, firing and unit stand twice with two figures",
                    f"{pollutant}_ef",
                    found=row["value"],
                    expected=f"{earlier['value']}, as in row {earlier['cite_row']}",
                )
            skipped[AGAIN] += 1
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(POLLUTANTS,),
        editions=(edition,),
        source=source,
        factors=frame([], FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=len(table.lines),
        skipped=dict(sorted(skipped.items())),
        others={"values": frame(list(values.values()), VALUE_SCHEMA, VALUE_KEY, source)},
        notes=notes,
    )


def _pollutant(line: Line, pollutant: str, source: Source, edition: str) -> dict[str, Any]:
    label = {"so2": "SO2", "nox": "NOx"}[pollutant]
    line.one_of(f"{pollutant}_ef_num", ["lb"], "UNIT_UNKNOWN", f"unit of {label}")
    denominator = line.one_of(f"{pollutant}_ef_denom", _DENOMINATORS, "UNIT_UNKNOWN", f"unit of {label}")
    unit = f"lb/{_DENOMINATORS[denominator]}"
    flag = line.one_of("so2_flag", ("", "S"), "FLAG_UNKNOWN", "flag of SO2") if pollutant == "so2" else ""
    if not line["primary_fuel_type"]:
        raise line.refuse(
            "LAYOUT_UNKNOWN", "a factor names no fuel", "primary_fuel_type", found="an empty cell",
            expected="a fuel code",
        )  # fmt: skip
    path = " > ".join(
        (
            f"eGRID {table_name(line.file)}",
            line["primary_fuel_type"],
            f"prime mover {line['prime_mover'] or 'blank'}",
            f"firing {line['botfirty'] or 'blank'}",
        )
    )
    return value_row(
        source,
        table=table_name(line.file),
        row=line.number,
        measure=f"{label} times sulphur content in percent" if flag == "S" else label,
        value=line.figure(f"{pollutant}_ef", f"the factor of {label}"),
        unit=unit,
        # The same fuel may have one figure a volume and one a mass.
        suffix=slug(unit),
        publisher=PUBLISHER,
        dataset=POLLUTANTS,
        edition=edition,
        activity_path=path,
        region="US",
        year=int(edition.removeprefix("eGRID")),
    )
