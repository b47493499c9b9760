"""The batch on a real cluster: a master and two workers on loopback, tables identical to those of Polars."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from spark_cluster import Cluster, answer, cluster

from greenlang_assets.core.calculation.batch import BatchResult, calculate_batch
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD
from greenlang_assets.core.tenants.dataset import TenantDataset, load_dataset
from resources.spark import open_session
from resources.spark_batch import TABLES, SparkBatch

pytestmark = [pytest.mark.spark, pytest.mark.long]

SETTINGS = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "true",
    "spark.sql.shuffle.partitions": "2",
    # Jobs of a second are over before the second compiler has paid for itself.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    # So that a run in 50 partitions is one, however small they are.
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
}


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster"), workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def session(workers: Cluster) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        with open_session(workers.master, SETTINGS) as opened:
            yield opened


@pytest.fixture(scope="module")
def engine() -> CalculationEngine:
    return CalculationEngine.shipped()


@pytest.fixture
def batch(session: Any, engine: CalculationEngine) -> SparkBatch:
    session.conf.set("spark.sql.shuffle.partitions", "2")
    return SparkBatch(session, engine.catalogue, engine.library, engine.gwp)


@pytest.fixture(scope="module")
def chicago() -> TenantDataset:
    return load_dataset("chicago")


@pytest.fixture(scope="module")
def expected(chicago: TenantDataset, engine: CalculationEngine) -> BatchResult:
    return polars(engine, chicago.activity, chicago.method)


def polars(engine: CalculationEngine, activity: pl.DataFrame, method: pl.DataFrame) -> BatchResult:
    return calculate_batch(
        activity, method, catalogue=engine.catalogue, library=engine.library, gwp=engine.gwp
    )


def same(out: Path, expected: BatchResult) -> None:
    """Every table in the folder, read in the order of its files, is the table of the other engine."""
    for name in TABLES:
        files = sorted((out / name).glob("*.parquet"))
        found, wanted = pl.read_parquet(files), getattr(expected, name)
        assert found.schema == wanted.schema
        assert found.equals(wanted), name
    assert sorted(path.name for path in out.iterdir()) == sorted(TABLES)


@pytest.mark.parametrize("partitions", [1, 8, 50])
def test_chicago_is_the_same_in_any_number_of_partitions(
    partitions: int,
    session: Any,
    batch: SparkBatch,
    chicago: TenantDataset,
    expected: BatchResult,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "activity"
    folder.mkdir()
    rows = chicago.activity.sample(fraction=1.0, shuffle=True, seed=partitions)
    for number in range(partitions):
        rows.gather_every(partitions, number).write_parquet(folder / f"part-{number:02}.parquet")
    session.conf.set("spark.sql.shuffle.partitions", str(partitions))
    activity = batch.read(str(folder)).repartition(partitions)
    assert activity.rdd.getNumPartitions() == partitions
    batch.calculate(activity, chicago.method, str(tmp_path / "out"))
    same(tmp_path / "out", expected)
    assert expected.lines.height > 10_000
    assert expected.rejected.height > 100


def test_both_workers_worked(
    session: Any, workers: Cluster, batch: SparkBatch, chicago: TenantDataset
) -> None:
    # As many tasks as an idle worker cannot sleep through, should this test run by itself.
    batch.hand_over(chicago.activity).repartition(16).groupBy("activity").count().collect()
    context = session.sparkContext
    page = f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/allexecutors"
    executors = [executor for executor in answer(page) if executor["id"] != "driver"]
    assert len(executors) == 2
    assert all(executor["completedTasks"] > 0 for executor in executors)
    assert [worker["coresused"] for worker in workers.workers()] == [1, 1]


ROW = {
    "tenant": "town", "period": "2016", "facility_id": "house-1", "facility_name": "A house", "scope": "1",
    "activity": "natural-gas", "region": "US", "quantity": 1000.0, "unit": "kBtu[gross]", "data_year": 2016,
    "source_document": "A document", "source_row": 2, "source_file": "a.csv", "source_sha256": "0" * 64,
}  # fmt: skip
POWER = {"scope": "2", "activity": "grid-electricity", "region": "US-EGRID-RFCW", "unit": "kBtu"}
HOW = {
    "data_year": 2016, "activity": "natural-gas", "factor_activity": "natural-gas", "publisher": "us-epa",
    "dataset": "stationary-combustion", "edition": "2024", "activity_unit": "mmBtu", "gwp_set": "AR4",
    "reason": "a test",
}  # fmt: skip
HOW_POWER = HOW | {
    "activity": "grid-electricity", "factor_activity": "grid-electricity", "dataset": "egrid-subregion",
    "edition": "eGRID2012", "activity_unit": "MWh",
}  # fmt: skip


def activities(*changes: dict[str, Any]) -> pl.DataFrame:
    rows = [ROW | {"activity_id": f"a-{number:02}"} | change for number, change in enumerate(changes)]
    return pl.DataFrame(rows, schema=ACTIVITY.schema)


METHODS = pl.DataFrame([HOW, HOW_POWER], schema=METHOD.schema)
#: A line or a refusal of every kind.
ODD = activities(
    {}, POWER, {"scope": "outside"}, {"unit": "furlong"}, {"unit": "mile-"}, {"region": "ZZ"},
    {"data_year": 1999}, {"quantity": None}, {"quantity": math.nan}, {"quantity": math.inf},
    {"quantity": -1.0}, {"quantity": 1e300}, {"quantity": 1e-300}, {"quantity": -0.0}, {"quantity": 1e16},
    {"quantity": 1.5e22}, {"quantity": 0.1}, {"unit": None}, {"tenant": None, "facility_name": None},
    {"facility_name": "Haus Übergröße ’1’"}, {"facility_id": "house-2", "quantity": 12345.678},
    {"facility_id": "house-3", "quantity": math.nan}, {"unit": "mmBtu"}, {"unit": "mmBtu[gross]"},
    {"unit": "GJ[gross]"},
    POWER | {"unit": "kWh", "facility_id": "house-2"}, {"activity_id": None},
)  # fmt: skip


def test_lines_and_refusals_of_every_kind(
    batch: SparkBatch, engine: CalculationEngine, tmp_path: Path
) -> None:
    expected = polars(engine, ODD, METHODS)
    batch.calculate(batch.hand_over(ODD), METHODS, str(tmp_path / "out"))
    same(tmp_path / "out", expected)
    codes = set(expected.rejected["code"])
    assert {"ACTIVITY_INCOMPLETE", "METHOD_MISSING", "INPUT_NOT_FINITE", "INPUT_OUT_OF_BOUNDS"} < codes
    assert {"NUMBER_OVERFLOW", "UNIT_UNKNOWN", "FACTOR_NOT_FOUND"} < codes


@pytest.mark.parametrize("rows", [ODD.clear(), ODD.filter(unit="furlong")], ids=["no-row", "no-line"])
def test_nothing_to_calculate(
    rows: pl.DataFrame, batch: SparkBatch, engine: CalculationEngine, tmp_path: Path
) -> None:
    batch.calculate(batch.hand_over(rows), METHODS, str(tmp_path / "out"))
    same(tmp_path / "out", polars(engine, rows, METHODS))


HUGE = {"quantity": 1.7e11, "unit": "mmBtu[gross]"}
REFUSED_WHOLE = {
    "CONTRACT_KEY": (activities({}, {"activity_id": "a-00"}, {}, {"activity_id": "a-02"}, {}), METHODS),
    "CONTRACT_COLUMNS": (activities({}).with_columns(pl.col("data_year").cast(pl.String)), METHODS),
    "GWP_SET_MIXED": (
        activities({}, POWER),
        pl.DataFrame([HOW, HOW_POWER | {"gwp_set": "AR5"}], schema=METHOD.schema),
    ),
    "FACILITY_SHARED": (activities({}, {"tenant": "city"}), METHODS),
    "NUMBER_OVERFLOW": (activities(*[HUGE] * 3), METHODS),
}


@pytest.mark.parametrize("code", REFUSED_WHOLE)
def test_what_is_refused_whole_leaves_what_was_there(
    code: str, batch: SparkBatch, engine: CalculationEngine, tmp_path: Path
) -> None:
    activity, method = REFUSED_WHOLE[code]
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "of-yesterday").write_text("kept")
    with pytest.raises(GreenlangError) as one:
        polars(engine, activity, method)
    with pytest.raises(GreenlangError) as other:
        batch.calculate(batch.hand_over(activity), method, str(tmp_path))
    assert one.value.code == code
    assert other.value.as_dict() == one.value.as_dict()
    assert [path.name for path in tmp_path.rglob("*")] == ["lines", "of-yesterday"]


def test_a_table_is_checked_where_it_is_read(batch: SparkBatch, tmp_path: Path) -> None:
    with pytest.raises(GreenlangError, match="FILE_UNREADABLE"):
        batch.read(str(tmp_path / "nowhere"))
    activities({}, {"region": "nowhere"}).write_parquet(tmp_path / "region.parquet")
    with pytest.raises(GreenlangError, match=r"CONTRACT_VALUES.*region.*nowhere"):
        batch.read(str(tmp_path / "region.parquet"))


def test_a_worker_that_cannot_finish_is_an_error_with_its_cause(batch: SparkBatch, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(GreenlangError, match="SPARK_JOB"):
        batch.calculate(batch.hand_over(activities({})), METHODS, str(tmp_path / "out"))


def glac(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from registry_ops.cli import main; main()", "emissions", "run", *words]
    short = os.environ | {"JAVA_TOOL_OPTIONS": SETTINGS["spark.driver.extraJavaOptions"]}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=short)


def test_the_command_writes_the_same_files(tmp_path: Path) -> None:
    folder = DATA_ROOT / "tenants" / "chicago"
    words = [str(folder / "activity.parquet"), "--method", str(folder / "method.csv"), "--json"]
    one = glac(*words, "--out", str(tmp_path / "polars"))
    other = glac(*words, "--out", str(tmp_path / "spark"), "--engine", "spark", "--master", "local[2]")
    assert other.stdout == one.stdout, other.stderr
    assert other.returncode == one.returncode == 1  # some rows have no factor
    for name in ("lines", "totals", "rejected"):
        assert (tmp_path / "spark" / f"{name}.csv").read_bytes() == (
            tmp_path / "polars" / f"{name}.csv"
        ).read_bytes()
    assert json.loads(one.stdout)["lines"] > 10_000


def test_the_command_without_a_folder_or_a_master(tmp_path: Path) -> None:
    words = [str(DATA_ROOT / "tenants/chicago/activity.parquet"), "--engine", "spark"]
    words += ["--method", str(DATA_ROOT / "tenants/chicago/method.csv")]
    done = glac(*words)
    assert done.returncode == 64
    assert "--out" in done.stderr
    done = glac(*words, "--out", str(tmp_path), "--master", "spark://127.0.0.1:1")
    assert done.returncode == 1
    assert "SPARK_MASTER" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(GreenlangError, match=r"SPARK_MASTER.*refused"), open_session("spark://127.0.0.1:1"):
        pass
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(GreenlangError, match=r"JAVA_MISSING.*apt-get install"), open_session():
        pass
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with (
        pytest.raises(GreenlangError, match=r"SPARK_MISSING.*pip install 'greenlang\[spark\]'"),
        open_session(),
    ):
        pass
