"""Verification of everything against everything: ledger, store, row index, Dagster's event log.

Belongs here: one call that runs every check of ``core.provenance`` over an open platform.
Does not belong here: the checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster import DagsterInstance

from greenlang_assets.core.provenance.ledger import RUNTIME_RUN
from greenlang_assets.core.provenance.reconcile import reconcile
from greenlang_assets.core.provenance.verify import (
    ChainReport,
    Finding,
    verify_chain,
    verify_index,
    verify_store,
)
from resources.dagster.event_log import materialisation_events, running

if TYPE_CHECKING:
    from resources.platform import Platform


@dataclass(frozen=True)
class Verification:
    """What was verified, and what was found.

    Attributes:
        chain: the ledger's own report.
        events: materialisations of Dagster's event log that were compared.
        findings: all of them, the ledger's first; empty when everything agrees.
    """

    chain: ChainReport
    events: int
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """No finding of severity error."""
        return all(finding.severity != "error" for finding in self.findings)


def verify(platform: Platform, instance: DagsterInstance) -> Verification:
    """Verify ledger, store, index and event log against each other."""
    # In this order: what a run records between two of these reads is then excused, never misread.
    unfinished = running(instance)
    events = list(materialisation_events(instance))
    links = list(platform.ledger.since())
    chain = verify_chain(
        links, chain=platform.ledger.chain, checkpoints=platform.checkpoints, signer=platform.signer
    )
    findings = (
        *chain.findings,
        *verify_store(links, platform.store),
        *verify_index(links, platform.store, platform.ledger.indexed_leaves),
        *reconcile(links, events, running=unfinished, not_runs={RUNTIME_RUN}),
    )
    return Verification(chain, len(events), findings)


def report_of(verification: Verification) -> dict[str, Any]:
    """A verification as JSON-ready data: what is recorded, and what ``--json`` prints."""
    return {
        "intact": verification.intact,
        "entries": verification.chain.entries,
        "head": verification.chain.head,
        "sealed": verification.chain.sealed,
        "events": verification.events,
        "findings": [finding.as_dict() for finding in verification.findings],
    }
