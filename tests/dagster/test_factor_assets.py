"""Factor assets in real runs: a failing edition never becomes active, an own one does, files are observed."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from edition_rows import DIESEL, imported

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import editions, tables
from greenlang_assets.core.factors.publishers import PUBLISHERS
from greenlang_assets.core.provenance.canonical import table_sha256
from greenlang_assets.core.recipes import factors, former, plan, release
from greenlang_assets.core.recipes.base import InputRef, World, latest_input, load_table, record
from greenlang_assets.core.recipes.publisher_files import data_version, hashes
from greenlang_assets.definitions import build_defs
from greenlang_assets.defs import publisher_files
from resources.dagster.instance import Runner
from resources.platform import open_platform
from resources.settings import Settings
from resources.world import world_of

DEFS = build_defs()
UK, HUB = "factors/uk_desnz", "factors/us_epa_hub"
MADE = (*factors.PUBLISHERS, factors.CATALOGUE)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small shipped set that a test may spoil: one edition of the UK, and the IPCC's sets."""
    root = tmp_path / "shipped"
    result = imported()
    facts = {
        "importer": "uk-desnz", "publisher": "uk-desnz", "datasets": ["conversion-factors"],
        "editions": ["2024"], "rows_read": 4, "skipped": {},
    }  # fmt: skip
    tables.write(
        [
            tables.Table("uk.parquet", "factors", result.factors, facts),
            tables.Table("uk-values.parquet", "values", result.others["values"], facts),
            tables.Table("gwp.parquet", "gwp", tables.load("gwp"), {"publisher": "ipcc"}),
            tables.Table("properties.parquet", "properties", tables.load("properties"), {}),
        ],
        root,
    )
    monkeypatch.setattr(tables, "FACTORS_ROOT", root)
    return root


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """This test's own platform, the one that runs open as well."""
    monkeypatch.setenv("GREENLANG_HOME", str(settings.home))
    monkeypatch.setenv("GREENLANG_DATABASE_URL", str(settings.database_url))
    monkeypatch.delenv("GREENLANG_PUBLISHER_FILES", raising=False)
    with open_platform(settings) as platform:
        yield world_of(platform)


@pytest.fixture
def runner() -> Iterator[Runner]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Runner(DEFS, instance)


def catalogue(world: World) -> InputRef:
    return latest_input(world, factors.CATALOGUE)


def rewrite(root: Path, name: str, frame: pl.DataFrame, *, manifest_too: bool) -> None:
    """Put other rows into a shipped table, as whoever alters files would."""
    frame.write_parquet(root / name)
    if manifest_too:
        manifest = tables.read_manifest(root)
        manifest["tables"][name]["content_sha256"] = table_sha256(frame, key=("factor_id",))
        (root / tables.MANIFEST).write_text(json.dumps(manifest))


def test_an_altered_table_fails_its_asset_and_the_catalogue_stays(
    shipped: Path, world: World, runner: Runner
) -> None:
    runner.materialise("factors_and_formulas", assets=MADE)
    before = catalogue(world)
    assert load_table(world, before)["factor_id"].to_list() == sorted(imported().factors["factor_id"])
    altered = imported(2.6).factors
    rewrite(shipped, "uk.parquet", altered, manifest_too=False)
    with pytest.raises(GreenlangError) as refused:
        runner.materialise("factors_and_formulas", assets=MADE)
    assert "TABLE_ALTERED" in str(refused.value.found)
    assert catalogue(world) == before
    assert world.ledger.latest(UK).entry.facts["versions"] == {"uk-desnz/conversion-factors/2024": "2024.0.1"}


def test_a_failing_edition_never_becomes_active_by_a_way_round(
    shipped: Path, world: World, runner: Runner
) -> None:
    runner.materialise("factors_and_formulas", assets=MADE)
    before, made = catalogue(world), world.ledger.latest(UK)
    # Manifest and table agree, and still a GWP was applied twice: the contract finds it.
    rewrite(shipped, "uk.parquet", imported(5.71).factors, manifest_too=True)
    with pytest.raises(GreenlangError) as refused:
        runner.materialise("factors_and_formulas", assets=MADE)
    assert "CONTRACT_BROKEN" in str(refused.value.found)
    assert world.ledger.latest(UK) == made
    # Neither does it get in when the catalogue alone is made again.
    runner.materialise("factors_and_formulas", assets=[factors.CATALOGUE])
    assert catalogue(world) == before


def test_a_pin_from_before_an_upgrade_resolves_from_what_was_recorded(shipped: Path, world: World) -> None:
    for recipe in factors.RECIPES:
        record(recipe, world, run_id="before")
    label = "ef://uk-desnz/conversion-factors/2024"
    pinned = editions.catalogue(world.own_factors, shipped).resolve(f"{label}@2024.0.1")
    # A release of the platform that ships a correction, and keeps no former table.
    manifest = tables.read_manifest(shipped)
    corrected = imported(2.75, patch=2).factors
    corrected.write_parquet(shipped / "uk.parquet")
    manifest["tables"]["uk.parquet"]["content_sha256"] = table_sha256(corrected, key=("factor_id",))
    (shipped / tables.MANIFEST).write_text(json.dumps(manifest))
    for recipe in factors.RECIPES:
        record(recipe, world, run_id="after")

    upgraded = editions.catalogue(world.own_factors, shipped)
    pins = (f"{label}@2024.0.1", f"{label}#sha256={pinned.content_sha256}", f"ef://{DIESEL}@2024.0.1")
    for pin in pins:
        with pytest.raises(GreenlangError) as refused:
            upgraded.resolve(pin)
        assert refused.value.code in ("REFERENCE_VERSION_UNKNOWN", "REFERENCE_HASH_MISMATCH")
    upgraded.former += (former.recorded(world.store, world.ledger),)
    assert [upgraded.resolve(pin).version for pin in pins] == ["2024.0.1"] * 3
    assert upgraded.resolve(pins[0]).content_sha256 == pinned.content_sha256
    assert upgraded.resolve(label).version == "2024.0.2", "what insists on nothing is the version in force"
    with pytest.raises(GreenlangError) as refused:
        upgraded.resolve(f"{label}@2024.0.7")
    assert refused.value.code == "REFERENCE_VERSION_UNKNOWN", "a version that was never recorded"


def test_an_own_edition_is_taken_in_once(shipped: Path, world: World, runner: Runner) -> None:
    stage = plan.Stage("factors", "factors_and_formulas", factors.RECIPES)
    runner.materialise("factors_and_formulas", assets=[recipe.asset for recipe in factors.RECIPES])
    assert plan.stale(stage, world) == []
    assert world.own_factors is not None
    editions.keep(imported(2.75), "uk-desnz", world.own_factors, shipped)
    editions.keep(imported(2.5, edition="2023"), "uk-desnz", world.own_factors, shipped)
    ((stale, _),) = plan.stale(stage, world)
    assert set(stale) == {UK, factors.VALUES, factors.CATALOGUE}
    runner.materialise("factors_and_formulas", assets=stale)
    assert plan.stale(stage, world) == []
    facts = world.ledger.latest(factors.CATALOGUE).entry.facts
    assert facts["versions"] == {
        "uk-desnz/conversion-factors/2023": "2023.0.1",
        "uk-desnz/conversion-factors/2024": "2024.0.2",
    }
    rows = load_table(world, catalogue(world))
    assert rows.height == 8
    assert rows.filter(factor_id=DIESEL)["co2e"].to_list() == [2.75]
    # A table of the user's that is altered afterwards is refused like a shipped one.
    (path,) = world.own_factors.glob("*2024-0-2__factors.parquet")
    pl.read_parquet(path).with_columns(co2e=pl.col("co2e") + 0.01).write_parquet(path)
    with pytest.raises(GreenlangError, match="failed"):
        runner.materialise("factors_and_formulas", assets=[UK, factors.CATALOGUE])
    assert load_table(world, catalogue(world)).equals(rows)


@pytest.mark.usefixtures("shipped")
def test_licensed_publishers_are_empty_until_a_copy_is_brought(world: World, runner: Runner) -> None:
    runner.materialise("factors_and_formulas", assets=MADE)
    licensed = [publisher.asset for publisher in PUBLISHERS if not publisher.files]
    assert licensed == ["factors/ecoinvent", "factors/ipcc_efdb"]
    assert [world.ledger.latest(asset).entry.facts["factors"] for asset in licensed] == [0, 0]


@pytest.mark.usefixtures("shipped")
def test_the_report_is_recorded_with_its_pages(world: World, runner: Runner, settings: Settings) -> None:
    assets = [*(recipe.asset for recipe in factors.RECIPES), release.ASSET]
    runner.materialise("factors_and_formulas", assets=assets)
    facts = world.ledger.latest(release.ASSET).entry.facts
    assert (facts["factors"], facts["critical_failures"]) == (4, 0)
    folder = settings.home / "reports" / "factors" / "release_report"
    assert "4 sourced emission factors" in (folder / "all.html").read_text()
    assert (folder / "data-docs" / "index.html").is_file()
    stage = plan.Stage("factors", "factors_and_formulas", (*factors.RECIPES, release.RECIPE))
    assert plan.stale(stage, world) == []
    first = latest_input(world, release.ASSET)
    runner.materialise("factors_and_formulas", assets=[release.ASSET])
    assert latest_input(world, release.ASSET) == first


# --- files


@pytest.mark.usefixtures("shipped")
def test_files_are_observed_where_they_are_and_quoted_where_not(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quoted = hashes("uk-desnz", world)
    assert quoted == {"uk.xlsx": "a" * 64}
    folder = tmp_path / "files"
    for publisher in PUBLISHERS:
        for file in publisher.files.values():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(file)
    (folder / "uk-desnz-flat" / "uk.xlsx").write_text("beside the named ones, cited by rows")
    at_hand = World(world.store, world.ledger, folder, (), own_factors=world.own_factors)
    found = hashes("uk-desnz", at_hand)
    assert found["uk.xlsx"] not in quoted.values()
    assert len(found) == 1 + len(PUBLISHERS[[p.name for p in PUBLISHERS].index("uk-desnz")].files)
    assert data_version(found) != data_version(quoted)

    monkeypatch.setenv("GREENLANG_PUBLISHER_FILES", str(folder))
    with dg.DagsterInstance.ephemeral() as instance:
        job = DEFS.resolve_job_def("publisher_files")
        assert job.execute_in_process(instance=instance).success
        key = publisher_files.key_of("uk-desnz")
        seen = instance.get_latest_data_version_record(key)
        assert seen is not None
        tags = seen.event_log_entry.tags or {}
        assert tags["dagster/data_version"] == data_version(found)
    shutil.rmtree(folder / "uk-desnz-flat")
    with pytest.raises(GreenlangError) as missing:
        hashes("uk-desnz", at_hand)
    assert missing.value.code == "PUBLISHER_FILE_MISSING"


def test_a_quarter_runs_once() -> None:
    assert publisher_files.quarter(dt.datetime(2026, 10, 1, tzinfo=dt.UTC)) == "2026-Q4"
    assert publisher_files.quarter(dt.datetime(2026, 9, 30, tzinfo=dt.UTC)) == "2026-Q3"
    schedules = {schedule.name: schedule for schedule in DEFS.schedules or ()}
    for name in ("publisher_files_quarterly", "factors_quarterly"):
        schedule = schedules[name]
        assert isinstance(schedule, dg.ScheduleDefinition)
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_schedule_context(
                instance, scheduled_execution_time=dt.datetime(2026, 10, 1, 4, tzinfo=dt.UTC)
            )
            (request,) = schedule.evaluate_tick(context).run_requests or ()
        assert request.run_key == f"{name}-2026-Q4"
        assert request.tags[publisher_files.QUARTER_TAG] == "2026-Q4"
