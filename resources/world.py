"""The pure side of an open platform: what recipes may touch.

Belongs here: which adapters and folders recipes see. Does not belong here: opening them.
"""

from __future__ import annotations

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.factors.editions import FOLDER
from greenlang_assets.core.recipes.base import World
from resources.platform import Platform


def world_of(platform: Platform) -> World:
    """The world of an open platform.

    Tenant programmes lie in ``data/tenants`` (those that ship) and in ``<home>/tenants`` (one's own); factor
    tables likewise in ``data/factors`` and in ``<home>/factors``.
    """
    return World(
        store=platform.store,
        ledger=platform.ledger,
        publisher_files=platform.settings.publisher_files,
        tenant_folders=(DATA_ROOT / "tenants", platform.settings.home / "tenants"),
        own_factors=platform.settings.home / FOLDER,
    )
