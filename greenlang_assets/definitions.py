"""The code location: everything that Dagster shows, merged from the layers.

Belongs here: assembly, with resources that a test may replace.
Does not belong here: an asset, a check or a job; nothing is read or opened while this module loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from factory_ops.defs.build import build_factory_defs
from greenlang_assets.defs.build import build_assets_defs
from registry_ops.defs.build import build_registry_defs
from resources.dagster.resource import WorldResource


def build_defs(*, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """All definitions.

    Args:
        resources: replacements for tests; by default the platform that the environment names.
    """
    return dg.Definitions.merge(
        build_assets_defs(),
        build_factory_defs(),
        build_registry_defs(),
        dg.Definitions(resources={"world": WorldResource(), **(resources or {})}),
    )


defs = build_defs()
