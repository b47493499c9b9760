"""The CBAM importer: the printed total is the factor, what stands beside it a value, corrections patches."""

import copy
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cbam_workbooks import ANNEX, CORRECTIONS, UREA, benchmarks, default_values
from openpyxl import Workbook

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import eu_cbam
from greenlang_assets.core.factors.importers.base import ImportResult


def whole(folder: Path) -> ImportResult:
    return eu_cbam.read(default_values(folder, corrections=CORRECTIONS, annex=ANNEX))


def one(frame: pl.DataFrame, **where: object) -> dict[str, Any]:
    return frame.filter(**where).row(0, named=True)


def values(result: ImportResult, factor_id: str) -> dict[str, float]:
    rows = result.others["values"].filter(factor_id=factor_id)
    return dict(rows.select("measure", "value").iter_rows())


def test_the_printed_total_is_the_factor(tmp_path: Path) -> None:
    result = eu_cbam.read(default_values(tmp_path))
    row = one(result.factors, region="AL")
    # Not 0.8 + 0.07.
    assert (row["co2e"], row["co2e_unit"], row["activity_unit"]) == (0.88, "tonne/tonne", "tonne")
    assert (row["gwp_set"], row["edition"], row["version"], row["year"]) == ("AR5", "2026", "2026.0.0", 2026)
    assert row["activity_path"] == "Cement > 2523 10 00 > Grey clinker > (A)"
    assert row["activity"] == "grey-clinker"
    assert (row["cite_table"], row["cite_row"]) == ("Albania", 5)
    assert row["factor_id"] == (
        "eu-cbam/default-values/2026/cement-2523-10-00-grey-clinker/al/2026/tonne/route-a"
    )
    assert values(result, row["factor_id"]) == {
        "direct": 0.8,
        "indirect": 0.07,
        "marked-up-2026": 0.968,
        "marked-up-2027": 1.056,
        "marked-up-2028": 1.144,
    }
    assert contracts.failures(result.factors) == []


def test_a_figure_keeps_every_digit_of_its_cell(tmp_path: Path) -> None:
    result = eu_cbam.read(default_values(tmp_path))
    assert one(result.factors, region="TW", activity="cn-7226-20-00")["co2e"] == 3.456789012345


def test_white_and_grey_goods_of_one_code_are_two_factors(tmp_path: Path) -> None:
    result = eu_cbam.read(default_values(tmp_path))
    other = result.factors.filter(region="GROUP-OTHER-COUNTRIES-AND-TERRITORIES")
    clinker = dict(
        other.filter(pl.col("activity").str.ends_with("clinker")).select("activity", "co2e").rows()
    )
    assert clinker == {"white-clinker": 1.37, "grey-clinker": 1.4}


def test_a_leaf_carries_the_heading_above_it(tmp_path: Path) -> None:
    row = one(eu_cbam.read(default_values(tmp_path)).factors, region="CD")
    assert row["activity_path"] == f"Fertilisers > Fertilizers, nitrogenous > 3102 10 12 > {UREA}"
    assert row["activity"] == "cn-3102-10-12"


def test_every_row_is_a_factor_or_counted(tmp_path: Path) -> None:
    for given in ({}, {"corrections": CORRECTIONS}, {"corrections": CORRECTIONS, "annex": ANNEX}):
        result = eu_cbam.read(default_values(tmp_path, **given))  # type: ignore[arg-type]
        assert result.rows_read == result.factors.height + sum(result.skipped.values()), given


def test_figures_without_a_total_are_kept_and_told(tmp_path: Path) -> None:
    result = eu_cbam.read(default_values(tmp_path))
    loose = result.others["values"].filter(pl.col("factor_id").is_null())
    assert sorted(loose.select("region", "measure", "value").rows()) == [
        ("AL", "marked-up-2026", 1.25),
        ("AL", "marked-up-2027", 0.15),
        ("AL", "marked-up-2028", 1.375),
        ("TW", "direct", 8.5),
    ]
    assert any(note.endswith("Albania 2523 21 00") for note in result.notes)
    assert any("no corrections" in note for note in result.notes)


def test_cells_beside_a_table_are_told(tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        book["Albania"]["L5"], book["Albania"]["M6"] = 7612, 4.5

    result = eu_cbam.read(default_values(tmp_path, edit=edit))
    assert any("Albania L5 to M6 (2 cells)" in note for note in result.notes)


def test_a_corrected_total_is_a_new_patch_and_the_printed_one_is_kept(tmp_path: Path) -> None:
    result = whole(tmp_path)
    row = one(
        result.factors,
        region="GROUP-OTHER-COUNTRIES-AND-TERRITORIES", activity="cn-7226-20-00",
    )  # fmt: skip
    assert (row["co2e"], row["version"]) == (5.25, "2026.0.1")
    assert row["note"] == "corrected by (EU) 2026/99; printed before: 5.588"
    assert row["cite_source_file"] == "corrections_2026-99.json"
    text = (tmp_path / row["cite_source_file"]).read_text(encoding="utf-8").splitlines()
    assert "7226 20 00" in text[row["cite_row"] - 1]
    assert values(result, row["factor_id"]) == {
        "superseded-direct": 5.588,
        "superseded-total": 5.588,
        "superseded-marked-up-2026": 6.1468,
        "superseded-marked-up-2027": 6.7056,
        "superseded-marked-up-2028": 7.2644,
    }


def test_an_added_row_is_named_as_in_the_other_tables(tmp_path: Path) -> None:
    row = one(whole(tmp_path).factors, region="AL", activity="cn-7202-41")
    assert (row["co2e"], row["version"], row["note"]) == (2.35, "2026.0.1", "added by (EU) 2026/99")
    assert row["activity_path"] == "Iron and steel > 7202 41 > Ferro-chromium"


def test_a_withdrawn_row_is_a_value_only(tmp_path: Path) -> None:
    result = whole(tmp_path)
    assert result.factors.filter(region="TW", activity="cn-7218-10-00").is_empty()
    assert result.skipped[eu_cbam.WITHDRAWN] == 1
    kept = result.others["values"].filter(measure="superseded-total", region="TW")
    assert kept.select("value", "factor_id").rows() == [(8.5, None)]


def test_a_figure_known_to_be_superseded_is_not_counted(tmp_path: Path) -> None:
    result = whole(tmp_path)
    row = one(result.factors, region="TW", activity="cn-7226-20-00")
    assert (row["co2e"], row["version"]) == (3.456789012345, "2026.0.0")
    assert row["not_counted"] == "superseded by (EU) 2026/99; the corrected figure is not at hand"
    assert any("Liberia CN 2804 10 00" in note for note in result.notes)


def test_annex_four_is_found_and_never_counted(tmp_path: Path) -> None:
    rows = whole(tmp_path).factors.filter(region="GROUP-UNKNOWN-ORIGIN")
    assert set(rows["not_counted"]) == {eu_cbam.HIGHEST}
    assert dict(rows.select("activity", "co2e").rows()) == {
        "white-clinker": 1.41,
        "grey-clinker": 1.44,
        "cn-7226-20-00": 5.588,
        "cn-7616-99-90": 4.5,
    }
    assert "not at hand" in one(rows, activity="cn-7226-20-00")["note"]
    assert set(rows["cite_source_file"]) == {"annex_IV_unknown.csv"}


def test_another_year_and_version(tmp_path: Path) -> None:
    result = eu_cbam.read(default_values(tmp_path, first_year=2028, act="2027/3000", version="3"))
    assert (result.editions, set(result.factors["version"])) == (("2028",), {"2028.0.2"})
    assert set(result.others["values"].filter(measure="marked-up-2030")["year"]) == {2030}
    assert "(EU) 2027/3000" in result.factors["cite_document"][0]


def test_benchmarks_are_values(tmp_path: Path) -> None:
    result = eu_cbam.read(benchmarks(tmp_path))
    assert (result.factors.height, result.editions, result.rows_read) == (0, ("2026",), 6)
    assert result.rows_read == sum(result.skipped.values())
    rows = result.others["values"].sort("cite_row", "measure")
    assert rows.select("measure", "value", "activity_path").rows() == [
        ("benchmark-column-a", 0.666, "Cement > 2523 10 00 > Cement clinkers > (A)"),
        ("benchmark-column-b", 0.667, "Cement > 2523 10 00 > Cement clinkers > (A)"),
        ("benchmark-column-a", 0.859, "Cement > 2523 10 00 > Cement clinkers > (B)"),
        ("benchmark-column-b", 0.86, "Cement > 2523 10 00 > Cement clinkers > (B)"),
        ("benchmark-column-a", 0.0, "Iron & Steel > 7205 21 00 > Powders, of alloy steel"),
        ("benchmark-column-b", 1.46, "Iron & Steel > 7205 21 00 > Powders, of alloy steel > (F)(1)"),
        ("benchmark-column-b", 0.659, "Iron & Steel > 7205 21 00 > Powders, of alloy steel > (G)(1)"),
    ]


# --- what is refused -----------------------------------------------------------------------------------


def refusal(path: Path) -> GreenlangError:
    with pytest.raises(GreenlangError) as refused:
        eu_cbam.read(path)
    assert refused.value.found is not None
    assert refused.value.expected is not None
    assert refused.value.where
    return refused.value


def cell(address: str, value: object, sheet: str = "Albania") -> Callable[[Workbook], None]:
    def edit(book: Workbook) -> None:
        book[sheet][address] = value

    return edit


def error_in(address: str) -> Callable[[Workbook], None]:
    def edit(book: Workbook) -> None:
        book["Albania"][address] = "#DIV/0!"
        book["Albania"][address].data_type = "e"

    return edit


def renamed(old: str, new: str) -> Callable[[Workbook], None]:
    def edit(book: Workbook) -> None:
        book[old].title = new

    return edit


def doubled(book: Workbook) -> None:
    sheet = book["Albania"]
    for column in range(1, 10):
        sheet.cell(7, column).value = sheet.cell(5, column).value


BAD: dict[str, tuple[Callable[[Workbook], None], str, dict[str, object]]] = {
    "decimal comma": (cell("E5", "0,88"), "CELL_NOT_A_NUMBER", {"row": 5, "column": "E"}),
    "decimal comma in a part": (cell("D5", "0,07"), "CELL_NOT_A_NUMBER", {"row": 5, "column": "D"}),
    "a note as a figure": (cell("E5", "tbc"), "CELL_NOT_A_NUMBER", {"row": 5, "column": "E"}),
    "a spreadsheet error": (error_in("E5"), "CELL_IS_AN_ERROR", {"row": 5, "column": "E"}),
    "an error beside a total": (error_in("F5"), "CELL_IS_AN_ERROR", {"row": 5, "column": "F"}),
    "a row twice": (doubled, "DUPLICATE_KEY", {"row": 7}),
    "an unknown route": (cell("I5", "EAF"), "ROUTE_UNKNOWN", {"row": 5, "column": "I"}),
    "a code of five digits": (cell("A5", "25231"), "LAYOUT_UNKNOWN", {"row": 5, "column": "A"}),
    "no description": (cell("B5", None), "LAYOUT_UNKNOWN", {"row": 5, "column": "B"}),
    "a new group of goods": (cell("A3", "Electricity"), "LAYOUT_UNKNOWN", {"row": 3, "column": "A"}),
    "a mark-up in words": (cell("F3", "a tenth"), "LAYOUT_UNKNOWN", {"row": 3}),
    "a good before any group": (cell("A3", None), "LAYOUT_UNKNOWN", {"row": 3}),
    "another unit": (
        cell("E2", "Default Value (total emissions, per MWh)"), "LAYOUT_UNKNOWN", {"row": 2, "column": "E"}
    ),
    "a column more": (cell("J2", "2029"), "LAYOUT_UNKNOWN", {"row": 2, "column": "J"}),
    "other years in one sheet": (
        cell("F2", "2025\nDefault Value\n(including mark-up)"), "LAYOUT_UNKNOWN", {"row": 2}
    ),
    "columns shifted": (lambda book: book["Albania"].insert_cols(1), "LAYOUT_UNKNOWN", {"row": 2}),
    "header shifted": (lambda book: book["Albania"].insert_rows(1), "LAYOUT_UNKNOWN", {"row": 2}),
    "a sheet renamed": (renamed("Albania", "Sheet1"), "LAYOUT_UNKNOWN", {"row": 1}),
    "an unknown country": (
        lambda book: (cell("A1", "Albanien")(book), renamed("Albania", "Albanien")(book))[0],
        "REGION_UNKNOWN", {"row": 1, "column": "A"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    error = refusal(default_values(tmp_path, edit=edit))
    assert error.code == code, error
    assert {"file": "DVs.xlsx", **place}.items() <= error.where.items(), error
    if code != "DUPLICATE_KEY":
        assert "sheet" in error.where


def test_a_workbook_without_its_other_countries_is_refused(tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        del book["_Other Countries and Territorie"]

    assert refusal(default_values(tmp_path, edit=edit)).code == "SHEET_MISSING"


@pytest.mark.parametrize("title", ["Version History", "Overview"])
def test_renamed_front_sheets_are_refused(title: str, tmp_path: Path) -> None:
    error = refusal(default_values(tmp_path, edit=renamed(title, "Notes")))
    assert error.code in ("SHEET_MISSING", "LAYOUT_UNKNOWN")


def test_a_version_history_without_its_act_is_refused(tmp_path: Path) -> None:
    error = refusal(default_values(tmp_path, edit=cell("C3", "new values", "Version History")))
    assert (error.code, error.where["sheet"]) == ("LAYOUT_UNKNOWN", "Version History")


def test_a_truncated_workbook_and_one_that_unpacks_without_end_are_refused(tmp_path: Path) -> None:
    path = default_values(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert refusal(path).code == "WORKBOOK_UNREADABLE"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 50_000_000)
    path.write_bytes(packed.getvalue())
    assert refusal(path).code == "WORKBOOK_TOO_LARGE"


BENCHMARKS_BAD: dict[str, tuple[Callable[[Workbook], None], str, dict[str, object]]] = {
    "decimal comma": (cell("E3", "0,6", "Benchmarks"), "CELL_NOT_A_NUMBER", {"row": 3, "column": "E"}),
    "no column A for a code": (
        cell("C6", None, "Benchmarks"),
        "CELL_NOT_A_NUMBER",
        {"row": 6, "column": "C"},
    ),
    "another unit": (cell("C1", "Column A BMg [kg/t]", "Benchmarks"), "LAYOUT_UNKNOWN", {"row": 1}),
    "a column more": (cell("G1", "Column C", "Benchmarks"), "LAYOUT_UNKNOWN", {"row": 1}),
    "a short code": (cell("A3", 2523, "Benchmarks"), "LAYOUT_UNKNOWN", {"row": 3, "column": "A"}),
    "an unknown route": (cell("F4", "B", "Benchmarks"), "ROUTE_UNKNOWN", {"row": 4, "column": "F"}),
    "a route twice": (cell("F4", "(A)", "Benchmarks"), "DUPLICATE_KEY", {"row": 4}),
}


@pytest.mark.parametrize("case", BENCHMARKS_BAD)
def test_benchmarks_that_are_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BENCHMARKS_BAD[case]
    error = refusal(benchmarks(tmp_path, edit=edit))
    assert error.code == code, error
    assert {"file": "benchmarks.xlsx", **place}.items() <= error.where.items(), error


def corrections(**change: Any) -> dict[str, Any]:
    """The corrections with one record more, or with another act."""
    made = copy.deepcopy(CORRECTIONS)
    if "act" in change:
        made["act"] = change["act"]
    else:
        made["value_corrections"].append(change)
    return made


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"act": "(EU) 2026/99"}, "LAYOUT_UNKNOWN"),
        (
            {"act": "Commission Implementing Regulation (EU) 2026/99, correcting (EU) 2020/1"},
            "CORRECTION_MISMATCH",
        ),
        ({"where": "Albania CN 2523 10 00", "new": "higher"}, "LAYOUT_UNKNOWN"),
        ({"where": "Albania CN 2523 1", "new_total": 1.0}, "LAYOUT_UNKNOWN"),
        ({"where": "Albania CN 2523 10 00", "new_total": "1,0"}, "LAYOUT_UNKNOWN"),
        ({"where": "Albania CN 2523 10 00", "new_total": 1.0, "unit": "kg"}, "LAYOUT_UNKNOWN"),
        ({"where": "Albania CN 2523 10 00", "old_total": 0.87, "new_total": 1.0}, "CORRECTION_MISMATCH"),
        ({"where": "Liberia CN 2523 10 00", "new_total": 1.0}, "CORRECTION_MISMATCH"),
        ({"where": "Albania CN 9999 99 99", "new_total": 1.0}, "CORRECTION_MISMATCH"),
    ],
)
def test_corrections_that_are_not_understood_are_refused(
    change: dict[str, Any], code: str, tmp_path: Path
) -> None:
    error = refusal(default_values(tmp_path, corrections=corrections(**change)))
    assert (error.code, error.where["file"]) == (code, "corrections_2026-99.json")


def test_corrections_that_were_cut_off_are_refused(tmp_path: Path) -> None:
    path = default_values(tmp_path, corrections=CORRECTIONS)
    beside = tmp_path / "corrections_2026-99.json"
    beside.write_bytes(beside.read_bytes()[:200])
    assert refusal(path).code == "LAYOUT_UNKNOWN"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("1.41,", "1;41,", "CELL_NOT_A_NUMBER"),
        ("1.41,", '"1,41",', "CELL_NOT_A_NUMBER"),
        ("highest_default", "highest", "LAYOUT_UNKNOWN"),
        ("25231000,1.41", "2523100,1.41", "LAYOUT_UNKNOWN"),
        ("(B)", "B", "ROUTE_UNKNOWN"),
        ("1.833,(B)", "1.833,(A)", "DUPLICATE_KEY"),
        ("5.4,5.85,", "5.4", "LAYOUT_UNKNOWN"),
    ],
)
def test_an_annex_that_is_not_understood_is_refused(old: str, new: str, code: str, tmp_path: Path) -> None:
    assert old in ANNEX
    error = refusal(default_values(tmp_path, annex=ANNEX.replace(old, new)))
    assert (error.code, error.where["file"]) == (code, "annex_IV_unknown.csv")
    assert "row" in error.where
