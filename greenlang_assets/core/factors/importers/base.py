"""The one shape that every importer has: a publisher's file in, an ``ImportResult`` out.

Belongs here: the result, factor ids, slugs, and the assembly of rows into frames.
Does not belong here: any publisher's layout.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import CO2E_PARTS, FACTOR_SCHEMA, MASS_GASES

#: Columns of a fuel-property table, in canonical order.
PROPERTY_SCHEMA: dict[str, pl.DataType] = {
    "property_id": pl.String(),
    "publisher": pl.String(),
    "dataset": pl.String(),
    "edition": pl.String(),
    "activity_path": pl.String(),
    "activity": pl.String(),
    "property": pl.String(),
    "calorific_basis": pl.String(),
    "value": pl.Float64(),
    "unit": pl.String(),
    **{name: dtype for name, dtype in FACTOR_SCHEMA.items() if name.startswith("cite_")},
}
PROPERTY_KEY = ("property_id",)
#: Columns of the GWP table, in canonical order.
GWP_SCHEMA: dict[str, pl.DataType] = {
    "gwp_set": pl.String(),
    "gas": pl.String(),
    "horizon_years": pl.Int64(),
    "value": pl.Float64(),
    "note": pl.String(),
    **{name: dtype for name, dtype in FACTOR_SCHEMA.items() if name.startswith("cite_")},
}
GWP_KEY = ("gwp_set", "gas", "horizon_years")
#: Columns of a table of further published values (``model.PublishedValue``), in canonical order.
VALUE_SCHEMA: dict[str, pl.DataType] = {
    "value_id": pl.String(),
    "factor_id": pl.String(),
    "publisher": pl.String(),
    "dataset": pl.String(),
    "edition": pl.String(),
    "activity_path": pl.String(),
    "region": pl.String(),
    "year": pl.Int64(),
    "measure": pl.String(),
    "value": pl.Float64(),
    "unit": pl.String(),
    **{name: dtype for name, dtype in FACTOR_SCHEMA.items() if name.startswith("cite_")},
}
VALUE_KEY = ("value_id",)
#: Columns of a nomenclature of goods, in canonical order: no figures, but the names behind the codes.
GOODS_SCHEMA: dict[str, pl.DataType] = {
    "nomenclature": pl.String(),
    "year": pl.Int64(),
    "code": pl.String(),
    "name": pl.String(),
    "path": pl.String(),
    **{name: dtype for name, dtype in FACTOR_SCHEMA.items() if name.startswith("cite_")},
}
GOODS_KEY = ("nomenclature", "year", "code")


@dataclass(frozen=True)
class Source:
    """The document behind a result: what every citation of its rows has in common."""

    publisher: str
    document: str
    licence: str
    file: str
    sha256: str
    url: str | None = None

    def cite(self, *, edition: str, table: str, row: int) -> dict[str, Any]:
        """The citation columns of one row."""
        return {
            "cite_publisher": self.publisher,
            "cite_document": self.document,
            "cite_edition": edition,
            "cite_table": table,
            "cite_row": row,
            "cite_licence": self.licence,
            "cite_url": self.url,
            "cite_source_file": self.file,
            "cite_source_sha256": self.sha256,
        }


@dataclass(frozen=True)
class ImportResult:
    """What one publisher's file yielded.

    ``rows_read`` counts the rows of the file's tables, ``skipped`` what was read and is no factor, by
    reason, so that nothing is left out unseen. ``others`` holds tables of other kinds (``tables.KINDS``):
    ``values``, ``gwp``, ``goods``. ``gwp`` holds GWPs that the document prints, for a check
    against the IPCC table. ``notes`` say what the file at hand lacks.
    """

    publisher: str
    datasets: tuple[str, ...]
    editions: tuple[str, ...]
    source: Source
    factors: pl.DataFrame
    properties: pl.DataFrame
    rows_read: int
    skipped: dict[str, int] = field(default_factory=dict)
    others: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    gwp: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


_WORDS = {
    "≤": " up to ",
    "<=": " up to ",
    "≥": " from ",
    ">=": " from ",
    "<": " under ",
    ">": " over ",
    "%": " pct ",
    "+": " plus ",
    "&": " and ",
    # A ligature is two letters to those who look for it.
    "œ": "oe",
    "Œ": "Oe",
}


def slug(text: str) -> str:
    """Lower-case words joined by hyphens; signs that carry meaning become words (``<`` is ``under``)."""
    for sign, word in _WORDS.items():
        text = text.replace(sign, word)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")


def path_slug(path: str) -> str:
    """An activity path as one slug: levels are joined, ``>`` between them is no sign of its own."""
    return "-".join(slug(level) for level in path.split(" > "))


def factor_id(
    *,
    publisher: str,
    dataset: str,
    edition: str,
    activity_path: str,
    region: str,
    year: int,
    activity_unit: str,
    calorific_basis: str | None = None,
    suffix: str | None = None,
) -> str:
    """The identity of a factor row as one lower-case text."""
    parts = [publisher, dataset, edition, path_slug(activity_path), region, str(year), slug(activity_unit)]
    return "/".join(part for part in (*parts, calorific_basis, suffix) if part).lower()


def edition_version(edition: str, patch: int = 0) -> str:
    """Semantic version of a yearly edition: the year, no minor edition, the publisher's n-th correction."""
    return f"{edition.removeprefix('eGRID')}.0.{patch}"


def value_row(
    source: Source,
    *,
    table: str,
    row: int,
    measure: str,
    value: float,
    unit: str,
    factor_id: str | None = None,
    suffix: str | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """One row of ``VALUE_SCHEMA``: a printed figure that is no factor of its own, with its citation.

    Args:
        columns: publisher, dataset, edition, activity_path, region, year.
        suffix: what tells two figures apart that share all of these and the measure.
    """
    parts = [
        *(columns[name] for name in ("publisher", "dataset", "edition")),
        path_slug(columns["activity_path"]),
        columns["region"],
        str(columns["year"]),
        slug(measure),
        suffix,
    ]
    return {
        "value_id": "/".join(part for part in parts if part).lower(),
        "factor_id": factor_id,
        **columns,
        "measure": measure,
        "value": value,
        "unit": unit,
        **source.cite(edition=columns["edition"], table=table, row=row),
    }


def factor_row(
    source: Source, *, table: str, row: int, suffix: str | None = None, **columns: Any
) -> dict[str, Any]:
    """One factor row: the given columns, its id and its citation. Units of absent gases are left out."""
    for gas in (*MASS_GASES, "other_gases"):
        if columns.get(gas) is None:
            columns[f"{gas}_unit"] = None
    if all(columns.get(part) is None for part in CO2E_PARTS):
        columns["co2e_unit"] = None
    columns["factor_id"] = factor_id(
        **{
            name: columns[name]
            for name in ("publisher", "dataset", "edition", "activity_path", "region", "year")
        },
        activity_unit=columns["activity_unit"],
        calorific_basis=columns.get("calorific_basis"),
        suffix=suffix,
    )
    return {"kind": "sourced", **columns, **source.cite(edition=columns["edition"], table=table, row=row)}


def frame(
    rows: Sequence[Mapping[str, Any]], schema: Mapping[str, pl.DataType], key: Iterable[str], source: Source
) -> pl.DataFrame:
    """Rows as a frame with exactly the schema's columns, sorted by key; doubled keys are refused."""
    table = pl.DataFrame(
        [{name: row.get(name) for name in schema} for row in rows], schema=dict(schema), orient="row"
    )
    doubled = table.filter(pl.struct(*key).is_duplicated())
    if doubled.height:
        raise GreenlangError(
            "DUPLICATE_KEY",
            "two rows of the publisher's file would carry the same identity",
            found=" and ".join(
                f"row {row['cite_row']} ({row['cite_table']})"
                for row in doubled.head(2).iter_rows(named=True)
            ),
            expected=f"one row for {doubled.select(*key).row(0)}",
            where={"file": source.file, "row": doubled["cite_row"][1]},
        )
    return table.sort(*key)
