"""US EPA supply chain greenhouse gas emission factors: kg per US dollar at purchaser price, by NAICS-6.

Belongs here: the csv files "SupplyChainGHGEmissionFactors_v<version>_NAICS_<CO2e|byGHG>_USD<year>.csv".
Does not belong here: deflating a purchase to the price year (that is the user's ``USD[year]``), factors by
BEA sector (v1.0 and v1.1), the workbooks of v1.4.

An edition prints three figures a commodity: without margins, margins, with margins. A purchase is made at
the purchaser's price, so the factor is the one *with* margins; the other two are published values beside it.

An edition comes in two files: CO2e of all gases, and each gas by itself. They make one factor: the gases are
its masses, the CO2e figure its ``co2e``. Each file is taken from beside the other, so that the factor is the
same whichever of the two is named; where only one is there the factor holds what that one prints. The factor
cites its line of carbon dioxide (its line of the CO2e file where gases are not at hand), and every other line
is cited by the published values made of it; the CO2e figure with margins is among those for that reason.

"HFCs and PFCs, unspecified" is kg CO2e already and goes to ``co2e_of_other``; the by-gas file of v1.2 says
"kg" there, which EPA's release notes of v1.2.2 of its code call an error.

GWP set: v1.2 AR4 and v1.3 AR5, as the model specifications name them with which EPA made these editions
(USEEIOv2.1.19-GHG: "GWP-AR4-100"; USEEIOv2.2.22-GHG: "AR5-100", repository USEPA/supply-chain-factors).
Any other edition is "unstated" until its specification was read.

``year`` is the price year, which every file names. The year of the gases is older in v1.2 (2019) and the same
in v1.3 (2022), by the same specifications; the note of each row says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
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
    value_row,
)
from greenlang_assets.core.factors.importers.delimited import Line, TextTable, open_table
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise
from greenlang_assets.core.provenance.canonical import canonical_bytes

PUBLISHER = "us-epa"
DATASET = "supply-chain"
#: Edition without its patch -> the GWP set of its model specification, and the year of its gases.
_EDITIONS = {"v1.2": ("AR4", 2019), "v1.3": ("AR5", 2022)}
_URLS = {
    "v1.2": "https://doi.org/10.23719/1528686",
    "v1.3": "https://catalog.data.gov/dataset/supply-chain-greenhouse-gas-emission-factors-v1-3-by-naics-6",
}

_FILE = re.compile(
    r"SupplyChainGHGEmissionFactors_(?P<edition>v(?P<minor>\d+\.\d+)(\.(?P<patch>\d+))?)"
    r"_NAICS_(?P<kind>CO2e|byGHG)_USD(?P<year>\d{4})\.csv"
)
_CODE, _TITLE, _GAS, _UNIT = "NAICS Code", "NAICS Title", "GHG", "Unit"
_WITHOUT = "Supply Chain Emission Factors without Margins"
_MARGINS = "Margins of Supply Chain Emission Factors"
_WITH = "Supply Chain Emission Factors with Margins"
_SECTOR = "Reference USEEIO Code"
_HEADER = (
    re.compile(r"\d{4} NAICS Code"), re.compile(r"\d{4} NAICS Title"),
    _GAS, _UNIT, _WITHOUT, _MARGINS, _WITH, _SECTOR,
)  # fmt: skip
_VALUES = {_WITHOUT: "without margins", _MARGINS: "margins", _WITH: "with margins"}
ALL_GASES, UNSPECIFIED = "All GHGs", "HFCs and PFCs, unspecified"
_COLUMNS = {
    "Carbon dioxide": "co2",
    "Methane": "ch4",
    "Nitrous oxide": "n2o",
    "Sulfur hexafluoride": "sf6",
    "Nitrogen trifluoride": "nf3",
}
#: As the file names them -> as the table of GWPs does.
_OTHERS = {
    "Carbon tetrafluoride": "CF4",
    "Hexafluoroethane": "C2F6",
    "Perfluoropropane": "C3F8",
    "Perfluorobutane": "C4F10",
    "Perfluorocyclobutane": "cC4F8",
    "Perfluorohexane": "C6F14",
}
_HFC = re.compile(r"HFC-\d+[a-z]*|HFC-43-10mee")


@dataclass(frozen=True)
class _Edition:
    """What an edition's file names say, the same for both of its files."""

    label: str
    minor: str
    version: str
    year: int
    gwp_set: str
    gas_year: int | None

    @property
    def unit(self) -> str:
        return f"kg/USD[{self.year}]"


@dataclass(frozen=True)
class _File:
    """One of an edition's two files: its lines by NAICS code and gas."""

    table: TextTable
    source: Source
    nomenclature: str
    codes: Mapping[str, Mapping[str, Line]]


def read(path: Path) -> ImportResult:
    """Import one edition: the file named, and the edition's other file where it lies beside it.

    Figures are kg (of a gas, or CO2e) per US dollar of the edition's price year at purchaser price.

    Raises:
        GreenlangError: ``EDITION_UNKNOWN`` (the file's name is not EPA's), ``LAYOUT_UNKNOWN``,
            ``UNIT_UNKNOWN``, ``GAS_UNKNOWN``, ``GAS_MISSING``, ``CELL_NOT_A_NUMBER``, ``DUPLICATE_KEY``,
            ``TITLES_DIFFER``, ``FILES_DIFFER`` (the two files name other commodities), and those of
            ``open_table``.
    """
    name = _named(path)
    edition = _edition(name)
    files = {name["kind"]: _open(path, name["kind"], edition)}
    other = "byGHG" if name["kind"] == "CO2e" else "CO2e"
    beside = path.with_name(path.name.replace(f"_{name['kind']}_", f"_{other}_"))
    if beside.is_file():
        files[other] = _open(beside, other, edition)
    if len(files) == 2:
        _same_commodities(files["byGHG"], files["CO2e"])
    first = files.get("byGHG") or files["CO2e"]
    factors = [_factor(code, edition, files) for code in first.codes]
    ids = {row["activity_path"]: row["factor_id"] for row in factors}
    values = [
        value
        for file in files.values()
        for lines in file.codes.values()
        for line in lines.values()
        for value in _values(line, file, edition, ids, restate=file is not first)
    ]
    source = files[name["kind"]].source
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(edition.label,),
        source=source,
        factors=frame(factors, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=sum(len(file.table.lines) for file in files.values()),
        others={"values": frame(values, VALUE_SCHEMA, VALUE_KEY, source)},
        notes=_notes(edition, files),
    )


def _named(path: Path) -> re.Match[str]:
    match = _FILE.fullmatch(path.name)
    if match is None:
        raise GreenlangError(
            "EDITION_UNKNOWN",
            "the version stands in the file's name alone, and this name has none",
            found=path.name,
            expected="SupplyChainGHGEmissionFactors_v<version>_NAICS_<CO2e or byGHG>_USD<year>.csv",
            where={"file": path.name},
            hint="keep the name under which EPA published the file",
        )
    return match


def _edition(name: re.Match[str]) -> _Edition:
    gwp_set, gas_year = _EDITIONS.get(f"v{name['minor']}", ("unstated", None))
    return _Edition(
        label=name["edition"],
        minor=f"v{name['minor']}",
        version=f"{name['minor']}.{name['patch'] or 0}",
        year=int(name["year"]),
        gwp_set=gwp_set,
        gas_year=gas_year,
    )


def _open(path: Path, kind: str, edition: _Edition) -> _File:
    table = open_table(path, _HEADER)
    nomenclature = table.header[0].removesuffix(" Code")
    codes: dict[str, dict[str, Line]] = {}
    for line in table.lines:
        _check_line(line, kind, edition, nomenclature)
        lines = codes.setdefault(line[f"{nomenclature} Code"], {})
        gas = line[_GAS]
        if gas in lines:
            raise line.refuse(
                "DUPLICATE_KEY",
                "NAICS code and gas stand twice",
                _GAS,
                found=f"{line[f'{nomenclature} Code']}; {gas}",
                expected=f"only row {lines[gas].number}",
            )
        first = next(iter(lines.values()), line)
        if _path(line, nomenclature) != _path(first, nomenclature):
            raise line.refuse(
                "TITLES_DIFFER",
                "a NAICS code has two titles",
                f"{nomenclature} Title",
                found=line[f"{nomenclature} Title"],
                expected=f"{first[f'{nomenclature} Title']}, as in row {first.number}",
            )
        lines[gas] = line
    _require_every_gas(codes, nomenclature)
    source = Source(
        publisher="US EPA",
        document=f"Supply Chain GHG Emission Factors {edition.label}, USD {edition.year}",
        licence="US public domain",
        file=table.file,
        sha256=table.sha256,
        url=_URLS.get(edition.minor, "https://github.com/USEPA/supply-chain-factors"),
    )
    return _File(table, source, nomenclature, codes)


def _check_line(line: Line, kind: str, edition: _Edition, nomenclature: str) -> None:
    gas, code = line[_GAS], f"{nomenclature} Code"
    known = gas == ALL_GASES if kind == "CO2e" else gas == UNSPECIFIED or _species(gas) is not None
    if not known:
        raise line.refuse(
            "GAS_UNKNOWN",
            f"the gas is none that a {kind} file has named",
            _GAS,
            found=repr(gas),
            expected=ALL_GASES if kind == "CO2e" else ", ".join((*_COLUMNS, *_OTHERS, "HFC-…", UNSPECIFIED)),
        )
    if not re.fullmatch(r"\d{6}", line[code]) or not line[f"{nomenclature} Title"]:
        raise line.refuse(
            "LAYOUT_UNKNOWN",
            "a line names no six-digit NAICS code and title",
            code,
            found=repr(line[code]),
            expected="six digits and a title",
        )
    price = f"/{edition.year} USD, purchaser price"
    units = [f"kg CO2e{price}"] if gas == ALL_GASES else [f"kg{price}"]
    if gas == UNSPECIFIED:
        units = [f"kg CO2e{price}", f"kg{price}"]
    line.one_of(_UNIT, units, "UNIT_UNKNOWN", f"unit of {gas}")


def _species(gas: str) -> str | None:
    """The gas's column, or its name in the table of GWPs."""
    return _COLUMNS.get(gas) or _OTHERS.get(gas) or (gas if _HFC.fullmatch(gas) else None)


def _require_every_gas(codes: Mapping[str, Mapping[str, Line]], nomenclature: str) -> None:
    """Every commodity has the same gases: one that lacks some was cut off, or is not what it seems."""
    expected: Sequence[str] = sorted({gas for lines in codes.values() for gas in lines})
    for code, lines in codes.items():
        if len(lines) != len(expected):
            last = max(lines.values(), key=lambda line: line.number)
            raise last.refuse(
                "GAS_MISSING",
                "a commodity has fewer gases than others of the file",
                f"{nomenclature} Code",
                found=f"{code} without {', '.join(gas for gas in expected if gas not in lines)}",
                expected=", ".join(expected),
                hint="a file that was cut off ends like this",
            )


def _same_commodities(by_gas: _File, co2e: _File) -> None:
    ours, theirs = (
        {_path(next(iter(lines.values())), file.nomenclature) for lines in file.codes.values()}
        for file in (by_gas, co2e)
    )
    if ours != theirs:
        raise GreenlangError(
            "FILES_DIFFER",
            "the edition's two files do not name the same commodities",
            found="; ".join(sorted(ours ^ theirs)[:3]),
            expected=f"the {len(ours)} commodities of {by_gas.table.file}",
            where={"file": co2e.table.file},
        )


def _path(line: Line, nomenclature: str) -> str:
    return f"{nomenclature} > {line[f'{nomenclature} Code']} {line[f'{nomenclature} Title']}"


def _factor(code: str, edition: _Edition, files: Mapping[str, _File]) -> dict[str, Any]:
    by_gas = files.get("byGHG")
    total = files["CO2e"].codes[code][ALL_GASES] if "CO2e" in files else None
    figures = _masses(by_gas.codes[code], edition.unit) if by_gas else {}
    if total is not None:
        figures["co2e"] = total.figure(_WITH, "the factor with margins")
    cited = by_gas or files["CO2e"]
    lines = cited.codes[code]
    line = lines.get("Carbon dioxide") or next(iter(lines.values()))
    path = _path(line, cited.nomenclature)
    gases = f"greenhouse gases of {edition.gas_year}, " if edition.gas_year else ""
    return factor_row(
        cited.source,
        table=cited.table.file,
        row=line.number,
        publisher=PUBLISHER,
        dataset=DATASET,
        edition=edition.label,
        version=edition.version,
        activity_path=path,
        activity=harmonise(PUBLISHER, path),
        scope="3",
        region="US",
        year=edition.year,
        activity_unit=f"USD[{edition.year}]",
        gwp_set=edition.gwp_set if {"co2e", "co2e_of_other"} & figures.keys() else None,
        co2e_unit=edition.unit,
        note=f"{gases}prices of {edition.year}; USEEIO sector {line[_SECTOR]}",
        **figures,
    )


def _masses(lines: Mapping[str, Line], unit: str) -> dict[str, Any]:
    """The gases of one commodity as columns of a factor: masses, and CO2e of what is no single gas."""
    figures: dict[str, Any] = {}
    others: dict[str, Decimal] = {}
    for gas, line in lines.items():
        label = f"the factor of {gas} with margins"
        if gas == UNSPECIFIED:
            figures["co2e_of_other"] = line.figure(_WITH, label)
        elif gas in _COLUMNS:
            figures[_COLUMNS[gas]] = line.figure(_WITH, label)
            figures[f"{_COLUMNS[gas]}_unit"] = unit
        else:
            others[_species(gas) or gas] = Decimal(line.figure_text(_WITH, label))
    if others:
        figures["other_gases"] = canonical_bytes(others).decode()
        figures["other_gases_unit"] = unit
    return figures


def _values(
    line: Line, file: _File, edition: _Edition, ids: Mapping[str, str], *, restate: bool
) -> list[dict[str, Any]]:
    """The line's figures that its factor does not hold, or (``restate``) cites in the other file."""
    path = _path(line, file.nomenclature)
    gas = {ALL_GASES: "CO2e", UNSPECIFIED: "CO2e of HFCs and PFCs unspecified"}.get(line[_GAS], line[_GAS])
    return [
        value_row(
            file.source,
            table=file.table.file,
            row=line.number,
            # A figure of the factor itself, printed in a file of its own, has the name of its column.
            measure="co2e" if (gas, which) == ("CO2e", "with margins") else f"{gas} {which}",
            value=line.figure(column, f"{gas}, {which}"),
            unit=edition.unit,
            factor_id=ids[path],
            publisher=PUBLISHER,
            dataset=DATASET,
            edition=edition.label,
            activity_path=path,
            region="US",
            year=edition.year,
        )
        for column, which in _VALUES.items()
        if column != _WITH or restate
    ]


def _notes(edition: _Edition, files: Mapping[str, _File]) -> tuple[str, ...]:
    notes = []
    if edition.gwp_set == "unstated":
        notes.append(f"GWP set of {edition.label} not known: its model specification has not been read")
    for kind, what in (("byGHG", "no figure by gas"), ("CO2e", "no CO2e total")):
        if kind not in files:
            notes.append(f"{what}: the edition's {kind} file is not beside the other")
    return tuple(notes)
