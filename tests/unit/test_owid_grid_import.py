"""Our World in Data's grid intensity: life-cycle by name, countries by ISO code, groups never counted."""

from pathlib import Path

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import owid_grid

HEADER = "Entity,Code,Year,Carbon intensity of electricity per kWh\n"
TEXT = HEADER + (
    "ASEAN (Ember),,2024,571.25\n"
    "Kosovo,OWID_KOS,2024,950.1\n"
    "Norway,NOR,2023,30.46\n"
    "Norway,NOR,2024,29.123457\n"
    '"Saint Helena",SHN,2024,0\n'
    "South America,OWID_SAM,2024,190\n"
    "World,OWID_WRL,2024,473.2\n"
)


def file(folder: Path, text: str = TEXT) -> Path:
    path = folder / "carbon.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_countries_are_life_cycle_factors(tmp_path: Path) -> None:
    result = owid_grid.read(file(tmp_path))
    row = result.factors.filter(region="NO", year=2024).row(0, named=True)
    assert (row["co2e"], row["co2e_unit"], row["activity_unit"]) == (29.123457, "g/kWh", "kWh")
    assert (row["activity"], row["scope"], row["gwp_set"]) == (
        "grid-electricity-life-cycle", None, "unstated",
    )  # fmt: skip
    assert (row["edition"], row["version"], row["cite_row"]) == ("2025", "2025.0.0", 5)
    assert row["not_counted"] is None
    assert row["factor_id"] == (
        "owid-grid/carbon-intensity-electricity/2025/carbon-intensity-of-electricity-per-kwh-norway/no/2024/kwh"
    )
    assert result.factors.filter(region="XK")["co2e"].to_list() == [950.1]
    assert result.factors.filter(region="SH")["co2e"].to_list() == [0.0]
    assert contracts.failures(result.factors) == []


def test_groups_are_found_and_not_counted(tmp_path: Path) -> None:
    rows = owid_grid.read(file(tmp_path)).factors.drop_nulls("not_counted")
    assert dict(rows.select("region", "co2e").rows()) == {
        "GROUP-ASEAN-EMBER": 571.25,
        "GROUP-SOUTH-AMERICA": 190.0,
        "WORLD": 473.2,
    }
    assert set(rows["not_counted"]) == {"aggregate over countries"}


def test_every_line_is_a_factor_and_the_last_year_is_told(tmp_path: Path) -> None:
    result = owid_grid.read(file(tmp_path))
    assert (result.rows_read, result.factors.height, result.skipped) == (7, 7, {})
    assert result.notes == ("2024 is there for 3 of 3 countries",)


def test_a_year_not_seen_before_is_the_next_edition(tmp_path: Path) -> None:
    result = owid_grid.read(file(tmp_path, TEXT + "Norway,NOR,2031,12.5\n"))
    assert result.editions == ("2032",)
    assert result.notes == ("2031 is there for 1 of 3 countries",)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        pytest.param(
            TEXT.replace("30.46", '"30,46"'), "CELL_NOT_A_NUMBER", {"row": 4}, id="a decimal comma"
        ),
        pytest.param(TEXT.replace("30.46", "n/a"), "CELL_NOT_A_NUMBER", {"row": 4}, id="text"),
        pytest.param(TEXT.replace("30.46", ""), "CELL_NOT_A_NUMBER", {"row": 4}, id="no figure"),
        pytest.param(
            TEXT.replace("NOR,2023", "NRW,2023"), "REGION_UNKNOWN", {"row": 4, "column": "Code"}, id="a code"
        ),
        pytest.param(
            TEXT.replace("ASEAN (Ember)", ""), "REGION_UNKNOWN", {"row": 2, "column": "Entity"}, id="no name"
        ),
        pytest.param(
            TEXT.replace("NOR,2023", "NOR,23"), "YEAR_UNKNOWN", {"row": 4, "column": "Year"}, id="a year"
        ),
        pytest.param(TEXT.replace("NOR,2023", "NOR,2024"), "DUPLICATE_KEY", {"row": 5}, id="a year twice"),
        pytest.param(
            TEXT.replace("electricity per kWh", "electricity (kgCO2e/kWh)"),
            "LAYOUT_UNKNOWN", {"row": 1}, id="another unit",
        ),
        pytest.param("x" + TEXT, "LAYOUT_UNKNOWN", {"row": 1}, id="a column renamed"),
        pytest.param(TEXT.replace("Entity,Code", "Code,Entity"), "LAYOUT_UNKNOWN", {"row": 1}, id="shifted"),
        pytest.param(TEXT[: TEXT.index(",2024,571")], "LAYOUT_UNKNOWN", {"row": 2}, id="truncated"),
        pytest.param(HEADER, "LAYOUT_UNKNOWN", {"row": 2}, id="no line"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, code: str, place: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(GreenlangError) as refused:
        owid_grid.read(file(tmp_path, text))
    assert refused.value.code == code, refused.value
    assert {"file": "carbon.csv", **place}.items() <= refused.value.where.items()
    assert refused.value.found is not None
    assert refused.value.expected is not None


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "carbon.csv"
    path.write_bytes((HEADER + "Curaçao,CUW,2024,1\n").encode("cp1252"))
    with pytest.raises(GreenlangError) as refused:
        owid_grid.read(path)
    assert (refused.value.code, refused.value.where["row"]) == ("ENCODING_UNKNOWN", 2)
