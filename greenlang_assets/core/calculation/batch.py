"""Many calculations at once: activity rows to lines, totals and rejected rows.

Belongs here: resolving each distinct question once, computing columns, publishing integers.
Does not belong here: single calculations (``engine``), whose integers these are: both do the same float64
operations in the same order and round once.

A row is calculated or rejected with a reason; nothing is dropped and nothing is guessed. The result does
not depend on the order of the rows or on how they are divided into runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import polars as pl

from greenlang_assets.core.calculation.batch_plans import (
    MASSES,
    QUESTION,
    Plan,
    not_finite,
    out_of_bounds,
    overflow,
    resolve_all,
)
from greenlang_assets.core.calculation.lines import seal_lines, sum_totals
from greenlang_assets.core.calculation.scope2 import MARKET_BASIS
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import FormulaOutput
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.rounding import PRECISION, publish_expr
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.tenants.contracts import ACTIVITY, LINES, METHOD, REJECTED, check_columns

_ROW, _PLAN = "__row", "__plan"


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
    check_columns(activity, ACTIVITY)
    check_columns(method, METHOD)
    incomplete, rows = _incomplete(activity.sort(ACTIVITY.key))
    questions = rows.select(QUESTION).unique().sort(QUESTION)
    plans = resolve_all(
        questions.iter_rows(named=True), method, catalogue=catalogue, library=library, gwp=gwp
    )
    keyed = rows.with_row_index(_ROW).join(
        questions.with_row_index(_PLAN), on=QUESTION, how="left", nulls_equal=True, validate="m:1"
    )
    calculated, rejected = [], [incomplete]
    for (number,), part in keyed.sort(_PLAN, _ROW).group_by([_PLAN], maintain_order=True):
        plan = plans[cast(int, number)]
        if isinstance(plan, GreenlangError):
            rejected.append(_reject(part, plan))
        else:
            done, refused = _calculate(part, plan)
            calculated.append(done)
            rejected += refused
    refusals = pl.concat([REJECTED.empty(), *rejected]).sort(REJECTED.key)
    lines = seal_lines(rows, calculated)
    return BatchResult(lines=lines, totals=sum_totals(activity, lines), rejected=refusals)


def _incomplete(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows with an empty cell, as rejected ones, and the others; a missing quantity has its own refusal."""
    needed = [name for name in ACTIVITY.columns if name != "quantity"]
    empty = pl.any_horizontal(pl.col(name).is_null() for name in needed)
    error = GreenlangError("ACTIVITY_INCOMPLETE", "empty cells", expected="a value in every column")
    names = (pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in needed)
    found = pl.concat_str(pl.lit("nothing in"), *names, separator=" ", ignore_nulls=True)
    return _reject(rows.filter(empty), error, found), rows.filter(~empty)


def _reject(part: pl.DataFrame, error: GreenlangError, found: pl.Expr | None = None) -> pl.DataFrame:
    return part.select(
        "activity_id",
        pl.lit(error.code).alias("code"),
        (pl.lit(error.found, dtype=pl.String) if found is None else found).alias("found"),
        pl.lit(error.expected, dtype=pl.String).alias("expected"),
        pl.lit(error.hint, dtype=pl.String).alias("hint"),
    )


def _calculate(part: pl.DataFrame, plan: Plan) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of one plan as unsealed lines, and those that cannot be one."""
    quantity = pl.col("converted_quantity")
    part = part.with_columns((pl.col("quantity") * pl.lit(plan.ratio)).alias("converted_quantity"))
    rejected = []
    finite = part["converted_quantity"].is_finite().fill_null(False)
    if not finite.all():
        rejected.append(_reject(part.filter(~finite), not_finite(), _quantity_text()))
        part = part.filter(finite)
    low, high = plan.bounds.minimum, plan.bounds.maximum
    inside = pl.lit(True)
    if low is not None:
        inside &= quantity >= low
    if high is not None:
        inside &= quantity <= high
    outside = part.filter(~inside)
    if outside.height:
        rejected.append(_reject(outside, out_of_bounds(plan), _quantity_text()))
        part = part.filter(inside)
    results = compile_polars(plan.binding, plan.constants, {plan.bounds.symbol: "converted_quantity"})
    computed = part.select(
        pl.all(),
        *(_milligrams(results[item.symbol], item) for item in plan.binding.outputs if item.symbol in MASSES),
    )
    missing = [column for column, _ in MASSES.values() if column not in computed.columns]
    done = computed.with_columns(
        *(pl.lit(None, dtype=pl.Int64).alias(column) for column in missing),
        *(_literal(name, value) for name, value in plan.columns.items()),
    )
    published = [column for column, _ in MASSES.values() if column not in missing]
    complete = pl.all_horizontal(pl.col(column).is_not_null() for column in published)
    lost = done.filter(~complete)
    if lost.height:
        rejected.append(_reject(lost, overflow(), _quantity_text()))
    scope2 = pl.col("scope") == "2"
    return (
        done.filter(complete).with_columns(
            pl.when(scope2).then("co2e_mg").alias("co2e_market_mg"),
            pl.when(scope2).then(pl.lit(MARKET_BASIS["grid-average"])).alias("market_basis"),
        ),
        rejected,
    )


def _literal(name: str, value: str | int) -> pl.Expr:
    return pl.lit(value, dtype=LINES.schema[name]).alias(name)


def _quantity_text() -> pl.Expr:
    return pl.concat_str(pl.col("quantity").cast(pl.String).fill_null("no quantity"), "unit", separator=" ")


def _milligrams(value: pl.Expr, output: FormulaOutput) -> pl.Expr:
    """A mass rounded once to its formula's precision, in whole milligrams."""
    coarser: int = 10 ** (PRECISION - output.precision)
    # A product of 64-bit integers would wrap round silently; one that 64 bits do not hold becomes null.
    exact = publish_expr(value, output.precision).cast(pl.Int128) * coarser
    return exact.cast(pl.Int64, strict=False).alias(MASSES[output.symbol][0])
