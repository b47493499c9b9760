"""What is imported while the interface serves is answered from without a restart, and never half."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from api_server import Api, serving
from edition_rows import imported

from greenlang_assets.core.factors import editions, tables
from resources.embedded_postgres import EmbeddedPostgres

DIESEL = {"activity": "diesel", "region": "GB", "year": 2031}
#: Loading and indexing the whole catalogue on a busy machine.
PATIENCE = 60.0


@pytest.fixture(scope="module")
def api(
    postgres: EmbeddedPostgres, _template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    with serving(postgres, _template, tmp_path_factory.mktemp("api") / "home") as opened:
        yield opened


@pytest.fixture
def own(api: Api) -> Path:
    return api.platform.settings.home / editions.FOLDER


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < end, "the import was not noticed"
        time.sleep(0.02)


def diesel(client: httpx.Client) -> float | None:
    """The figure that is answered now; None while the edition is not known."""
    answer = client.get("/api/v1/ef/lookup", params=DIESEL)
    assert answer.status_code in (200, 404), answer.text
    # The set that shipped answers at every moment.
    assert client.get("/api/v1/ef/lookup", params={**DIESEL, "year": 2024}).status_code != 500
    return float(answer.json()["co2e"]) if answer.status_code == 200 else None


def test_an_import_a_correction_and_a_torn_manifest_while_it_serves(
    client: httpx.Client, own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert diesel(client) is None
    editions.keep(imported(2.5, edition="2031"), "uk-desnz", own)
    assert diesel(client) in (None, 2.5)
    until(lambda: diesel(client) == 2.5)
    hits = client.get("/api/v1/ef/search", params={"query": "diesel", "year": 2031}).json()["hits"]
    assert [hit["activity"] for hit in hits] == ["diesel"], "search and look-up answer from one set"

    editions.keep(imported(2.75, edition="2031"), "uk-desnz", own)
    seen = {2.5}

    def corrected() -> bool:
        seen.add(diesel(client) or 0.0)
        return 2.75 in seen

    until(corrected)
    assert seen == {2.5, 2.75}, "the former set answers until the new one does"
    pinned = {"activity": "ef://uk-desnz/conversion-factors/2031@2031.0.1"}
    assert client.get("/api/v1/ef/lookup", params=pinned).json()["version"] == "2031.0.1"

    manifest = own / tables.MANIFEST
    whole = manifest.read_bytes()
    with caplog.at_level(logging.WARNING, logger="registry_ops.api.factors_in_force"):
        manifest.write_bytes(whole[:100])
        assert diesel(client) == 2.75
        until(lambda: any("the former set stays" in line for line in caplog.messages))
        assert [diesel(client) for _ in range(20)] == [2.75] * 20
    assert len(caplog.messages) == 1, "said once, not at every request"
    manifest.write_bytes(whole)
    assert diesel(client) == 2.75


def test_a_set_that_is_taken_away_is_answered_from_no_longer(client: httpx.Client, own: Path) -> None:
    editions.keep(imported(2.5, edition="2033"), "uk-desnz", own)
    until(lambda: client.get("/api/v1/ef/lookup", params={**DIESEL, "year": 2033}).status_code == 200)
    (own / tables.MANIFEST).unlink()
    until(lambda: client.get("/api/v1/ef/lookup", params={**DIESEL, "year": 2033}).status_code == 404)
