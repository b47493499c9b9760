"""The HTTP interface over a platform with agents, for tests of several folders.

Belongs here: agents made by the real factory parts, a real uvicorn on loopback, a client with the token.
Does not belong here: a test.
"""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from factory_ops.certification.certificate import issue_certificate
from factory_ops.generation.generator import CodeGenerator
from factory_ops.packaging.builder import PackBuilder
from factory_ops.packaging.reader import read_pack
from factory_ops.quality.report import DIMENSIONS, Measured, QualityReport
from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.provenance.ports import Signer
from greenlang_assets.core.recipes import factors, formulas, parameters
from greenlang_assets.core.recipes.base import record
from greenlang_assets.sdk.pack import PackSpec
from registry_ops.api.app import create_app
from registry_ops.api.assembly import local_runtime
from registry_ops.api.server import server_of
from registry_ops.api.services import Services, open_services
from registry_ops.api.tokens import development_token
from registry_ops.registry.models import DEVELOPMENT_TENANT, DeploymentStatus
from registry_ops.runtime.certificates import SignedCertificates
from registry_ops.runtime.router import Router
from resources.database import connect
from resources.embedded_postgres import SUPERUSER, EmbeddedPostgres
from resources.platform import Platform, factory_signer, open_platform
from resources.settings import Settings
from resources.world import world_of

CARBON = "emissions/carbon_calculator_v1"


def pack_text(name: str) -> bytes:
    return (DATA_ROOT / "packs" / name / "pack.yaml").read_bytes()


def archive_of(file: bytes) -> tuple[PackSpec, bytes]:
    """The specification and archive of a pack, as the factory makes them."""
    processed = SpecProcessor().process(file)
    assert processed.spec is not None, processed.answer.errors
    output = CodeGenerator().generate(processed.spec, processed.plan)
    return processed.spec, PackBuilder().create_pack(output.files).archive


class Days:
    """A clock that stands still at noon of one day."""

    def __init__(self, day: int) -> None:
        self.day = day

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 5, self.day, 12, tzinfo=dt.UTC)


def certificate_bytes(signer: Signer, archive: bytes, *, day: int = 1) -> bytes:
    """A certificate over an archive, with a report that says that everything is held."""
    pack = read_pack(archive)
    dimensions = dict.fromkeys(DIMENSIONS, Measured(1.0, True))
    report = QualityReport(pack.id, pack.version, pack.sha256, dimensions, {"ruff": "1"}).canonical()
    return issue_certificate(archive, report, signer, Days(day)).envelope


@dataclass
class Api:
    """A served interface."""

    url: str
    token: str
    platform: Platform
    services: Services
    router: Router

    def client(self, token: str | None = None, **more: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.token}", **more}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def deploy(self, spec: PackSpec, archive: bytes, *, tenant: str = DEVELOPMENT_TENANT) -> None:
        """Register an agent with a certificate over its archive, and declare it live."""
        registry = self.services.registry(tenant)
        digest = self.platform.store.put(archive)
        signer = factory_signer(self.platform.settings)
        certificate = SignedCertificates(self.platform.store, signer).read(
            self.platform.store.put(certificate_bytes(signer, archive))
        )
        registry.register_agent(spec, digest, certificate, "test")
        registry.record_deployment(
            spec.id, spec.version, "local", DeploymentStatus.LIVE, certificate_id=certificate.certificate_id
        )


@contextmanager
def served(services: Services) -> Iterator[str]:
    """A uvicorn on a free port of loopback, in a thread."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = server_of(create_app(services), 0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


@contextmanager
def serving(postgres: EmbeddedPostgres, template: str, home: Path) -> Iterator[Api]:
    """An interface over a new platform in which nothing is recorded and no agent is live."""
    name = f"api_{uuid4().hex}"
    admin = postgres.address(user=SUPERUSER, database="postgres")
    with connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    url = postgres.address(user=SUPERUSER, database=name)
    with open_platform(Settings(home=home, store=home / "store", database_url=url)) as platform:
        router = Router()
        runtime = local_runtime(platform, router=router)
        with open_services(platform, runtime) as services:
            token = development_token(
                home / "keys" / "api-token", services.database, tenant=DEVELOPMENT_TENANT
            )
            with served(services) as address:
                yield Api(address, token, platform, services, router)
    with connect(admin, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def api(
    postgres: EmbeddedPostgres, _template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """A platform with recorded factors and formulas and one agent that is live."""
    with serving(postgres, _template, tmp_path_factory.mktemp("api") / "home") as opened:
        world = world_of(opened.platform)
        for recipe in (*factors.RECIPES, parameters.RECIPE, formulas.RECIPE):
            record(recipe, world, run_id="test")
        opened.deploy(*archive_of(pack_text("emissions_carbon_calculator_v1")))
        yield opened
