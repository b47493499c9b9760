"""From a recipe to a Dagster event: the one helper through which every asset is recorded.

Belongs here: ``record()`` and the metadata that people see beside every materialisation.
Does not belong here: what is recorded, or how (``core.recipes.base``); reading the event log back
(``resources.dagster.event_log``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from greenlang_assets.core.provenance.canonical import StoredTable, read_table
from greenlang_assets.core.provenance.ledger import LedgerLink
from greenlang_assets.core.provenance.rows import is_table
from greenlang_assets.core.recipes import base
from greenlang_assets.core.recipes.base import Recipe, Recorded, World
from resources.dagster.event_log import version_tags

#: Rows of a table that stand beside a materialisation, for a first look.
PREVIEW_ROWS = 6
PREVIEW_COLUMNS = 8


def record(
    context: dg.AssetExecutionContext,
    recipe: Recipe,
    world: World,
    *,
    partition: str | None = None,
    pages: Path | None = None,
) -> dg.MaterializeResult[Any]:
    """Make and record what ``recipe`` says, and tell Dagster of it.

    The order is the recipe's: store, ledger, event. The event's data version is the content hash. A note
    called ``page`` is HTML for people: it is written below ``pages``, and its path is shown; a note called
    ``documents`` holds further pages by their names from there.
    """
    recorded = base.record(recipe, world, run_id=context.run.run_id, partition=partition)
    return dg.MaterializeResult(
        asset_key=dg.AssetKey(recipe.asset.split("/")),
        data_version=dg.DataVersion(recorded.link.entry.content_sha256),
        metadata=metadata_of(recorded) | _page(recorded, pages),
    )


def event_of(link: LedgerLink) -> dg.AssetMaterialization:
    """The event of something that a batch recorded: what its own run would have said of the proof."""
    entry = link.entry
    return dg.AssetMaterialization(
        asset_key=dg.AssetKey(entry.asset.split("/")),
        partition=entry.partition,
        metadata={
            **{name: _value(value) for name, value in entry.facts.items()},
            "greenlang/content_sha256": entry.content_sha256,
            "greenlang/entry_sha256": entry.sha256,
            "greenlang/chain_sha256": link.chain_sha256,
            "greenlang/ledger_seq": link.seq,
        },
        tags=version_tags(data_version=entry.content_sha256, code_version=entry.code),
    )


def _page(recorded: Recorded, pages: Path | None) -> dict[str, Any]:
    page = recorded.made.notes.get("page")
    if page is None or pages is None:
        return {}
    entry = recorded.link.entry
    path = pages / entry.asset / f"{(entry.partition or 'all').replace('/', '_')}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, text in {path.name: page, **recorded.made.notes.get("documents", {})}.items():
        target = path.parent / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(str(text), encoding="utf-8")
    return {"page for people": dg.MetadataValue.path(str(path))}


def metadata_of(recorded: Recorded) -> dict[str, Any]:
    """What a person sees: counts and notes first, then a look at the rows, then the proof."""
    entry, link = recorded.link.entry, recorded.link
    shown: dict[str, Any] = {}
    for name, value in {**recorded.made.notes, **entry.facts}.items():
        if name in ("page", "documents"):
            continue
        shown.setdefault(name, value if isinstance(value, dg.MetadataValue) else _value(value))
    if is_table(recorded.made.content):
        shown["dagster/row_count"] = len(StoredTable(recorded.made.content))
        shown["preview"] = preview(read_table(recorded.made.content, rows=PREVIEW_ROWS))
    shown["greenlang/content_sha256"] = entry.content_sha256
    shown["greenlang/entry_sha256"] = entry.sha256
    shown["greenlang/chain_sha256"] = link.chain_sha256
    shown["greenlang/ledger_seq"] = link.seq
    shown["greenlang/inputs"] = dg.MetadataValue.json([reference.record() for reference in entry.inputs])
    shown["walk it back"] = dg.MetadataValue.md(f"`glac provenance show {entry.content_sha256}`")
    return shown


def _value(value: Any) -> Any:
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
