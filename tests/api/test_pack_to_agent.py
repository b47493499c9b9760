"""From a pack.yaml handed in over HTTP to an agent that answers, through every real part but Dagster."""

from __future__ import annotations

import time

import pytest
from api_server import Api, api, pack_text

from factory_ops.pipeline import sweep_inbox
from factory_ops.recipes import FactoryWorld, build_files
from greenlang_assets.core.recipes.base import is_current, record
from registry_ops.recipes import DEPLOYMENT_RECIPE, SNAPSHOT_RECIPE
from resources.clock import SystemClock
from resources.platform import factory_signer
from resources.registry_world import open_registry_world
from resources.sandbox import ProcessSandbox
from resources.world import world_of

__all__ = ["api"]


def factory_and_registry(api: Api) -> None:
    """What the sensors start: build what is new, register what was certified, deploy what is registered."""
    platform = api.platform
    world = world_of(platform)
    factory = FactoryWorld(
        world.store, world.ledger, world.publisher_files, world.tenant_folders,
        factory_signer(platform.settings), SystemClock(), ProcessSandbox(),
    )  # fmt: skip
    files = sweep_inbox(platform.store, monotonic=time.monotonic).files
    build_files(factory, files, run_id=f"test-{len(files)}")
    with open_registry_world(platform) as registry:
        for recipe in (SNAPSHOT_RECIPE, DEPLOYMENT_RECIPE):
            if not is_current(recipe, registry):
                record(recipe, registry, run_id="test-registry")


@pytest.mark.long
def test_a_pack_that_is_handed_in_becomes_an_agent_that_answers(api: Api) -> None:
    text = pack_text("natural_gas_v1").decode()
    with api.client() as client:
        handed_in = client.post("/api/v1/factory/create", json={"pack": text})
        assert (handed_in.status_code, handed_in.json()["status"]) == (202, "PENDING")
        factory_and_registry(api)
        ended = client.get(handed_in.headers["location"]).json()
        assert (ended["status"], ended["agent_status"], ended["deployment_status"], ended["error"]) == (
            "SUCCEEDED", "active", "LIVE", None,
        )  # fmt: skip
        entry = client.get(f"/api/v1/registry/agents/{ended['agent_id']}").json()
        assert entry["versions"][0]["certificate_id"].startswith("CERT-GL-")
        assert entry["versions"][0]["created_by"] == "factory"

        head = api.platform.ledger.head()
        factory_and_registry(api)
        assert api.platform.ledger.head() == head, "a second time there is nothing to do"
        again = client.post("/api/v1/factory/create", json={"pack": text}).json()
        assert again["status"] == "SUCCEEDED", "the same file is built already"


def test_a_pack_that_the_factory_refuses_ends_its_operation_with_the_reason(api: Api) -> None:
    text = """
schema_version: "2.0.0"
id: "emissions/repeater_v1"
name: "Repeater"
version: "1.0.0"
summary: "Gives back what it is given; it calculates nothing"
compute:
  entrypoint: "python://agents.repeater:compute"
  inputs: {word: {dtype: "string"}}
  outputs: {echo: {dtype: "string"}}
"""
    with api.client() as client:
        handed_in = client.post("/api/v1/factory/create", json={"pack": text})
        assert handed_in.status_code == 202, handed_in.text
        factory_and_registry(api)
        ended = client.get(handed_in.headers["location"]).json()
        assert (ended["status"], ended["error"]["code"]) == ("FAILED", "PATTERN_NOT_SUPPORTED")
        assert ended["error"]["errors"]
        assert ended["agent_status"] is None
