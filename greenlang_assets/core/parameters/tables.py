"""The shipped parameter tables: written, read and verified.

Belongs here: the files under ``data/parameters`` and their manifest. Does not belong here: their source
(``bonsai_ipcc``), the equations that use them (``core.formulas.parameter_binding``).

As everywhere, a Parquet file's bytes change with its writer, so the manifest holds the canonical content hash
of the rows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.parameters.contract import require_sound
from greenlang_assets.core.parameters.definitions import PARAMETERS_ROOT
from greenlang_assets.core.parameters.model import PARAMETER_KEY, PARAMETER_SCHEMA, Parameter
from greenlang_assets.core.provenance.canonical import table_sha256

FORMAT = "greenlang/parameter-tables@1"
MANIFEST = "manifest.json"
FILE = "ipcc-defaults.parquet"


@dataclass(frozen=True)
class Manifest:
    """What the manifest says of the tables.

    Args:
        content_sha256: identity of the rows.
        source: file, package, licence and SHA-256 of what they were read from.
        counts: table -> what became of the source's figures.
    """

    content_sha256: str
    source: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]


class Parameters:
    """Every parameter at hand.

    Args:
        frame: rows of ``PARAMETER_SCHEMA``, sorted by id.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    @classmethod
    def shipped(cls, root: Path = PARAMETERS_ROOT) -> Parameters:
        """The tables that ship, verified.

        Raises:
            GreenlangError: as :func:`read`.
        """
        return cls(read(root)[0])

    @cached_property
    def _by_table(self) -> Mapping[str, tuple[Parameter, ...]]:
        groups: dict[str, list[Parameter]] = defaultdict(list)
        for row in self.frame.iter_rows(named=True):
            groups[row["table_id"]].append(Parameter(row))
        return {name: tuple(rows) for name, rows in sorted(groups.items())}

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(self._by_table)

    def of(self, table_id: str) -> tuple[Parameter, ...]:
        """The rows of a table, sorted by id; none of an unknown one."""
        return self._by_table.get(table_id, ())


def read(root: Path = PARAMETERS_ROOT) -> tuple[pl.DataFrame, Manifest]:
    """The shipped rows and what the manifest says of them.

    Raises:
        GreenlangError: ``TABLE_ALTERED`` where the rows are not those of the manifest.
    """
    said = json.loads((root / MANIFEST).read_text("utf-8"))
    manifest = Manifest(str(said["content_sha256"]), said["source"], said["tables"])
    frame = pl.read_parquet(root / FILE)
    found = table_sha256(frame, key=PARAMETER_KEY)
    if found != manifest.content_sha256:
        raise GreenlangError(
            "TABLE_ALTERED",
            f"the table {FILE} is not that of the manifest",
            found=found,
            expected=manifest.content_sha256,
            hint="restore data/parameters",
            where={"file": FILE},
        )
    return frame, manifest


def write(
    rows: Sequence[Mapping[str, Any]],
    source: Mapping[str, str],
    counts: Mapping[str, Mapping[str, int]],
    root: Path = PARAMETERS_ROOT,
) -> None:
    """Write the rows and, last, the manifest.

    Args:
        rows: columns of ``PARAMETER_SCHEMA``.
        source: file, package, licence and SHA-256 of what they were read from.
        counts: table -> what became of the source's figures.
        root: the folder.

    Raises:
        GreenlangError: ``PARAMETER_CONTRACT``; nothing is written then.
    """
    frame = pl.DataFrame(rows, schema=PARAMETER_SCHEMA).sort(PARAMETER_KEY)
    require_sound(frame)
    manifest = {
        "format": FORMAT,
        "rows": frame.height,
        "content_sha256": table_sha256(frame, key=PARAMETER_KEY),
        "source": dict(source),
        "tables": dict(counts),
    }
    holding = root / f".{FILE}"
    frame.write_parquet(holding, compression="zstd", compression_level=19)
    holding.replace(root / FILE)
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (root / MANIFEST).write_text(text, encoding="utf-8")
