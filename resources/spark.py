"""Apache Spark: opening a session, and moving tables in and out of it.

Belongs here: finding Java, the session's settings, progress of its jobs, folders that appear when whole.
Does not belong here: what is calculated (``spark_batch``).

A master is ``local[*]`` (this machine's cores, in one process) or ``spark://host:7077``. Workers run this
project's Python for the hashes of lines: they need the interpreter at ``PYSPARK_PYTHON`` (by default this
one's path) and the package, installed or handed over (docs/spark.md).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlang_assets.core.errors import GreenlangError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Spark 4 is compiled for this release of Java.
JAVA = 17
_JAVA_LINE = "apt-get install default-jre-headless, or set JAVA_HOME"
_POLL_SECONDS = 0.5

#: What every session has, whatever the installation's own defaults say.
_SETTINGS = {
    "spark.app.name": "greenlang",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    # Python holds a batch of lines as objects while it hashes them.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
}
_LOCAL = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
}


@contextlib.contextmanager
def open_session(
    master: str = "local[*]", settings: Mapping[str, str] | None = None, packages: Sequence[Path] = ()
) -> Iterator[SparkSession]:
    """A session, stopped at the end.

    Args:
        master: ``local[n]`` or the address of a cluster's master.
        settings: Spark's own settings, above ours.
        packages: wheels or zip archives of Python that are handed to the workers.

    Raises:
        GreenlangError: ``SPARK_MISSING``, ``JAVA_MISSING``, ``SPARK_MASTER``.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as missing:
        raise GreenlangError(
            "SPARK_MISSING",
            "Apache Spark for Python is not installed",
            found=missing,
            expected="pyspark 4",
            hint="pip install 'greenlang[spark]'",
        ) from missing
    require_java()
    _require_answer(master)
    builder = SparkSession.builder.master(master)
    local = _LOCAL if master.startswith("local") else {}
    for name, value in {**_SETTINGS, **local, **(settings or {})}.items():
        builder = builder.config(name, value)
    # Said wherever Arrow is used; no frame of pandas is made here.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    with _environment(
        {"PYSPARK_PYTHON": sys.executable} | ({"SPARK_LOCAL_IP": "127.0.0.1"} if local else {})
    ):
        session = builder.getOrCreate()
    try:
        with tempfile.TemporaryDirectory(prefix="greenlang-spark-") as folder:
            for package in packages:
                # A wheel is an archive of Python, but only one with this ending is put on the workers' path.
                archive = shutil.copyfile(package, Path(folder) / f"{package.stem}.zip")
                session.sparkContext.addPyFile(str(archive))
            yield session
    finally:
        session.stop()


@contextlib.contextmanager
def _environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Variables that Spark reads only from the environment, for as long as it starts."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def require_java() -> None:
    """Refuses a machine without a Java runtime that Spark can use.

    Raises:
        GreenlangError: ``JAVA_MISSING``.
    """
    version = java_version()
    if version is None or version < JAVA:
        raise GreenlangError(
            "JAVA_MISSING",
            "Apache Spark needs a Java runtime",
            found="no java" if version is None else f"Java {version}",
            expected=f"Java {JAVA} or later on PATH or under JAVA_HOME",
            hint=_JAVA_LINE,
        )


def java_version() -> int | None:
    """Release of the Java runtime that Spark would start, if there is one."""
    home = os.environ.get("JAVA_HOME")
    path = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if path is None:
        return None
    try:
        said = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', said.stderr)
    return int(found[1]) if found else None


def _require_answer(master: str) -> None:
    """One of the masters takes a connection: Spark itself would try for a minute and then say little."""
    if not master.startswith("spark://"):
        return
    refusals = []
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except (OSError, ValueError, OverflowError) as refused:
            refusals.append(f"{address}: {refused}")
        else:
            return
    raise GreenlangError(
        "SPARK_MASTER",
        "no Spark master answers",
        found="; ".join(refusals),
        expected="spark://host:port of a running master",
        hint="spark-class org.apache.spark.deploy.master.Master starts one; docs/spark.md",
    )


@contextlib.contextmanager
def reported(session: SparkSession, say: Callable[[str], None], what: str) -> Iterator[None]:
    """Says what is done, and how many tasks of the running stages are, until it is.

    Raises:
        GreenlangError: ``SPARK_JOB`` for what Spark refuses or a worker cannot do.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    tracker = session.sparkContext.statusTracker()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            stages = [tracker.getStageInfo(number) for number in tracker.getActiveStageIds()]
            there = [stage for stage in stages if stage is not None]
            if there:
                ready = sum(stage.numCompletedTasks for stage in there)
                say(f"{what} ({ready} of {sum(stage.numTasks for stage in there)} tasks)")

    say(what)
    watcher = threading.Thread(target=watch, name="spark-progress", daemon=True)
    watcher.start()
    try:
        yield
    except (PySparkException, Py4JError) as error:
        # Below the message stand the indented frames of two stacks; the deepest cause is the last line.
        said = [line for line in str(error).splitlines() if line.strip() and not line[0].isspace()]
        raise GreenlangError(
            "SPARK_JOB",
            f"Spark did not finish {what}",
            found=said[-1][:500] if said else type(error).__name__,
            expected="workers with Java, Python and this package; folders that each of them sees",
            hint="docs/spark.md; the workers' own logs say more",
        ) from error
    finally:
        done.set()
        watcher.join()


def move_folders(session: SparkSession, source: str, target: str, names: Sequence[str]) -> None:
    """Moves finished folders to their places, in place of what was there; ``source`` is removed.

    Args:
        session: whose file systems (local, HDFS, S3 …) the addresses belong to.
        source: folder that holds them.
        target: folder that shall hold them.
        names: folders to move, the last one last.

    Raises:
        GreenlangError: ``FILE_NOT_MOVED``.
    """
    context: Any = session.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path
    files = path(target).getFileSystem(context._jsc.hadoopConfiguration())
    for name in names:
        files.delete(path(target, name), True)
        if not files.rename(path(source, name), path(target, name)):
            raise GreenlangError(
                "FILE_NOT_MOVED",
                "a finished folder cannot be moved to its place",
                found=f"{source}/{name}",
                expected=f"{target}/{name}",
            )
    files.delete(path(source), True)
