"""From the folder of publishers' files to the shipped tables.

Belongs here: reading every publisher's files in turn, and the checks between publishers.
Does not belong here: which files there are (``publishers``), a publisher's layout (``importers``), the form
of the tables (``tables``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts, tables
from greenlang_assets.core.factors.importers.base import PROPERTY_KEY, ImportResult
from greenlang_assets.core.factors.model import FACTOR_SCHEMA
from greenlang_assets.core.factors.publishers import PUBLISHERS, Publisher

#: The fuel properties of all publishers stand in one table.
PROPERTIES = "fuel-properties.parquet"
#: Table name (without ending) -> the publisher's file, below the folder of publishers' files.
SOURCES = {stem: file for publisher in PUBLISHERS for stem, file in publisher.files.items()}


def locate(publisher_files: Path, stem: str) -> Path:
    """The publisher's file behind a table.

    Raises:
        GreenlangError: ``PUBLISHER_FILE_MISSING``.
    """
    path = publisher_files / SOURCES[stem]
    if not path.is_file():
        raise GreenlangError(
            "PUBLISHER_FILE_MISSING",
            "a publisher's file is not in the folder",
            found="no such file",
            expected=SOURCES[stem],
            hint="GREENLANG_PUBLISHER_FILES names the folder that holds one sub-folder a publisher",
        )
    return path


def to_read(publisher_files: Path, publishers: Iterable[Publisher] = PUBLISHERS) -> dict[str, Path]:
    """The file behind each table that is to be read: all but those that may be kept and are not there.

    Raises:
        GreenlangError: ``PUBLISHER_FILE_MISSING``.
    """
    return {
        stem: locate(publisher_files, stem)
        for publisher in publishers
        for stem, file in publisher.files.items()
        if stem not in publisher.kept or (publisher_files / file).is_file()
    }


def import_all(publisher_files: Path) -> dict[str, ImportResult]:
    """What every publisher's file yields, by table name without ending, each read afresh."""
    results: dict[str, ImportResult] = {}
    known = pl.DataFrame(schema=FACTOR_SCHEMA)
    files = to_read(publisher_files)
    for publisher in PUBLISHERS:
        for stem in publisher.files:
            if stem not in files:
                continue
            results[stem] = publisher.read(files[stem], known)
            known = pl.concat([known, results[stem].factors])
    return results


def tables_of(stem: str, result: ImportResult, importer: str) -> list[tables.Table]:
    """The tables of one import, fuel properties apart: ``<stem>.parquet`` for its factors,
    ``<stem>-<kind>.parquet`` for the rest; what holds one table alone has the plain name."""
    facts = {
        "importer": importer,
        "publisher": result.publisher,
        "datasets": sorted(result.datasets),
        "editions": sorted(result.editions),
    }
    read = {
        "rows_read": result.rows_read,
        "skipped": dict(sorted(result.skipped.items())),
        "notes": list(result.notes),
    }
    made = []
    if result.factors.height:
        versions = {"versions": sorted(set(result.factors["version"]))}
        made.append(tables.Table(f"{stem}.parquet", "factors", result.factors, {**facts, **versions, **read}))
    for kind, frame in sorted(result.others.items()):
        alone = not made and len(result.others) == 1
        name = f"{stem}.parquet" if alone else f"{stem}-{kind}.parquet"
        made.append(tables.Table(name, kind, frame, {**facts, **read} if alone else facts))
    return made


def kept(stem: str) -> list[tables.Table]:
    """The shipped tables of a publisher's file that is not at hand, as they stand.

    Raises:
        GreenlangError: those of ``tables.read_table``; ``TABLES_MISSING`` where there are none.
    """
    derived = ("kind", "rows", "content_sha256", "sources")
    found = [
        tables.Table(
            name,
            entry["kind"],
            tables.read_table(tables.FACTORS_ROOT / name, entry),
            {fact: value for fact, value in entry.items() if fact not in derived},
        )
        for name, entry in sorted(tables.read_manifest()["tables"].items())
        if name in {f"{stem}.parquet", *(f"{stem}-{kind}.parquet" for kind in tables.KINDS)}
    ]
    if not found:
        raise GreenlangError(
            "TABLES_MISSING",
            "a publisher's file is not in the folder, and no table of it ships",
            found="neither",
            expected=SOURCES[stem],
        )
    return found


def rebuild(publisher_files: Path, out: Path) -> dict[str, Any]:
    """Import every publisher's file and write the set of tables; returns the manifest.

    Args:
        publisher_files: folder with one sub-folder a publisher (see ``publishers``).
        out: folder of the tables; stays as it was when anything is refused.

    Raises:
        GreenlangError: ``PUBLISHER_FILE_MISSING``, ``GWP_CROSS_CHECK``, ``CONTRACT_BROKEN``, and those of
            the importers.
    """
    results = import_all(publisher_files)
    gwp = pl.concat([r.others["gwp"] for r in results.values() if "gwp" in r.others])
    for result in results.values():
        cross_check(result, gwp)
    properties = pl.concat([result.properties for result in results.values()]).sort(PROPERTY_KEY)
    written = [
        table
        for publisher in PUBLISHERS
        for stem in publisher.files
        for table in (tables_of(stem, results[stem], publisher.name) if stem in results else kept(stem))
    ]
    written.append(tables.Table(PROPERTIES, "properties", properties, {"skipped": {}}))
    for table in written:
        if table.kind == "factors":
            contracts.require(table.frame, table.name)
    return tables.write(written, out)


def cross_check(result: ImportResult, gwp: pl.DataFrame) -> None:
    """Refuse when a publisher's printed AR5 GWPs are not those of the IPCC table."""
    table = dict(gwp.filter(gwp_set="AR5").select("gas", "value").iter_rows())
    for gas, printed in result.gwp.items():
        if table.get(gas) != printed:
            raise GreenlangError(
                "GWP_CROSS_CHECK",
                f"the GWP of {gas} that the publisher prints is not that of AR5 in the IPCC table",
                found=printed,
                expected=table.get(gas),
                where={"file": result.source.file},
            )
