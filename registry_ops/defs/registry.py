"""The registry's assets and what starts them.

Belongs here: snapshot, deployment, their job, the sensor that sees new certificates.
Does not belong here: how agents are registered and deployed (``registry_ops.recipes``).
"""

from typing import Any

import dagster as dg

from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Recipe
from greenlang_assets.defs import keys
from greenlang_assets.defs.provenance import record
from registry_ops.recipes import (
    CERTIFICATE,
    DEPLOYMENT_RECIPE,
    SNAPSHOT_RECIPE,
    deployed_certificates,
)
from resources.dagster.resource import WorldResource

GROUP = "registry"
_DESCRIPTIONS = {
    "registry/snapshot": (
        "Every registered agent and version with its status, artefact and certificate.\n\nMaterialising it "
        "registers what was certified: each in one transaction, whole or not at all; a certificate that does "
        "not verify is named and holds up nobody."
    ),
    "registry/deployment": (
        "Which certified versions run on this machine (environment `local`, the factory's key alone).\n\n"
        "Each is verified and started once in a sandbox before it counts as live; the process that answers "
        "over HTTP starts its own workers and verifies again right before it loads."
    ),
}
_DEPS = {
    "registry/snapshot": [dg.AssetKey(["packs", "certificate"])],
    "registry/deployment": [dg.AssetKey(["registry", "snapshot"])],
}


def _asset(recipe: Recipe) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(recipe.asset.split("/")),
        deps=_DEPS[recipe.asset],
        description=_DESCRIPTIONS[recipe.asset],
        group_name=GROUP,
        owners=[keys.OWNER],
        kinds={"postgres"},
        code_version=recipe.code_version,
        pool="registry",
    )
    def made(context: dg.AssetExecutionContext, world: WorldResource) -> dg.MaterializeResult[Any]:
        from resources.registry_world import open_registry_world

        with open_registry_world(world.platform) as registry:
            return record(context, recipe, registry)

    return made


ASSETS = [_asset(SNAPSHOT_RECIPE), _asset(DEPLOYMENT_RECIPE)]

DEPLOY_LOCAL = dg.define_asset_job(
    "deploy_local",
    selection=dg.AssetSelection.groups(GROUP),
    description="Register what was certified and have it run on this machine.",
    executor_def=dg.in_process_executor,
)


@dg.sensor(
    name="new_certificates",
    job=DEPLOY_LOCAL,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees new certificates in the ledger and starts the deployment.",
)
def new_certificates(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """The cursor is the ledger's number of the last certificate seen; the ledger never renumbers.

    What the main job deployed before this sensor first looked is not deployed again.
    """
    from resources.platform import open_platform
    from resources.settings import Settings

    seen = int(context.cursor or 0)
    with open_platform(Settings.from_env()) as platform:
        new = [link for link in platform.ledger.since(seen) if link.entry.asset == CERTIFICATE]
        done = deployed_certificates(platform.ledger)
    if not new:
        return dg.SkipReason("no certificate since the last tick")
    cursor = str(new[-1].seq)
    if all(InputRef(CERTIFICATE, link.entry.partition, link.entry.content_sha256) in done for link in new):
        return dg.SensorResult(skip_reason="the new certificates are deployed already", cursor=cursor)
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"certificates-to-{cursor}")], cursor=cursor)
