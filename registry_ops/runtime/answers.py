"""Answers of the API in the ledger: what was calculated on request, and what was said beside it.

Belongs here: writing many answers down in one step. Does not belong here: calculating
(``core.calculation.question``), what agents calculated (``records``), the walk (``core.provenance.walk``).

One request is one append, however many questions it had: a table of its calculations, and, where an answer
also gave both scope 2 figures or an uncertainty, a table of these, each row naming the calculation that it
rests on. Every hash that an answer carries can be asked for from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from greenlang_assets.core.calculation.question import Answer
from greenlang_assets.core.provenance.canonical import canonical_bytes, table_bytes
from greenlang_assets.core.provenance.ledger import RUNTIME_RUN, InputRef, ProvenanceEntry
from greenlang_assets.core.provenance.merkle import FACT, RowTree
from greenlang_assets.core.provenance.ports import ArtifactStore, Ledger
from greenlang_assets.core.provenance.rows import table_leaves
from greenlang_assets.core.recipes.base import code_of
from greenlang_assets.core.recipes.tenants import CALCULATION_CODE
from registry_ops.runtime.records import ASSET, SCHEMA, calculation_row, read_from

#: What rests on a calculation: both scope 2 figures, an uncertainty.
BESIDE = "runtime/answer"
#: Partition of both assets; an agent's calculations stand under the agent's name.
PARTITION = "ef/calculate"
VERSION = "1.0.0"

_BESIDE_SCHEMA = {name: pl.String() for name in ("sha256", "kind", "label", "rests_on", "body")}


def record_answers(
    answered: Sequence[tuple[Mapping[str, Any], Answer]], *, store: ArtifactStore, ledger: Ledger
) -> None:
    """Record what one request was answered with; the same again changes nothing.

    Args:
        answered: each question as it was given, with its answer.
        store: keeps the rows.
        ledger: keeps the entries.
    """
    calculations = {
        answer.result.provenance_hash: calculation_row(
            answer.result.body, question, [item.model_dump() for item in answer.result.outputs]
        )
        for question, answer in answered
    }
    beside = {row["sha256"]: row for _, answer in answered for row in _beside(answer)}
    if not calculations:
        return
    code = code_of(VERSION, CALCULATION_CODE)
    content = table_bytes(
        pl.DataFrame(list(calculations.values()), schema=SCHEMA), key=("calculation_sha256",)
    )
    first = _entry(ASSET, content, read_from(ledger), code, store)
    entries, leaves = [first], list(table_leaves(first.content_sha256, content))
    if beside:
        content = table_bytes(pl.DataFrame(list(beside.values()), schema=_BESIDE_SCHEMA), key=("sha256",))
        second = _entry(BESIDE, content, (InputRef(ASSET, PARTITION, first.content_sha256),), code, store)
        entries.append(second)
        leaves += table_leaves(second.content_sha256, content)
    ledger.append(entries, run_id=RUNTIME_RUN, leaves=leaves)


def _entry(
    asset: str, content: bytes, inputs: tuple[InputRef, ...], code: str, store: ArtifactStore
) -> ProvenanceEntry:
    tree = RowTree(content)
    return ProvenanceEntry(
        asset=asset,
        partition=PARTITION,
        content_sha256=store.put(content),
        inputs=inputs,
        code=code,
        facts={FACT: tree.fact},
    )


def _beside(answer: Answer) -> Iterator[dict[str, str]]:
    """Rows of what an answer says beside its calculation."""
    of = answer.result
    for kind, part in (("scope 2", answer.scope2), ("uncertainty", answer.bounds)):
        if part is not None:
            yield {
                "sha256": part.provenance_hash,
                "kind": kind,
                "label": f"{kind} of {of.formula_id}",
                "rests_on": of.provenance_hash,
                "body": canonical_bytes(part.body).decode(),
            }
