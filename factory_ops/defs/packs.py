"""The assets of a pack, one partition a pack id: spec, source, artifact, quality report, certificate.

Belongs here: one asset a recipe, its description for people, the receipt of a refused pack.
Does not belong here: how it is made (``factory_ops.recipes``).
"""

from typing import Any

import dagster as dg

from factory_ops.pipeline import accepted_file
from factory_ops.recipes import (
    ARTIFACT_RECIPE,
    CERTIFICATE_RECIPE,
    NOT_THE_PACKS_FAULT,
    REPORT_RECIPE,
    SOURCE_RECIPE,
    SPEC_RECIPE,
    Built,
    FactoryWorld,
    build_files,
    receipt_of,
)
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.recipes.base import Recipe
from greenlang_assets.defs import keys
from greenlang_assets.defs.provenance import record
from resources.dagster.resource import WorldResource
from resources.dagster.shown import event_of

GROUP = "factory"
pack_partitions = dg.DynamicPartitionsDefinition(name="pack")

_DESCRIPTIONS = {
    "packs/spec": (
        "A pack's specification, read strictly: canonical pack and pinned calculation plan.\n\nCopy a "
        "`pack.yaml` into `<store>/specs/inbox/` and the sensor `new_packs` starts the factory. A pack that "
        "is not valid fails here with **all** its errors, each with line, column and a hint; the same "
        "answer lies in `<store>/specs/receipts/` and comes from `glac pack validate`."
    ),
    "packs/source": (
        "The agent's generated code, tests, documentation and manifest.\n\nEverything of the pack reaches "
        "the code as literals; two generations from the same inputs are the same bytes."
    ),
    "packs/artifact": "The reproducible tar.gz of the agent: sorted names, zero times and owners.",
    "packs/quality_report": (
        "Twelve dimensions under six weights, measured in a sandbox: a pack is valid when every floor holds, "
        "the weighted sum is at least 0.70 and nothing is unmeasured.\n\nThe report's digest covers verdicts "
        "and scores, not milliseconds, so measured again it is the same."
    ),
    "packs/certificate": (
        "The factory's signature over artefact, specification, schema and quality report. Only what is "
        "certified is registered, and it is verified again right before it is loaded."
    ),
}
_RECIPES = (SPEC_RECIPE, SOURCE_RECIPE, ARTIFACT_RECIPE, REPORT_RECIPE, CERTIFICATE_RECIPE)
_DEPS: dict[str, list[dg.AssetKey]] = {
    "packs/spec": [keys.CATALOGUE, keys.FUEL_PROPERTIES, keys.IPCC_GWP, keys.LIBRARY],
    "packs/source": [dg.AssetKey(["packs", "spec"])],
    "packs/artifact": [dg.AssetKey(["packs", "source"])],
    "packs/quality_report": [dg.AssetKey(["packs", "artifact"])],
    "packs/certificate": [dg.AssetKey(["packs", "artifact"]), dg.AssetKey(["packs", "quality_report"])],
}
_KINDS = {
    "packs/spec": {"yaml"},
    "packs/source": {"python", "jinja"},
    "packs/artifact": {"gzip"},
    "packs/quality_report": {"json", "html"},
    "packs/certificate": {"json"},
}


def _asset(recipe: Recipe) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(recipe.asset.split("/")),
        deps=_DEPS[recipe.asset],
        partitions_def=pack_partitions,
        description=_DESCRIPTIONS[recipe.asset],
        group_name=GROUP,
        owners=[keys.OWNER],
        kinds=_KINDS[recipe.asset],
        code_version=recipe.code_version,
        pool="factory",
    )
    def made(context: dg.AssetExecutionContext, world: WorldResource) -> dg.MaterializeResult[Any]:
        from resources.factory_world import factory_world_of

        return _made(context, recipe, factory_world_of(world.platform), world)

    return made


def _made(
    context: dg.AssetExecutionContext, recipe: Recipe, factory: FactoryWorld, world: WorldResource
) -> dg.MaterializeResult[Any]:
    pack = context.partition_key
    file = accepted_file(factory.store, pack)
    try:
        result = record(context, recipe, factory, partition=pack, pages=world.home / "reports")
    except GreenlangError as error:
        if error.code in NOT_THE_PACKS_FAULT:
            raise
        refused = Built(file, pack, error=error)
        receipt_of(factory, refused)
        # Every error where people look; trying the same file again would say the same.
        raise dg.Failure(
            description=f"{pack} was refused: {error.message}",
            metadata={
                "errors": dg.MetadataValue.md(_table(refused.errors)),
                "file": file.key,
                "on the command line": f"glac pack validate {file.key.rpartition('/')[2]}",
            },
            allow_retries=False,
        ) from None
    if recipe is CERTIFICATE_RECIPE:
        link = factory.ledger.latest(recipe.asset, pack)
        certificate_id = str(link.entry.facts["certificate_id"]) if link else None
        receipt_of(factory, Built(file, pack, certificate_id=certificate_id))
    return result


def _table(errors: list[dict[str, Any]]) -> str:
    columns = ("code", "line", "column", "path", "message", "found", "expected", "hint")
    head = "| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|"
    rows = (
        " | ".join(str(error.get(name) or "").replace("|", "\\|") for name in columns) for error in errors
    )
    return "\n".join((head, *(f"| {row} |" for row in rows)))


ASSETS = [_asset(recipe) for recipe in _RECIPES]

PACK_FACTORY = dg.define_asset_job(
    "pack_factory",
    selection=dg.AssetSelection.assets(*(dg.AssetKey(recipe.asset.split("/")) for recipe in _RECIPES)),
    description="One pack: specification, generated agent, quality report, certificate.",
    executor_def=dg.in_process_executor,
    tags={"dagster/retry_on_asset_or_op_failure": "false"},
)


class BatchConfig(dg.Config):
    """Names and versions of the files that one run builds."""

    names: list[str]
    versions: list[str]


@dg.op(description="Build a batch of packs; one that fails holds up no other.", pool="factory")
def build_batch(context: dg.OpExecutionContext, config: BatchConfig, world: WorldResource) -> None:
    """Build each file and log every materialisation, as the single runs would."""
    from factory_ops.pipeline import PackFile
    from resources.factory_world import factory_world_of

    factory = factory_world_of(world.platform)
    files = [PackFile(*pair) for pair in zip(config.names, config.versions, strict=True)]
    head = factory.ledger.head()
    built = build_files(factory, files, run_id=context.run.run_id)
    for link in factory.ledger.since(head.seq if head else 0):
        if link.run_id == context.run.run_id:
            context.log_event(event_of(link))
    refused = [outcome for outcome in built if outcome.error is not None]
    context.log.info(f"{len(built) - len(refused)} packs certified, {len(refused)} refused")
    for outcome in refused:
        context.log.warning(f"{outcome.partition}: {outcome.errors}")


@dg.job(
    name="pack_factory_bulk",
    description="Many packs in one run: the same functions, one event an asset and pack.",
    executor_def=dg.in_process_executor,
)
def pack_factory_bulk() -> None:
    """One op over a batch of files."""
    build_batch()
