"""Recipe of the comparison with what the tenants' authority reported.

Belongs here: what is compared and recorded. Does not belong here: the comparison (``core.calculation``).
"""

from __future__ import annotations

import polars as pl

from greenlang_assets.core.calculation.tie_out import TieOut, tie_out
from greenlang_assets.core.provenance.canonical import table_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Made, Recipe, World, latest_input, load_table
from greenlang_assets.core.recipes.tenants import (
    CALCULATION_CODE,
    all_partitions,
    by_programme,
    gather,
    parts_of_calculation,
)

ASSET = "tenants/tie_out"
_SINGLE = (
    "tenants/reported",
    "tenants/method",
    "tenants/register",
    "factors/catalogue",
    "factors/fuel_properties",
    "factors/ipcc_gwp",
    "formulas/library",
)


def _inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    many = all_partitions(world, "tenants/activity", "tenants/totals")
    return (*many, *(latest_input(world, asset) for asset in _SINGLE))


def compare(world: World, inputs: tuple[InputRef, ...]) -> tuple[TieOut, ...]:
    """One comparison a tenant programme, over all its recorded partitions."""
    tables = {reference.asset: reference for reference in inputs}
    parts = parts_of_calculation(world, tables)
    frames = (
        gather(world, inputs, "tenants/activity"),
        gather(world, inputs, "tenants/totals"),
        load_table(world, tables["tenants/reported"]),
    )
    return tuple(
        tie_out(activity, totals, reported, method, **parts)
        for method, activity, totals, reported in by_programme(world, tables, *frames)
    )


def _make(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    found = compare(world, inputs)
    facilities = pl.concat([one.facilities for one in found])
    compared, within = sum(one.compared for one in found), sum(one.within for one in found)
    reasons = pl.concat([one.reasons for one in found])
    return Made(
        table_bytes(facilities, key=["facility_id", "period"]),
        facts={
            "compared": compared,
            "within_1_percent": within,
            "share_percent": round(100 * within / compared, 2) if compared else None,
            "predicate": found[0].predicate,
        },
        notes={
            "by period": pl.concat([one.periods for one in found]).select(
                "period",
                pl.col("facilities").alias("buildings"),
                pl.col("within").alias("within 1 %"),
                (pl.col("share") * 100).round(2).alias("share, %"),
                pl.col("calculated_tco2e").round(0).cast(pl.Int64).alias("calculated, t CO2e"),
                pl.col("reported_tco2e").round(0).cast(pl.Int64).alias("reported, t CO2e"),
            ),
            "why the rest differs": reasons.filter(pl.col("facilities") > 0).select(
                pl.col("facilities").alias("buildings"), "meaning"
            ),
        },
    )


RECIPE = Recipe(
    ASSET, "1.0.0", (*CALCULATION_CODE, "greenlang_assets/core/recipes/tie_out.py"), _inputs, _make
)
