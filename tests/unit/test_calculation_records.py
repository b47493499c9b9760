"""What an agent calculated, recorded: once, provable, and never under the hash of something else."""

from __future__ import annotations

from typing import Any

import pytest

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import content_sha256, sha256_hex
from greenlang_assets.core.provenance.verify import verify_index
from greenlang_assets.core.provenance.walk import walk
from registry_ops.runtime.records import ASSET, record_calculation
from resources.platform import Platform

ARCHIVE = sha256_hex(b"archive")
BODY: dict[str, Any] = {
    "formula": {"id": "f", "sha256": "a" * 64},
    "factor": {"id": None, "sha256": None},
    "gwp": {"set": None, "sha256": None},
    "inputs": [{"symbol": "activity", "given": 0.1, "given_unit": "kg", "quantity": 1e-7, "unit": "kg"}],
    "keys": {},
    "outputs": [{"symbol": "co2", "scaled": 5306, "precision": 2, "unit": "kg[CO2]"}],
    "properties": {},
}


def recorded(platform: Platform, answer: dict[str, Any], **changes: Any) -> str:
    return record_calculation(
        answer,
        changes.pop("inputs", {"activity": 0.1}),
        agent_id="a/b",
        version="1.0.0",
        artifact_sha256=ARCHIVE,
        store=platform.store,
        ledger=platform.ledger,
    )


def answer_of(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "calculation": body,
        "provenance_hash": content_sha256(body),
        "outputs": {"co2": 53.06},
        **changes,
    }


def test_a_calculation_is_found_under_its_hash(platform: Platform) -> None:
    proven = recorded(platform, answer_of(BODY))
    node = walk(proven, platform.ledger, platform.store)
    assert (node.kind, node.label, node.facts["artifact_sha256"]) == ("calculation", "a/b 1.0.0", ARCHIVE)
    assert [(child.kind, child.sha256) for child in node.children] == [("unresolved", "a" * 64)]
    link = platform.ledger.latest(ASSET, "a/b@1.0.0")
    assert link is not None
    assert (link.run_id, dict(link.entry.facts)) == ("runtime", {"calculation_sha256": proven})
    links = list(platform.ledger.since())
    assert verify_index(links, platform.store, platform.ledger.indexed_leaves) == []


def test_the_same_calculation_is_recorded_once(platform: Platform) -> None:
    recorded(platform, answer_of(BODY))
    head = platform.ledger.head()
    recorded(platform, answer_of(BODY))
    assert platform.ledger.head() == head
    recorded(platform, answer_of({**BODY, "keys": {"case": "x"}}))
    assert platform.ledger.head() != head


@pytest.mark.parametrize(
    "answer",
    [
        answer_of(BODY, provenance_hash="b" * 64),
        answer_of({**BODY, "outputs": []}, provenance_hash=content_sha256(BODY)),
        answer_of(BODY, calculation=None),
        answer_of(BODY, calculation="text"),
        answer_of(BODY, provenance_hash=None),
        {"outputs": {}},
    ],
    ids=["other hash", "other body", "no body", "text", "no hash", "nothing"],
)
def test_a_number_cannot_be_put_under_another_hash(platform: Platform, answer: dict[str, Any]) -> None:
    with pytest.raises(GreenlangError) as caught:
        recorded(platform, answer)
    assert caught.value.code == "CALCULATION_UNPROVEN"
    assert platform.ledger.head() is None


def test_an_infinite_output_is_not_recorded(platform: Platform) -> None:
    with pytest.raises(GreenlangError) as caught:
        recorded(platform, answer_of(BODY, outputs={"co2": float("inf")}))
    assert caught.value.code == "NUMBER_NOT_FINITE"
    assert platform.ledger.head() is None
