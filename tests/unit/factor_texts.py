"""Delimited files and licensed workbooks in the publishers' formats with invented figures, for the tests."""

from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

#: Changes the lines of a text file before it is written.
Edit = Callable[[list[str]], list[str]]


def replaced(old: str, new: str) -> Edit:
    """An edit that changes one text, which must be there."""

    def edit(lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        assert old in text
        return text.replace(old, new, 1).split("\n")

    return edit


def written(path: Path, lines: Sequence[str], edit: Edit | None = None) -> Path:
    """The lines as a UTF-8 file."""
    found = list(lines)
    path.write_text("\n".join(edit(found) if edit else found) + "\n", encoding="utf-8")
    return path


SUPPLY_HEADER = (
    '"2017 NAICS Code","2017 NAICS Title","GHG","Unit","Supply Chain Emission Factors without Margins",'
    '"Margins of Supply Chain Emission Factors","Supply Chain Emission Factors with Margins",'
    '"Reference USEEIO Code"'
)
COMMODITIES = {"111110": "Soybean Farming", "327310": "Cement, and so on, Manufacturing"}
#: Gas -> figures of both commodities with margins; the two figures before are a half of it each.
SUPPLY_GASES = {
    "HFC-23": "4.00e-09",
    "Carbon dioxide": "2.00e-01",
    "HFCs and PFCs, unspecified": "8.00e-04",
    "Methane": "4.00e-04",
    "Carbon tetrafluoride": "1.10e-08",
    "Nitrous oxide": "2.00e-03",
    "Nitrogen trifluoride": "0.00e+00",
    "Sulfur hexafluoride": "6.00e-09",
}


def supply_name(kind: str = "CO2e", *, version: str = "v1.3.0", year: int = 2022) -> str:
    return f"SupplyChainGHGEmissionFactors_{version}_NAICS_{kind}_USD{year}.csv"


def supply_chain(
    folder: Path, kind: str = "CO2e", *, version: str = "v1.3.0", year: int = 2022, edit: Edit | None = None
) -> Path:
    """One of an edition's two files with two commodities."""
    lines = [SUPPLY_HEADER]
    for code, title in COMMODITIES.items():
        if kind == "CO2e":
            lines.append(
                f'{code},"{title}","All GHGs","kg CO2e/{year} USD, purchaser price",0.5,0.25,0.75,"1111A0"'
            )
            continue
        for gas, figure in SUPPLY_GASES.items():
            half = f"{float(figure) / 2:.2e}"
            unit = f"kg{' CO2e' if 'unspecified' in gas else ''}/{year} USD, purchaser price"
            lines.append(f'{code},"{title}","{gas}","{unit}","{half}","{half}","{figure}","1111A0"')
    return written(folder / supply_name(kind, version=version, year=year), lines, edit)


EGRID_FUELS = (
    "fuel_type,fuel_category,eia_fuel_code,co2_ef,co2_units,ch4_ef,ch4_units,n2o_ef,n2o_units,source",
    "Nuclear,NA,NA,0,ton CO2/mmBtu,0,lbs CH4/mmBtu,0,lbs N2O/mmBtu,no EF",
    "Bituminous,Coal and Coke,BIT,0.125,ton CO2/mmBtu,0.25,lbs CH4/mmBtu,2.50E-04,lbs N2O/mmBtu,EPA GHG MRR",
    "Pipeline (Average),Natural Gas,NG,0.5,ton CO2/mmBtu,0.75,lbs CH4/mmBtu,1.5,lbs N2O/mmBtu,EPA GHG MRR",
    "Wood,Biomass fuels—solid,WDS,1.25,ton CO2/mmBtu,1.5,lbs CH4/mmBtu,1.75,lbs N2O/mmBtu,EPA GHG MRR",
    "Landfill Gas,NA,LFG,2,ton CO2/mmBtu,3,lbs CH4/mmBtu,4,lbs N2O/mmBtu,IPCC",
    "Process Gas,NA,PRG,0.5,ton CO2/mmBtu,0.75,lbs CH4/mmBtu,1.5,lbs N2O/mmBtu,use NG",
    "Waste,Fossil fuels (solid),MSW,5,ton CO2/mmBtu,6,lbs CH4/mmBtu,7,lbs N2O/mmBtu,EPA GHG MRR",
    "Waste,Fossil fuels (solid),MSB,5,ton CO2/mmBtu,6,lbs CH4/mmBtu,7,lbs N2O/mmBtu,EPA GHG MRR",
)
EGRID_POLLUTANTS = (
    "\ufeffprime_mover,botfirty,primary_fuel_type,so2_ef,so2_flag,so2_ef_num,so2_ef_denom,unit_flag,so2_source,"
    "so2_ef_based_on,nox_ef,nox_ef_num,nox_ef_denom,nox_unit_flag,nox_source,nox_ef_based_on",
    "ST,WALL,BIT,1.5,S,lb,MMBtu,heatinput,AP-42,,12.5,lb,ton,PhysicalUnits,EIA Electricity Annual,",
    ",null,JF,0.5,,lb,barrels,PhysicalUnits,AP-42,assumes 600 ppm sulfur content,,,,,,",
    "ST,WALL,OTH,2.5,,lb,ton,PhysicalUnits,AP-42,,0.25,lb,mcf,PhysicalUnits,EIA Electricity Annual,",
    "ST,WALL,OTH,0.75,,lb,Mcf,PhysicalUnits,AP-42,,0.25,lb,mcf,PhysicalUnits,EIA Electricity Annual,",
)


def egrid_fuels(path: Path, edit: Edit | None = None) -> Path:
    """Greenhouse gases by fuel."""
    return written(path, EGRID_FUELS, edit)


def egrid_pollutants(path: Path, edit: Edit | None = None) -> Path:
    """SO2 and NOx by fuel and boiler, beginning with a byte order mark."""
    return written(path, EGRID_POLLUTANTS, edit)


ECOINVENT_NAMES = (
    "Activity UUID_Product UUID", "Activity Name", "Geography", "Reference Product Name",
    "Reference Product Unit", "Reference Product Amount",
)  # fmt: skip
_TOTAL = "climate change: total (excl. biogenic CO2)"
ECOINVENT_INDICATORS: list[tuple[str, str, str, str]] = [
    ("CML v4.8 2016", "acidification", "acidification (incl. fate)", "kg SO2-Eq"),
    ("IPCC 2013", "climate change", "global warming potential (GWP100)", "kg CO2-Eq"),
    ("IPCC 2021", "climate change: fossil", "global warming potential (GWP100)", "kg CO2-Eq"),
    ("IPCC 2021", _TOTAL, "global warming potential (GWP100)", "kg CO2-Eq"),
    ("IPCC 2021", _TOTAL, "global warming potential (GWP20)", "kg CO2-Eq"),
    ("IPCC 2021 no LT", f"{_TOTAL} no LT", "global warming potential (GWP100) no LT", "kg CO2-Eq"),
]
UUIDS = [f"{n:08x}-0000-4000-8000-000000000000_{n:08x}-1111-4111-8111-111111111111" for n in range(1, 6)]
ECOINVENT_ROWS: list[tuple[object, ...]] = [
    (UUIDS[0], "market for invented good", "GLO", "invented good", "kg", 1, 9, 8.5, 1.5, 2.0, 7, 6),
    (UUIDS[1], "invented power", "CA-QC", "electricity", "kWh", 1, 9, 8.5, 0.5, 1.0, 7, 6),
    (UUIDS[2], "treatment of it", "Europe without Switzerland", "waste", "kg", -1, 9, 8.5, 2.5, 3.0, 7, 6),
    (UUIDS[3], "invented credit", "RoW", "haulage", "metric ton*km", 1, 9, 8.5, 0.25, -1.0, 7, 6),
    (UUIDS[4], "invented service", "FR", "stay", "guest night", 1, 9, 8.5, None, None, 7, 6),
]


def ecoinvent_workbook(
    path: Path,
    edit: Callable[[Worksheet], None] | None = None,
    indicators: Sequence[tuple[str, str, str, str]] = tuple(ECOINVENT_INDICATORS),
) -> Path:
    """Cumulative LCIA of five invented datasets; every figure is invented."""
    book = openpyxl.Workbook()
    about = book.active
    assert about is not None
    about.title = "Read me"
    about["A1"] = "Invented figures in the format of a licensed publication."
    sheet = book.create_sheet("LCIA")
    for column, name in enumerate(ECOINVENT_NAMES, start=1):
        sheet.cell(4, column, name)
    for column, texts in enumerate(indicators, start=7):
        for row, text in enumerate(texts, start=1):
            sheet.cell(row, column, text)
    for row, cells in enumerate(ECOINVENT_ROWS, start=5):
        for column, cell in enumerate(cells[: len(ECOINVENT_NAMES) + len(indicators)], start=1):
            sheet.cell(row, column, cell)
    if edit is not None:
        edit(sheet)
    book.save(path)
    return path


EFDB_HEADER = (
    "EF ID", "IPCC 1996 Source/Sink Category", "IPCC 2006 Source/Sink Category", "Gas", "Fuel 1996",
    "Fuel 2006", "C pool", "Type of parameter", "Description", "Technologies / Practices",
    "Parameters / Conditions", "Region / Regional Conditions", "Abatement / Control Technologies",
    "Other properties", "Value", "Unit", "Equation", "IPCC Worksheet", "Technical Reference",
    "Source of data", "Data provider",
)  # fmt: skip


def efdb_row(number: int, gas: str, value: object, unit: str, **cells: str) -> tuple[object, ...]:
    """One row of an export; ``cells`` by column name, underscores for what is no letter."""
    row: dict[str, object] = dict.fromkeys(EFDB_HEADER, "")
    row |= {"EF ID": str(number), "Gas": gas, "Value": value, "Unit": unit}
    row["IPCC 2006 Source/Sink Category"] = "1.A.1 - Invented Industries\n1.A.2 - More of them"
    row["Type of parameter"] = "2006 IPCC default"
    names = {"fuel": "Fuel 2006", "type": "Type of parameter", "description": "Description",
             "region": "Region / Regional Conditions", "pool": "C pool"}  # fmt: skip
    row |= {names[name]: text for name, text in cells.items()}
    return tuple(row[name] for name in EFDB_HEADER)


_NET = "Emission Factor for Invented Combustion (kg/TJ on a net calorific basis)"
EFDB_ROWS = [
    efdb_row(11, "CARBON DIOXIDE", "1000", "KG/TJ", fuel="Natural Gas", description=f"CO2 {_NET}"),
    efdb_row(12, "METHANE", 2.5, "kg/TJ", fuel="Natural Gas", description=f"CH4 {_NET}"),
    efdb_row(13, "NITROUS OXIDE", "0.5", "kg/TJ", fuel="Natural Gas", description=f"N2O {_NET}"),
    efdb_row(14, "METHANE", "3.0", "kg/TJ", fuel="Natural Gas", description=f"CH4 {_NET}"),
    efdb_row(15, "CARBON DIOXIDE", "2000", "kg/TJ", fuel="Wood / Wood Waste", description=f"CO2 {_NET}"),
    efdb_row(
        16, "METHANE", "4.0", "kg CH4/head/yr", description="Emission factor for enteric fermentation",
        region="India", type="2019 Refinement default",
    ),
    efdb_row(
        17, "METHANE", "5.0", "g/kg", description="EF for invented burning", region="Latin America_b",
        type="1996 & 2006 IPCC default",
    ),
    efdb_row(21, "CARBON DIOXIDE\nMETHANE", "6.0", "kg/TJ", description="Emission factor"),
    efdb_row(22, "HFC-23", "6.0", "kg/t", description="Emission factor"),
    efdb_row(23, "METHANE", "", "kg/TJ", description="Emission factor"),
    efdb_row(24, "METHANE", "5-9", "kg/TJ", description="Emission factor"),
    efdb_row(25, "METHANE", "0,5", "kg/TJ", description="Emission factor"),
    efdb_row(26, "METHANE", "-1.0", "kg/TJ", description="Emission factor"),
    efdb_row(27, "CARBON DIOXIDE", "20", "kg/GJ", description="Carbon content"),
    efdb_row(28, "CARBON DIOXIDE", "20", "t C/TJ", description="Emission factor"),
    efdb_row(29, "NITROUS OXIDE", "0.01", "kg N2O-N/kg N", description="Emission factor"),
    efdb_row(30, "METHANE", "18", "m3/t", description="Emission factor"),
    efdb_row(31, "CARBON DIOXIDE", "43", "TJ/Gg", description="Emission factor"),
    efdb_row(32, "METHANE", "1.0", "kg CO2/TJ", description="Emission factor"),
    efdb_row(33, "METHANE", "1.0", "kg/TJ", description="Emission factor", type="Measured"),
    efdb_row(34, "CARBON DIOXIDE", "1.0", "t/ha", description="Emission factor", pool="Litter"),
]  # fmt: skip


def efdb_workbook(path: Path, edit: Callable[[Worksheet], None] | None = None) -> Path:
    """An export of 21 invented rows: the figures are invented, the reasons to leave rows out are real."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Sheet1"
    for cells in (EFDB_HEADER, *EFDB_ROWS):
        sheet.append(cells)
    if edit is not None:
        edit(sheet)
    book.save(path)
    return path
