"""The resource through which assets reach the store, the ledger and the files.

Belongs here: opening the platform for a run and sealing the ledger when the run ends.
Does not belong here: the platform's parts (``resources.platform``) and what recipes do with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from greenlang_assets.core.recipes.base import World

if TYPE_CHECKING:
    from resources.platform import Platform


class WorldResource(dg.ConfigurableResource["WorldResource"]):
    """Opens the platform when a run starts; signs a checkpoint over the ledger's head when it ends.

    A run that fails after it recorded something is sealed too: what is in the ledger happened.
    """

    _platform: Any = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[WorldResource]:
        """The resource, open for one run."""
        del context
        # Every run worker loads this module; only a run needs a database driver.
        from resources.platform import open_platform
        from resources.settings import Settings

        with open_platform(Settings.from_env()) as platform:
            self._platform = platform
            try:
                yield self
            finally:
                platform.checkpoints.seal(platform.ledger)
                self._platform = None

    @property
    def platform(self) -> Platform:
        """The open platform; only inside a run."""
        if self._platform is None:
            raise RuntimeError("the platform is open only while a run lasts")
        opened: Platform = self._platform
        return opened

    @property
    def home(self) -> Path:
        """State folder of this installation."""
        return self.platform.settings.home

    def world(self) -> World:
        """What recipes may touch."""
        from resources.world import world_of

        return world_of(self.platform)
