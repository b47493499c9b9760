"""The GWP compilation and the transcribed values: read, spelt as usual, refused when altered."""

from pathlib import Path

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers import ipcc_gwp

HEAD = (
    "Species,SARGWP100,TARGWP100,AR4GWP100,AR5GWP100,AR5CCFGWP100,AR6GWP100,"
    "TARGWP20,AR6GWP20,TARGWP500,AR6GWP500,AR6GTP100"
)
BODY = "CH4,1,2,25,28,34,27.9,3,4,5,6,7\nHFC134a,1,2,1430,1300,9,1530,3,4,5,6,7\nHFC4310mee,,,,1650,,,,,,,\n"
TEXT = f"# A compilation,,,,,,,,,,,\n{HEAD}\n{BODY}"


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "gwp.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_sets_gases_and_rows(tmp_path: Path) -> None:
    result = ipcc_gwp.read(write(tmp_path, TEXT))
    table = result.others["gwp"]
    found = {
        (row["gwp_set"], row["gas"]): (row["value"], row["cite_row"]) for row in table.iter_rows(named=True)
    }
    assert found["AR4", "CH4"] == (25, 3)
    assert found["AR6", "HFC-134a"] == (1530, 4)
    assert found["AR5", "HFC-43-10mee"] == (1650, 5)
    assert ("AR4", "HFC-43-10mee") not in found
    assert result.skipped == {"no value in that report (cells)": 2}
    assert result.source.licence == "CC0-1.0"


def test_transcribed_values_name_the_two_texts_they_were_read_in(tmp_path: Path) -> None:
    table = ipcc_gwp.read(write(tmp_path, TEXT)).others["gwp"]
    rows = {(row["gwp_set"], row["gas"]): row for row in table.iter_rows(named=True) if row["note"]}
    assert rows["AR6", "CH4_fossil"]["value"] == 29.8
    assert rows["AR6", "CH4_non_fossil"]["value"] == 27.0
    for row in rows.values():
        assert row["cite_source_file"] == "gwp-transcribed.csv"
        first, second = row["note"].removeprefix("transcribed; read in ").split(" and ", 1)
        assert first != second


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        pytest.param(TEXT.replace("27.9", "27,9", 1), "LAYOUT_UNKNOWN", {"row": 3}, id="decimal comma"),
        pytest.param(TEXT.replace("27.9", "about 28"), "CELL_NOT_A_NUMBER", {"row": 3}, id="text"),
        pytest.param(
            TEXT.replace("27.9", "-27.9"), "CELL_NOT_A_NUMBER", {"column": "AR6GWP100"}, id="negative"
        ),
        pytest.param(
            TEXT.replace("AR5GWP100", "AR5GWP20"), "LAYOUT_UNKNOWN", {"row": 2}, id="column renamed"
        ),
        pytest.param(TEXT + BODY, "DUPLICATE_KEY", {}, id="gas twice"),
        pytest.param(TEXT.encode("utf-16"), "ENCODING_UNKNOWN", {}, id="UTF-16"),
        pytest.param(b"\xff\xfe\x00", "ENCODING_UNKNOWN", {}, id="bytes"),
        pytest.param("", "LAYOUT_UNKNOWN", {}, id="empty"),
    ],
)
def test_what_is_refused(text: str | bytes, code: str, place: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(GreenlangError) as refused:
        ipcc_gwp.read(write(tmp_path, text))
    assert refused.value.code == code
    assert {"file": "gwp.csv", **place}.items() <= refused.value.where.items()
