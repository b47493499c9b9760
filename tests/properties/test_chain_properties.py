"""Whatever is done to a chain, verification says so, and not after the place where it was done."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.provenance.ledger import Checkpoint, LedgerLink, ProvenanceEntry
from greenlang_assets.core.provenance.verify import ChainReport, verify_chain

CHAIN = "chain"
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class HmacSigner:
    """A signer from the standard library."""

    key_id = "test"

    def sign(self, data: bytes) -> bytes:
        return hmac.digest(b"key", data, hashlib.sha256)

    def verify(self, data: bytes, signature: bytes, *, key_id: str) -> bool:
        return key_id == self.key_id and hmac.compare_digest(self.sign(data), signature)


@dataclass
class Kept:
    """Checkpoints in memory."""

    kept: list[Checkpoint]

    def checkpoints(self, chain: str) -> list[Checkpoint]:
        return [checkpoint for checkpoint in self.kept if checkpoint.chain == chain]

    def remembered(self, chain: str) -> Checkpoint | None:
        return self.checkpoints(chain)[-1]


def entry(number: int, content: str = "") -> ProvenanceEntry:
    return ProvenanceEntry(f"asset/{number}", None, sha256_hex(f"{number} {content}".encode()), code="1")


def chain_of(entries: list[ProvenanceEntry]) -> list[LedgerLink]:
    links: list[LedgerLink] = []
    for number, item in enumerate(entries):
        head = links[-1] if links else None
        time = START + dt.timedelta(minutes=number)
        links.append(LedgerLink.after(head, item, chain=CHAIN, run_id=f"run-{number}", recorded_at=time))
    return links


def sealed(links: list[LedgerLink], every: int) -> Kept:
    kept: list[Checkpoint] = []
    signer = HmacSigner()
    for link in links:
        if link.seq % every == 0 or link is links[-1]:
            previous = kept[-1].sha256 if kept else None
            draft = Checkpoint(
                CHAIN,
                link.seq,
                link.chain_sha256,
                link.seq,
                link.recorded_at.isoformat(),
                previous,
                signer.key_id,
            )
            kept.append(dataclasses.replace(draft, signature=signer.sign(draft.signed_bytes())))
    return Kept(kept)


def verify(links: list[LedgerLink], kept: Kept) -> ChainReport:
    return verify_chain(links, chain=CHAIN, checkpoints=kept, signer=HmacSigner())


def altered_body(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    return [*links[:at], dataclasses.replace(links[at], body=entry(at, "forged").body), *links[at + 1 :]]


def altered_run(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    return [*links[:at], dataclasses.replace(links[at], run_id="forged"), *links[at + 1 :]]


def altered_number(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    return [*links[:at], dataclasses.replace(links[at], seq=len(links) + 5), *links[at + 1 :]]


def removed(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    return links[:at] + links[at + 1 :]


def removed_and_renumbered(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    left = removed(links, at)
    return [dataclasses.replace(link, seq=number) for number, link in enumerate(left, 1)]


def cut(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    return links[:at]


def doubled(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    return [*links[: at + 1], *links[at:]]


def made_anew(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    entries = [link.entry for link in links]
    entries[at] = entry(at, "forged")
    return chain_of(entries)


def swapped(links: list[LedgerLink], at: int) -> list[LedgerLink]:
    other = (at + 1) % len(links)
    one, two = sorted((at, other))
    moved = list(links)
    moved[one] = dataclasses.replace(links[two], seq=one + 1)
    moved[two] = dataclasses.replace(links[one], seq=two + 1)
    return moved


Attack = Callable[[list[LedgerLink], int], list[LedgerLink]]
ATTACKS: list[Attack] = [
    altered_body,
    altered_run,
    altered_number,
    removed,
    removed_and_renumbered,
    cut,
    doubled,
    made_anew,
    swapped,
]


@given(length=st.integers(1, 12), every=st.integers(1, 12))
def test_an_honest_chain_has_no_findings(length: int, every: int) -> None:
    links = chain_of([entry(number) for number in range(length)])
    report = verify(links, sealed(links, every))
    assert report.findings == ()
    assert (report.entries, report.sealed, report.head) == (length, length, links[-1].chain_sha256)


@given(length=st.integers(2, 12), every=st.integers(1, 12), attack=st.sampled_from(ATTACKS), data=st.data())
def test_every_attack_is_named_where_it_was_made(
    length: int, every: int, attack: Attack, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, length - 1))
    links = chain_of([entry(number) for number in range(length)])
    kept = sealed(links, every)
    report = verify(attack(links, at), kept)
    named = [
        finding.seq for finding in report.findings if finding.severity == "error" and finding.seq is not None
    ]
    assert named
    # Its own number, or the next one, where the break shows; a rewrite is bounded by its checkpoints.
    assert min(named) <= at + 2
    if attack is not made_anew:
        assert max(named) >= min(at + 1, length - 1)
