"""IPCC global warming potentials, 100-year horizon: AR4, AR5, AR6.

Belongs here: the compilation "globalwarmingpotentials" (CC0) and the few values that it lacks, which stand
in ``data/factors/gwp-transcribed.csv``, each with the two public texts in which it was read.
Does not belong here: other horizons, and AR5 values with climate-carbon feedbacks (another convention).
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import (
    GWP_KEY,
    GWP_SCHEMA,
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    ImportResult,
    Source,
    frame,
)
from greenlang_assets.core.factors.importers.spreadsheet import file_sha256, read_bytes
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA

TRANSCRIBED = DATA_ROOT / "factors" / "gwp-transcribed.csv"
#: Column of the compilation, and where the IPCC prints those values (as the file's head says).
SETS = {
    "AR4": (
        "AR4GWP100",
        "IPCC AR4 WGI",
        "as listed in GHG Protocol, Global Warming Potential Values, February 2016",
    ),
    "AR5": ("AR5GWP100", "IPCC AR5 WGI", "Table 8.A.1"),
    "AR6": ("AR6GWP100", "IPCC AR6 WGI", "Table 7.SM.7"),
}
_HEADER = [
    "Species", "SARGWP100", "TARGWP100", "AR4GWP100", "AR5GWP100", "AR5CCFGWP100", "AR6GWP100",
    "TARGWP20", "AR6GWP20", "TARGWP500", "AR6GWP500", "AR6GTP100",
]  # fmt: skip
_TRANSCRIBED_HEADER = [
    "gwp_set", "gas", "horizon_years", "value", "document", "table", "read_in_1", "read_in_2",
]  # fmt: skip
_HYPHEN = re.compile(r"(HFC|CFC|HCFC|HFE|HCFE|Halon|PFC)(?=\d)")


def gas_id(species: str) -> str:
    """The usual spelling of a species: ``HFC134a`` is ``HFC-134a``, ``HFC4310mee`` is ``HFC-43-10mee``."""
    return "HFC-43-10mee" if species == "HFC4310mee" else _HYPHEN.sub(r"\1-", species, count=1)


def read(path: Path, transcribed: Path = TRANSCRIBED) -> ImportResult:
    """Import the compilation and the transcribed values: a table of kind ``gwp``, no factors.

    Raises:
        GreenlangError: ``ENCODING_UNKNOWN``, ``LAYOUT_UNKNOWN``, ``CELL_NOT_A_NUMBER``, ``DUPLICATE_KEY``.
    """
    source = Source(
        publisher="IPCC",
        document="IPCC AR4, AR5, AR6 WGI, as compiled in openclimatedata/globalwarmingpotentials",
        licence="CC0-1.0",
        file=path.name,
        sha256=file_sha256(path) if path.is_file() else "",
        url="https://github.com/openclimatedata/globalwarmingpotentials",
    )
    lines = _lines(path)
    head = next((row for row, cells in lines if not cells[0].startswith("#")), 1)
    header = dict(lines).get(head, [])
    if header != _HEADER:
        raise GreenlangError(
            "LAYOUT_UNKNOWN",
            "the GWP compilation has other columns",
            found=",".join(header),
            expected=",".join(_HEADER),
            where={"file": path.name, "row": head},
        )
    rows, skipped = [], 0
    for row, cells in lines:
        if row <= head:
            continue
        if len(cells) != len(_HEADER):
            raise GreenlangError(
                "LAYOUT_UNKNOWN",
                "a line has another number of cells",
                found=len(cells),
                expected=len(_HEADER),
                where={"file": path.name, "row": row},
            )
        for gwp_set, (column, report, table) in SETS.items():
            text = cells[_HEADER.index(column)]
            if not text:
                skipped += 1
                continue
            value = _number(text, path, row, column)
            cite = source.cite(edition=gwp_set, table=f"{report}, {table}; column {column}", row=row)
            rows.append(
                {"gwp_set": gwp_set, "gas": gas_id(cells[0]), "horizon_years": 100, "value": value, **cite}
            )
    rows += _transcribed(transcribed)
    return ImportResult(
        publisher="ipcc",
        datasets=("gwp",),
        editions=tuple(sorted(SETS)),
        source=source,
        factors=frame([], FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=sum(row > head for row, _ in lines),
        skipped={"no value in that report (cells)": skipped},
        others={"gwp": frame(rows, GWP_SCHEMA, GWP_KEY, source)},
    )


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Lines of a csv with their numbers, blank ones left out."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GreenlangError(
            "ENCODING_UNKNOWN", "the file is not UTF-8 text", found=f"byte {error.object[error.start]:#04x} "
            f"at {error.start}", expected="UTF-8", where={"file": path.name},
        ) from error  # fmt: skip
    reader = csv.reader(io.StringIO(text))
    return [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]


def _number(text: str, path: Path, row: int, column: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise GreenlangError(
            "CELL_NOT_A_NUMBER",
            "a GWP is not a number",
            found=repr(text),
            expected="digits with a decimal point",
            where={"file": path.name, "row": row, "column": column},
        )
    return float(text)


def _transcribed(path: Path) -> list[dict[str, Any]]:
    lines = _lines(path)
    if not lines or lines[0][1] != _TRANSCRIBED_HEADER:
        raise GreenlangError(
            "LAYOUT_UNKNOWN",
            "the table of transcribed GWPs has other columns",
            found=lines[0][1] if lines else "",
            expected=_TRANSCRIBED_HEADER,
            where={"file": path.name, "row": 1},
        )
    digest = file_sha256(path)
    rows = []
    for row, cells in lines[1:]:
        record = dict(zip(_TRANSCRIBED_HEADER, cells, strict=True))
        source = Source("IPCC", record["document"], "facts, cited", path.name, digest)
        rows.append(
            {
                "gwp_set": record["gwp_set"],
                "gas": record["gas"],
                "horizon_years": int(record["horizon_years"]),
                "value": _number(record["value"], path, row, "value"),
                "note": f"transcribed; read in {record['read_in_1']} and {record['read_in_2']}",
                **source.cite(edition=record["gwp_set"], table=record["table"], row=row),
            }
        )
    return rows
