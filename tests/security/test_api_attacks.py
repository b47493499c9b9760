"""Attacks on the HTTP interface: tokens, headers, bodies, paths, pages."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from api_server import CARBON, Api, api
from fastapi.routing import APIRoute

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from registry_ops.api import gate
from registry_ops.api.app import create_app
from registry_ops.api.strict_json import require_strict_json
from registry_ops.api.tokens import Tokens, development_token
from resources.registry_store import RegistryStore

__all__ = ["api"]

GAS = {"fuel_type": "natural_gas", "consumption": 1000, "country": "US"}
CALL = {"agent_id": CARBON, "inputs": GAS}


def raw(api: Api, request: bytes) -> bytes:
    """Send bytes as they are and read until the connection ends or falls silent."""
    place = urlsplit(api.url)
    parts = []
    with socket.create_connection((place.hostname, place.port), timeout=3) as connection:
        connection.sendall(request)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := connection.recv(65536):
                parts.append(part)
    return b"".join(parts)


def still_alive(api: Api) -> None:
    with api.client() as client:
        assert client.post("/api/v1/execute", json=CALL).status_code == 200


def leaves(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from leaves(included.routes) if included is not None else [route]


def every_route(app: Any) -> list[tuple[str, str]]:
    routes = list(leaves(app.routes))
    assert all(isinstance(route, APIRoute) for route in routes), "nothing but routes is served"
    found = [(method, route.path) for route in routes for method in sorted(route.methods)]
    assert len(found) >= 12
    return found


def test_every_route_refuses_to_speak_without_a_token(api: Api) -> None:
    open_routes = []
    for method, path in every_route(create_app(api.services)):
        place = path.replace("{agent_id:path}", CARBON).replace("{formula_id:path}", "a.b")
        place = place.replace("{sha256}", "0" * 64).replace("{operation_id}", "0" * 32)
        answer = httpx.request(method, api.url + place)
        if answer.status_code == 200:
            open_routes.append(path)
            continue
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["found"] is None
    assert sorted(open_routes) == ["/healthz", "/readyz"]


def wrong_tokens(token: str) -> dict[str, str]:
    head, tenant, secret = token.split("_")
    return {
        "empty": "",
        "no scheme": token,
        "basic": f"Basic {token}",
        "garbage": "Bearer garbage",
        "one letter changed": f"Bearer {token[:-1]}{'a' if token[-1] != 'a' else 'b'}",
        "longer": f"Bearer {token}a",
        "another tenant": f"Bearer {head}_other_{secret}",
        "sql": f"Bearer {head}_{tenant}' OR '1'='1_{secret}",
        "no tenant": f"Bearer {head}__{secret}",
        "null": f"Bearer {head}_{tenant}_{secret[:-1]}%00",
        "unsigned jwt": "Bearer eyJhbGciOiJub25lIn0.eyJ0ZW5hbnQiOiJkZWZhdWx0In0.",
        "its hash": f"Bearer {sha256_hex(token.encode())}",
        "long": "Bearer " + "a" * 20_000,
    }


def test_wrong_tokens_are_refused_alike(api: Api) -> None:
    answers = set()
    for name, value in wrong_tokens(api.token).items():
        answer = httpx.post(
            api.url + "/api/v1/execute", headers={"Authorization": value}, json={"agent_id": "x"}
        )
        assert answer.status_code == 401, name
        answers.add(answer.text)
    assert len(answers) == 1, "the answer does not tell why"


def test_a_token_counts_in_one_header_alone(api: Api) -> None:
    for request in (
        httpx.Request("GET", api.url + "/api/v1/registry/agents", params={"access_token": api.token}),
        httpx.Request("GET", api.url + "/api/v1/registry/agents", headers={"Cookie": f"token={api.token}"}),
        httpx.Request("GET", api.url + "/api/v1/registry/agents", headers={"X-Api-Key": api.token}),
        httpx.Request(
            "GET",
            api.url + "/api/v1/registry/agents",
            headers=[("Authorization", "Bearer x"), ("Authorization", f"Bearer {api.token}")],
        ),
    ):
        with httpx.Client() as client:
            assert client.send(request).status_code == 401


def test_a_revoked_token_is_refused_within_a_minute(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    path = api.platform.settings.home / "keys" / "other-token"
    token = development_token(path, api.services.database, tenant="default")
    with api.client(token) as client:
        assert client.get("/api/v1/registry/agents").status_code == 200
        with api.services.database.transaction("default") as work:
            work.revoke_token(sha256_hex(token.encode()))
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 60)
        assert client.get("/api/v1/registry/agents").status_code == 401
        development_token(path, api.services.database, tenant="default")  # a restart does not bring it back
        assert client.get("/api/v1/registry/agents").status_code == 401


def test_tenant_and_role_come_from_the_token_alone(api: Api) -> None:
    spec_of_other = api.services.registry("other")
    entry = api.services.registry("default").get_agent(CARBON)
    assert spec_of_other.published_spec(CARBON, "1.0.0") is None
    other = development_token(
        api.platform.settings.home / "keys" / "token-of-other", api.services.database, tenant="other"
    )
    headers = {
        "X-Tenant": "default",
        "X-Role": "admin",
        "X-Forwarded-User": "root",
        "X-HTTP-Method-Override": "PUT",
    }
    with api.client(other, **headers) as client:
        assert client.get("/api/v1/registry/agents").json()["total"] == 0
        same = [
            client.get(f"/api/v1/registry/agents/{agent}").text.replace(agent, "X")
            for agent in (CARBON, "no/such")
        ]
        assert same[0] == same[1], "another tenant's agent and none at all are answered alike"
        assert client.post("/api/v1/execute", json=CALL).status_code == 404
    with api.client() as client:
        assert client.get("/api/v1/registry/agents").json()["total"] >= 1
        body = {**CALL, "tenant": "other"}
        assert client.post("/api/v1/execute", json=body).status_code == 422
    assert entry.agent_id == CARBON


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/registry/agents/",
        "/api/v1/registry//agents",
        "//api/v1/registry/agents",
        "/API/v1/registry/agents",
        "/api/v1/../../healthz/../api/v1/registry/agents",
        "/healthz/",
        "/healthz/../api/v1/registry/agents",
        "/healthz%2f..%2fapi/v1/registry/agents",
        "/healthz;/api/v1/registry/agents",
        "/readyz?/../api/v1/registry/agents",
        "/%2e%2e/api/v1/registry/agents",
        "/docs", "/redoc", "/openapi.json", "/metrics",
    ],
)  # fmt: skip
def test_odd_paths_never_open_anything(api: Api, path: str) -> None:
    said = raw(api, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    status = int(said.split()[1])
    assert status in (400, 401) or said.endswith(b'{"status":"ready"}')
    assert b"agent_id" not in said
    token = f"Authorization: Bearer {api.token}\r\n"
    said = raw(api, f"GET {path} HTTP/1.1\r\nHost: x\r\n{token}Connection: close\r\n\r\n".encode())
    assert int(said.split()[1]) in (400, 404, 422) or b'"status":"ready"' in said


@pytest.mark.parametrize(
    "agent", ["..%2f..%2fetc", "%00", "a%00/b", "A/B", "a", "a//b", "a/b%0d%0aX: y", "%2e%2e/%2e%2e"]
)
def test_odd_agent_ids_are_refused_as_such(api: Api, agent: str) -> None:
    with api.client() as client:
        answer = client.get(f"/api/v1/registry/agents/{agent}")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": str(100 * 1024 * 1024)}, b"{"),
        ({"Content-Length": "9" * 30}, b"{"),
        ({"Transfer-Encoding": "chunked"}, b"%x\r\n%b\r\n" % (2_000_000, b" " * 2_000_000)),
    ],
)
def test_a_huge_body_is_refused_before_it_is_read(api: Api, headers: dict[str, str], body: bytes) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    began = time.monotonic()
    place = urlsplit(api.url)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        connection.sendall(
            f"POST /api/v1/execute HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.token}\r\n"
            f"Content-Type: application/json\r\n{head}\r\n".encode()
        )
        connection.sendall(body)
        said = connection.recv(4096)
    assert int(said.split()[1]) in (400, 413)
    assert time.monotonic() - began < 5
    still_alive(api)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b'{"agent_id":"x/y","agent_id":"a/b","inputs":{}}',
        b'{"inputs":{"a":NaN}}',
        b'{"inputs":{"a":1e999}}',
        b'{"inputs":{"a":-Infinity}}',
        b'{"inputs":{"a":' + b"9" * 5000 + b"}}",
        b"\xff\xfe{\x00}\x00",
        b"{} {}",
        b"",
    ],
    ids=range(11),
)
def test_json_that_can_be_read_in_two_ways_or_not_at_all_is_refused(api: Api, body: bytes) -> None:
    with api.client() as client:
        began = time.monotonic()
        answer = client.post("/api/v1/execute", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "JSON_INVALID")
        assert time.monotonic() - began < 5


def test_strict_json_takes_what_is_json() -> None:
    deep: Any = 1
    for _ in range(30):
        deep = {"a": [deep]} if isinstance(deep, int) else {"a": deep}
    require_strict_json(json.dumps({"x": [1, 2.5, -0.0, None, True, "ü"], "deep": deep}).encode())
    with pytest.raises(GreenlangError):
        require_strict_json(json.dumps({"a": {"b": {"c": deep}}}).encode())


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/yaml"]
)
def test_other_kinds_of_bodies_are_not_read(api: Api, media_type: str) -> None:
    with api.client() as client:
        answer = client.post(
            "/api/v1/execute", content=json.dumps(CALL), headers={"Content-Type": media_type}
        )
    assert (answer.status_code, answer.json()["code"]) == (415, "MEDIA_TYPE")


@pytest.mark.parametrize(
    "request_",
    [
        "POST /api/v1/execute HTTP/1.1\r\nHost: x\r\n{token}Content-Type: application/json\r\n"
        "Content-Length: 2\r\nContent-Length: 30\r\n\r\n{{}}GET /api/v1/registry/agents HTTP/1.1\r\n\r\n",
        "POST /api/v1/execute HTTP/1.1\r\nHost: x\r\n{token}Content-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"
        "GET /api/v1/registry/agents HTTP/1.1\r\n\r\n",
        "POST /api/v1/execute HTTP/1.1\r\nHost: x\r\n{token}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b: folded\r\nContent-Length : 1\r\n\r\na",
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\x00: y\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["two lengths", "chunked and length", "unknown coding", "blank before colon", "control", "http2"],
)
def test_requests_that_two_readers_would_split_differently(api: Api, request_: str) -> None:
    said = raw(api, request_.format(token=f"Authorization: Bearer {api.token}\r\n").encode())
    assert b"agent_id" not in said, "no smuggled request was answered"
    assert said == b"" or int(said.split()[1]) in (400, 401, 422, 501, 505), said[:200]
    still_alive(api)


def test_headers_without_an_end_are_refused(api: Api) -> None:
    said = raw(api, b"GET /healthz HTTP/1.1\r\n" + b"X-A: " + b"a" * 200_000 + b"\r\n\r\n")
    assert said == b"" or int(said.split()[1]) in (400, 431)
    still_alive(api)


@pytest.mark.parametrize(
    "extra",
    [
        {"status": "active"},
        {"created_by": "root"},
        {"certificate_id": "CERT"},
        {"artifact_hash": "0" * 64},
        {"role": "admin"},
    ],
)
def test_nothing_beside_the_named_fields_is_taken(api: Api, extra: dict[str, str]) -> None:
    with api.client() as client:
        for path, body in (
            ("/api/v1/execute", CALL),
            ("/api/v1/factory/create", {"pack": "a: 1"}),
            ("/api/v1/factory/validate", {"pack": "a: 1"}),
        ):
            answer = client.post(path, json={**body, **extra})
            assert (answer.status_code, answer.json()["code"]) == (422, "REQUEST_INVALID")


@pytest.mark.parametrize(
    "query",
    [
        "page=1000000000", "page=0", "page=-1", "page=x", "page_size=1000000", "page_size=101", "page_size=0",
        "page_size=-5", "page_size=1e2", "query=%00", "status=root", "query=" + "a" * 300,
        "tag=" + "&tag=" * 30,
    ],
)  # fmt: skip
def test_pages_have_bounds(api: Api, query: str) -> None:
    with api.client() as client:
        answer = client.get(f"/api/v1/registry/agents?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "REQUEST_INVALID")


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE greenlang.agent; --", "%", "_", "a' OR 'a'='a", "\\", "$1", "%(tenant)s"]
)
def test_search_words_are_values(api: Api, text: str) -> None:
    with api.client() as client:
        answer = client.get("/api/v1/registry/agents", params={"query": text, "tag": text})
        assert answer.status_code == 200
        assert answer.json()["total"] == 0
    still_alive(api)


def test_no_other_origin_is_let_in(api: Api) -> None:
    with api.client(Origin="https://evil.example") as client:
        assert not [
            n for n in client.get("/api/v1/registry/agents").headers if n.startswith("access-control")
        ]
        preflight = client.options("/api/v1/execute", headers={"Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 405


CANARIES = [
    "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJl",
    "AKIA" + "CANARY0000000001",
    "-----BEGIN " + "PRIVATE KEY-----canary",
    "postgresql://canary:password@db/x",
]


@pytest.mark.parametrize("canary", CANARIES)
def test_secrets_in_requests_reach_no_log_and_no_validation_answer(
    api: Api, canary: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), api.client() as client:
        answers = [
            client.post("/api/v1/execute", json={**CALL, canary: canary}),
            client.post("/api/v1/execute", json={"agent_id": canary, "inputs": {}}),
            client.get("/api/v1/registry/agents", params={"page": canary}),
            client.get("/api/v1/registry/agents", headers={"Authorization": f"Bearer {canary}"}),
        ]
    assert all(answer.status_code in (401, 422) for answer in answers)
    for answer in answers[1:]:
        assert canary not in answer.text
    logged = "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore")))
    assert canary not in logged
    assert api.token not in logged


def test_the_tokens_file_is_for_its_owner_alone(api: Api) -> None:
    path = api.platform.settings.home / "keys" / "api-token"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() == api.token
    copy = path.with_name("copied")
    copy.write_text(api.token)
    copy.chmod(0o644)
    with pytest.raises(GreenlangError) as caught:
        development_token(copy, api.services.database, tenant="default")
    assert caught.value.code == "TOKEN_FILE_MODE"
    assert api.token not in str(caught.value)
    copy.chmod(0o600)
    copy.write_text("gl_default_short")
    with pytest.raises(GreenlangError) as caught:
        development_token(copy, api.services.database, tenant="default")
    assert caught.value.code == "TOKEN_FILE_UNREADABLE"


def test_the_database_knows_no_token_only_hashes(api: Api) -> None:
    store: RegistryStore = api.services.database
    with store._connection() as connection, connection.transaction():
        connection.execute("SELECT set_config('greenlang.tenant', 'default', true)")
        rows = connection.execute("SELECT * FROM greenlang.api_token").fetchall()
    assert rows
    assert api.token not in str(rows)
    assert Tokens(store).caller(api.token) is not None


def test_a_fault_of_ours_tells_an_incident_and_nothing_else(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError("the password is canary-9")

    monkeypatch.setattr(api.services.runtime, "execute", broken)
    with api.client() as client:
        answer = client.post("/api/v1/execute", json=CALL)
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "canary" not in answer.text


def test_the_limit_is_what_the_gate_says() -> None:
    assert gate.MAX_BODY_BYTES <= 100 * 1024 * 1024
