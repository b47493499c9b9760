"""Catalogues that this installation recorded once: what pins from before an upgrade still name.

Belongs here: finding them in the ledger and reading them from the store. Does not belong here: which rows a
reference names (``core.factors.references``), the versions that the user imported
(``core.factors.editions``).

The platform ships one version of an edition, the one in force. When a later release of the platform ships a
correction, the former rows are no longer among its tables; but whoever calculated with them recorded the
catalogue, and the store keeps it under the hash of its content, which is verified as it is read. A version
that this installation never recorded cannot be resolved here, and is refused as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.references import Former, Reference
from greenlang_assets.core.provenance.canonical import read_table
from greenlang_assets.core.provenance.ports import ArtifactStore, Ledger
from greenlang_assets.core.recipes.factors import CATALOGUE

#: Catalogues that are kept at hand: one whole table each.
_AT_HAND = 2


def recorded(store: ArtifactStore, ledger: Ledger) -> Former:
    """Factors of every catalogue that was recorded, the newest first.

    A catalogue is read only when its record says that it has the version that the reference insists on.
    """

    @lru_cache(maxsize=_AT_HAND)
    def table(content_sha256: str) -> pl.DataFrame:
        return read_table(store.get(content_sha256))

    def former(reference: Reference) -> Iterator[pl.DataFrame]:
        seen: set[str] = set()
        for link in reversed(ledger.history(CATALOGUE)):
            content = link.entry.content_sha256
            versions = link.entry.facts["versions"].values()
            if content in seen or reference.version not in (None, *versions):
                continue
            seen.add(content)
            try:
                yield table(content)
            except GreenlangError as error:
                # What was cleared away cannot be asked; what was altered must be heard of.
                if error.code != "ARTIFACT_MISSING":
                    raise

    return former
