"""The shipped factor tables: written, read and verified as one set.

Belongs here: the files under ``data/factors`` and their manifest. Does not belong here: reading a
publisher's file (``importers``; ``rebuild`` puts them together).

A Parquet file's bytes change with its writer, so the manifest holds the canonical content hash of every
table. The manifest is written last: until it is, the old set stands.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import (
    GOODS_KEY,
    GOODS_SCHEMA,
    GWP_KEY,
    GWP_SCHEMA,
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
)
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.provenance.canonical import content_sha256, table_sha256

FORMAT = "greenlang/factor-tables@1"
MANIFEST = "manifest.json"
FACTORS_ROOT = DATA_ROOT / "factors"
#: A table that is larger has no place in a repository.
MAX_BYTES = 1_500_000
#: Kind of table -> its columns and its key.
KINDS: dict[str, tuple[Mapping[str, pl.DataType], tuple[str, ...]]] = {
    "factors": (FACTOR_SCHEMA, FACTOR_KEY),
    "properties": (PROPERTY_SCHEMA, PROPERTY_KEY),
    "values": (VALUE_SCHEMA, VALUE_KEY),
    "gwp": (GWP_SCHEMA, GWP_KEY),
    "goods": (GOODS_SCHEMA, GOODS_KEY),
}


@dataclass(frozen=True)
class Table:
    """One table of the set: its file name, kind, rows, and what the manifest says besides."""

    name: str
    kind: str
    frame: pl.DataFrame
    facts: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Canonical content hash of the rows."""
        return table_sha256(self.frame, key=KINDS[self.kind][1])


def manifest_of(tables: Sequence[Table]) -> dict[str, Any]:
    """The manifest of a set: every table by name, and one hash over them all."""
    return sealed({table.name: entry_of(table) for table in tables})


def entry_of(table: Table) -> dict[str, Any]:
    """What a manifest says of one table."""
    return {
        "kind": table.kind,
        "rows": table.frame.height,
        "content_sha256": table.sha256,
        **table.facts,
        "sources": _sources(table.frame),
    }


def sealed(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A manifest over entries by table name, and one hash over them all."""
    entries = dict(sorted(entries.items()))
    hashes = {name: entry["content_sha256"] for name, entry in entries.items()}
    return {"format": FORMAT, "content_sha256": content_sha256(hashes), "tables": entries}


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """A manifest as it is written."""
    return json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _sources(frame: pl.DataFrame) -> list[dict[str, Any]]:
    columns = {
        "cite_source_file": "file",
        "cite_source_sha256": "sha256",
        "cite_publisher": "publisher",
        "cite_document": "document",
        "cite_licence": "licence",
        "cite_url": "url",
    }
    return frame.select(*columns).unique().sort(list(columns), nulls_last=True).rename(columns).to_dicts()


def write(tables: Sequence[Table], root: Path) -> dict[str, Any]:
    """Write a set of tables and its manifest; returns the manifest.

    Every file is complete under a temporary name before the first takes its place; files of a table that
    the set no longer has are removed after the manifest stands.

    Raises:
        GreenlangError: ``TABLE_TOO_LARGE``, ``TABLE_SCHEMA``; nothing is changed then.
    """
    manifest = manifest_of(tables)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".writing-") as holding:
        ready: list[Path] = []
        for table in tables:
            _check_schema(table.frame, table.kind, table.name)
            path = Path(holding) / table.name
            rows = table.frame.sort(KINDS[table.kind][1])
            rows.write_parquet(path, compression="zstd", compression_level=19)
            if path.stat().st_size > MAX_BYTES:
                raise GreenlangError(
                    "TABLE_TOO_LARGE",
                    "a table is too large to ship",
                    found=f"{path.stat().st_size:,} bytes",
                    expected=f"at most {MAX_BYTES:,}",
                    where={"file": table.name},
                )
            ready.append(path)
        last = Path(holding) / MANIFEST
        last.write_text(manifest_text(manifest), encoding="utf-8")
        for path in (*ready, last):
            path.replace(root / path.name)
    for path in root.glob("*.parquet"):
        if path.name not in manifest["tables"]:
            path.unlink()
    return manifest


def _check_schema(frame: pl.DataFrame, kind: str, name: str) -> None:
    expected = KINDS[kind][0]
    if dict(frame.schema) != dict(expected):
        odd = sorted({*frame.schema.items()} ^ {*expected.items()}, key=str)
        raise GreenlangError(
            "TABLE_SCHEMA",
            "a table has other columns than its kind",
            found=odd or "another order",
            expected=f"the columns of {kind}",
            where={"file": name},
        )


def read_manifest(root: Path = FACTORS_ROOT) -> dict[str, Any]:
    """The manifest of a folder of factor tables.

    Raises:
        GreenlangError: ``TABLES_MISSING``, ``MANIFEST_UNREADABLE``.
    """
    path = root / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise GreenlangError(
            "TABLES_MISSING", "there are no factor tables here", found="no manifest.json",
            expected="the shipped tables", hint="run: glac factors rebuild FOLDER",
            where={"folder": root.name},
        ) from error  # fmt: skip
    except (OSError, ValueError) as error:
        raise GreenlangError(
            "MANIFEST_UNREADABLE", "the manifest of the factor tables cannot be read", found=str(error),
            expected=FORMAT, where={"file": MANIFEST},
        ) from error  # fmt: skip
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise GreenlangError(
            "MANIFEST_UNREADABLE",
            "the manifest has another format",
            found=manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__,
            expected=FORMAT,
            where={"file": MANIFEST},
        )
    return manifest


def load(kind: str, root: Path = FACTORS_ROOT) -> pl.DataFrame:
    """All tables of one kind as one frame, in the order of the manifest; row counts are checked.

    Raises:
        GreenlangError: ``TABLES_MISSING``, ``TABLE_UNREADABLE``, ``TABLE_ROWS``, ``TABLE_SCHEMA``.
    """
    stored = [
        (root / name, entry)
        for name, entry in sorted(read_manifest(root)["tables"].items())
        if entry["kind"] == kind
    ]
    if not stored:
        return pl.DataFrame(schema=dict(KINDS[kind][0]))
    try:
        # All files at once take a third of the time of one after the other.
        frames = pl.collect_all([pl.scan_parquet(path, glob=False) for path, _ in stored])
    except (OSError, pl.exceptions.PolarsError):
        # One after the other says which of them cannot be read.
        frames = [_read(path, entry) for path, entry in stored]
    return pl.concat(_checked(frame, *table) for frame, table in zip(frames, stored, strict=True))


def read_table(path: Path, entry: Mapping[str, Any]) -> pl.DataFrame:
    """One table of a set, its columns and row count checked against its entry.

    Raises:
        GreenlangError: ``TABLE_UNREADABLE``, ``TABLE_SCHEMA``, ``TABLE_ROWS``.
    """
    return _checked(_read(path, entry), path, entry)


def _read(path: Path, entry: Mapping[str, Any]) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise GreenlangError(
            "TABLE_UNREADABLE", "a shipped table cannot be read", found=str(error).splitlines()[0],
            expected=f"{entry['rows']} rows of {entry['kind']}", where={"file": path.name},
        ) from error  # fmt: skip


def _checked(frame: pl.DataFrame, path: Path, entry: Mapping[str, Any]) -> pl.DataFrame:
    _check_schema(frame, entry["kind"], path.name)
    if frame.height != entry["rows"]:
        raise GreenlangError(
            "TABLE_ROWS",
            "a shipped table has another number of rows than its manifest says",
            found=frame.height,
            expected=entry["rows"],
            where={"file": path.name},
        )
    return frame


def verify(root: Path = FACTORS_ROOT) -> dict[str, Any]:
    """Recompute every content hash of a folder of tables; returns the manifest when all agree.

    Raises:
        GreenlangError: ``TABLE_ALTERED`` naming the first table whose rows are not those that were
            written, and the errors of ``load``.
    """
    manifest = read_manifest(root)
    for name, entry in sorted(manifest["tables"].items()):
        found = table_sha256(read_table(root / name, entry), key=KINDS[entry["kind"]][1])
        if found != entry["content_sha256"]:
            raise GreenlangError(
                "TABLE_ALTERED",
                "the rows of a shipped table are not those of its manifest",
                found=found,
                expected=entry["content_sha256"],
                where={"file": name},
            )
    hashes = {name: entry["content_sha256"] for name, entry in manifest["tables"].items()}
    if content_sha256(hashes) != manifest["content_sha256"]:
        raise GreenlangError(
            "TABLE_ALTERED",
            "the manifest does not agree with itself",
            found=manifest["content_sha256"],
            expected=content_sha256(hashes),
            where={"file": MANIFEST},
        )
    return manifest
