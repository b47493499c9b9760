"""Tables that look different: read by a mapping, nothing guessed, nothing of two made one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.contracts import ACTIVITY, check
from greenlang_assets.core.tenants.mapping import read_mapped, read_mapping

MAPPING = """\
columns:
  facility_id: Code
  facility_name: Site
  activity: Energy
  quantity: Use
  unit: Unit
constants:
  tenant: Acme Ltd
  period: "2024"
  data_year: "2024"
  scope: "1"
  region: US
  source_document: Bills 2024
delimiter: ";"
decimal: ","
"""
TABLE = """\
Code;Site;Energy;Use;Unit;Remark
B 12/a;North;Natural Gas;1.234,5;mmBtu;x
B 13;Süd;natural gas;7;mmBtu;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "columns.yaml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "Bills 2024.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path


def read(folder: Path) -> list[dict[str, Any]]:
    frame = read_mapped(folder / "Bills 2024.csv", read_mapping(folder / "columns.yaml"))
    return check(frame, ACTIVITY).to_dicts()


def refused(folder: Path, file: str, old: str, new: str) -> GreenlangError:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(GreenlangError) as error:
        read(folder)
    return error.value


def test_a_bookkeepers_table_becomes_activity(folder: Path) -> None:
    first, second = read(folder)
    assert first == {
        "tenant": "acme-ltd",
        "period": "2024",
        "facility_id": "b-12-a",
        "facility_name": "North",
        "activity_id": "bills-2024-2",
        "scope": "1",
        "activity": "natural-gas",
        "region": "US",
        "quantity": 1234.5,
        "unit": "mmBtu",
        "data_year": 2024,
        "source_document": "Bills 2024",
        "source_row": 2,
        "source_file": "Bills 2024.csv",
        "source_sha256": hashlib.sha256((folder / "Bills 2024.csv").read_bytes()).hexdigest(),
    }
    assert (second["facility_id"], second["facility_name"], second["quantity"]) == ("b-13", "Süd", 7.0)
    assert (second["activity"], second["activity_id"]) == ("natural-gas", "bills-2024-3")


def test_a_column_that_has_our_name_needs_no_mapping(folder: Path) -> None:
    file = folder / "Bills 2024.csv"
    file.write_text(file.read_text("utf-8").replace("Unit;Remark", "unit;Remark"), encoding="utf-8")
    (folder / "columns.yaml").write_text(MAPPING.replace("  unit: Unit\n", ""), encoding="utf-8")
    assert [row["unit"] for row in read(folder)] == ["mmBtu", "mmBtu"]


def test_a_file_of_another_encoding_says_so_in_its_mapping(folder: Path) -> None:
    (folder / "Bills 2024.csv").write_bytes(TABLE.encode("windows-1252"))
    with pytest.raises(GreenlangError, match="FILE_UNREADABLE"):
        read(folder)
    (folder / "columns.yaml").write_text(MAPPING + "encoding: windows-1252\n", encoding="utf-8")
    assert read(folder)[1]["facility_name"] == "Süd"


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.234,5", ",", 1234.5),
        ("1234,5", ",", 1234.5),
        ("1 234,5", ",", 1234.5),
        ("1\u00a0234,5", ",", 1234.5),
        ("-7", ",", -7.0),
        ("1.234", ",", 1234.0),
        ("1,234.5", ".", 1234.5),
        ("1.5e3", ".", 1500.0),
        ("1.23,4", ",", None),
        ("1,234.5", ",", None),
        ("12.34,5", ",", None),
        ("1.234.5", ".", None),
        ("1,2", ".", None),
        ("ten", ".", None),
        ("nan", ".", None),
    ],
)
def test_numbers_as_people_write_them(folder: Path, text: str, decimal: str, value: float | None) -> None:
    file, mapping = folder / "Bills 2024.csv", folder / "columns.yaml"
    file.write_text(TABLE.replace("1.234,5", text).replace(";7;", ";8;"), encoding="utf-8")
    mapping.write_text(MAPPING.replace('decimal: ","', f'decimal: "{decimal}"'), encoding="utf-8")
    if value is not None:
        assert read(folder)[0]["quantity"] == value
        return
    with pytest.raises(GreenlangError) as error:
        read(folder)
    assert error.value.code == "FILE_CELL"
    assert error.value.where["row"] == 2
    assert error.value.found == text


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "said"),
    [
        ("columns.yaml", "quantity: Use", "quantity: Usage", "FILE_COLUMNS", "Usage"),
        ("columns.yaml", "  region: US\n", "", "FILE_COLUMNS", "region"),
        ("columns.yaml", "  region: US\n", "  regoin: US\n", "MAPPING_UNREADABLE", "regoin"),
        ("columns.yaml", "  region: US\n", "  region: US\n  unit: kWh\n", "MAPPING_UNREADABLE", "unit"),
        ("columns.yaml", 'decimal: ","', "decimal: dot", "MAPPING_UNREADABLE", "dot"),
        ("columns.yaml", 'delimiter: ";"', "delimiter: [", "MAPPING_UNREADABLE", ""),
        ("columns.yaml", 'delimiter: ";"', "sheet: 1", "MAPPING_UNREADABLE", "sheet"),
        ("Bills 2024.csv", "B 13", "B 12 A", "NAMES_COLLIDE", "b-12-a"),
    ],
)
def test_what_is_not_clear_is_refused(
    folder: Path, file: str, old: str, new: str, code: str, said: str
) -> None:
    error = refused(folder, file, old, new)
    assert error.code == code
    assert said in " ".join(map(str, (error.message, error.found, error.expected)))


def test_a_mapping_that_is_not_there(folder: Path) -> None:
    with pytest.raises(GreenlangError, match="FILE_MISSING"):
        read_mapping(folder / "nothing.yaml")
