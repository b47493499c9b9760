"""The registry in PostgreSQL: row-level security holds tenants apart, the server enforces it.

Belongs here: SQL, connections, the refusal to work as a role that row-level security does not bind.
Does not belong here: rules (``registry_ops.registry``), tables (``migrations/0002_registry.sql``).

The tenant is named inside each transaction and for it alone (``set_config(…, true)``): a connection that
goes back to the pool carries nobody's name.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ports import Clock
from registry_ops.registry.models import (
    AgentVersion,
    CertificateRecord,
    Deployment,
    DeploymentStatus,
    FactoryOperation,
    RegistryEntry,
    SearchQuery,
    SearchResult,
    StatusDecision,
)
from registry_ops.registry.status import precedence
from resources.database import Database

#: Connections that are kept open; more are opened when more transactions run at once.
_KEPT = 8

_GUARD = """
SELECT me.rolname, me.rolsuper, me.rolbypassrls,
    coalesce(array_agg(t.relname ORDER BY t.relname)
        FILTER (WHERE pg_has_role(me.oid, t.relowner, 'USAGE')), '{}') AS owned,
    coalesce(array_agg(t.relname ORDER BY t.relname)
        FILTER (WHERE NOT (t.relrowsecurity AND t.relforcerowsecurity)), '{}') AS open
FROM pg_roles AS me
LEFT JOIN pg_class AS t ON t.relnamespace = to_regnamespace('greenlang') AND t.relkind IN ('r', 'p', 'm')
    AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = t.oid AND attname = 'tenant' AND NOT attisdropped)
WHERE me.rolname = current_user
GROUP BY me.rolname, me.rolsuper, me.rolbypassrls
"""


class RegistryStore:
    """A ``RegistryDatabase`` on one database; may be used from several threads.

    Raises:
        GreenlangError: ``DATABASE_ROLE_UNSAFE`` when row-level security would not bind us.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._idle: queue.LifoQueue[psycopg.Connection[Any]] = queue.LifoQueue(_KEPT)
        with self._connection() as connection:
            require_bound_role(connection)

    @contextmanager
    def transaction(self, tenant: str) -> Iterator[RegistryRows]:
        """A transaction inside one tenant; an exception undoes it."""
        with self._connection() as connection, connection.transaction():
            connection.execute("SELECT set_config('greenlang.tenant', %s, true)", [tenant])
            yield RegistryRows(connection, tenant, self._clock)

    def ready(self) -> None:
        """Ask the server something; raises when it does not answer."""
        with self._connection() as connection:
            connection.execute("SELECT 1")

    def close(self) -> None:
        """Close the idle connections."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        connection = self._take()
        try:
            yield connection
        except psycopg.OperationalError as error:
            connection.close()
            raise GreenlangError(
                "DATABASE_UNREACHABLE",
                "the database went away in the middle of a transaction; nothing of it was kept",
                found=str(error).strip(),
                expected="an answer",
                hint="repeat the request",
            ) from error
        finally:
            self._put_back(connection)

    def _take(self) -> psycopg.Connection[Any]:
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._database.connect(autocommit=True)
                connection.row_factory = dict_row
                connection.execute("SET TIME ZONE 'UTC'")
                return connection
            if not connection.closed:
                return connection

    def _put_back(self, connection: psycopg.Connection[Any]) -> None:
        if connection.closed:
            return
        try:
            self._idle.put_nowait(connection)
        except queue.Full:
            connection.close()


def require_bound_role(connection: psycopg.Connection[Any]) -> None:
    """Refuse to serve as a superuser, as a role with BYPASSRLS or as the owner of a tenant's table.

    Raises:
        GreenlangError: ``DATABASE_ROLE_UNSAFE``.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        role = cursor.execute(_GUARD).fetchone()
    assert role is not None, "the current role is in pg_roles"
    faults = [
        text
        for text, holds in (
            ("is a superuser", role["rolsuper"]),
            ("has BYPASSRLS", role["rolbypassrls"]),
            ("owns " + ", ".join(role["owned"]), role["owned"]),
            ("meets tables without forced row-level security: " + ", ".join(role["open"]), role["open"]),
        )
        if holds
    ]
    if faults:
        raise GreenlangError(
            "DATABASE_ROLE_UNSAFE",
            "row-level security does not bind this role: one tenant could read another's rows",
            found=f"role {role['rolname']} " + "; ".join(faults),
            expected="a role that owns nothing here, without SUPERUSER and BYPASSRLS: greenlang_app",
            hint="grant greenlang_app to the role of GREENLANG_DATABASE_URL",
        )


class RegistryRows:
    """One tenant's rows inside one transaction."""

    def __init__(self, connection: psycopg.Connection[Any], tenant: str, clock: Clock) -> None:
        self._connection = connection
        self._tenant = tenant
        self._clock = clock

    def lock_agent(self, agent_id: str) -> None:
        """Let no other transaction change this agent until this one ends."""
        self._run(
            "SELECT pg_advisory_xact_lock(hashtextextended('greenlang.agent ' || %s || ' ' || %s, 0))",
            [self._tenant, agent_id],
        )

    def entry(self, agent_id: str) -> RegistryEntry | None:
        """An agent with all its versions."""
        return next(iter(self._entries([agent_id])), None)

    def put_agent(self, entry: RegistryEntry) -> None:
        """Add an agent, or take over the fields that may change."""
        row = entry.model_dump(exclude={"versions", "deployment_count"})
        self._run(
            "INSERT INTO greenlang.agent (tenant, agent_id, name, description, owner_team, type, tags,"
            " current_version, created_at, updated_at) VALUES (%(tenant)s, %(agent_id)s, %(name)s,"
            " %(description)s, %(owner_team)s, %(type)s, %(tags)s, %(current_version)s, %(created_at)s,"
            " %(updated_at)s) ON CONFLICT (tenant, agent_id) DO UPDATE SET name = excluded.name,"
            " description = excluded.description, owner_team = excluded.owner_team, type = excluded.type,"
            " tags = excluded.tags, current_version = excluded.current_version,"
            " updated_at = excluded.updated_at",
            {**row, "tags": list(entry.tags), "tenant": self._tenant},
        )

    def add_version(self, agent_id: str, version: AgentVersion) -> None:
        """Add a version."""
        self._run(
            "INSERT INTO greenlang.agent_version (tenant, agent_id, version, status, spec_sha256,"
            " artifact_sha256, certificate_id, created_at, created_by, changelog) VALUES (%(tenant)s,"
            " %(agent_id)s, %(version)s, %(status)s, %(spec_hash)s, %(artifact_hash)s, %(certificate_id)s,"
            " %(created_at)s, %(created_by)s, %(changelog)s)",
            {**version.model_dump(), "tenant": self._tenant, "agent_id": agent_id},
        )

    def update_version(self, agent_id: str, version: AgentVersion) -> None:
        """Take over status and certificate of a version."""
        self._run(
            "UPDATE greenlang.agent_version SET status = %s, certificate_id = %s"
            " WHERE agent_id = %s AND version = %s",
            [version.status, version.certificate_id, agent_id, version.version],
        )

    def add_certificate(self, certificate: CertificateRecord) -> None:
        """Add a certificate; one that is there already stays as it is."""
        self._run(
            "INSERT INTO greenlang.certificate (tenant, certificate_id, agent_id, version, artifact_sha256,"
            " content_sha256, registered_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [self._tenant, *certificate.model_dump().values(), self._clock.now()],
        )

    def certificate(self, certificate_id: str) -> CertificateRecord | None:
        """A certificate by its id."""
        rows = self._run(
            "SELECT certificate_id, agent_id, version, artifact_sha256, content_sha256"
            " FROM greenlang.certificate WHERE certificate_id = %s",
            [certificate_id],
        )
        return CertificateRecord(**rows[0]) if rows else None

    def add_decision(self, decision: StatusDecision) -> None:
        """Keep what somebody decided."""
        self._run(
            "INSERT INTO greenlang.status_decision (tenant, agent_id, version, from_status, to_status,"
            " reason, decided_by, decided_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [self._tenant, *decision.model_dump().values(), self._clock.now()],
        )

    def decisions(self) -> list[StatusDecision]:
        """All decisions, in order."""
        rows = self._run(
            "SELECT agent_id, version, from_status, to_status, reason, decided_by"
            " FROM greenlang.status_decision ORDER BY seq"
        )
        return [StatusDecision(**row) for row in rows]

    def search(self, query: SearchQuery) -> SearchResult:
        """One page of agents, ordered by id."""
        # Words are compared as they are: no wildcard of LIKE, no pattern.
        where = (
            "WHERE (%(query)s::text IS NULL OR"
            " strpos(lower(agent_id || ' ' || name || ' ' || description), lower(%(query)s)) > 0)"
            " AND tags @> %(tags)s AND (%(status)s::text IS NULL OR EXISTS (SELECT FROM"
            " greenlang.agent_version AS v WHERE v.tenant = agent.tenant AND v.agent_id = agent.agent_id"
            " AND v.status = %(status)s))"
        )
        values = {
            "query": query.query,
            "tags": list(query.tags),
            "status": query.status,
            "limit": query.page_size,
            "offset": (query.page - 1) * query.page_size,
        }
        total = self._run(f"SELECT count(*) AS total FROM greenlang.agent {where}", values)[0]["total"]  # noqa: S608
        page = self._run(
            f"SELECT agent_id FROM greenlang.agent {where}"  # noqa: S608 constants of this function
            ' ORDER BY agent_id COLLATE "C" LIMIT %(limit)s OFFSET %(offset)s',
            values,
        )
        agents = self._entries([row["agent_id"] for row in page])
        return SearchResult(total=total, page=query.page, page_size=query.page_size, agents=tuple(agents))

    def put_deployment(self, deployment: Deployment) -> None:
        """Add a deployment or take over its new state."""
        self._run(
            "INSERT INTO greenlang.deployment (tenant, agent_id, version, environment, status,"
            " certificate_id, fault, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (tenant, agent_id, version, environment) DO UPDATE SET status = excluded.status,"
            " certificate_id = excluded.certificate_id, fault = excluded.fault,"
            " updated_at = excluded.updated_at",
            [self._tenant, *deployment.model_dump().values()],
        )

    def deployments(self, agent_id: str | None = None) -> list[Deployment]:
        """Deployments, of one agent or of all."""
        rows = self._run(
            "SELECT agent_id, version, environment, status, certificate_id, fault, updated_at"
            " FROM greenlang.deployment WHERE %(id)s::text IS NULL OR agent_id = %(id)s"
            ' ORDER BY agent_id COLLATE "C", version COLLATE "C", environment',
            {"id": agent_id},
        )
        return [Deployment(**row) for row in rows]

    def add_operation(self, operation: FactoryOperation) -> None:
        """Keep an operation."""
        self._run(
            "INSERT INTO greenlang.factory_operation (tenant, operation_id, object_key, file_sha256,"
            " spec_sha256, agent_id, version, created_by, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [self._tenant, *operation.model_dump().values()],
        )

    def operation(self, operation_id: UUID) -> FactoryOperation | None:
        """An operation by its id."""
        rows = self._run(
            "SELECT operation_id, object_key, file_sha256, spec_sha256, agent_id, version, created_by,"
            " created_at FROM greenlang.factory_operation WHERE operation_id = %s",
            [operation_id],
        )
        return FactoryOperation(**rows[0]) if rows else None

    def add_token(self, token_sha256: str, actor: str) -> None:
        """Accept a token from now on."""
        self._run(
            "INSERT INTO greenlang.api_token (tenant, token_sha256, actor, created_at)"
            " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [self._tenant, token_sha256, actor, self._clock.now()],
        )

    def revoke_token(self, token_sha256: str) -> None:
        """Refuse a token from now on."""
        self._run(
            "UPDATE greenlang.api_token SET revoked_at = %s WHERE token_sha256 = %s AND revoked_at IS NULL",
            [self._clock.now(), token_sha256],
        )

    def token_actor(self, token_sha256: str) -> str | None:
        """Whose token this is; None when it is unknown or revoked."""
        rows = self._run(
            "SELECT actor FROM greenlang.api_token WHERE token_sha256 = %s AND revoked_at IS NULL",
            [token_sha256],
        )
        return rows[0]["actor"] if rows else None

    def _entries(self, agent_ids: list[str]) -> list[RegistryEntry]:
        agents = self._run(
            "SELECT agent_id, name, description, owner_team, type, tags, current_version, created_at,"
            ' updated_at FROM greenlang.agent WHERE agent_id = ANY(%s) ORDER BY agent_id COLLATE "C"',
            [agent_ids],
        )
        versions: dict[str, list[AgentVersion]] = {}
        for row in self._run(
            "SELECT agent_id, version, status, spec_sha256 AS spec_hash, artifact_sha256 AS artifact_hash,"
            " certificate_id, created_at, created_by, changelog FROM greenlang.agent_version"
            " WHERE agent_id = ANY(%s)",
            [agent_ids],
        ):
            versions.setdefault(row.pop("agent_id"), []).append(AgentVersion(**row))
        live = {
            row["agent_id"]: row["live"]
            for row in self._run(
                "SELECT agent_id, count(*) AS live FROM greenlang.deployment"
                " WHERE agent_id = ANY(%s) AND status = %s GROUP BY agent_id",
                [agent_ids, DeploymentStatus.LIVE],
            )
        }
        return [
            RegistryEntry(
                **agent,
                versions=tuple(
                    sorted(
                        versions.get(agent["agent_id"], ()),
                        key=lambda known: precedence(known.version),
                        reverse=True,
                    )
                ),
                deployment_count=live.get(agent["agent_id"], 0),
            )
            for agent in agents
        ]

    def _run(self, query: str, values: Any = None) -> list[dict[str, Any]]:
        cursor = self._connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []
