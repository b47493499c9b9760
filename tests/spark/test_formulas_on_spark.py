"""Every formula computes on Spark what it computes on Polars.

Sums, products, reciprocals, square roots and the rounding agree bit for bit. ``exp``, ``log`` and powers that
are not integers come from Java's StrictMath there and from the C library here: when this was written three of
the library's 10,310 results stood 1 to 25 ulps apart. For formulas that use one of them, the published
integers are compared; one that differs needs a coarser declared precision.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from greenlang_assets.core.calculation.batch_arrow import arrow_table
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.dimensions import InputSymbol, Signature, check
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import Equation
from greenlang_assets.core.formulas.parser import parse
from greenlang_assets.core.formulas.plan import Constant, Function, Node, Plan, Raise, Select, parts
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.rounding import publish_expr
from greenlang_assets.core.formulas.spark_compiler import compile_spark, publish_sql
from greenlang_assets.core.formulas.values import read_values
from resources.spark import open_session

pytestmark = [pytest.mark.spark, pytest.mark.long]

#: Plans of one SQL job: a job costs half a second, and a statement of thousands of cases much more.
PLANS_A_JOB = 150
Row = Mapping[str, float | str | None]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    # Jobs of a second are over before the second compiler has paid for itself.
    settings = {
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    }
    with open_session("local[2]", settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.shipped(Catalogue.shipped())


def columns_of(plan: Plan) -> dict[str, str]:
    """Columns that every plan of a job shares, by their place among its inputs."""
    return {name: f"{'n' if unit else 'k'}{place}" for place, (name, unit) in enumerate(plan.inputs)}


def table_of(cases: Mapping[Plan, Sequence[Row]]) -> pl.DataFrame:
    width = max(len(plan.inputs) for plan in cases)
    schema = {"row": pl.Int64, "plan": pl.Int64}
    schema |= {f"n{place}": pl.Float64 for place in range(width)}
    schema |= {f"k{place}": pl.String for place in range(width)}
    rows: list[dict[str, Any]] = []
    for number, (plan, inputs) in enumerate(cases.items()):
        columns = columns_of(plan)
        for given in inputs:
            cells = {columns[name]: value for name, value in given.items()}
            rows.append({"row": len(rows), "plan": number, **cells})
    return pl.DataFrame(rows, schema=schema)


def results(
    session: Any, cases: Mapping[Plan, Sequence[Row]]
) -> Iterator[tuple[Plan, str, list[Any], list[Any]]]:
    """Plan, output, and its values for every row, by Polars and by Spark."""
    table = table_of(cases)
    compiled = [compile_spark(plan, columns=columns_of(plan)) for plan in cases]
    places = range(max(map(len, compiled)))
    texts = ["row"]
    for place in places:
        whens = [
            f"WHEN {number} THEN {list(outputs.values())[place]}"
            for number, outputs in enumerate(compiled)
            if place < len(outputs)
        ]
        texts.append(f"CASE plan {' '.join(whens)} END AS o{place}")
    spark = pl.from_arrow(session.createDataFrame(arrow_table(table)).selectExpr(*texts).toArrow()).sort(
        "row"
    )
    for number, plan in enumerate(cases):
        mine = table.filter(plan=number)
        polars = mine.select(**compile_polars(plan, columns=columns_of(plan)))
        theirs = spark.join(mine.select("row"), on="row", how="semi").sort("row")
        for place, (name, _) in enumerate(plan.outputs):
            yield plan, name, polars[name].to_list(), theirs[f"o{place}"].to_list()


def is_exact(plan: Plan) -> bool:
    """Whether every operation is one that IEEE 754 defines to the last bit."""
    return not any(_is_approximate(node) for _, step in plan.steps for node in nodes(step))


def _is_approximate(node: Node) -> bool:
    if isinstance(node, Raise):
        return node.exponent.denominator != 1 and node.exponent * 2 != 1
    return isinstance(node, Function) and node.name != "abs"


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for part in parts(node):
        yield from nodes(part)


def bits(value: float | None) -> str | None:
    return None if value is None else float(value).hex()


def vectors(library: Library) -> dict[Plan, list[tuple[Equation | Binding, Row]]]:
    """Every test vector of every equation and binding, figures of factors as inputs, by plan."""
    cases: dict[Plan, list[tuple[Equation | Binding, Row]]] = defaultdict(list)
    formulas: list[Equation | Binding] = [*library.equations, *library.bindings]
    for formula in formulas:
        for vector in formula.vectors:
            given = library.inputs_of(formula, vector) if isinstance(formula, Equation) else vector.inputs
            _, numbers, keys = read_values(formula, given)
            row = {name: float(value) for name, value in numbers.items()}
            cases[formula.plan].append((formula, row | keys))
    return cases


def test_every_vector_of_every_formula(session: Any, library: Library) -> None:
    cases = vectors(library)
    plans = list(cases)
    compared = 0
    for first in range(0, len(plans), PLANS_A_JOB):
        chosen = {plan: [row for _, row in cases[plan]] for plan in plans[first : first + PLANS_A_JOB]}
        for plan, name, polars, spark in results(session, chosen):
            formula = cases[plan][0][0]
            compared += len(polars)
            assert None not in polars
            if is_exact(plan):
                assert list(map(bits, spark)) == list(map(bits, polars)), (formula.id, name)
                continue
            precision = next(item.precision for item in formula.outputs if item.symbol == name)
            frame = pl.DataFrame({"polars": polars, "spark": spark})
            published = frame.select(publish_expr(pl.col(engine), precision) for engine in frame.columns)
            assert published["spark"].to_list() == published["polars"].to_list(), (formula.id, name)
    assert compared > len(library.equations) + len(library.bindings)


def test_figures_folded_into_the_text(session: Any, library: Library) -> None:
    """Every fortieth binding with its factor's figures as literals, published at its own precision."""
    whens: dict[int, list[str]] = defaultdict(list)
    expected, rows = [], []
    for binding in library.bindings[::40]:
        (vector, *_) = binding.vectors
        _, numbers, _ = read_values(binding, vector.inputs)
        opened = {name: float(value) for name, value in numbers.items() if name not in binding.constants}
        columns = {name: f"n{place}" for place, name in enumerate(opened)}
        cells = {columns[name]: value for name, value in opened.items()}
        frame = pl.DataFrame(cells).select(
            publish_expr(value, output.precision).alias(output.symbol)
            for output, value in zip(
                binding.outputs, compile_polars(binding, columns=columns).values(), strict=True
            )
        )
        expected.append(list(frame.row(0)))
        texts = compile_spark(binding, columns=columns).values()
        for place, (output, text) in enumerate(zip(binding.outputs, texts, strict=True)):
            whens[place].append(f"WHEN {len(rows)} THEN {publish_sql(text, output.precision)}")
        rows.append({"row": len(rows), **cells})
    table = pl.DataFrame(rows, infer_schema_length=None)
    texts = [f"CASE row {' '.join(cases)} END AS o{place}" for place, cases in whens.items()]
    answer = pl.from_arrow(session.createDataFrame(arrow_table(table)).selectExpr("row", *texts).toArrow())
    found = [
        list(row[1 : 1 + len(want)]) for row, want in zip(answer.sort("row").rows(), expected, strict=True)
    ]
    assert len(rows) > 150
    assert found == expected


def plain(text: str, *names: str) -> Plan:
    return check(parse(text), Signature(tuple(InputSymbol(name) for name in names), (("y", "1"),)))


KEYS = ("it's", "back\\slash", "${dollar}", "größe", 'quo"ted', "a`b", "line\nend", "--", "'; SELECT 1")
SELECTED = Plan(
    (("y", Select("k", tuple((key, Constant(Fraction(place))) for place, key in enumerate(KEYS)))),),
    (("y", "1"),),
    (("k", ""),),
)
SMALL = (None, math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 1e-200, -3.0, 0.1, 2.0, 1e200)
PAIRS = [{"a": a, "b": b} for a in SMALL for b in SMALL]
OPERATIONS = [
    "y = a / b", "y = a / (b - b)", "y = a - (b - a) - b", "y = a * (b * a)", "y = -(-a) - -b",
    "y = -a * b ^ 2", "y = min(a, b)", "y = max(a, b, 0.1)", "y = if(a > b, a, b)",
    "y = if(a != b, a / b, b)", "y = if(a <= b, 1, 2)", "y = if(a == b, 1, 2)", "y = (a + b) ^ 0",
    "y = a ^ -1 + b", "y = a ^ -2 + b", "y = (a * b) ^ 3", "y = a ^ (1/2) + b", "y = abs(a) - b",
    "y = 0.1 * a + 0.2 * b", "y = a + 1.7976931348623157 - b", "y = a / 3 / b",
]  # fmt: skip


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_each_operation_where_it_has_a_result_and_where_it_has_none(session: Any, ansi: str) -> None:
    session.conf.set("spark.sql.ansi.enabled", ansi)
    cases: dict[Plan, Sequence[Row]] = {plain(text, "a", "b"): PAIRS for text in OPERATIONS}
    cases[SELECTED] = [{"k": key} for key in (*KEYS, "none", None, "it", "")]
    nulls = 0
    for plan, _, polars, spark in results(session, cases):
        nulls += spark.count(None)
        assert list(map(bits, spark)) == list(map(bits, polars)), plan
    assert nulls > 100


def test_functions_of_the_mathematical_library(session: Any) -> None:
    """Within two ulps of each other (each library promises less than one), and null for the same rows."""
    values = [{"a": a, "b": b} for a in (*SMALL, 0.5, 700.0, 1e-5, 7.25) for b in (1.0, None)]
    cases = {
        plain(f"y = {text} + b - b", "a", "b"): values
        for text in ("exp(a)", "log(a)", "a ^ 0.75", "a ^ (-1/2)", "a ^ -0.7")
    }
    for plan, _, polars, spark in results(session, cases):
        for one, other in zip(polars, spark, strict=True):
            if one is None or other is None or not math.isfinite(one):
                assert bits(one) == bits(other), plan
            else:
                assert abs(one - other) <= 2 * math.ulp(max(abs(one), 1.0))


ROUNDED = [0.5, 1.5, 2.5, -2.5, -0.25, 1e-6, 0.1 + 0.2, 9.2e12, 9223372036854.775, 1e13, -1e13, 2.0**63 / 1e6]
EDGES = [2.0**63, -(2.0**63), math.nextafter(2.0**63, 0), math.nextafter(-(2.0**63), -math.inf)]


@pytest.mark.parametrize("ansi", ["true", "false"])
@pytest.mark.parametrize("precision", [0, 1, 6, 15])
def test_publishing(session: Any, ansi: str, precision: int) -> None:
    session.conf.set("spark.sql.ansi.enabled", ansi)
    table = pl.DataFrame({"x": [None, math.nan, math.inf, -math.inf, -0.0, *ROUNDED, *EDGES]}).with_row_index(
        "row"
    )
    table = table.select(pl.col("row").cast(pl.Int64), "x")
    texts = ("row", f"{publish_sql('x', precision)} AS published")
    spark = pl.from_arrow(session.createDataFrame(arrow_table(table)).selectExpr(*texts).toArrow()).sort(
        "row"
    )
    polars = table.select(publish_expr(pl.col("x"), precision))
    assert spark["published"].to_list() == polars["x"].to_list()
    assert 0 in spark["published"].to_list()
