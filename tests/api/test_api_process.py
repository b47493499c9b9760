"""The interface as its own process: start, token, stopping, kill -9; certificates right before loading."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from api_server import CARBON, Api, api, archive_of, certificate_bytes, pack_text

from registry_ops.registry.models import DeploymentStatus
from registry_ops.runtime.certificates import SignedCertificates
from resources.platform import factory_signer
from resources.signing import Ed25519Signer

__all__ = ["api"]

ROOT = Path(__file__).parents[2]
GAS = {"agent_id": CARBON, "inputs": {"fuel_type": "natural_gas", "consumption": 1000, "country": "US"}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(api: Api, log: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    settings = api.platform.settings
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "registry_ops.api", "--port", str(port)],
            cwd=ROOT,
            env={
                **os.environ,
                "GREENLANG_HOME": str(settings.home),
                "GREENLANG_DATABASE_URL": settings.database_url or "",
                **environment,
            },
            stdout=output,
            stderr=output,
        )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(20)


def wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "the process ended"
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("not ready")


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def execute(url: str, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{url}/api/v1/execute", json=GAS, headers=headers, timeout=60)


def test_it_starts_says_where_the_token_is_answers_and_stops_in_order(api: Api, tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with started(api, log) as (process, url):
        wait_until_ready(process, url)
        assert execute(url, api.token).status_code == 200
        workers = descendants(process.pid)
        assert workers
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        time.sleep(0.5)
        assert all(gone(pid) for pid in workers)
    said = log.read_text()
    assert str(api.platform.settings.home / "keys" / "api-token") in said
    assert api.token not in said
    head = api.platform.ledger.head()
    sealed = api.platform.checkpoints.remembered(api.platform.ledger.chain)
    assert head is not None
    assert sealed is not None
    assert sealed.seq == head.seq, "what was calculated is sealed when the process ends"


def test_after_kill_9_no_worker_stays_and_the_next_start_answers(api: Api, tmp_path: Path) -> None:
    for _ in range(2):
        with started(api, tmp_path / "api.log") as (process, url):
            wait_until_ready(process, url)
            assert execute(url, api.token).status_code == 200
            workers = descendants(process.pid)
            assert workers
            process.kill()
            process.wait(20)
            until = time.monotonic() + 10
            while not all(gone(pid) for pid in workers) and time.monotonic() < until:
                time.sleep(0.1)
            assert all(gone(pid) for pid in workers)


def test_it_refuses_to_serve_as_a_role_that_row_level_security_does_not_bind(
    api: Api, tmp_path: Path
) -> None:
    url = api.platform.settings.database_url or ""
    name = f"bypasser_{os.getpid()}"
    log = tmp_path / "api.log"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN BYPASSRLS".encode())
        admin.execute(f"GRANT USAGE ON SCHEMA greenlang TO {name}".encode())
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA greenlang TO {name}".encode())
        try:
            with started(api, log, GREENLANG_DATABASE_URL=url.replace("postgres:@", f"{name}:@")) as (
                process,
                _,
            ):
                assert process.wait(60) == 1
        finally:
            admin.execute(f"DROP OWNED BY {name}".encode())
            admin.execute(f"DROP ROLE {name}".encode())
    assert "DATABASE_ROLE_UNSAFE" in log.read_text()


@pytest.mark.parametrize("attack", ["stranger", "other archive", "certificate altered", "archive altered"])
def test_what_its_certificate_does_not_cover_is_never_loaded(api: Api, tmp_path: Path, attack: str) -> None:
    text = pack_text("diesel_fleet_v1").decode()
    text = text.replace("diesel_fleet_v1", f"diesel_{attack.replace(' ', '_')}")
    spec, archive = archive_of(text.encode())
    other = archive_of(pack_text("refrigerants_v1"))[1]
    signer = factory_signer(api.platform.settings)
    store, registry = api.platform.store, api.services.registry("default")
    if attack == "stranger":
        signer = Ed25519Signer(tmp_path / "stranger.pem")
    digest = store.put(archive)
    content = store.put(certificate_bytes(signer, other if attack == "other archive" else archive))
    certificate = (
        SignedCertificates(store, signer)
        .read(content)
        .model_copy(update={"agent_id": spec.id, "version": spec.version, "artifact_sha256": digest})
    )
    registry.register_agent(spec, digest, certificate, "attacker")
    registry.record_deployment(
        spec.id, spec.version, "local", DeploymentStatus.LIVE, certificate_id=certificate.certificate_id
    )
    altered = {"certificate altered": content, "archive altered": digest}.get(attack)
    if altered is not None:
        folder = api.platform.settings.store
        assert isinstance(folder, Path)
        path = folder / "cas" / "sha256" / altered[:2] / altered[2:]
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = api.router.workers()
    with api.client() as client:
        inputs = {"fuel": "diesel", "volume": 10, "country": "GB"}
        answer = client.post("/api/v1/execute", json={"agent_id": spec.id, "inputs": inputs})
        assert answer.status_code in (409, 500), answer.text
        assert (
            answer.json()["code"]
            == {
                "stranger": "CERTIFICATE_KEY",
                "other archive": "CERTIFICATE_OF_OTHER_AGENT",
                "certificate altered": "ARTIFACT_ALTERED",
                "archive altered": "ARTIFACT_ALTERED",
            }[attack]
        )
        assert api.router.workers() == before
        assert client.post("/api/v1/execute", json=GAS).status_code == 200
