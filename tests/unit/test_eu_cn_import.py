"""The Combined Nomenclature: a leaf below its headings, one year a file, and no factors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import delimited, eu_cn


def good(code: str, name: str, section: str, **change: Any) -> dict[str, Any]:
    return {
        "code": code,
        "rawCode": f"{code[:4]} {code[4:6]} {code[6:]}",
        "name": name,
        "version": 2027,
        "subheading": code[:6],
        "heading": code[:4],
        "chapter": code[:2],
        "section": section,
        "supplementaryUnit": None,
        **change,
    }


GOODS = [
    good("01012990", "Other", "I", supplementaryUnit="PST"),
    good("07020010", "Cherry  tomatoes", "II", heading=None, subheading="0702"),
    good("25231000", "Cement clinkers", "V", subheading=None),
    good("99909900", "Complete plant", "XXI", subheading=None, heading=None),
]


def file(folder: Path, goods: object = GOODS, *, text: str | None = None) -> Path:
    path = folder / "cnCodes_2027.json"
    path.write_text(text or json.dumps(goods, indent=4, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_leaf_stands_below_its_headings(tmp_path: Path) -> None:
    result = eu_cn.read(file(tmp_path))
    goods = result.others["goods"]
    assert goods.select("code", "name", "path").rows() == [
        ("01012990", "Other", "Section I > Chapter 01 > Heading 0101 > Subheading 010129 > Other"),
        ("07020010", "Cherry tomatoes", "Section II > Chapter 07 > Heading 0702 > Cherry tomatoes"),
        ("25231000", "Cement clinkers", "Section V > Chapter 25 > Heading 2523 > Cement clinkers"),
        ("99909900", "Complete plant", "Section XXI > Chapter 99 > Complete plant"),
    ]
    assert set(goods.select("nomenclature", "year").rows()) == {("CN", 2027)}
    lines = (tmp_path / "cnCodes_2027.json").read_text(encoding="utf-8").splitlines()
    for code, row in goods.select("code", "cite_row").rows():
        assert lines[row - 1].strip() == "{"
        assert code in lines[row]


def test_there_are_no_factors_and_the_gap_is_told(tmp_path: Path) -> None:
    result = eu_cn.read(file(tmp_path))
    assert (result.factors.height, result.editions) == (0, ("2027",))
    assert result.rows_read == sum(result.skipped.values()) == 4
    assert "no texts of sections" in result.notes[0]


def test_a_list_without_line_breaks_is_read(tmp_path: Path) -> None:
    assert eu_cn.read(file(tmp_path, text=json.dumps(GOODS))).others["goods"].height == 4


WHOLE = json.dumps(GOODS, indent=4)


def without(field: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if name != field} for record in GOODS]


@pytest.mark.parametrize(
    ("goods", "code", "column"),
    [
        pytest.param(without("name"), "LAYOUT_UNKNOWN", None, id="a field missing"),
        pytest.param([{**GOODS[0], "factor": 1}], "LAYOUT_UNKNOWN", None, id="a field more"),
        pytest.param([["0101"]], "LAYOUT_UNKNOWN", None, id="no record"),
        pytest.param([good("0101299", "Other", "I")], "LAYOUT_UNKNOWN", "code", id="seven digits"),
        pytest.param([{**GOODS[0], "rawCode": "0101 29 91"}], "LAYOUT_UNKNOWN", "code", id="two codes"),
        pytest.param([{**GOODS[0], "chapter": "02"}], "LAYOUT_UNKNOWN", "chapter", id="a foreign chapter"),
        pytest.param([{**GOODS[0], "chapter": None}], "LAYOUT_UNKNOWN", "chapter", id="no chapter"),
        pytest.param([{**GOODS[0], "section": "1"}], "LAYOUT_UNKNOWN", "section", id="a section"),
        pytest.param([{**GOODS[0], "name": " "}], "LAYOUT_UNKNOWN", "name", id="no name"),
        pytest.param([{**GOODS[0], "name": 5}], "LAYOUT_UNKNOWN", "name", id="a number as a name"),
        pytest.param([{**GOODS[0], "version": "2027"}], "LAYOUT_UNKNOWN", "version", id="a year as text"),
        pytest.param([GOODS[0], GOODS[0]], "DUPLICATE_KEY", None, id="a code twice"),
    ],
)
def test_records_that_are_refused(goods: object, code: str, column: str | None, tmp_path: Path) -> None:
    error = refusal(file(tmp_path, goods))
    assert error.code == code, error
    assert error.where["file"] == "cnCodes_2027.json"
    assert error.where["row"] >= 2
    assert error.where.get("column") == column


@pytest.mark.parametrize(
    ("text", "row"),
    [
        pytest.param(WHOLE[: len(WHOLE) // 2], None, id="truncated"),
        pytest.param(WHOLE + "[]", WHOLE.count("\n") + 1, id="something behind it"),
        pytest.param('{"codes": []}', 1, id="no list"),
        pytest.param("[]", 1, id="an empty list"),
        pytest.param(WHOLE.replace("},", "}", 1), None, id="a comma lost"),
        pytest.param("[" * 200_000, 1, id="lists without end"),
        pytest.param(f"[{'1' * 5000}]", 1, id="an endless number"),
    ],
)
def test_text_that_is_refused(text: str, row: int | None, tmp_path: Path) -> None:
    error = refusal(file(tmp_path, text=text))
    assert error.code == "LAYOUT_UNKNOWN"
    assert row is None or error.where["row"] == row


def test_a_list_of_two_years_is_refused(tmp_path: Path) -> None:
    error = refusal(file(tmp_path, [GOODS[0], {**GOODS[1], "version": 2026}]))
    assert (error.code, error.found) == ("EDITION_UNKNOWN", "2026, 2027")


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path)
    path.write_bytes(WHOLE.replace("Cherry", "Überschrift").encode("cp1252"))
    error = refusal(path)
    assert error.code == "ENCODING_UNKNOWN"
    assert error.where["row"] > 1


def test_an_endless_file_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path)
    with path.open("r+b") as handle:
        handle.truncate(delimited.MAX_BYTES + 1)  # holes: nothing of it lies on the disk
    assert refusal(path).code == "FILE_TOO_LARGE"


def refusal(path: Path, read: Callable[[Path], object] = eu_cn.read) -> GreenlangError:
    with pytest.raises(GreenlangError) as refused:
        read(path)
    assert refused.value.found is not None
    assert refused.value.expected is not None
    return refused.value
