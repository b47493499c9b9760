"""``glac`` as people type it: answers, exit codes, errors with code, found, expected and hint."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GAS = "us-epa/stationary-combustion/2024/natural-gas-natural-gas/us/2024/mmbtu/gross"
ENTERIC = "ipcc2019.v4.eq10.19/ipcc2019.v4.table10.11.ef/cattle-dairy/western-europe"


def glac(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from registry_ops.cli import main; main()", *words],
        cwd=cwd or ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def answer(*words: str, code: int = 0) -> Any:
    done = glac(*words, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["factors", "stats"], 0),
        (["factors", "search", "uk", "grid", "electricity", "2024"], 0),
        (["factors", "lookup", GAS], 0),
        (["factors", "lookup", "natural-gas", "--region", "US", "--year", "2024", "--unit", "mmBtu"], 0),
        (["factors", "lookup", "ef://epa/stationary-combustion/2024"], 0),
        (["factors", "lookup", "ef://ipcc/gwp/ar6"], 0),
        (["factors", "lookup", "ef://epa/nothing/2024"], 1),
        (["factors", "lookup", "natural-gas", "--region", "US", "--year", "1875"], 1),
        (["factors", "lookup", "natural-gas", "--region", "US"], 1),
        (["factors", "import", "uk-desnz", "README.md"], 2),
        (["factors", "import", "nobody", "README.md"], 64),
        (["formulas", "list"], 0),
        (["formulas", "list", "--family", "no-such-family"], 1),
        (["formulas", "show", "epa.cccl.stationary.heat-content"], 0),
        (["formulas", "show", ENTERIC], 0),
        (["formulas", "show", "no.such.formula"], 1),
        (["formulas", "rebuild-parameters", "no-such-file.whl", "--pages", "data"], 64),
        (["formulas", "validate", "--expression", "y = a * b"], 0),
        (["formulas", "validate", "--expression", "y = a ** b"], 1),
        (["formulas", "stats"], 0),
        (["calculate", GAS, "activity=1000", "--gwp", "AR5"], 0),
        (["calculate", ENTERIC, "animals=1000"], 0),
        (["calculate", GAS, "activity=1000"], 1),
        (["calculate", GAS, "activity=1000 kWh", "--gwp", "AR5"], 1),
        (["calculate", GAS, "activity", "--gwp", "AR5"], 1),
        (["emissions", "run", "no-such-file.csv", "--method", "data/tenants/chicago/method.csv"], 2),
        (["no-such-command"], 64),
        (["factors", "lookup"], 64),
        (["factors", "stats", "--no-such-option"], 64),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_exit_codes(words: list[str], code: int) -> None:
    done = glac(*words)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_brackets_of_units_are_shown() -> None:
    """The terminal's library reads brackets as markup unless it is told not to."""
    assert "mmBtu[gross]" in glac("formulas", "show", "epa.cccl.stationary.heat-content").stdout


def test_a_bound_formula_leads_to_the_printed_table_and_the_line_it_was_read_in() -> None:
    shown = answer("formulas", "show", ENTERIC)
    (parameter,) = shown["parameters"]
    cited = shown["parameter_citations"][parameter["id"]]
    assert cited["table"].startswith("Table 10.11: ")
    assert (cited["publisher"], cited["edition"]) == ("IPCC", "2019")
    assert cited["row"] > 1
    assert cited["read_in"].startswith("bonsai_ipcc ")
    assert "Table 10.11" in glac("formulas", "show", ENTERIC).stdout.replace("\n", " ")


def test_a_calculation_is_cited_and_hashed_the_same_every_time() -> None:
    once = answer("calculate", GAS, "activity=1000 kWh[gross]", "--gwp", "AR6")
    again = answer("calculate", GAS, "activity=1000 kWh[gross]", "--gwp", "AR6")
    assert once["provenance_hash"] == again["provenance_hash"]
    values = {item["symbol"]: item["value"] for item in once["outputs"]}
    assert values["co2e"] == "181.233514"
    assert all(figure["citation"]["row"] > 0 for figure in once["figures"])


def test_an_error_says_what_was_found_expected_and_what_to_do() -> None:
    error = answer("factors", "lookup", "naturl-gas", "--region", "US", "--year", "2024", code=1)["error"]
    assert error["code"] == "FACTOR_NOT_FOUND"
    assert error["found"] == "naturl-gas"
    assert "natural-gas" in error["expected"]
    assert error["hint"]


ACTIVITY = """\
tenant,period,facility_id,facility_name,activity_id,scope,activity,region,quantity,unit,data_year,\
source_document,source_row,source_file,source_sha256
acme,2024,acme-1,Works One,acme-1-gas,1,natural-gas,US,1000,mmBtu[gross],2024,meters,2,m.csv,{sha}
acme,2024,acme-1,Works One,acme-1-power,2,grid-electricity,US-EGRID-CAMX,10000,kWh,2024,meters,3,m.csv,{sha}
acme,2024,acme-1,Works One,acme-1-odd,1,moon-dust,US,5,kg,2024,meters,4,m.csv,{sha}
"""
METHOD = """\
data_year,activity,factor_activity,publisher,dataset,edition,activity_unit,gwp_set,reason
2024,natural-gas,natural-gas,us-epa,stationary-combustion,2024,mmBtu,AR5,the edition of the year
2024,grid-electricity,grid-electricity,us-epa,egrid-subregion,eGRID2022,MWh,AR5,newest edition at hand
"""


@pytest.fixture
def own_data(tmp_path: Path) -> Path:
    (tmp_path / "activity.csv").write_text(ACTIVITY.format(sha="a" * 64))
    (tmp_path / "method.csv").write_text(METHOD)
    return tmp_path


def test_a_batch_over_ones_own_table(own_data: Path) -> None:
    words = ["emissions", "run", str(own_data / "activity.csv"), "--method", str(own_data / "method.csv")]
    outcome = answer(*words, "--out", str(own_data / "out"), code=1)
    assert outcome["lines"] == 2
    assert [row["activity_id"] for row in outcome["rejected"]] == ["acme-1-odd"]
    assert outcome["rejected"][0]["code"] == "METHOD_MISSING"
    (total,) = outcome["totals"]
    # 1000 x (53.06 + 0.001 x 28 + 0.0001 x 265) + 10 x (497.443 + 0.030 x 28 + 0.004 x 265) lb
    assert total["co2e_mg"] == 53_114_500_000 + round(10 * (497.443 + 0.84 + 1.06) * 0.45359237 * 10**6)
    written = {path.name for path in (own_data / "out").iterdir()}
    assert written == {"lines.csv", "totals.csv", "rejected.csv", "quality.csv", "bounds.csv"}


def test_a_missing_reading_costs_its_row_and_no_other(own_data: Path) -> None:
    table = own_data / "activity.csv"
    table.write_text(table.read_text().replace("10000,kWh", ",kWh"))
    outcome = answer("emissions", "run", str(table), "--method", str(own_data / "method.csv"), code=1)
    assert outcome["lines"] == 1
    rejected = {row["activity_id"]: row for row in outcome["rejected"]}
    assert rejected["acme-1-power"]["code"] == "INPUT_NOT_FINITE"
    assert "fill it in" in rejected["acme-1-power"]["hint"]


def test_what_a_template_writes_runs_as_it_is(tmp_path: Path) -> None:
    glac("emissions", "template", str(tmp_path / "new"))
    folder = tmp_path / "new"
    words = ["emissions", "run", str(folder / "activity.csv"), "--method", str(folder / "method.csv")]
    assert answer(*words)["lines"] == 2
    other = folder / "bills.csv"
    other.write_text("Site code,Site,Energy,Consumption,Unit\n1,One,natural gas,10,mmBtu[gross]\n")
    words[2] = str(other)
    assert answer(*words, "--columns", str(folder / "columns.yaml"))["lines"] == 1
    # Filled in by hand, it is kept.
    (folder / "method.csv").write_text("mine")
    glac("emissions", "template", str(folder))
    assert (folder / "method.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("quantity,unit", "quantty,unit", "FILE_COLUMNS", {"row": 1}),
        ("1000,mmBtu", "1.000,00,mmBtu", "FILE_UNREADABLE", {}),
        ("10000,kWh", "ten,kWh", "FILE_CELL", {"row": 3, "column": "quantity"}),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_at_its_place(
    own_data: Path, old: str, new: str, code: str, place: dict[str, Any]
) -> None:
    file = own_data / "activity.csv"
    file.write_text(file.read_text().replace(old, new))
    words = [
        "emissions",
        "run",
        str(file),
        "--method",
        str(own_data / "method.csv"),
        "--out",
        str(own_data / "out"),
    ]
    error = answer(*words, code=2)["error"]
    assert error["code"] == code
    assert place.items() <= error["where"].items()
    assert not (own_data / "out").exists()


def test_help_answers_at_once() -> None:
    """Heavy modules stay out of the help; the bound is generous, a guard and not a measurement."""
    began = time.monotonic()
    done = glac("--help")
    assert done.returncode == 0
    assert time.monotonic() - began < 3
    code = (
        "import sys, registry_ops.cli\n"
        "heavy = {'polars', 'dagster', 'pydantic', 'psycopg', 'pint', 'rich.table'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
