"""Partitions of tenant data: a cohort of tenants by a reporting period.

Belongs here: the partitions and the two-way mapping between a partition key and its parts.
Does not belong here: which tenants and periods exist; that is data.

Tenants are rows, not partitions: a tenant belongs to one of eight cohorts by the hash of its name, so
thousands of tenants stay within Dagster's comfort (cohorts x periods), and one run does one cohort and
period. Periods are dynamic: one exists as soon as a tenant reports for it.
"""

from __future__ import annotations

import hashlib

import dagster as dg

COHORT_COUNT = 8
COHORTS = tuple(f"cohort-{number}" for number in range(COHORT_COUNT))

cohort_partitions = dg.StaticPartitionsDefinition(list(COHORTS))
period_partitions = dg.DynamicPartitionsDefinition(name="period")
tenant_partitions = dg.MultiPartitionsDefinition({"cohort": cohort_partitions, "period": period_partitions})


def cohort_of(tenant: str) -> str:
    """The cohort that a tenant belongs to, for ever: the hash of its name decides."""
    digest = hashlib.sha256(tenant.encode()).digest()
    return COHORTS[int.from_bytes(digest[:8], "big") % COHORT_COUNT]


def partition_key(cohort: str, period: str) -> str:
    """Dagster's key of a cohort and period; the parts stand in the order of their dimension names."""
    return f"{cohort}|{period}"


def parts_of(key: str) -> tuple[str, str]:
    """Cohort and period behind a partition key."""
    cohort, period = key.split("|", 1)
    return cohort, period
