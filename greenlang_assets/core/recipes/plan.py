"""The order of the main job, what of it is stale, and what stands when it is done.

Belongs here: stages, the question "must this be made again?", the summary in figures.
Does not belong here: making anything, or showing it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.recipes import factors, formulas, release, tenants, tie_out
from greenlang_assets.core.recipes.base import Recipe, World, is_current, latest_input, load_table
from greenlang_assets.core.recipes.tenants import partitions, periods

__all__ = [
    "Stage",
    "counts",
    "emission_runs",
    "partitions",
    "periods",
    "require_factors",
    "stages",
    "stale",
    "summary",
    "tenant_register",
]

#: What of an entry's facts says how far a partition came.
_COUNTS = {"activity_rows": "rows", "lines": "lines", "rejected": "rejected"}


@dataclass(frozen=True)
class Stage:
    """A stage of the main job: its title, the Dagster job that does it, its recipes in order."""

    title: str
    job: str
    recipes: tuple[Recipe, ...]
    partitions: Callable[[World], tuple[str | None, ...]] = lambda _: (None,)


def stages(marts: tuple[Recipe, ...]) -> tuple[Stage, ...]:
    """The stages in order; ``marts`` are declared by the dbt project."""
    return (
        Stage(
            "Emission factors and formulas",
            "factors_and_formulas",
            (*factors.RECIPES, formulas.RECIPE, release.RECIPE),
        ),
        tenant_register(),
        emission_runs(),
        Stage("Marts and tie-out", "marts_and_tie_out", (*marts, tie_out.RECIPE)),
    )


def tenant_register() -> Stage:
    """Who the tenants are, and what was published about them."""
    recipes = (tenants.REGISTER, tenants.REPORTED_RECIPE, tenants.METHOD_RECIPE)
    return Stage("Tenants and their method", "tenant_register", recipes)


def emission_runs() -> Stage:
    """Activity to totals, cohort by cohort and period by period."""
    recipes = (tenants.ACTIVITY_RECIPE, tenants.EMISSIONS, tenants.REJECTED_RECIPE, tenants.TOTALS_RECIPE)
    return Stage("Emission runs", "emission_run", recipes, partitions=partitions)


Step = tuple[tuple[str, ...], str | None]


def stale(stage: Stage, world: World) -> list[Step]:
    """What of a stage must be made: the assets of each partition whose record is not current."""
    steps = [(_stale_recipes(stage.recipes, world, key), key) for key in stage.partitions(world)]
    return [(assets, key) for assets, key in steps if assets]


def _stale_recipes(recipes: tuple[Recipe, ...], world: World, partition: str | None) -> tuple[str, ...]:
    found: list[str] = []
    for recipe in recipes:
        try:
            inputs = recipe.inputs(world, partition)
        except GreenlangError as error:
            if error.code != "INPUT_NOT_MADE":
                raise
            found.append(recipe.asset)
            continue
        follows = any(reference.asset in found for reference in inputs)
        if follows or not is_current(recipe, world, partition=partition):
            found.append(recipe.asset)
    return tuple(found)


def require_factors(world: World) -> None:
    """See that what every emission run calculates with was made: factors, formulas, method.

    Raises:
        GreenlangError: ``INPUT_NOT_MADE`` with what is missing.
    """
    for asset in tenants.SHARED_INPUTS:
        latest_input(world, asset)


def counts(world: World, assets: Sequence[str], partition: str) -> dict[str, int]:
    """How many rows of a partition were read, calculated and rejected, as far as these assets state it."""
    facts = {name: value for asset in assets for name, value in _facts(world, asset, partition).items()}
    return {label: facts[name] for name, label in _COUNTS.items() if name in facts}


def summary(world: World) -> dict[str, Any]:
    """What stands in the ledger now, in figures; every figure is a fact of a recorded entry."""
    catalogue = _facts(world, "factors/catalogue")
    library = _facts(world, "formulas/library")
    compared = _facts(world, tie_out.ASSET)
    emissions = [_facts(world, "tenants/emissions", key) for key in partitions(world)]
    totals = [_facts(world, "tenants/totals", key) for key in partitions(world)]
    largest = _largest_total(world)
    return {
        "factors": catalogue["factors"],
        "published_values": catalogue["published_values"] + _further_values(world),
        "equations": library["equations"],
        "formulas": library["bindings"],
        "tenants": _facts(world, "tenants/register")["tenants"],
        "building_years": sum(facts["facilities"] for facts in totals),
        "lines": sum(facts["lines"] for facts in emissions),
        "rejected": sum(facts["rejected"] for facts in emissions),
        "tco2e_location": sum(facts["co2e_location_mg"] for facts in emissions) / 10**9,
        "tco2e_market": sum(facts["co2e_market_mg"] for facts in emissions) / 10**9,
        "tie_out": compared,
        "hashes": {
            asset: latest_input(world, asset).content_sha256
            for asset in ("factors/catalogue", "formulas/library", tie_out.ASSET)
        },
        "example": largest,
    }


def _further_values(world: World) -> int:
    """Published figures beside those of the factors: each stands in a table of its own."""
    beside = sum(_facts(world, asset)["rows"] for asset in (factors.PROPERTIES, factors.GWP))
    return int(_facts(world, factors.VALUES)["published_values"] + beside)


def _facts(world: World, asset: str, partition: str | None = None) -> dict[str, Any]:
    latest_input(world, asset, partition)  # says what to do when it was never made
    link = world.ledger.latest(asset, partition)
    return dict(link.entry.facts) if link else {}


def _largest_total(world: World) -> dict[str, Any]:
    """The building-year with the largest total: a hash worth walking back."""
    frames = [load_table(world, latest_input(world, "tenants/totals", key)) for key in partitions(world)]
    row = pl.concat(frames).sort("co2e_mg", "facility_id", descending=[True, False]).row(0, named=True)
    return {
        "facility": row["facility_name"],
        "period": row["period"],
        "tco2e": row["co2e_mg"] / 10**9,
        "total_sha256": row["total_sha256"],
    }
