"""``glac emissions run --engine spark``: the batch on Apache Spark, its tables in the same files.

Belongs here: reading the tables where Spark can, and turning its folders into the files of a run.
Does not belong here: what is calculated and in which jobs (``resources.spark_batch``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from greenlang_assets.core.calculation.engine import CalculationEngine

MASTER = "local[*]"
#: Below the folder of a run: what the workers wrote.
PARQUET = "parquet"


def calculate(
    activity: Path | pl.DataFrame,
    method: pl.DataFrame,
    out: Path,
    *,
    engine: CalculationEngine,
    master: str,
    packages: Sequence[Path],
    say: Callable[[str], None],
) -> dict[str, pl.LazyFrame]:
    """Calculates on Spark.

    Args:
        activity: rows that were read and checked here, or a Parquet file or folder that every worker sees.
        method: contract ``method``.
        out: folder that every worker sees; gets the folder ``parquet`` with a folder for each table.
        engine: catalogue, formulas and GWPs.
        master: where Spark's master is.
        packages: wheels that are handed to the workers.
        say: told what is being done.

    Returns:
        ``lines``, ``totals`` and ``rejected``, each sorted by its key.

    Raises:
        GreenlangError: ``SPARK_MISSING``, ``JAVA_MISSING``, ``SPARK_MASTER``, ``SPARK_JOB``, and those of the
            tables and of the batch.
    """
    import polars as pl

    from resources.spark import open_session
    from resources.spark_batch import TABLES, SparkBatch

    folder = out.resolve() / PARQUET
    say(f"starting Spark on {master}")
    with open_session(master, packages=packages) as session:
        batch = SparkBatch(session, engine.catalogue, engine.library, engine.gwp, say)
        rows = batch.read(_address(activity)) if isinstance(activity, Path) else batch.hand_over(activity)
        batch.calculate(rows, method, _address(folder))
    # Parts are numbered in the order of the key.
    return {name: pl.scan_parquet(sorted((folder / name).glob("*.parquet"))) for name in TABLES}


def _address(path: Path) -> str:
    """A folder of this machine's, whatever file system a cluster takes for its own."""
    return f"file://{path.resolve()}"
