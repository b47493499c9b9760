"""Checkpoints: signed heads of a chain, kept away from the database that holds the chain.

Belongs here: writing, reading and remembering them.
Does not belong here: what a checkpoint says (``core.provenance.ledger``) or proves (``verify``).

Kept twice: in the store under names that are written once (``checkpoints/<chain>/<seq>.json``), and the
newest one in a file of this installation. Whoever turns back the store together with the database is
found by the file; whoever loses the file still has the store.
"""

from __future__ import annotations

import os
from pathlib import Path

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ledger import Checkpoint
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
        found: list[Checkpoint] = []
        prefix, after = f"checkpoints/{chain}/", ""
        while page := self._store.list_named(prefix, start_after=after):
            found.extend(Checkpoint.from_bytes(self._store.get_named(item.key)[0]) for item in page)
            after = page[-1].key
        return found

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
        kept = self.checkpoints(ledger.chain)
        last = kept[-1] if kept else None
        for known in (last, self.remembered(ledger.chain)):
            if known is not None:
                _require_continuation(ledger, known)
        head = ledger.head()
        if head is None:
            return None
        if last is None or last.seq < head.seq:
            draft = Checkpoint(
                chain=ledger.chain,
                seq=head.seq,
                head=head.chain_sha256,
                count=head.seq,
                recorded_at=self._clock.now().isoformat(),
                previous=last.sha256 if last else None,
                key_id=self._signer.key_id,
            )
            last = self._keep(draft)
        self._remember(last)
        return last

    def _keep(self, draft: Checkpoint) -> Checkpoint:
        signed = Checkpoint(
            draft.chain,
            draft.seq,
            draft.head,
            draft.count,
            draft.recorded_at,
            draft.previous,
            draft.key_id,
            self._signer.sign(draft.signed_bytes()),
        )
        key = f"checkpoints/{draft.chain}/{draft.seq:012d}.json"
        try:
            self._store.put_named(key, signed.to_bytes(), if_absent=True)
        except GreenlangError as error:
            if error.code != "OBJECT_EXISTS":
                raise
            return Checkpoint.from_bytes(self._store.get_named(key)[0])
        return signed

    def _remember(self, checkpoint: Checkpoint) -> None:
        known = self.remembered(checkpoint.chain)
        if known is not None and known.seq >= checkpoint.seq:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._folder / f".{checkpoint.chain}.{os.getpid()}"
        temporary.write_bytes(checkpoint.to_bytes())
        temporary.replace(self._folder / f"{checkpoint.chain}.json")


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
