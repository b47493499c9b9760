"""Partitions of tenant data: a cohort of tenants by a reporting period.

Belongs here: Dagster's definitions of the two dimensions.
Does not belong here: who is in a cohort (``core.tenants.cohorts``), which periods exist (data).

Periods are dynamic: one exists as soon as a tenant reports for it.
"""

from __future__ import annotations

import dagster as dg

from greenlang_assets.core.tenants.cohorts import COHORTS

PERIOD = "period"

tenant_partitions = dg.MultiPartitionsDefinition(
    {
        "cohort": dg.StaticPartitionsDefinition(list(COHORTS)),
        PERIOD: dg.DynamicPartitionsDefinition(name=PERIOD),
    }
)
