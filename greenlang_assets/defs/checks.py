"""Blocking checks: what is recorded fulfils its contract, or nothing below it runs.

Belongs here: turning a contract's answer into a check result that says what is wrong.
Does not belong here: the contracts (``core.factors.contracts``, ``core.tenants.contracts``).
"""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.recipes.base import World, latest_input, load_table
from greenlang_assets.defs.partitions import tenant_partitions
from resources.dagster.resource import WorldResource


def _factors(frame: pl.DataFrame, world: World) -> None:
    from greenlang_assets.core.factors.contracts import check_factors

    check_factors(frame)


def _tenants(frame: pl.DataFrame, world: World) -> None:
    from greenlang_assets.core.tenants import contracts

    by_columns = {tuple(c.columns): c for c in (contracts.ACTIVITY, contracts.LINES, contracts.TOTALS)}
    contracts.check(frame, by_columns[tuple(frame.columns)])


def _result(
    key: dg.AssetKey, judge: Callable[[pl.DataFrame, World], None], world: World, partition: str | None
) -> dg.AssetCheckResult:
    reference = latest_input(world, key.to_user_string(), partition)
    frame = load_table(world, reference)
    try:
        judge(frame, world)
    except GreenlangError as error:
        return dg.AssetCheckResult(
            passed=False,
            description=error.message,
            metadata={name: str(value) for name, value in error.as_dict().items() if value},
        )
    return dg.AssetCheckResult(
        passed=True, metadata={"rows": frame.height, "content_sha256": reference.content_sha256}
    )


def table_check(key: dg.AssetKey, *, partitioned: bool = False) -> dg.AssetChecksDefinition:
    """The contract of a factor or tenant table (columns, types, keys, bounds, plausible ranges)."""
    judge = _tenants if key.path[0] == "tenants" else _factors

    @dg.asset_check(
        asset=key,
        name="contract",
        description="pandera: columns, types, unique keys, units, bounds and plausible ranges",
        blocking=True,
        partitions_def=tenant_partitions if partitioned else None,
    )
    def contract(context: dg.AssetCheckExecutionContext, world: WorldResource) -> dg.AssetCheckResult:
        partition = context.partition_key if partitioned else None
        return _result(key, judge, world.create_resource(), partition)

    return contract


def _gwp(frame: pl.DataFrame, world: World) -> None:
    from greenlang_assets.core.factors.contracts import check_gwp

    check_gwp(frame)


def _properties(frame: pl.DataFrame, world: World) -> None:
    from greenlang_assets.core.factors.contracts import check_properties

    check_properties(frame)


def gwp_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The GWP sets: every set whole, every value positive, the well-known gases in all three."""

    @dg.asset_check(
        asset=key, name="contract", description="every set holds CH4, N2O and the HFCs", blocking=True
    )
    def contract(world: WorldResource) -> dg.AssetCheckResult:
        return _result(key, _gwp, world.create_resource(), None)

    return contract


def properties_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The fuel properties: positive, with a unit that reads, cited."""

    @dg.asset_check(
        asset=key, name="contract", description="positive, with a unit that reads, cited", blocking=True
    )
    def contract(world: WorldResource) -> dg.AssetCheckResult:
        return _result(key, _properties, world.create_resource(), None)

    return contract


def library_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Every equation and binding has a citation and a test vector; no two are the same."""

    @dg.asset_check(
        asset=key,
        name="cited_and_tested",
        description="unique ids and hashes; a citation and a test vector in every definition",
        blocking=True,
    )
    def cited_and_tested(world: WorldResource) -> dg.AssetCheckResult:
        return _result(key, _library, world.create_resource(), None)

    return cited_and_tested


def _library(frame: pl.DataFrame, world: World) -> None:
    doubled = frame.filter(pl.col("sha256").is_duplicated())
    bare = frame.filter(
        ~pl.col("definition").str.contains('"citation":{', literal=True)
        | ~pl.col("definition").str.contains('"vectors":[{', literal=True)
    )
    for faulty, what in ((doubled, "the same content as another"), (bare, "no citation or no test vector")):
        if faulty.height:
            raise GreenlangError(
                "LIBRARY_CONTRACT",
                f"{faulty.height} formulas have {what}",
                found=", ".join(faulty["formula_id"].head(3)),
                expected="every formula its own, cited, with a test vector",
            )
