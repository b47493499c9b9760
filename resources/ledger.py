"""The ledger in PostgreSQL: one chain per name in ``greenlang.ledger``.

Belongs here: appending under a lock, and reading back.
Does not belong here: what is hashed (``core.provenance.ledger``) or whether it holds (``verify``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ledger import Leaf, LedgerLink, ProvenanceEntry, require_sha256
from greenlang_assets.core.provenance.ports import Clock
from resources.database import Database

CHAIN = "greenlang"

_PAGE = 2000
_COLUMNS = "chain, seq, entry, entry_sha256, run_id, recorded_at, prev_sha256, chain_sha256"


class PostgresLedger:
    """A ``Ledger`` on one database; keeps one connection and may be used from several threads."""

    def __init__(self, database: Database, clock: Clock, *, chain: str = CHAIN) -> None:
        self._database = database
        self._clock = clock
        self._chain = chain
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None
        self._pid = os.getpid()

    @property
    def chain(self) -> str:
        """Name of the chain."""
        return self._chain

    def append(
        self, entries: Sequence[ProvenanceEntry], *, run_id: str, leaves: Iterable[Leaf] = ()
    ) -> list[LedgerLink]:
        """Add entries in order, all or none, with the rows of their tables in the same transaction.

        An entry that this run recorded already is not added again; its link is returned instead.
        """
        links: list[LedgerLink] = []
        added: list[LedgerLink] = []
        with self._transaction() as connection:
            # Taken before the head is read, held until commit: numbers have no gaps and no doubles.
            connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('greenlang.ledger ' || %s, 0))", [self._chain]
            )
            heads = self._links(connection, "WHERE chain = %s ORDER BY seq DESC LIMIT 1", [self._chain])
            head = heads[0] if heads else None
            recorded = {
                link.entry_sha256: link
                for link in self._links(
                    connection,
                    "WHERE chain = %s AND run_id = %s AND entry_sha256 = ANY(%s)",
                    [self._chain, run_id, [entry.sha256 for entry in entries]],
                )
            }
            for entry in entries:
                link = recorded.get(entry.sha256)
                if link is None:
                    link = head = LedgerLink.after(
                        head, entry, chain=self._chain, run_id=run_id, recorded_at=self._clock.now()
                    )
                    recorded[entry.sha256] = link
                    added.append(link)
                links.append(link)
            with connection.cursor() as cursor:
                with cursor.copy(f"COPY greenlang.ledger ({_COLUMNS}) FROM STDIN".encode()) as copy:
                    for link in added:
                        copy.write_row(_row(link))
                add_leaves(cursor, leaves)
        return links

    def head(self) -> LedgerLink | None:
        """The newest link, None while the chain is empty."""
        return self._first("WHERE chain = %s ORDER BY seq DESC LIMIT 1", [self._chain])

    def at(self, seq: int) -> LedgerLink | None:
        """The link with this number."""
        return self._first("WHERE chain = %s AND seq = %s", [self._chain, seq])

    def since(self, seq: int = 0) -> Iterator[LedgerLink]:
        """All links after ``seq``, in order, read page by page."""
        while True:
            page = self._select(
                "WHERE chain = %s AND seq > %s ORDER BY seq LIMIT %s", [self._chain, seq, _PAGE]
            )
            yield from page
            if len(page) < _PAGE:
                return
            seq = page[-1].seq

    def latest(self, asset: str, partition: str | None = None) -> LedgerLink | None:
        """The newest link about an asset (and partition)."""
        return self._first(
            "WHERE chain = %s AND asset = %s AND partition IS NOT DISTINCT FROM %s ORDER BY seq DESC LIMIT 1",
            [self._chain, asset, partition],
        )

    def history(self, asset: str) -> list[LedgerLink]:
        """All links about an asset, whatever their partition, in order."""
        return self._select("WHERE chain = %s AND asset = %s ORDER BY seq", [self._chain, asset])

    def of_run(self, run_id: str) -> list[LedgerLink]:
        """All links that a run recorded, in order."""
        return self._select("WHERE chain = %s AND run_id = %s ORDER BY seq", [self._chain, run_id])

    def find(self, sha256: str) -> list[LedgerLink]:
        """Links whose content, entry or chain hash this is, in order."""
        require_sha256(sha256, "what is looked for")
        return self._select(
            "WHERE chain = %s AND (content_sha256 = %s OR entry_sha256 = %s OR chain_sha256 = %s)"
            " ORDER BY seq",
            [self._chain, sha256, sha256, sha256],
        )

    def find_row(self, sha256: str) -> list[Leaf]:
        """Where a row with this hash stands, the most recently recorded table first."""
        require_sha256(sha256, "the row that is looked for")
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT leaf_sha256, content_sha256, row_number FROM greenlang.ledger_leaf AS leaf"
                " WHERE leaf_sha256 = %s ORDER BY (SELECT max(seq) FROM greenlang.ledger AS link"
                " WHERE link.chain = %s AND link.content_sha256 = leaf.content_sha256) DESC NULLS LAST,"
                " content_sha256, row_number",
                [sha256, self._chain],
            ).fetchall()
        return [Leaf(*row) for row in rows]

    def indexed_leaves(self, content_sha256: str) -> list[Leaf]:
        """The index's rows about one table, in order."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT leaf_sha256, content_sha256, row_number FROM greenlang.ledger_leaf"
                " WHERE content_sha256 = %s ORDER BY row_number, leaf_sha256",
                [content_sha256],
            ).fetchall()
        return [Leaf(*row) for row in rows]

    def replace_leaves(self, content_sha256: str, leaves: Iterable[Leaf]) -> None:
        """Index one table anew (the index is derived; the table in the store is the truth)."""
        with self._transaction() as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM greenlang.ledger_leaf WHERE content_sha256 = %s", [content_sha256])
            add_leaves(cursor, leaves)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _first(self, where: str, values: Sequence[object]) -> LedgerLink | None:
        links = self._select(where, values)
        return links[0] if links else None

    def _select(self, where: str, values: Sequence[object]) -> list[LedgerLink]:
        with self._transaction() as connection:
            return self._links(connection, where, values)

    @staticmethod
    def _links(connection: psycopg.Connection[Any], where: str, values: Sequence[object]) -> list[LedgerLink]:
        query = f"SELECT {_COLUMNS} FROM greenlang.ledger {where}"  # noqa: S608 constants of this module
        return [LedgerLink(*row) for row in connection.execute(query.encode(), values).fetchall()]

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """This process's connection inside a transaction, nested in one that is open already."""
        with self._lock:
            if self._pid != os.getpid():  # a forked child must not share its parent's connection
                self._connection, self._pid = None, os.getpid()
            if self._connection is None or self._connection.closed:
                self._connection = self._database.connect(autocommit=True)
                self._connection.execute("SET TIME ZONE 'UTC'")
            try:
                with self._connection.transaction():
                    yield self._connection
            except psycopg.OperationalError as error:
                self._connection.close()
                raise GreenlangError(
                    "DATABASE_UNREACHABLE",
                    "the database went away in the middle of a transaction; nothing of it was kept",
                    found=str(error).strip(),
                    expected="an answer",
                    hint="repeat the command",
                ) from error


def _row(link: LedgerLink) -> tuple[object, ...]:
    """The link's values in the order of ``_COLUMNS``."""
    return (
        link.chain,
        link.seq,
        link.body,
        link.entry_sha256,
        link.run_id,
        link.recorded_at,
        link.prev_sha256,
        link.chain_sha256,
    )


def add_leaves(cursor: psycopg.Cursor[Any], leaves: Iterable[Leaf]) -> None:
    """Index rows inside the caller's transaction; a row that is indexed already stays as it is."""
    rows = iter(leaves)
    first = next(rows, None)
    if first is None:
        return
    cursor.execute(
        "CREATE TEMPORARY TABLE new_leaf (leaf_sha256 text, content_sha256 text, row_number bigint)"
        " ON COMMIT DROP"
    )
    with cursor.copy("COPY new_leaf FROM STDIN") as copy:
        for leaf in (first, *rows):
            copy.write_row([leaf.sha256, leaf.content_sha256, leaf.row])
    cursor.execute(
        sql.SQL("INSERT INTO greenlang.ledger_leaf SELECT DISTINCT * FROM new_leaf ON CONFLICT DO NOTHING")
    )
