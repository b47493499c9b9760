"""The dbt marts as assets, their data tests as blocking checks.

Belongs here: specs read from the dbt project's own ``schema.yml``, one build for all marts.
Does not belong here: SQL, or how dbt is run (``resources.dbt_project``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from greenlang_assets.core.data_root import DBT_ROOT
from greenlang_assets.core.recipes.marts import mart_recipe, mart_sources
from greenlang_assets.defs import keys
from greenlang_assets.defs.provenance import record
from resources.dagster.resource import WorldResource
from resources.dbt_project import DataTest, Mart, build, read_marts

MARTS = read_marts(DBT_ROOT)
DUCKDB_FILE = "marts/greenlang.duckdb"


def _spec(mart: Mart) -> dg.AssetSpec:
    return dg.AssetSpec(
        keys.mart(mart.name),
        deps=[keys.EMISSIONS, keys.TOTALS, keys.REPORTED],
        description=f"{mart.description}\n\nSQL: `dbt/models/marts/{mart.name}.sql`; one row per "
        f"{' and '.join(mart.key)}. The tables can be queried in `$GREENLANG_HOME/{DUCKDB_FILE}`.",
        group_name=keys.GROUP_MARTS,
        owners=[keys.OWNER],
        kinds={"dbt", "duckdb"},
        code_version=mart_recipe(mart.name, mart.key).code_version,
        skippable=True,
    )


@dg.multi_asset(
    specs=[_spec(mart) for mart in MARTS],
    check_specs=[
        dg.AssetCheckSpec(
            name, asset=keys.mart(mart.name), description=f"dbt data test `{name}`", blocking=True
        )
        for mart in MARTS
        for name in mart.tests
    ],
)
def marts(context: dg.AssetExecutionContext, world: WorldResource) -> Iterator[Any]:
    """Build all marts with dbt, record those whose data tests passed."""
    touched = world.world()
    built = build(DBT_ROOT, inputs=mart_sources(touched), duckdb_file=world.home / DUCKDB_FILE)
    failed = {test.mart for test in built.tests if not test.passed}
    for mart in MARTS:
        if mart.name not in failed:
            yield record(context, mart_recipe(mart.name, mart.key, built.tables), touched)
    yield from (_check_result(test) for test in built.tests)


def _check_result(test: DataTest) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=test.passed,
        asset_key=keys.mart(test.mart),
        check_name=test.name,
        metadata={"failing rows": test.failures, "message": test.message or "none"},
    )
