"""Many calculations at once: activity rows to lines, totals and rejected rows.

Belongs here: resolving each distinct question once, computing columns, publishing integers.
Does not belong here: single calculations (``engine``), whose integers these are: both do the same float64
operations in the same order and round once.

A row is calculated or rejected with a reason; nothing is dropped and nothing is guessed. The result does
not depend on the order of the rows or on how they are divided into runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from greenlang_assets.core.calculation.lines import seal_lines, sum_totals
from greenlang_assets.core.calculation.prepare import Formula, GwpChoice, bounds_of, choose_gwp, open_inputs
from greenlang_assets.core.calculation.quantities import Bounds, ratio
from greenlang_assets.core.calculation.scope2 import MARKET_BASIS
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue, Match
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import FormulaOutput
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.rounding import PRECISION, publish_expr
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD, REJECTED, check_columns

#: Output of a formula → column of the lines. Each is in kilograms, at six decimals: whole milligrams.
MASSES = {
    "co2": ("co2_mg", "kg[CO2]"),
    "ch4": ("ch4_mg", "kg[CH4]"),
    "n2o": ("n2o_mg", "kg[N2O]"),
    "co2_biogenic": ("co2_biogenic_mg", "kg[CO2_biogenic]"),
    "co2e": ("co2e_mg", "kg[CO2e]"),
}
_QUESTION = ("activity", "region", "data_year", "unit")
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


@dataclass(frozen=True)
class _Plan:
    """The answer to one distinct question: how its rows are calculated."""

    match: Match
    binding: Binding
    gwp: GwpChoice
    ratio: float
    bounds: Bounds

    @property
    def columns(self) -> dict[str, pl.Expr]:
        """The columns of a line that are the same in every row of this plan."""
        factor = self.match.factor
        texts = {
            "converted_unit": self.bounds.unit,
            "factor_id": factor.factor_id,
            "factor_sha256": factor.sha256,
            "formula_id": self.binding.id,
            "formula_sha256": self.binding.sha256,
            "gwp_set": self.gwp.gwp_set,
            "gwp_sha256": self.gwp.sha256,
            "matched_level": self.match.matched_level,
            "licence": factor.citation.licence,
        }
        distance = pl.lit(self.match.year_distance, dtype=pl.Int64).alias("year_distance")
        return {name: pl.lit(text).alias(name) for name, text in texts.items()} | {"year_distance": distance}


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
    methods = {(row["data_year"], row["activity"]): row for row in method.iter_rows(named=True)}
    plans: list[_Plan | GreenlangError] = []
    questions = rows.select(_QUESTION).unique().sort(_QUESTION)
    for question in questions.iter_rows(named=True):
        try:
            plans.append(_resolve(question, methods, catalogue, library, gwp))
        except GreenlangError as error:
            plans.append(error)
    keyed = rows.with_row_index(_ROW).join(
        questions.with_row_index(_PLAN), on=_QUESTION, how="left", nulls_equal=True, validate="m:1"
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


def _resolve(
    question: dict[str, Any],
    methods: dict[tuple[int, str], dict[str, Any]],
    catalogue: Catalogue,
    library: Library,
    gwp: GwpTable,
) -> _Plan:
    how = methods.get((question["data_year"], question["activity"]))
    if how is None:
        known = sorted({activity for year, activity in methods if year == question["data_year"]})
        raise GreenlangError(
            "METHOD_MISSING",
            "the method table has no row for this activity and data year",
            found=f"{question['activity']}, data year {question['data_year']}",
            expected="one of " + ", ".join(known) if known else "a data year of the method table",
            hint="add a row with edition and reason, or leave the activity out of the total knowingly",
        )
    match = catalogue.lookup(
        activity=how["factor_activity"],
        region=question["region"],
        year=question["data_year"],
        publisher=how["publisher"],
        dataset=how["dataset"],
        edition=how["edition"],
        activity_unit=how["activity_unit"],
    )
    binding = library.find_binding(factor_id=match.factor.factor_id)
    choice = choose_gwp(binding, how["gwp_set"], gwp)
    if choice is None or "co2e" not in {output.symbol for output in binding.outputs}:
        raise _unfit(binding, "it gives no CO2e")
    inputs = open_inputs(binding)
    if len(inputs) != 1 or inputs[0].role != "activity" or inputs[0].index is not None:
        raise _unfit(binding, "it needs more than the quantity of an activity")
    for output in binding.outputs:
        if output.symbol in MASSES and (
            MASSES[output.symbol][1] != output.unit or output.precision > PRECISION
        ):
            raise _unfit(binding, f"its output {output.symbol} is not {MASSES[output.symbol][1]}")
    bounds = bounds_of(inputs[0])
    return _Plan(match, binding, choice, ratio(question["unit"], bounds.unit), bounds)


def _unfit(formula: Formula, why: str) -> GreenlangError:
    return GreenlangError(
        "FORMULA_NOT_FOR_BATCH",
        "the formula of this factor cannot calculate rows of quantities",
        found=f"{formula.id}: {why}",
        expected="a formula from one quantity to masses in kilograms, CO2e among them",
    )


def _reject(part: pl.DataFrame, error: GreenlangError, found: pl.Expr | None = None) -> pl.DataFrame:
    return part.select(
        "activity_id",
        pl.lit(error.code).alias("code"),
        (pl.lit(error.found, dtype=pl.String) if found is None else found).alias("found"),
        pl.lit(error.expected, dtype=pl.String).alias("expected"),
        pl.lit(error.hint, dtype=pl.String).alias("hint"),
    )


def _calculate(part: pl.DataFrame, plan: _Plan) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Rows of one plan as unsealed lines, and those that cannot be one."""
    quantity = pl.col("converted_quantity")
    part = part.with_columns((pl.col("quantity") * pl.lit(plan.ratio)).alias("converted_quantity"))
    rejected = []
    finite = part["converted_quantity"].is_finite().fill_null(False)
    if not finite.all():
        error = GreenlangError("INPUT_NOT_FINITE", "no quantity", expected="a finite number")
        rejected.append(_reject(part.filter(~finite), error, _quantity_text()))
        part = part.filter(finite)
    low, high = plan.bounds.minimum, plan.bounds.maximum
    inside = pl.lit(True)
    if low is not None:
        inside &= quantity >= low
    if high is not None:
        inside &= quantity <= high
    outside = part.filter(~inside)
    if outside.height:
        error = GreenlangError(
            "INPUT_OUT_OF_BOUNDS",
            "quantity outside the formula's bounds",
            expected=f"{plan.bounds.text} {plan.bounds.unit}",
            hint="energy passed on to others is not a negative use",
        )
        rejected.append(_reject(outside, error, _quantity_text()))
        part = part.filter(inside)
    constants = {symbol: value.value for symbol, value in plan.gwp.values.items()}
    results = compile_polars(plan.binding, constants, {plan.bounds.symbol: "converted_quantity"})
    computed = part.select(
        pl.all(),
        *(_milligrams(results[item.symbol], item) for item in plan.binding.outputs if item.symbol in MASSES),
    )
    missing = [column for column, _ in MASSES.values() if column not in computed.columns]
    done = computed.with_columns(
        *(pl.lit(None, dtype=pl.Int64).alias(column) for column in missing),
        *plan.columns.values(),
    )
    published = [column for column, _ in MASSES.values() if column not in missing]
    complete = pl.all_horizontal(pl.col(column).is_not_null() for column in published)
    lost = done.filter(~complete)
    if lost.height:
        error = GreenlangError(
            "NUMBER_OVERFLOW", "no result", expected="a result that 64 bits hold in milligrams"
        )
        rejected.append(_reject(lost, error, _quantity_text()))
    scope2 = pl.col("scope") == "2"
    return (
        done.filter(complete).with_columns(
            pl.when(scope2).then("co2e_mg").alias("co2e_market_mg"),
            pl.when(scope2).then(pl.lit(MARKET_BASIS["grid-average"])).alias("market_basis"),
        ),
        rejected,
    )


def _quantity_text() -> pl.Expr:
    return pl.concat_str(pl.col("quantity").cast(pl.String).fill_null("no quantity"), "unit", separator=" ")


def _milligrams(value: pl.Expr, output: FormulaOutput) -> pl.Expr:
    """A mass rounded once to its formula's precision, in whole milligrams."""
    coarser: int = 10 ** (PRECISION - output.precision)
    # A product of 64-bit integers would wrap round silently; one that 64 bits do not hold becomes null.
    exact = publish_expr(value, output.precision).cast(pl.Int128) * coarser
    return exact.cast(pl.Int64, strict=False).alias(MASSES[output.symbol][0])
