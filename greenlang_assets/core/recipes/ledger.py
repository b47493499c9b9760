"""Recipe of the ledger's own verification: a report that is itself recorded.

Belongs here: what is recorded of a verification, and when a new one is due.
Does not belong here: verifying (``core.provenance.verify``, ``resources.dagster.verification``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import canonical_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Made, Recipe, World, latest_input

ASSET = "provenance/ledger"


def _no_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del world, partition
    return ()


def _not_verified(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    raise GreenlangError(
        "NOT_VERIFIED", "a verification is recorded with its report", expected="with_report(…)"
    )


RECIPE = Recipe(
    ASSET,
    "1.0.0",
    ("greenlang_assets/core/provenance", "greenlang_assets/core/recipes/ledger.py"),
    _no_inputs,
    _not_verified,
)


def with_report(report: Mapping[str, Any]) -> Recipe:
    """The recipe that records one verification.

    Args:
        report: entries, head, sealed, events and findings, as JSON-ready data.
    """
    facts = {
        "entries": report["entries"],
        "sealed": report["sealed"],
        "events": report["events"],
        "findings": len(report["findings"]),
    }
    notes = {"head": report["head"], "what was found": report["findings"][:50]}
    return replace(RECIPE, make=lambda *_: Made(canonical_bytes(report), facts=facts, notes=notes))


def recorded_report(world: World) -> dict[str, Any]:
    """The newest recorded verification.

    Raises:
        GreenlangError: ``INPUT_NOT_MADE`` when nothing was verified yet.
    """
    report: dict[str, Any] = json.loads(world.store.get(latest_input(world, ASSET).content_sha256))
    return report


def is_due(world: World) -> bool:
    """Whether something was recorded since the last verification."""
    head, last = world.ledger.head(), world.ledger.latest(ASSET)
    return head is not None and (last is None or last.seq < head.seq)
