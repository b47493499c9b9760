"""Partitions of tenant data: a cohort of tenants by a reporting period.

Belongs here: Dagster's definitions of the two dimensions.
Does not belong here: who is in a cohort (``core.tenants.cohorts``), which periods exist (data).

Periods are dynamic: one exists as soon as a tenant reports for it.
"""

from __future__ import annotations

import dagster as dg

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.cohorts import COHORTS

PERIOD = "period"

#: Without a backfill policy a backfill starts one run, and so one process, for each partition: what is killed
#: or refused is that one alone, and its data version is the hash of its own content. A run over a range would
#: give all its partitions one data version.
tenant_partitions = dg.MultiPartitionsDefinition(
    {
        "cohort": dg.StaticPartitionsDefinition(list(COHORTS)),
        PERIOD: dg.DynamicPartitionsDefinition(name=PERIOD),
    }
)


def only_partition(context: dg.AssetExecutionContext) -> str:
    """The partition of this run.

    Raises:
        GreenlangError: ``RUN_OF_SEVERAL_PARTITIONS``; Dagster's form calls it "single run".
    """
    found = context.partition_keys
    if len(found) != 1:
        raise GreenlangError(
            "RUN_OF_SEVERAL_PARTITIONS",
            "this run was started over several partitions at once; nothing was recorded",
            found=f"{len(found)} partitions from {found[0]} to {found[-1]}",
            expected="one run for each partition: each is recorded, retried and proved by itself",
            hint="start it as a backfill, or with `glac emissions backfill`",
        )
    return str(found[0])
