"""Fixtures that several tests share: a real PostgreSQL, an S3 server on loopback, a whole platform.

Belongs here: what takes long to start or is used in several folders.
Does not belong here: data of a single test.

One server a test session, shared by all workers of pytest-xdist; every test that writes gets a database
of its own, copied from a template with the migrations applied.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from resources.embedded_postgres import SUPERUSER, EmbeddedPostgres, remove
from resources.settings import S3Location, Settings
from resources.spark import JAVA, java_version


@cache
def has_java() -> bool:
    """Whether Spark can start here; asked once, for asking starts a Java runtime."""
    return (java_version() or 0) >= JAVA


#: Marker -> what it needs, whether it is there, and the line that brings it.
NEEDS = {
    "publisher_files": (
        "the publishers' own files",
        lambda: bool(os.environ.get("GREENLANG_PUBLISHER_FILES")),
        "GREENLANG_PUBLISHER_FILES=<folder with one sub-folder a publisher> make test",
    ),
    "browser": ("Chromium", lambda: bool(chromium()), "apt-get install chromium"),
    "spark": ("a Java runtime", has_java, "apt-get install default-jre-headless"),
}


def chromium() -> str | None:
    """Where the browser is, if it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test whose need is not met is skipped with the line that would bring it."""
    for item in items:
        for marker, (what, met, line) in NEEDS.items():
            if item.get_closest_marker(marker) and not met():
                item.add_marker(pytest.mark.skip(reason=f"needs {what}: {line}"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where CI=true, a test that did not run is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped") and exitstatus == 0:
        reporter.write_line("CI=true: tests were skipped, which counts as failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@dataclass
class SteppingClock:
    """A clock that moves one second each time it is read."""

    time: dt.datetime = field(default=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))

    def now(self) -> dt.datetime:
        self.time += dt.timedelta(seconds=1)
        return self.time


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """The session's server; the last worker to finish takes its data away."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "postgres-home"
    server = EmbeddedPostgres(home)
    yield server
    server.close()
    remove(home)


@pytest.fixture(scope="session")
def _template(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database with every migration applied, one a worker."""
    from resources.database import open_database

    name = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{uuid4().hex[:8]}"
    home = tmp_path_factory.mktemp("template")
    url = postgres.address(user=SUPERUSER, database=name)
    open_database(Settings(home=home, store=home / "store", database_url=url)).close()
    return name


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, _template: str) -> Iterator[str]:
    """Address (as the owner) of a migrated database that only this test uses."""
    from resources.database import connect

    name = f"test_{uuid4().hex}"
    admin = postgres.address(user=SUPERUSER, database="postgres")
    with connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_template}".encode())
    yield postgres.address(user=SUPERUSER, database=name)
    with connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of an installation of its own, on a database of its own."""
    home = tmp_path / "home"
    return Settings(home=home, store=home / "store", database_url=database_url)


@pytest.fixture
def platform(settings: Settings) -> Iterator["Platform"]:  # noqa: F821, UP037 imported when it is used
    """An open platform: database, store in a folder, ledger, signer, checkpoints."""
    from resources.platform import open_platform

    with open_platform(settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A server on loopback that speaks S3 and honours conditional writes."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_PROFILE", raising=False)
        server.start()
        yield f"http://127.0.0.1:{port}"
        server.stop()


@pytest.fixture
def s3_location(s3_endpoint: str) -> S3Location:
    """A new bucket, with a prefix."""
    import boto3

    bucket = f"bucket-{uuid4().hex}"
    boto3.client("s3", endpoint_url=s3_endpoint).create_bucket(Bucket=bucket)
    return S3Location(bucket=bucket, prefix="green/lang", endpoint_url=s3_endpoint)
