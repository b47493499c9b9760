"""Definitions of layer 4. Belongs here: the list. Does not belong here: anything on it."""

from __future__ import annotations

import dagster as dg

from registry_ops.defs import registry


def build_registry_defs() -> dg.Definitions:
    """The registry's assets, job and sensor."""
    return dg.Definitions(
        assets=registry.ASSETS, jobs=[registry.DEPLOY_LOCAL], sensors=[registry.new_certificates]
    )
