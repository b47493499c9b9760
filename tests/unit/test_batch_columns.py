"""The batch in columns: the integers of the engine, whatever threads, parts and kinds of formula."""

import hashlib
import itertools
import json
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.batch_blocks import BLOCK, block_bytes, block_hashes, header_leaf
from greenlang_assets.core.calculation.batch_columns import MASS_COLUMNS, Batch
from greenlang_assets.core.calculation.batch_keys import Distinct
from greenlang_assets.core.calculation.batch_plans import QUESTION, Plan, methods_of, resolve
from greenlang_assets.core.calculation.batch_questions import Resolver
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.tenants.contracts import METHOD
from greenlang_assets.core.tenants.dataset import load_dataset

KG = {"co2": "co2_mg", "ch4": "ch4_mg", "n2o": "n2o_mg", "co2_biogenic": "co2_biogenic_mg", "co2e": "co2e_mg"}
NOT_LINEAR = """
family: test
title: A formula that is no product
equations:
  - id: test.capped
    version: 1.0.0
    title: The larger of two products
    domain: carbon
    citation:
      {publisher: Test, document: A document, locator: "1", text: official, read_in: here, licence: none}
    inputs:
      - {symbol: activity, unit: "{unit}", role: activity, min: 0, max: 1000000000000, meaning: fuel}
      - {symbol: ef_co2, unit: "kg[CO2]/{unit}", role: factor, min: 0, meaning: CO2}
      - {symbol: gwp_co2, unit: "kg[CO2e]/kg[CO2]", role: gwp, gas: CO2, meaning: GWP}
    outputs:
      - {symbol: co2, unit: "kg[CO2]", precision: PRECISION}
      - {symbol: co2e, unit: "kg[CO2e]", precision: 6}
    expression: |
      co2 = max(activity * ef_co2, 0.5 * activity * ef_co2)
      co2e = co2 * gwp_co2
    vectors:
      - inputs: {activity: 1, ef_co2: 2, gwp_co2: 1}
        outputs: {co2: 2, co2e: 2}
        source: computed
bindings:
  - equation: test.capped
    factors: {publisher: us-epa, dataset: mobile-combustion-co2, edition: "2024"}
    roles: {ef_co2: co2}
    vectors: {activity: 1, gwp_set: AR5}
    expect: {co2: co2}
    tolerance: 0
"""


@pytest.fixture(scope="module")
def engine():
    return CalculationEngine.shipped()


@pytest.fixture(scope="module")
def resolver(engine):
    return Resolver(engine.catalogue, engine.library, engine.gwp)


def everything(engine, gwp_set):
    """A question and a method row for every factor that the library binds."""
    bound = pl.DataFrame({"factor_id": sorted({item.factor_id for item in engine.library.factor_bindings})})
    rows = engine.catalogue.frame.join(bound, on="factor_id").with_row_index("n")
    unit = (
        pl.when(pl.col("calorific_basis").is_null())
        .then("activity_unit")
        .otherwise(pl.format("{}[{}]", "activity_unit", "calorific_basis"))
    )
    rows = rows.with_columns(asked=pl.format("a-{}", "n"), unit=unit)
    method = rows.select(
        pl.col("year").alias("data_year"), pl.col("asked").alias("activity"),
        pl.col("activity").alias("factor_activity"), "publisher", "dataset", "edition",
        pl.col("unit").alias("activity_unit"), gwp_set=pl.lit(gwp_set), reason=pl.lit("all"),
    )  # fmt: skip
    method = pl.concat([METHOD.empty(), method], how="diagonal_relaxed").cast(METHOD.schema)
    questions = rows.select(pl.col("asked").alias("activity"), "region", data_year="year", unit="unit")
    return questions.with_columns(pl.col("data_year").cast(pl.Int64)), method


@pytest.mark.parametrize("gwp_set", ["AR5", "AR4"])
def test_a_join_answers_as_one_look_up_after_the_other(engine, resolver, gwp_set):
    questions, method = everything(engine, gwp_set)
    answers = resolver.answer(questions.select(QUESTION), method)
    methods = methods_of(method)
    planned = 0
    for number, question in enumerate(answers.questions.iter_rows(named=True)):
        found = answers.plan(number)
        if isinstance(found, GreenlangError):
            with pytest.raises(GreenlangError) as refused:
                resolve(question, methods, engine.catalogue, engine.library, engine.gwp)
            assert str(refused.value) == str(found)
            continue
        expected = resolve(question, methods, engine.catalogue, engine.library, engine.gwp)
        assert isinstance(found, Plan), (question, found)
        assert (found.match.row, found.match.matched_level, found.match.year_distance, found.ratio) == (
            expected.match.row,
            expected.match.matched_level,
            expected.match.year_distance,
            expected.ratio,
        )
        assert found.formula.columns == expected.formula.columns
        planned += 1
    assert planned > 1000
    assert answers.refused


def test_every_batch_formula_of_the_library_gives_the_integers_of_a_single_calculation(engine, resolver):
    questions, method = everything(engine, "AR5")
    random = np.random.default_rng(7)
    rows = questions.with_columns(quantity=pl.Series(np.round(random.lognormal(4, 3, questions.height), 3)))
    done = Batch(resolver, method).calculate(rows)
    frame = done.frame()
    checked = 0
    # Every thirtieth: each is a calculation with all its citations.
    for number in range(0, rows.height, 30):
        if done.statuses[number] != layout.FINE:
            continue
        line = frame.row(number, named=True)
        quantity = next(
            item.symbol
            for item in engine.library.binding(line["formula_id"]).inputs
            if item.role == "activity"
        )
        single = engine.calculate(
            line["formula_id"], {quantity: line["converted_quantity"]}, CalculationContext(gwp_set="AR5")
        )
        assert {KG[item.symbol]: item.scaled for item in single.outputs if item.symbol in KG} == {
            name: line[name] for name in KG.values() if line[name] is not None
        }
        checked += 1
    assert checked > 50


@pytest.fixture(scope="module")
def chicago():
    """The example tenants' rows that have every cell, and their method."""
    dataset = load_dataset("chicago")
    return dataset.activity.drop_nulls([*QUESTION]).sort("activity_id"), dataset.method


@pytest.fixture(scope="module")
def reference(resolver, chicago):
    rows, method = chicago
    return Batch(resolver, method, threads=1).calculate(rows, ("tenant", "scope"))


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_change_nothing(resolver, chicago, reference, threads):
    rows, method = chicago
    done = Batch(resolver, method, threads=threads).calculate(rows, ("tenant", "scope"))
    assert done.sums.equals(reference.sums)
    assert done.frame().equals(reference.frame())
    assert block_hashes(done, threads) == block_hashes(reference, 1)


@pytest.mark.parametrize("kind", [pl.String(), pl.Categorical()])
def test_categories_change_nothing(resolver, chicago, reference, kind):
    rows, method = chicago
    cast = rows.with_columns(pl.col("activity", "region", "unit", "tenant", "scope").cast(kind))
    done = Batch(resolver, method).calculate(cast.sort("quantity"), ("tenant", "scope"))
    assert done.sums.equals(reference.sums)


def test_fifty_parts_give_the_lines_and_totals_of_one(engine, chicago):
    rows, method = chicago
    parts = {"catalogue": engine.catalogue, "library": engine.library, "gwp": engine.gwp}
    whole = calculate_batch(rows, method, **parts)
    # A facility and period stays together: its total is one of one run.
    number = rows.select(pl.col("facility_id").hash(7) % 50).to_series()
    divided = [calculate_batch(rows.filter(number == part), method, **parts) for part in range(50)]
    lines = pl.concat([part.lines for part in divided]).sort("activity_id")
    totals = pl.concat([part.totals for part in divided]).sort("facility_id", "period")
    assert lines["line_sha256"].to_list() == whole.lines["line_sha256"].to_list()
    assert totals.equals(whole.totals)
    assert sum(part.rejected.height for part in divided) == whole.rejected.height > 0


def gas_rows(quantities, scope="1"):
    count = len(quantities)
    return pl.DataFrame(
        {
            "activity": ["natural-gas"] * count,
            "region": ["US"] * count,
            "unit": ["mmBtu[gross]"] * count,
            "data_year": [2016] * count,
            "quantity": quantities,
            "scope": [scope] * count,
        },
        schema_overrides={"quantity": pl.Float64()},
    )


def method_of(how):
    """One method row: its required cells, nothing in the optional ones."""
    required = [name for name in METHOD.columns if name not in METHOD.optional]
    return pl.DataFrame([dict(zip(required, how, strict=True))], schema=METHOD.schema)


def gas_method():
    how = (
        2016,
        "natural-gas",
        "natural-gas",
        "us-epa",
        "stationary-combustion",
        "2024",
        "mmBtu",
        "AR5",
        "test",
    )
    return method_of(how)


def test_rows_without_a_result_say_why_and_add_nothing(resolver):
    quantities = [1.0, None, float("nan"), float("inf"), -1.0, 1e300, 1e12, 2.0]
    done = Batch(resolver, gas_method()).calculate(gas_rows(quantities), ("scope",))
    assert done.statuses.tolist() == [
        layout.FINE, layout.NOT_FINITE, layout.NOT_FINITE, layout.NOT_FINITE, layout.OUT_OF_BOUNDS,
        layout.OVERFLOW, layout.OVERFLOW, layout.FINE,
    ]  # fmt: skip
    frame = done.frame()
    fine = frame.filter(pl.Series(done.statuses == layout.FINE))
    assert fine.height == 2
    assert done.without == 6
    assert frame.filter(pl.Series(done.statuses != layout.FINE))["co2e_mg"].null_count() == 6
    assert done.sums["co2e_mg"].to_list() == [int(fine["co2e_mg"].sum())]


def test_sums_beyond_64_bits_are_exact(resolver):
    rows = gas_rows([1e11] * 50_000)
    done = Batch(resolver, gas_method(), threads=2).calculate(rows, ("scope",))
    one = int(done.co2e[0])
    assert one * 50_000 > 2**63
    assert done.sums["co2e_mg"].to_list() == [one * 50_000]


@pytest.mark.parametrize("precision", [6, 2])
def test_a_formula_that_is_not_linear_runs_as_its_expression(engine, precision):
    library = Library({"test.yaml": NOT_LINEAR.replace("PRECISION", str(precision))}, engine.catalogue)
    other = CalculationEngine(engine.catalogue, library, engine.gwp)
    factor = engine.catalogue.factor(
        next(item.factor_id for item in library.bindings if "diesel" in item.factor_id)
    )
    how = (
        2024,
        "diesel",
        factor.activity,
        "us-epa",
        factor.dataset,
        "2024",
        factor.activity_unit,
        "AR5",
        "test",
    )
    method = method_of(how)
    quantities = [0.123456789, 1e7 / 3, -1.0, None, 2e12, 1e12]
    rows = pl.DataFrame(
        {
            "activity": "diesel",
            "region": "US",
            "unit": factor.activity_unit,
            "data_year": 2024,
            "quantity": quantities,
        }
    ).with_columns(pl.col("data_year").cast(pl.Int64))
    done = Batch(Resolver(engine.catalogue, library, engine.gwp), method).calculate(rows)
    assert done.statuses.tolist() == [
        layout.FINE, layout.FINE, layout.OUT_OF_BOUNDS, layout.NOT_FINITE, layout.OUT_OF_BOUNDS,
        layout.OVERFLOW,
    ]  # fmt: skip
    binding = library.find_binding(factor_id=factor.factor_id)
    for number in (0, 1):
        single = other.calculate(
            binding.id, {"activity": quantities[number]}, CalculationContext(gwp_set="AR5")
        )
        assert {item.symbol: item.scaled * 10 ** (6 - item.precision) for item in single.outputs} == {
            "co2": done.mass("co2_mg")[number].as_py(),
            "co2e": done.mass("co2e_mg")[number].as_py(),
        }
    assert done.sums["co2e_mg"].to_list() == [int(done.co2e[:2].sum())]


def test_questions_that_come_later_are_answered_too(resolver, chicago):
    rows, method = chicago
    batch = Batch(resolver, method)
    batch.calculate(rows.filter(pl.col("activity") == "natural-gas"))
    later = batch.calculate(rows, ("tenant",))
    assert later.sums.equals(Batch(resolver, method).calculate(rows, ("tenant",)).sums)


def test_batches_of_several_threads_share_a_resolver(engine, chicago):
    rows, method = chicago
    shared = Resolver(engine.catalogue, engine.library, engine.gwp)
    parts = [rows.filter(pl.col("data_year") == year) for year in sorted(rows["data_year"].unique())] * 2

    def sums(part, resolver=shared):
        return Batch(resolver, method, threads=1).calculate(part, ("tenant", "scope")).sums

    with ThreadPoolExecutor(len(parts)) as pool:
        together = list(pool.map(sums, parts))
    alone = [sums(part, Resolver(engine.catalogue, engine.library, engine.gwp)) for part in parts]
    assert all(first.equals(second) for first, second in zip(together, alone, strict=True))


@pytest.mark.parametrize("column", ["activity", "scope"])
def test_an_empty_cell_of_a_key_is_refused(resolver, column):
    rows = gas_rows([1.0, 2.0]).with_columns(pl.lit(None, dtype=pl.String).alias(column))
    with pytest.raises(GreenlangError) as refused:
        Batch(resolver, gas_method()).calculate(rows, ("scope",))
    assert refused.value.code == "BATCH_CELL_EMPTY"


def read_block(data):
    """A block read by its description alone: a record for each row."""
    head, _, rest = data.partition(b"\n")
    said = json.loads(head)
    rows, at = said["rows"], 32 * said["plans"]
    plans = [rest[32 * n : 32 * n + 32] for n in range(said["plans"])]

    def take(form, size, count):
        nonlocal at
        values = struct.unpack_from(f"<{count}{form}", rest, at)
        at += size * count
        return values

    codes, groups = take("H", 2, rows), take("H", 2, rows)
    quantities, co2e = take("d", 8, rows), take("q", 8, rows)
    with_gases = take("H", 2, said["gases"])
    gases = dict(zip(with_gases, zip(*[iter(take("q", 8, 4 * said["gases"]))] * 4, strict=True), strict=True))
    without = take("H", 2, said["without"])
    reasons = dict(zip(without, take("B", 1, said["without"]), strict=True))
    assert at == len(rest)
    return [
        {
            "plan": plans[codes[row]], "group": said["groups"][groups[row]], "quantity": quantities[row],
            "co2e": co2e[row], "gases": gases.get(row), "status": reasons.get(row, 0),
        }
        for row in range(rows)
    ]  # fmt: skip


def test_a_block_holds_its_rows_as_it_says(reference, chicago):
    rows, _ = chicago
    read = read_block(block_bytes(reference, 0))
    assert len(read) == rows.height < BLOCK
    assert [row["group"] for row in read] == [list(row) for row in rows.select("tenant", "scope").iter_rows()]
    assert [row["status"] for row in read] == reference.statuses.tolist()
    quantities = pl.Series([row["quantity"] for row in read])
    assert quantities.fill_nan(None).to_list() == rows["quantity"].fill_nan(None).to_list()
    *gases, co2e = MASS_COLUMNS
    frame = reference.frame()
    assert [row["co2e"] for row in read] == frame[co2e].fill_null(0).to_list()
    expected = [
        None if all(mass is None for mass in masses) else tuple(mass or 0 for mass in masses)
        for masses in frame.select(gases).iter_rows()
    ]
    assert [row["gases"] for row in read] == expected
    assert any(expected)
    # Equal plans have equal hashes, different ones different hashes.
    assert len({row["plan"] for row in read}) == reference.answers.questions.height


def test_a_digit_changes_the_hash_of_its_block(resolver, chicago):
    rows, method = chicago
    before = block_hashes(Batch(resolver, method).calculate(rows, ("tenant",)), 2)
    changed = rows.with_columns(
        pl.when(pl.int_range(pl.len()) == 5)
        .then(pl.col("quantity") + 0.001)
        .otherwise("quantity")
        .alias("quantity")
    )
    after = block_hashes(Batch(resolver, method).calculate(changed, ("tenant",)), 2)
    assert before != after
    data = block_bytes(Batch(resolver, method).calculate(rows, ("tenant",)), 0)
    assert hashlib.sha256(b"\0" + data).digest() == before[0]
    assert header_leaf(("tenant",)) != header_leaf(("scope",))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**40), 2**40) | st.integers(-3, 3), st.sampled_from("abc")),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([("n",), ("n", "t"), ("t", "n", "t2"), ("t", "n", "t2", "t3")]),
    st.integers(1, 3),
)
def test_keys_are_numbered_by_their_first_appearance(cells, names, parts):
    rows = pl.DataFrame(cells, schema={"n": pl.Int64(), "t": pl.String()}, orient="row")
    rows = rows.with_columns(t2=pl.col("t"), t3=pl.col("t").cast(pl.Categorical()))
    cuts = [rows.height * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(2) as pool:
        distinct = Distinct(rows, names, pool, list(itertools.pairwise(cuts)))
        texts = rows.select(pl.col(names)).with_columns(pl.col(pl.Categorical).cast(pl.String))
        assert distinct.keys.equals(texts.unique(maintain_order=True))
        places = np.concatenate(
            [
                place[distinct.numbers[start:stop]]
                for place, (start, stop) in zip(
                    distinct.places_in(distinct.keys), itertools.pairwise(cuts), strict=True
                )
            ]
        )
        assert distinct.keys[places].equals(texts)
        assert sum(int(job.result().sum()) for job in distinct.counted()) == rows.height


def test_more_keys_than_there_was_room_for():
    rows = pl.DataFrame({"n": np.arange(200_000) % 150_000})
    with ThreadPoolExecutor(1) as pool:
        distinct = Distinct(rows, ("n",), pool, [(0, rows.height)])
        assert distinct.keys["n"].to_list() == list(range(150_000))


def test_columns_that_no_key_holds_are_refused():
    numbers = np.arange(70_000)
    rows = pl.DataFrame(dict.fromkeys("abcd", numbers))
    with ThreadPoolExecutor(1) as pool, pytest.raises(GreenlangError) as refused:
        _ = Distinct(rows, ("a", "b", "c", "d"), pool, [(0, rows.height)]).keys
    assert refused.value.code == "BATCH_TOO_VARIED"
