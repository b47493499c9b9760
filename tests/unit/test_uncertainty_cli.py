"""``--uncertainty`` and ``--monte-carlo`` as people type them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GAS = "us-epa/stationary-combustion/2024/natural-gas-natural-gas/us/2024/mmbtu/gross"
ASK = ("calculate", GAS, "activity=1000", "--gwp", "AR5")
ACTIVITY = """\
tenant,period,facility_id,facility_name,activity_id,scope,activity,region,quantity,unit,data_year,\
source_document,source_row,source_file,source_sha256
acme,2024,acme-1,Works One,acme-1-gas,1,natural-gas,US,1000,mmBtu[gross],2024,meters,2,m.csv,{sha}
acme,2024,acme-1,Works One,acme-1-more,1,natural-gas,US,500,mmBtu[gross],2024,meters,3,m.csv,{sha}
"""
METHOD = """\
data_year,activity,factor_activity,publisher,dataset,edition,activity_unit,gwp_set,reason
2024,natural-gas,natural-gas,us-epa,stationary-combustion,2024,mmBtu,AR5,the edition of the year
"""


def glac(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from registry_ops.cli import main; main()", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def answer(*words: str, code: int = 0) -> Any:
    done = glac(*words, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_bounds_come_with_the_result_and_repeat() -> None:
    words = (*ASK, "--uncertainty", "activity=5%", "--monte-carlo", "100000", "--seed", "1")
    once, again, plain = answer(*words), answer(*words), answer(*ASK)
    assert once == again
    bounds = once.pop("uncertainty")
    assert once == plain
    co2e = bounds["propagated"][-1]
    assert (co2e["symbol"], co2e["value"]) == ("co2e", "53114.500000")
    assert (co2e["lower_value"], co2e["upper_value"]) == ("50458.775000", "55770.225000")
    assert bounds["simulation"] == {
        "method": "monte-carlo",
        "draws": 100_000,
        "seed": 1,
        "generator": "numpy.PCG64",
    }
    drawn = bounds["simulated"][-1]
    # Published to nine digits: these are the draws of the pinned NumPy.
    assert (drawn["lower_value"], drawn["upper_value"]) == ("50432.094800", "55781.970800")


def test_tables_say_what_is_taken_as_exact() -> None:
    shown = glac(*ASK, "--uncertainty", "activity=5%").stdout
    assert "taken as exact, no uncertainty being stated: ef_ch4, ef_co2, ef_n2o" in shown
    assert "error propagation" in shown
    assert "Monte Carlo" not in shown
    skewed = glac(*ASK, "--uncertainty", "factor=120%").stdout
    assert "Above 100 %" in skewed


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--uncertainty", "activity"], "UNCERTAINTY_WORD"),
        (["--uncertainty", "activity=5%", "--uncertainty", "activity=6%"], "UNCERTAINTY_WORD"),
        (["--uncertainty", "activty=5%"], "UNCERTAINTY_UNKNOWN"),
        (["--uncertainty", "activity=5"], "UNCERTAINTY_UNREADABLE"),
        (["--monte-carlo", "1000"], "UNCERTAINTY_MISSING"),
        (["--uncertainty", "activity=5%", "--monte-carlo", "10"], "SIMULATION_SIZE"),
        (["--seed", "1"], "SIMULATION_SIZE"),
    ],
)
def test_refusals(words: list[str], code: str) -> None:
    assert answer(*ASK, *words, code=1)["error"]["code"] == code


def test_totals_of_a_run_have_bounds(tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_text(ACTIVITY.format(sha="a" * 64))
    (tmp_path / "method.csv").write_text(METHOD)
    words = ("emissions", "run", str(tmp_path / "activity.csv"), "--method", str(tmp_path / "method.csv"))
    stated = ("--uncertainty", "natural-gas=2%", "--uncertainty", f"{GAS}=5%", "--monte-carlo", "10000")
    plain, bounded = answer(*words), answer(*words, *stated)
    totals = bounded.pop("uncertainty")
    assert bounded == plain
    assert [total["figure"] for total in totals] == ["location", "market"]
    location = totals[0]
    assert location["co2e_mg"] == plain["totals"][0]["co2e_mg"]
    assert location["lower_mg"] < location["co2e_mg"] < location["upper_mg"]
    assert location["simulated_lower_mg"] < location["co2e_mg"] < location["simulated_upper_mg"]
    assert location["factor_unstated_mg"] == 0
    shown = glac(*words, *stated).stdout
    assert "95 % bounds" in shown
    assert "acme 2024" in shown


def test_what_the_method_states_bounds_a_run_and_a_word_comes_before_it(tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_text(ACTIVITY.format(sha="a" * 64))
    header, row = METHOD.splitlines()
    columns = ",quantity_uncertainty,factor_uncertainty,reason"
    (tmp_path / "method.csv").write_text(
        f"{header.replace(',reason', columns)}\n{row.replace(',the edition', ',2%,5%,the edition')}\n"
    )
    words = ("emissions", "run", str(tmp_path / "activity.csv"), "--method", str(tmp_path / "method.csv"))
    by_method = answer(*words)["uncertainty"]
    by_words = answer(*words, "--uncertainty", "natural-gas=2%", "--uncertainty", f"{GAS}=5%")["uncertainty"]
    assert by_words == by_method
    wider = answer(*words, "--uncertainty", "natural-gas=20%")["uncertainty"]
    assert wider[0]["lower_mg"] < by_method[0]["lower_mg"]
