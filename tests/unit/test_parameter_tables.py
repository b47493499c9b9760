"""Reading default parameters from a package of our own making, and comparing them with pages of our own."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.parameters import bonsai_ipcc, tables
from greenlang_assets.core.parameters.contract import require_sound
from greenlang_assets.core.parameters.definitions import DEFINITIONS, PARAMETERS_ROOT, read_definitions
from greenlang_assets.core.parameters.model import Parameter
from greenlang_assets.core.parameters.printed import PrintedTables
from greenlang_assets.core.parameters.rebuild import rebuild
from greenlang_assets.core.parameters.tables import Parameters

DEFINED = """
publisher: IPCC
licence: free
documents:
  book: {document: A book, edition: "2019", url: "https://example.org/book.pdf", pages: book}
tables:
  - id: test.ef
    source: herd/par_ef
    printed: book
    table: "1.1"
    symbol: EF
    meaning: gas of an animal
    unit: "kg[CH4]/(head*year)"
    keys: {animal: kind, climate: [zone, rain]}
    without: {kind: [dragon]}
    differ: [{kind: yak, rain: wet}]
    names: {kind: {cow: cattle}}
    merge: [climate]
    line: [climate]
"""
CSV = """kind,zone,rain,property,value,unit
cow,cold,wet,def,10.5,kg/piece/year
cow,cold,wet,min,8,kg/piece/year
cow,cold,wet,max,12,kg/piece/year
cow,cold,dry,def,10.5,kg/piece/year
cow,cold,dry,min,8,kg/piece/year
cow,cold,dry,max,12,kg/piece/year
cow,warm,wet,def,20.0,kg/piece/year
cow,warm,wet,min,1,kg/piece/year
cow,warm,wet,max,2,kg/piece/year
goat,cold,wet,def,78.4,kg/piece/year
goat,warm,wet,def,5,kg/piece/year
goat,warm,dry,def,0,kg/piece/year
dragon,warm,dry,def,7,kg/piece/year
yak,warm,wet,def,5,kg/piece/year
sheep,warm,dry,def,,kg/piece/year
"""
PAGE = """
   see Table 9.9 for 78.4
                     TABLE 1.1 (UPDATED)
   Animal        cold wet   cold dry   warm wet
   Cattle          10.5       10.5       20
   Goats           78.8       n.a.        5
   Sheep           78.4
                     TABLE 1.2
   Goats          123.4
"""


def wheel(folder: Path, csv: str = CSV, title: str = "gas (year: 2019, volume: 4, table: 1.1)") -> Path:
    described = {
        "resources": [{"path": "herd/par_ef.csv", "sources": [{"title": title, "path": "https://x.org"}]}]
    }
    path = folder / "bonsai_ipcc-9.9.9-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bonsai_ipcc/data/ipcc.datapackage.yaml", json.dumps(described))
        archive.writestr("bonsai_ipcc/data/herd/par_ef.csv", csv)
        archive.writestr(
            "bonsai_ipcc-9.9.9.dist-info/METADATA",
            "Metadata-Version: 2.4\nName: bonsai_ipcc\nVersion: 9.9.9\nLicense: MIT\n",
        )
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / DEFINITIONS).write_text(DEFINED, encoding="utf-8")
    (tmp_path / "book.txt").write_text(PAGE, encoding="utf-8")
    return tmp_path


def defined(root: Path, *changes: tuple[str, str]) -> None:
    text = DEFINED
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (root / DEFINITIONS).write_text(text, encoding="utf-8")


def by_id(root: Path) -> dict[str, Parameter]:
    return {row.id: row for row in Parameters.shipped(root).of("test.ef")}


def test_figures_are_read_compared_merged_and_cited(root: Path) -> None:
    manifest = rebuild(wheel(root), root, root)
    assert manifest.counts["test.ef"] == {
        "figures found on the page": 4,
        "figures not found on the page": 1,
        "figures seen to differ in print": 1,
        "ranges that do not hold their value": 1,
        "repetitions of a figure": 1,
        "rows": 3,
        "without a figure": 1,
        "zeros for empty cells": 1,
    }
    rows = by_id(root)
    assert set(rows) == {
        "test.ef/cattle/cold-dry-or-cold-wet",
        "test.ef/cattle/warm-wet",
        "test.ef/goat/warm-wet",
    }
    cold = rows["test.ef/cattle/cold-dry-or-cold-wet"]
    assert (cold.value, cold.unit, cold.range) == (10.5, "kg[CH4]/head/year", (8, 12))
    assert cold.keys["climate"] == {"cold wet", "cold dry"}
    assert cold.citation["table"] == "Table 1.1: gas of an animal, cattle, cold dry or cold wet"
    assert cold.citation["row"] == 2
    assert cold.citation["read_in"] == "bonsai_ipcc 9.9.9, herd/par_ef.csv"
    assert rows["test.ef/cattle/warm-wet"].range is None
    assert manifest.source["licence"] == "MIT"


def test_a_figure_of_another_line_of_the_table_does_not_count(root: Path) -> None:
    # 78.4 stands in the table, but not on the line where the goats' other figure stands.
    rebuild(wheel(root), root, root)
    assert "test.ef/goat/cold-wet" not in by_id(root)
    defined(root, ("    line: [climate]\n", ""))
    rebuild(wheel(root), root, root)
    assert float(by_id(root)["test.ef/goat/cold-wet"].value) == 78.4


def test_only_the_table_s_own_lines_are_looked_at(root: Path) -> None:
    pages = PrintedTables(root)
    numbers = {float(number) for line in pages.lines("book", "1.1") for number in line}
    assert {10.5, 78.8, 5} <= numbers
    assert 123.4 not in numbers
    assert 9.9 not in numbers
    with pytest.raises(GreenlangError) as refused:
        pages.lines("book", "3.3")
    assert refused.value.code == "PAGES_NOT_FOUND"


@pytest.mark.parametrize(
    ("line", "marks", "found"),
    [
        ("TABLE 1.1\n 0.852", False, [0.852]),
        ("TABLE 1.1\n 0.852", True, [0.852, 0.85]),
        ("TABLE 1.1\n 1,250 and 2 500", False, [1250, 1, 250, 2500, 2, 500]),
        ("TABLE 1.1\n H2SO4 .5", False, [0.5]),
    ],
)
def test_numbers_of_a_page_are_read_as_they_are_printed(
    tmp_path: Path, line: str, marks: bool, found: list[float]
) -> None:
    (tmp_path / "page.txt").write_text(line, encoding="utf-8")
    (_, numbers) = PrintedTables(tmp_path).lines("page", "1.1", marks=marks)
    assert sorted(map(float, numbers)) == sorted(found)


@pytest.mark.parametrize(
    ("csv", "title", "said"),
    [
        (CSV, "gas (year: 2019, volume: 4, table: 1.10)", "the printed one"),
        (CSV, "gas (year: 2006, volume: 4, table: 1.1)", "the printed one"),
        (CSV.replace("kg/piece/year", "g/piece/year"), None, "another unit"),
        (CSV + "cow,cold,wet,def,11,kg/piece/year\n", None, "one thing twice"),
        ("kind,zone,property,value,unit\n", None, "no such column"),
        ("kind,zone,rain,property,value,unit\n", None, "nothing of the table"),
    ],
)
def test_a_source_that_is_not_what_we_say_is_refused(
    root: Path, csv: str, title: str | None, said: str
) -> None:
    path = wheel(root, csv, title) if title else wheel(root, csv)
    if csv.startswith("kind,zone,property"):
        path = wheel(root, csv + "cow,cold,def,10.5,kg/piece/year\n")
    with pytest.raises(GreenlangError) as refused:
        rebuild(path, root, root)
    assert refused.value.code in ("PARAMETER_SOURCE", "UNIT_MISMATCH")
    assert said in refused.value.message
    assert refused.value.where["table"] == "test.ef"
    assert not (root / tables.FILE).exists()


def test_a_unit_that_nobody_reads_is_refused_rather_than_guessed(root: Path) -> None:
    with pytest.raises(GreenlangError) as refused:
        rebuild(wheel(root, CSV.replace("piece", "beast")), root, root)
    assert refused.value.code == "UNIT_UNKNOWN"


def test_another_package_is_refused(root: Path) -> None:
    path = wheel(root)
    with zipfile.ZipFile(path, "a") as archive:
        names = archive.namelist()
    assert "bonsai_ipcc-9.9.9.dist-info/METADATA" in names
    other = root / "other.whl"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("other.dist-info/METADATA", "Name: other\nVersion: 1\n")
    with pytest.raises(GreenlangError) as refused:
        bonsai_ipcc.Wheel(other)
    assert refused.value.code == "PARAMETER_SOURCE"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("merge: [climate]", "merge: [planet]", "no key"),
        ("printed: book", "printed: leaflet", "no document"),
        ("symbol: EF", "symbol: EF\n    colour: red", "Extra inputs"),
    ],
)
def test_definitions_that_do_not_hold_together_are_refused(root: Path, old: str, new: str, said: str) -> None:
    defined(root, (old, new))
    with pytest.raises(GreenlangError) as refused:
        read_definitions(root)
    assert refused.value.code == "PARAMETER_DEFINITIONS"
    assert said in refused.value.message


def test_a_table_that_was_altered_is_refused(root: Path) -> None:
    rebuild(wheel(root), root, root)
    frame = pl.read_parquet(root / tables.FILE).with_columns(value=pl.lit("1"))
    frame.write_parquet(root / tables.FILE)
    with pytest.raises(GreenlangError) as refused:
        Parameters.shipped(root)
    assert refused.value.code == "TABLE_ALTERED"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pl.lit("one").alias("parameter_id"), "the same id"),
        (pl.lit(None, pl.String()).alias("cite_table"), "unsaid"),
        (pl.lit("kg/(head*year)").alias("unit"), "canonical"),
        (pl.lit("99").alias("low"), "does not hold it"),
        (pl.lit("1").alias("extra"), "other columns"),
    ],
)
def test_the_contract_refuses_what_nothing_may_rest_on(change: pl.Expr, said: str) -> None:
    frame = Parameters.shipped().frame.head(50)
    require_sound(frame)
    with pytest.raises(GreenlangError) as refused:
        require_sound(frame.with_columns(change))
    assert refused.value.code == "PARAMETER_CONTRACT"
    assert said in refused.value.message


def test_the_shipped_tables_are_those_that_are_defined_and_used() -> None:
    defined_tables = {table.id for table in read_definitions().tables}
    frame, manifest = tables.read()
    assert set(frame["table_id"]) == defined_tables == set(manifest.counts)
    assert manifest.source["package"] == "bonsai_ipcc 0.5.3"
    used = "".join(path.read_text("utf-8") for path in PARAMETERS_ROOT.parent.glob("formulas/parameters-*"))
    assert [table for table in sorted(defined_tables) if table not in used] == []
    assert {count["rows"] > 0 for count in manifest.counts.values()} == {True}
    compared = sum(count.get("figures found on the page", 0) for count in manifest.counts.values())
    assert compared > 4_000
    assert frame.height > 2_500
