"""Batches over files: parts, sums and root are those of the rows, however they are divided."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from blake3 import blake3

from greenlang_assets.core.calculation.batch_columns import Batch
from greenlang_assets.core.calculation.batch_files import prove_row, run_files
from greenlang_assets.core.calculation.batch_layout import BLOCK
from greenlang_assets.core.calculation.batch_plans import MASS_COLUMNS
from greenlang_assets.core.calculation.batch_questions import Resolver
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.dataset import load_dataset

BY = ("tenant", "scope")
#: The program that the documentation prints.
CHECK = Path("docs/large-tables.md").read_text("utf-8").partition("```python\n")[2].partition("```")[0]


@pytest.fixture(scope="module")
def resolver():
    engine = CalculationEngine.shipped()
    return Resolver(engine.catalogue, engine.library, engine.gwp)


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("chicago")


@pytest.fixture(scope="module")
def rows(dataset):
    """The example tenants twelve times over, each time a little more: several blocks, not a whole number."""
    times = [dataset.activity.with_columns(pl.col("quantity") * (1 + number / 7)) for number in range(12)]
    return pl.concat(times).select(
        "tenant", "scope", "activity", "region", "unit", "data_year", "quantity", "period"
    )


def ran(resolver, dataset, source, out, **options):
    return run_files(source, Batch(resolver, dataset.method, BY), out, **options)


def test_a_run_writes_each_row_in_its_place(resolver, dataset, rows, tmp_path):
    rows.write_parquet(tmp_path / "rows.parquet")
    told = []
    run = ran(
        resolver, dataset, tmp_path / "rows.parquet", tmp_path / "out", part=BLOCK,
        say=lambda *at: told.append(at),
    )  # fmt: skip
    done = Batch(resolver, dataset.method, BY).calculate(rows)
    written = pl.read_parquet(tmp_path / "out/rows/*.parquet")
    assert rows.height > 2 * BLOCK
    assert len(list((tmp_path / "out/rows").iterdir())) == rows.height // BLOCK + 1
    assert told[-1] == (rows.height, rows.height)
    assert written.select(MASS_COLUMNS).equals(done.frame().select(MASS_COLUMNS))
    assert written.select(pl.col(BY).cast(pl.String)).equals(rows.select(BY))
    plans = pl.read_parquet(tmp_path / "out/plans.parquet")
    joined = written.join(plans, on="plan", how="left", maintain_order="left")
    assert joined.select("activity", "region", "data_year", "unit").equals(
        rows.select("activity", "region", "data_year", "unit")
    )
    fine = written["co2e_mg"].is_not_null()
    assert (
        joined.filter(fine)["factor_id"]
        .cast(pl.String)
        .equals(joined.filter(fine)["factor_id_right"], check_names=False)
    )
    rejected = pl.read_parquet(tmp_path / "out/rejected.parquet")
    assert rejected["row"].to_list() == [n for n, ok in enumerate(fine.to_list()) if not ok]
    assert run.rejected == dict(rejected.group_by("code").len().sort("code").iter_rows())
    assert run.sums.equals(done.sums)
    said = json.loads((tmp_path / "out/run.json").read_bytes())
    assert (said["root"], said["rows"], said["plans"]) == (run.root, rows.height, plans.height)


def test_files_and_chunks_change_neither_sums_nor_root(resolver, dataset, rows, tmp_path):
    whole, parts = tmp_path / "whole.parquet", tmp_path / "parts"
    parts.mkdir()
    rows.write_parquet(whole)
    for number, part in enumerate(rows.iter_slices(50_001)):
        part.with_columns(pl.col(pl.String).cast(pl.Categorical())).write_parquet(parts / f"{number}.parquet")
    first = ran(resolver, dataset, whole, tmp_path / "a")
    second = ran(resolver, dataset, parts, tmp_path / "b", part=BLOCK)
    assert (first.root, first.rows, first.rejected) == (second.root, second.rows, second.rejected)
    assert first.sums.equals(second.sums)
    changed = rows.with_columns(
        pl.when(pl.int_range(pl.len()) == 100_000).then(0.5).otherwise("quantity").alias("quantity")
    )
    changed.write_parquet(tmp_path / "changed.parquet")
    assert ran(resolver, dataset, tmp_path / "changed.parquet", tmp_path / "c").root != first.root


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda frame: frame.drop("unit"), "BATCH_COLUMNS"),
        (lambda frame: frame.with_columns(quantity=pl.lit("much")), "BATCH_COLUMNS"),
        (lambda frame: frame.with_columns(region=pl.lit(None, dtype=pl.String)), "BATCH_CELL_EMPTY"),
        (lambda frame: frame.clear(), "BATCH_SOURCE"),
    ],
)
def test_what_cannot_be_read_leaves_nothing(resolver, dataset, rows, tmp_path, change, code):
    change(rows.head(10)).write_parquet(tmp_path / "bad.parquet")
    with pytest.raises(GreenlangError) as refused:
        ran(resolver, dataset, tmp_path / "bad.parquet", tmp_path / "out")
    assert refused.value.code == code
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["plan", "group", "co2e_mg"])
def test_a_column_to_sum_by_has_a_name_of_its_own(resolver, dataset, rows, tmp_path, name):
    rows.head(10).with_columns(pl.col("tenant").alias(name)).write_parquet(tmp_path / "rows.parquet")
    with pytest.raises(GreenlangError) as refused:
        run_files(tmp_path / "rows.parquet", Batch(resolver, dataset.method, (name,)), tmp_path / "out")
    assert refused.value.code == "BATCH_GROUP"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("by", [(), ("place", "data_year")])
def test_rows_are_proved_by_whatever_they_are_summed(resolver, dataset, rows, tmp_path, by):
    source, out = tmp_path / "rows.parquet", tmp_path / "out"
    rows.head(2000).with_columns(pl.col("tenant").alias("place")).write_parquet(source)
    batch = Batch(resolver, dataset.method, by)
    run = run_files(source, batch, out)
    done = checked(prove_row(source, batch, out, 1234), run.root, tmp_path)
    assert done.returncode == 0, done.stderr
    assert run.sums.height == max(1, pl.read_parquet(source).select(by).unique().height)


def test_a_run_overwrites_nothing(resolver, dataset, rows, tmp_path):
    rows.head(10).write_parquet(tmp_path / "rows.parquet")
    ran(resolver, dataset, tmp_path / "rows.parquet", tmp_path / "out")
    with pytest.raises(GreenlangError) as refused:
        ran(resolver, dataset, tmp_path / "rows.parquet", tmp_path / "out")
    assert refused.value.code == "BATCH_OUT_EXISTS"
    with pytest.raises(GreenlangError) as refused:
        ran(resolver, dataset, tmp_path / "nothing.parquet", tmp_path / "other")
    assert refused.value.code == "BATCH_SOURCE"


def checked(proof, root, tmp_path):
    """That program, run on a proof with Python alone."""
    program = tmp_path / "check.py"
    program.write_text(CHECK, encoding="utf-8")
    (tmp_path / "proof.json").write_text(json.dumps(proof), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-I", "-S", program, tmp_path / "proof.json", root], capture_output=True, text=True
    )


def test_a_row_is_proved_to_the_root_without_us(resolver, dataset, rows, tmp_path):
    source, out = tmp_path / "rows.parquet", tmp_path / "out"
    rows.write_parquet(source)
    run = ran(resolver, dataset, source, out)
    batch = Batch(resolver, dataset.method, BY)
    figures = batch.calculate(rows).co2e
    for number in (0, BLOCK - 1, BLOCK, rows.height - 1):
        proof = prove_row(source, batch, out, number)
        done = checked(proof, run.root, tmp_path)
        assert done.returncode == 0, done.stderr
        row = rows.row(number, named=True)
        assert f"row {number}: { ({name: row[name] for name in sorted(BY)}) }" in done.stdout
        assert f"'activity': '{row['activity']}'" in done.stdout
        assert f"quantity {row['quantity']!r}, {figures[number]} mg CO2e" in done.stdout
    assert "does not lead to this root" in checked(proof, "0" * 64, tmp_path).stderr
    columns = bytearray(base64.b64decode(proof["columns"]))
    columns[-1] ^= 1
    changed = proof | {"columns": base64.b64encode(bytes(columns)).decode()}
    assert "not the columns of the row's block" in checked(changed, run.root, tmp_path).stderr
    assert "not the columns of the row's block" in checked(proof | {"row": 0}, run.root, tmp_path).stderr
    other = proof | {"plans": proof["groups"]}
    assert "not the plans of the row" in checked(other, run.root, tmp_path).stderr
    for part in ("block", "plans", "groups"):
        changed = proof | {part: proof[part] | {"says": proof[part]["says"].replace("0", "1", 1)}}
        assert "does not lead to this root" in checked(changed, run.root, tmp_path).stderr


@pytest.mark.parametrize("size", [0, 1, 64, 65, 1023, 1024, 1025, 2048, 3073, 7 * 1024, 31_744, 100_001])
def test_the_printed_blake3_is_blake3(size):
    program = CHECK.partition("proof, root =")[0]
    names = {}
    exec(compile(program, "docs/large-tables.md", "exec"), names)
    data = (b"greenlang" * 12_000)[:size]
    assert names["blake3"](data) == blake3(data).hexdigest()


def test_a_proof_of_other_rows_is_refused(resolver, dataset, rows, tmp_path):
    source, out = tmp_path / "rows.parquet", tmp_path / "out"
    rows.head(100).write_parquet(source)
    ran(resolver, dataset, source, out)
    batch = Batch(resolver, dataset.method, BY)
    with pytest.raises(GreenlangError) as refused:
        prove_row(source, batch, out, 100)
    assert refused.value.code == "BATCH_ROW"
    rows.head(100).with_columns(pl.col("quantity") * 2).write_parquet(source)
    with pytest.raises(GreenlangError) as refused:
        prove_row(source, batch, out, 5)
    assert refused.value.code == "BATCH_PROOF"
