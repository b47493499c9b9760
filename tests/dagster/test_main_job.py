"""The main job as a newcomer starts it: from shipped tables to verified totals, then once more, idle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long


class Installation:
    """A home of its own, and ``glac`` run in it as people run it."""

    def __init__(self, home: Path) -> None:
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("GREENLANG", "DAGSTER"))}
        self.env["GREENLANG_HOME"] = str(home)

    def glac(self, *words: str, code: int = 0) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", "from registry_ops.cli import main; main()", *words, "--json"],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("main-job") / "home"
    made = Installation(home)
    yield made
    done = subprocess.run(
        [sys.executable, "-c", "from registry_ops.cli import main; main()", "clean"],
        env=made.env,
        check=False,
    )
    assert done.returncode == 0
    assert not home.exists()


@pytest.fixture(scope="module")
def first(installation: Installation) -> Any:
    return installation.glac("run")


def test_the_buildings_tie_out_with_the_city(first: Any) -> None:
    tie_out = first["tie_out"]
    assert tie_out["compared"] == 6725
    assert tie_out["within_1_percent"] / tie_out["compared"] >= 0.985
    assert "electricity" in tie_out["predicate"]


def test_what_was_made_is_counted(first: Any) -> None:
    assert first["factors"] > 6000
    assert first["formulas"] >= 50
    assert first["equations"] >= 12
    assert first["building_years"] > 7000
    assert first["lines"] + first["rejected"] == 14305
    assert first["provenance"]["findings"] == []
    assert first["provenance"]["events"] >= first["materialisations"] - 1


def test_run_again_it_is_idle_and_says_the_same(installation: Installation, first: Any) -> None:
    second = installation.glac("run")
    assert second["materialisations"] == 0
    assert second["hashes"] == first["hashes"]
    assert second["example"] == first["example"]
    assert second["provenance"]["findings"] == []


def leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not node["children"]:
        yield node
    for child in node["children"]:
        yield from leaves(child)


def test_a_buildings_total_is_walked_back_to_the_publishers_row(
    installation: Installation, first: Any
) -> None:
    tree = installation.glac("provenance", "show", first["example"]["total_sha256"])
    assert tree["kind"] == "total"
    ends = [leaf for leaf in leaves(tree) if leaf["kind"] == "file"]
    rows = [(leaf["facts"].get("source_file"), leaf["facts"].get("row") or leaf["facts"].get("source_row"))
            for leaf in ends]  # fmt: skip
    files = {file for file, row in rows if row}
    assert "Chicago_Energy_Benchmarking.csv" in files
    assert "ghg-emission-factors-hub-2024.xlsx" in files
    assert "Emission_Factors_for_Cross_Sector_Tools_V2.0_0.xlsx" in files
    assert "globalwarmingpotentials.csv" in files
    assert not [leaf for leaf in leaves(tree) if leaf["kind"] == "unresolved"]


def test_the_walk_and_the_asset_graph_have_the_same_edges(installation: Installation, first: Any) -> None:
    """What the ledger says was read is what Dagster draws."""
    from greenlang_assets.definitions import build_defs

    tree = installation.glac("provenance", "show", first["hashes"]["tenants/tie_out"])
    graph = build_defs().resolve_asset_graph()

    def edges(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for child in node["children"]:
            if child["kind"] == "entry":
                yield node["label"].split(" [")[0], child["label"].split(" [")[0]
                yield from edges(child)

    drawn = {
        (key.to_user_string(), parent.to_user_string())
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
    }
    walked = set(edges(tree))
    assert walked
    assert walked <= drawn


def test_everything_verifies(installation: Installation, first: Any) -> None:
    report = installation.glac("provenance", "verify")
    assert report["intact"]
    # What agents calculated over HTTP stands in the ledger, and no run of Dagster's made it.
    assert report["entries"] > report["events"]
    assert report["entries"] == report["sealed"]


def test_the_agents_answered_over_http(installation: Installation, first: Any) -> None:
    assert first["refused_packs"] == {}
    answers = {item["agent"]: item["answer"] for item in first["agents"]}
    assert len(answers) == 6
    assert all(answer["citations"] and answer["provenance_hash"] for answer in answers.values())
    example = answers["emissions/carbon_calculator_v1"]
    assert round(example["result"], 2) == 181.23
    tree = installation.glac("provenance", "show", example["provenance_hash"])
    rows = [leaf["facts"] for leaf in leaves(tree) if leaf["kind"] == "file"]
    assert any(
        "GHG Emission Factors Hub" in str(facts.get("document")) and facts.get("row") for facts in rows
    )


def test_another_edition_is_looked_at_before_anything_is_replaced(
    installation: Installation, first: Any, tmp_path: Path
) -> None:
    page = tmp_path / "restatement.html"
    words = ("--from", "us-epa/egrid-subregion/eGRID2010", "--to", "us-epa/egrid-subregion/eGRID2012")
    found = installation.glac("restate", *words, "--html", str(page))
    # The method calculates data years 2014 and 2015 with eGRID2010, each in eight cohorts.
    assert len(found["results"]) == 16
    assert {row["period"] for row in found["differences"]} == {"2014", "2015"}
    assert {row["category"] for row in found["differences"]} == {"grid-electricity"}
    made = {item["asset"] for item in found["made_of_them"]}
    assert "tenants/tie_out" in made
    assert any(name.startswith("marts/") for name in made)
    assert {year["significant"] for year in found["base_years"]} == {True, False}
    assert found["agents"] == []
    assert "<svg" in page.read_text()
    assert installation.glac("run")["materialisations"] == 0


def test_a_restatement_names_the_agents_that_rest_on_the_edition(
    installation: Installation, first: Any
) -> None:
    agent = next(item for item in first["agents"] if item["agent"] == "emissions/natural_gas_v1")
    publisher, dataset, edition, *_ = agent["answer"]["factors"][0]["id"].split("/")
    other = "2025" if edition == "2024" else "2024"
    name = f"{publisher}/{dataset}"
    found = installation.glac("restate", "--from", f"{name}/{edition}", "--to", f"{name}/{other}")
    assert "emissions/natural_gas_v1" in {item["agent"] for item in found["agents"]}


def test_a_restatement_from_an_edition_to_itself_is_refused(installation: Installation, first: Any) -> None:
    name = "us-epa/egrid-subregion/eGRID2010"
    answer = installation.glac("restate", "--from", name, "--to", name, code=1)
    assert answer["error"]["code"] == "EDITIONS_SAME"


def test_a_pin_that_was_never_recorded_here_is_refused(installation: Installation, first: Any) -> None:
    """What is not in force is looked for in the catalogues that this installation recorded."""
    pin = "ef://us-epa/stationary-combustion/2024@2024.9.9"
    answer = installation.glac("factors", "lookup", pin, code=1)
    assert answer["error"]["code"] == "REFERENCE_VERSION_UNKNOWN"


def test_ctrl_c_stops_the_whole_job_and_not_only_the_run_under_way(tmp_path: Path) -> None:
    env = Installation(tmp_path / "home").env
    command = [sys.executable, "-c", "from registry_ops.cli import main; main()"]
    job = subprocess.Popen([*command, "run", "--json"], env=env, text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    try:
        assert job.stderr is not None
        while not (line := job.stderr.readline()).startswith("Emission factors"):
            assert line, "the job ended before its first stage"
        time.sleep(2)  # into Dagster's run, where the signal is Dagster's
        job.send_signal(signal.SIGINT)
        said = job.communicate(timeout=120)[1]
        assert job.returncode == 130
        assert "stopped" in said
        assert "Tenants" not in said
    finally:
        job.kill()
        assert subprocess.run([*command, "clean"], env=env, check=False).returncode == 0
