"""The shape of a recipe, and the one way in which an asset is made and recorded.

Belongs here: gathering inputs, making content, recording it; knowing whether a recorded result is current.
Does not belong here: what any particular asset computes.

The order of writing is fixed: content into the store, then the entry into the ledger, and only then does
Dagster hear of it. A crash leaves an object or an entry without an event, never an event without proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import polars as pl

import greenlang_assets
from greenlang_assets.core.data_root import PROJECT_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import read_table, sha256_hex
from greenlang_assets.core.provenance.ledger import EXTERNAL, InputRef, LedgerLink, ProvenanceEntry
from greenlang_assets.core.provenance.merkle import FACT, RowTree
from greenlang_assets.core.provenance.ports import ArtifactStore, Ledger
from greenlang_assets.core.provenance.rows import table_leaves

_PACKAGES = Path(greenlang_assets.__file__).parents[1]
_PACKAGE_NAMES = frozenset({"greenlang_assets", "factory_ops", "registry_ops", "resources"})


@dataclass(frozen=True)
class World:
    """What a recipe may touch.

    Attributes:
        store: content-addressed artefacts, verified on every read.
        ledger: the append-only chain of entries.
        publisher_files: folder of the publishers' own files, where there is one.
        tenant_folders: folders that hold one folder a tenant programme.
        own_factors: folder of the factor tables that the user imported, where there is one.

    Two worlds over the same folders are equal: what is loaded by its content hash is the same content
    whichever connection it came through, and so may be kept from one run to the next.
    """

    store: ArtifactStore = field(compare=False)
    ledger: Ledger = field(compare=False)
    publisher_files: Path | None
    tenant_folders: tuple[Path, ...]
    own_factors: Path | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Made:
    """What a recipe made.

    Attributes:
        content: canonical bytes; their SHA-256 is the asset's data version.
        facts: what the ledger's hashed body says beside the content hash (counts, editions).
        indexed: every row of the table can be asked for alone, by its own hash.
        notes: what people see in Dagster; outside every hash.
    """

    content: bytes
    facts: Mapping[str, Any] = field(default_factory=dict)
    indexed: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """One asset: its name, its code identity, its inputs and its making.

    Attributes:
        asset: ``<domain>/<noun>``, the key that Dagster shows.
        version: semantic version of the recipe, for people.
        sources: files and folders whose text decides the result, named from the project's root.
        inputs: the inputs as they stand now, for one partition (``None`` where there are no partitions).
        make: the pure computation over exactly those inputs.
    """

    asset: str
    version: str
    sources: tuple[str, ...]
    inputs: Callable[[World, str | None], tuple[InputRef, ...]]
    make: Callable[[World, str | None, tuple[InputRef, ...]], Made]

    @property
    def code_version(self) -> str:
        """``<version>+<digest>``: the digest covers the text of every source file."""
        return code_of(self.version, self.sources)


def code_of(version: str, sources: tuple[str, ...]) -> str:
    """``<version>+<digest>`` of files and folders, named from the project's root."""
    return f"{version}+{_digest(sources)}"


@cache
def _digest(sources: tuple[str, ...]) -> str:
    # Once a process: it runs the code that it loaded, whatever happens to the files meanwhile.
    texts = b"\0".join(path.read_bytes() for source in sources for path in _files(source))
    return sha256_hex(texts)[:12]


def _files(source: str) -> list[Path]:
    # The packages and the shipped files have one root in a checkout and two when installed from a wheel.
    path = (_PACKAGES if source.partition("/")[0] in _PACKAGE_NAMES else PROJECT_ROOT) / source
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in {".py", ".sql", ".yml"})


@dataclass(frozen=True)
class Recorded:
    """A result that stands in the store and in the ledger."""

    recipe: Recipe
    made: Made
    link: LedgerLink


def record(recipe: Recipe, world: World, *, run_id: str, partition: str | None = None) -> Recorded:
    """Make an asset (or one partition of it) and record it.

    Raises:
        GreenlangError: ``INPUT_NOT_MADE`` when an input was never recorded, ``ARTIFACT_ALTERED`` when the
            store holds other bytes than the ledger says, and whatever the recipe itself refuses. Nothing
            is recorded then.
    """
    inputs = recipe.inputs(world, partition)
    made = recipe.make(world, partition, inputs)
    # The root of the rows makes one row provable without the others; the index only says where it stands.
    rows = {FACT: RowTree(made.content).fact} if made.indexed else {}
    entry = ProvenanceEntry(
        asset=recipe.asset,
        partition=partition,
        content_sha256=world.store.put(made.content),
        inputs=inputs,
        code=recipe.code_version,
        facts={**made.facts, **rows},
    )
    leaves = table_leaves(entry.content_sha256, made.content) if made.indexed else ()
    (link,) = world.ledger.append([entry], run_id=run_id, leaves=leaves)
    return Recorded(recipe, made, link)


def is_current(recipe: Recipe, world: World, *, partition: str | None = None) -> bool:
    """Whether the latest record was made by this code from these inputs (so making it again is idle)."""
    latest = world.ledger.latest(recipe.asset, partition)
    if latest is None or latest.entry.code != recipe.code_version:
        return False
    return set(latest.entry.inputs) == set(recipe.inputs(world, partition))


def latest_input(world: World, asset: str, partition: str | None = None) -> InputRef:
    """The input as it is recorded now: asset, partition and content hash.

    Raises:
        GreenlangError: ``INPUT_NOT_MADE``.
    """
    link = world.ledger.latest(asset, partition)
    if link is None:
        place = asset if partition is None else f"{asset} [{partition}]"
        raise GreenlangError(
            "INPUT_NOT_MADE",
            f"{place} has not been recorded yet",
            expected=f"{place} in the ledger",
            hint=f"materialise {place} first, or run `glac run`",
        )
    return InputRef(asset=asset, partition=partition, content_sha256=link.entry.content_sha256)


def file_input(name: str, sha256: str, *, partition: str | None = None) -> InputRef:
    """An input from outside, known by the hash of its bytes: a publisher's or a tenant's file."""
    return InputRef(asset=EXTERNAL + name, partition=partition, content_sha256=sha256)


def load_table(world: World, reference: InputRef) -> pl.DataFrame:
    """The table behind an input, its bytes verified against the hash that the ledger holds."""
    return _table(world, reference.content_sha256)


@lru_cache(maxsize=32)
def _table(world: World, content_sha256: str) -> pl.DataFrame:
    # Content never changes under its hash, so a table verified once in a process stays verified.
    return read_table(world.store.get(content_sha256))
