"""The dbt project: what it declares, and a build of it in a process of its own.

Belongs here: reading ``schema.yml`` for the assets that Dagster shows, running dbt, reading its answer.
Does not belong here: the SQL (``dbt/``), recording what was built (``greenlang_assets.defs``).

dbt runs as a child process: inside ours it would keep the DuckDB file and its own logging open. The
ready-made Dagster integration is not used, because importing it takes two seconds at every load of the
definitions and its asset versions are not hashes of content.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from greenlang_assets.core.errors import GreenlangError


@dataclass(frozen=True)
class Mart:
    """A dbt model that people read: name, description, key columns and the names of its data tests."""

    name: str
    description: str
    key: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class DataTest:
    """The outcome of one dbt data test."""

    mart: str
    name: str
    passed: bool
    failures: int
    message: str


@dataclass(frozen=True)
class Build:
    """What a dbt build made: one frame a mart, and every data test's outcome."""

    tables: dict[str, pl.DataFrame]
    tests: tuple[DataTest, ...]


def read_marts(project: Path) -> tuple[Mart, ...]:
    """The marts that the project declares, in the order of ``models/marts/schema.yml``."""
    declared = yaml.safe_load((project / "models" / "marts" / "schema.yml").read_text(encoding="utf-8"))
    return tuple(
        Mart(
            name=model["name"],
            description=model["description"].strip(),
            key=tuple(model["meta"]["key"]),
            tests=tuple(_test_names(model)),
        )
        for model in declared["models"]
    )


def _test_names(model: Mapping[str, Any]) -> list[str]:
    names = [
        f"{column['name']}_{test if isinstance(test, str) else next(iter(test))}"
        for column in model.get("columns", ())
        for test in column.get("data_tests", ())
    ]
    return names + list(model["meta"].get("tests", ()))


def build(project: Path, *, inputs: Mapping[str, pl.DataFrame], duckdb_file: Path) -> Build:
    """Build every mart from the given tables and run the data tests.

    Args:
        project: folder of the dbt project.
        inputs: source name to frame, as ``models/staging/sources.yml`` names them.
        duckdb_file: database in which the marts are left for people to query; replaced table by table.

    Raises:
        GreenlangError: ``DBT_FAILED`` when a model could not be built (a failing data test is an answer,
            not an error).
    """
    marts = read_marts(project)
    duckdb_file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="greenlang-dbt-") as scratch:
        folder = Path(scratch)
        for name, frame in inputs.items():
            frame.write_parquet(folder / f"{name}.parquet")
        done = subprocess.run(  # noqa: S603 - our own interpreter, no shell, no outside words
            [
                *(sys.executable, "-m", "dbt.cli.main", "--quiet", "build"),
                *("--project-dir", str(project), "--profiles-dir", str(project)),
                *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
                *("--vars", json.dumps({"inputs": str(folder)})),
            ],
            env={**os.environ, "GREENLANG_MARTS_FILE": str(duckdb_file), "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        results = _read_json(folder / "target" / "run_results.json")
        manifest = _read_json(folder / "target" / "manifest.json")
        broken = [r for r in results.get("results", ()) if r["status"] in ("error", "skipped")]
        if not results or any(r["unique_id"].startswith("model.") for r in broken):
            raise GreenlangError(
                "DBT_FAILED",
                "dbt could not build the marts",
                found="; ".join(f"{r['unique_id']}: {r['message']}" for r in broken)[:1000]
                or (done.stdout + done.stderr)[-1000:],
                expected="every model built",
                hint="run dbt by hand in the folder dbt/ to see the whole log",
            )
        tests = tuple(_outcomes(results["results"], manifest["nodes"], {mart.name for mart in marts}))
    return Build({mart.name: _read_table(duckdb_file, mart) for mart in marts}, tests)


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _outcomes(results: list[dict[str, Any]], nodes: Mapping[str, Any], marts: set[str]) -> list[DataTest]:
    outcomes = []
    for result in results:
        node = nodes.get(result["unique_id"], {})
        if node.get("resource_type") != "test":
            continue
        attached = (node.get("attached_node") or "").split(".")[-1]
        if node.get("test_metadata"):
            name = f"{node['column_name']}_{node['test_metadata']['name']}"
        else:
            name = node["name"]  # a test in SQL of its own; schema.yml says which mart shows it
            attached = next(
                iter((node.get("config") or {}).get("meta", {}).get("mart", "").split()), attached
            )
        if attached not in marts:
            continue  # tests of sources guard the build; their failure skips the models above them
        failures = int(result.get("failures") or 0)
        outcomes.append(
            DataTest(attached, name, result["status"] == "pass", failures, result.get("message") or "")
        )
    return sorted(outcomes, key=lambda test: (test.mart, test.name))


def _read_table(duckdb_file: Path, mart: Mart) -> pl.DataFrame:
    import duckdb

    with duckdb.connect(str(duckdb_file), read_only=True) as connection:
        answer = connection.sql(f'select * from "{mart.name}"')  # noqa: S608 - a name of our own file
        frame = pl.DataFrame(answer.pl())
    return frame.sort(mart.key)
