"""Workbooks in the publishers' formats with figures of our own, for the importer tests."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import openpyxl
import xlwt
from openpyxl.worksheet.worksheet import Worksheet

Edit = Callable[[Worksheet], None]

GASES = ("CO2 Factor", "CH4 Factor", "N2O Factor")
PER_UNIT = (
    "Vehicle Type",
    "CO2 Factor \n(kg CO2 / unit)",
    "CH4 Factor \n(g CH4 / unit)",
    "N2O Factor \n(g N2O / unit)",
    "Units",
)


def unit_row(unit: str) -> tuple[str | None, ...]:
    return (
        None,
        f"mmBtu per {unit}",
        *("kg CO2 per mmBtu", "g CH4 per mmBtu", "g N2O per mmBtu"),
        *(f"kg CO2 per {unit}", f"g CH4 per {unit}", f"g N2O per {unit}"),
    )


#: Number -> title and the rows below it, from column C on; the first is printed two rows below the title.
HUB_TABLES: dict[int, tuple[str, list[tuple[object, ...]]]] = {
    1: (
        "   Stationary Combustion",
        [
            ("Fuel Type", "Heat Content (HHV)", *GASES, *GASES),
            unit_row("short ton"),
            ("Coal and Coke",),
            ("Anthracite", 25.5, 101.5, 11, 1.5, 2600, 280, 40),
            unit_row("scf"),
            ("Natural Gas",),
            ("Natural Gas", 0.001, 50.5, 1, 0.1, 0.0505, 0.001, 0.0001),
            unit_row("gallon"),
            ("Biomass Fuels - Liquid",),
            ("Vegetable Oil", 0.12, 81.5, 1.1, 0.11, 9.75, 0.13, 0.01),
            ("Biomass Fuels - \nKraft Pulping Liquor, by Wood Furnish",),
            ("Straw", None, 95.5, 1.9, 0.42),
            ("Notes: ",),
            ("Emission factors are per unit of heat content.",),
        ],
    ),
    2: (
        "   Mobile Combustion CO2",
        [
            ("Fuel Type", "kg CO2 per unit", "Unit"),
            ("Diesel Fuel", 10.25, "gallon"),
            ("Ethanol (100%)", 5.5, "gallon"),
            ("Source:",),
        ],
    ),
    3: (
        "   Mobile Combustion CH4 and N2O for On-Road Gasoline Vehicles",
        [
            (
                "Vehicle Type",
                "Model Year",
                "CH4 Factor \n(g CH4 / vehicle-mile)",
                "N2O Factor \n(g N2O / vehicle-mile)",
            ),
            ("Gasoline Light-Duty Trucks", "1973-1974", 0.19, 0.02),
            ("(Vans, Pickup Trucks, SUVs)", 1975, 0.16, 0.05),
            ("Gasoline Heavy-Duty Vehicles", " ≤1980", 0.46, 0.04),
            (None, 1981, "0 ", 0.05),
        ],
    ),
    4: (
        "    Mobile Combustion CH4 and N2O for On-Road Diesel and Alternative Fuel Vehicles",
        [
            (
                "Vehicle Type",
                "Fuel Type",
                "Model Year",
                "CH4 Factor \n(g CH4 / vehicle-mile)",
                "N2O Factor \n(g N2O / vehicle-mile)",
            ),
            ("Passenger Cars", "Diesel", "1960-1982", 0.0006, 0.0012),
            (None, None, "1983-2006", 0.0005, 0.001),
            ("Buses", "Methanol", None, 0.19, 0.029),
            (None, "Ethanol", None, 0.18, 0.028),
        ],
    ),
    5: (
        "    Mobile Combustion CH4 and N2O for Non-Road Vehicles",
        [
            ("Vehicle Type", "Fuel Type", "CH4 Factor \n(g CH4 / gallon) ", "N2O Factor \n(g N2O / gallon) "),
            ("Agricultural EquipmentA", "LPG", 0.33, 0.94),
            (None, "Diesel", 0.5, 0.6),
        ],
    ),
    6: (
        "   Electricity",
        [
            (None, None, "Total Output Emission Factors", None, None, "Non-Baseload Emission Factors"),
            ("eGRID Subregion Acronym", "eGRID Subregion Name", *GASES, *GASES),
            (None, None, *("(lb CO2 / MWh)", "(lb CH4 / MWh)", "(lb N2O / MWh)") * 2),
            ("CAMX", "WECC California", 490.5, 0.03, 0.004, 1050.5, 0.05, 0.006),
            ("RFCW", "RFC West", 1000.5, 0.08, 0.012, 1800.5, 0.17, 0.025),
            ("US Average", "US Average", 820.5, 0.06, 0.009, 1400.5, 0.1, 0.015),
            ("Source: EPA eGRID2022, January 2024 (Summary Tables)",),
        ],
    ),
    7: (
        "Steam and Heat",
        [
            (
                None,
                "CO2 Factor \n(kg CO2 / mmBtu)",
                "CH4 Factor \n(g CH4 / mmBtu) ",
                "N2O Factor \n(g N2O / mmBtu) ",
            ),
            ("Steam and Heat", 66.5, 1.25, 0.125),
        ],
    ),
    8: (
        "   Scope 3 Category 4: Upstream Transportation and Distribution and Category 9: Downstream "
        "Transportation and Distribution",
        [
            PER_UNIT,
            ("Medium- and Heavy-Duty TruckC", 0.17, 0.0015, 0.0047, "short ton-mile"),
            ("Aircraft", 0.9, "0 ", 0.03, "short ton-mile"),
        ],
    ),
    9: (
        "Scope 3 Category 5: Waste Generated in Operations and Category 12: End-of-Life Treatment of Sold "
        "Products",
        [
            (None, "Metric Tons CO2e / Short Ton Material"),
            (
                "Material",
                *("RecycledA", "LandfilledB", "CombustedC", "CompostedD"),
                "Anaerobically Digested (Dry Digestate with Curing)E",
                "Anaerobically Digested (Wet  Digestate with Curing)E",
            ),
            ("Glass", 0.05, 0.02, 0.01, "NA", "NA", "NA"),
            ("Notes:\nAR4 GWP values are used to convert all waste emission factors into CO2e. \nEnd.",),
        ],
    ),
    10: (
        "Scope 3 Category 6: Business Travel and Category 7: Employee Commuting ",
        [PER_UNIT, ("Commuter Rail D", 0.13, 0.0105, 0.0026, "passenger-mile")],
    ),
    11: (
        "   Global Warming Potential (GWP)",
        [
            ("Industrial Designation or \nCommon Name\xa0", "Chemical Formula\xa0", "100-Year GWP"),
            ("Methane", "CH4", 28),
            ("HFC-134a", "CH2FCF3 \xa0", 1300),
        ],
    ),
    12: (
        "Global Warming Potential (GWP) for Blended Refrigerants",
        [
            ("ASHRAE #", "100-year GWP", "Blend Composition"),
            ("R-406A", 0, "55% HCFC-22 , 41% HCFC-142b , 4% isobutane"),
            ("R-410A", 1924, "50% HFC-32 , 50% HFC-125"),
            ("Source: \n100-year GWP values from IPCC Fifth Assessment Report (AR5), 2013.",),
        ],
    ),
}


def hub_workbook(path: Path, *, edition: int = 2024, last_table: int = 12, edit: Edit | None = None) -> Path:
    """A Hub of the given edition; blank first row and first column as EPA has them."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Emission Factors Hub"
    sheet["B2"] = "Emission Factors for Greenhouse Gas Inventories"
    sheet["C4"] = f"Blue text indicates an update from the {edition - 1} version of this document."
    row = 12
    for number, (title, rows) in HUB_TABLES.items():
        if number > last_table:
            break
        sheet.cell(row, 2, f"Table {number}")
        sheet.cell(row, 3, title)
        row += 2
        for cells in rows:
            for column, cell in enumerate(cells, start=3):
                sheet.cell(row, column, cell)
            row += 1
        row += 1
    if edit is not None:
        edit(sheet)
    book.save(path)
    return path


def find(sheet: Worksheet, text: str) -> tuple[int, int]:
    """Row and column of the first cell that holds exactly this text."""
    for cells in sheet.iter_rows():
        for cell in cells:
            if cell.value == text:
                return cell.row, cell.column
    raise AssertionError(text)


EGRID_HEADER = (
    "eGRID subregion annual CO2 output emission rate (lb/MWh)",
    "eGRID subregion annual CH4 output emission rate (lb/GWh)",
    "eGRID subregion annual N2O output emission rate (lb/GWh)",
)


def egrid_workbook(path: Path, edit: Edit | None = None) -> Path:
    """A cross-sector workbook with two eGRID years."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Electricity US"
    sheet["B2"] = "The tables below provide United States electricity grid average emission output rates."
    row = 3
    tables = {
        2012: [("RFC West", 1379.5, 17.1, 21.7), ("WECC California", 650.5, 31.1, 5.7)],
        2005: [("ERCOT - All", 1324.5, 18.7, 15.1), ("RFC - Subregion unknown", 1100.5, 20.1, 16.1)],
    }
    for number, (year, rates) in enumerate(tables.items(), start=1):
        sheet.cell(
            row,
            2,
            f"Table {number}.  Year {year} US Regional Electricity Emission Factors for CO2, CH4 and N2O ",
        )
        sheet.cell(row + 1, 2, "eGRID subregion name ")
        sheet.cell(row + 1, 3, "Original data ")
        for column, title in enumerate(EGRID_HEADER, start=3):
            sheet.cell(row + 2, column, title)
        for offset, cells in enumerate(rates, start=3):
            for column, cell in enumerate(cells, start=2):
                sheet.cell(row + offset, column, cell)
        row += 3 + len(rates) + 2
    if edit is not None:
        edit(sheet)
    book.save(path)
    return path


DESNZ_HEADER = ("ID", "Scope", "Level 1", "Level 2", "Level 3", "Level 4", "Column Text", "UOM", "GHG/Unit")
_DIESEL = ("Fuels", "Liquid fuels", "Diesel (average biofuel blend)", None, None)
_CAR = ("Passenger vehicles", "Cars (by size)", "Small car", None, "Diesel")
_KYOTO = ("Refrigerant & other", "Kyoto protocol - standard")
DESNZ_ROWS: list[tuple[object, ...]] = [
    ("1", "Scope 1", *_DIESEL, "litres", "kg CO2e", 2.5),
    ("2", "Scope 1", *_DIESEL, "litres", "kg CO2e of CO2 per unit", 2.46),
    ("3", "Scope 1", *_DIESEL, "litres", "kg CO2e of CH4 per unit", 0.0003),
    ("4", "Scope 1", *_DIESEL, "litres", "kg CO2e of N2O per unit", 0.0397),
    ("5", "Scope 1", *_DIESEL, "kWh (Gross CV)", "kg CO2e", 0.239),
    ("6", "Scope 1", *_CAR, "km", "kg CO2e", None),
    ("7", "Scope 1", *_CAR, "km", "kg CO2e of CO2 per unit", 0.138),
    ("8", "Scope 3", *_CAR, "km", "kg CO2e", "< 1"),
    (
        "9",
        "Scope 3",
        "SECR kWh pass & delivery vehs",
        "Motorbike",
        "Small",
        None,
        None,
        "km",
        "kWh (Net CV)",
        0.3,
    ),
    (
        "10",
        "Outside of Scopes",
        "Outside of scopes",
        "Biofuel",
        "Bioethanol",
        None,
        None,
        "litres",
        "kg CO2e",
        1.5,
    ),
    (
        "11",
        "Scope 1",
        *_KYOTO,
        "Methane",
        None,
        "Emissions including only Kyoto products",
        "kg",
        "kg CO2e",
        28,
    ),
    (
        "12",
        "Scope 1",
        *_KYOTO,
        "Nitrous oxide",
        None,
        "Emissions including only Kyoto products",
        "kg",
        "kg CO2e",
        265,
    ),
]


def desnz_workbook(
    path: Path,
    *,
    edition: int = 2024,
    version: object = 1.1,
    edit: Edit | None = None,
    header: tuple[str, ...] = (),
) -> Path:
    """A flat file in the layout of 2023 to 2025."""
    book = openpyxl.Workbook()
    front = book.active
    assert front is not None
    front.title = "Front page"
    front["A1"] = "UK Government GHG Conversion Factors for Company Reporting"
    front["B5"], front["C5"] = "Version:", version
    sheet = book.create_sheet("Factors by Category")
    sheet["A1"] = "UK Government GHG Conversion Factors for Company Reporting"
    for column, title in enumerate(header or (*DESNZ_HEADER, f"GHG Conversion Factor {edition}"), start=1):
        sheet.cell(6, column, title)
    for row, cells in enumerate(DESNZ_ROWS, start=7):
        for column, cell in enumerate(cells, start=1):
            sheet.cell(row, column, cell)
    sheet.cell(8 + len(DESNZ_ROWS), 2, "END")
    if edit is not None:
        edit(sheet)
    book.save(path)
    return path


#: Edition -> how its layout names the gases; the columns differ too.
_OLD_GASES = {"kg CO2e of CO2 per unit": "kg CO2", "kg CO2e of CH4 per unit": "kg CH4"} | {
    "kg CO2e of N2O per unit": "kg N2O"
}
_GASES_OF_2022 = {gas: gas.removesuffix(" per unit") for gas in _OLD_GASES}


def old_desnz_rows(edition: int, further: Iterable[tuple[object, ...]] = ()) -> list[tuple[object, ...]]:
    """Header and rows of a flat file from before 2023: the rows of ``DESNZ_ROWS`` with AR4 GWPs."""
    gases = _GASES_OF_2022 if edition == 2022 else _OLD_GASES
    helpers = 2018 <= edition <= 2021
    header: list[object] = [*DESNZ_HEADER[1:-2], "UOM", "GHG/Unit" if edition == 2022 else "GHG"]
    rows: list[list[object]] = []
    for _, *keys, uom, gas, value in (*DESNZ_ROWS, *further):
        figure = {28: 25, 265: 298}.get(value, value) if uom == "kg" else value  # type: ignore[call-overload]
        rows.append([*keys, uom, gases.get(str(gas), gas), figure])
    if helpers:
        # The publisher's own helpers; the first is not always right.
        header[6:6] = ["UOM (simple)"]
        header.append("Lookup")
        rows = [[*row[:6], "miles", *row[6:8], f"{row[3]} {row[6]}", row[8]] for row in rows]
    end: list[object] = ["END"] if edition < 2021 else [None, "END"]
    return [tuple(row) for row in ([*header, f"GHG Conversion Factor {edition}"], *rows, [None], end)]


_OLD_FRONT = (
    "Produced by Somebody for the Department for Business, Energy and Industrial Strategy (BEIS)",
    "and the Department for Environment, Food and Rural Affairs (Defra)",
)


def old_desnz_workbook(path: Path, edition: int, rows: Sequence[tuple[object, ...]], version: object) -> Path:
    """A flat file of 2016 or 2017, an xlsx whose first rows and whose front page's first column are blank."""
    book = openpyxl.Workbook()
    front = book.active
    assert front is not None
    front.title = "Front page"
    front["B3"], front["C3"], front["D3"], front["E3"] = "Version:", version, "Year:", edition
    front["B8"], front["B9"] = _OLD_FRONT
    sheet = book.create_sheet("Factors by Category")
    for at, cells in enumerate(rows, start=5):
        for column, cell in enumerate(cells, start=1):
            sheet.cell(at, column, cell)
    book.save(path)
    return path


def desnz_xls(path: Path, edition: int, rows: Sequence[tuple[object, ...]], version: object = "3") -> Path:
    """A flat file of 2018 to 2022, a workbook of the format before xlsx."""
    book = xlwt.Workbook()
    front = book.add_sheet("Front page")
    front.write(0, 0, "UK Government GHG Conversion Factors for Company Reporting")
    for column, cell in enumerate(("Version:", version, "Year:", edition)):
        front.write(4, column, cell)
    for at, text in enumerate(_OLD_FRONT, start=9):
        front.write(at, 0, text)
    sheet = book.add_sheet("Factors by Category")
    sheet.write(0, 0, "UK Government GHG Conversion Factors for Company Reporting")
    for at, cells in enumerate(rows, start=4):
        for column, cell in enumerate(cells):
            if cell is not None:
                sheet.write(at, column, cell)
    book.save(str(path))
    return path
