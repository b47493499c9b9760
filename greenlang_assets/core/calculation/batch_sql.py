"""A batch as SQL text and a table of plans: what Spark needs to calculate activity rows.

Belongs here: the columns of lines and refusals as expressions over an activity row joined with its plan,
and the sums of totals. Does not belong here: running them (``resources.spark_batch``), answering questions
(``batch_questions``), what workers do with rows in Python (``batch_arrow``).

Plans that do the same operations share one compiled expression for each mass, a *shape*; factors' figures
and GWPs stand in the table of plans as columns. A catalogue of thousands of factors so gives a few dozen
expressions, and the same float64 operations in the same order as the constants that Polars folds in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from greenlang_assets.core.calculation.batch_plans import (
    FORMULA_COLUMNS,
    MASSES,
    NEEDED,
    QUESTION,
    ReadyFormula,
    incomplete,
    not_finite,
    out_of_bounds,
    overflow,
)
from greenlang_assets.core.calculation.batch_questions import Answers
from greenlang_assets.core.calculation.scope2 import MARKET_BASIS
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.model import FormulaOutput
from greenlang_assets.core.formulas.plan import Plan as Operations
from greenlang_assets.core.formulas.rounding import PRECISION
from greenlang_assets.core.formulas.spark_compiler import column, compile_spark, publish_sql, string
from greenlang_assets.core.formulas.values import number
from greenlang_assets.core.tenants.contracts import ACTIVITY, LINES

#: Why a row is refused, in the order in which it is asked; null where it is a line.
REASON = "__reason"
INCOMPLETE, UNANSWERED, NOT_FINITE, OUT_OF_BOUNDS, OVERFLOW = range(1, 6)
#: Reasons whose "found" is the row's own quantity, which workers put into words.
OF_THE_QUANTITY = (NOT_FINITE, OUT_OF_BOUNDS, OVERFLOW)
#: Columns of a refusal → their names among the columns of a calculated row.
REFUSAL = {name: f"__{name}" for name in ("code", "found", "expected", "hint")}

_SHAPE, _RATIO, _LOW, _HIGH = "__shape", "__ratio", "__low", "__high"
_FIGURE = "__figure_"
#: A refused question's words, in the table of plans.
_UNANSWERED = {name: f"__unanswered_{name}" for name in REFUSAL}
#: The words for a quantity outside the bounds of the plan's formula, in the table of plans.
_OUTSIDE = {name: f"__outside_{name}" for name in ("code", "expected", "hint")}
_Shape = tuple[Operations, str, tuple[tuple[str, int], ...]]


@dataclass(frozen=True)
class SqlBatch:
    """A batch for an engine of SQL.

    Attributes:
        plans: one row for each question, with its columns (:data:`QUESTION`) as key.
        stages: column → expression over the activity's columns, those of ``plans`` and earlier stages'.
            After the last, a row has the columns of a line (but its hashes) or a reason and a refusal.
    """

    plans: pl.DataFrame
    stages: tuple[dict[str, str], ...]


def sql_batch(answers: Answers) -> SqlBatch:
    """The batch of distinct questions and their plans."""
    shapes: dict[_Shape, int] = {}
    used = sorted(set(answers.formulas.tolist()) - {-1})
    formulas = {formula: _of_formula(answers.ready[formula], shapes) for formula in used}
    rows = []
    for place, question in enumerate(answers.questions.iter_rows(named=True)):
        plan = answers.plan(place)
        if isinstance(plan, GreenlangError):
            rows.append(question | {name: getattr(plan, word) for word, name in _UNANSWERED.items()})
        else:
            formula = formulas[int(answers.formulas[place])]
            rows.append(question | formula | plan.columns | {_RATIO: plan.ratio})
    figures = sorted({name for row in rows for name in row if name.startswith(_FIGURE)})
    stages = (
        {"converted_quantity": f"quantity * {_RATIO}"},
        _masses(shapes),
        {
            "co2e_market_mg": "CASE WHEN scope = '2' THEN co2e_mg END",
            "market_basis": f"CASE WHEN scope = '2' THEN {string(MARKET_BASIS['grid-average'])} END",
            REASON: _reason(shapes),
        },
        _refusal(),
    )
    return SqlBatch(pl.DataFrame(rows, schema=_schema(figures)), stages)


#: Columns of a total before it is sealed → aggregate over the lines that it counts, by facility and period.
#: With ``tenants``, ``sets`` and ``set_count`` as :func:`lines.check_sums` takes them.
SUMS = {
    "tenant": "min(tenant)",
    "tenants": "size(collect_set(tenant))",
    "sets": "array_join(array_sort(collect_set(gwp_set)), ', ')",
    "set_count": "size(collect_set(gwp_set))",
    "lines": "count(1)",
    "co2e_mg": "sum(CAST(co2e_mg AS DECIMAL(38, 0)))",
    "co2e_market_mg": "sum(CAST(coalesce(co2e_market_mg, co2e_mg) AS DECIMAL(38, 0)))",
}
#: Which lines a total counts, and what no total may be.
COUNTED = "scope <> 'outside'"
UNSOUND = f"tenants > 1 OR set_count > 1 OR greatest(abs(co2e_mg), abs(co2e_market_mg)) > {2**63 - 1}"
LINE_HASHES = "array_join(array_sort(collect_list(line_sha256)), ' ')"


def _schema(figures: Iterable[str]) -> dict[str, pl.DataType]:
    return {
        **{name: ACTIVITY.schema[name] for name in QUESTION},
        **dict.fromkeys(_UNANSWERED.values(), pl.String()),
        _SHAPE: pl.Int64(),
        **dict.fromkeys((_RATIO, _LOW, _HIGH), pl.Float64()),
        **dict.fromkeys(_OUTSIDE.values(), pl.String()),
        **{name: LINES.schema[name] for name in (*FORMULA_COLUMNS, "matched_level", "year_distance")},
        **dict.fromkeys(figures, pl.Float64()),
    }


def _of_formula(formula: ReadyFormula, shapes: dict[_Shape, int]) -> dict[str, Any]:
    """What the plans of a formula share: its shape, bounds and figures."""
    operations = formula.binding.plan
    outputs = tuple((item.symbol, item.precision) for item in _published(formula.binding.outputs))
    shape = shapes.setdefault((operations, formula.bounds.symbol, outputs), len(shapes))
    given = {name: number(name, value) for name, value in formula.constants.items()}
    outside = out_of_bounds(formula.bounds)
    return {
        _SHAPE: shape,
        _LOW: formula.bounds.minimum,
        _HIGH: formula.bounds.maximum,
        **{name: getattr(outside, word) for word, name in _OUTSIDE.items()},
        **{_FIGURE + name: float(value) for name, value in {**given, **formula.binding.constants}.items()},
    }


def _published(outputs: Iterable[FormulaOutput]) -> Iterable[FormulaOutput]:
    return (item for item in outputs if item.symbol in MASSES)


def _masses(shapes: Mapping[_Shape, int]) -> dict[str, str]:
    """Column of a mass → integer of milligrams, null where there is none."""
    whens: dict[str, list[str]] = {name: [] for name, _ in MASSES.values()}
    for (operations, symbol, outputs), shape in shapes.items():
        columns = {name: _FIGURE + name for name, _ in operations.inputs} | {symbol: "converted_quantity"}
        compiled = compile_spark(operations, columns=columns)
        for output, precision in outputs:
            text = _milligrams(compiled[output], precision)
            whens[MASSES[output][0]].append(f"WHEN {shape} THEN {text}")
    return {name: _by_shape(cases, "CAST(NULL AS BIGINT)") for name, cases in whens.items()}


def _milligrams(value: str, precision: int) -> str:
    """A mass rounded once to its formula's precision, in whole milligrams."""
    published = publish_sql(value, precision)
    coarser = 10 ** (PRECISION - precision)
    return published if coarser == 1 else f"try_multiply({published}, {coarser}L)"


def _by_shape(cases: Sequence[str], nothing: str) -> str:
    return f"CASE {_SHAPE} {' '.join(cases)} END" if cases else nothing


def _reason(shapes: Mapping[_Shape, int]) -> str:
    empty = " OR ".join(f"{column(name)} IS NULL" for name in NEEDED)
    finite = (
        "converted_quantity IS NOT NULL AND NOT isnan(converted_quantity)"
        " AND abs(converted_quantity) < CAST('Infinity' AS DOUBLE)"
    )
    outside = f"coalesce(converted_quantity < {_LOW}, false) OR coalesce(converted_quantity > {_HIGH}, false)"
    complete = [
        f"WHEN {shape} THEN " + " AND ".join(f"{MASSES[output][0]} IS NOT NULL" for output, _ in outputs)
        for (_, _, outputs), shape in shapes.items()
    ]
    return (
        f"CASE WHEN {empty} THEN {INCOMPLETE}"
        f" WHEN {_UNANSWERED['code']} IS NOT NULL THEN {UNANSWERED}"
        f" WHEN NOT ({finite}) THEN {NOT_FINITE}"
        f" WHEN {outside} THEN {OUT_OF_BOUNDS}"
        f" WHEN NOT {_by_shape(complete, 'true')} THEN {OVERFLOW} END"
    )


def _refusal() -> dict[str, str]:
    """Code, found, expected and hint of a refused row; "found" is open where it is the quantity."""
    fixed = {INCOMPLETE: incomplete(), NOT_FINITE: not_finite(), OVERFLOW: overflow()}
    texts = {}
    for word in ("code", "expected", "hint"):
        said = {reason: getattr(error, word) for reason, error in fixed.items()}
        whens = [f"WHEN {reason} THEN {string(text)}" for reason, text in said.items() if text is not None]
        whens.append(f"WHEN {UNANSWERED} THEN {_UNANSWERED[word]}")
        whens.append(f"WHEN {OUT_OF_BOUNDS} THEN {_OUTSIDE[word]}")
        texts[REFUSAL[word]] = f"CASE {REASON} {' '.join(whens)} END"
    empty = ", ".join(f"CASE WHEN {column(name)} IS NULL THEN {string(name)} END" for name in NEEDED)
    texts[REFUSAL["found"]] = (
        f"CASE {REASON} WHEN {INCOMPLETE} THEN concat_ws(' ', 'nothing in', {empty})"
        f" WHEN {UNANSWERED} THEN {_UNANSWERED['found']} END"
    )
    return texts
