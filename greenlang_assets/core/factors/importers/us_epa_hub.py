"""US EPA GHG Emission Factors Hub, editions 2024 and 2025: one sheet of stacked tables.

Belongs here: the tables' headers, bounds and footnotes as EPA prints them, and the factor rows they give.
Does not belong here: GWPs as a source (Table 11 only checks the IPCC table).

Every table's header is compared cell by cell with what is known; below a table only its notes may stand.
``NA`` is EPA's mark for "no factor" and is counted; a printed 0 is the number 0. CO2 of the groups
"Biomass Fuels" and of biodiesel and ethanol goes to ``co2_biogenic``: EPA's guidance reports it apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    ImportResult,
    Source,
    edition_version,
    factor_row,
    frame,
    path_slug,
    slug,
)
from greenlang_assets.core.factors.importers.spreadsheet import Sheet, file_sha256, open_sheet
from greenlang_assets.core.factors.importers.us_epa_hub_layout import (
    FOOTNOTES,
    HEADERS,
    NOTE_STARTS,
    SECOND_LINES,
    SHEET,
    TITLES,
    UNITS,
    WASTE_COLUMNS,
)
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "us-epa"
EDITIONS = ("2024", "2025")
URL = "https://www.epa.gov/climateleadership/ghg-emission-factors-hub"
DATASETS = {
    1: "stationary-combustion",
    2: "mobile-combustion-co2",
    3: "mobile-combustion-onroad-gasoline",
    4: "mobile-combustion-onroad-diesel-alternative",
    5: "mobile-combustion-nonroad",
    6: "electricity",
    7: "steam-and-heat",
    8: "transportation-distribution",
    9: "waste",
    10: "business-travel-commuting",
    12: "refrigerant-blends",
}
NO_FACTOR = "NA: EPA publishes no factor (cells)"
_SCOPES = {1: "1", 2: "1", 3: "1", 4: "1", 5: "1", 6: "2", 7: "2", 8: "3", 9: "3", 10: "3", 12: "1"}
_REQUIRED = range(1, 11)
_VEHICLE_ROOT = {3: "On-road gasoline", 4: "On-road diesel and alternative fuel", 5: "Non-road"}
_MOBILE_BIOFUELS = ("Biodiesel (100%)", "Ethanol (100%)")


def read(path: Path) -> ImportResult:
    """Import one edition of the Hub.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``EDITION_UNKNOWN``, ``TABLE_MISSING``, ``CELL_NOT_A_NUMBER``,
            ``CELL_IS_AN_ERROR``, ``UNIT_UNKNOWN``, ``DUPLICATE_KEY`` and those of ``open_sheet``.
    """
    return _Hub(open_sheet(path, SHEET), file_sha256(path)).result()


class _Hub:
    def __init__(self, sheet: Sheet, sha256: str) -> None:
        self.sheet = sheet
        self.edition, self.patch = self._edition()
        self.source = Source(
            publisher="US EPA",
            document=f"GHG Emission Factors Hub {self.edition}",
            licence="US public domain",
            file=sheet.file,
            sha256=sha256,
            url=URL,
        )
        self.bounds = self._bounds()
        self.rows: list[dict[str, Any]] = []
        self.properties: list[dict[str, Any]] = []
        self.skipped: Counter[str] = Counter()
        self.rows_read = 0

    def result(self) -> ImportResult:
        self._stationary()
        self._mobile_co2()
        self._vehicles(3, "vehicle_mile", held="C", own="D", optional=False, gases="EF")
        self._vehicles(4, "vehicle_mile", held="CD", own="E", optional=True, gases="FG")
        self._vehicles(5, "gallon", held="C", own="D", optional=False, gases="EF")
        self._electricity()
        self._steam()
        self._distance(8, "Freight")
        self._waste()
        self._distance(10, "Travel")
        gwp = self._gwp() if 11 in self.bounds else {}
        if 12 in self.bounds:
            self._blends()
        absent = [str(number) for number in TITLES if number not in self.bounds]
        return ImportResult(
            publisher=PUBLISHER,
            datasets=tuple(DATASETS[number] for number in DATASETS if number in self.bounds),
            editions=(self.edition,),
            source=self.source,
            factors=frame(self.rows, FACTOR_SCHEMA, FACTOR_KEY, self.source),
            properties=frame(self.properties, PROPERTY_SCHEMA, PROPERTY_KEY, self.source),
            rows_read=self.rows_read,
            skipped=dict(sorted(self.skipped.items())),
            gwp=gwp,
            notes=(f"the copy at hand ends before Table {' and Table '.join(absent)}",) if absent else (),
        )

    # --- the sheet as a whole

    def _edition(self) -> tuple[str, int]:
        head = [self.sheet.text(row, "C") or "" for row in range(1, 12)]
        for row, text in enumerate(head, start=1):
            match = re.fullmatch(r"Blue text indicates an update from the (\d{4}) version of this document\.", text)
            if match:
                edition = str(int(match[1]) + 1)
                if edition not in EDITIONS:
                    raise self.sheet.refuse(
                        "EDITION_UNKNOWN",
                        "this edition of the Hub has no importer yet",
                        row,
                        "C",
                        found=edition,
                        expected=", ".join(EDITIONS),
                        hint="another edition has another layout; it needs its headers in us_epa_hub_layout",
                    )
                # A release corrected after its first publication says so and is a patch of the edition.
                corrected = any(f"original release of the {edition} version" in line for line in head)
                return edition, int(corrected)
        raise self.sheet.refuse(
            "LAYOUT_UNKNOWN",
            "the sheet does not name its edition",
            1,
            "C",
            found=head[3] or "an empty cell",
            expected="Blue text indicates an update from the <year> version of this document.",
        )

    def _bounds(self) -> dict[int, tuple[int, int]]:
        """First and last row of each table, by its number."""
        starts: dict[int, int] = {}
        for row in range(1, self.sheet.height + 1):
            match = re.fullmatch(r"Table (\d+)", self.sheet.text(row, "B") or "")
            if match is None:
                continue
            number = int(match[1])
            if number in starts or TITLES.get(number) != self.sheet.text(row, "C"):
                raise self.sheet.refuse(
                    "LAYOUT_UNKNOWN",
                    f"Table {number} is not the table that this importer knows, or stands here twice",
                    row,
                    "C",
                    found=self.sheet.text(row, "C"),
                    expected=TITLES.get(number, "one of Table 1 to Table 12"),
                )
            starts[number] = row
        missing = [number for number in _REQUIRED if number not in starts]
        if missing:
            raise self.sheet.refuse(
                "TABLE_MISSING",
                "the Hub lacks tables that every edition has",
                self.sheet.height,
                found=f"tables {', '.join(map(str, starts)) or 'none'}",
                expected=f"also tables {', '.join(map(str, missing))}",
                hint="the file is cut off or is another document",
            )
        ends = [*list(starts.values())[1:], self.sheet.height + 1]
        return {number: (start, end - 1) for (number, start), end in zip(starts.items(), ends, strict=True)}

    def _body(self, number: int) -> Iterator[int]:
        """Rows of a table between its header and its notes, blank rows left out.

        Below the notes no number may stand: a table that goes on after a note would be lost unseen.
        """
        first, last = self.bounds[number]
        header = HEADERS[number]
        for offset, cells in header.items():
            self.sheet.expect(first + offset, cells, f"the header of Table {number}")
        ended = False
        for row in range(first + max(header) + 1, last + 1):
            cells = {column: self.sheet.text(row, column) for column in self.sheet.columns()}
            if not any(cells.values()):
                continue
            ended = ended or (cells["C"] or "").startswith(NOTE_STARTS) or cells["B"] is not None
            if not ended:
                self.rows_read += 1
                yield row
            elif any(cells[column] for column in cells if column > "C"):
                raise self.sheet.refuse(
                    "LAYOUT_UNKNOWN",
                    f"figures stand below the notes of Table {number}",
                    row,
                    found=", ".join(cell for cell in cells.values() if cell),
                    expected="only notes in column C",
                )

    def _name(self, row: int, column: str) -> str | None:
        """A label without the footnote letter that is glued to it."""
        text = self.sheet.text(row, column)
        return FOOTNOTES.get(text, text) if text is not None else None

    def _label(self, row: int, column: str, label: str) -> str:
        name = self._name(row, column)
        if name is None:
            raise self.sheet.refuse(
                "LABEL_MISSING", f"{label} is missing", row, column, found="an empty cell", expected=label
            )
        return name

    def _unit(self, row: int, column: str) -> str:
        text = self.sheet.text(row, column)
        if text not in UNITS:
            raise self.sheet.refuse(
                "UNIT_UNKNOWN", "the unit is none that the Hub has used", row, column,
                found=text, expected=", ".join(UNITS),
            )  # fmt: skip
        return UNITS[text]

    def _add(self, number: int, row: int, path: str, unit: str, **columns: Any) -> None:
        self.rows.append(
            factor_row(
                self.source,
                table=f"Table {number} {TITLES[number]}",
                row=row,
                **{
                    "publisher": PUBLISHER,
                    "dataset": DATASETS[number],
                    "edition": self.edition,
                    "version": edition_version(self.edition, self.patch),
                    "activity_path": path,
                    "activity": harmonise(PUBLISHER, path),
                    "scope": _SCOPES[number],
                    "region": "US",
                    "year": int(self.edition),
                    "activity_unit": unit,
                    **columns,
                },
            )
        )

    def _gases(self, row: int, columns: str, unit: str, *, biogenic: bool = False) -> dict[str, Any]:
        """CO2 in kg, CH4 and N2O in g per unit, from three neighbouring columns."""
        co2 = "co2_biogenic" if biogenic else "co2"
        return {
            co2: self.sheet.number(row, columns[0], "CO2 Factor"),
            f"{co2}_unit": f"kg/{unit}",
            "ch4": self.sheet.number(row, columns[1], "CH4 Factor"),
            "ch4_unit": f"g/{unit}",
            "n2o": self.sheet.number(row, columns[2], "N2O Factor"),
            "n2o_unit": f"g/{unit}",
        }

    # --- the tables

    def _stationary(self) -> None:
        group, unit = None, None
        for row in self._body(1):
            name = self._name(row, "C")
            if name is None:
                unit = self._stationary_units(row)
                continue
            if all(self.sheet.text(row, column) is None for column in "DEFGHIJ"):
                group = name
                continue
            if group is None or unit is None:
                raise self.sheet.refuse(
                    "LAYOUT_UNKNOWN", "a fuel stands before its group or its unit row", row, "C",
                    found=name, expected="a unit row, then a group, then fuels",
                )  # fmt: skip
            path, biogenic = f"{group} > {name}", group.startswith("Biomass Fuels")
            self._add(1, row, path, "mmBtu", calorific_basis="gross",
                      **self._gases(row, "EFG", "mmBtu", biogenic=biogenic))  # fmt: skip
            if all(self.sheet.text(row, column) is None for column in "DHIJ"):
                # Pulping liquors are given by heat content alone.
                self.skipped["no heat content and no factor by physical unit (fuels)"] += 1
                continue
            self._add(1, row, path, unit, **self._gases(row, "HIJ", unit, biogenic=biogenic))
            self._heat_content(row, path, unit)

    def _stationary_units(self, row: int) -> str:
        unit = self._unit(row, "D")
        printed = (self.sheet.text(row, "D") or "").removeprefix("mmBtu per ")
        cells = dict(zip("EFG", ("kg CO2 per mmBtu", "g CH4 per mmBtu", "g N2O per mmBtu"), strict=True))
        cells |= dict(zip("HIJ", (f"{gas} per {printed}" for gas in ("kg CO2", "g CH4", "g N2O")), strict=True))
        self.sheet.expect(row, cells, "a unit row of Table 1")
        return unit

    def _heat_content(self, row: int, path: str, unit: str) -> None:
        name = f"{PUBLISHER}/{DATASETS[1]}/{self.edition}/{path_slug(path)}/heat_content/{slug(f'mmBtu {unit}')}"
        self.properties.append(
            {
                "property_id": name,
                "publisher": PUBLISHER,
                "dataset": DATASETS[1],
                "edition": self.edition,
                "activity_path": path,
                "activity": harmonise(PUBLISHER, path),
                "property": "heat_content",
                "calorific_basis": "gross",
                "value": self.sheet.number(row, "D", "Heat Content (HHV)"),
                "unit": f"mmBtu/{unit}",
                **self.source.cite(edition=self.edition, table=f"Table 1 {TITLES[1]}", row=row),
            }
        )

    def _mobile_co2(self) -> None:
        for row in self._body(2):
            fuel, unit = self._label(row, "C", "Fuel Type"), self._unit(row, "E")
            co2 = "co2_biogenic" if fuel in _MOBILE_BIOFUELS else "co2"
            value = self.sheet.number(row, "D", "kg CO2 per unit")
            self._add(2, row, f"Mobile fuel > {fuel}", unit, **{co2: value, f"{co2}_unit": f"kg/{unit}"})

    def _vehicles(self, number: int, unit: str, *, held: str, own: str, optional: bool, gases: str) -> None:
        """Tables 3 to 5: CH4 and N2O in g.

        Columns ``held`` carry labels that hold until the next one; column ``own`` stands in every row,
        or may be empty where ``optional`` (alternative fuels have no model years).
        """
        labels: dict[str, str] = {}
        for row in self._body(number):
            for position, column in enumerate(held):
                name = self._name(row, column)
                if name is not None and name not in SECOND_LINES:
                    labels = {other: labels[other] for other in held[:position]} | {column: name}
                elif column not in labels:
                    self._label(row, column, "Vehicle Type" if column == "C" else "Fuel Type")
            last = self._name(row, own) if optional else self._label(row, own, "Model Year or Fuel Type")
            path = " > ".join([_VEHICLE_ROOT[number], *labels.values(), *([last] if last else [])])
            self._add(
                number, row, path, unit,
                ch4=self.sheet.number(row, gases[0], "CH4 Factor"), ch4_unit=f"g/{unit}",
                n2o=self.sheet.number(row, gases[1], "N2O Factor"), n2o_unit=f"g/{unit}",
            )  # fmt: skip

    def _electricity(self) -> None:
        first, last = self.bounds[6]
        year = 0
        for row in range(first, last + 1):
            match = re.match(r"Source: EPA eGRID(\d{4}),", self.sheet.text(row, "C") or "")
            year = int(match[1]) if match else year
        if not year:
            raise self.sheet.refuse(
                "LAYOUT_UNKNOWN", "Table 6 does not name its eGRID edition", first,
                found="no such line", expected="Source: EPA eGRID<year>, …",
            )  # fmt: skip
        for row in self._body(6):
            acronym, name = self._label(row, "C", "acronym"), self._label(row, "D", "subregion name")
            region = "US" if acronym == "US Average" else f"US-EGRID-{acronym}"
            loss = self.sheet.text(row, "K") if self.edition == "2025" else None
            for kind, columns in (("Total Output", "EFG"), ("Non-Baseload", "HIJ")):
                gases = self._gases(row, columns, "MWh")
                gases |= {unit: "lb/MWh" for unit in gases if unit.endswith("_unit")}
                note = f"eGRID{year}"
                if loss is not None and kind == "Total Output":
                    note += f"; grid gross loss {loss} (a share of generation, not an emission factor)"
                self._add(
                    6, row, f"{kind} Emission Factors > {name}", "MWh",
                    region=region, year=year, note=note, **gases,
                )  # fmt: skip

    def _steam(self) -> None:
        for row in self._body(7):
            self._add(7, row, self._label(row, "C", "Steam and Heat"), "mmBtu", **self._gases(row, "DEF", "mmBtu"))

    def _distance(self, number: int, root: str) -> None:
        for row in self._body(number):
            unit = self._unit(row, "G")
            path = f"{root} > {self._label(row, 'C', 'Vehicle Type')}"
            self._add(number, row, path, unit, **self._gases(row, "DEF", unit))

    def _waste(self) -> None:
        first, last = self.bounds[9]
        notes = " ".join(self.sheet.text(row, "C") or "" for row in range(first, last + 1))
        if "AR4 GWP values are used to convert all waste emission factors into CO2e." not in notes:
            raise self.sheet.refuse(
                "GWP_SET_UNKNOWN", "Table 9 does not say which GWPs its CO2e was made with", last, "C",
                found="no such sentence in its notes", expected="AR4 GWP values are used to convert …",
            )  # fmt: skip
        for row in self._body(9):
            material = self._label(row, "C", "Material")
            for column, treatment in WASTE_COLUMNS.items():
                if self.sheet.text(row, column) == "NA":
                    self.skipped[NO_FACTOR] += 1
                    continue
                self._add(
                    9, row, f"Waste > {material} > {treatment}", "short_ton",
                    gwp_set="AR4", co2e=self.sheet.number(row, column, treatment), co2e_unit="tonne/short_ton",
                )  # fmt: skip

    def _gwp(self) -> dict[str, float]:
        printed = {}
        for row in self._body(11):
            name, formula = self._label(row, "C", "gas"), self._label(row, "D", "formula")
            # HFCs go by designation, everything else by formula.
            gas = name if name.startswith("HFC") else formula.replace("c-", "c")
            printed[gas] = self.sheet.number(row, "E", "100-Year GWP")
        return printed

    def _blends(self) -> None:
        for row in self._body(12):
            self._add(
                12, row, f"Refrigerant blend > {self._label(row, 'C', 'ASHRAE #')}", "kg",
                gwp_set="AR5", co2e=self.sheet.number(row, "D", "100-year GWP"), co2e_unit="kg/kg",
                note=f"{self._label(row, 'E', 'Blend Composition')}; HFC and PFC constituents only",
            )  # fmt: skip


def subregion_acronyms(result: ImportResult) -> dict[str, str]:
    """eGRID subregion names to acronyms, as Table 6 of this edition lists them."""
    listed = result.factors.filter(dataset=DATASETS[6]).select("activity_path", "region")
    return {
        path.split(" > ")[1]: region.removeprefix("US-EGRID-")
        for path, region in listed.iter_rows()
        if region.startswith("US-EGRID-")
    }
