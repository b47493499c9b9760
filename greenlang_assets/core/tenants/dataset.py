"""A tenant data set on disk: two Parquet tables, the method table, and a manifest that vouches for them.

Belongs here: writing a set once, and reading it with its content hashes checked.
Does not belong here: reading a publisher's file (``chicago``), calculating.

The method table is a CSV file that people edit; it is an input and therefore not in the manifest.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex, table_sha256
from greenlang_assets.core.tenants import chicago
from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD, REPORTED, Contract, check_columns

_TABLES = {"activity": ACTIVITY, "reported": REPORTED}


@dataclass(frozen=True)
class TenantDataset:
    """Activity, reported figures and method of one group of tenants, as loaded and verified.

    ``method_sha256`` is the hash of the method file's bytes, as ``sha256sum`` gives it.
    """

    name: str
    activity: pl.DataFrame
    reported: pl.DataFrame
    method: pl.DataFrame
    method_sha256: str
    manifest: dict[str, Any]


def write_chicago(source: Path, folder: Path) -> dict[str, Any]:
    """Imports the city's file and writes ``activity.parquet``, ``reported.parquet``, ``manifest.json``.

    Args:
        source: the benchmarking CSV file.
        folder: where the tables go, ``data/tenants/chicago``.

    Returns:
        The manifest: source file and SHA-256, attribution, rows, and what is odd in the file.

    Raises:
        GreenlangError: those of :func:`chicago.import_chicago`; nothing is written then.
    """
    activity, reported = chicago.import_chicago(source)
    manifest = {
        "name": "chicago",
        "source": {
            "document": chicago.DOCUMENT,
            "file": source.name,
            "sha256": reported["source_sha256"][0],
        },
        "attribution": chicago.ATTRIBUTION,
        "tables": {
            name: {
                "key": list(_TABLES[name].key),
                "rows": frame.height,
                "content_sha256": table_sha256(frame, key=_TABLES[name].key),
            }
            for name, frame in (("activity", activity), ("reported", reported))
        },
        "facts": _facts(activity, reported),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("activity", activity), ("reported", reported)):
        frame.write_parquet(folder / f"{name}.parquet", compression="zstd", compression_level=19)
    text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def _facts(activity: pl.DataFrame, reported: pl.DataFrame) -> dict[str, Any]:
    """What a reader of the file should know before believing a total."""
    by_year = reported.group_by("period").len().sort("period").rows()
    by_activity = activity.group_by("activity").len().sort("activity").rows()
    with_energy = activity.select("facility_id", "period").unique()
    return {
        "tenants": reported["tenant"].n_unique(),
        "facilities": reported["facility_id"].n_unique(),
        "building_years": dict(by_year),
        "activity_rows": dict(by_activity),
        "duplicate_building_years": int(reported.select("facility_id", "period").is_duplicated().sum()),
        "building_years_without_reported_figure": reported["reported_tco2e"].null_count(),
        "building_years_without_energy": reported.join(
            with_energy, on=["facility_id", "period"], how="anti"
        ).height,
        "negative_quantities": activity.filter(pl.col("quantity") < 0)["activity_id"].sort().to_list(),
    }


def dataset_folders(root: Path) -> tuple[Path, ...]:
    """The tenant data sets under a folder: every folder in it with a manifest, by name."""
    return tuple(sorted(path.parent for path in root.glob("*/manifest.json")))


def load_dataset(name: str, root: Path | None = None) -> TenantDataset:
    """A data set that ships, with the tables' content hashes checked against its manifest.

    Args:
        name: folder under ``data/tenants``, e.g. ``chicago``.
        root: another folder to look in, by default ``data/tenants``.

    Raises:
        GreenlangError: ``TENANT_DATASET_NOT_FOUND``, ``TENANT_DATASET_ALTERED`` (a table is not the one
            that the manifest names), ``TENANT_FILE_UNREADABLE``, ``CONTRACT_COLUMNS``, ``CONTRACT_KEY``,
            each with the file, and those of :func:`load_method`.
    """
    folder = (DATA_ROOT / "tenants" if root is None else root) / name
    try:
        manifest = _manifest(folder / "manifest.json")
    except FileNotFoundError as error:
        known = [path.name for path in dataset_folders(folder.parent)]
        raise GreenlangError(
            "TENANT_DATASET_NOT_FOUND",
            "there is no tenant data set of this name",
            found=name,
            expected=", ".join(known) or "a folder with manifest.json",
            where={"folder": folder.parent.name},
        ) from error
    tables = {}
    for table, contract in _TABLES.items():
        frame = _table(folder / f"{table}.parquet", contract)
        digest = table_sha256(frame, key=contract.key)
        stated = manifest["tables"][table]["content_sha256"]
        if digest != stated:
            raise GreenlangError(
                "TENANT_DATASET_ALTERED",
                f"table {table} of tenant data set {name} is not the one that its manifest names",
                found=digest,
                expected=stated,
                hint="import the source file again",
                where={"file": f"{name}/{table}.parquet"},
            )
        tables[table] = frame
    method = folder / "method.csv"
    return TenantDataset(
        name=name,
        activity=tables["activity"],
        reported=tables["reported"],
        method=load_method(method),
        method_sha256=sha256_hex(method.read_bytes()),
        manifest=manifest,
    )


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = manifest["attribution"], manifest["source"]["file"], manifest["source"]["sha256"]
        _ = [manifest["tables"][table]["content_sha256"] for table in _TABLES]
    except (ValueError, KeyError, TypeError) as error:
        expected = "JSON with attribution, source.file, source.sha256 and tables.*.content_sha256"
        raise _unreadable(path, repr(error), expected) from error
    return manifest


def _table(path: Path, contract: Contract) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error, f"a Parquet file with table {contract.name}") from error
    try:
        check_columns(frame, contract)
    except GreenlangError as error:
        error.where["file"] = f"{path.parent.name}/{path.name}"
        raise
    return frame


def _unreadable(path: Path, found: object, expected: str) -> GreenlangError:
    return GreenlangError(
        "TENANT_FILE_UNREADABLE",
        f"file {path.name} of tenant data set {path.parent.name} cannot be read",
        found=found,
        expected=expected,
        hint="mend the file, or take its folder away: no tenant is calculated while one cannot be read",
        where={"file": f"{path.parent.name}/{path.name}"},
    )


def load_method(path: Path) -> pl.DataFrame:
    """The method table of a data set: data year and activity → edition, factor and GWP set, with reasons.

    Raises:
        GreenlangError: ``METHOD_TABLE`` with file, row and column.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        rows = list(reader)
    if list(reader.fieldnames or ()) != list(METHOD.columns):
        raise GreenlangError(
            "METHOD_TABLE",
            "the method table does not have its columns",
            found=", ".join(reader.fieldnames or ()),
            expected=", ".join(METHOD.columns),
            where={"file": path.name, "row": 1},
        )
    for number, row in enumerate(rows, start=2):
        for column in METHOD.columns:
            if row[column] is None or (column == "data_year" and not row[column].isdecimal()):
                raise GreenlangError(
                    "METHOD_TABLE",
                    "a cell of the method table is not readable",
                    found=row[column],
                    expected="a year" if column == "data_year" else "text",
                    where={"file": path.name, "row": number, "column": column},
                )
    frame = pl.DataFrame([row | {"data_year": int(row["data_year"])} for row in rows], schema=METHOD.schema)
    return _keyed(frame, METHOD, path)


def _keyed(frame: pl.DataFrame, contract: Contract, path: Path) -> pl.DataFrame:
    doubled = frame.filter(frame.select(contract.key).is_duplicated())
    if doubled.height:
        raise GreenlangError(
            "METHOD_TABLE",
            "two rows of the method table answer for the same data year and activity",
            found=doubled.select(contract.key).row(0),
            expected="one row a data year and activity",
            where={"file": path.name},
        )
    return frame.sort(contract.key)
