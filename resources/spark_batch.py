"""A batch of activity rows on Apache Spark: the tables of ``calculate_batch``, as Parquet folders.

Belongs here: the order of Spark's jobs. Does not belong here: what is computed: questions are resolved by
``core.calculation.batch_questions``, masses are the SQL of ``batch_sql``, hashes and words are those of
``batch_arrow``, run on the workers. Opening a session: ``spark``.

The driver holds one row for each distinct question and nothing that grows with the rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from greenlang_assets.core.calculation import batch_arrow, batch_sql
from greenlang_assets.core.calculation.batch_plans import NEEDED, QUESTION
from greenlang_assets.core.calculation.batch_questions import resolver_of
from greenlang_assets.core.calculation.lines import check_sums
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.tenants.contracts import (
    ACTIVITY,
    LINES,
    METHOD,
    REJECTED,
    SHOWN,
    TOTALS,
    Contract,
    check_columns,
    shared_keys,
)
from resources.spark import move_folders, reported

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: Folders of a run; totals come last, so that where they are, everything is.
TABLES = (LINES.name, REJECTED.name, TOTALS.name)
_UNFINISHED = "_unfinished"
_TYPES = {pl.String(): "string", pl.Int64(): "bigint", pl.Float64(): "double"}


@dataclass(frozen=True)
class SparkBatch:
    """A run of a batch on Spark.

    Args:
        session: an open session.
        catalogue: emission factors.
        library: formulas bound to them.
        gwp: global warming potentials.
        say: told what is being done.
    """

    session: SparkSession
    catalogue: Catalogue
    library: Library
    gwp: GwpTable
    say: Callable[[str], None] = lambda what: None

    def read(self, folder: str) -> DataFrame:
        """Activity rows of a Parquet file or folder that every worker sees, checked by their contract.

        Raises:
            GreenlangError: ``FILE_UNREADABLE``, ``CONTRACT_COLUMNS``, ``CONTRACT_VALUES``.
        """
        from pyspark.errors import AnalysisException

        try:
            rows = self.session.read.parquet(folder)
        except AnalysisException as error:
            raise GreenlangError(
                "FILE_UNREADABLE",
                "Spark cannot read the table",
                found=str(error).splitlines()[0],
                expected="a Parquet file or folder",
                where={"file": folder},
            ) from error
        self._check_columns(rows)
        with reported(self.session, self.say, "checking the activity rows"):
            faults = rows.mapInArrow(batch_arrow.activity_faults, "fault string")
            first = faults.selectExpr("min(fault)").collect()[0][0]
        if first is not None:
            fault = json.loads(first)
            fault["hint"] = "rows are counted from 0 in the batch of rows that a worker was handed"
            raise GreenlangError(fault.pop("code"), fault.pop("message"), **fault)
        return rows

    def hand_over(self, rows: pl.DataFrame) -> DataFrame:
        """Rows that are on this machine, as Spark's; they pass through the driver."""
        return self.session.createDataFrame(batch_arrow.arrow_table(rows))

    def calculate(self, activity: DataFrame, method: pl.DataFrame, out: str) -> None:
        """Calculates activity rows by a method table, as ``calculate_batch`` does.

        Args:
            activity: contract ``activity``; any order, keys unique.
            method: contract ``method``.
            out: folder (any address that Spark writes to, seen by every worker) that gets the Parquet
                folders ``lines``, ``rejected`` and ``totals``, each sorted by its key.

        Raises:
            GreenlangError: those of ``calculate_batch``; what ``out`` held then stays as it was.
        """
        self._check_columns(activity)
        check_columns(method, METHOD)
        self._check_keys(activity)
        rows = self._calculated(activity, method)
        lines = rows.where(f"{batch_sql.REASON} IS NULL")
        self._check_sums(lines)
        unfinished = f"{out}/{_UNFINISHED}"
        refused = rows.where(f"{batch_sql.REASON} IS NOT NULL")
        self._write(refused, batch_arrow.worded_refusals, REJECTED, unfinished)
        self._write(lines, batch_arrow.sealed_lines, LINES, unfinished)
        written = self.session.read.parquet(f"{unfinished}/{LINES.name}")
        self._write(_totals(activity, written), batch_arrow.sealed_totals, TOTALS, unfinished)
        move_folders(self.session, unfinished, out, TABLES)

    def _check_columns(self, activity: DataFrame) -> None:
        check_columns(_polars(activity.limit(0)), ACTIVITY)

    def _check_keys(self, activity: DataFrame) -> None:
        with reported(self.session, self.say, "looking for keys that occur twice"):
            doubled = activity.groupBy(*ACTIVITY.key).count().where("count > 1")
            rows = doubled.selectExpr("coalesce(sum(count), 0)").collect()[0][0]
            if rows:
                first = doubled.select(*ACTIVITY.key).orderBy(*ACTIVITY.key).limit(SHOWN)
                raise shared_keys(ACTIVITY, rows, _polars(first))

    def _calculated(self, activity: DataFrame, method: pl.DataFrame) -> DataFrame:
        """Activity rows with the columns of a line, or a reason and a refusal."""
        from pyspark.sql.functions import broadcast, expr

        with reported(self.session, self.say, "collecting the distinct questions"):
            complete = activity.where(" AND ".join(f"{name} IS NOT NULL" for name in NEEDED))
            questions = _polars(complete.select(*QUESTION).distinct())
        self.say(f"resolving {questions.height:,} questions")
        answers = resolver_of(self.catalogue, self.library, self.gwp).answer(questions, method)
        batch = batch_sql.sql_batch(answers)
        rows = activity.join(broadcast(self.hand_over(batch.plans)), on=list(QUESTION), how="left")
        for stage in batch.stages:
            rows = rows.withColumns({name: expr(text) for name, text in stage.items()})
        return rows

    def _check_sums(self, lines: DataFrame) -> None:
        """Before anything is written: whether the totals can be formed."""
        from pyspark.sql.functions import expr

        with reported(self.session, self.say, "checking the sums"):
            worst = (expr(text).desc() for text in ("set_count > 1", "tenants > 1"))
            first = _sums(lines).where(batch_sql.UNSOUND).orderBy(*worst, *TOTALS.key).limit(1)
            check_sums(_polars(first).with_columns(pl.col("co2e_mg", "co2e_market_mg").cast(pl.Int128)))

    def _write(self, rows: DataFrame, finish: Any, contract: Contract, folder: str) -> None:
        with reported(self.session, self.say, f"writing {contract.name}"):
            schema = ", ".join(f"{name} {_TYPES[dtype]}" for name, dtype in contract.schema.items())
            finished = rows.orderBy(*contract.key).mapInArrow(finish, schema)
            finished.write.mode("overwrite").parquet(f"{folder}/{contract.name}", compression="zstd")


def _sums(lines: DataFrame, **more: str) -> DataFrame:
    """Sums of the lines that totals count, by facility and period."""
    from pyspark.sql.functions import expr

    sums = {**batch_sql.SUMS, **more}
    counted = lines.where(batch_sql.COUNTED).groupBy(*TOTALS.key)
    return counted.agg(*(expr(text).alias(name) for name, text in sums.items()))


def _totals(activity: DataFrame, lines: DataFrame) -> DataFrame:
    """Totals without their hashes."""
    from pyspark.sql.functions import count, expr
    from pyspark.sql.functions import min as smallest

    key = list(TOTALS.key)
    names = activity.groupBy(*key).agg(
        count("*").alias("rows"), smallest("facility_name").alias("facility_name")
    )
    outside = lines.where(f"NOT ({batch_sql.COUNTED})").groupBy(*key).agg(count("*").alias("outside"))
    totals = _sums(lines, line_sha256s=batch_sql.LINE_HASHES).join(names, key).join(outside, key, "left")
    rejected = expr("rows - lines - coalesce(outside, 0)").alias("rejected")
    sums = [expr(f"CAST({name} AS BIGINT)").alias(name) for name in ("co2e_mg", "co2e_market_mg")]
    return totals.select("tenant", *key, "facility_name", "lines", rejected, *sums, "line_sha256s")


def _polars(rows: DataFrame) -> pl.DataFrame:
    frame = pl.from_arrow(rows.toArrow())
    assert isinstance(frame, pl.DataFrame)
    return frame
