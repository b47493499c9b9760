"""Measure what users wait for, each beside a named peer, and write ``benchmarks/results.json``.

Belongs here: the same work done twice, ratios and percentiles, the machine stated.
Does not belong here: a pass or a fail.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform as machine
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.tenants.dataset import load_dataset

RESULTS = Path(__file__).with_name("results.json")
GAS = "us-epa/stationary-combustion/2024/natural-gas-natural-gas/us/2024/mmbtu/gross"


def percentiles(work: Callable[[], object], *, times: int) -> dict[str, float]:
    """Median and 95th percentile of one call, in microseconds, after a warm-up."""
    work()
    spent = []
    for _ in range(times):
        began = time.perf_counter_ns()
        work()
        spent.append((time.perf_counter_ns() - began) / 1000)
    spent.sort()
    return {"p50_us": round(statistics.median(spent), 2), "p95_us": round(spent[int(times * 0.95)], 2)}


def lookups() -> dict[str, Any]:
    """One factor by its id: catalogue, plain dict, SQLite, DuckDB over the same rows."""
    catalogue = Catalogue.shipped()
    frame = catalogue.frame
    plain = {row["factor_id"]: row for row in frame.iter_rows(named=True)}
    lite = sqlite3.connect(":memory:")
    lite.execute("create table factors (factor_id text primary key, co2 real)")
    lite.executemany("insert into factors values (?, ?)", frame.select("factor_id", "co2").iter_rows())
    duck = duckdb.connect()
    duck.register("frame", frame.select("factor_id", "co2").to_arrow())
    duck.execute("create table factors as select * from frame")
    return {
        "ours, a factor with its citation": percentiles(lambda: catalogue.factor(GAS), times=2000),
        "ours, exact look-up by activity, region, year": percentiles(
            lambda: catalogue.lookup(
                activity="natural-gas", region="US", year=2024, dataset="stationary-combustion",
                edition="2024", activity_unit="mmBtu",
            ),
            times=2000,
        ),
        "plain dict, a row": percentiles(lambda: plain[GAS], times=2000),
        "SQLite, one column": percentiles(
            lambda: lite.execute("select co2 from factors where factor_id = ?", (GAS,)).fetchone(), times=2000
        ),
        "DuckDB, one column": percentiles(
            lambda: duck.execute("select co2 from factors where factor_id = ?", (GAS,)).fetchone(), times=300
        ),
    }  # fmt: skip


def batches() -> dict[str, Any]:
    """The example tenants: ours with every hash and citation, and a hand-written DuckDB sum of the same."""
    engine = CalculationEngine.shipped()
    dataset = load_dataset("chicago")
    parts = {"catalogue": engine.catalogue, "library": engine.library, "gwp": engine.gwp}
    began = time.perf_counter()
    cold = calculate_batch(dataset.activity, dataset.method, **parts)
    cold_s = time.perf_counter() - began
    warm = []
    for _ in range(3):
        began = time.perf_counter()
        calculate_batch(dataset.activity, dataset.method, **parts)
        warm.append(time.perf_counter() - began)
    rates = cold.lines.select("activity_id", rate=pl.col("co2e_mg") / pl.col("quantity")).to_arrow()
    activity = dataset.activity.to_arrow()
    duck = duckdb.connect()
    duck.register("rates", rates)
    duck.register("activity", activity)
    began = time.perf_counter()
    duck.execute(
        "select tenant, period, sum(quantity * rate) "
        "from activity join rates using (activity_id) group by all"
    ).fetchall()
    peer = time.perf_counter() - began
    rows = dataset.activity.height
    return {
        "rows": rows,
        "ours cold, rows/s": round(rows / cold_s),
        "ours warm, rows/s": round(rows / min(warm)),
        "DuckDB join and sum without gases, citations or hashes, rows/s": round(rows / peer),
        "ours warm, share of DuckDB": round(peer / min(warm), 4),
    }


def single() -> dict[str, Any]:
    """One calculation with its citations and hash, beside the bare arithmetic in Python."""
    engine = CalculationEngine.shipped()
    binding = engine.library.find_binding(factor_id=GAS).id
    context = CalculationContext(gwp_set="AR5")
    return {
        "ours": percentiles(lambda: engine.calculate(binding, {"activity": 1000.0}, context), times=500),
        "bare Python arithmetic": percentiles(
            lambda: 1000.0 * 53.06 + 1000.0 * 0.001 * 28 + 1000.0 * 0.0001 * 265, times=2000
        ),
    }


def catalogue_load() -> dict[str, Any]:
    """Loading every shipped factor from disk, imports apart."""
    spent = []
    for _ in range(7):
        began = time.perf_counter()
        Catalogue.shipped()
        spent.append((time.perf_counter() - began) * 1000)
    return {"factors": Catalogue.shipped().frame.height, "median_ms": round(statistics.median(spent), 1)}


def main() -> None:
    """Run everything, print it, write it."""
    results = {
        "machine": {
            "system": f"{machine.system()} {machine.machine()}",
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "polars": pl.__version__,
            "duckdb": duckdb.__version__,
            "day": dt.datetime.now(dt.UTC).date().isoformat(),
        },
        "catalogue load": catalogue_load(),
        "factor look-up": lookups(),
        "one calculation": single(),
        "batch over the example tenants": batches(),
    }
    text = json.dumps(results, indent=2)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
