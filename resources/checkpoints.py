"""Checkpoints: signed heads of a chain, kept away from the database that holds the chain.

Belongs here: writing, reading and remembering them.
Does not belong here: what a checkpoint says (``core.provenance.ledger``) or proves (``verify``).

Kept twice: in the store, numbered, under names that are written once (``checkpoints/<chain>/<n>.json``),
and the newest one in a file of this installation. Whoever turns back the store together with the database is
found by the file; whoever loses the file still has the store.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ledger import Checkpoint, LedgerLink
from greenlang_assets.core.provenance.ports import ArtifactStore, Clock, Ledger, Signer


class StoredCheckpoints:
    """A ``CheckpointLog`` in the artifact store, with the newest remembered in ``folder``."""

    def __init__(self, store: ArtifactStore, folder: Path, signer: Signer, clock: Clock) -> None:
        self._store = store
        self._folder = folder
        self._signer = signer
        self._clock = clock

    def checkpoints(self, chain: str) -> list[Checkpoint]:
        """Every checkpoint that is kept, oldest first."""
        return [self._read(key) for key in self._keys(chain)]

    def remembered(self, chain: str) -> Checkpoint | None:
        """The newest checkpoint that this installation has ever seen."""
        try:
            return Checkpoint.from_bytes((self._folder / f"{chain}.json").read_bytes())
        except FileNotFoundError:
            return None

    def seal(self, ledger: Ledger) -> Checkpoint | None:
        """Sign the present head; a head that is sealed already gives the checkpoint that is there.

        Returns:
            The newest checkpoint, None while the chain is empty.

        Raises:
            GreenlangError: ``CHAIN_ROLLED_BACK`` when the chain is shorter than, or differs from, what
                was sealed before: no signature of ours covers that up.
        """
        remembered = self.remembered(ledger.chain)
        if remembered is not None:
            _require_continuation(ledger, remembered)
        while True:
            keys = self._keys(ledger.chain)
            last = self._read(keys[-1]) if keys else None
            if last is not None:
                _require_continuation(ledger, last)
            head = ledger.head()
            if head is not None and (last is None or last.seq < head.seq):
                last = self._sign(head, previous=last)
                try:
                    self._store.put_named(_key(ledger.chain, len(keys) + 1), last.to_bytes(), if_absent=True)
                except GreenlangError as error:
                    if error.code == "OBJECT_EXISTS":
                        continue  # another process sealed meanwhile: continue from its checkpoint
                    raise
            if last is not None:
                self._remember(last)
            return last

    def _keys(self, chain: str) -> list[str]:
        found: list[str] = []
        prefix = f"checkpoints/{chain}/"
        while page := self._store.list_named(prefix, start_after=found[-1] if found else ""):
            found.extend(item.key for item in page)
        return found

    def _read(self, key: str) -> Checkpoint:
        return Checkpoint.from_bytes(self._store.get_named(key)[0])

    def _sign(self, head: LedgerLink, *, previous: Checkpoint | None) -> Checkpoint:
        draft = Checkpoint(
            chain=head.chain,
            seq=head.seq,
            head=head.chain_sha256,
            count=head.seq,
            recorded_at=self._clock.now().isoformat(),
            previous=previous.sha256 if previous else None,
            key_id=self._signer.key_id,
        )
        return replace(draft, signature=self._signer.sign(draft.signed_bytes()))

    def _remember(self, checkpoint: Checkpoint) -> None:
        known = self.remembered(checkpoint.chain)
        if known is not None and known.seq >= checkpoint.seq:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".")
        with os.fdopen(handle, "wb") as file:
            file.write(checkpoint.to_bytes())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._folder / f"{checkpoint.chain}.json")


def _key(chain: str, number: int) -> str:
    return f"checkpoints/{chain}/{number:08d}.json"


def _require_continuation(ledger: Ledger, known: Checkpoint) -> None:
    link = ledger.at(known.seq)
    if link is None or link.chain_sha256 != known.head:
        raise GreenlangError(
            "CHAIN_ROLLED_BACK",
            f"the ledger no longer holds what was sealed at entry {known.seq}",
            found=link.chain_sha256 if link else "no such entry",
            expected=known.head,
            hint="verify the provenance before anything is recorded again",
            where={"chain": known.chain, "seq": known.seq},
        )
