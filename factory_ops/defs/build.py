"""Definitions of layer 3. Belongs here: the list. Does not belong here: anything on it."""

from __future__ import annotations

import dagster as dg

from factory_ops.defs import packs, sensors


def build_factory_defs() -> dg.Definitions:
    """The factory's assets, jobs and sensor."""
    return dg.Definitions(
        assets=packs.ASSETS,
        jobs=[packs.PACK_FACTORY, packs.pack_factory_bulk],
        sensors=[sensors.new_packs],
    )
