"""Migrations: ordered SQL files, each applied once, in order, and never changed afterwards.

Belongs here: which files a database has seen, and the refusal of one that does not fit the code.
Does not belong here: the SQL itself (``migrations/NNNN_name.sql``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex

FOLDER = Path(__file__).parent / "migrations"

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
#: Any fixed number serves: every process that migrates must take the same one.
_LOCK = 0x67726E6C6D696772

_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS greenlang;
CREATE TABLE IF NOT EXISTS greenlang.schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name, its text and the text's hash."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Hash of the file's text."""
        return sha256_hex(self.sql.encode())


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The files in order; numbers run from 1 without gaps.

    Raises:
        GreenlangError: ``MIGRATION_FILES``.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise _files_fault(path.name, "NNNN_name.sql")
        found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    numbers = [migration.number for migration in found]
    if numbers != list(range(1, len(found) + 1)):
        raise _files_fault(numbers, "numbers from 1 without gaps, each once")
    return found


def pending(connection: psycopg.Connection[Any], files: list[Migration]) -> list[Migration]:
    """The files that this database has not seen.

    Raises:
        GreenlangError: ``MIGRATION_CHANGED`` when an applied file reads differently now,
            ``DATABASE_NEWER`` when the database has seen files that this code does not have.
    """
    row = connection.execute("SELECT to_regclass('greenlang.schema_migration') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return files
    rows = connection.execute(
        "SELECT number, name, sha256 FROM greenlang.schema_migration ORDER BY number"
    ).fetchall()
    ours = {migration.number: migration for migration in files}
    for number, name, sha256 in rows:
        known = ours.get(number)
        if known is None:
            raise GreenlangError(
                "DATABASE_NEWER",
                "the database was brought up to date by a newer version of this program",
                found=f"migration {number:04d}_{name}",
                expected=f"none after {len(files):04d}",
                hint="update the program, or name another database",
            )
        if known.sha256 != sha256:
            raise GreenlangError(
                "MIGRATION_CHANGED",
                f"migration {number:04d}_{known.name} was changed after the database had applied it",
                found=known.sha256,
                expected=sha256,
                hint="restore the file, and put the change in a new migration",
            )
    applied = {number for number, _, _ in rows}
    return [migration for migration in files if migration.number not in applied]


def migrate(connection: psycopg.Connection[Any], folder: Path = FOLDER) -> list[Migration]:
    """Apply what is pending, each file in a transaction of its own, one process at a time.

    Args:
        connection: in autocommit mode, of a role that may create schemas and tables.

    Returns:
        What was applied now.
    """
    files = migrations(folder)
    if not pending(connection, files):
        return []
    connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        with connection.transaction():
            connection.execute(_BOOTSTRAP)
        todo = pending(connection, files)  # another process may have been faster
        for migration in todo:
            with connection.transaction():
                connection.execute(migration.sql.encode())
                connection.execute(
                    "INSERT INTO greenlang.schema_migration (number, name, sha256) VALUES (%s, %s, %s)",
                    [migration.number, migration.name, migration.sha256],
                )
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    return todo


def _files_fault(found: object, expected: str) -> GreenlangError:
    return GreenlangError(
        "MIGRATION_FILES", "the migration files are not in order", found=found, expected=expected
    )
