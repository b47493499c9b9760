"""EPA's supply chain factors: one factor of two files, margins beside it, every other layout refused."""

import json
import zipfile
from pathlib import Path

import pytest
from factor_texts import Edit, replaced, supply_chain, supply_name

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts
from greenlang_assets.core.factors.importers import us_epa_supply_chain
from greenlang_assets.core.factors.importers.base import ImportResult

UNIT = "kg/USD[2022]"


def both(folder: Path, edit: Edit | None = None, **edition: object) -> Path:
    supply_chain(folder, "CO2e", **edition)  # type: ignore[arg-type]
    return supply_chain(folder, "byGHG", edit=edit, **edition)  # type: ignore[arg-type]


def soybean(result: ImportResult) -> dict[str, object]:
    return result.factors.filter(activity="naics-111110-soybean-farming").row(0, named=True)


def test_two_files_make_one_factor(tmp_path: Path) -> None:
    result = us_epa_supply_chain.read(both(tmp_path))
    row = soybean(result)
    assert result.factors.height == 2
    assert (row["co2"], row["ch4"], row["n2o"], row["sf6"], row["nf3"]) == (0.2, 0.0004, 0.002, 6e-9, 0.0)
    assert {row[f"{gas}_unit"] for gas in ("co2", "ch4", "n2o", "sf6", "nf3", "other_gases")} == {UNIT}
    assert json.loads(str(row["other_gases"])) == {"CF4": "0.000000011", "HFC-23": "0.000000004"}
    # Not a mass: kg CO2e already.
    assert (row["co2e_of_other"], row["co2e"], row["co2e_unit"], row["gwp_set"]) == (
        0.0008,
        0.75,
        UNIT,
        "AR5",
    )
    assert (row["edition"], row["version"], row["year"], row["activity_unit"]) == (
        "v1.3.0", "1.3.0", 2022, "USD[2022]",
    )  # fmt: skip
    assert (row["cite_source_file"], row["cite_row"]) == (supply_name("byGHG"), 3)
    assert (row["region"], row["scope"]) == ("US", "3")
    assert row["activity_path"] == "2017 NAICS > 111110 Soybean Farming"
    assert not contracts.failures(result.factors)


def test_either_file_gives_the_same_factors(tmp_path: Path) -> None:
    by_gas = us_epa_supply_chain.read(both(tmp_path))
    co2e = us_epa_supply_chain.read(tmp_path / supply_name("CO2e"))
    assert co2e.factors.equals(by_gas.factors)
    assert co2e.others["values"].equals(by_gas.others["values"])


def test_every_figure_is_in_a_factor_or_beside_it(tmp_path: Path) -> None:
    result = us_epa_supply_chain.read(both(tmp_path))
    values = result.others["values"]
    # Eight gases without margins and margins, CO2e with all three figures: its own citation is there.
    assert values.height == 2 * (8 * 2 + 3)
    assert result.rows_read == 2 * (8 + 1)
    assert result.skipped == {}
    ours = soybean(result)["factor_id"]
    mine = {row["measure"]: row for row in values.filter(factor_id=ours).iter_rows(named=True)}
    assert (mine["Methane margins"]["value"], mine["Methane margins"]["cite_row"]) == (0.0002, 5)
    assert mine["co2e"]["value"] == 0.75
    assert mine["co2e"]["cite_source_file"] == supply_name("CO2e")
    assert "Methane with margins" not in mine


def test_a_file_alone_gives_what_it_prints(tmp_path: Path) -> None:
    total = us_epa_supply_chain.read(supply_chain(tmp_path, version="v1.2", year=2021))
    row = soybean(total)
    assert (row["co2e"], row["co2"], row["gwp_set"], row["version"]) == (0.75, None, "AR4", "1.2.0")
    assert total.others["values"].height == 2 * 2
    assert "byGHG" in " ".join(total.notes)
    gases = us_epa_supply_chain.read(supply_chain(tmp_path, "byGHG"))
    assert (soybean(gases)["co2e"], soybean(gases)["co2"], soybean(gases)["gwp_set"]) == (None, 0.2, "AR5")
    assert soybean(gases)["factor_id"] != row["factor_id"]


def test_an_edition_nobody_has_seen_names_no_gwp_set(tmp_path: Path) -> None:
    result = us_epa_supply_chain.read(both(tmp_path, version="v1.5.1", year=2026))
    row = soybean(result)
    assert (row["gwp_set"], row["version"], row["activity_unit"]) == ("unstated", "1.5.1", "USD[2026]")
    assert "GWP set of v1.5.1 not known" in result.notes[0]


def test_the_unit_that_epa_corrected_is_read_as_corrected(tmp_path: Path) -> None:
    wrong = replaced(
        '"HFCs and PFCs, unspecified","kg CO2e/2022 USD', '"HFCs and PFCs, unspecified","kg/2022 USD'
    )
    assert soybean(us_epa_supply_chain.read(both(tmp_path, wrong)))["co2e_of_other"] == 0.0008


BAD: dict[str, tuple[Edit, str, dict[str, object]]] = {
    "text as a factor": (replaced('"2.00e-01"', '"n/a"'), "CELL_NOT_A_NUMBER", {"row": 3}),
    "decimal comma": (replaced('"4.00e-04","1111A0"', '"0,0004","1111A0"'), "CELL_NOT_A_NUMBER", {"row": 5}),
    "no figure": (replaced('"4.00e-04","1111A0"', '"","1111A0"'), "CELL_NOT_A_NUMBER", {"row": 5}),
    "another price year": (replaced("kg/2022 USD", "kg/2021 USD"), "UNIT_UNKNOWN", {"row": 2}),
    "producer price": (replaced("purchaser price", "producer price"), "UNIT_UNKNOWN", {"row": 2}),
    "grams": (replaced('"kg/2022', '"g/2022'), "UNIT_UNKNOWN", {"row": 2, "column": "Unit"}),
    "CO2e of methane": (
        replaced('"Methane","kg/', '"Methane","kg CO2e/'), "UNIT_UNKNOWN", {"row": 5, "column": "Unit"},
    ),
    "unknown gas": (replaced("HFC-23", "Ozone"), "GAS_UNKNOWN", {"row": 2, "column": "GHG"}),
    "totals among gases": (replaced("HFC-23", "All GHGs"), "GAS_UNKNOWN", {"row": 2}),
    "a row twice": (replaced("HFC-23", "Methane"), "DUPLICATE_KEY", {"row": 5, "column": "GHG"}),
    "a code of five digits": (replaced("111110", "11111"), "LAYOUT_UNKNOWN", {"row": 2}),
    "a column renamed": (replaced("2017 NAICS Title", "T"), "LAYOUT_UNKNOWN", {"row": 1, "column": "T"}),
    "columns swapped": (replaced('"GHG","Unit"', '"Unit","GHG"'), "LAYOUT_UNKNOWN", {"row": 1}),
    "a column more": (replaced('"1111A0"', '"1111A0",1'), "LAYOUT_UNKNOWN", {"row": 2}),
    "cut off in a line": (lambda lines: [*lines[:-1], lines[-1][:40]], "LAYOUT_UNKNOWN", {"row": 17}),
    "cut off in a quote": (lambda lines: [*lines[:-1], lines[-1][:12]], "LAYOUT_UNKNOWN", {"row": 17}),
    "cut off between lines": (lambda lines: lines[:-2], "GAS_MISSING", {"row": 15}),
    "a header alone": (lambda lines: lines[:1], "LAYOUT_UNKNOWN", {"row": 2}),
    "nothing": (lambda lines: [], "LAYOUT_UNKNOWN", {"row": 1}),
    "two titles for a code": (replaced("Soybean", "Bean"), "TITLES_DIFFER", {"row": 3}),
    "another commodity than the CO2e file": (
        lambda lines: [line.replace("Soybean", "Bean") for line in lines], "FILES_DIFFER", {},
    ),
}  # fmt: skip


def refusal(path: Path) -> GreenlangError:
    with pytest.raises(GreenlangError) as refused:
        us_epa_supply_chain.read(path)
    assert refused.value.found is not None
    assert refused.value.expected is not None
    return refused.value


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    edit, code, place = BAD[case]
    error = refusal(both(tmp_path, edit))
    assert error.code == code, error
    file = supply_name("CO2e") if code == "FILES_DIFFER" else supply_name("byGHG")
    assert {"file": file, **place}.items() <= error.where.items()


def test_a_name_without_a_version_is_refused(tmp_path: Path) -> None:
    path = supply_chain(tmp_path).rename(tmp_path / "factors.csv")
    assert refusal(path).code == "EDITION_UNKNOWN"


def test_another_encoding_is_refused_at_its_line(tmp_path: Path) -> None:
    path = supply_chain(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Soybean", "Soya\u2013bean".encode("cp1252")))
    error = refusal(path)
    assert (error.code, error.where["row"]) == ("ENCODING_UNKNOWN", 2)


def test_an_archive_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / supply_name()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("factors.csv", b"0" * 1_000_000)
    assert refusal(path).code == "ENCODING_UNKNOWN"


def test_a_file_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = supply_chain(tmp_path)
    monkeypatch.setattr("greenlang_assets.core.factors.importers.delimited.MAX_BYTES", 100)
    assert refusal(path).code == "FILE_TOO_LARGE"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / supply_name()).code == "PUBLISHER_FILE_UNREADABLE"
