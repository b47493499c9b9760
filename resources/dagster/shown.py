"""What people see beside a materialisation: facts, tables, the proof.

Belongs here: rendering of values as Dagster's metadata, and the event of something that was recorded.
Does not belong here: what is recorded; the result that a running asset returns (``defs.provenance``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
import polars as pl

from greenlang_assets.core.provenance.ledger import LedgerLink
from resources.dagster.event_log import CHAIN_METADATA, ENTRY_METADATA, version_tags

#: Rows of a table that stand beside a materialisation, for a first look.
PREVIEW_ROWS = 6
PREVIEW_COLUMNS = 8


def event_of(link: LedgerLink) -> dg.AssetMaterialization:
    """The event of an entry that no running asset tells of: what its own run would have said of the proof."""
    entry = link.entry
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey(entry.asset.split("/")),
        partition=entry.partition,
        metadata={name: shown_value(value) for name, value in entry.facts.items()} | proof_of(link),
        tags=version_tags(data_version=entry.content_sha256, code_version=entry.code),
    )


def proof_of(link: LedgerLink) -> dict[str, Any]:
    """Hashes and number under which the ledger holds an entry."""
    return {
        "greenlang/content_sha256": link.entry.content_sha256,
        ENTRY_METADATA: link.entry.sha256,
        CHAIN_METADATA: link.chain_sha256,
        "greenlang/ledger_seq": link.seq,
    }


def shown_value(value: Any) -> Any:
    """A fact or a note as metadata: tables and mappings as Markdown."""
    if isinstance(value, pl.DataFrame):
        return preview(value, rows=value.height)
    if isinstance(value, Mapping) and value and all(isinstance(v, int | float | str) for v in value.values()):
        lines = [f"| {_cell(name)} | {_cell(item)} |" for name, item in value.items()]
        return dg.MetadataValue.md("\n".join(("| | |", "|---|---|", *lines)))
    if isinstance(value, str) and "\n" in value:
        return dg.MetadataValue.md(f"```\n{value}\n```")
    if isinstance(value, bool | int | float | str) or value is None:
        return value if value is not None else "none"
    return dg.MetadataValue.json(value)


def preview(frame: pl.DataFrame, *, rows: int = PREVIEW_ROWS) -> dg.MetadataValue:
    """The first rows of a table as Markdown, wide tables cut to their first columns."""
    cut = frame.head(rows)
    names = cut.columns[:PREVIEW_COLUMNS]
    left = len(cut.columns) - len(names)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in cut.select(names).iter_rows()]
    if left:
        lines.append(f"\n… and {left} more columns")
    return dg.MetadataValue.md("\n".join(lines))


def _cell(cell: object) -> str:
    if isinstance(cell, float):
        cell = f"{cell:,.3f}".rstrip("0").rstrip(".") if abs(cell) >= 1 else f"{cell:.6g}"
    text = "" if cell is None else str(cell).replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "…"
