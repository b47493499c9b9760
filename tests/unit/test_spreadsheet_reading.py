"""Workbooks as text cells: addresses are Excel's, and what is no whole workbook is refused."""

import struct
import zipfile
from pathlib import Path

import openpyxl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.spreadsheet import column_index, column_letter, open_sheet


def book(path: Path, cells: dict[str, object]) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "S"
    for address, value in cells.items():
        sheet[address] = value
    workbook.save(path)
    return path


@pytest.mark.parametrize("first", ["A1", "A4", "C1", "D7", "AB12"])
def test_addresses_are_those_of_excel_however_much_is_blank_before(first: str, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {first: "here", "AC20": 1.5})
    sheet = open_sheet(path, "S")
    other = openpyxl.load_workbook(path)["S"]
    for row in range(1, sheet.height + 1):
        for column in sheet.columns():
            cell = other[f"{column}{row}"].value
            assert sheet.raw(row, column) == (None if cell is None else str(cell))
    assert sheet.number(20, "AC", "x") == 1.5
    assert sheet.height == 20


@pytest.mark.parametrize(
    ("index", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (701, "ZZ"), (702, "AAA")]
)
def test_column_letters(index: int, letter: str) -> None:
    assert column_letter(index) == letter
    assert column_index(letter) == index


def test_numbers_come_to_the_last_digit(tmp_path: Path) -> None:
    figures = [53.06, 0.1 + 0.2, 1e-06, 2602.0, 0.022000000000000002, 497.443, 1.0000000000000002, 1e-12]
    # The writer rounds to 15 digits, Excel does not: the figures are put into its XML.
    rounded = book(
        tmp_path / "rounded.xlsx", {f"A{row}": 1000 + row for row, _ in enumerate(figures, start=1)}
    )
    path = tmp_path / "b.xlsx"
    with zipfile.ZipFile(rounded) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            for row, figure in enumerate(figures, start=1):
                text = text.replace(f"<v>{1000 + row}</v>".encode(), f"<v>{figure!r}</v>".encode())
            target.writestr(name, text)
    sheet = open_sheet(path, "S")
    assert [sheet.number(row, "A", "x") for row in range(1, len(figures) + 1)] == figures


@pytest.mark.parametrize(
    "text", ["53,06", "5 3", "n/a", "1.2.3", "0x10", "inf", "nan", "1_000", "١٢", "2024-01-01"]
)
def test_what_is_no_number(text: str, tmp_path: Path) -> None:
    sheet = open_sheet(book(tmp_path / "b.xlsx", {"B2": text}), "S")
    with pytest.raises(GreenlangError) as refused:
        sheet.number(2, "B", "the figure")
    assert refused.value.code == "CELL_NOT_A_NUMBER"
    assert refused.value.where == {"file": "b.xlsx", "sheet": "S", "row": 2, "column": "B"}
    assert text in str(refused.value.found)


def refusal(path: Path, sheet: str = "S") -> GreenlangError:
    with pytest.raises(GreenlangError) as refused:
        open_sheet(path, sheet)
    assert refused.value.where["file"] == path.name
    return refused.value


def test_a_truncated_workbook(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": 1})
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(path).code == "WORKBOOK_UNREADABLE"


def test_a_workbook_whose_sheet_is_damaged(tmp_path: Path) -> None:
    whole = book(tmp_path / "whole.xlsx", {"A1": 1})
    path = tmp_path / "b.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[: len(data) // 2] if "sheet1" in name else data)
    assert refusal(path).code == "WORKBOOK_UNREADABLE"


@pytest.mark.parametrize("data", [b"", b"Scope,UOM\n", b"\xd0\xcf\x11\xe0" + b"\0" * 600])
def test_something_else_than_a_workbook(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "b.xlsx"
    path.write_bytes(data)
    assert refusal(path).code == "WORKBOOK_UNREADABLE"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": 1})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/nothing.bin", b"\0" * 60_000_000)
    assert refusal(path).code == "WORKBOOK_TOO_LARGE"


def rewritten(whole: Path, path: Path, before: bytes, after: bytes) -> Path:
    """The workbook with other words in the XML of its sheet."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            assert "sheet1" not in name or before in data
            target.writestr(name, data.replace(before, after) if "sheet1" in name else data)
    return path


@pytest.mark.parametrize("corner", ["XFD1048576", "ZZ100000", "K1048576"])
def test_cells_in_far_corners_are_refused_before_room_is_made_for_them(corner: str, tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": 1, corner: 2})
    assert path.stat().st_size < 10_000
    error = refusal(path)
    assert error.code == "WORKBOOK_TOO_LARGE"
    assert "places" in str(error.found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b'r="B2"', b"r = 'XFD1048576'", id="blanks and other quotes"),
        pytest.param(b'r="B2"', b'r="xfd1048576"', id="small letters"),
        pytest.param(b'r="B2"', b'r="B99999999999999"', id="a row that there is not"),
        pytest.param(b'<c r="B2"', b'<c x=">" r="XFD1048576"', id="a sign that seems to end the cell"),
        pytest.param(
            b'<row r="2"><c r="B2"',
            b'<row r="1">' + b"<c><v>1</v></c>" * 16_384 + b'</row><row r="1048576"><c',
            id="cells that do not say where they are",
        ),
    ],
)
def test_far_corners_written_in_other_ways(before: bytes, after: bytes, tmp_path: Path) -> None:
    whole = book(tmp_path / "whole.xlsx", {"A1": 1, "B2": 2})
    assert refusal(rewritten(whole, tmp_path / "b.xlsx", before, after)).code == "WORKBOOK_TOO_LARGE"


def test_cells_without_content_far_out_do_no_harm(tmp_path: Path) -> None:
    whole = book(tmp_path / "whole.xlsx", {"A1": 1, "B2": 2})
    far = b'</row><row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>'
    sheet = open_sheet(rewritten(whole, tmp_path / "b.xlsx", b"</row></sheetData>", far), "S")
    assert (sheet.height, sheet.number(2, "B", "x")) == (2, 2.0)


def test_a_long_narrow_sheet_is_read(tmp_path: Path) -> None:
    assert open_sheet(book(tmp_path / "b.xlsx", {"A1": 1, "B1048576": 2}), "S").height == 1_048_576


def test_a_bomb_that_states_a_false_size_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": 1})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/nothing.bin", b"\0" * 60_000_000)
    size = struct.pack("<I", 60_000_000)
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 1000)))
    assert refusal(path).code == "WORKBOOK_UNREADABLE"


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": 1})
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    path.write_bytes(data)
    assert refusal(path).code == "WORKBOOK_UNREADABLE"


def test_a_missing_sheet_and_a_missing_file(tmp_path: Path) -> None:
    path = book(tmp_path / "b.xlsx", {"A1": 1})
    error = refusal(path, "Factors")
    assert (error.code, error.found, error.expected) == ("SHEET_MISSING", "S", "Factors")
    assert refusal(tmp_path / "none.xlsx").code == "PUBLISHER_FILE_UNREADABLE"
