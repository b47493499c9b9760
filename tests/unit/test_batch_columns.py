"""The batch in columns: the integers of the engine, whatever threads, parts and kinds of formula."""

import itertools
import json
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.batch_blocks import header_leaf, page_count
from greenlang_assets.core.calculation.batch_columns import Batch
from greenlang_assets.core.calculation.batch_keys import Distinct
from greenlang_assets.core.calculation.batch_layout import BLOCK
from greenlang_assets.core.calculation.batch_plans import MASS_COLUMNS, QUESTION, Plan, methods_of, resolve
from greenlang_assets.core.calculation.batch_questions import Resolver
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.provenance.canonical import canonical_bytes
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
def many(chicago):
    """The same twelve times over, each time a little more: several blocks, not a whole number."""
    rows, _ = chicago
    times = [rows.with_columns(pl.col("quantity") * (1 + number / 7)) for number in range(12)]
    return pl.concat(times, rechunk=True)


@pytest.fixture(scope="module")
def reference(resolver, chicago, many):
    _, method = chicago
    return Batch(resolver, method, ("tenant", "scope"), threads=1).calculate(many, hashed_from=0)


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_change_nothing(resolver, chicago, many, reference, threads):
    _, method = chicago
    done = Batch(resolver, method, ("tenant", "scope"), threads=threads).calculate(many, hashed_from=0)
    assert done.sums.equals(reference.sums)
    assert done.frame().equals(reference.frame())
    assert done.leaves == reference.leaves
    assert len(done.leaves) == 3


@pytest.mark.parametrize("kind", [pl.String(), pl.Categorical()])
def test_categories_change_nothing(resolver, chicago, many, reference, kind):
    _, method = chicago
    cast = many.with_columns(pl.col("activity", "region", "unit", "tenant", "scope").cast(kind))
    done = Batch(resolver, method, ("tenant", "scope")).calculate(cast.sort("quantity"))
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
    done = Batch(resolver, gas_method(), ("scope",)).calculate(gas_rows(quantities))
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
    done = Batch(resolver, gas_method(), ("scope",), threads=2).calculate(rows)
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
    batch = Batch(resolver, method, ("tenant",))
    batch.calculate(rows.filter(pl.col("activity") == "natural-gas"))
    later = batch.calculate(rows)
    assert later.sums.equals(Batch(resolver, method, ("tenant",)).calculate(rows).sums)


def test_batches_of_several_threads_share_a_resolver(engine, chicago):
    rows, method = chicago
    shared = Resolver(engine.catalogue, engine.library, engine.gwp)
    parts = [rows.filter(pl.col("data_year") == year) for year in sorted(rows["data_year"].unique())] * 2

    def sums(part, resolver=shared):
        return Batch(resolver, method, ("tenant", "scope"), threads=1).calculate(part).sums

    with ThreadPoolExecutor(len(parts)) as pool:
        together = list(pool.map(sums, parts))
    alone = [sums(part, Resolver(engine.catalogue, engine.library, engine.gwp)) for part in parts]
    assert all(first.equals(second) for first, second in zip(together, alone, strict=True))


@pytest.mark.parametrize("column", ["activity", "scope"])
def test_an_empty_cell_of_a_key_is_refused(resolver, column):
    rows = gas_rows([1.0, 2.0]).with_columns(pl.lit(None, dtype=pl.String).alias(column))
    with pytest.raises(GreenlangError) as refused:
        Batch(resolver, gas_method(), ("scope",)).calculate(rows)
    assert refused.value.code == "BATCH_CELL_EMPTY"


def read_block(record, columns):
    """A block read by its description alone: a record for each row."""
    said, at = json.loads(record), 0
    rows = said["rows"]
    assert blake3(columns).hexdigest() == said["blake3"]

    def take(form, count):
        nonlocal at
        values = struct.unpack_from(f"<{count}{form}", columns, at)
        at += struct.calcsize(f"<{form}") * count
        return values

    plans, groups, quantities, co2e = take("i", rows), take("i", rows), take("d", rows), take("q", rows)
    with_gases = take("H", said["gases"])
    masses = [take("q", said["gases"]) for _ in range(4)]
    gases = dict(zip(with_gases, zip(*masses, strict=True), strict=True))
    without = take("H", said["without"])
    reasons = dict(zip(without, take("B", said["without"]), strict=True))
    assert at == len(columns)
    return [
        {
            "plan": plans[row], "group": groups[row], "quantity": quantities[row], "co2e": co2e[row],
            "gases": gases.get(row), "status": reasons.get(row, 0),
        }
        for row in range(rows)
    ]  # fmt: skip


def read_pages(pages):
    """The entries of pages, one after the other."""
    entries = []
    for page in map(json.loads, pages):
        assert page["first"] == len(entries)
        entries += [
            dict(zip(page["columns"], row, strict=True))
            for row in zip(*page["columns"].values(), strict=True)
        ]
        assert page["first"] + page["rows"] == len(entries)
    return entries


def test_blocks_and_pages_hold_the_rows_as_they_say(resolver, chicago, many):
    rows, (_, method) = many, chicago
    batch = Batch(resolver, method, ("tenant", "scope"))
    done = batch.calculate(rows, hashed_from=0)
    blocks = [done.block(number, 0) for number in range(3)]
    read = [row for block in blocks for row in read_block(block.record(), block.columns())]
    plans = read_pages([batch.plan_page(number) for number in range(page_count(len(batch.answers)))])
    groups = read_pages([batch.group_page(number) for number in range(page_count(batch.groups.height))])
    assert done.leaves == [block.leaf() for block in blocks]
    assert [groups[row["group"]] for row in read] == rows.select("tenant", "scope").to_dicts()
    question = rows.select(QUESTION).to_dicts()
    assert [{name: plans[row["plan"]][name] for name in QUESTION} for row in read] == question
    assert [row["status"] for row in read] == done.statuses.tolist()
    quantities = pl.Series([row["quantity"] for row in read])
    assert quantities.fill_nan(None).to_list() == rows["quantity"].fill_nan(None).to_list()
    *gases, co2e = MASS_COLUMNS
    frame = done.frame()
    assert [row["co2e"] for row in read] == frame[co2e].fill_null(0).to_list()
    expected = [
        None if all(mass is None for mass in masses) else tuple(mass or 0 for mass in masses)
        for masses in frame.select(gases).iter_rows()
    ]
    assert [row["gases"] for row in read] == expected
    assert any(expected)
    for number, plan in enumerate(plans):
        answer = batch.answers.plan(number)
        if isinstance(answer, GreenlangError):
            assert (plan["refused"], plan["calculation_sha256"], plan["ratio"]) == (answer.code, None, None)
        else:
            assert plan["refused"] is None
            assert float(plan["ratio"]) == answer.ratio
            assert plan["calculation_sha256"] == answer.formula.identity
            assert (plan["matched_level"], plan["year_distance"]) == (
                answer.match.matched_level, answer.match.year_distance,
            )  # fmt: skip
    assert any(plan["refused"] for plan in plans)


def test_a_page_is_canonical_json(resolver):
    texts = ['"quoted"', "back\\slash", "new\nline", "\x01\x7f", "Zoë ✓ \U0001f33f", "</script>"]
    rows = gas_rows([1.0] * len(texts)).with_columns(scope=pl.Series(texts))
    batch = Batch(resolver, gas_method(), ("scope", "data_year"))
    batch.calculate(rows)
    assert batch.group_page(0) == canonical_bytes(
        {
            "columns": {"data_year": [2016] * len(texts), "scope": texts}, "first": 0,
            "format": "greenlang/rows@3", "kind": "groups", "rows": len(texts),
        }
    )  # fmt: skip


def test_a_digit_changes_the_hash_of_its_block(resolver, chicago, many):
    _, method = chicago

    def leaves(rows):
        return Batch(resolver, method, ("tenant",)).calculate(rows, hashed_from=0).leaves

    changed = many.with_columns(
        pl.when(pl.int_range(pl.len()) == 5)
        .then(pl.col("quantity") + 0.001)
        .otherwise("quantity")
        .alias("quantity")
    )
    before, after = leaves(many), leaves(changed)
    assert before[0] != after[0]
    assert before[1:] == after[1:]
    assert header_leaf(("tenant",)) != header_leaf(("scope",))


def test_a_table_in_many_stretches_gives_what_it_gives_in_one(resolver, chicago, many):
    _, method = chicago
    cuts = [0, 10, 5_000, BLOCK - 1, BLOCK + 7_000, many.height]
    stretched = pl.concat([many[start:stop] for start, stop in itertools.pairwise(cuts)], rechunk=False)
    assert stretched["activity"].n_chunks() == len(cuts) - 1
    results = []
    for table, threads in ((many.rechunk(), 1), (stretched, 1), (stretched, 3)):
        batch = Batch(resolver, method, ("tenant", "scope"), threads)
        results.append((batch.calculate(table, hashed_from=0), batch.page_leaves()))
    first = results[0]
    for done, pages in results[1:]:
        assert done.sums.equals(first[0].sums)
        assert done.frame().equals(first[0].frame())
        assert (done.leaves, pages) == (first[0].leaves, first[1])


def test_a_later_table_sums_its_own_groups_only(resolver, chicago):
    rows, method = chicago
    batch = Batch(resolver, method, ("scope",))
    batch.calculate(rows)
    part = rows.filter(pl.col("scope") == "2")
    assert batch.calculate(part).sums.equals(Batch(resolver, method, ("scope",)).calculate(part).sums)


def test_no_rows_give_no_sums(resolver):
    done = Batch(resolver, gas_method(), ("scope",)).calculate(gas_rows([1.0]).clear(), hashed_from=0)
    assert (done.sums.height, done.frame().height, done.leaves) == (0, 0, [])


@pytest.mark.parametrize("by", [("scope", "scope"), ("activity", "region", "unit", "scope", "data_year")])
def test_columns_to_sum_by_are_few_and_different(resolver, by):
    with pytest.raises(GreenlangError) as refused:
        Batch(resolver, gas_method(), by).calculate(gas_rows([1.0]))
    assert refused.value.code == "BATCH_GROUP"


def test_rows_are_not_summed_by_decimal_numbers(resolver):
    rows = gas_rows([1.0, 2.0]).with_columns(share=pl.Series([1.2, 1.7]))
    with pytest.raises(GreenlangError) as refused:
        Batch(resolver, gas_method(), ("share",)).calculate(rows)
    assert refused.value.code == "BATCH_GROUP"
    assert "share Float64" in str(refused.value)


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
    pieces = [rows[start:stop] for start, stop in itertools.pairwise(cuts) if start < stop]
    with ThreadPoolExecutor(2) as pool:
        distinct = Distinct(pl.concat(pieces, rechunk=False), names, pool, 2)
        texts = rows.select(pl.col(names)).with_columns(pl.col(pl.Categorical).cast(pl.String))
        assert distinct.keys.equals(texts.unique(maintain_order=True))
        ends = [*distinct.starts[1:], rows.height]
        places = np.concatenate(
            [
                place[distinct.numbers[start:stop]]
                for place, start, stop in zip(
                    distinct.places_in(distinct.keys), distinct.starts, ends, strict=True
                )
            ]
        )
        assert distinct.keys[places].equals(texts)


def test_more_keys_than_there_was_room_for():
    rows = pl.DataFrame({"n": np.arange(200_000) % 150_000})
    with ThreadPoolExecutor(1) as pool:
        distinct = Distinct(rows, ("n",), pool, 1)
        assert distinct.keys["n"].to_list() == list(range(150_000))


def test_columns_that_no_key_holds_are_refused():
    numbers = np.arange(70_000)
    rows = pl.DataFrame(dict.fromkeys("abcd", numbers))
    with ThreadPoolExecutor(1) as pool, pytest.raises(GreenlangError) as refused:
        _ = Distinct(rows, ("a", "b", "c", "d"), pool, 1).keys
    assert refused.value.code == "BATCH_TOO_VARIED"
