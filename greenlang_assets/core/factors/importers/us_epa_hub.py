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
from pathlib import Path
from typing import Any

import polars as pl

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
    SECOND_LINES,
    SHEET,
    TITLES,
    WASTE_COLUMNS,
)
from greenlang_assets.core.factors.importers.us_epa_hub_sheet import HubSheet
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "us-epa"
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
_VEHICLE_ROOT = {3: "On-road gasoline", 4: "On-road diesel and alternative fuel", 5: "Non-road"}
_MOBILE_BIOFUELS = ("Biodiesel (100%)", "Ethanol (100%)")


def read(path: Path) -> ImportResult:
    """Import one edition of the Hub.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN``, ``EDITION_UNKNOWN``, ``TABLE_MISSING``, ``CELL_NOT_A_NUMBER``,
            ``CELL_IS_AN_ERROR``, ``UNIT_UNKNOWN``, ``DUPLICATE_KEY`` and those of ``open_sheet``.
    """
    return _Hub(open_sheet(path, SHEET), file_sha256(path)).result()


class _Hub(HubSheet):
    def __init__(self, sheet: Sheet, sha256: str) -> None:
        super().__init__(sheet)
        self.source = Source(
            publisher="US EPA",
            document=f"GHG Emission Factors Hub {self.edition}",
            licence="US public domain",
            file=sheet.file,
            sha256=sha256,
            url=URL,
        )
        self.rows: list[dict[str, Any]] = []
        self.properties: list[dict[str, Any]] = []
        self.skipped: Counter[str] = Counter()

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
        for row in self.body(1):
            name = self.name(row, "C")
            if name is None:
                unit = self._stationary_units(row)
                continue
            if self.empty(row, "DEFGHIJ"):
                group = name
                continue
            if group is None or unit is None:
                raise self.sheet.refuse(
                    "LAYOUT_UNKNOWN",
                    "a fuel stands before its group or its unit row",
                    row,
                    "C",
                    found=name,
                    expected="a unit row, then a group, then fuels",
                )
            path, biogenic = f"{group} > {name}", group.startswith("Biomass Fuels")
            self._add(
                1,
                row,
                path,
                "mmBtu",
                calorific_basis="gross",
                **self._gases(row, "EFG", "mmBtu", biogenic=biogenic),
            )
            if self.empty(row, "DHIJ"):
                # Pulping liquors are given by heat content alone.
                self.skipped["no heat content and no factor by physical unit (fuels)"] += 1
                continue
            self._add(1, row, path, unit, **self._gases(row, "HIJ", unit, biogenic=biogenic))
            self._heat_content(row, path, unit)

    def _stationary_units(self, row: int) -> str:
        unit = self.unit(row, "D")
        printed = (self.sheet.text(row, "D") or "").removeprefix("mmBtu per ")
        cells = dict(zip("EFG", ("kg CO2 per mmBtu", "g CH4 per mmBtu", "g N2O per mmBtu"), strict=True))
        cells |= dict(
            zip("HIJ", (f"{gas} per {printed}" for gas in ("kg CO2", "g CH4", "g N2O")), strict=True)
        )
        self.sheet.expect(row, cells, "a unit row of Table 1")
        return unit

    def _heat_content(self, row: int, path: str, unit: str) -> None:
        name = (
            f"{PUBLISHER}/{DATASETS[1]}/{self.edition}/{path_slug(path)}/heat_content/{slug(f'mmBtu {unit}')}"
        )
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
        for row in self.body(2):
            fuel, unit = self.label(row, "C", "Fuel Type"), self.unit(row, "E")
            co2 = "co2_biogenic" if fuel in _MOBILE_BIOFUELS else "co2"
            value = self.sheet.number(row, "D", "kg CO2 per unit")
            self._add(2, row, f"Mobile fuel > {fuel}", unit, **{co2: value, f"{co2}_unit": f"kg/{unit}"})

    def _vehicles(self, number: int, unit: str, *, held: str, own: str, optional: bool, gases: str) -> None:
        """Tables 3 to 5: CH4 and N2O in g.

        Columns ``held`` carry labels that hold until the next one; column ``own`` stands in every row,
        or may be empty where ``optional`` (alternative fuels have no model years).
        """
        labels: dict[str, str] = {}
        for row in self.body(number):
            for position, column in enumerate(held):
                name = self.name(row, column)
                if name is not None and name not in SECOND_LINES:
                    labels = {other: labels[other] for other in held[:position]} | {column: name}
                elif column not in labels:
                    self.label(row, column, "Vehicle Type" if column == "C" else "Fuel Type")
            last = self.name(row, own) if optional else self.label(row, own, "Model Year or Fuel Type")
            path = " > ".join([_VEHICLE_ROOT[number], *labels.values(), *([last] if last else [])])
            self._add(
                number,
                row,
                path,
                unit,
                ch4=self.sheet.number(row, gases[0], "CH4 Factor"),
                ch4_unit=f"g/{unit}",
                n2o=self.sheet.number(row, gases[1], "N2O Factor"),
                n2o_unit=f"g/{unit}",
            )

    def _electricity(self) -> None:
        first, last = self.bounds[6]
        year = 0
        for row in range(first, last + 1):
            match = re.match(r"Source: EPA eGRID(\d{4}),", self.sheet.text(row, "C") or "")
            year = int(match[1]) if match else year
        if not year:
            raise self.sheet.refuse(
                "LAYOUT_UNKNOWN",
                "Table 6 does not name its eGRID edition",
                first,
                found="no such line",
                expected="Source: EPA eGRID<year>, …",
            )
        for row in self.body(6):
            acronym, name = self.label(row, "C", "acronym"), self.label(row, "D", "subregion name")
            region = "US" if acronym == "US Average" else f"US-EGRID-{acronym}"
            loss = self.sheet.text(row, "K")
            for kind, columns in (("Total Output", "EFG"), ("Non-Baseload", "HIJ")):
                gases = self._gases(row, columns, "MWh")
                gases |= {unit: "lb/MWh" for unit in gases if unit.endswith("_unit")}
                note = f"eGRID{year}"
                if loss is not None and kind == "Total Output":
                    note += f"; grid gross loss {loss} (a share of generation, not an emission factor)"
                self._add(
                    6,
                    row,
                    f"{kind} Emission Factors > {name}",
                    "MWh",
                    region=region,
                    year=year,
                    note=note,
                    **gases,
                )

    def _steam(self) -> None:
        for row in self.body(7):
            self._add(
                7, row, self.label(row, "C", "Steam and Heat"), "mmBtu", **self._gases(row, "DEF", "mmBtu")
            )

    def _distance(self, number: int, root: str) -> None:
        for row in self.body(number):
            unit = self.unit(row, "G")
            path = f"{root} > {self.label(row, 'C', 'Vehicle Type')}"
            self._add(number, row, path, unit, **self._gases(row, "DEF", unit))

    def _stated(self, number: int, sentence: str) -> None:
        """Refuse CO2e whose GWP set the table's notes do not name."""
        first, last = self.bounds[number]
        notes = " ".join(self.sheet.text(row, "C") or "" for row in range(first, last + 1))
        if sentence not in notes:
            raise self.sheet.refuse(
                "GWP_SET_UNKNOWN",
                f"Table {number} does not say which GWPs its CO2e was made with",
                last,
                "C",
                found="no such sentence in its notes",
                expected=sentence,
            )

    def _waste(self) -> None:
        self._stated(9, "AR4 GWP values are used to convert all waste emission factors into CO2e.")
        for row in self.body(9):
            material = self.label(row, "C", "Material")
            for column, treatment in WASTE_COLUMNS.items():
                if self.sheet.text(row, column) == "NA":
                    self.skipped[NO_FACTOR] += 1
                    continue
                self._add(
                    9,
                    row,
                    f"Waste > {material} > {treatment}",
                    "short_ton",
                    gwp_set="AR4",
                    co2e=self.sheet.number(row, column, treatment),
                    co2e_unit="tonne/short_ton",
                )

    def _gwp(self) -> dict[str, float]:
        printed = {}
        for row in self.body(11):
            name, formula = self.label(row, "C", "gas"), self.label(row, "D", "formula")
            # HFCs go by designation, everything else by formula.
            gas = name if name.startswith("HFC") else formula.replace("c-", "c")
            printed[gas] = self.sheet.number(row, "E", "100-Year GWP")
        return printed

    def _blends(self) -> None:
        self._stated(12, "100-year GWP values from IPCC Fifth Assessment Report (AR5)")
        for row in self.body(12):
            self._add(
                12,
                row,
                f"Refrigerant blend > {self.label(row, 'C', 'ASHRAE #')}",
                "kg",
                gwp_set="AR5",
                co2e=self.sheet.number(row, "D", "100-year GWP"),
                co2e_unit="kg/kg",
                note=f"{self.label(row, 'E', 'Blend Composition')}; HFC and PFC constituents only",
            )


def subregion_acronyms(factors: pl.DataFrame) -> dict[str, str]:
    """eGRID subregion names to acronyms, as Table 6 of the Hub editions among the factors lists them."""
    listed = factors.filter(dataset=DATASETS[6]).select("activity_path", "region")
    return {
        path.split(" > ")[1]: region.removeprefix("US-EGRID-")
        for path, region in listed.iter_rows()
        if region.startswith("US-EGRID-")
    }
