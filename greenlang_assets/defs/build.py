"""Definitions of layers 1 and 2, with the jobs that people and schedules start.

Belongs here: the list of assets, checks, jobs and schedules. Does not belong here: any of them.
"""

from __future__ import annotations

import dagster as dg

from greenlang_assets.defs import (
    factors,
    interrupted,
    keys,
    marts,
    provenance_ledger,
    publisher_files,
    release,
    tenants,
)

#: Assets of one cohort and period, made together.
TENANT_RUN = (keys.ACTIVITY, keys.EMISSIONS, keys.REJECTED, keys.TOTALS)

FACTORS_JOB = dg.define_asset_job(
    "factors_and_formulas",
    selection=dg.AssetSelection.groups(keys.GROUP_FACTORS, keys.GROUP_FORMULAS),
    description="Publishers' tables, GWP sets, fuel properties, the catalogue and the formula library.",
    executor_def=dg.in_process_executor,
)
REGISTER_JOB = dg.define_asset_job(
    "tenant_register",
    selection=dg.AssetSelection.assets(keys.REGISTER, keys.REPORTED, keys.METHOD),
    description="Who the tenants are, by which method they are calculated, what their authority reported.",
    executor_def=dg.in_process_executor,
)
EMISSIONS_JOB = dg.define_asset_job(
    "emission_run",
    selection=dg.AssetSelection.assets(*TENANT_RUN),
    description="One cohort and period: activity to emissions, rejected rows and totals.",
    executor_def=dg.in_process_executor,
)
MARTS_JOB = dg.define_asset_job(
    "marts_and_tie_out",
    selection=dg.AssetSelection.groups(keys.GROUP_MARTS) | dg.AssetSelection.assets(keys.TIE_OUT),
    description="dbt marts over all results, and our totals beside the city's figures.",
    executor_def=dg.in_process_executor,
)


def build_assets_defs() -> dg.Definitions:
    """Publishers' files, factors, formulas, tenants, marts and the ledger's verification."""
    return dg.Definitions(
        assets=[
            *publisher_files.SOURCES,
            *factors.ASSETS,
            release.release_report,
            *tenants.ASSETS,
            marts.marts,
            provenance_ledger.ledger,
        ],
        asset_checks=[*factors.CHECKS, *tenants.CHECKS],
        jobs=[
            *(publisher_files.OBSERVE_JOB, FACTORS_JOB, REGISTER_JOB, EMISSIONS_JOB, MARTS_JOB),
            provenance_ledger.VERIFICATION_JOB,
        ],
        schedules=[*publisher_files.schedules(FACTORS_JOB), provenance_ledger.DAILY_VERIFICATION],
        sensors=[interrupted.interrupted_runs],
        executor=dg.in_process_executor,
    )
