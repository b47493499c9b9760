"""A world with a factory in it, over an open platform.

Belongs here: which key signs, which sandbox runs generated code. Does not belong here: recipes.
"""

from __future__ import annotations

from factory_ops.recipes import FactoryWorld
from resources.clock import SystemClock
from resources.platform import Platform, factory_signer
from resources.sandbox import ProcessSandbox
from resources.world import world_of


def factory_world_of(platform: Platform) -> FactoryWorld:
    """What the factory's recipes may touch on this machine."""
    world = world_of(platform)
    return FactoryWorld(
        store=world.store,
        ledger=world.ledger,
        publisher_files=world.publisher_files,
        tenant_folders=world.tenant_folders,
        own_factors=world.own_factors,
        signer=factory_signer(platform.settings),
        clock=SystemClock(),
        sandbox=ProcessSandbox(),
        cache=platform.settings.home / "cache",
    )
