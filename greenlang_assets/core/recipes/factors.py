"""Recipes of the factor assets: one a publisher, their union, the GWP sets and the fuel properties.

Belongs here: which tables an asset holds, and the proof that they are the publisher's.
Does not belong here: reading a publisher's file (``core.factors.importers``), which version of an edition is
in force (``core.factors.editions``), finding a factor, the release report (``core.recipes.release``).

A publisher's asset loads the tables that ship and those that the user imported, each verified against the
content hash in its manifest. Where the publisher's own file is at hand it is read again, and the asset is
refused unless every row comes out the same. Before anything is recorded, the contract of factor tables
judges the rows: the blocking check in Dagster guards one run, this guards every later one, so that an
edition that fails never reaches the catalogue by a way round.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts, publishers, tables
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.editions import Editions, Stored
from greenlang_assets.core.factors.model import FACTOR_KEY
from greenlang_assets.core.factors.stats import further_values
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.provenance.canonical import table_bytes, table_sha256
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Made, Recipe, World, file_input, latest_input, load_table

_CODE = (
    "greenlang_assets/core/factors",
    "greenlang_assets/core/gwp.py",
    "greenlang_assets/core/recipes/factors.py",
)

#: Asset -> the importer behind its tables, assets in alphabetical order. A licensed publisher's asset holds
#: what the user imported, and nothing before that.
PUBLISHERS = dict(sorted((p.asset, p.name) for p in publishers.PUBLISHERS if p.asset))
#: Names of tables that stay as they ship where their publisher's file is not at hand.
_KEPT = tuple(sorted(stem for p in publishers.PUBLISHERS for stem in p.kept))
GWP = "factors/ipcc_gwp"
PROPERTIES = "factors/fuel_properties"
VALUES = "factors/published_values"
NOMENCLATURE = "factors/goods_nomenclature"
CATALOGUE = "factors/catalogue"


def editions_of(world: World) -> Editions:
    """The shipped tables and the user's."""
    return Editions(tables.FACTORS_ROOT, world.own_factors)


def _sources(kind: str, importer: str | None, world: World, partition: str | None) -> tuple[InputRef, ...]:
    """The publishers' files behind the tables, and the user's tables themselves: both decide the content."""
    del partition
    found = editions_of(world).in_force(kind, importer)
    files = {(source["file"], source["sha256"]) for table in found for source in table.entry["sources"]}
    own = {(f"own/{table.name}", str(table.entry["content_sha256"])) for table in found if table.own}
    return tuple(file_input(*file) for file in sorted(files | own))


@lru_cache(maxsize=1)
def _read_again(publisher_files: Path) -> dict[str, str]:
    """Content hash of every table of factors and values as the publishers' files give it now."""
    from greenlang_assets.core.factors.rebuild import import_all, tables_of

    results = import_all(publisher_files)
    return {table.name: table.sha256 for stem in results for table in tables_of(stem, results[stem], "")}


def _verified(world: World, kind: str, importer: str | None) -> pl.DataFrame:
    """The rows in force, every table checked against its manifest and, where it ships, its file."""

    def read(table: Stored) -> pl.DataFrame:
        frame = tables.read_table(table.path, table.entry)
        found = table_sha256(frame, key=tables.KINDS[kind][1])
        expected = str(table.entry["content_sha256"])
        _require_same(table.name, found, expected, "TABLE_ALTERED", "the manifest")
        if kind in ("factors", "values") and world.publisher_files is not None and not table.own:
            fresh = _read_again(world.publisher_files).get(table.name, "no such table")
            if fresh != "no such table" or not table.name.startswith(_KEPT):
                _require_same(
                    table.name, found, fresh, "PUBLISHER_FILE_DIFFERS", "the publisher's file, read now"
                )
        return frame

    return editions_of(world).active(kind, importer=importer, read=read)


def _require_same(name: str, found: str, expected: str, code: str, what: str) -> None:
    if found != expected:
        raise GreenlangError(
            code,
            f"the table {name} is not that of {what}",
            found=found,
            expected=expected,
            hint="restore the table, or import the publisher's file with `glac factors import`",
            where={"file": name},
        )


def _make_publisher(importer: str, world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition, inputs
    frame = _verified(world, "factors", importer)
    if frame.height:
        contracts.require(frame, importer)
    entries = [table.entry for table in editions_of(world).in_force("factors", importer)]
    # Several editions of the user's may come from one file, which was read once.
    read = {tuple(source["sha256"] for source in entry["sources"]): entry for entry in entries}
    return Made(
        table_bytes(frame, key=FACTOR_KEY),
        facts={
            "factors": frame.height,
            "editions": sorted(frame["edition"].unique()),
            "datasets": sorted(frame["dataset"].unique()),
            "versions": versions(frame),
            "licence": " | ".join(sorted(frame["cite_licence"].unique())),
        },
        notes={
            "rows read from the publisher": sum(entry["rows_read"] for entry in read.values()),
            "left out, with reasons": {
                entry["sources"][0]["file"]: entry["skipped"] for entry in read.values() if entry["sources"]
            },
        },
    )


def versions(frame: pl.DataFrame) -> dict[str, str]:
    """Semantic version of every edition among the factors, by ``publisher/dataset/edition``."""
    named = frame.select(pl.concat_str("publisher", "dataset", "edition", separator="/"), "version")
    return dict(named.unique().sort("publisher").iter_rows())


def _make_table(kind: str, world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition, inputs
    frame = _verified(world, kind, None)
    return Made(
        table_bytes(frame, key=tables.KINDS[kind][1]),
        facts={
            "rows": frame.height,
            **({"published_values": further_values(frame)} if kind == "values" else {}),
        },
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
        facts={
            "factors": counted["total"],
            "published_values": counted["published_values"],
            "versions": versions(frame),
        },
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
        for asset, kind in (
            (GWP, "gwp"),
            (PROPERTIES, "properties"),
            (VALUES, "values"),
            (NOMENCLATURE, "goods"),
        )
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
