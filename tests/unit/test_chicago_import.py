"""The Chicago importer: what it reads, what it refuses, and that the shipped tables are its output."""

import csv
import io
import os
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex, table_sha256
from greenlang_assets.core.tenants.chicago import ENERGY, UNSTATED_AREA, import_chicago
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD, REPORTED, check
from greenlang_assets.core.tenants.dataset import dataset_folders, load_dataset, load_method, write_chicago

#: Columns of a method table without the optional ones.
REQUIRED = [name for name in METHOD.columns if name not in METHOD.optional]

HEADER = [
    *("Data Year", "ID", "Property Name", "Community Area", "Primary Property Type"),
    *("Gross Floor Area - Buildings (sq ft)", *ENERGY, "Site EUI (kBtu/sq ft)"),
    "Total GHG Emissions (Metric Tons CO2e)",
]
ROW = {
    "Data Year": "2016",
    "ID": "7",
    "Property Name": "A school",
    "Community Area": "NEAR NORTH SIDE",
    "Primary Property Type": "K-12 School",
    "Gross Floor Area - Buildings (sq ft)": "20,000",
    "Electricity Use (kBtu)": "1,234,567.8",
    "Natural Gas Use (kBtu)": "987",
    "Site EUI (kBtu/sq ft)": "61.8",
    "Total GHG Emissions (Metric Tons CO2e)": "227.5",
}


def write(tmp_path: Path, *rows: dict[str, str], bom: bool = True, header: list[str] = HEADER) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / "benchmarking.csv"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode())
    return path


@pytest.mark.parametrize("bom", [True, False])
def test_one_row_becomes_one_activity_per_figure(tmp_path, bom):
    path = write(tmp_path, ROW, bom=bom)
    activity, reported = import_chicago(path)
    assert activity.select("activity_id", "scope", "activity", "region", "quantity", "unit").rows() == [
        ("chicago-7-2016-grid-electricity", "2", "grid-electricity", "US-EGRID-RFCW", 1234567.8, "kBtu"),
        ("chicago-7-2016-natural-gas", "1", "natural-gas", "US", 987.0, "kBtu[gross]"),
    ]
    assert set(activity["source_row"]) == {2}
    assert set(activity["source_sha256"]) == {sha256_hex(path.read_bytes())}
    row = reported.row(0, named=True)
    assert row["tenant"] == "chicago-near-north-side"
    assert (row["reported_tco2e"], row["site_eui_kbtu_per_sqft"], row["period"]) == (227.5, 61.8, "2016")
    assert check(activity, ACTIVITY) is activity
    assert check(reported, REPORTED) is reported


def test_rows_are_counted_in_lines_of_the_file(tmp_path):
    spread = ROW | {"Property Name": "A school\non two lines"}
    _, reported = import_chicago(write(tmp_path, spread, ROW | {"ID": "8"}))
    assert reported.select("facility_id", "facility_name", "source_row").rows() == [
        ("chicago-7", "A school on two lines", 2),
        ("chicago-8", "A school", 4),
    ]


def test_blank_lines_are_counted_and_passed_over(tmp_path):
    path = write(tmp_path, ROW)
    path.write_text(path.read_text().replace("\n2016", "\n\n2016") + "\n")
    _, reported = import_chicago(path)
    assert reported["source_row"].to_list() == [3]


def test_blank_cells_mean_none(tmp_path):
    blank = dict.fromkeys((*ENERGY, "Total GHG Emissions (Metric Tons CO2e)", "Site EUI (kBtu/sq ft)"), "")
    activity, reported = import_chicago(write(tmp_path, ROW | blank | {"Community Area": " "}))
    assert activity.is_empty()
    assert activity.schema == pl.Schema(ACTIVITY.schema)
    assert reported.select("tenant", "reported_tco2e").row(0) == (UNSTATED_AREA, None)


def test_other_energy_and_negative_figures_are_kept(tmp_path):
    steam = {"District Steam Use (kBtu)": "-1,600", "All Other Fuel Use (kBtu)": "12"}
    activity, _ = import_chicago(write(tmp_path, ROW | steam))
    kept = dict(activity.select("activity", "quantity").rows())
    assert kept["district-steam"] == -1600.0
    assert kept["other-fuel"] == 12.0


def test_spelling_of_the_community_area_does_not_make_a_second_tenant(tmp_path):
    _, reported = import_chicago(write(tmp_path, ROW, ROW | {"ID": "8", "Community Area": "Near North Side"}))
    assert reported["tenant"].unique().to_list() == ["chicago-near-north-side"]


REFUSED = {
    "thousands in the wrong place": (
        {"Natural Gas Use (kBtu)": "12,34"},
        "TENANT_ROW",
        "Natural Gas Use (kBtu)",
    ),
    "text for a number": ({"Electricity Use (kBtu)": "n/a"}, "TENANT_ROW", "Electricity Use (kBtu)"),
    "not a number": ({"Electricity Use (kBtu)": "NaN"}, "TENANT_ROW", "Electricity Use (kBtu)"),
    "exponent": ({"Electricity Use (kBtu)": "1e9"}, "TENANT_ROW", "Electricity Use (kBtu)"),
    "year": ({"Data Year": "16"}, "TENANT_ROW", "Data Year"),
    "id": ({"ID": ""}, "TENANT_ROW", "ID"),
    "no name": ({"Property Name": " "}, "TENANT_ROW", "Property Name"),
    "no floor area": (
        {"Gross Floor Area - Buildings (sq ft)": ""},
        "TENANT_ROW",
        "Gross Floor Area - Buildings (sq ft)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unreadable_cells_are_named(tmp_path, case):
    change, code, column = REFUSED[case]
    with pytest.raises(GreenlangError) as caught:
        import_chicago(write(tmp_path, ROW, ROW | {"ID": "8"} | change))
    assert caught.value.code == code
    assert caught.value.where == {"file": "benchmarking.csv", "row": 3, "column": column}
    assert caught.value.found


def test_a_building_year_occurs_once(tmp_path):
    with pytest.raises(GreenlangError) as caught:
        import_chicago(write(tmp_path, ROW, ROW | {"Data Year": "2017"}, ROW))
    assert caught.value.code == "TENANT_ROW_DUPLICATED"
    assert caught.value.where["row"] == 4
    assert "row 2" in caught.value.expected


def test_files_that_are_something_else_are_refused(tmp_path):
    with pytest.raises(GreenlangError, match="TENANT_COLUMNS"):
        import_chicago(write(tmp_path, ROW, header=HEADER[:-1]))
    latin = tmp_path / "latin.csv"
    latin.write_bytes("Data Year,ID\n2016,caf\xe9\n".encode("latin-1"))
    with pytest.raises(GreenlangError, match="TENANT_FILE_UNREADABLE"):
        import_chicago(latin)
    ragged = write(tmp_path, ROW)
    ragged.write_text(ragged.read_text() + "2016,9\n")
    with pytest.raises(GreenlangError, match="TENANT_ROW") as caught:
        import_chicago(ragged)
    assert caught.value.where["row"] == 3
    open_quote = write(tmp_path, ROW)
    open_quote.write_text(open_quote.read_text() + '2016,"9\n')
    with pytest.raises(GreenlangError, match="TENANT_FILE_UNREADABLE"):
        import_chicago(open_quote)


def test_a_refused_file_leaves_nothing_written(tmp_path):
    with pytest.raises(GreenlangError):
        write_chicago(write(tmp_path, ROW | {"ID": "x"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_written_set_is_read_back_and_an_altered_table_is_found(tmp_path):
    folder = tmp_path / "chicago"
    manifest = write_chicago(write(tmp_path, ROW), folder)
    method = (
        ",".join(REQUIRED)
        + "\n2016,natural-gas,natural-gas,us-epa,stationary-combustion,2024,mmBtu,AR4,why\n"
    )
    (folder / "method.csv").write_text(method)
    loaded = load_dataset("chicago", tmp_path)
    assert loaded.manifest == manifest
    assert loaded.method_sha256 == sha256_hex(method.encode())
    assert dataset_folders(tmp_path) == (folder,)
    assert manifest["tables"]["activity"]["rows"] == 2
    loaded.activity.with_columns(pl.col("quantity") + 1).write_parquet(folder / "activity.parquet")
    with pytest.raises(GreenlangError, match="TENANT_DATASET_ALTERED"):
        load_dataset("chicago", tmp_path)
    with pytest.raises(GreenlangError, match="TENANT_DATASET_NOT_FOUND") as caught:
        load_dataset("boston", tmp_path)
    assert caught.value.expected == "chicago"


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("data_year,activity\n", None),
        (",".join(REQUIRED) + "\ntwo,natural-gas,g,p,d,e,u,AR4,r\n", "data_year"),
        (",".join(REQUIRED) + "\n2016,natural-gas\n", "factor_activity"),
        (",".join(REQUIRED) + "\n" + "2016,natural-gas,g,p,d,e,u,AR4,r\n" * 2, None),
    ],
)
def test_a_broken_method_table_is_refused(tmp_path, text, column):
    (tmp_path / "method.csv").write_text(text)
    with pytest.raises(GreenlangError, match="METHOD_TABLE") as caught:
        load_method(tmp_path / "method.csv")
    assert caught.value.where.get("column") == column


def test_optional_columns_of_the_method_may_be_left_out_or_empty(tmp_path):
    cells = {"fallback": "region", "quantity_uncertainty": "5%", "factor_uncertainty": "", "reliability": ""}
    header = [name for name in METHOD.columns if name in REQUIRED or name in cells]
    row = (
        dict(zip(REQUIRED, ["2016", "natural-gas", "g", "p", "d", "e", "u", "AR4", "why"], strict=True))
        | cells
    )
    (tmp_path / "method.csv").write_text(f"{','.join(header)}\n{','.join(row[name] for name in header)}\n")
    (read,) = load_method(tmp_path / "method.csv").iter_rows(named=True)
    stated = {name: read[name] for name in METHOD.optional}
    assert stated == {
        "fallback": "region", "quantity_uncertainty": "5%", "factor_uncertainty": None, "reliability": None,
    }  # fmt: skip
    (tmp_path / "short.csv").write_text(",".join(REQUIRED) + "\n2016,natural-gas,g,p,d,e,u,AR4,why\n")
    (read,) = load_method(tmp_path / "short.csv").iter_rows(named=True)
    assert [read[name] for name in METHOD.optional] == [None] * 4
    wrong = pl.DataFrame([read | {"fallback": "often"}], schema=METHOD.schema)
    with pytest.raises(GreenlangError, match="CONTRACT_VALUES"):
        check(wrong, METHOD)


def test_shipped_tables_keep_their_contracts_and_counts():
    shipped = load_dataset("chicago")
    check(shipped.activity, ACTIVITY)
    check(shipped.reported, REPORTED)
    check(shipped.method, METHOD)
    assert shipped.activity.height == 14305
    assert shipped.manifest["facts"]["building_years"] == {
        "2014": 243,
        "2015": 1521,
        "2016": 2717,
        "2017": 2797,
    }
    assert shipped.manifest["facts"]["tenants"] == 77
    assert shipped.manifest["facts"]["duplicate_building_years"] == 0
    assert "City of Chicago" in shipped.manifest["attribution"]


@pytest.mark.publisher_files
def test_shipped_tables_are_what_the_importer_makes_of_the_city_file():
    folder = os.environ.get("GREENLANG_PUBLISHER_FILES")
    if not folder:
        pytest.skip("GREENLANG_PUBLISHER_FILES names no folder with the publishers' files")
    path = Path(folder) / "activity-chicago-benchmarking" / "Chicago_Energy_Benchmarking.csv"
    shipped = load_dataset("chicago")
    for frame, table, contract in zip(
        import_chicago(path), ("activity", "reported"), (ACTIVITY, REPORTED), strict=True
    ):
        assert table_sha256(frame, key=contract.key) == shipped.manifest["tables"][table]["content_sha256"]
