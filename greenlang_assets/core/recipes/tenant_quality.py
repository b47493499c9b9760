"""Recipes of what is said about results: how sure each line and total is, and how apt the data behind it.

Belongs here: what the two assets read, and the call that makes them.
Does not belong here: the arithmetic and the scores (``core.calculation.line_quality``); the results
(``recipes.tenants``), whose tables and hashes do not depend on what is said here.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from greenlang_assets.core.calculation.batch_uncertainty import uncertain_totals
from greenlang_assets.core.calculation.data_quality import INDICATORS, scheme
from greenlang_assets.core.calculation.line_quality import for_sums, line_quality, total_bounds
from greenlang_assets.core.calculation.uncertainty import Simulation
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.provenance.canonical import table_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Made, Recipe, World, latest_input, load_table
from greenlang_assets.core.recipes.tenants import (
    CALCULATION_CODE,
    SHARED_INPUTS,
    by_programme,
    parts_of_calculation,
)
from greenlang_assets.core.tenants.contracts import BOUNDS, QUALITY, check

#: Draws and seed of the simulation beside error propagation, for the sum of a partition.
SIMULATION = Simulation(draws=10_000, seed=1)
_CODE = (
    *CALCULATION_CODE,
    "greenlang_assets/core/recipes/tenant_quality.py",
    "data/calculation/data_quality.yaml",
)


def _quality_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    return (
        latest_input(world, "tenants/activity", partition),
        latest_input(world, "tenants/emissions", partition),
        *(latest_input(world, asset) for asset in SHARED_INPUTS),
    )


def _make_quality(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    tables = {reference.asset: reference for reference in inputs}
    library = parts_of_calculation(world, tables)["library"]
    activity = load_table(world, tables["tenants/activity"])
    lines = load_table(world, tables["tenants/emissions"])
    parts, sums = [QUALITY.empty()], []
    for method, own_activity, own_lines in by_programme(world, tables, activity, lines):
        if own_lines.height:
            part = line_quality(own_lines, own_activity, method, library)
            parts.append(part)
            sums.append(_sum(own_lines, own_activity, part, method, library))
    quality = check(pl.concat(parts).sort(QUALITY.key), QUALITY)
    return Made(
        table_bytes(quality, key=QUALITY.key),
        facts={
            "scheme": scheme().scheme,
            "lines": quality.height,
            "lines_with_bounds": quality["lower_mg"].count(),
            "sums": [found for found in sums if found is not None],
        },
        notes={
            "share of CO2e by score, %": score_shares(quality),
            "derived from": {name: item.derived_from for name, item in scheme().indicators.items()},
            "not assessed": scheme().not_assessed,
            "source": "{publisher}: {document}, {edition}, {table}".format(**scheme().citation),
        },
        indexed=True,
    )


def _sum(
    lines: pl.DataFrame, activity: pl.DataFrame, quality: pl.DataFrame, method: pl.DataFrame, library: Library
) -> dict[str, Any] | None:
    """The sum of a programme's lines, bounded by propagation and simulation; None where nothing is stated."""
    if quality["lower_mg"].count() == 0 or (lines["scope"] == "outside").all():
        return None
    named, stated = for_sums(lines, activity, method)
    try:
        (found,) = uncertain_totals(named, library, stated, simulation=SIMULATION)
    except GreenlangError as error:
        # So many quantities that are not normal are not drawn; propagation has no such limit.
        if error.code != "SIMULATION_LINES":
            raise
        (found,) = uncertain_totals(named, library, stated)
    return found.model_dump(mode="json", exclude={"group"}) | {"simulation": SIMULATION.body}


def score_shares(quality: pl.DataFrame) -> pl.DataFrame:
    """Share of the CO2e inside the scopes by indicator and score, in percent; one column is not assessed."""
    quality = quality.filter(pl.col("scope") != "outside")
    weight = pl.col("co2e_mg").cast(pl.Float64).abs()
    total = float(quality.select(weight.sum()).item() or 0.0)
    rows = []
    for name in INDICATORS:
        by = dict(quality.group_by(name).agg(weight.sum()).rows())
        shares = {str(score): by.get(score, 0.0) for score in range(1, 6)} | {
            "not assessed": by.get(None, 0.0)
        }
        rows.append(
            {"indicator": name}
            | {score: round(100 * mass / total, 1) if total else 0.0 for score, mass in shares.items()}
        )
    return pl.DataFrame(rows)


def _bounds_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    return (
        latest_input(world, "tenants/quality", partition),
        latest_input(world, "tenants/totals", partition),
    )


def _make_bounds(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    tables = {reference.asset: load_table(world, reference) for reference in inputs}
    bounds = check(total_bounds(tables["tenants/quality"], tables["tenants/totals"]), BOUNDS)
    widest = bounds.filter(pl.col("lower_mg").is_not_null()).sort("co2e_mg", descending=True).head(5)
    return Made(
        table_bytes(bounds, key=BOUNDS.key),
        facts={
            "facilities": bounds.height,
            "facilities_with_bounds": bounds["lower_mg"].count(),
            "co2e_location_mg": int(bounds["co2e_mg"].sum()),
            "factor_unstated_mg": int(bounds["factor_unstated_mg"].sum()),
            "quantity_unstated_mg": int(bounds["quantity_unstated_mg"].sum()),
        },
        notes={
            "largest, t CO2e with 95 % bounds": widest.select(
                "facility_id",
                *((pl.col(name) / 10**9).round(1).alias(label) for name, label in _SHOWN.items()),
            ),
        },
        indexed=True,
    )


_SHOWN = {"lower_mg": "lower", "co2e_mg": "t CO2e", "upper_mg": "upper"}

QUALITY_RECIPE = Recipe("tenants/quality", "1.0.0", _CODE, _quality_inputs, _make_quality)
BOUNDS_RECIPE = Recipe("tenants/bounds", "1.0.0", _CODE, _bounds_inputs, _make_bounds)
