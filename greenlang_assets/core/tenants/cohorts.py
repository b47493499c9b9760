"""Cohorts: how tenants share partitions.

Belongs here: which cohort a tenant belongs to, and the name of a cohort and period.
Does not belong here: which tenants and periods exist; that is data.

Tenants are rows, not partitions: thousands of them times years of periods would be more partitions than
an orchestrator bears. The hash of a tenant's name decides its cohort, so it never moves.
"""

from __future__ import annotations

import hashlib

COHORT_COUNT = 8
COHORTS = tuple(f"cohort-{number}" for number in range(COHORT_COUNT))


def cohort_of(tenant: str) -> str:
    """The cohort that a tenant belongs to, for ever."""
    digest = hashlib.sha256(tenant.encode()).digest()
    return COHORTS[int.from_bytes(digest[:8], "big") % COHORT_COUNT]


def partition_key(cohort: str, period: str) -> str:
    """The key of a cohort and period, e.g. ``cohort-3|2016``."""
    return f"{cohort}|{period}"


def parts_of(key: str) -> tuple[str, str]:
    """Cohort and period behind a partition key."""
    cohort, _, period = key.partition("|")
    return cohort, period
