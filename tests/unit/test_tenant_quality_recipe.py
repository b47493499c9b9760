"""Recorded bounds and scores of real lines: beside the results, never in them."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.provenance.canonical import row_sha256
from greenlang_assets.core.provenance.walk import Node, walk
from greenlang_assets.core.recipes import factors, formulas, parameters, tenant_quality, tenants
from greenlang_assets.core.recipes.base import Recipe, World, load_table, record
from greenlang_assets.core.recipes.base import latest_input as latest
from greenlang_assets.core.tenants.contracts import BOUNDS, QUALITY, TOTALS, check
from greenlang_assets.defs.quality_plot import quality_plot
from resources.platform import Platform
from resources.world import world_of

PARTITION = "cohort-3|2016"
RESULTS = (tenants.ACTIVITY_RECIPE, tenants.EMISSIONS, tenants.TOTALS_RECIPE)
STATEMENTS = (tenant_quality.QUALITY_RECIPE, tenant_quality.BOUNDS_RECIPE)


@pytest.fixture
def world(platform: Platform) -> World:
    opened = world_of(platform)
    for recipe in (*factors.RECIPES, parameters.RECIPE, formulas.RECIPE):
        record(recipe, opened, run_id="test")
    return opened


def kinds(node: Node) -> set[str]:
    return {node.kind}.union(*(kinds(child) for child in node.children))


def made(world: World, recipes: tuple[Recipe, ...]) -> dict[str, str]:
    """Content hash of each result of one partition."""
    for recipe in (tenants.REGISTER, tenants.METHOD_RECIPE):
        record(recipe, world, run_id="test")
    found = {}
    for recipe in recipes:
        link = record(recipe, world, run_id="test", partition=PARTITION).link
        found[recipe.asset] = link.entry.content_sha256
    return found


def stating(folder: Path) -> Path:
    """The programme that ships, its method with what else may be stated."""
    copy = folder / "programmes" / "chicago"
    shutil.copytree(DATA_ROOT / "tenants" / "chicago", copy)
    with (copy / "method.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    said = {"fallback": "none", "quantity_uncertainty": "2%", "reliability": "measurement"}
    with (copy / "method.csv").open("w", encoding="utf-8", newline="") as stream:
        names = [*(name for name in rows[0] if name != "reason"), *said, "reason"]
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(row | said for row in rows)
    return copy.parent


def test_statements_stand_beside_results_and_do_not_touch_them(world: World, tmp_path: Path) -> None:
    plain = made(world, (*RESULTS, *STATEMENTS))
    quality = check(load_table(world, latest(world, "tenants/quality", PARTITION)), QUALITY)
    bounds = check(load_table(world, latest(world, "tenants/bounds", PARTITION)), BOUNDS)
    totals = check(load_table(world, latest(world, "tenants/totals", PARTITION)), TOTALS)
    # The city's method states no uncertainty, and neither does the publisher: nothing is bounded.
    assert quality["lower_mg"].count() == 0
    assert bounds["factor_unstated_mg"].to_list() == totals["co2e_mg"].to_list()
    assert quality["temporal"].null_count() == 0
    assert bounds["rests_on"].to_list() == totals["total_sha256"].to_list()

    other = replace(world, tenant_folders=(stating(tmp_path),))
    stated = made(other, (*RESULTS, *STATEMENTS))
    same = [name for name in plain if plain[name] == stated[name]]
    assert same == ["tenants/activity", "tenants/emissions", "tenants/totals"]
    bounds = load_table(other, latest(other, "tenants/bounds", PARTITION))
    inside = (pl.col("lower_mg") <= pl.col("co2e_mg")) & (pl.col("co2e_mg") <= pl.col("upper_mg"))
    assert bounds.height == bounds.filter(inside).height > 50
    assert bounds["quantity_unstated_mg"].sum() == 0
    assert bounds["reliability_mean"].unique().to_list() == [2.0]

    entry = other.ledger.latest("tenants/quality", PARTITION)
    assert entry is not None
    (summed,) = entry.entry.facts["sums"]
    assert summed["co2e_mg"] == bounds["co2e_mg"].sum()
    for prefix in ("", "simulated_"):
        assert summed[f"{prefix}lower_mg"] < summed["co2e_mg"] < summed[f"{prefix}upper_mg"]
    # Independent quantities of many lines: the sum is far surer than a line.
    assert float(summed["relative_percent"]) < 1
    assert made(other, (*RESULTS, *STATEMENTS)) == stated, "the same seed, the same bytes"

    node = walk(entry.entry_sha256, other.ledger, other.store)
    assert {child.label for child in node.children} >= {f"tenants/emissions [{PARTITION}]", "tenants/method"}

    for said, asset, kind in (
        (quality, "tenants/quality", "line"),
        (bounds.join(quality, on="facility_id", how="semi"), "tenants/bounds", "total"),
    ):
        row = said.row(0, named=True)
        number = walk(row["rests_on"], other.ledger, other.store)
        assert number.kind == kind, "who asks for a result's hash gets the result"
        assert "file" in kinds(number)
        beside = load_table(other, latest(other, asset, PARTITION)).row(0, named=True)
        node = walk(row_sha256(beside), other.ledger, other.store)
        assert node.kind == "quality"
        assert [child.kind for child in node.children] == [kind]

    shares = tenant_quality.score_shares(quality)
    for row in shares.iter_rows():
        assert sum(row[1:]) == pytest.approx(100, abs=0.5)
    assert shares.filter(pl.col("indicator") == "technological")["not assessed"].item() == 100.0
    assert "data:image/png;base64," in str(quality_plot(shares).value)
