"""Restatement: what recorded lines would be with another edition of their factors.

Belongs here: which lines rest on an edition, the same rows calculated with another one, the differences.
Does not belong here: which results are recorded (``core.recipes.restatement``); replacing any of them.

The GHG Protocol Corporate Standard (chapter 5) asks a company to recalculate its base year when a change of
method or factors is significant, and to choose and state the threshold of significance itself. So the
threshold is an argument everywhere here, and only the base year is held against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.editions import EditionName
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.tenants.contracts import REJECTED

#: Both scope 2 figures; what is not scope 2 is the same in either.
FIGURES = ("location", "market")
#: One row of the differences.
SCHEMA: dict[str, pl.DataType] = {
    "tenant": pl.String(),
    "period": pl.String(),
    "scope": pl.String(),
    "category": pl.String(),
    "lines": pl.Int64(),
    "location_before_mg": pl.Int64(),
    "location_after_mg": pl.Int64(),
    "market_before_mg": pl.Int64(),
    "market_after_mg": pl.Int64(),
}
_GROUP = ["tenant", "period", "scope", "category"]


@dataclass(frozen=True)
class Restated:
    """What becomes of some recorded lines.

    Attributes:
        differences: frame of :data:`SCHEMA`, a row for each tenant, period, scope and category; integers of
            milligrams of CO2e. Lines that rest on other editions are not in it.
        rejected: contract ``rejected``: rows that the other edition cannot calculate. They stand in
            ``differences`` before, and not after.
    """

    differences: pl.DataFrame
    rejected: pl.DataFrame


@dataclass(frozen=True)
class BaseYear:
    """One tenant's base year, held against the threshold.

    Attributes:
        period: the base year.
        figure: ``location`` or ``market``.
        before_mg: the whole inventory of the base year as it is recorded, in milligrams of CO2e.
        after_mg: the same with the other edition.
        percent: their relative difference in percent of ``before_mg``; None where that is zero.
        significant: the difference reaches the threshold, so the base year is to be recalculated.
    """

    tenant: str
    period: str
    figure: str
    before_mg: int
    after_mg: int
    percent: float | None
    significant: bool


def with_edition(method: pl.DataFrame, before: EditionName, after: EditionName) -> pl.DataFrame:
    """The method with one edition in the place of another; rows of other editions stay as they are."""
    named = pl.lit(value=True)
    for column, wanted in before._asdict().items():
        named &= pl.col(column) == wanted
    return method.with_columns(
        pl.when(named).then(pl.lit(wanted)).otherwise(column).alias(column)
        for column, wanted in after._asdict().items()
    )


def restate(
    lines: pl.DataFrame,
    activity: pl.DataFrame,
    method: pl.DataFrame,
    *,
    before: EditionName,
    after: EditionName,
    factor_sha256s: frozenset[str],
    catalogue: Catalogue,
    library: Library,
    gwp: GwpTable,
) -> Restated:
    """Calculate lines again with another edition.

    Args:
        lines: contract ``lines``, as recorded.
        activity: contract ``activity``, the rows behind them.
        method: contract ``method`` that they were calculated with.
        before: the edition that is named by the method now.
        after: the edition in its place.
        factor_sha256s: hashes of the factor rows of ``before``: a line that names one rests on it.
        catalogue: factors, those of ``after`` among them.
        library: formulas bound to them.
        gwp: global warming potentials.

    Raises:
        GreenlangError: whatever refuses a batch as a whole.
    """
    resting = lines.filter(pl.col("factor_sha256").is_in(list(factor_sha256s)))
    if resting.is_empty():
        return Restated(pl.DataFrame(schema=SCHEMA), REJECTED.empty())
    rows = activity.filter(pl.col("activity_id").is_in(resting["activity_id"].to_list()))
    result = calculate_batch(
        rows, with_edition(method, before, after), catalogue=catalogue, library=library, gwp=gwp
    )
    former, latter = _summed(resting, "before"), _summed(result.lines, "after").drop("lines")
    differences = former.join(latter, on=_GROUP, how="left", nulls_equal=True).with_columns(
        pl.col(f"{figure}_after_mg").fill_null(0) for figure in FIGURES
    )
    return Restated(differences.select(*SCHEMA).sort(_GROUP), result.rejected)


def _summed(lines: pl.DataFrame, when: str) -> pl.DataFrame:
    return lines.group_by(
        "tenant", "period", "scope", pl.col("activity").alias("category"), maintain_order=True
    ).agg(
        pl.len().cast(pl.Int64).alias("lines"),
        pl.col("co2e_mg").sum().alias(f"location_{when}_mg"),
        _market().sum().alias(f"market_{when}_mg"),
    )


def _market() -> pl.Expr:
    """The market-based figure of a line; outside scope 2 there is one figure."""
    return pl.col("co2e_market_mg").fill_null(pl.col("co2e_mg"))


def base_years(
    lines: pl.DataFrame,
    differences: pl.DataFrame,
    *,
    threshold_percent: float,
    period: str | None = None,
) -> tuple[BaseYear, ...]:
    """Each tenant's base year against the threshold, location-based and market-based.

    Args:
        lines: every recorded line of the tenants (those of other editions too: the threshold is one of the
            whole inventory), columns of contract ``lines``.
        differences: frame of :data:`SCHEMA`.
        threshold_percent: a difference of so much or more, up or down, is significant.
        period: the base year; each tenant's first period unless told.
    """
    inventory = lines.group_by("tenant", "period").agg(
        pl.col("co2e_mg").sum().alias("location"), _market().sum().alias("market")
    )
    if period is None:
        inventory = inventory.filter(pl.col("period") == pl.col("period").min().over("tenant"))
    else:
        inventory = inventory.filter(period=period)
    change = differences.group_by("tenant", "period").agg(
        (pl.col(f"{figure}_after_mg") - pl.col(f"{figure}_before_mg")).sum().alias(f"{figure}_change")
        for figure in FIGURES
    )
    joined = inventory.join(change, on=["tenant", "period"], how="inner").sort("tenant")
    return tuple(
        _base_year(
            row["tenant"], row["period"], figure, row[figure], row[f"{figure}_change"], threshold_percent
        )
        for row in joined.iter_rows(named=True)
        for figure in FIGURES
    )


def _base_year(
    tenant: str, period: str, figure: str, before: int, change: int, threshold_percent: float
) -> BaseYear:
    percent = change / before * 100 if before else None
    significant = change != 0 if percent is None else abs(percent) >= threshold_percent
    return BaseYear(tenant, period, figure, before, before + change, percent, significant)


def joined(parts: Sequence[Restated]) -> Restated:
    """Several partitions as one, sorted."""
    return Restated(
        pl.concat([pl.DataFrame(schema=SCHEMA), *(part.differences for part in parts)]).sort(_GROUP),
        pl.concat([REJECTED.empty(), *(part.rejected for part in parts)]).sort(REJECTED.key),
    )
