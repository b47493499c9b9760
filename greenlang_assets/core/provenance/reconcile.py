"""Reconciliation: the ledger and the orchestrator's event log against each other, both ways.

Belongs here: what an event says, and which differences have which name.
Does not belong here: reading events (``resources.dagster.event_log``).

The event log is an index that anyone with access can write to and delete from. What the ledger holds
and the log does not was deleted there; what the log holds and the ledger does not was never recorded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.ledger import LedgerLink
from greenlang_assets.core.provenance.verify import Finding, place


@dataclass(frozen=True, slots=True)
class MaterialisationEvent:
    """One materialisation as the orchestrator tells it; every field may be a lie.

    Attributes:
        storage_id: number of the event in the event log.
        run_id: run that it names, empty when it was reported without one.
        data_version: content hash that it claims.
        input_versions: content hash that it claims for each upstream asset.
        entry_sha256: ledger entry that its metadata names.
        chain_sha256: ledger link that its metadata names.
    """

    storage_id: int
    asset: str
    partition: str | None
    run_id: str
    data_version: str | None
    code_version: str | None = None
    input_versions: Mapping[str, str] = field(default_factory=dict)
    entry_sha256: str | None = None
    chain_sha256: str | None = None


_Key = tuple[str, str, str | None]


def reconcile(
    links: Iterable[LedgerLink],
    events: Iterable[MaterialisationEvent],
    *,
    running: Collection[str] = (),
    not_runs: Collection[str] = (),
) -> list[Finding]:
    """Compare every recorded entry with every materialisation event.

    Args:
        links: the whole chain; entries that cannot be read are left to ``verify_chain``.
        events: all materialisations that the event log holds.
        running: runs that have not ended; an entry of theirs may still wait for its event.
        not_runs: run ids of work that the orchestrator had no part in (the command line, a service).

    Returns:
        Findings, those with an entry first, in its order; then events that no entry stands behind.
    """
    by_key: dict[_Key, list[LedgerLink]] = {}
    versions: dict[str, set[str]] = {}
    for link in links:
        try:
            entry = link.entry
        except GreenlangError:
            continue
        by_key.setdefault((link.run_id, entry.asset, entry.partition), []).append(link)
        versions.setdefault(entry.asset, set()).add(entry.content_sha256)
    confirmed: set[int] = set()
    runs_with_events: set[str] = set()
    findings: list[Finding] = []
    for event in events:
        runs_with_events.add(event.run_id)
        candidates = by_key.get((event.run_id, event.asset, event.partition), [])
        match = _match(event, candidates)
        if match is None:
            findings.append(_without_entry(event, candidates))
            confirmed.update(candidate.seq for candidate in candidates[-1:])
            continue
        confirmed.add(match.seq)
        findings.extend(_lies(event, match, versions))
    silent = {*running, *not_runs}
    for (run_id, _, _), group in by_key.items():
        contents_confirmed = {link.entry.content_sha256 for link in group if link.seq in confirmed}
        for link in group:
            if run_id in silent or link.entry.content_sha256 in contents_confirmed or link.seq in confirmed:
                continue
            findings.append(_without_event(link, deleted=run_id not in runs_with_events))
    return sorted(findings, key=lambda finding: (finding.seq is None, finding.seq or 0))


def _match(event: MaterialisationEvent, candidates: list[LedgerLink]) -> LedgerLink | None:
    same = [link for link in candidates if link.entry.content_sha256 == event.data_version]
    named = [link for link in same if link.chain_sha256 == event.chain_sha256]
    best = named or same
    return best[-1] if best else None


def _without_entry(event: MaterialisationEvent, candidates: list[LedgerLink]) -> Finding:
    asset = place(event.asset, event.partition)
    if candidates:
        link = candidates[-1]
        return Finding(
            "DATA_VERSION_FORGED",
            f"event {event.storage_id} claims another content for {asset} than its run recorded",
            seq=link.seq,
            asset=asset,
            found=event.data_version,
            expected=link.entry.content_sha256,
        )
    origin = f"run {event.run_id}" if event.run_id else "no run (reported from outside)"
    return Finding(
        "EVENT_NEVER_RECORDED",
        f"event {event.storage_id} says that {asset} was materialised by {origin};"
        " the ledger has no such entry",
        asset=asset,
        found=event.data_version or "no data version",
        expected="an entry of the same run, asset and content",
    )


def _lies(
    event: MaterialisationEvent, link: LedgerLink, versions: Mapping[str, set[str]]
) -> Iterator[Finding]:
    """Where a matched event differs from its entry."""
    entry, asset = link.entry, place(event.asset, event.partition)
    for name, claimed, recorded in (
        ("ledger entry", event.entry_sha256, link.entry_sha256),
        ("ledger link", event.chain_sha256, link.chain_sha256),
        ("code version", event.code_version, entry.code),
    ):
        if claimed is not None and claimed != recorded:
            yield Finding(
                "EVENT_FORGED" if name == "code version" else "EVENT_NAMES_OTHER_ENTRY",
                f"event {event.storage_id} of {asset} names another {name} than stands in the ledger:"
                " one of the two was changed",
                seq=link.seq,
                asset=asset,
                found=claimed,
                expected=recorded,
            )
    for upstream, claimed in sorted(event.input_versions.items()):
        read = [ref for ref in entry.inputs if ref.asset == upstream]
        # For a partitioned input the orchestrator records a hash of joined versions, which proves nothing.
        if len(read) != 1 or read[0].partition is not None or read[0].content_sha256 == claimed:
            continue
        # It looks the version up when a step starts, the entry says what was loaded: an older content
        # is a race, one that never existed is a lie.
        known = claimed in versions.get(upstream, set())
        yield Finding(
            "INPUT_VERSION_DIFFERS" if known else "INPUT_VERSION_FORGED",
            f"event {event.storage_id} of {asset} claims another content of its input {upstream} than was"
            " loaded" + (" (replaced while the step ran)" if known else ""),
            seq=link.seq,
            asset=asset,
            found=claimed,
            expected=read[0].content_sha256,
            severity="warning" if known else "error",
        )


def _without_event(link: LedgerLink, *, deleted: bool) -> Finding:
    asset = place(link.entry.asset, link.entry.partition)
    if deleted:
        return Finding(
            "RUN_DELETED",
            f"run {link.run_id}, which made {asset}, is gone from the event log",
            seq=link.seq,
            asset=asset,
            found="no event of this run",
            expected=f"a materialisation of {link.entry.content_sha256}",
        )
    return Finding(
        "EVENT_MISSING",
        f"run {link.run_id} recorded {asset}, but its materialisation is not in the event log: it was"
        " wiped, or the run stopped between the two",
        seq=link.seq,
        asset=asset,
        found="no such event",
        expected=f"a materialisation of {link.entry.content_sha256}",
    )
