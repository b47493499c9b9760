"""CBAM workbooks and what lies beside them, in the European Commission's layout with figures of our own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl import Workbook

Edit = Callable[[Workbook], None]

HEADER = (
    "Product CN Code",
    "Description",
    "Default Value\n(direct emissions)",
    "Default Value\n(indirect emissions)",
    "Default Value\n(total emissions)",
    "{0}\nDefault Value\n(including mark-up)",
    "{1}\nDefault Value\n(including mark-up)",
    "{2} and onwards\nDefault Value\n(including mark-up)",
    "Underlying production route determining CBAM BM",
)
BELOW = ("see below",) * 6
DASH = ("–",) * 6
CEMENT = ("Cement", None, None, None, None, "10% mark-up", "20% mark-up", "30% mark-up", "\xa0")
STEEL = ("Iron and steel", None, None, None, None, "10% mark-up", "20% mark-up", "30% mark-up", None)
UREA = "Urea in solution, containing >31,8% (excl. packages)"
#: Country -> the rows below the header; tabs are cut at 31 signs, as Excel cuts them.
COUNTRIES: dict[str, list[tuple[object, ...]]] = {
    "Albania": [
        CEMENT,
        ("2523 10 00", "White clinker", *DASH, None),
        ("2523 10 00", "Grey clinker", 0.8, 0.07, 0.88, 0.968, 1.056, 1.144, "(A)"),
        # A row of another country shifted in: marked-up values beside a dash.
        ("2523 21 00", "White Portland cement", "–", "–", "–", 1.25, 0.15, 1.375, None),
        (None, None, None, None, None, None, None, None, "\xa0"),
    ],
    "Democratic Republic of the Congo": [
        ("Fertilisers", None, None, None, None, "1% mark-up", None, None, "\xa0"),
        ("3102", "Fertilizers, nitrogenous", *BELOW, None),
        ("31021012", UREA, 0.5, 0.03, 0.53, 0.5353, None, 0.5353, "N/A"),
    ],
    "Taiwan": [
        STEEL,
        ("7218", "Stainless steel", 8.5, *BELOW[1:], "\xa0"),
        ("7218 10 00", "Stainless steel, ingots", 8.5, "N/A", 8.5, 9.35, 10.2, 11.05, "\xa0"),
        (
            "7219 22",
            "Stainless, flat",
            "see below",
            "N/A",
            "see below",
            "#VALUE!",
            "#VALUE!",
            "#VALUE!",
            None,
        ),
        ("7226 20 00", "High-speed steel", 3.456789012345, "N/A", 3.456789012345, 3.8, 4.1, 4.5, "(C)/(F)"),
    ],
    "Other Countries and Territories": [
        CEMENT,
        ("2523 10 00", "White clinker", 1.3, 0.06, 1.37, 1.507, 1.644, 1.781, "(B)"),
        ("2523 10 00", "Grey clinker", 1.35, 0.05, 1.4, 1.54, 1.68, 1.82, "(A)"),
        STEEL,
        ("7202 41", "Ferro-chromium", 2.25, "N/A", 2.25, 2.475, 2.7, 2.925, "\xa0"),
        ("7226 20 00", "High-speed steel", 5.588, "N.A.", 5.588, 6.1468, 6.7056, 7.2644, "(F)"),
        ("7601", "Unwrought", "_", "N/A", "_", "_", "_", "_", None),
    ],
}
NOTES = "Default values based on Implementing Regulation (EU) {act} published on 17 December {year}"
CORRECTIONS: dict[str, Any] = {
    "act": "Commission Implementing Regulation (EU) 2026/99 of 1 May 2026, correcting (EU) 2025/2621",
    "rules": {},
    "value_corrections": [
        {"where": "Taiwan CN 7218 to 7219", "new": "no value: falls back"},
        {"where": "Other countries and territories CN 7226 20 00", "old_total": 5.588, "new_total": 5.25,
         "new_route": "F"},
        {"where": "Albania CN 7202 41", "old": "missing", "new_total": 2.35},
        {"where": "Taiwan CN 7226 20 00", "old_total": 3.456789, "new_total": None},
        {"where": "Liberia CN 2804 10 00", "new_total": None},
        {"where": "Annex IV CN 7226 20 00 and 7616 99 90", "new_total": None},
        {"where": "production route indicators, several tables", "new": None},
    ],
}  # fmt: skip
ANNEX = """cn_code,highest_default,printed_2026,printed_2027,printed_2028,route
25231000,1.41,1.551,1.692,1.833,(B)
25231000,1.44,1.584,1.728,1.872,(A)
3102,,,,,
72262000,5.588,6.147,6.706,7.264,(F)
76169990,4.5,4.95,5.4,5.85,
"""


def default_values(
    folder: Path,
    *,
    edit: Edit | None = None,
    first_year: int = 2026,
    act: str = "2025/2621",
    version: object = "1",
    corrections: dict[str, Any] | None = None,
    annex: str | None = None,
) -> Path:
    """The default values workbook, with the files beside it that are given."""
    book = openpyxl.Workbook()
    overview = book.active
    assert overview is not None
    overview.title = "Overview"
    overview["B4"] = "Disclaimer"
    history = book.create_sheet("Version History")
    history.append(["Version History - Annex I", None, None])
    history.append(["Version", "Date", "Version Notes"])
    history.append([version, "2026-02-04", NOTES.format(act=act, year=first_year - 1)])
    header = [title.format(first_year, first_year + 1, first_year + 2) for title in HEADER]
    for country, rows in COUNTRIES.items():
        tab = country.replace("/", "_")
        sheet = book.create_sheet(("_" + tab)[:31] if tab.startswith("Other") else tab[:31])
        sheet.append([country])
        sheet.append(header)
        for row in rows:
            sheet.append(list(row))
            for cell in sheet[sheet.max_row]:
                if cell.value == "#VALUE!":
                    cell.data_type = "e"
    if edit is not None:
        edit(book)
    path = folder / "DVs.xlsx"
    book.save(path)
    if corrections is not None:
        text = json.dumps(corrections, indent=1, ensure_ascii=False)
        (folder / "corrections_2026-99.json").write_text(text, encoding="utf-8")
    if annex is not None:
        (folder / "annex_IV_unknown.csv").write_text(annex, encoding="utf-8")
    return path


def benchmarks(folder: Path, *, edit: Edit | None = None) -> Path:
    """The benchmarks workbook."""
    book = openpyxl.Workbook()
    overview = book.active
    assert overview is not None
    overview.title = "Overview"
    history = book.create_sheet("Version history")
    history.append(["Version History - Annex", None, None])
    history.append(["Version", "Date", "Version Notes"])
    notes = (
        "CBAM benchmark values based on Implementing Regulation (EU) 2025/2620 published on 22 December 2025"
    )
    history.append([1, "2025-02-06", notes])
    sheet = book.create_sheet("Benchmarks")
    rows: list[tuple[object, ...]] = [
        (
            *("CN code", "CN Description", "Column A\nBMg [tCO2e/t]", "Column A\nProduction route indicator"),
            *("Column B\nBMg [tCO2e/t]", "Column B\nProduction route indicator"),
        ),
        ("Cement",),
        (25231000, "Cement clinkers", 0.666, "(A)", 0.667, "(A)"),
        (None, None, 0.859, "(B)", 0.86, "(B)"),
        ("Iron & Steel",),
        (72052100, "Powders, of alloy steel", 0, None, 1.46, "(F)(1)"),
        (None, None, None, None, 0.659, "(G)(1)"),
    ]
    for row in rows:
        sheet.append(list(row))
    if edit is not None:
        edit(book)
    path = folder / "benchmarks.xlsx"
    book.save(path)
    return path
