"""The factors that requests are answered from; they follow what is imported while the process runs.

Belongs here: when the catalogue is loaded, and loaded anew. Does not belong here: which version of an edition
is in force (``core.factors.editions``), routes.

An import puts its tables into the user's folder under names of their own and replaces the manifest last, in
one step. So every question looks at the manifest (one ``stat``, microseconds); when it is another one, a
thread loads and indexes the new set beside the old, which answers until the new one is whole and takes its
place in one assignment. A set that cannot be read is reported once and changes nothing.
"""

from __future__ import annotations

import logging
import threading
from functools import cached_property
from pathlib import Path

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import editions, tables
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.references import Former
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.gwp import GwpTable

log = logging.getLogger(__name__)

#: What tells one manifest from the next; a replaced file is another inode even within one tick of the clock.
Mark = tuple[int, int, int]


class InForce:
    """A catalogue and the formulas bound to it, which belong together.

    Args:
        catalogue: the factors.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    @cached_property
    def library(self) -> Library:
        """The shipped formulas, bound to the catalogue."""
        return Library.shipped(self.catalogue)

    @cached_property
    def gwp(self) -> GwpTable:
        """The global warming potentials, which no import changes."""
        return GwpTable.shipped()

    def bind(self) -> None:
        """Bind the formulas now, so that no request waits for it."""
        self.library  # noqa: B018 - a cached property is made by reading it


class FactorsInForce:
    """The shipped factors and the user's own above them, as they are now.

    Args:
        own: folder of the user's tables; it need not exist.
        recorded: former catalogues of this installation, for pins from before an upgrade.
    """

    def __init__(self, own: Path | None = None, recorded: Former | None = None) -> None:
        self._recorded = () if recorded is None else (recorded,)
        self._manifest = None if own is None else own / tables.MANIFEST
        self._own = own
        self._first = threading.Lock()
        self._renewing = threading.Lock()
        self._loaded: InForce | None = None
        #: The manifest that was read last, whether or not its set could be.
        self._seen: Mark | None = None

    def now(self) -> InForce:
        """What is in force; loaded by whoever asks first, who waits for it.

        Raises:
            GreenlangError: what ``editions.catalogue`` raises, while nothing is loaded yet.
        """
        loaded = self.loaded()
        if loaded is not None:
            return loaded
        with self._first:
            if self._loaded is None:
                self._seen = self._mark()
                self._loaded = InForce(self._catalogue())
            return self._loaded

    def loaded(self) -> InForce | None:
        """What is in force, if anything is loaded; never waits. Has a newer set loaded behind it."""
        loaded = self._loaded
        if loaded is not None and self._mark() != self._seen and self._renewing.acquire(blocking=False):
            threading.Thread(target=self._renew, args=(loaded,), name="new-factors", daemon=True).start()
        return loaded

    def _catalogue(self) -> Catalogue:
        found = editions.catalogue(self._own)
        found.former += self._recorded
        return found

    def _mark(self) -> Mark | None:
        """What the manifest is now; None where there is none."""
        if self._manifest is None:
            return None
        try:
            at = self._manifest.stat()
        except OSError:
            return None
        return (at.st_ino, at.st_mtime_ns, at.st_size)

    def _renew(self, former: InForce) -> None:
        try:
            # Before the tables: what is replaced while they are read is seen by the next question.
            self._seen = self._mark()
            renewed = InForce(self._catalogue().prepare())
            if "library" in vars(former):
                renewed.bind()
            self._loaded = renewed
            log.info("the factors in force were loaded anew: %d rows", renewed.catalogue.frame.height)
        except GreenlangError as error:
            log.warning("the imported factors cannot be read, the former set stays: %s", error)
        finally:
            self._renewing.release()
