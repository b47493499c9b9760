"""From a recipe to a Dagster event: the one helper through which every asset is recorded.

Belongs here: ``record()`` and the metadata that people see beside every materialisation.
Does not belong here: what is recorded, or how (``core.recipes.base``); reading the event log back
(``resources.dagster.event_log``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import StoredTable, read_table
from greenlang_assets.core.provenance.rows import is_table
from greenlang_assets.core.provenance.verify import place
from greenlang_assets.core.recipes import base
from greenlang_assets.core.recipes.base import Recipe, Recorded, World
from resources.dagster.shown import PREVIEW_ROWS, preview, proof_of, shown_value


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


def refused(
    context: dg.AssetExecutionContext, error: GreenlangError, asset: str, partition: str | None
) -> dg.Failure:
    """A refusal as Dagster's UI shows it best: its code in the list of runs, one sentence, what to do."""
    context.instance.add_run_tags(context.run.run_id, {"greenlang/refused": error.code})
    told = {name: value for name, value in error.as_dict().items() if value and name != "message"}
    return dg.Failure(
        description=f"{place(asset, partition)} was refused, nothing of it is recorded: {error}",
        metadata={name: shown_value(value) for name, value in told.items()},
        allow_retries=False,
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
        shown.setdefault(name, value if isinstance(value, dg.MetadataValue) else shown_value(value))
    if is_table(recorded.made.content):
        shown["dagster/row_count"] = len(StoredTable(recorded.made.content))
        shown["preview"] = preview(read_table(recorded.made.content, rows=PREVIEW_ROWS))
    shown |= proof_of(link)
    shown["greenlang/inputs"] = dg.MetadataValue.json([reference.record() for reference in entry.inputs])
    shown["walk it back"] = dg.MetadataValue.md(f"`glac provenance show {entry.content_sha256}`")
    return shown
