"""What the routes work with, opened once a process.

Belongs here: putting registry, runtime and catalogue together over an open platform. Does not belong here:
HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.factors import editions
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.provenance.ports import ArtifactStore, Clock, Ledger
from greenlang_assets.core.recipes import former
from registry_ops.api.factors_in_force import FactorsInForce
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
    factors: FactorsInForce = field(default_factory=FactorsInForce)

    def registry(self, tenant: str) -> AgentRegistry:
        """One tenant's registry."""
        return AgentRegistry(self.database, self.store, tenant=tenant, clock=self.clock)

    def processor(self, caller: Caller) -> SpecProcessor:
        """Judges packs, knowing what the caller's tenant has published."""
        registry = self.registry(caller.tenant)

        def library(catalogue: Catalogue) -> Library:
            now = self.factors.now()
            # An edition may have come between the two questions.
            return now.library if now.catalogue is catalogue else Library.shipped(catalogue)

        return SpecProcessor(lambda: self.factors.now().catalogue, library, published=registry.published_spec)


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
            factors=FactorsInForce(
                platform.settings.home / editions.FOLDER, former.recorded(platform.store, platform.ledger)
            ),
        )
    finally:
        runtime.close()
        database.close()
        platform.checkpoints.seal(platform.ledger)
