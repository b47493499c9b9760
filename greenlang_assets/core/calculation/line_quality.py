"""How sure and how apt each line of a batch is, and what follows for its totals.

Belongs here: what the method table and the factors' publishers state about lines, bounds of every line and
of the totals of facilities, scores.
Does not belong here: the lines (``batch``), the rules of the arithmetic (``batch_uncertainty``, whose totals
these are), the scheme of the scores (``data_quality``).

What nobody stated is not certain: such a line has no bounds, and a total says how much of it such lines are.
Where only quantity or factor has an uncertainty, the bounds are those of that one alone, and the other's
column is empty.

A sum of squares is formed by ``math.fsum``, which rounds once: no order of rows, number of threads or
partitioning changes a bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import polars as pl

from greenlang_assets.core.calculation.batch_uncertainty import LineUncertainty, check_product
from greenlang_assets.core.calculation.data_quality import INDICATORS, score_columns
from greenlang_assets.core.calculation.spread import read_spread
from greenlang_assets.core.calculation.uncertainty import propagated_bounds
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.rounding import publish
from greenlang_assets.core.tenants.contracts import BOUNDS, QUALITY

_METHOD = (
    "data_year", "activity", "factor_activity", "quantity_uncertainty", "factor_uncertainty", "reliability",
)  # fmt: skip
_TOTAL = ("facility_id", "period")


@dataclass(frozen=True)
class _Stated:
    """An uncertainty as it is written, half its 95 % interval in percent, and who says so."""

    text: str
    percent: float
    by: str


def line_quality(
    lines: pl.DataFrame, activity: pl.DataFrame, method: pl.DataFrame, library: Library
) -> pl.DataFrame:
    """Bounds and scores of every line.

    Args:
        lines: contract ``lines``.
        activity: contract ``activity``, the rows behind them.
        method: contract ``method``, by which they were calculated.
        library: the formulas that they were calculated by.

    Returns:
        Contract ``quality``, one row a line.

    Raises:
        GreenlangError: ``METHOD_UNCERTAINTY`` where two rows of the method state different uncertainties of
            one factor; ``UNCERTAINTY_NOT_LINEAR``; those of :func:`spread.read_spread`.
    """
    if lines.is_empty():
        return QUALITY.empty()
    known = _with_method(lines, activity, method)
    factors = _factors(known, library)
    quantities = {
        text: read_spread(text, "quantity_uncertainty", keeps_sign=True).half_width
        for text in known["quantity_uncertainty"].unique().drop_nulls().sort()
    }
    ratings = {
        binding.factor_id: binding.factor.data_quality
        for binding in map(library.factor_binding, known["formula_id"].unique().sort())
    }
    percent = {name: stated.percent for name, stated in factors.items()}
    by = {name: stated.by for name, stated in factors.items()}
    scored = known.with_columns(
        _mapped("quantity_uncertainty", quantities, pl.Float64()).alias("quantity_percent"),
        _mapped("factor_id", percent, pl.Float64()).alias("factor_percent"),
        _mapped("factor_id", by, pl.String()).alias("factor_stated_by"),
        _mapped("factor_id", ratings, pl.String()).alias("factor_rating"),
        pl.when(pl.col("factor_activity") != pl.col("activity")).then("factor_activity").alias("proxy"),
        pl.col("line_sha256").alias("rests_on"),
        **score_columns(),
    )
    bounds = pl.DataFrame(
        [_line_bounds(*row) for row in scored.select("co2e_mg", "quantity_percent", "factor_percent").rows()],
        schema={name: QUALITY.schema[name] for name in ("lower_mg", "upper_mg", "distribution")},
        orient="row",
    )
    return scored.hstack(bounds).select(*QUALITY.schema).sort(QUALITY.key)


def for_sums(
    lines: pl.DataFrame, activity: pl.DataFrame, method: pl.DataFrame
) -> tuple[pl.DataFrame, LineUncertainty]:
    """Lines and what the method states of them, as :func:`batch_uncertainty.uncertain_totals` takes both.

    An activity may be stated otherwise for each data year, so there it has a name for each.
    """
    known = _with_method(lines, activity, method).with_columns(
        pl.format("{} {}", "activity", "data_year").alias("activity")
    )

    def texts(name: str, column: str) -> dict[str, str]:
        return dict(
            known.filter(pl.col(column).is_not_null()).select(name, column).unique().sort(name).rows()
        )

    stated = LineUncertainty(
        activities=texts("activity", "quantity_uncertainty"), factors=texts("factor_id", "factor_uncertainty")
    )
    return known.select(lines.columns), stated


def _with_method(lines: pl.DataFrame, activity: pl.DataFrame, method: pl.DataFrame) -> pl.DataFrame:
    years = activity.select("activity_id", "data_year")
    return lines.join(years, on="activity_id", how="left", validate="1:1").join(
        method.select(_METHOD), on=("data_year", "activity"), how="left", validate="m:1"
    )


def total_bounds(quality: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """Bounds and weighted scores of the totals of facilities.

    Args:
        quality: contract ``quality``.
        totals: contract ``totals``, of the same lines.

    Returns:
        Contract ``bounds``, one row a total.
    """
    counted = quality.filter(pl.col("scope") != "outside").sort(*_TOTAL, "factor_id", "activity_id")
    if counted.is_empty():
        return BOUNDS.empty()
    market = pl.coalesce("co2e_market_mg", "co2e_mg")
    facts = counted.select(
        *_TOTAL, "factor_id", "quantity_percent", "factor_percent", "co2e_mg", market.alias("market_mg"),
        *INDICATORS,
    )  # fmt: skip
    rows = []
    for (facility, period), group in groupby(facts.iter_rows(), key=itemgetter(0, 1)):
        lines = [_Line._make((*row[2:7], row[7:])) for row in group]
        rows.append(
            {"facility_id": facility, "period": period}
            | _bounds_of([(line, line.mass) for line in lines], "")
            | _bounds_of([(line, line.market) for line in lines], "market_")
            | {f"{name}_mean": _mean(lines, at) for at, name in enumerate(INDICATORS)}
            | {
                "factor_unstated_mg": sum(line.mass for line in lines if line.factor is None),
                "quantity_unstated_mg": sum(line.mass for line in lines if line.quantity is None),
            }
        )
    found = pl.DataFrame(rows, schema={name: BOUNDS.schema[name] for name in rows[0]})
    return (
        totals.select(*_TOTAL, "tenant", "lines", "co2e_mg", "co2e_market_mg", rests_on="total_sha256")
        .join(found, on=_TOTAL, how="left", validate="1:1")
        .select(*BOUNDS.schema)
        .sort(BOUNDS.key)
    )


class _Line(NamedTuple):
    """What a total needs of a line: percentages of factor and quantity, masses in milligrams, scores."""

    factor_id: str
    quantity: float | None
    factor: float | None
    mass: int
    market: int
    scores: tuple[int | None, ...]


def _factors(known: pl.DataFrame, library: Library) -> dict[str, _Stated]:
    """The uncertainty of each factor that has one: the method's word before the publisher's."""
    found: dict[str, _Stated] = {}
    columns = ("factor_id", "formula_id", "factor_uncertainty", "quantity_uncertainty")
    for factor_id, formula_id, stated, quantity in known.select(columns).unique().sort(columns).rows():
        binding = library.factor_binding(formula_id)
        published = binding.factor.uncertainty_percent
        text = stated if stated is not None else f"{published}%" if published is not None else None
        if text is None:
            if quantity is not None:
                check_product(binding)
            continue
        percent = read_spread(text, factor_id, keeps_sign=True).half_width
        new = _Stated(text, percent, "method" if stated is not None else "publisher")
        check_product(binding)
        if found.setdefault(factor_id, new) != new:
            raise GreenlangError(
                "METHOD_UNCERTAINTY",
                "two rows of the method table state different uncertainties of one factor",
                found=f"{factor_id}: {found[factor_id].text} and {new.text}",
                expected="one uncertainty a factor, which is one figure wherever it is used",
            )
    return found


def _mapped(column: str, values: Mapping[str, object], dtype: pl.DataType) -> pl.Expr:
    return pl.col(column).replace_strict(dict(values), default=None, return_dtype=dtype)


def _line_bounds(
    mass: int, quantity: float | None, factor: float | None
) -> tuple[int | None, int | None, str | None]:
    if quantity is None and factor is None:
        return None, None, None
    return _interval(mass, math.hypot(quantity or 0.0, factor or 0.0) / 100 * abs(mass), one_sign=True)


def _interval(mass: int, half: float, *, one_sign: bool) -> tuple[int, int, str]:
    bounds = propagated_bounds(float(mass), half, keeps_sign=one_sign)
    # A float of so many milligrams may round away from the integer that it bounds.
    return min(mass, publish(bounds.lower, 0)), max(mass, publish(bounds.upper, 0)), bounds.distribution


def _bounds_of(lines: Sequence[tuple[_Line, int]], prefix: str) -> dict[str, object]:
    """Bounds of one total: lines of one factor are added before its uncertainty is applied."""
    squares = [(line.quantity / 100 * mass) ** 2 for line, mass in lines if line.quantity is not None]
    for _, of_factor in groupby(lines, key=lambda pair: pair[0].factor_id):
        pairs = list(of_factor)
        percent = pairs[0][0].factor
        if percent is not None:
            squares.append((percent / 100 * sum(mass for _, mass in pairs)) ** 2)
    lower, upper, distribution = None, None, None
    if squares:
        one_sign = len({mass >= 0 for _, mass in lines if mass}) <= 1
        half = math.sqrt(math.fsum(squares))
        lower, upper, distribution = _interval(sum(mass for _, mass in lines), half, one_sign=one_sign)
    return {
        f"{prefix}lower_mg": lower,
        f"{prefix}upper_mg": upper,
        f"{prefix}distribution": distribution,
    }


def _mean(lines: Sequence[_Line], at: int) -> float | None:
    """The mean of the scores that there are, weighted by CO2e, to six decimals."""
    scored = [(abs(line.mass), score) for line in lines if (score := line.scores[at]) is not None]
    weight = sum(mass for mass, _ in scored)
    return round(sum(mass * score for mass, score in scored) / weight, 6) if weight else None
