"""Blocking checks: what is recorded fulfils its contract, or nothing below it runs.

Belongs here: turning a contract's answer into a check result that says what is wrong.
Does not belong here: the contracts (``core.factors``, ``core.formulas``, ``core.tenants``).
"""

from collections.abc import Callable

import dagster as dg
import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.recipes.base import latest_input, load_table
from greenlang_assets.core.recipes.formulas import require_cited
from resources.dagster.resource import WorldResource

Judge = Callable[[pl.DataFrame], object]


def _factors(frame: pl.DataFrame) -> None:
    from greenlang_assets.core.factors.contracts import require

    require(frame, "factors")


def _gwp(frame: pl.DataFrame) -> None:
    from greenlang_assets.core.factors.reference_contracts import require_gwp

    require_gwp(frame)


def _properties(frame: pl.DataFrame) -> None:
    from greenlang_assets.core.factors.reference_contracts import require_properties

    require_properties(frame)


def _values(frame: pl.DataFrame) -> None:
    from greenlang_assets.core.factors.reference_contracts import require_values

    require_values(frame)


def _goods(frame: pl.DataFrame) -> None:
    from greenlang_assets.core.factors.reference_contracts import require_goods

    require_goods(frame)


def _parameters(frame: pl.DataFrame) -> None:
    from greenlang_assets.core.parameters.contract import require_sound

    require_sound(frame)


def _tenants(frame: pl.DataFrame) -> None:
    from greenlang_assets.core.tenants import contracts

    by_columns = {tuple(c.columns): c for c in (contracts.ACTIVITY, contracts.LINES, contracts.TOTALS)}
    contracts.check(frame, by_columns[tuple(frame.columns)])


def _blocking(key: dg.AssetKey, name: str, description: str, judge: Judge) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=key, name=name, description=description, blocking=True)
    def holds(context: dg.AssetCheckExecutionContext, world: WorldResource) -> dg.AssetCheckResult:
        # The run's own tag: partitions of checks are still a preview in Dagster.
        partition = context.run.tags.get("dagster/partition")
        reference = latest_input(world.world(), key.to_user_string(), partition)
        frame = load_table(world.world(), reference)
        try:
            judge(frame)
        except GreenlangError as error:
            said = {label: str(value) for label, value in error.as_dict().items() if value}
            return dg.AssetCheckResult(passed=False, description=error.message, metadata=said)
        return dg.AssetCheckResult(
            passed=True, metadata={"rows": frame.height, "content_sha256": reference.content_sha256}
        )

    return holds


def factor_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The contract of a factor table."""
    words = "pandera: columns, unique ids, units that read, no CO2e without its GWP set, plausible ranges"
    return _blocking(key, "contract", words, _factors)


def tenant_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The contract of a table of tenant data, in each partition."""
    return _blocking(
        key, "contract", "pandera: columns, types, unique keys, bounds, finite numbers", _tenants
    )


def gwp_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The GWP sets are whole."""
    return _blocking(key, "contract", "AR4, AR5 and AR6 each hold the Kyoto basket, positive and cited", _gwp)


def properties_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The fuel properties can be used."""
    return _blocking(key, "contract", "positive, cited, with a unit that reads", _properties)


def values_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Published values are whole."""
    return _blocking(key, "contract", "finite, with measure and unit, cited, each once", _values)


def goods_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Codes of goods have names."""
    return _blocking(key, "contract", "every code with its name and path, once a year", _goods)


def parameters_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Every default figure is its own, cited and inside its range."""
    words = "unique ids, a citation and a unit that reads in every row, values inside their ranges"
    return _blocking(key, "contract", words, _parameters)


def library_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """Every formula is its own, cited and tested."""
    words = "unique content; a citation and a test vector in every definition"
    return _blocking(key, "cited_and_tested", words, require_cited)
