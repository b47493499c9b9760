"""Measure what users wait for, each beside a named peer, and write ``benchmarks/results.json``.

Belongs here: the same work done twice, ratios and percentiles, the machine stated.
Does not belong here: a pass or a fail.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform as machine
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import polars as pl

from benchmarks.batch import batch_benchmarks
from benchmarks.factors import catalogue_benchmarks
from benchmarks.http_lookups import http_benchmarks
from benchmarks.timing import percentiles
from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.tenants.dataset import load_dataset

RESULTS = Path(__file__).with_name("results.json")
GAS = "us-epa/stationary-combustion/2024/natural-gas-natural-gas/us/2024/mmbtu/gross"


def lines() -> dict[str, Any]:
    """The example tenants as lines: every row with its hash and all that it cites."""
    engine = CalculationEngine.shipped()
    dataset = load_dataset("chicago")
    parts = {"catalogue": engine.catalogue, "library": engine.library, "gwp": engine.gwp}
    times = []
    for _ in range(6):
        began = time.perf_counter()
        calculate_batch(dataset.activity, dataset.method, **parts)
        times.append(time.perf_counter() - began)
    rows = dataset.activity.height
    return {
        "rows": rows,
        "cold, rows/s": round(rows / times[0]),
        "warm, rows/s": round(rows / median(times[1:])),
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


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return machine.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown"


def main() -> None:
    """Run everything, print it, write it."""
    results = {
        "machine": {
            "system": f"{machine.system()} {machine.machine()}",
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory, GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "load before": round(os.getloadavg()[0], 1),
            "python": sys.version.split()[0],
            "polars": pl.__version__,
            "duckdb": duckdb.__version__,
            "day": dt.datetime.now(dt.UTC).date().isoformat(),
        },
        "factor catalogue": catalogue_benchmarks(),
        "over HTTP, at a steady rate": http_benchmarks(),
        "one calculation": single(),
        "batch": batch_benchmarks(),
        "batch as lines, each with its hash and citations": lines(),
    }
    text = json.dumps(results, indent=2, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
