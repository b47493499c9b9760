"""Verification: what was altered, removed, reordered, cut off, forged or never recorded, by name.

Belongs here: comparing a chain with itself, with its checkpoints and with the store.
Does not belong here: comparing it with the orchestrator's event log (``reconcile``); reading any of them.

A fault is reported where it stands and the check goes on from what is stored there, so one altered entry
gives one finding and not a finding for every later entry. Findings are ordered; the first is the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.provenance.ledger import Checkpoint, Leaf, LedgerLink, genesis_sha256
from greenlang_assets.core.provenance.merkle import RowTree, fact_of
from greenlang_assets.core.provenance.ports import ArtifactStore, CheckpointLog, Signer
from greenlang_assets.core.provenance.rows import check_leaves


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold.

    Attributes:
        code: stable machine name, e.g. ``ENTRY_ALTERED``.
        message: what was found, for a person.
        seq: number of the entry concerned, None where none can be named.
        asset: asset (and partition in brackets) concerned.
        found: what stands there.
        expected: what should.
        severity: an ``error`` breaks the proof, a ``warning`` deserves a look.
    """

    code: str
    message: str
    seq: int | None = None
    asset: str | None = None
    found: str | None = None
    expected: str | None = None
    severity: Literal["error", "warning"] = "error"

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The outcome of one chain's verification.

    Attributes:
        entries: how many links were read.
        head: chain hash of the last one, None for an empty chain.
        sealed: number of the newest entry that a valid checkpoint covers, 0 for none.
        findings: in the order of entries; empty when the chain holds.
    """

    chain: str
    entries: int
    head: str | None
    sealed: int
    findings: tuple[Finding, ...]


def place(asset: str, partition: str | None) -> str:
    """An asset and its partition as people read them."""
    return asset if partition is None else f"{asset} [{partition}]"


def asset_of(link: LedgerLink) -> str | None:
    """The asset that a link names, None when its body cannot be read any more."""
    try:
        return place(link.entry.asset, link.entry.partition)
    except GreenlangError:
        return None


def verify_chain(
    links: Iterable[LedgerLink], *, chain: str, checkpoints: CheckpointLog, signer: Signer
) -> ChainReport:
    """Verify one chain against itself and against its signed checkpoints.

    Args:
        links: the whole chain in stored order.
        chain: its name.
        checkpoints: the signed heads that are kept outside the database.
        signer: knows our signatures.
    """
    # Ordered by place; what a link does not continue is told before what it does not hold.
    findings: list[tuple[float, Finding]] = []
    faults: list[LedgerLink] = []
    seen: dict[int, str] = {}
    successors: dict[str, int] = {}
    previous, expected_seq = genesis_sha256(chain), 1
    for link in links:
        if link.seq != expected_seq:
            findings.append((expected_seq, _gap(link, expected_seq)))
        elif link.prev_sha256 != previous:
            faults.append(link)
        findings.extend((link.seq + 0.5, fault) for fault in _link_faults(link, chain))
        seen[link.seq] = link.chain_sha256
        successors[link.prev_sha256] = link.seq
        previous, expected_seq = link.chain_sha256, link.seq + 1
    findings.extend((link.seq, _broken(link, chain, seen, successors)) for link in faults)
    named = {finding.seq for _, finding in findings if finding.seq is not None}
    sealed, anchored = _checkpoint_findings(chain, seen, named, checkpoints, signer)
    findings.extend((math.inf if finding.seq is None else finding.seq, finding) for finding in anchored)
    return ChainReport(
        chain=chain,
        entries=len(seen),
        head=previous if seen else None,
        sealed=sealed,
        findings=tuple(finding for _, finding in sorted(findings, key=lambda pair: pair[0])),
    )


def _gap(link: LedgerLink, expected_seq: int) -> Finding:
    last = link.seq - 1
    missing = (
        f"entry {expected_seq} was" if last == expected_seq else f"entries {expected_seq} to {last} were"
    )
    return Finding(
        "ENTRY_REMOVED",
        f"{missing} removed from the ledger",
        seq=expected_seq,
        found=f"entry {link.seq} follows entry {expected_seq - 1}",
        expected=f"entry {expected_seq}",
    )


def _link_faults(link: LedgerLink, chain: str) -> Iterator[Finding]:
    body_sha256 = sha256_hex(link.body.encode())
    if body_sha256 != link.entry_sha256:
        yield Finding(
            "ENTRY_ALTERED",
            f"entry {link.seq} was altered: its body no longer hashes to its entry hash",
            seq=link.seq,
            asset=asset_of(link),
            found=body_sha256,
            expected=link.entry_sha256,
        )
    computed = link.computed_sha256()
    if computed != link.chain_sha256 or link.chain != chain:
        yield Finding(
            "LINK_ALTERED",
            f"entry {link.seq} was altered: its number, run, time, entry hash or predecessor is not what"
            " its chain hash covers",
            seq=link.seq,
            asset=asset_of(link),
            found=computed,
            expected=link.chain_sha256,
        )


def _broken(link: LedgerLink, chain: str, seen: dict[int, str], successors: dict[str, int]) -> Finding:
    """Why a link does not continue its predecessor: the rightful one stands elsewhere, or nowhere."""
    before = seen.get(link.seq - 1, genesis_sha256(chain))
    elsewhere = successors.get(before)
    if elsewhere is not None:
        return Finding(
            "ENTRY_REORDERED",
            f"entries were reordered: what belongs at {link.seq} stands at {elsewhere}",
            seq=link.seq,
            asset=asset_of(link),
            found=f"a link after {link.prev_sha256}",
            expected=f"the link after {before}",
        )
    return Finding(
        "CHAIN_BROKEN",
        f"entry {link.seq} does not continue entry {link.seq - 1}: one of them was replaced",
        seq=link.seq,
        asset=asset_of(link),
        found=link.prev_sha256,
        expected=before,
    )


def _checkpoint_findings(
    chain: str, seen: dict[int, str], named: Collection[int], log: CheckpointLog, signer: Signer
) -> tuple[int, list[Finding]]:
    """Number of the newest entry that a checkpoint rightly covers, and what is wrong with the others.

    Args:
        named: entries with findings of their own: what they explain is not told a second time.
    """
    findings: list[Finding] = []
    try:
        kept, remembered = log.checkpoints(chain), log.remembered(chain)
    except GreenlangError as error:
        return 0, [Finding("CHECKPOINT_FORGED", str(error), found=error.found, expected=error.expected)]
    sealed, before = 0, None
    for checkpoint in kept:
        fault = _forged(checkpoint, chain, signer) or _unchained(checkpoint, before)
        if fault is None:
            fault = _contradicted(checkpoint, seen, sealed)
            if fault is None:
                sealed = checkpoint.seq
            elif fault.code == "CHAIN_REWRITTEN" and any(sealed < seq <= checkpoint.seq for seq in named):
                fault = None
        if fault is not None:
            findings.append(fault)
        before = checkpoint
    if remembered is not None:
        if remembered not in kept:
            findings.append(_rolled_back(remembered, kept))
            fault = _forged(remembered, chain, signer) or _contradicted(remembered, seen, sealed)
            findings.extend([fault] if fault else [])
    elif kept:
        findings.append(
            Finding(
                "CHECKPOINT_NOT_REMEMBERED",
                "this installation does not remember any checkpoint, so an older state could pass for the"
                " newest",
                expected=f"memory of checkpoint {kept[-1].seq}",
                severity="warning",
            )
        )
    if not kept and remembered is None and seen:
        findings.append(
            Finding(
                "CHECKPOINT_MISSING",
                f"no checkpoint covers the {len(seen)} entries: nobody could tell if all were made anew",
                expected="a signed checkpoint after every run",
                severity="warning",
            )
        )
    return sealed, findings


def _forged(checkpoint: Checkpoint, chain: str, signer: Signer) -> Finding | None:
    if (
        signer.verify(checkpoint.signed_bytes(), checkpoint.signature, key_id=checkpoint.key_id)
        and checkpoint.chain == chain
        and checkpoint.count == checkpoint.seq
    ):
        return None
    return Finding(
        "CHECKPOINT_FORGED",
        f"the checkpoint for entry {checkpoint.seq} was not signed by our key for this chain",
        seq=checkpoint.seq,
        found=f"chain {checkpoint.chain}, key {checkpoint.key_id}",
        expected=f"chain {chain}, key {signer.key_id}",
    )


def _unchained(checkpoint: Checkpoint, before: Checkpoint | None) -> Finding | None:
    expected = before.sha256 if before else None
    if checkpoint.previous == expected:
        return None
    return Finding(
        "CHECKPOINT_MISSING",
        f"a checkpoint before the one for entry {checkpoint.seq} was removed or replaced",
        seq=checkpoint.seq,
        found=expected,
        expected=checkpoint.previous,
    )


def _contradicted(checkpoint: Checkpoint, seen: dict[int, str], sealed: int) -> Finding | None:
    """Whether the chain lacks, or differs from, what was sealed."""
    last = max(seen, default=0)
    if last < checkpoint.seq:
        return Finding(
            "TAIL_CUT",
            f"the end of the ledger was cut off: entries {last + 1} to {checkpoint.seq} are missing",
            seq=last + 1,
            found=f"{last} entries",
            expected=f"at least {checkpoint.seq} entries",
        )
    if seen.get(checkpoint.seq) == checkpoint.head:
        return None
    return Finding(
        "CHAIN_REWRITTEN",
        f"the ledger was made anew: between entries {sealed + 1} and {checkpoint.seq} it is not what was"
        " signed",
        seq=sealed + 1,
        found=seen.get(checkpoint.seq, "no such entry"),
        expected=checkpoint.head,
    )


def _rolled_back(remembered: Checkpoint, kept: Sequence[Checkpoint]) -> Finding:
    newest = f"checkpoint {kept[-1].seq}" if kept else "no checkpoint"
    return Finding(
        "CHECKPOINT_ROLLED_BACK",
        f"the checkpoint for entry {remembered.seq}, which this installation has seen, is gone",
        seq=remembered.seq,
        found=newest,
        expected=f"checkpoint {remembered.seq} with hash {remembered.sha256}",
    )


def verify_store(links: Iterable[LedgerLink], store: ArtifactStore) -> list[Finding]:
    """Verify that every content hash of the ledger is kept and hashes again, and every input is known.

    Where an entry states the root of a table's rows, it is formed again.

    An input must be a content recorded earlier in the chain, or come from outside (``file:``).
    """
    findings: list[Finding] = []
    checked: set[str] = set()
    recorded: set[str] = set()
    for link in links:
        try:
            entry = link.entry
        except GreenlangError:
            continue  # verify_chain names it
        asset = place(entry.asset, entry.partition)
        for ref in entry.inputs:
            if not ref.external and ref.content_sha256 not in recorded:
                message = f"{asset} was made from {place(ref.asset, ref.partition)}, which was never recorded"
                findings.append(
                    Finding("INPUT_NEVER_RECORDED", message, link.seq, asset, found=ref.content_sha256)
                )
        recorded.add(entry.content_sha256)
        if entry.content_sha256 in checked:
            continue
        checked.add(entry.content_sha256)
        try:
            data = store.get(entry.content_sha256)
        except GreenlangError as error:
            findings.append(
                Finding(
                    error.code,
                    f"{asset}: {error.message}",
                    link.seq,
                    asset,
                    found=error.found,
                    expected=error.expected,
                )
            )
            continue
        stated = fact_of(entry.facts)
        if stated is not None and stated != RowTree(data, int(stated["block"])).fact:
            message = f"{asset}: the root of its rows is not that of the stored table"
            findings.append(Finding("ROW_TREE_WRONG", message, link.seq, asset, found=str(stated["root"])))
    return findings


def verify_index(
    links: Iterable[LedgerLink], store: ArtifactStore, indexed: Callable[[str], list[Leaf]]
) -> list[Finding]:
    """Verify the row index against the stored tables it was derived from: right, and whole or absent.

    Args:
        links: the chain.
        store: where the tables are; one that cannot be read is left to ``verify_store``.
        indexed: the index's rows about one content hash.
    """
    findings: list[Finding] = []
    done: set[str] = set()
    for link in links:
        try:
            content, asset = link.entry.content_sha256, place(link.entry.asset, link.entry.partition)
            if content in done:
                continue
            done.add(content)
            leaves = indexed(content)
            faults = check_leaves(store.get(content), leaves) if leaves else ()
        except GreenlangError:
            continue
        findings.extend(Finding("ROW_INDEX_WRONG", f"{asset}: {fault}", link.seq, asset) for fault in faults)
    return findings
