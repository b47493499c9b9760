"""What the core asks of the world: protocols, each implemented by one adapter in ``resources``.

Belongs here: method names, argument types and the promises behind them.
Does not belong here: an implementation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from greenlang_assets.core.provenance.ledger import Checkpoint, Leaf, LedgerLink, ProvenanceEntry


class Clock(Protocol):
    """Tells the time; tests give one that stands still."""

    def now(self) -> dt.datetime:
        """The present moment, with its zone."""
        ...


class Signer(Protocol):
    """Signs bytes and knows its own signatures again."""

    @property
    def key_id(self) -> str:
        """Short name of the public key."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``."""
        ...

    def verify(self, data: bytes, signature: bytes, *, key_id: str) -> bool:
        """Whether ``signature`` was made over ``data`` by the key that ``key_id`` names."""
        ...


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object that has a name of its own beside its content.

    Attributes:
        key: its name, segments separated by ``/``.
        version: opaque mark of this content; give it back as ``if_match`` to replace just this one.
        size: in bytes.
    """

    key: str
    version: str
    size: int


class ArtifactStore(Protocol):
    """Keeps bytes: content-addressed objects that never change, and named ones that may.

    Every implementation passes the same tests. Errors: ``ARTIFACT_MISSING``, ``ARTIFACT_ALTERED``,
    ``HASH_INVALID``, ``OBJECT_KEY_INVALID``, ``OBJECT_MISSING``, ``OBJECT_EXISTS``, ``OBJECT_CHANGED``,
    ``STORE_UNREACHABLE``.
    """

    def put(self, data: bytes) -> str:
        """Keep bytes under their SHA-256 and return it; doing it again changes nothing."""
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes with this SHA-256, hashed again on every read."""
        ...

    def exists(self, sha256: str) -> bool:
        """Whether an object is kept under this SHA-256 (its bytes are not read)."""
        ...

    def put_named(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> NamedObject:
        """Write a named object, all or nothing; of several conditional writers exactly one wins."""
        ...

    def get_named(self, key: str) -> tuple[bytes, NamedObject]:
        """The bytes of a named object and what describes them."""
        ...

    def list_named(self, prefix: str = "", *, start_after: str = "", limit: int = 1000) -> list[NamedObject]:
        """The next ``limit`` named objects after ``start_after``, in the order of their keys' UTF-8 bytes."""
        ...


class Ledger(Protocol):
    """One append-only chain of provenance entries."""

    @property
    def chain(self) -> str:
        """Name of the chain."""
        ...

    def append(
        self, entries: Sequence[ProvenanceEntry], *, run_id: str, leaves: Iterable[Leaf] = ()
    ) -> list[LedgerLink]:
        """Add entries in order, all or none; an entry that this run recorded already is not added again."""
        ...

    def head(self) -> LedgerLink | None:
        """The newest link, None while the chain is empty."""
        ...

    def at(self, seq: int) -> LedgerLink | None:
        """The link with this number."""
        ...

    def since(self, seq: int = 0) -> Iterator[LedgerLink]:
        """All links after ``seq``, in order, read page by page."""
        ...

    def latest(self, asset: str, partition: str | None = None) -> LedgerLink | None:
        """The newest link about an asset (and partition)."""
        ...

    def history(self, asset: str) -> list[LedgerLink]:
        """All links about an asset, whatever their partition, in order."""
        ...

    def find(self, sha256: str) -> list[LedgerLink]:
        """Links whose content, entry or chain hash this is, in order."""
        ...

    def find_row(self, sha256: str) -> list[Leaf]:
        """Where a row with this hash stands in a stored table."""
        ...


class CheckpointLog(Protocol):
    """Signed heads of a chain, kept away from the database that holds it."""

    def checkpoints(self, chain: str) -> list[Checkpoint]:
        """Every checkpoint that is kept, oldest first."""
        ...

    def remembered(self, chain: str) -> Checkpoint | None:
        """The newest checkpoint that this installation has ever seen."""
        ...
