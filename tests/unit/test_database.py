"""The database: embedded and external, roles, migrations, and the traps of a server that we start."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from greenlang_assets.core.errors import GreenlangError
from resources import embedded_postgres, postgres_programs
from resources.database import DATABASE, Database, connect, open_database, with_database, without_password
from resources.embedded_postgres import SUPERUSER, EmbeddedPostgres
from resources.migrate import migrate, migrations, pending
from resources.settings import Settings

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of its own; whatever server it got is taken away."""
    folder = tmp_path / "a home with spaces"
    yield folder
    embedded_postgres.remove(folder)


def settings_of(home: Path, url: str | None = None) -> Settings:
    return Settings(home=home, store=home / "store", database_url=url)


def value(database: Database, query: str) -> object:
    with database.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


USE = """
import sys
from pathlib import Path
from resources.database import open_database
from resources.settings import Settings
home = Path(sys.argv[1])
with open_database(Settings(home=home, store=home / "store")) as database:
    with database.connect() as connection:
        print(connection.execute("SELECT count(*) FROM greenlang.schema_migration").fetchone()[0], flush=True)
    print(database.embedded.pid, flush=True)
    sys.stdin.readline()
"""


def test_embedded_start_serves_our_database_and_stops(home: Path) -> None:
    with open_database(settings_of(home)) as database:
        assert database.embedded is not None
        pid = database.embedded.pid
        assert value(database, "SELECT current_database()") == DATABASE
        assert value(database, "SELECT current_user") == "greenlang_app"
        assert value(database, "SELECT count(*) FROM greenlang.ledger") == 0
        assert value(database, "SHOW listen_addresses") == ""
        assert database.url.startswith("postgresql://greenlang_app")
        assert database.dagster_url.startswith("postgresql+psycopg2://greenlang_dagster")
    assert not alive(pid)
    started = time.monotonic()
    with open_database(settings_of(home)) as database:
        assert value(database, "SELECT count(*) FROM greenlang.schema_migration") == len(migrations())
    assert time.monotonic() - started < 10


def test_no_folder_becomes_readable_to_others(home: Path) -> None:
    home.mkdir(mode=0o700)
    before = {path: path.stat().st_mode for path in (home, *home.parents, Path(sys.prefix))}
    with open_database(settings_of(home)) as database:
        assert database.embedded is not None
        folder = database.embedded.folder
        assert (folder / "data").stat().st_mode & 0o077 == 0
        assert (folder / "run").stat().st_mode & 0o077 == 0
    assert {path: path.stat().st_mode for path in before} == before


def test_two_processes_share_one_server_and_the_last_one_stops_it(home: Path) -> None:
    first, second = run_python(USE, home), run_python(USE, home)  # both find nothing, one starts it
    out_second, _ = second.communicate("go\n", timeout=120)
    assert first.poll() is None
    pid = int(out_second.split()[1])
    assert alive(pid)
    out_first, _ = first.communicate("go\n", timeout=120)
    assert (first.returncode, second.returncode) == (0, 0)
    assert out_first == out_second == f"{len(migrations())}\n{pid}\n"
    assert not alive(pid)


def test_the_second_handle_of_a_process_keeps_the_server(home: Path) -> None:
    first, second = EmbeddedPostgres(home), EmbeddedPostgres(home)
    pid = first.pid
    first.close()
    first.close()
    assert alive(pid)
    second.close()
    assert not alive(pid)


def test_a_killed_user_neither_blocks_nor_keeps_the_server(home: Path) -> None:
    child = run_python(USE, home)
    assert child.stdout is not None
    child.stdout.readline()
    pid = int(child.stdout.readline())
    child.kill()
    child.communicate()
    assert alive(pid)
    with EmbeddedPostgres(home) as server:
        assert server.pid == pid
    assert not alive(pid)


def test_a_killed_server_leaves_a_pid_file_that_does_not_block(home: Path) -> None:
    server = EmbeddedPostgres(home)
    folder = server.folder
    with connect(server.address(user=SUPERUSER, database="postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(server.pid, signal.SIGKILL)
    pid_file = folder / "data" / "postmaster.pid"
    while alive(int(pid_file.read_text().split()[0])):
        time.sleep(0.05)
    # The worst case: the number belongs to another living process by now.
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getpid()), 1))
    again = EmbeddedPostgres(home)
    with connect(again.address(user=SUPERUSER, database="postgres"), autocommit=True) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    server.close()
    again.close()


def test_an_interrupted_creation_is_made_anew(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.close()
    server.data.rename(server.folder / "data.new")
    (server.folder / "data.new" / "PG_VERSION").unlink()
    with EmbeddedPostgres(home) as again:
        assert (again.data / "PG_VERSION").read_text().strip() == "18"


def test_a_removed_home_takes_its_database_along(home: Path) -> None:
    """Also as root, whose data lies elsewhere: a new home never meets an old one's ledger."""
    with open_database(settings_of(home)) as database, connect(database.owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE greenlang.old (n int)")
    with open_database(settings_of(home)) as database:
        assert value(database, "SELECT to_regclass('greenlang.old') IS NOT NULL")
        if os.geteuid() == 0:
            (home / embedded_postgres.HOME_MARK).rename(home / "aside")
            with pytest.raises(GreenlangError) as caught:
                open_database(settings_of(home))
            assert caught.value.code == "DATABASE_IN_USE"
    shutil.rmtree(home)
    with open_database(settings_of(home)) as database:
        assert value(database, "SELECT to_regclass('greenlang.old') IS NULL")


def test_a_database_of_another_major_version_is_left_alone(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.close()
    (server.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(GreenlangError) as caught:
        EmbeddedPostgres(home)
    assert caught.value.code == "DATABASE_VERSION"
    assert caught.value.found == "16"


def test_remove_waits_for_nobody_and_harms_nobody(home: Path) -> None:
    server = EmbeddedPostgres(home)
    assert embedded_postgres.remove(home) is False
    assert alive(server.pid)
    server.close()
    assert embedded_postgres.remove(home) is True
    assert not server.folder.exists()


def test_an_ordinary_user_with_a_deep_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the user's own folder, though its path is too long for a socket and holds odd characters."""
    base = Path(tempfile.mkdtemp(prefix="gl, user "))
    home = base / ("deep " * 12) / ("deeper" * 10)
    home.mkdir(parents=True)

    def use() -> None:
        with open_database(settings_of(home)) as database:
            assert database.embedded is not None
            assert database.embedded.folder == home / "postgres"
            assert value(database, "SELECT current_user") == "greenlang_app"
        assert (home / "postgres").stat().st_mode & 0o077 == 0

    try:
        if os.geteuid() != 0:
            use()
            return
        # As root: do it in a child that has become somebody else, with binaries that anybody may run.
        nobody = pwd.getpwnam("nobody")
        for path in (base, *base.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        binaries = postgres_programs.binaries(postgres_programs.account_of_server())
        monkeypatch.setattr(postgres_programs, "binaries", lambda _account: binaries)
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            status = 1
            try:
                use()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        shutil.rmtree(base)


def test_binaries_in_a_closed_folder_are_copied_not_opened(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root with the environment in a closed home; other users simply run the installed ones."""
    account = postgres_programs.account_of_server()
    installed = postgres_programs.binaries(account)
    base = Path(tempfile.mkdtemp(prefix="gl-root-"))
    base.chmod(0o755)
    root = base / "greenlang"
    umask = os.umask(0o077)
    monkeypatch.setattr(postgres_programs, "ROOT_FOLDER", root)
    monkeypatch.setattr(postgres_programs, "_can_run", lambda _folder, _account: False)
    try:
        used = postgres_programs.binaries(account)
        assert (used == installed) is (not account.is_other)
        assert used.is_relative_to(root) is account.is_other
        with EmbeddedPostgres(home) as server:
            assert (Path(f"/proc/{server.pid}/exe").resolve().parent == used) is True
        embedded_postgres.remove(home)
    finally:
        os.umask(umask)
        shutil.rmtree(base)


def test_an_external_server_is_used_as_it_is(database_url: str, home: Path) -> None:
    with open_database(settings_of(home, database_url)) as database:
        assert database.embedded is None
        assert database.owner_url == database_url
        assert database.dagster_url == database_url.replace("postgresql://", "postgresql+psycopg2://")
        assert value(database, "SELECT current_user") == "greenlang_app"
    assert not home.exists()


def test_an_external_database_is_made_when_the_role_may(postgres: EmbeddedPostgres, home: Path) -> None:
    admin = postgres.address(user=SUPERUSER, database="postgres")
    url = with_database(admin, f"made here {os.getpid()}")
    try:
        with open_database(settings_of(home, url)) as database:
            assert value(database, "SELECT count(*) FROM greenlang.schema_migration") == len(migrations())
    finally:
        with connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "made here {os.getpid()}"'.encode())


def test_a_role_without_rights_uses_a_database_that_is_up_to_date(database_url: str, home: Path) -> None:
    with connect(database_url, autocommit=True) as connection:
        connection.execute(
            b"DO $$ BEGIN CREATE ROLE service LOGIN IN ROLE greenlang_app;"
            b" EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    url = database_url.replace(f"//{SUPERUSER}:", "//service:")
    with open_database(settings_of(home, url)) as database:
        assert value(database, "SELECT current_user") == "greenlang_app"


def test_a_role_without_rights_is_told_so(postgres: EmbeddedPostgres, home: Path) -> None:
    admin = postgres.address(user=SUPERUSER, database="postgres")
    name = f"bare_{os.getpid()}"
    with connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        connection.execute(
            b"DO $$ BEGIN CREATE ROLE bare_role LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    try:
        with pytest.raises(GreenlangError) as caught:
            open_database(settings_of(home, postgres.address(user="bare_role", database=name)))
        assert caught.value.code == "DATABASE_RIGHTS"
        with pytest.raises(GreenlangError) as caught:
            open_database(settings_of(home, postgres.address(user="bare_role", database="none_such")))
        assert caught.value.code == "DATABASE_MISSING"
    finally:
        with connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}".encode())


def test_a_server_that_does_not_answer(home: Path) -> None:
    with pytest.raises(GreenlangError) as caught:
        open_database(settings_of(home, "postgresql://user:hunter2@127.0.0.1:1/db"))
    assert caught.value.code == "DATABASE_UNREACHABLE"
    assert "hunter2" not in str(caught.value)
    assert without_password("postgresql://user:hunter2@h:1/db?x=1") == "postgresql://user@h:1/db?x=1"


def test_dagsters_role_cannot_reach_the_ledger(home: Path) -> None:
    with open_database(settings_of(home)) as database:
        url = database.dagster_url.replace("+psycopg2", "")
        with connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE public.runs (id int)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM greenlang.ledger")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return folder


def test_migrations_run_once_in_order(database_url: str, tmp_path: Path) -> None:
    for path in sorted((PROJECT / "resources" / "migrations").glob("*.sql")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    number = len(migrations()) + 1
    write(tmp_path, **{f"m{number:04d}_more": "CREATE TABLE greenlang.more (n int)"})
    with connect(database_url, autocommit=True) as connection:
        assert [migration.name for migration in migrate(connection, tmp_path)] == ["more"]
        assert migrate(connection, tmp_path) == []
        row = connection.execute(
            "SELECT name, sha256 FROM greenlang.schema_migration WHERE number = %s", [number]
        ).fetchone()
        assert row == ("more", migrations(tmp_path)[-1].sha256)


def test_a_changed_migration_is_refused(database_url: str, tmp_path: Path) -> None:
    for path in (PROJECT / "resources" / "migrations").glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text() + "-- changed\n")
    with connect(database_url, autocommit=True) as connection, pytest.raises(GreenlangError) as caught:
        migrate(connection, tmp_path)
    assert caught.value.code == "MIGRATION_CHANGED"


def test_a_newer_database_is_refused(database_url: str, home: Path) -> None:
    with connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO greenlang.schema_migration (number, name, sha256) VALUES (9999, 'later', 'x')"
        )
    with pytest.raises(GreenlangError) as caught:
        open_database(settings_of(home, database_url))
    assert caught.value.code == "DATABASE_NEWER"
    assert "9999_later" in str(caught.value.found)


def test_a_migration_that_fails_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    for path in (PROJECT / "resources" / "migrations").glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    number = len(migrations()) + 1
    write(tmp_path, **{f"m{number:04d}_half": "CREATE TABLE greenlang.half (n int); SELECT 1/0"})
    with connect(database_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(connection, tmp_path)
        assert connection.execute("SELECT to_regclass('greenlang.half')").fetchone() == (None,)
        assert len(pending(connection, migrations(tmp_path))) == 1


@pytest.mark.parametrize("names", [["0002_a"], ["0001_a", "0001_b"], ["1_a"], ["0001_A"]])
def test_migration_files_are_numbered_without_gaps(tmp_path: Path, names: list[str]) -> None:
    write(tmp_path, **{f"m{name}": "SELECT 1" for name in names})
    with pytest.raises(GreenlangError) as caught:
        migrations(tmp_path)
    assert caught.value.code == "MIGRATION_FILES"
