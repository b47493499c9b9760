"""Many calculations at once: activity rows to lines, totals and rejected rows.

Belongs here: resolving each distinct question once, computing columns, publishing integers.
Does not belong here: single calculations (``engine``), whose integers these are: both do the same float64
operations in the same order and round once.

A row is calculated or rejected with a reason; nothing is dropped and nothing is guessed. The result does
not depend on the order of the rows or on how they are divided into runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.calculation.batch_plans import (
    NEEDED,
    incomplete,
    not_finite,
    out_of_bounds,
    overflow,
    quantity_text,
)
from greenlang_assets.core.calculation.batch_questions import resolver_of
from greenlang_assets.core.calculation.lines import seal_lines, sum_totals
from greenlang_assets.core.calculation.scope2 import MARKET_BASIS
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD, REJECTED, check_columns

if TYPE_CHECKING:
    from greenlang_assets.core.calculation.batch_columns import Calculated


@dataclass(frozen=True)
class BatchResult:
    """The three tables of a run; each activity row is in ``lines`` or in ``rejected``, never in both.

    Args:
        lines: contract ``lines``, sorted by ``activity_id``.
        totals: contract ``totals``, sorted by facility and period.
        rejected: contract ``rejected``, sorted by ``activity_id``.
    """

    lines: pl.DataFrame
    totals: pl.DataFrame
    rejected: pl.DataFrame


def calculate_batch(
    activity: pl.DataFrame,
    method: pl.DataFrame,
    *,
    catalogue: Catalogue,
    library: Library,
    gwp: GwpTable,
) -> BatchResult:
    """Calculates activity rows by a method table.

    Each distinct (activity, region, data year, unit) is resolved once: the method row names edition and
    GWP set, the catalogue gives the factor, the library its formula, the unit library one conversion.

    Args:
        activity: contract ``activity``; any order, keys unique.
        method: contract ``method``.
        catalogue: emission factors.
        library: formulas bound to them.
        gwp: global warming potentials.

    Raises:
        GreenlangError: ``CONTRACT_COLUMNS``, ``CONTRACT_KEY``; ``GWP_SET_MIXED`` where a total would add
            two sets; ``NUMBER_OVERFLOW`` where a total leaves 64 bits. Nothing is returned then.
    """
    # Loads a compiler: half a second, paid by those who run a batch.
    from greenlang_assets.core.calculation.batch_columns import Batch

    check_columns(activity, ACTIVITY)
    check_columns(method, METHOD)
    unfilled, rows = _incomplete(activity.sort(ACTIVITY.key))
    calculated = Batch(resolver_of(catalogue, library, gwp), method).calculate(rows)
    fine = pl.Series(calculated.statuses == layout.FINE)
    scope2 = pl.col("scope") == "2"
    lines = pl.concat([rows, calculated.frame()], how="horizontal").filter(fine).with_columns(
        pl.col(pl.Categorical).cast(pl.String),
        pl.when(scope2).then("co2e_mg").alias("co2e_market_mg"),
        pl.when(scope2).then(pl.lit(MARKET_BASIS["grid-average"])).alias("market_basis"),
    )  # fmt: skip
    sealed = seal_lines(rows, lines)
    rejected = pl.concat([unfilled, refused_rows(rows, calculated)]).sort(REJECTED.key)
    return BatchResult(lines=sealed, totals=sum_totals(activity, sealed), rejected=rejected)


def _incomplete(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with an empty cell, as rejected ones, and the others; a missing quantity has its own refusal."""
    empty = pl.any_horizontal(pl.col(name).is_null() for name in NEEDED)
    names = (pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in NEEDED)
    found = pl.concat_str(pl.lit("nothing in"), *names, separator=" ", ignore_nulls=True)
    return _reject(rows.filter(empty), incomplete(), "activity_id", found), rows.filter(~empty)


def refused_rows(rows: pl.DataFrame, calculated: Calculated, key: str = "activity_id") -> pl.DataFrame:
    """The rows without figures, each with its reason.

    Args:
        rows: what was calculated: quantity, unit and ``key``.
        calculated: what came of it.
        key: the column that names a row.
    """
    parts = [_reject(rows.clear(), overflow(), key)]
    without = np.flatnonzero(calculated.statuses != layout.FINE)
    plans, statuses = calculated.plans[without], calculated.statuses[without]
    for plan, status in np.unique(np.column_stack([plans, statuses]), axis=0).tolist():
        part = rows[without[(plans == plan) & (statuses == status)]]
        answer = calculated.answers.plan(plan)
        if isinstance(answer, GreenlangError):
            parts.append(_reject(part, answer, key))
            continue
        if status == layout.OUT_OF_BOUNDS:
            error = out_of_bounds(answer.formula.bounds)
        else:
            error = overflow() if status == layout.OVERFLOW else not_finite()
        parts.append(_reject(part, error, key, quantity_text()))
    return pl.concat(parts)


def _reject(
    part: pl.DataFrame, error: GreenlangError, key: str, found: pl.Expr | None = None
) -> pl.DataFrame:
    return part.select(
        key,
        pl.lit(error.code).alias("code"),
        (pl.lit(error.found, dtype=pl.String) if found is None else found).alias("found"),
        pl.lit(error.expected, dtype=pl.String).alias("expected"),
        pl.lit(error.hint, dtype=pl.String).alias("hint"),
    )
