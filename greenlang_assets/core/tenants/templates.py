"""The tables of an emission run, to fill in.

Belongs here: one example row a table, with references that the shipped catalogue answers.
Does not belong here: what the columns mean (``docs/tenants.md``), their bounds (``contracts``).
"""

from __future__ import annotations

from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD

_SOURCE = ("An energy bill", "2", "bills.csv", "0" * 64)
_ACTIVITY = (
    ("acme", "2024", "head-office", "Head office", "head-office-gas-2024", "1", "natural-gas", "US",
     "1000", "mmBtu[gross]", "2024", *_SOURCE),
    ("acme", "2024", "head-office", "Head office", "head-office-power-2024", "2", "grid-electricity",
     "US-EGRID-RFCW", "250000", "kWh", "2024", *_SOURCE),
)  # fmt: skip
_METHOD = (
    ("2024", "natural-gas", "natural-gas", "us-epa", "stationary-combustion", "2024", "mmBtu", "AR5",
     "none", "", "", "", "the edition of the year"),
    ("2024", "grid-electricity", "grid-electricity", "us-epa", "egrid-subregion", "eGRID2022", "MWh", "AR5",
     "none", "", "", "", "the newest edition of the year"),
)  # fmt: skip
_COLUMNS = """\
# How a table that looks different is read: glac emissions run FILE --columns columns.yaml --method method.csv
# What is named neither here nor in the file's header is refused; source_file, source_row, source_sha256 and
# activity_id are filled in where nothing gives them.
columns:                      # our column: the column of the file
  facility_id: Site code
  facility_name: Site
  activity: Energy
  quantity: Consumption
  unit: Unit
constants:                    # our column: one text for every row
  tenant: acme
  period: "2024"
  data_year: "2024"
  scope: "1"
  region: US
  source_document: Energy bills 2024
delimiter: ","                # or ";", "|", a tab
decimal: "."                  # or ","
encoding: utf-8               # or windows-1252
"""


def _table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    return "".join(",".join(row) + "\n" for row in (columns, *rows))


#: File name -> text.
TEMPLATES = {
    "activity.csv": _table(tuple(ACTIVITY.columns), _ACTIVITY),
    "method.csv": _table(tuple(METHOD.columns), _METHOD),
    "columns.yaml": _COLUMNS,
}
