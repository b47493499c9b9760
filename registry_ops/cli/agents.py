"""The second half of the main job: packs into the spec bucket, certificates, agents that answer.

Belongs here: what `glac run` does with packs and how it asks the agents.
Does not belong here: the factory, the registry, the interface.
"""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlang_assets.core.errors import GreenlangError
from registry_ops.cli.services import Service
from registry_ops.cli.stages import Step

if TYPE_CHECKING:
    from factory_ops.recipes import FactoryWorld
    from greenlang_assets.core.provenance.ports import ArtifactStore
    from greenlang_assets.core.recipes.plan import Stage
    from resources.dagster.instance import Runner
    from resources.platform import Platform

API_PORT = 8000
#: Asked of the specification's own example, which has no golden case.
SPECIFICATION_QUESTION = {"fuel_type": "natural_gas", "consumption": 1000, "country": "US"}


def drop_examples(store: ArtifactStore) -> int:
    """Put the packs that ship into the spec bucket; those that lie there already stay. How many were new."""
    from factory_ops.pipeline import INBOX
    from greenlang_assets.core.data_root import DATA_ROOT

    new = 0
    for file in sorted((DATA_ROOT / "packs").glob("*/pack.yaml")):
        key, data = f"{INBOX}{file.parent.name}.yaml", file.read_bytes()
        if not _lies_there(store, key, data):
            store.put_named(key, data)
            new += 1
    return new


def _lies_there(store: ArtifactStore, key: str, data: bytes) -> bool:
    try:
        return store.get_named(key)[0] == data
    except GreenlangError as error:
        if error.code == "OBJECT_MISSING":
            return False
        raise


def take_in_new(factory: FactoryWorld) -> list[str]:
    """Accept every new file of the inbox; the pack ids."""
    from factory_ops.pipeline import sweep_inbox, take_in

    found, cursor = [], ""
    while True:
        sweep = sweep_inbox(factory.store, cursor, monotonic=time.monotonic)
        found += [take_in(factory.store, file) for file in sweep.files]
        if not sweep.cursor:
            return found
        cursor = sweep.cursor


def pack_stage(new: list[str]) -> Stage:
    """The packs that are new, and those whose newest file was certified and is no longer current."""
    from factory_ops.pipeline import accepted_file, receipts
    from factory_ops.recipes import RECIPES
    from greenlang_assets.core.recipes.base import World
    from greenlang_assets.core.recipes.plan import Stage

    def packs(world: World) -> tuple[str, ...]:
        certified = {
            told["partition"]
            for told in receipts(world.store)
            if told["accepted"] and accepted_file(world.store, told["partition"]).key == told["key"]
        }
        return tuple(sorted(certified | set(new)))

    return Stage("Agent packs", "pack_factory", RECIPES, packs)


def registry_stage() -> Stage:
    """The registry's snapshot and the deployment on this machine."""
    from greenlang_assets.core.recipes.plan import Stage
    from registry_ops.recipes import RECIPES

    return Stage("Registry and deployment", "deploy_local", tuple(RECIPES))


def build_packs(
    runner: Runner, steps: list[tuple[tuple[str, ...], str | None]], step: Step
) -> tuple[int, dict[str, str]]:
    """Run the factory for each pack; one that is refused holds up no other. Materialisations, refusals."""
    made, refused = 0, {}
    for assets, pack in steps:
        try:
            runner.materialise("pack_factory", assets=assets, partition=pack)
            made += len(assets)
        except GreenlangError as error:
            if error.code != "RUN_FAILED":
                raise
            refused[str(pack)] = error.found or error.message
        step(str(pack), made=str(pack) not in refused)
    return made, refused


def api_service(environment: dict[str, str], home: Path, port: int) -> Service:
    """The HTTP interface as a child process."""
    return Service(
        name="API",
        module="registry_ops.api",
        arguments=("--port", str(port)),
        environment=environment,
        ready_url=f"http://127.0.0.1:{port}/readyz",
        log=home / "logs" / "api.log",
    )


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(platform: Platform, environment: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """The HTTP interface for as long as the block lasts; yields a function that asks it."""
    from registry_ops.api import tokens

    home = platform.settings.home
    service = api_service(environment, home, free_port())
    process = service.start()
    try:
        service.wait_until_ready(process)
        token = (home / "keys" / tokens.FILE).read_text(encoding="utf-8").strip()
        base = service.ready_url.removesuffix("/readyz")

        def ask(path: str, body: dict[str, Any] | None = None) -> Any:
            request = urllib.request.Request(  # noqa: S310 - a loopback address of ours
                base + path,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                return json.loads(error.read())

        yield ask
    finally:
        service.stop(process)


def first_answers(ask: Callable[..., Any]) -> list[dict[str, Any]]:
    """Every running agent asked its pack's first golden case."""
    from factory_ops.specification.processor import SpecProcessor
    from greenlang_assets.core.data_root import DATA_ROOT

    answers = []
    processor = SpecProcessor()
    for file in sorted((DATA_ROOT / "packs").glob("*/pack.yaml")):
        spec = processor.parse(file.read_bytes())
        golden = spec.tests.golden if spec.tests else []
        inputs = golden[0].input if golden else SPECIFICATION_QUESTION
        answer = ask("/api/v1/execute", {"agent_id": spec.id, "inputs": inputs})
        units = {name: field.unit for name, field in spec.compute.inputs.items() if field.unit}
        answers.append({"agent": spec.id, "inputs": inputs, "units": units, "answer": answer})
    return answers
