"""How the benchmarks take time.

Belongs here: percentiles. Does not belong here: what is measured.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable


def percentiles(work: Callable[[], object], *, times: int) -> dict[str, float]:
    """Median and 95th percentile of one call, in microseconds, after a warm-up."""
    work()
    return of_calls(work for _ in range(times))


def of_calls(calls: Iterable[Callable[[], object]]) -> dict[str, float]:
    """Median and percentiles of different calls, each made once, in microseconds."""
    spent = []
    for work in calls:
        began = time.perf_counter_ns()
        work()
        spent.append((time.perf_counter_ns() - began) / 1000)
    spent.sort()
    return {"p50_us": round(statistics.median(spent), 2)} | {
        f"p{share}_us": round(spent[int(len(spent) * share / 100)], 2) for share in (95, 99)
    }


def median_ms(work: Callable[[], object], *, times: int = 7) -> float:
    """Median of whole runs, in milliseconds; what a run made is gone before the next begins."""
    spent = []
    for _ in range(times):
        gc.collect()
        began = time.perf_counter()
        made = work()
        spent.append((time.perf_counter() - began) * 1000)
        del made
    return round(statistics.median(spent), 1)
