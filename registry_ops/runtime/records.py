"""Calculations in the ledger: what an agent computed, as a row that can be walked back.

Belongs here: proving an answer's hash and writing it down. Does not belong here: the walk
(``core.provenance.walk``), routing.

The answer carries the hashed body of its calculation. Its hash is made again here, outside the process that
answered: an agent cannot put its number under the hash of another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import canonical_bytes, content_sha256, table_bytes
from greenlang_assets.core.provenance.ledger import RUNTIME_RUN, InputRef, ProvenanceEntry
from greenlang_assets.core.provenance.ports import ArtifactStore, Ledger
from greenlang_assets.core.provenance.rows import table_leaves

ASSET = "runtime/calculation"
#: What a calculation was made from, where it is recorded: its rows are found there again.
READ_FROM = ("factors/catalogue", "factors/ipcc_gwp", "formulas/library")
ARTIFACT = "packs/artifact"

SCHEMA = {
    name: pl.String()
    for name in (
        "calculation_sha256", "agent_id", "version", "artifact_sha256", "formula_id", "formula_sha256",
        "factor_id", "factor_sha256", "gwp_set", "gwp_sha256", "inputs", "outputs", "calculation",
    )
}  # fmt: skip


def record_calculation(
    answer: Mapping[str, Any],
    inputs: Mapping[str, Any],
    *,
    agent_id: str,
    version: str,
    artifact_sha256: str,
    store: ArtifactStore,
    ledger: Ledger,
) -> str:
    """Record an answer, once however often it is given.

    Args:
        answer: with ``provenance_hash``, ``calculation`` (the hashed body) and ``outputs``.
        inputs: as the caller gave them.
        agent_id: who answered.
        version: of the agent.
        artifact_sha256: of the archive that answered.
        store: keeps the row.
        ledger: keeps the entry.

    Returns:
        The provenance hash, under which the calculation can be walked back from now on.

    Raises:
        GreenlangError: ``CALCULATION_UNPROVEN`` when the hash is not that of the body.
    """
    body = answer.get("calculation")
    claimed = answer.get("provenance_hash")
    proven = content_sha256(body) if isinstance(body, Mapping) else None
    if proven is None or proven != claimed:
        raise GreenlangError(
            "CALCULATION_UNPROVEN",
            "the agent's provenance hash is not that of its calculation",
            found=claimed,
            expected=proven or "the calculation's hashed body",
            hint="this is a fault of the agent, not of the inputs",
        )
    assert isinstance(body, Mapping)
    row = {
        **calculation_row(body, inputs, answer.get("outputs") or {}),
        "agent_id": agent_id,
        "version": version,
        "artifact_sha256": artifact_sha256,
    }
    content = table_bytes(pl.DataFrame([row], schema=SCHEMA), key=("calculation_sha256",))
    entry = ProvenanceEntry(
        asset=ASSET,
        partition=f"{agent_id}@{version}",
        content_sha256=store.put(content),
        inputs=(*read_from(ledger), *_archive(ledger, artifact_sha256)),
        code=f"{version}+{artifact_sha256[:12]}",
        facts={"calculation_sha256": proven},
    )
    ledger.append([entry], run_id=RUNTIME_RUN, leaves=table_leaves(entry.content_sha256, content))
    return proven


def calculation_row(
    body: Mapping[str, Any], inputs: Mapping[str, Any], outputs: Any
) -> dict[str, str | None]:
    """The columns of a calculation that follow from its hashed body, whoever answered.

    Args:
        body: the hashed body.
        inputs: as the caller gave them.
        outputs: as they were answered.
    """
    formula, factor, gwp = (body.get(name) or {} for name in ("formula", "factor", "gwp"))
    return {
        "calculation_sha256": content_sha256(body),
        "formula_id": formula.get("id"),
        "formula_sha256": formula.get("sha256"),
        "factor_id": factor.get("id"),
        "factor_sha256": factor.get("sha256"),
        "gwp_set": gwp.get("set"),
        "gwp_sha256": gwp.get("sha256"),
        "inputs": canonical_bytes(inputs).decode(),
        "outputs": canonical_bytes(outputs).decode(),
        "calculation": canonical_bytes(body).decode(),
    }


def read_from(ledger: Ledger) -> tuple[InputRef, ...]:
    """What is recorded now of the tables that calculations are made from."""
    latest = [ledger.latest(asset) for asset in READ_FROM]
    return tuple(
        InputRef(link.entry.asset, None, link.entry.content_sha256) for link in latest if link is not None
    )


def _archive(ledger: Ledger, artifact_sha256: str) -> tuple[InputRef, ...]:
    """The agent's archive, where a factory of this installation made it."""
    made = [link for link in ledger.find(artifact_sha256) if link.entry.asset == ARTIFACT]
    return tuple(InputRef(ARTIFACT, link.entry.partition, artifact_sha256) for link in made[-1:])
