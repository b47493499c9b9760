"""The world of the registry's recipes, over an open platform.

Belongs here: which adapters they see. Does not belong here: opening the platform, the recipes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from registry_ops.recipes import RegistryWorld
from registry_ops.registry.models import DEVELOPMENT_TENANT
from registry_ops.registry.registry import AgentRegistry
from registry_ops.runtime.certificates import SignedCertificates
from resources.clock import SystemClock
from resources.platform import Platform, factory_signer
from resources.registry_store import RegistryStore
from resources.sandbox import ProcessSandbox
from resources.world import world_of


@contextmanager
def open_registry_world(platform: Platform) -> Iterator[RegistryWorld]:
    """A world with the registry of this installation's own tenant; its connections are closed afterwards.

    Raises:
        GreenlangError: ``DATABASE_ROLE_UNSAFE``.
    """
    world, clock = world_of(platform), SystemClock()
    database = RegistryStore(platform.database, clock)
    try:
        yield RegistryWorld(
            store=world.store,
            ledger=world.ledger,
            publisher_files=world.publisher_files,
            tenant_folders=world.tenant_folders,
            own_factors=world.own_factors,
            registry=AgentRegistry(database, platform.store, tenant=DEVELOPMENT_TENANT, clock=clock),
            certificates=SignedCertificates(platform.store, factory_signer(platform.settings)),
            sandbox=ProcessSandbox(),
        )
    finally:
        database.close()
