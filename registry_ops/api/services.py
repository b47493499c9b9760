"""What the routes work with, opened once a process.

Belongs here: putting registry, runtime and catalogue together over an open platform. Does not belong here:
HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.factors import editions
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.provenance.ports import ArtifactStore, Clock, Ledger
from registry_ops.api.tokens import Caller, Tokens
from registry_ops.registry.registry import AgentRegistry
from registry_ops.runtime.executor import AgentRuntime
from resources.clock import SystemClock
from resources.platform import Platform
from resources.registry_store import RegistryStore


@dataclass
class Services:
    """Everything a route may use."""

    database: RegistryStore
    store: ArtifactStore
    ledger: Ledger
    runtime: AgentRuntime
    tokens: Tokens
    clock: Clock
    own_factors: Path | None = None

    @cached_property
    def catalogue(self) -> Catalogue:
        """The factors in force, loaded by the first request that needs them."""
        return editions.catalogue(self.own_factors)

    def loaded_catalogue(self) -> Catalogue | None:
        """The factors in force, if they are loaded; never waits."""
        return vars(self).get("catalogue")

    @cached_property
    def library(self) -> Library:
        """The shipped formulas, bound to the catalogue."""
        return Library.shipped(self.catalogue)

    def registry(self, tenant: str) -> AgentRegistry:
        """One tenant's registry."""
        return AgentRegistry(self.database, self.store, tenant=tenant, clock=self.clock)

    def processor(self, caller: Caller) -> SpecProcessor:
        """Judges packs, knowing what the caller's tenant has published."""
        registry = self.registry(caller.tenant)
        return SpecProcessor(
            lambda: self.catalogue, lambda _: self.library, published=registry.published_spec
        )


@contextmanager
def open_services(platform: Platform, runtime: AgentRuntime) -> Iterator[Services]:
    """Services over an open platform; closes what they opened, and seals what was calculated.

    Raises:
        GreenlangError: ``DATABASE_ROLE_UNSAFE``.
    """
    clock = SystemClock()
    database = RegistryStore(platform.database, clock)
    try:
        yield Services(
            database=database,
            store=platform.store,
            ledger=platform.ledger,
            runtime=runtime,
            tokens=Tokens(database),
            clock=clock,
            own_factors=platform.settings.home / editions.FOLDER,
        )
    finally:
        runtime.close()
        database.close()
        platform.checkpoints.seal(platform.ledger)
