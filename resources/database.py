"""The database: one PostgreSQL, ours in schema ``greenlang``, Dagster's storage in ``public``.

Belongs here: addresses, roles and connections; bringing the schema up to date on start.
Does not belong here: how the embedded server runs (``embedded_postgres``), tables (``migrations``).
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from greenlang_assets.core.errors import GreenlangError
from resources.embedded_postgres import SUPERUSER, EmbeddedPostgres
from resources.migrate import migrate
from resources.settings import Settings

DATABASE = "greenlang_master"
APP_ROLE = "greenlang_app"
DAGSTER_ROLE = "greenlang_dagster"

_CONNECT_SECONDS = 10
_SETUP_LOCK = 0x67726E6C73657475
_HAS_DATABASE = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)"


class Database:
    """An open database; a context manager that closes what it opened.

    Attributes:
        url: for psycopg 3, as the role that our program works as.
        owner_url: for psycopg 3, as the role that owns our tables.
        dagster_url: for SQLAlchemy with psycopg2, as the role that owns Dagster's tables.
        embedded: the server, when it is the embedded one.
    """

    def __init__(
        self, *, url: str, owner_url: str, dagster_url: str, embedded: EmbeddedPostgres | None = None
    ) -> None:
        self.url = url
        self.owner_url = owner_url
        self.dagster_url = dagster_url
        self.embedded = embedded
        self._becomes_app_role = False

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A new connection that may read and append, and not change what is recorded.

        Raises:
            GreenlangError: ``DATABASE_UNREACHABLE``.
        """
        connection = connect(self.url, autocommit=True)
        if self._becomes_app_role:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(APP_ROLE)))
        connection.autocommit = autocommit
        return connection

    def close(self) -> None:
        """Let go of the server; an embedded one stops when nobody else uses it."""
        if self.embedded is not None:
            self.embedded.close()

    def bring_up_to_date(self) -> None:
        """Apply pending migrations and find out which role connections take."""
        with connect(self.owner_url, autocommit=True) as connection:
            try:
                migrate(connection)
            except psycopg.errors.InsufficientPrivilege as error:
                raise GreenlangError(
                    "DATABASE_RIGHTS",
                    "the database has to be brought up to date, and this role may not do it",
                    found=str(error).strip(),
                    expected="a role that may create schemas and tables in this database",
                    hint="name the owner in GREENLANG_DATABASE_URL once; afterwards fewer rights are enough",
                ) from error
            self._becomes_app_role = bool(
                _value(
                    connection,
                    "SELECT current_user <> rolname AND pg_has_role(current_user, oid, 'SET')"
                    " FROM pg_roles WHERE rolname = %s",
                    APP_ROLE,
                )
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_database(settings: Settings) -> Database:
    """Start or find the server, make the database and its roles where they are missing, migrate.

    Raises:
        GreenlangError: ``DATABASE_START``, ``DATABASE_UNREACHABLE``, ``DATABASE_MISSING``,
            ``DATABASE_RIGHTS``, ``MIGRATION_CHANGED``, ``DATABASE_NEWER``.
    """
    if settings.database_url is None:
        database = _open_embedded(settings)
    else:
        database = _open_external(settings.database_url)
    try:
        database.bring_up_to_date()
    except BaseException:
        database.close()
        raise
    return database


def connect(url: str, *, autocommit: bool) -> psycopg.Connection[Any]:
    """A plain connection, its failure told without the password.

    Raises:
        GreenlangError: ``DATABASE_UNREACHABLE``, ``DATABASE_MISSING``.
    """
    try:
        return psycopg.connect(
            url, autocommit=autocommit, connect_timeout=_CONNECT_SECONDS, application_name="greenlang"
        )
    except psycopg.OperationalError as error:
        text = str(error).strip()
        missing = "does not exist" in text and 'database "' in text
        raise GreenlangError(
            "DATABASE_MISSING" if missing else "DATABASE_UNREACHABLE",
            "the server has no such database" if missing else "the database does not answer",
            found=text,
            expected="a connection to " + without_password(url),
            hint="create it, or use a role that may" if missing else "is the server of this address up?",
        ) from None


def without_password(url: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = parts.username or ""
    return urlunsplit((parts.scheme, f"{user}@{host}" if user else host, parts.path, parts.query, ""))


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    parts = urlsplit(url)
    # Written by hand: urlunsplit drops the empty host of ``postgresql:///name``.
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{quote(name)}{query}"


def _open_embedded(settings: Settings) -> Database:
    server = EmbeddedPostgres(settings.home)
    try:
        owner_url = server.address(user=SUPERUSER, database=DATABASE)
        with connect(server.address(user=SUPERUSER, database="postgres"), autocommit=True) as connection:
            # Changes of roles and databases do not wait for each other by themselves.
            connection.execute("SELECT pg_advisory_lock(%s)", [_SETUP_LOCK])
            _set_up(connection, owner_url)
    except BaseException:
        server.close()
        raise
    return Database(
        url=server.address(user=APP_ROLE, database=DATABASE),
        owner_url=owner_url,
        dagster_url=server.address(user=DAGSTER_ROLE, database=DATABASE, driver="psycopg2"),
        embedded=server,
    )


def _set_up(connection: psycopg.Connection[Any], owner_url: str) -> None:
    """Make what an embedded server lacks: two roles that can log in, the database, Dagster's schema."""
    for role in (APP_ROLE, DAGSTER_ROLE):
        name = sql.Identifier(role)
        if not _value(connection, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", role):
            connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        if not _value(connection, "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", role):
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(name))
    # Dagster commits every event of a run; waiting for the disk each time was a quarter of a run. A crash may
    # lose the last half second of them, and an entry without its event is what the ledger is ready for.
    connection.execute(
        sql.SQL("ALTER ROLE {} SET synchronous_commit = off").format(sql.Identifier(DAGSTER_ROLE))
    )
    if not _value(connection, _HAS_DATABASE, DATABASE):
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    with connect(owner_url, autocommit=True) as ours:
        if not _value(ours, "SELECT has_schema_privilege(%s, 'public', 'CREATE')", DAGSTER_ROLE):
            ours.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(DAGSTER_ROLE)))


def _open_external(url: str) -> Database:
    name = unquote(urlsplit(url).path.lstrip("/")) or DATABASE
    url = with_database(url, name)
    try:
        connect(url, autocommit=True).close()
    except GreenlangError as error:
        if error.code != "DATABASE_MISSING":
            raise
        try:
            with connect(with_database(url, "postgres"), autocommit=True) as connection:
                connection.execute("SELECT pg_advisory_lock(%s)", [_SETUP_LOCK])
                if not _value(connection, _HAS_DATABASE, name):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (psycopg.Error, GreenlangError):
            raise error from None
    _, _, rest = url.partition("://")
    return Database(url=url, owner_url=url, dagster_url=f"postgresql+psycopg2://{rest}")


def _value(connection: psycopg.Connection[Any], query: str, name: str) -> Any:
    row = connection.execute(query.encode(), [name]).fetchone()
    return row[0] if row else None
