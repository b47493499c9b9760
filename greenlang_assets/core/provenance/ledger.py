"""The ledger's own words: entries, links and checkpoints, and how each is hashed.

Belongs here: what is hashed, in which form, and what a hash covers.
Does not belong here: where links are kept (``resources.ledger``) or how they are checked (``verify``).

Two hashes, on purpose. The *entry hash* covers what was made from what by which code: no run id and no
time, so the same work gives the same hash for ever. The *chain hash* covers the entry hash and, with it,
the predecessor, the number, the run id and the time, so none of these can be changed unseen.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import canonical_bytes, content_sha256, sha256_hex

ENTRY_FORMAT = "greenlang/entry@1"
LINK_FORMAT = "greenlang/link@1"
GENESIS_FORMAT = "greenlang/genesis@1"
CHECKPOINT_FORMAT = "greenlang/checkpoint@1"

#: An input whose asset starts so was read from outside (a publisher's or tenant's file): its hash is
#: recorded, its bytes are not ours to keep, and the walk ends there.
EXTERNAL = "file:"

#: Run id of what running agents calculated: their work is no run of the orchestrator, and has no event there.
RUNTIME_RUN = "runtime"

_SHA256 = re.compile(r"[0-9a-f]{64}")


def require_sha256(value: object, what: str) -> str:
    """The value itself when it is 64 lower-case hexadecimal digits, else ``HASH_INVALID``."""
    if isinstance(value, str) and _SHA256.fullmatch(value):
        return value
    raise GreenlangError(
        "HASH_INVALID",
        f"{what} is not a SHA-256",
        found=repr(value)[:100],
        expected="64 hexadecimal digits in lower case",
    )


def _require_text(value: object, what: str) -> str:
    if isinstance(value, str) and value and "\0" not in value:
        return value
    raise GreenlangError(
        "ENTRY_INVALID",
        f"{what} needs a text",
        found=repr(value)[:100],
        expected="text without NUL, not empty",
    )


@dataclass(frozen=True, slots=True)
class InputRef:
    """One thing that was read: by its asset (or ``file:<name>``), partition and the hash of its content."""

    asset: str
    partition: str | None
    content_sha256: str

    def __post_init__(self) -> None:
        _require_text(self.asset, "an input's asset")
        if self.partition is not None:
            _require_text(self.partition, "an input's partition")
        require_sha256(self.content_sha256, f"the content hash of input {self.asset}")

    @property
    def external(self) -> bool:
        """Whether the content came from outside and is known by its hash alone."""
        return self.asset.startswith(EXTERNAL)

    def record(self) -> dict[str, Any]:
        """The reference as a record for hashing."""
        return {"asset": self.asset, "partition": self.partition, "content_sha256": self.content_sha256}


@dataclass(frozen=True)
class ProvenanceEntry:
    """What was made, from what, by which code.

    Attributes:
        asset: the asset key, segments joined by ``/``.
        partition: the partition key, None for an asset without partitions.
        content_sha256: hash of the canonical bytes of what was made.
        inputs: what was loaded, sorted, each once.
        code: version of the code, bound to its source (``<version>+<digest>``).
        facts: what else decides or describes the content (row counts, editions, units); record values.
    """

    asset: str
    partition: str | None
    content_sha256: str
    inputs: tuple[InputRef, ...] = ()
    code: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_text(self.asset, "an entry's asset")
        _require_text(self.code, "an entry's code version")
        if self.partition is not None:
            _require_text(self.partition, "an entry's partition")
        require_sha256(self.content_sha256, f"the content hash of {self.asset}")
        inputs = sorted(
            set(self.inputs), key=lambda ref: (ref.asset, ref.partition or "", ref.content_sha256)
        )
        object.__setattr__(self, "inputs", tuple(inputs))
        # Facts take their canonical form at once, so an entry equals itself after a round trip.
        facts = canonical_bytes(dict(self.facts))
        if b"\\u0000" in facts:
            raise GreenlangError("ENTRY_INVALID", "facts hold a NUL character", expected="text without NUL")
        object.__setattr__(self, "facts", json.loads(facts))

    def record(self) -> dict[str, Any]:
        """The hashed body: no run id, no time."""
        return {
            "format": ENTRY_FORMAT,
            "asset": self.asset,
            "partition": self.partition,
            "content_sha256": self.content_sha256,
            "inputs": [ref.record() for ref in self.inputs],
            "code": self.code,
            "facts": self.facts,
        }

    @cached_property
    def body(self) -> str:
        """The canonical text that is hashed and kept."""
        return canonical_bytes(self.record()).decode()

    @property
    def sha256(self) -> str:
        """Entry hash: SHA-256 of the body."""
        return sha256_hex(self.body.encode())

    @classmethod
    def from_body(cls, body: str) -> ProvenanceEntry:
        """The entry behind a body's text.

        Raises:
            GreenlangError: ``ENTRY_UNREADABLE`` when the text is not the canonical body of an entry.
        """
        try:
            record = json.loads(body)
            entry = cls(
                asset=record["asset"],
                partition=record["partition"],
                content_sha256=record["content_sha256"],
                inputs=tuple(InputRef(**ref) for ref in record["inputs"]),
                code=record["code"],
                facts=record["facts"],
            )
        except (ValueError, KeyError, TypeError, GreenlangError) as error:
            raise _unreadable(f"{type(error).__name__}: {error}") from error
        if entry.body != body:
            raise _unreadable("the text differs from its own canonical form")
        return entry


def _unreadable(found: str) -> GreenlangError:
    return GreenlangError(
        "ENTRY_UNREADABLE", "this is not the body of a ledger entry", found=found, expected=ENTRY_FORMAT
    )


def genesis_sha256(chain: str) -> str:
    """The predecessor of a chain's first link; it names the chain, so links cannot change chains."""
    return content_sha256({"format": GENESIS_FORMAT, "chain": chain})


@dataclass(frozen=True)
class LedgerLink:
    """One place in a chain: the entry's body and what binds it to its predecessor.

    Attributes:
        body: the entry's canonical text, as kept; ``entry`` reads it.
        recorded_at: when it was appended (with zone, to the microsecond).
        chain_sha256: hash over chain, number, predecessor, entry hash, run id and time.
    """

    chain: str
    seq: int
    body: str
    entry_sha256: str
    run_id: str
    recorded_at: dt.datetime
    prev_sha256: str
    chain_sha256: str

    @classmethod
    def after(
        cls,
        head: LedgerLink | None,
        entry: ProvenanceEntry,
        *,
        chain: str,
        run_id: str,
        recorded_at: dt.datetime,
    ) -> LedgerLink:
        """The link that follows ``head`` (the first one when ``head`` is None)."""
        link = cls(
            chain=chain,
            seq=head.seq + 1 if head else 1,
            body=entry.body,
            entry_sha256=entry.sha256,
            run_id=_require_text(run_id, "a link's run id"),
            recorded_at=recorded_at,
            prev_sha256=head.chain_sha256 if head else genesis_sha256(chain),
            chain_sha256="",
        )
        return replace(link, chain_sha256=link.computed_sha256())

    @cached_property
    def entry(self) -> ProvenanceEntry:
        """The entry that the body holds (``ENTRY_UNREADABLE`` when somebody changed it beyond reading)."""
        return ProvenanceEntry.from_body(self.body)

    def computed_sha256(self) -> str:
        """What the chain hash must be, from the other fields."""
        return content_sha256(
            {
                "format": LINK_FORMAT,
                "chain": self.chain,
                "seq": self.seq,
                "prev_sha256": self.prev_sha256,
                "entry_sha256": self.entry_sha256,
                "run_id": self.run_id,
                "recorded_at": self.recorded_at,
            }
        )


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a row stands: its hash, the table's content hash, and its number among the data rows, from 1."""

    sha256: str
    content_sha256: str
    row: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of how long a chain is and what its newest link is.

    Attributes:
        seq: number of the newest link; with no gaps it is also the ``count``.
        head: chain hash of that link.
        previous: SHA-256 of the bytes of the checkpoint before, None for the first.
        key_id: the key that signed; ``signature`` covers everything else.
    """

    chain: str
    seq: int
    head: str
    count: int
    recorded_at: str
    previous: str | None
    key_id: str
    signature: bytes = b""

    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return canonical_bytes(self._record())

    def to_bytes(self) -> bytes:
        """The whole checkpoint, signature included, as it is kept."""
        return canonical_bytes(
            {**self._record(), "signature": base64.b64encode(self.signature).decode("ascii")}
        )

    @property
    def sha256(self) -> str:
        """Identity of the kept bytes; the next checkpoint names it."""
        return sha256_hex(self.to_bytes())

    def _record(self) -> dict[str, Any]:
        return {
            "format": CHECKPOINT_FORMAT,
            "chain": self.chain,
            "seq": self.seq,
            "head": self.head,
            "count": self.count,
            "recorded_at": self.recorded_at,
            "previous": self.previous,
            "key_id": self.key_id,
        }

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """The checkpoint behind kept bytes.

        Raises:
            GreenlangError: ``CHECKPOINT_UNREADABLE``.
        """
        try:
            record = json.loads(data)
            if record.pop("format") != CHECKPOINT_FORMAT:
                raise ValueError("another format")
            record["signature"] = base64.b64decode(record["signature"], validate=True)
            checkpoint = cls(**record)
            whole = checkpoint.to_bytes() == data and type(checkpoint.seq) is int
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, GreenlangError) as error:
            raise _checkpoint_unreadable(f"{type(error).__name__}: {error}") from error
        if not whole:
            raise _checkpoint_unreadable("the bytes differ from their own canonical form")
        return checkpoint


def _checkpoint_unreadable(found: str) -> GreenlangError:
    return GreenlangError(
        "CHECKPOINT_UNREADABLE", "this is not a checkpoint", found=found, expected=CHECKPOINT_FORMAT
    )
