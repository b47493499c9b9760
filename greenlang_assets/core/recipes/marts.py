"""Recipes of the dbt marts: which recorded tables they read, and what is recorded of them.

Belongs here: inputs and content of a mart. Does not belong here: SQL (``dbt/``) or running it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from greenlang_assets.core.provenance.canonical import table_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Made, Recipe, World, latest_input, load_table
from greenlang_assets.core.recipes.tenants import all_partitions, gather

_CODE = ("dbt/models/staging", "dbt/models/marts", "dbt/macros", "greenlang_assets/core/recipes/marts.py")


def mart_inputs(world: World, partition: str | None = None) -> tuple[InputRef, ...]:
    """Every partition of emissions and totals, and the reported figures."""
    del partition
    return (
        *all_partitions(world, "tenants/emissions", "tenants/totals"),
        latest_input(world, "tenants/reported"),
    )


def mart_sources(world: World) -> dict[str, pl.DataFrame]:
    """The tables that dbt reads, by the name of their source, verified as they are loaded."""
    inputs = mart_inputs(world)
    (reported,) = (reference for reference in inputs if reference.asset == "tenants/reported")
    return {
        "lines": gather(world, inputs, "tenants/emissions"),
        "totals": gather(world, inputs, "tenants/totals"),
        "reported": load_table(world, reported),
    }


def mart_recipe(name: str, key: Sequence[str], tables: Mapping[str, pl.DataFrame] | None = None) -> Recipe:
    """The recipe of one mart.

    Args:
        name: of the dbt model.
        key: columns that name a row.
        tables: what the dbt build made; only needed to record it.
    """

    def make(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
        del world, partition, inputs
        table = (tables or {})[name].cast({pl.Int128: pl.Int64})
        return Made(table_bytes(table, key=key), facts={"rows": table.height})

    return Recipe(f"marts/{name}", "1.0.0", _CODE, mart_inputs, make)
