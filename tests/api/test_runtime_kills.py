"""kill -9 where it hurts: a worker in the middle of a call, a process in the middle of a registration."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from api_server import CARBON, Api, api, archive_of, certificate_bytes, pack_text

from greenlang_assets.core.provenance.verify import verify_chain
from registry_ops.registry.models import SearchQuery
from registry_ops.runtime.router import WorkerKey
from resources.platform import factory_signer
from resources.sandbox import ProcessWorker

__all__ = ["api"]

ROOT = Path(__file__).parents[2]
GAS = {"fuel_type": "natural_gas", "consumption": 1000, "country": "US"}


def worker_of(api: Api) -> ProcessWorker:
    digest = api.services.registry("default").get_agent(CARBON).versions[0].artifact_hash
    workers = api.router._idle[WorkerKey("default", digest)]
    worker = workers[-1]
    assert isinstance(worker, ProcessWorker)
    return worker


def descendants(pid: int) -> list[int]:
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [*children, *(grandchild for child in children for grandchild in descendants(child))]


def test_a_worker_that_was_killed_while_idle_is_replaced_unnoticed(api: Api) -> None:
    with api.client() as client:
        call = {"agent_id": CARBON, "inputs": GAS}
        assert client.post("/api/v1/execute", json=call).status_code == 200
        worker = worker_of(api)
        before = worker.pid
        assert before is not None
        os.killpg(before, signal.SIGKILL)
        time.sleep(0.2)
        assert client.post("/api/v1/execute", json=call).status_code == 200
        assert worker.pid != before


def test_a_worker_that_was_killed_in_the_middle_of_a_call_is_told_and_the_next_call_answered(
    api: Api,
) -> None:
    with api.client() as client:
        call = {"agent_id": CARBON, "inputs": GAS}
        assert client.post("/api/v1/execute", json=call).status_code == 200
        worker = worker_of(api)
        head = api.platform.ledger.head()
        pid = worker.pid
        assert pid is not None
        # Stopped, the process cannot answer before it is killed.
        for descendant in (pid, *descendants(pid)):
            os.kill(descendant, signal.SIGSTOP)
        threading.Timer(0.5, os.killpg, (pid, signal.SIGKILL)).start()
        lost = client.post("/api/v1/execute", json={**call, "inputs": {**GAS, "consumption": 987654}})
        assert (lost.status_code, lost.json()["code"]) == (503, "SANDBOX_DIED")
        assert api.platform.ledger.head() == head, "a call without an answer is not recorded"
        again = client.post("/api/v1/execute", json={**call, "inputs": {**GAS, "consumption": 987654}})
        assert again.status_code == 200


REGISTER = """
import sys, time
from pathlib import Path
from factory_ops.packaging.reader import read_pack
from greenlang_assets.sdk.pack import PackSpec
from registry_ops.registry.models import CertificateRecord
from registry_ops.registry.registry import AgentRegistry
from resources.clock import SystemClock
from resources.platform import open_platform
from resources.registry_store import RegistryRows, RegistryStore
from resources.settings import Settings

home, url, digest, certificate, pauses = sys.argv[1:]
if pauses:
    real = getattr(RegistryRows, pauses)
    def paused(self, *arguments):
        real(self, *arguments)
        print("in the middle", flush=True)
        time.sleep(60)
    setattr(RegistryRows, pauses, paused)
with open_platform(Settings(home=Path(home), store=Path(home) / "store", database_url=url)) as platform:
    spec = PackSpec.from_canonical(read_pack(platform.store.get(digest)).files["pack.json"])
    clock = SystemClock()
    database = RegistryStore(platform.database, clock)
    registry = AgentRegistry(database, platform.store, tenant="killed", clock=clock)
    record = CertificateRecord(
        certificate_id="CERT-K", agent_id=spec.id, version=spec.version, artifact_sha256=digest,
        content_sha256=certificate,
    )
    registry.register_agent(spec, digest, record, "killed")
print("registered", flush=True)
"""


def register(api: Api, digest: str, certificate: str, pauses: str) -> subprocess.Popen[str]:
    settings = api.platform.settings
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            REGISTER,
            settings.home,
            settings.database_url or "",
            digest,
            certificate,
            pauses,
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_a_registration_that_is_killed_in_the_middle_leaves_nothing_and_the_same_pack_ends_well_afterwards(
    api: Api,
) -> None:
    spec, archive = archive_of(pack_text("diesel_fleet_v1"))
    digest = api.platform.store.put(archive)
    signer = factory_signer(api.platform.settings)
    certificate = api.platform.store.put(certificate_bytes(signer, archive))
    registry = api.services.registry("killed")
    for pauses in ("put_agent", "add_certificate", "add_version"):
        process = register(api, digest, certificate, pauses)
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        assert registry.search_agents(SearchQuery()).total == 0, pauses
        assert registry.certificate("CERT-K") is None
    process = register(api, digest, certificate, "")
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "registered\n")
    assert registry.get_agent(spec.id).current_version == spec.version


def test_the_ledger_is_whole_after_all_this(api: Api) -> None:
    api.platform.checkpoints.seal(api.platform.ledger)
    report = verify_chain(
        list(api.platform.ledger.since()),
        chain=api.platform.ledger.chain,
        checkpoints=api.platform.checkpoints,
        signer=api.platform.signer,
    )
    assert report.findings == ()
