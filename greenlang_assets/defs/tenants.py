"""Assets of tenant runs: register, activity, method, emissions, totals, and the comparison with the city.

Belongs here: one asset a recipe, its partitions, its description for people, its picture.
Does not belong here: how it is made (``core.recipes.tenants``).
"""

from typing import Any

import dagster as dg

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.recipes import tenants, tie_out
from greenlang_assets.core.recipes.base import Recipe, latest_input, load_table
from greenlang_assets.defs import keys
from greenlang_assets.defs.checks import tenant_check
from greenlang_assets.defs.partitions import only_partition, tenant_partitions
from greenlang_assets.defs.provenance import record, refused
from greenlang_assets.defs.tie_out_plot import tie_out_plot
from resources.dagster.resource import WorldResource

_DESCRIPTIONS = {
    "tenants/register": (
        "Who the tenants are: tenant, programme, cohort, number of facilities, attribution.\n\nTenants are "
        "rows, not partitions: the hash of a tenant's name decides its cohort for ever."
    ),
    "tenants/activity": (
        "What was used: one row per facility, period and kind of energy, as the tenant's file gives it, each "
        "row with its file and line.\n\nPartitioned by cohort and period. To add a tenant, put a folder with "
        "activity, reported figures and a method table beside the others: the README says how."
    ),
    "tenants/reported": (
        "What the tenants' authority published for the same facilities and periods: never an input of a "
        "calculation, only its touchstone."
    ),
    "tenants/method": (
        "Which edition and GWP set a data year is calculated with, and **why**: a small table that people "
        "read and edit. An activity without a row here is rejected, with this table named."
    ),
    "tenants/emissions": (
        "One line per activity: factor, formula, GWP set, converted quantity, each gas and CO2e as integers "
        "of milligrams, both scope 2 figures, and the line's own hash.\n\nThe integers are the same on every "
        "machine, in any row order and partitioning. `glac provenance show <line_sha256>` walks a line back "
        "to the publisher's row."
    ),
    "tenants/rejected": (
        "Activity that was not calculated, each row with code, what was found, what was expected and what to "
        "do. Nothing is dropped in silence."
    ),
    "tenants/totals": (
        "One total per facility and period: the sum of its lines, location-based and market-based, and the "
        "hash under which `glac provenance show` draws the tree down to the publisher's table."
    ),
    "tenants/tie_out": (
        "Our totals beside the figures that the city reported itself, building by building, with the reason "
        "wherever they differ by more than 1 %.\n\nCounted over buildings that use electricity and gas only "
        "and for which the city reports a figure."
    ),
}
#: Facts that say how far a partition came, as the log tells them.
_COUNTED = ("activity_rows", "lines", "rejected", "facilities", "tenants")
_KINDS = {"tenants/method": {"csv"}, "tenants/tie_out": {"table", "polars"}}
_CALCULATION_DEPS: list[dg.AssetKey] = [
    keys.ACTIVITY,
    keys.METHOD,
    keys.REGISTER,
    keys.CATALOGUE,
    keys.FUEL_PROPERTIES,
    keys.IPCC_GWP,
    keys.LIBRARY,
]
_DEPS: dict[str, list[dg.AssetKey]] = {
    "tenants/emissions": _CALCULATION_DEPS,
    "tenants/rejected": _CALCULATION_DEPS,
    "tenants/totals": [keys.ACTIVITY, keys.EMISSIONS],
}


def _asset(recipe: Recipe, *, partitioned: bool = False) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(recipe.asset.split("/")),
        deps=_DEPS.get(recipe.asset, []),
        partitions_def=tenant_partitions if partitioned else None,
        description=_DESCRIPTIONS[recipe.asset],
        group_name=keys.GROUP_TENANTS,
        owners=[keys.OWNER],
        kinds=_KINDS.get(recipe.asset, {"table", "polars"}),
        code_version=recipe.code_version,
    )
    def made(context: dg.AssetExecutionContext, world: WorldResource) -> dg.MaterializeResult[Any]:
        partition = only_partition(context) if partitioned else None
        try:
            result = record(context, recipe, world.world(), partition=partition)
        except GreenlangError as error:
            raise refused(context, error, recipe.asset, partition) from None
        return result if partition is None else _placed(context, world, partition, result)

    return made


def _placed(
    context: dg.AssetExecutionContext,
    world: WorldResource,
    partition: str,
    result: dg.MaterializeResult[Any],
) -> dg.MaterializeResult[Any]:
    """Say in the log and beside the materialisation which of how many partitions this is, and its counts."""
    keys_known = tenants.partitions(world.world())
    place = f"{keys_known.index(partition) + 1} of {len(keys_known)}" if partition in keys_known else "new"
    shown = dict(result.metadata or {})
    told = [f"{name} {shown[name]:,}" for name in _COUNTED if isinstance(shown.get(name), int)]
    context.log.info(f"partition {place} ({partition}): {', '.join(told) or 'recorded'}")
    return result._replace(metadata={"partition": f"{place}: {partition}", **shown})


@dg.asset(
    key=keys.TIE_OUT,
    deps=[keys.TOTALS, keys.REPORTED, *_CALCULATION_DEPS],
    description=_DESCRIPTIONS["tenants/tie_out"],
    group_name=keys.GROUP_TENANTS,
    owners=[keys.OWNER],
    kinds=_KINDS["tenants/tie_out"],
    code_version=tie_out.RECIPE.code_version,
)
def tie_out_asset(context: dg.AssetExecutionContext, world: WorldResource) -> dg.MaterializeResult[Any]:
    """Record the comparison and draw it."""
    touched = world.world()
    result = record(context, tie_out.RECIPE, touched)
    drawn = tie_out_plot(load_table(touched, latest_input(touched, tie_out.ASSET)))
    return result._replace(metadata={"our figure beside the city's": drawn, **(result.metadata or {})})


ASSETS = [
    *(_asset(r) for r in (tenants.REGISTER, tenants.REPORTED_RECIPE, tenants.METHOD_RECIPE)),
    _asset(tenants.ACTIVITY_RECIPE, partitioned=True),
    _asset(tenants.EMISSIONS, partitioned=True),
    _asset(tenants.REJECTED_RECIPE, partitioned=True),
    _asset(tenants.TOTALS_RECIPE, partitioned=True),
    tie_out_asset,
]
CHECKS = [tenant_check(key) for key in (keys.ACTIVITY, keys.EMISSIONS, keys.TOTALS)]
