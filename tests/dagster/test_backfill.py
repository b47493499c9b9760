"""Backfills across run workers: real daemon, real processes, real kills, on the embedded database."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import table_sha256
from greenlang_assets.core.provenance.ledger import RUNTIME_RUN, LedgerLink
from greenlang_assets.core.recipes import base, factors, formulas, parameters, plan
from greenlang_assets.core.recipes.base import World
from greenlang_assets.core.tenants.cohorts import COHORTS, cohort_of
from greenlang_assets.core.tenants.contracts import ACTIVITY, REPORTED
from greenlang_assets.core.tenants.dataset import load_dataset
from greenlang_assets.definitions import defs
from greenlang_assets.defs.partitions import tenant_partitions
from registry_ops.cli.backfill import Choice
from resources.dagster.instance import Runner, open_instance
from resources.dagster.recovery import COMPARED, recover
from resources.dagster.resource import WorldResource
from resources.dagster.shown import event_of
from resources.dagster.verification import verify
from resources.dagster_home import prepare
from resources.ledger import CHAIN
from resources.platform import Platform, open_platform
from resources.settings import Settings
from resources.world import world_of

pytestmark = pytest.mark.long

GLAC = [sys.executable, "-c", "from registry_ops.cli import main; main()"]
ASSETS = (
    *("tenants/activity", "tenants/emissions", "tenants/rejected", "tenants/totals"),
    *("tenants/quality", "tenants/bounds"),
)
LEDGER_LOCK = "hashtextextended('greenlang.ledger ' || %s, 0)"


@dataclass
class Installation:
    """A home with factors and formulas, its platform and Dagster's instance, open in this process."""

    env: dict[str, str]
    platform: Platform
    instance: dg.DagsterInstance
    world: World

    def backfill(self, *words: str) -> subprocess.Popen[str]:
        command = [*GLAC, "emissions", "backfill", *words, "--json"]
        return subprocess.Popen(
            command, env=self.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def links(self, partition: str) -> dict[str, list[LedgerLink]]:
        """Everything that the ledger holds about the assets of one partition."""
        return {
            asset: [link for link in self.platform.ledger.history(asset) if link.entry.partition == partition]
            for asset in ASSETS
        }


def outcome_of(job: subprocess.Popen[str], code: int = 0) -> Any:
    out, said = job.communicate(timeout=400)
    assert job.returncode == code, said + out
    return json.loads(out) | {"said": said}


def until(what: Callable[[], Any], seconds: int = 200) -> Any:
    """The first answer that is not empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.1)
    raise TimeoutError(what)


@dg.op
def make_factors(context: dg.OpExecutionContext, world: WorldResource) -> None:
    """Factors and formulas as a batch makes them: recorded, and told of, by one run."""
    for recipe in (*factors.RECIPES, parameters.RECIPE, formulas.RECIPE):
        # Two large tables that no calculation reads stay unmade.
        if recipe.asset not in (factors.VALUES, factors.NOMENCLATURE):
            recorded = base.record(recipe, world.world(), run_id=context.run_id)
            context.log_event(event_of(recorded.link))


@dg.job(resource_defs={"world": WorldResource()})
def factors_made_at_once() -> None:
    make_factors()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("backfill") / "home"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GREENLANG", "DAGSTER"))}
    env["GREENLANG_HOME"] = str(home)
    with open_platform(Settings.from_env(env)) as platform, pytest.MonkeyPatch.context() as patch:
        world = world_of(platform)
        environment = prepare(home, dagster_url=platform.database.dagster_url)
        for name, value in environment.items():
            patch.setenv(name, value)
        with open_instance(environment) as instance:
            assert factors_made_at_once.execute_in_process(instance=instance).success
            runner = Runner(defs, instance)
            runner.add_partitions("period", plan.periods(world))
            runner.materialise("tenant_register")
            yield Installation(env, platform, instance, world)
    assert subprocess.run([*GLAC, "clean"], env=env, check=False).returncode == 0


def processes(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """Process ids that executed the run, as it said itself."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    told = [entry.dagster_event.engine_event_data.metadata for entry in entries if entry.dagster_event]
    return {str(metadata["pid"].value) for metadata in told if "pid" in metadata}


def test_each_partition_is_made_once_by_several_processes_at_a_time(installation: Installation) -> None:
    words = ("--cohort", "cohort-0", "--cohort", "cohort-1", "--period", "2014", "--workers", "2")
    outcome = outcome_of(installation.backfill(*words))
    assert set(outcome["made"]) == {"cohort-0|2014", "cohort-1|2014"}
    assert outcome["failed"] == {}
    assert "2 of 2  cohort-" in outcome["said"]
    assert "22 rows, 20 lines, 2 rejected" in outcome["said"]

    runs = {key: installation.instance.get_run_record_by_id(run) for key, run in outcome["made"].items()}
    assert len(set(outcome["made"].values())) == 2
    (began, ended), (began_too, ended_too) = ((run.start_time, run.end_time) for run in runs.values() if run)
    assert began is not None
    assert ended is not None
    assert began_too is not None
    assert ended_too is not None
    assert max(began, began_too) < min(ended, ended_too), "the two were never at work at the same time"
    pids = [processes(installation.instance, run) for run in outcome["made"].values()]
    assert all(pids)
    assert not pids[0] & pids[1]

    for partition, run in outcome["made"].items():
        for asset, links in installation.links(partition).items():
            assert [link.run_id for link in links] == [run], f"{asset} [{partition}]"
    due = {key for _, key in plan.stale(plan.emission_runs(), installation.world)}
    assert due
    assert not due & outcome["made"].keys(), "made once is up to date"


def test_one_process_and_one_run_over_a_range_give_the_same_hashes(installation: Installation) -> None:
    """What `glac run` does, and what a "single run" backfill would do, beside what the workers did."""
    partitions = ("cohort-0|2014", "cohort-1|2014")
    before = {key: installation.links(key) for key in partitions}
    runner = Runner(defs, installation.instance)
    for partition in partitions:
        runner.materialise("emission_run", partition=partition)

    recipes = plan.emission_runs().recipes
    in_one_run: dict[tuple[str, str], str] = {}

    @dg.asset(partitions_def=tenant_partitions, backfill_policy=dg.BackfillPolicy.single_run())
    def ranged(context: dg.AssetExecutionContext, world: WorldResource) -> dg.MaterializeResult[Any]:
        for partition in context.partition_keys:
            for recipe in recipes:
                recorded = base.record(recipe, world.world(), run_id=RUNTIME_RUN, partition=partition)
                in_one_run[recipe.asset, partition] = recorded.link.entry_sha256
        return dg.MaterializeResult(data_version=dg.DataVersion("one for all of them"))

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("period", ["2014"])
        tags = {
            "dagster/asset_partition_range_start": partitions[0],
            "dagster/asset_partition_range_end": partitions[1],
        }
        assert dg.materialize([ranged], instance=instance, tags=tags, resources={"world": WorldResource()})
        versions = {
            key: instance.get_latest_data_version_record(ranged.key, partition_key=key) for key in partitions
        }
    for partition in partitions:
        for asset, links in installation.links(partition).items():
            by_a_worker = before[partition][asset][0].entry_sha256
            assert {link.entry_sha256 for link in links} == {by_a_worker}
            assert in_one_run[asset, partition] == by_a_worker
    # Why the assets have no such policy: Dagster writes one data version on every partition of the range.
    told = {
        record.asset_materialization.tags["dagster/data_version"]
        for record in versions.values()
        if record and record.asset_materialization and record.asset_materialization.tags
    }
    assert told == {"one for all of them"}


def test_a_single_run_over_several_partitions_is_refused_in_words(installation: Installation) -> None:
    tags = {
        "dagster/asset_partition_range_start": "cohort-6|2014",
        "dagster/asset_partition_range_end": "cohort-7|2014",
    }
    job = defs.resolve_job_def("emission_run")
    result = job.execute_in_process(instance=installation.instance, tags=tags, raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "RUN_OF_SEVERAL_PARTITIONS" in str(failure.step_failure_data.error)
    assert not any(links for key in ("cohort-6|2014", "cohort-7|2014")
                   for links in installation.links(key).values())  # fmt: skip


@pytest.fixture
def admin(installation: Installation) -> Iterator[psycopg.Connection[Any]]:
    """The owner of the database: locks its tables as another process's work would."""
    with psycopg.connect(installation.platform.database.owner_url, autocommit=True) as connection:
        yield connection


def waiting(admin: psycopg.Connection[Any], query: str) -> list[int]:
    """Database processes that wait for a lock in the middle of such a query."""
    # Within a transaction PostgreSQL shows the activity of its first look again and again.
    admin.execute("SELECT pg_stat_clear_snapshot()")
    rows = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s", [query]
    )
    return [pid for (pid,) in rows.fetchall()]


def kill_worker(installation: Installation, run_id: str) -> None:
    for pid in processes(installation.instance, run_id):
        os.kill(int(pid), signal.SIGKILL)


def newest_run(installation: Installation, partition: str) -> dg.DagsterRun | None:
    runs = installation.instance.get_runs(dg.RunsFilter(tags={"dagster/partition": partition}), limit=1)
    return runs[0] if runs else None


def test_a_killed_partition_is_whole_or_absent_and_the_next_run_finishes_it(
    installation: Installation, admin: psycopg.Connection[Any]
) -> None:
    """Killed twice, where it hurts most: before the entry, and between the entry and its event."""
    partition = "cohort-2|2014"
    words = ("--cohort", "cohort-2", "--period", "2014")
    appends = "%pg_advisory_xact_lock(hashtextextended('greenlang.ledger%"

    admin.execute(f"SELECT pg_advisory_lock({LEDGER_LOCK})".encode(), [CHAIN])
    job = installation.backfill(*words, "--workers", "1")
    try:
        (blocked,) = until(lambda: waiting(admin, appends))
        first = newest_run(installation, partition)
        assert first is not None
        kill_worker(installation, first.run_id)
        admin.execute("SELECT pg_terminate_backend(%s)", [blocked])
        assert installation.links(partition)["tenants/activity"] == [], "no entry, whatever the store holds"

        # Dagster starts it again by itself, and again it comes as far as the ledger.
        until(lambda: [pid for pid in waiting(admin, appends) if pid != blocked])
        second = newest_run(installation, partition)
        assert second is not None
        assert second.run_id != first.run_id
        with admin.transaction():
            admin.execute("LOCK TABLE event_logs IN EXCLUSIVE MODE")
            admin.execute(f"SELECT pg_advisory_unlock({LEDGER_LOCK})".encode(), [CHAIN])
            (link,) = until(lambda: installation.links(partition)["tenants/activity"])
            assert link.run_id == second.run_id
            tells = f"INSERT INTO event_logs%{second.run_id}%"
            (blocked,) = until(lambda: waiting(admin, tells))
            # Its process ids stand in the table that is locked for writing only.
            kill_worker(installation, second.run_id)
            admin.execute("SELECT pg_terminate_backend(%s)", [blocked])
        outcome = outcome_of(job, code=1)
    finally:
        job.kill()
    assert "killed" in outcome["failed"][partition]

    # The entry stands, its event was told late (by the daemon's sensor or after the daemon), nothing more.
    recover(installation.platform, installation.instance)
    again = installation.instance.get_run_by_id(second.run_id)
    assert again is not None
    assert again.tags[COMPARED] == "1 told late"
    held = installation.links(partition)
    assert {asset: len(links) for asset, links in held.items()} == dict.fromkeys(ASSETS, 0) | {
        "tenants/activity": 1
    }
    assert verify(installation.platform, installation.instance).findings == ()

    # What `glac run` does with it: the three that are not there, and those alone.
    runner = Runner(defs, installation.instance)
    due = [step for step in plan.stale(plan.emission_runs(), installation.world) if step[1] == partition]
    assert due == [(ASSETS[1:], partition)]
    runner.materialise("emission_run", assets=ASSETS[1:], partition=partition)
    for asset, links in installation.links(partition).items():
        assert len(links) == 1, f"{asset} was made twice"
        assert installation.platform.store.get(links[0].entry.content_sha256)
    assert verify(installation.platform, installation.instance).findings == ()
    assert partition not in {key for _, key in plan.stale(plan.emission_runs(), installation.world)}


def test_a_faulty_row_fails_its_own_partition_and_says_where_it_is(
    installation: Installation,
) -> None:
    """A tenant of one's own beside those that ship; the partition that holds none of its rows is made."""
    folder = installation.platform.settings.home / "tenants" / "acme"
    write_tenant(folder, scope="4")
    cohort = cohort_of("acme")
    other = next(name for name in COHORTS if name != cohort)
    try:
        runner = Runner(defs, installation.instance)
        runner.materialise("tenant_register")
        with pytest.raises(GreenlangError) as caught:
            runner.materialise("emission_run", partition=f"{cohort}|2014")
        runner.materialise("emission_run", assets=["tenants/activity"], partition=f"{other}|2014")
    finally:
        shutil.rmtree(folder)
    runner.materialise("tenant_register")  # as it was: what rests on it is up to date again
    failed = newest_run(installation, f"{cohort}|2014")
    assert failed is not None
    assert failed.tags["greenlang/refused"] == "CONTRACT_VALUES", "the list of runs says why"
    said = str(caught.value.found)
    assert said.startswith(f"tenants/activity [{cohort}|2014] was refused, nothing of it is recorded")
    for word in ("CONTRACT_VALUES", "programme acme", "scope", "'4'", "activity_id acme-1"):
        assert word in said


def write_tenant(folder: Path, **change: object) -> None:
    """A tenant programme of one facility and one row of activity."""
    shipped = load_dataset("chicago")
    own = {"tenant": "acme", "facility_id": "acme-works", "facility_name": "Works"}
    rows = shipped.activity.filter(pl.col("period") == "2014").head(1)
    tables = {
        "activity": rows.with_columns(
            **{k: pl.lit(v) for k, v in {**own, "activity_id": "acme-1", **change}.items()}
        ),
        "reported": shipped.reported.filter(pl.col("period") == "2014")
        .head(1)
        .with_columns(**{k: pl.lit(v) for k, v in own.items()}),
    }
    folder.mkdir(parents=True)
    manifest = {"attribution": "ours", "source": {"file": "acme.csv", "sha256": "0" * 64}, "tables": {}}
    for name, contract in (("activity", ACTIVITY), ("reported", REPORTED)):
        tables[name].write_parquet(folder / f"{name}.parquet")
        digest = table_sha256(tables[name], key=contract.key)
        manifest["tables"][name] = {"content_sha256": digest}  # type: ignore[index]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.copy(DATA_ROOT / "tenants" / "chicago" / "method.csv", folder / "method.csv")


def test_what_nobody_reports_for_is_refused_with_what_there_is(installation: Installation) -> None:
    with pytest.raises(GreenlangError) as caught:
        Choice(tenants=None, cohorts=None, periods=["1999"]).of(plan.emission_runs(), installation.world)
    assert caught.value.code == "PARTITION_UNKNOWN"
    assert "2014, 2015, 2016, 2017" in str(caught.value.expected)


def test_a_tenant_is_chosen_by_its_cohort_and_again_takes_what_is_up_to_date(
    installation: Installation,
) -> None:
    stage, world = plan.emission_runs(), installation.world
    tenant = load_dataset("chicago").activity["tenant"][0]
    chosen = Choice(tenants=[tenant], cohorts=None, periods=["2014", "2016"], again=True)
    assert [key for _, key in chosen.of(stage, world)] == [
        f"{cohort_of(tenant)}|2014",
        f"{cohort_of(tenant)}|2016",
    ]
    once = Choice(tenants=None, cohorts=["cohort-0"], periods=["2014"])
    assert once.of(stage, world) == []
    assert replace(once, again=True).of(stage, world) == [(ASSETS, "cohort-0|2014")]


def test_the_home_is_as_the_file_says_and_as_many_workers_as_asked(tmp_path: Path) -> None:
    import yaml

    prepare(tmp_path, dagster_url="postgresql+psycopg2:///x", workers=3)
    runs = yaml.safe_load((tmp_path / "dagster" / "dagster.yaml").read_text())["concurrency"]["runs"]
    assert runs == {
        "max_concurrent_runs": 5,
        "tag_concurrency_limits": [{"key": "dagster/backfill", "limit": 3}],
    }


def test_an_event_that_is_missing_from_a_run_that_succeeded_stays_a_finding(
    installation: Installation,
) -> None:
    """Telling late heals a kill, and covers up no deletion."""
    key = dg.AssetKey(["tenants", "rejected"])
    installation.instance.wipe_assets([key])
    recover(installation.platform, installation.instance)
    found = verify(installation.platform, installation.instance).findings
    assert {finding.code for finding in found} == {"EVENT_MISSING"}
    assert all(str(finding.asset).startswith("tenants/rejected") for finding in found)
