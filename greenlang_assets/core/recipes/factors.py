"""Recipes of the factor assets: one a publisher, their union, the GWP sets and the fuel properties.

Belongs here: which shipped tables an asset holds, and the proof that they are the publisher's.
Does not belong here: reading a publisher's file (``core.factors.importers``), finding a factor.

A publisher's asset loads the shipped table, whose content hash the manifest holds. Where the publisher's
own file is at hand it is read again, and the asset is refused unless every row comes out the same.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import publishers, tables
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.model import FACTOR_KEY
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.provenance.canonical import table_bytes, table_sha256
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Made, Recipe, World, file_input, latest_input, load_table

_CODE = (
    "greenlang_assets/core/factors",
    "greenlang_assets/core/gwp.py",
    "greenlang_assets/core/recipes/factors.py",
)

#: Asset -> the importer behind its shipped tables, assets in alphabetical order.
PUBLISHERS = dict(sorted((p.asset, p.name) for p in publishers.PUBLISHERS if p.asset and p.files))
GWP = "factors/ipcc_gwp"
PROPERTIES = "factors/fuel_properties"
VALUES = "factors/published_values"
CATALOGUE = "factors/catalogue"


def _shipped(kind: str, importer: str | None) -> dict[str, dict[str, Any]]:
    """Manifest entries of the tables of one kind, of one importer or of all."""
    entries = tables.read_manifest()["tables"]
    return {
        name: entry
        for name, entry in sorted(entries.items())
        if entry["kind"] == kind and importer in (None, entry.get("importer"))
    }


def _sources(kind: str, importer: str | None, world: World, partition: str | None) -> tuple[InputRef, ...]:
    del world, partition
    files = {
        (source["file"], source["sha256"])
        for entry in _shipped(kind, importer).values()
        for source in entry["sources"]
    }
    return tuple(file_input(*file) for file in sorted(files))


@lru_cache(maxsize=1)
def _read_again(publisher_files: Path) -> dict[str, str]:
    """Content hash of every table of factors and values as the publishers' files give it now."""
    from greenlang_assets.core.factors.rebuild import import_all, tables_of

    results = import_all(publisher_files)
    return {table.name: table.sha256 for stem in results for table in tables_of(stem, results[stem], "")}


def _verified(world: World, kind: str, importer: str | None) -> pl.DataFrame:
    frames = []
    for name, entry in _shipped(kind, importer).items():
        frame = pl.read_parquet(tables.FACTORS_ROOT / name)
        found = table_sha256(frame, key=tables.KINDS[kind][1])
        _require_same(name, found, str(entry["content_sha256"]), "TABLE_ALTERED", "the manifest")
        if kind in ("factors", "values") and world.publisher_files is not None:
            fresh = _read_again(world.publisher_files)[name]
            _require_same(name, found, fresh, "PUBLISHER_FILE_DIFFERS", "the publisher's file, read now")
        frames.append(frame)
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict(tables.KINDS[kind][0]))


def _require_same(name: str, found: str, expected: str, code: str, what: str) -> None:
    if found != expected:
        raise GreenlangError(
            code,
            f"the shipped table {name} is not that of {what}",
            found=found,
            expected=expected,
            hint="rebuild the tables with `glac factors import` and look at the difference",
            where={"file": name},
        )


def _make_publisher(importer: str, world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition, inputs
    frame = _verified(world, "factors", importer)
    entries = _shipped("factors", importer)
    return Made(
        table_bytes(frame, key=FACTOR_KEY),
        facts={
            "factors": frame.height,
            "editions": sorted(frame["edition"].unique()),
            "datasets": sorted(frame["dataset"].unique()),
            "licence": " | ".join(sorted(frame["cite_licence"].unique())),
        },
        notes={
            "rows read from the publisher": sum(entry["rows_read"] for entry in entries.values()),
            "left out, with reasons": {name: entry["skipped"] for name, entry in entries.items()},
        },
    )


def _make_table(kind: str, world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition, inputs
    frame = _verified(world, kind, None)
    return Made(
        table_bytes(frame, key=tables.KINDS[kind][1]),
        facts={"rows": frame.height},
        indexed=True,
    )


def _publishers(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    return tuple(latest_input(world, asset) for asset in PUBLISHERS)


def _make_catalogue(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    frame = pl.concat([load_table(world, reference) for reference in inputs]).sort(FACTOR_KEY)
    catalogue = Catalogue.from_frames(frame, pl.DataFrame(schema=dict(tables.KINDS["properties"][0])))
    counted = catalogue.stats()
    return Made(
        table_bytes(frame, key=FACTOR_KEY),
        facts={"factors": counted["total"], "published_values": counted["published_values"]},
        indexed=True,
        notes={"by publisher": counted["by_publisher"], "by licence": counted["by_licence"]},
    )


RECIPES = (
    *(
        Recipe(
            asset,
            "1.0.0",
            _CODE,
            partial(_sources, "factors", importer),
            partial(_make_publisher, importer),
        )
        for asset, importer in PUBLISHERS.items()
    ),
    *(
        Recipe(asset, "1.0.0", _CODE, partial(_sources, kind, None), partial(_make_table, kind))
        for asset, kind in ((GWP, "gwp"), (PROPERTIES, "properties"), (VALUES, "values"))
    ),
    Recipe(CATALOGUE, "1.0.0", _CODE, _publishers, _make_catalogue),
)


def catalogue_of(world: World, factors: InputRef, properties: InputRef) -> Catalogue:
    """The catalogue in recorded tables, each verified as it is loaded."""
    return _catalogue(world, factors, properties)


@lru_cache(maxsize=2)
def _catalogue(world: World, factors: InputRef, properties: InputRef) -> Catalogue:
    return Catalogue.from_frames(load_table(world, factors), load_table(world, properties))


@lru_cache(maxsize=2)
def gwp_of(world: World, reference: InputRef) -> GwpTable:
    """The GWP sets in a recorded table, verified as it is loaded."""
    return GwpTable(load_table(world, reference))
