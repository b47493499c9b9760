"""The sensor on the spec bucket: a new pack file starts the factory.

Belongs here: turning a sweep into run requests. Does not belong here: the sweep (``factory_ops.pipeline``).
"""

import hashlib
import time

import dagster as dg

from factory_ops.defs.packs import PACK_FACTORY, pack_factory_bulk, pack_partitions
from factory_ops.pipeline import BATCH, PackFile, Sweep, sweep_inbox, take_in
from greenlang_assets.core.provenance.ports import ArtifactStore

#: Seconds that a tick may list; Dagster ends a tick after sixty, and then nothing of it is kept.
BUDGET_S = 20.0


def requests_of(store: ArtifactStore, sweep: Sweep) -> tuple[list[str], list[dg.RunRequest]]:
    """Pack ids to make known, and run requests: one a file, or one a batch when there are many.

    Run keys come from names and contents, so the same files ask for the same runs however often they are
    seen before their receipts are written.
    """
    if len(sweep.files) > BATCH:
        packs = [take_in(store, file) for file in sweep.files]
        return packs, [_bulk(batch) for batch in sweep.batches]
    asked = [(take_in(store, file), file) for file in sweep.files]
    return [pack for pack, _ in asked], [
        dg.RunRequest(
            run_key=file.run_key,
            job_name=PACK_FACTORY.name,
            partition_key=pack,
            tags={"greenlang/file": file.key},
        )
        for pack, file in asked
    ]


def _bulk(batch: tuple[PackFile, ...]) -> dg.RunRequest:
    config = {"names": [file.key for file in batch], "versions": [file.version for file in batch]}
    key = hashlib.sha256("\n".join(sorted(file.run_key for file in batch)).encode()).hexdigest()
    return dg.RunRequest(
        run_key=key,
        job_name=pack_factory_bulk.name,
        run_config={"ops": {"build_batch": {"config": config}}},
    )


@dg.sensor(
    name="new_packs",
    jobs=[PACK_FACTORY, pack_factory_bulk],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees a new pack.yaml in the spec bucket (`<store>/specs/inbox/`) and starts the factory.",
)
def new_packs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One sweep from the cursor on; a bucket that cannot be read fails the tick and keeps the cursor."""
    from resources.platform import open_store
    from resources.settings import Settings

    store = open_store(Settings.from_env())
    sweep = sweep_inbox(store, context.cursor or "", budget_s=BUDGET_S, monotonic=time.monotonic)
    packs, requests = requests_of(store, sweep)
    known = set(context.instance.get_dynamic_partitions(str(pack_partitions.name)))
    new = sorted(set(packs) - known)
    return dg.SensorResult(
        run_requests=requests,
        cursor=sweep.cursor,
        dynamic_partitions_requests=[pack_partitions.build_add_request(new)] if new else [],
    )
