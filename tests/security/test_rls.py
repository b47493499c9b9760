"""Attacks on the separation of tenants in the database, carried out as the program's own role."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from greenlang_assets.core.errors import GreenlangError
from resources.database import Database, open_database
from resources.registry_store import RegistryStore, require_bound_role
from resources.settings import Settings

ROOT = Path(__file__).parents[2]
SHA = "ab" * 32
TABLES = (
    "agent", "agent_version", "api_token", "certificate", "deployment", "factory_operation",
    "status_decision",
)  # fmt: skip
NAMED = "SELECT set_config('greenlang.tenant', %s, true)"
VALUES = {
    "agent": "'a/b', 'n', 'secret of ' || %(tenant)s, 'o', 't', '{}', null, now(), now()",
    "certificate": "'CERT', 'a/b', '1.0.0', %(sha)s, %(sha)s, now()",
    "agent_version": "'a/b', '1.0.0', 'active', %(sha)s, %(sha)s, 'CERT', now(), 'me', ''",
    "status_decision": "DEFAULT, 'a/b', '1.0.0', 'draft', 'active', 'ten letters', 'me', now()",
    "deployment": "'a/b', '1.0.0', 'local', 'LIVE', 'CERT', null, now()",
    "factory_operation": "'00000000-0000-4000-8000-000000000000', 'k', %(sha)s, %(sha)s, 'a/b', '1.0.0',"
    " 'me', now()",
    "api_token": "%(sha)s, 'me', now(), null",
}
INSERT = {name: f"INSERT INTO greenlang.{name} VALUES (%(tenant)s, {row})" for name, row in VALUES.items()}


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    with open_database(settings) as opened:
        yield opened


@pytest.fixture
def app(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the program's role, with one row of each of two tenants in every table."""
    with database.connect(autocommit=True) as connection:
        for tenant in ("one", "two"):
            with connection.transaction():
                connection.execute(NAMED, [tenant])
                for statement in INSERT.values():
                    connection.execute(statement.encode(), {"tenant": tenant, "sha": SHA})
        yield connection


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        yield connection


def run_as(connection: psycopg.Connection[Any], tenant: str, statement: str, values: Any = None) -> None:
    with connection.transaction():
        connection.execute(NAMED, [tenant])
        connection.execute(statement.encode(), values)


def tenants(connection: psycopg.Connection[Any], table: str) -> list[str]:
    rows = connection.execute(f"SELECT tenant FROM greenlang.{table} ORDER BY 1".encode()).fetchall()
    return [row[0] for row in rows]


def test_every_table_with_a_tenant_is_under_forced_row_level_security(owner: psycopg.Connection[Any]) -> None:
    rows = owner.execute(
        "SELECT relname, relrowsecurity AND relforcerowsecurity, relkind,"
        " (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid),"
        " (SELECT bool_and(i.indkey[0] = a.attnum) FROM pg_index AS i"
        " WHERE i.indrelid = c.oid AND i.indisunique)"
        " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant'"
        " WHERE c.relnamespace = 'greenlang'::regnamespace AND relkind IN ('r', 'p', 'm', 'v')"
        " ORDER BY relname"
    ).fetchall()
    assert [row[0] for row in rows] == list(TABLES)
    for name, forced, kind, policies, tenant_leads in rows:
        assert (forced, kind, policies, tenant_leads) == (True, "r", 1, True), name


def test_the_policy_is_evaluated_once_a_statement(app: psycopg.Connection[Any]) -> None:
    with app.transaction():
        app.execute(NAMED, ["one"])
        plan = app.execute("EXPLAIN SELECT * FROM greenlang.agent").fetchall()
    assert any("InitPlan" in row[0] for row in plan)


@pytest.mark.parametrize("table", TABLES)
def test_without_a_tenant_there_are_no_rows(app: psycopg.Connection[Any], table: str) -> None:
    assert tenants(app, table) == []
    with app.transaction():
        app.execute(NAMED, ["one"])
        assert tenants(app, table) == ["one"]
    # The setting now reads '' rather than null: still nobody's rows.
    assert app.execute("SELECT current_setting('greenlang.tenant', true)").fetchone() == ("",)
    assert tenants(app, table) == []


@pytest.mark.parametrize("table", TABLES)
def test_no_row_is_written_for_another_tenant(app: psycopg.Connection[Any], table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        run_as(app, "three", INSERT[table], {"tenant": "two", "sha": "cd" * 32})


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_tenant_can_own_nothing(owner: psycopg.Connection[Any], table: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(INSERT[table].encode(), {"tenant": "", "sha": SHA})


@pytest.mark.parametrize("table", TABLES)
def test_the_role_may_not_delete_truncate_or_change_what_was_registered(
    app: psycopg.Connection[Any], table: str
) -> None:
    for statement in (
        f"DELETE FROM greenlang.{table}",
        f"TRUNCATE greenlang.{table} CASCADE",
        f"UPDATE greenlang.{table} SET tenant = 'two'",
        f"ALTER TABLE greenlang.{table} DISABLE ROW LEVEL SECURITY",
        f"DROP POLICY own_tenant ON greenlang.{table}",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_as(app, "one", statement)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("agent_version", "artifact_sha256"),
        ("agent_version", "spec_sha256"),
        ("agent_version", "created_by"),
        ("certificate", "content_sha256"),
        ("status_decision", "reason"),
        ("factory_operation", "agent_id"),
        ("api_token", "token_sha256"),
        ("api_token", "actor"),
    ],
)
def test_registered_content_has_no_right_of_change(
    app: psycopg.Connection[Any], table: str, column: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_as(app, "one", f"UPDATE greenlang.{table} SET {column} = '{'cd' * 32}'")


def test_an_update_reaches_no_foreign_row(app: psycopg.Connection[Any]) -> None:
    with app.transaction():
        app.execute(NAMED, ["one"])
        changed = app.execute("UPDATE greenlang.deployment SET status = 'FAILED' WHERE tenant = 'two'")
        assert changed.rowcount == 0
    with app.transaction():
        app.execute(NAMED, ["two"])
        assert app.execute("SELECT status FROM greenlang.deployment").fetchone() == ("LIVE",)


def test_a_taken_key_of_another_tenant_is_no_oracle(app: psycopg.Connection[Any]) -> None:
    with app.transaction():
        app.execute(NAMED, ["three"])
        for statement in INSERT.values():
            app.execute(statement.encode(), {"tenant": "three", "sha": SHA})  # the same keys as one and two


def test_a_reference_to_a_foreign_row_fails_like_one_to_nothing(app: psycopg.Connection[Any]) -> None:
    said = []
    insert = "INSERT INTO greenlang.certificate VALUES ('four', 'C', %s, '1.0.0', %s, %s, now())"
    for agent in ("a/b", "no/such"):
        with pytest.raises(psycopg.errors.ForeignKeyViolation) as caught:
            run_as(app, "four", insert, [agent, SHA, SHA])
        said.append(str(caught.value).replace(agent, "X"))
    assert said[0] == said[1]


def test_an_error_tells_nothing_of_foreign_rows(app: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as caught:
        run_as(app, "one", "SELECT * FROM greenlang.agent WHERE description::int = 1")
    assert "secret of one" in str(caught.value)
    assert "secret of two" not in str(caught.value)


def test_a_connection_goes_back_to_the_pool_with_nobodys_name(
    database: Database, app: psycopg.Connection[Any], clock: Any
) -> None:
    del app
    store = RegistryStore(database, clock)
    with store.transaction("one") as work:
        assert [d.agent_id for d in work.deployments()] == ["a/b"]
    with store._connection() as connection:
        row = connection.execute("SELECT current_setting('greenlang.tenant', true) AS tenant").fetchone()
        assert row == {"tenant": ""}
        assert connection.execute("SELECT * FROM greenlang.agent").fetchall() == []
    with pytest.raises(ZeroDivisionError), store.transaction("one"):
        raise ZeroDivisionError
    with store.transaction("nobody") as work:
        assert work.deployments() == []
    store.close()


def test_a_tenants_name_is_a_value_not_sql(
    database: Database, app: psycopg.Connection[Any], clock: Any
) -> None:
    del app
    store = RegistryStore(database, clock)
    for name in ("one' OR '1'='1", "one', true); RESET ROLE; --", "", "%", "one two"):
        with store.transaction(name) as work:
            assert work.deployments() == []
            assert work.token_actor(SHA) is None
            assert work.operation(uuid4()) is None
    store.close()


def test_the_guard_lets_the_programs_role_pass(database: Database, clock: Any) -> None:
    RegistryStore(database, clock).close()


def test_the_guard_refuses_superusers_bypassers_owners_and_open_tables(
    database: Database, owner: psycopg.Connection[Any]
) -> None:
    with pytest.raises(GreenlangError) as caught:
        require_bound_role(owner)
    assert caught.value.code == "DATABASE_ROLE_UNSAFE"
    assert "superuser" in str(caught.value.found)
    names = {kind: f"rls_{kind}_{uuid4().hex[:8]}" for kind in ("bypass", "owner")}
    try:
        owner.execute(f"CREATE ROLE {names['bypass']} BYPASSRLS".encode())
        owner.execute(f"CREATE ROLE {names['owner']}".encode())
        owner.execute(f"ALTER TABLE greenlang.agent OWNER TO {names['owner']}".encode())
        for kind, words in (("bypass", "has BYPASSRLS"), ("owner", "owns agent")):
            with psycopg.connect(database.owner_url, autocommit=True) as connection:
                connection.execute(f"SET ROLE {names[kind]}".encode())
                with pytest.raises(GreenlangError) as caught:
                    require_bound_role(connection)
                assert words in str(caught.value.found)
        owner.execute("ALTER TABLE greenlang.agent OWNER TO CURRENT_USER")
        owner.execute("ALTER TABLE greenlang.deployment NO FORCE ROW LEVEL SECURITY")
        with database.connect(autocommit=True) as connection, pytest.raises(GreenlangError) as caught:
            require_bound_role(connection)
        assert "deployment" in str(caught.value.found)
    finally:
        owner.execute("ALTER TABLE greenlang.agent OWNER TO CURRENT_USER")
        for name in names.values():
            owner.execute(f"DROP ROLE IF EXISTS {name}".encode())


def test_no_code_names_a_tenant_for_longer_than_a_transaction() -> None:
    found = []
    for path in (*ROOT.glob("resources/**/*.py"), *ROOT.glob("registry_ops/**/*.py"), *ROOT.glob("**/*.sql")):
        if ".venv" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        found += re.findall(r"set_config\((?:[^()]|\([^()]*\))*\)", text)
        assert not re.search(r"SET\s+(SESSION\s+|LOCAL\s+)?greenlang\.", text, re.IGNORECASE), path
        assert not re.search(r"SECURITY\s+DEFINER|MATERIALIZED\s+VIEW", text, re.IGNORECASE), path
    assert found
    assert all(call.endswith(", true)") or call == "set_config(…, true)" for call in found), found
