"""Ten million rows of activity: ours beside hand-written Polars and DuckDB, the same figures from each.

Belongs here: what is timed, that all ways give the same sums, the ratios.
Does not belong here: the rows (``batch_data``), the peers' code (``batch_peers``).

Rows in memory are a frame of categories for Polars and for us, a table of enumerations for DuckDB; factors
and formulas are loaded. *Warm* is the median of five rounds in one process, *cold* the first batch of a new
process, which compiles nothing anew but loads what was compiled, reads the formulas it needs and builds their
coefficients. Each of our rounds begins with a new batch: it finds the distinct questions, answers them from
the full catalogue, and calculates. The ways take turns, so that a busy machine is busy for all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks.batch_data import Workload, gwp_values, workload
from benchmarks.batch_peers import DuckPeer, PolarsPeer
from benchmarks.timing import of_calls
from greenlang_assets.core.calculation.batch_blocks import header_leaf
from greenlang_assets.core.calculation.batch_columns import Batch
from greenlang_assets.core.calculation.batch_files import prove_row, run_files
from greenlang_assets.core.calculation.batch_questions import Resolver, resolver_of
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.provenance.merkle import HashTree

ROWS, ROUNDS = 10_000_000, 5
BY = ("tenant", "scope")
THREADS = os.cpu_count() or 1
MANY = 100_000_000


def batch_benchmarks() -> dict[str, Any]:
    """All of it; says what it does on the way."""
    engine = CalculationEngine.shipped()
    with tempfile.TemporaryDirectory(prefix="greenlang-bench-") as folder:
        work = workload(Path(folder), ROWS, engine)
        found: dict[str, Any] = {
            "rows": ROWS,
            "file, MB": round(work.path.stat().st_size / 1e6),
            "factors in the catalogue": engine.catalogue.frame.height,
            "distinct questions": len(_questions(work)),
        }
        found |= _in_memory(work, engine)
        found |= _to_files(work, engine, Path(folder))
        found["cold, new process"] = _in_a_new_process(work)
        found["100 million rows, files to files"] = _many(work, Path(folder))
    return found


def _questions(work: Workload) -> pl.DataFrame:
    return pl.scan_parquet(work.path).select("activity", "region", "data_year", "unit").unique().collect()


def _ours(resolver: Resolver, work: Workload, rows: pl.DataFrame) -> Any:
    return Batch(resolver, work.method, BY).calculate(rows)


def _proved(resolver: Resolver, work: Workload, rows: pl.DataFrame) -> Any:
    batch = Batch(resolver, work.method, BY)
    calculated = batch.calculate(rows, hashed_from=0)
    return calculated, HashTree([header_leaf(BY), *calculated.leaves, *batch.page_leaves()]).root


def _in_memory(work: Workload, engine: CalculationEngine) -> dict[str, Any]:
    rows = pl.read_parquet(work.path).rechunk()
    resolver = resolver_of(engine.catalogue, engine.library, engine.gwp)
    polars_peer, duck = PolarsPeer(work, gwp_values(engine)), DuckPeer(work, gwp_values(engine), THREADS)
    duck.load()
    ours = _ours(resolver, work, rows)
    assert not ours.without, "every row of the workload can be calculated"
    expected = [tuple(map(str, row)) for row in ours.sums.select(*BY, *_SUMMED).iter_rows()]
    frame, sums = polars_peer.by_columns(rows)
    assert expected == [tuple(map(str, row)) for row in sums.select(*BY, *_SUMMED).iter_rows()], "Polars"
    assert expected == [tuple(map(str, row)) for row in duck.distinct_keys()], "DuckDB"
    del ours, frame, sums
    times = _take_turns(
        {
            "ours": lambda: _ours(resolver, work, rows),
            "ours with provenance": lambda: _proved(resolver, work, rows),
            "Polars, distinct keys first": lambda: polars_peer.by_columns(rows),
            "Polars, packed keys first": lambda: polars_peer.by_number(rows),
            "DuckDB, distinct keys first": duck.distinct_keys,
            "DuckDB, ASOF join": duck.asof,
        }
    )
    best = min(value for name, value in times.items() if not name.startswith("ours"))
    return {
        "in memory, warm, million rows/s": {name: _rate(value) for name, value in times.items()},
        "in memory, ours to the best peer": round(best / times["ours"], 2),
        "in memory, ours with provenance to the best peer": round(best / times["ours with provenance"], 2),
    }


_SUMMED = ("co2_mg", "ch4_mg", "n2o_mg", "co2e_mg")


def _to_files(work: Workload, engine: CalculationEngine, folder: Path) -> dict[str, Any]:
    """From the Parquet file to all result rows as Parquet; ours with blocks hashed and plans written."""
    resolver = resolver_of(engine.catalogue, engine.library, engine.gwp)
    polars_peer, duck = PolarsPeer(work, gwp_values(engine)), DuckPeer(work, gwp_values(engine), THREADS)
    out = folder / "out"

    def ours() -> None:
        shutil.rmtree(out, ignore_errors=True)
        run_files(work.path, Batch(resolver, work.method, BY), out)

    def by_polars(way: Callable[[pl.DataFrame], Any]) -> None:
        rows, _ = way(pl.read_parquet(work.path))
        # As fast as it writes in a compressed form: LZ4 takes it as long, and statistics longer.
        rows.write_parquet(
            folder / "polars.parquet", compression="zstd", compression_level=1, statistics=False
        )

    def by_duck() -> None:
        duck.distinct_keys("from_file")
        duck.write(folder / "duck.parquet")

    times = _take_turns(
        {
            "ours with provenance": ours,
            "Polars, distinct keys first": lambda: by_polars(polars_peer.by_columns),
            "Polars, packed keys first": lambda: by_polars(polars_peer.by_number),
            "DuckDB, distinct keys first": by_duck,
        }
    )
    best = min(value for name, value in times.items() if not name.startswith("ours"))
    proofs = [
        partial(prove_row, work.path, Batch(resolver, work.method, BY), out, row)
        for row in range(0, ROWS, ROWS // 50)
    ]
    proofs[0]()
    return {
        "proof of one row": of_calls(proofs),
        "files to files, warm, million rows/s": {name: _rate(value) for name, value in times.items()},
        "files to files, ours to the best peer": round(best / times["ours with provenance"], 2),
    }


def _take_turns(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of each way, the median of the rounds.

    In each round a way runs three times and the last counts: pages that the machine has to find anew, and
    what the one before still tidies up, are paid by whoever comes next. Each round begins with another way.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name in [*list(ways)[number:], *list(ways)[:number]]:
            for _ in range(3):
                began = time.perf_counter()
                made = ways[name]()
                took = time.perf_counter() - began
                del made
            times[name].append(took)
    return {name: median(values) for name, values in times.items()}


def _rate(seconds: float, rows: int = ROWS) -> float:
    return round(rows / seconds / 1e6, 2)


def _in_a_new_process(work: Workload) -> dict[str, Any]:
    """The first batch of a process, after its factors and formulas are loaded."""
    method = work.path.with_name("method.parquet")
    work.method.write_parquet(method)
    return _measured(["cold", str(work.path), str(method)])


def _many(work: Workload, folder: Path) -> dict[str, Any]:
    """A hundred million rows, as ten times the file, with the largest memory that the process had."""
    source = folder / "many"
    source.mkdir()
    for number in range(MANY // ROWS):
        (source / f"{number}.parquet").hardlink_to(work.path)
    method = work.path.with_name("method.parquet")
    return _measured(["many", str(source), str(method), str(folder / "many-out")])


def _measured(arguments: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.batch", *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _child(kind: str, source: Path, method: Path, out: Path | None) -> dict[str, Any]:
    engine = CalculationEngine.shipped()
    resolver = resolver_of(engine.catalogue, engine.library, engine.gwp)
    batch = Batch(resolver, pl.read_parquet(method), BY)
    if kind == "cold":
        rows = pl.read_parquet(source).rechunk()
        began = time.perf_counter()
        batch.calculate(rows)
        return {"million rows/s": _rate(time.perf_counter() - began, rows.height)}
    assert out is not None
    began = time.perf_counter()
    run = run_files(source, batch, out)
    seconds = time.perf_counter() - began
    return {"million rows/s": _rate(seconds, run.rows), "peak memory, GB": _peak_gb()}


def _peak_gb() -> float | None:
    """The most memory that this process had; ``ru_maxrss`` would count its parent's."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return round(int(line.split()[1]) * 1024 / 1e9, 2)


def main() -> None:
    """Everything, or one measurement of a process of its own."""
    if len(sys.argv) > 1:
        kind, source, method, *out = sys.argv[1:]
        found = _child(kind, Path(source), Path(method), Path(out[0]) if out else None)
        print(json.dumps(found))
        return
    print(json.dumps(batch_benchmarks(), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
