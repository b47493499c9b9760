"""Recipes of the factory's assets, one partition a pack: spec, source, artifact, quality report, certificate.

Belongs here: what each is made from and recorded as; building whatever lies in the inbox.
Does not belong here: how any of it is done (``generation``, ``packaging``, ``quality``, ``certification``).

Contents: ``packs/spec`` is JSON with the canonical pack and its plan; ``packs/source`` a tar of the generated
files; ``packs/artifact`` the tar.gz; ``packs/quality_report`` the canonical report, of a pack that failed as
well; ``packs/certificate`` the signed envelope.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from factory_ops.certification.certificate import issue_certificate, read_certificate
from factory_ops.generation.generator import CodeGenerator
from factory_ops.packaging.reader import read_pack
from factory_ops.packaging.tar import gzip_bytes, tar_bytes
from factory_ops.pipeline import PackFile, accepted, process_spec, take_in, write_receipt
from factory_ops.quality.page import to_html
from factory_ops.quality.validator import QualityValidator
from factory_ops.sandbox import Sandbox
from factory_ops.specification.answer import PackRefused
from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.provenance.ports import Clock, Signer
from greenlang_assets.core.recipes.base import (
    Made,
    Recipe,
    World,
    file_input,
    is_current,
    latest_input,
    load_table,
    record,
)
from greenlang_assets.core.recipes.factors import CATALOGUE, GWP, PROPERTIES
from greenlang_assets.core.recipes.formulas import LIBRARY, library_of
from greenlang_assets.sdk.pack import PackSpec
from greenlang_assets.sdk.plan import CalculationPlan

SPEC = "packs/spec"
SOURCE = "packs/source"
ARTIFACT = "packs/artifact"
QUALITY_REPORT = "packs/quality_report"
CERTIFICATE = "packs/certificate"

_SDK = "greenlang_assets/sdk"
#: Templates are named one by one: of a folder, only code is read for the code's version.
_TEMPLATES = tuple(
    f"factory_ops/generation/templates/{name}.j2"
    for name in ("README.md", "agent.py", "entrypoint.py", "models.py", "test_agent.py")
)


@dataclass(frozen=True)
class FactoryWorld(World):
    """A world in which there is a factory.

    Attributes:
        signer: the factory's key.
        clock: tells when a certificate was issued.
        sandbox: where generated code runs.
        cache: a folder that the type checker may keep between packs.
    """

    signer: Signer = field(compare=False)
    clock: Clock = field(compare=False)
    sandbox: Sandbox = field(compare=False)
    cache: Path | None = None


def _factory(world: World) -> FactoryWorld:
    if not isinstance(world, FactoryWorld):
        raise TypeError("recipes of packs need a FactoryWorld")
    return world


def _id(partition: str | None) -> str:
    if partition is None:
        raise GreenlangError("PARTITION_MISSING", "a pack is made by its id", expected="a partition")
    return partition


def _spec_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    key, sha256 = accepted(world.store, _id(partition))
    tables = (latest_input(world, asset) for asset in (CATALOGUE, PROPERTIES, GWP, LIBRARY))
    return (file_input(key, sha256), *tables)


def _make_spec(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    by_asset = {reference.asset: reference for reference in inputs}
    (file,) = (reference for reference in inputs if reference.external)
    catalogue = _catalogue(world, by_asset[CATALOGUE], by_asset[PROPERTIES], by_asset[GWP])
    processor = SpecProcessor(
        lambda: catalogue,
        lambda bound: library_of(world, by_asset[LIBRARY], bound),
        published=_published(world),
    )
    outcome = process_spec(world.store.get(file.content_sha256), processor)
    if outcome.spec is None:
        raise PackRefused(outcome.answer)
    assert outcome.partition == partition, "the newest file of a partition states its id"
    spec, plan = outcome.spec, outcome.plan
    content = {"pack": spec.canonical(), "plan": None if plan is None else json.loads(plan.to_json())}
    return Made(
        json.dumps(
            content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
        ).encode(),
        facts={
            "version": spec.version,
            "pack_sha256": spec.sha256,
            "plan_sha256": None if plan is None else plan.sha256,
            "formula": None if plan is None else plan.formula.id,
        },
        notes={"warnings": [issue.as_dict() for issue in outcome.answer.warnings]},
    )


@lru_cache(maxsize=2)
def _catalogue(world: World, factors: InputRef, properties: InputRef, gwp: InputRef) -> Catalogue:
    """The recorded tables, GWP sets among them: a pack refers to those as well."""
    return Catalogue.from_frames(*(load_table(world, reference) for reference in (factors, properties, gwp)))


def _published(world: World) -> Callable[[str, str], str | None]:
    """Which content carries an id and version: that of the first certificate over them."""
    known: dict[tuple[str, str], str] = {}
    for link in world.ledger.history(CERTIFICATE):
        facts = link.entry.facts
        known.setdefault((str(link.entry.partition), str(facts["version"])), str(facts["pack_sha256"]))
    return lambda identity, version: known.get((identity, version))


class Agent(NamedTuple):
    """An agent by its newest specification."""

    id: str
    version: str
    spec_sha256: str


def agents_on(world: World, factor_sha256s: frozenset[str]) -> tuple[Agent, ...]:
    """Agents whose newest specification can lead to one of these factor rows, by id."""
    newest = {str(link.entry.partition): link.entry for link in world.ledger.history(SPEC)}
    found = []
    for identity, entry in sorted(newest.items()):
        plan = json.loads(world.store.get(entry.content_sha256))["plan"]
        choices = () if plan is None else CalculationPlan.from_json(plan).choices
        if any(choice.factor_sha256 in factor_sha256s for choice in choices):
            found.append(Agent(identity, str(entry.facts["version"]), entry.content_sha256))
    return tuple(found)


def _from(asset: str) -> Callable[[World, str | None], tuple[InputRef, ...]]:
    return lambda world, partition: (latest_input(world, asset, _id(partition)),)


def _make_source(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    content = json.loads(world.store.get(inputs[0].content_sha256))
    spec = PackSpec.from_canonical(content["pack"])
    plan = None if content["plan"] is None else CalculationPlan.from_json(content["plan"])
    output = CodeGenerator().generate(spec, plan)
    return Made(
        tar_bytes(output.files),
        facts={"version": spec.version, "files": len(output.files)},
        notes={
            "files": {path: len(data) for path, data in output.files.items()},
            "properties that no test was made of": [item.rule for item in output.unchecked],
            "agent.py": output.agent_code,
        },
    )


def _make_artifact(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    archive = gzip_bytes(world.store.get(inputs[0].content_sha256))
    pack = read_pack(archive)
    return Made(
        archive,
        facts={"version": pack.version, "pack_sha256": pack.manifest["pack_sha256"], "bytes": len(archive)},
        notes={"manifest": dict(pack.manifest)},
    )


def _make_report(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    factory = _factory(world)
    archive = world.store.get(inputs[0].content_sha256)
    report = QualityValidator(factory.sandbox, cache=factory.cache).validate(archive)
    return Made(
        report.canonical(),
        facts={
            "version": report.version,
            "valid": report.valid,
            "overall": report.overall,
            "failed": list(report.failed),
        },
        notes={
            "scores": {name: found.score for name, found in report.dimensions.items()},
            "findings": {name: list(m.findings[:20]) for name, m in report.dimensions.items() if m.findings},
            "milliseconds": dict(report.timings),
            "sandbox": factory.sandbox.strength.name,
            "page": to_html(report.body(), sha256=report.sha256, timings=report.timings),
        },
    )


def _certificate_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    return (
        latest_input(world, ARTIFACT, _id(partition)),
        latest_input(world, QUALITY_REPORT, _id(partition)),
    )


def _make_certificate(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    factory = _factory(world)
    by_asset = {reference.asset: reference.content_sha256 for reference in inputs}
    archive, report = world.store.get(by_asset[ARTIFACT]), world.store.get(by_asset[QUALITY_REPORT])
    certificate = issue_certificate(archive, report, factory.signer, factory.clock)
    return Made(
        certificate.envelope,
        facts={
            "certificate_id": certificate.certificate_id,
            "version": certificate.version,
            "pack_sha256": certificate.digests["spec"],
            "certified_sha256": certificate.certified_sha256,
            "environments": list(certificate.environments),
            "key_id": certificate.key_id,
        },
        notes={"issued at": certificate.issued_at, "overall": certificate.overall},
    )


_COMMON = ("factory_ops/recipes.py", "factory_ops/pipeline.py")
SPEC_RECIPE = Recipe(SPEC, "1.0.0", (*_COMMON, "factory_ops/specification", _SDK), _spec_inputs, _make_spec)
SOURCE_RECIPE = Recipe(
    SOURCE, "1.0.0", (*_COMMON, "factory_ops/generation", *_TEMPLATES, _SDK), _from(SPEC), _make_source
)
ARTIFACT_RECIPE = Recipe(
    ARTIFACT, "1.0.0", (*_COMMON, "factory_ops/packaging"), _from(SOURCE), _make_artifact
)
REPORT_RECIPE = Recipe(
    QUALITY_REPORT,
    "1.0.0",
    (*_COMMON, "factory_ops/quality", "factory_ops/sandbox.py", _SDK),
    _from(ARTIFACT),
    _make_report,
)
CERTIFICATE_RECIPE = Recipe(
    CERTIFICATE, "1.0.0", (*_COMMON, "factory_ops/certification"), _certificate_inputs, _make_certificate
)
#: In the order in which they are made.
RECIPES: tuple[Recipe, ...] = (SPEC_RECIPE, SOURCE_RECIPE, ARTIFACT_RECIPE, REPORT_RECIPE, CERTIFICATE_RECIPE)


@dataclass(frozen=True)
class Built:
    """What became of one file.

    Attributes:
        file: of the inbox.
        partition: pack id, or ``unreadable/<hash>``.
        certificate_id: of a pack that passed.
        error: of one that did not; ``errors`` then holds every fault with its line.
    """

    file: PackFile
    partition: str
    certificate_id: str | None = None
    error: GreenlangError | None = None

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Every fault, as JSON-ready data."""
        if isinstance(self.error, PackRefused):
            return [issue.as_dict() for issue in self.error.answer.errors]
        return [] if self.error is None else [self.error.as_dict()]


def build(world: FactoryWorld, partition: str, *, run_id: str) -> str:
    """Make and record whatever of a pack is not current; the id of its certificate.

    Raises:
        GreenlangError: the first refusal; what was recorded before it stays.
    """
    for recipe in RECIPES:
        if not is_current(recipe, world, partition=partition):
            record(recipe, world, run_id=run_id, partition=partition)
    link = world.ledger.latest(CERTIFICATE, partition)
    assert link is not None, "the last recipe made it"
    return read_certificate(world.store.get(link.entry.content_sha256)).certificate_id


def build_files(world: FactoryWorld, files: Iterable[PackFile], *, run_id: str) -> list[Built]:
    """Build each file of the inbox and leave its receipt; one that fails holds up no other.

    A file without a receipt is simply built again: nothing is recorded twice, and what was killed in the
    middle is made good.
    """
    done = []
    for file in files:
        try:
            partition = take_in(world.store, file)
        except GreenlangError as error:
            if error.code in ("OBJECT_CHANGED", "OBJECT_MISSING"):
                continue  # another file by now, or none: the next sweep sees what is there
            raise
        try:
            built = Built(file, partition, certificate_id=build(world, partition, run_id=run_id))
        except GreenlangError as error:
            if error.code in NOT_THE_PACKS_FAULT:
                raise
            built = Built(file, partition, error=error)
        receipt_of(world, built)
        done.append(built)
    return done


#: Refusals that will pass without anybody touching the file: no receipt, so it is tried again.
NOT_THE_PACKS_FAULT = frozenset(
    ("INPUT_NOT_MADE", "STORE_UNREACHABLE", "DATABASE_UNREACHABLE", "TOOL_FAILED", "LIBRARY_NOT_RECORDED")
)


def receipt_of(world: FactoryWorld, built: Built) -> None:
    """Write the receipt of a file: accepted with its certificate, or refused with every error."""
    outcome = {
        "accepted": built.error is None,
        "certificate_id": built.certificate_id,
        "errors": built.errors,
        "file_sha256": accepted(world.store, built.partition)[1],
    }
    write_receipt(world.store, built.file, built.partition, outcome)
