"""How the GHG Emission Factors Hub is printed: titles, headers, units and footnote letters as seen.

Belongs here: texts of the sheet, exactly as they stand (blanks squeezed). Nothing here is a figure.
"""

from __future__ import annotations

from collections.abc import Mapping

SHEET = "Emission Factors Hub"

TITLES = {
    1: "Stationary Combustion",
    2: "Mobile Combustion CO2",
    3: "Mobile Combustion CH4 and N2O for On-Road Gasoline Vehicles",
    4: "Mobile Combustion CH4 and N2O for On-Road Diesel and Alternative Fuel Vehicles",
    5: "Mobile Combustion CH4 and N2O for Non-Road Vehicles",
    6: "Electricity",
    7: "Steam and Heat",
    8: "Scope 3 Category 4: Upstream Transportation and Distribution and Category 9: Downstream "
    "Transportation and Distribution",
    9: "Scope 3 Category 5: Waste Generated in Operations and Category 12: "
    "End-of-Life Treatment of Sold Products",
    10: "Scope 3 Category 6: Business Travel and Category 7: Employee Commuting",
    11: "Global Warming Potential (GWP)",
    12: "Global Warming Potential (GWP) for Blended Refrigerants",
}

_FACTORS = ("CO2 Factor", "CH4 Factor", "N2O Factor")
_PER_UNIT = {
    "C": "Vehicle Type",
    "D": "CO2 Factor (kg CO2 / unit)",
    "E": "CH4 Factor (g CH4 / unit)",
    "F": "N2O Factor (g N2O / unit)",
    "G": "Units",
}
_PER_MILE = ("CH4 Factor (g CH4 / vehicle-mile)", "N2O Factor (g N2O / vehicle-mile)")
_LB_PER_MWH = ("(lb CO2 / MWh)", "(lb CH4 / MWh)", "(lb N2O / MWh)")

#: Header cells by table, by rows below the title.
HEADERS: Mapping[int, Mapping[int, Mapping[str, str | tuple[str | None, ...]]]] = {
    1: {
        2: {"C": "Fuel Type", "D": "Heat Content (HHV)", **dict(zip("EFGHIJ", _FACTORS * 2, strict=True))},
    },
    2: {2: {"C": "Fuel Type", "D": "kg CO2 per unit", "E": "Unit"}},
    3: {2: {"C": "Vehicle Type", "D": "Model Year", "E": _PER_MILE[0], "F": _PER_MILE[1]}},
    4: {
        2: {"C": "Vehicle Type", "D": "Fuel Type", "E": "Model Year", "F": _PER_MILE[0], "G": _PER_MILE[1]},
    },
    5: {
        2: {
            "C": "Vehicle Type",
            "D": "Fuel Type",
            "E": "CH4 Factor (g CH4 / gallon)",
            "F": "N2O Factor (g N2O / gallon)",
        }
    },
    6: {
        2: {"E": "Total Output Emission Factors", "H": "Non-Baseload Emission Factors"},
        3: {
            "C": "eGRID Subregion Acronym",
            "D": "eGRID Subregion Name",
            **dict(zip("EFGHIJ", _FACTORS * 2, strict=True)),
            # Since 2025.
            "K": (None, "Grid Gross Loss (%)"),
        },
        4: dict(zip("EFGHIJ", _LB_PER_MWH * 2, strict=True)),
    },
    7: {
        2: {
            "D": "CO2 Factor (kg CO2 / mmBtu)",
            "E": "CH4 Factor (g CH4 / mmBtu)",
            "F": "N2O Factor (g N2O / mmBtu)",
        }
    },
    8: {2: _PER_UNIT},
    9: {
        2: {"D": "Metric Tons CO2e / Short Ton Material"},
        3: {
            "C": "Material",
            "D": "RecycledA",
            "E": "LandfilledB",
            "F": "CombustedC",
            "G": "CompostedD",
            "H": tuple(f"Anaerobically Digested (Dry Digestate with Curing){letter}" for letter in ("", "E")),
            "I": tuple(f"Anaerobically Digested (Wet Digestate with Curing){letter}" for letter in ("", "E")),
        },
    },
    10: {2: _PER_UNIT},
    11: {2: {"C": "Industrial Designation or Common Name", "D": "Chemical Formula", "E": "100-Year GWP"}},
    12: {2: {"C": "ASHRAE #", "D": "100-year GWP", "E": "Blend Composition"}},
}

#: Units as printed, in our canonical spelling.
UNITS = {
    "mmBtu per short ton": "short_ton",
    "mmBtu per scf": "scf",
    "mmBtu per gallon": "gallon",
    "gallon": "gallon",
    "scf": "scf",
    "vehicle-mile": "vehicle_mile",
    "passenger-mile": "passenger_mile",
    "short ton-mile": "short_ton_mile",
}

#: Labels with a footnote letter glued on, and the labels meant. Only what was seen; nothing is guessed.
FOOTNOTES = {
    "Agricultural EquipmentA": "Agricultural Equipment",
    "Construction/Mining EquipmentB": "Construction/Mining Equipment",
    "Passenger Car A": "Passenger Car",
    "Light-Duty Truck B": "Light-Duty Truck",
    "Medium- and Heavy-Duty TruckC": "Medium- and Heavy-Duty Truck",
    "Intercity Rail - Northeast Corridor C": "Intercity Rail - Northeast Corridor",
    "Intercity Rail - Other Routes C": "Intercity Rail - Other Routes",
    "Intercity Rail - National Average C": "Intercity Rail - National Average",
    "Commuter Rail D": "Commuter Rail",
    "Transit Rail (i.e. Subway, Tram) E": "Transit Rail (i.e. Subway, Tram)",
}

#: Second lines of a label, printed in the row of the label's second figure.
SECOND_LINES = ("(Vans, Pickup Trucks, SUVs)",)

#: Treatments of Table 9 by column, without their footnote letters.
WASTE_COLUMNS = {
    "D": "Recycled",
    "E": "Landfilled",
    "F": "Combusted",
    "G": "Composted",
    "H": "Anaerobically Digested (Dry Digestate with Curing)",
    "I": "Anaerobically Digested (Wet Digestate with Curing)",
}

#: How the first line below a table begins (the 2024 copy has lost the line "Notes:" below Table 2).
NOTE_STARTS = ("Source", "Notes", "LNG: The factor was developed")
