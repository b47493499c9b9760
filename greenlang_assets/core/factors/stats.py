"""How factors and published values are counted, and the rules in words beside the figures.

Belongs here: counting. Does not belong here: deciding that a row does not count (the importers say so in
``not_counted``), printing.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from greenlang_assets.core.factors.model import CO2E_PARTS, MASS_GASES

#: Kinds of row that count: what a publisher printed, and what is derived from it by a stated way.
COUNTED_KINDS = ("sourced", "derived")
RULES = (
    "total: factors. One factor per identity (publisher, dataset, edition, activity path, region, year, "
    "unit, calorific basis); its gases are columns of one row and count once.",
    "total takes rows whose kind is sourced or derived and whose not_counted is empty. The by_ groups count "
    "the same rows and add up to it.",
    "Not in total, by reason under not_counted: rows that are kept and found but are no factor of their own, "
    "such as aggregates over regions and rows that their publisher has archived.",
    "Not factors at all, but published values: margins, mark-ups, stages of a life cycle, further impact "
    "indicators, compilations, percentages; they have a table of their own.",
    "published_values: every figure that a publisher prints and that is kept. Gases and CO2e columns of all "
    "sourced rows, counted or not; each gas inside other_gases; stated uncertainties; rows of further "
    "published values, of fuel properties and of GWP sets. Figures of derived rows are ours: not in it.",
    "Synthetic rows exist for load tests alone and are in no figure here.",
)
_FIGURES = (*MASS_GASES, *CO2E_PARTS)
_GROUPS = {
    "publisher": "publisher",
    "kind": "kind",
    "licence": "cite_licence",
    "dataset": "dataset",
    "edition": "edition",
    "year": "year",
}


def counted() -> pl.Expr:
    """Which rows of a factor table count as factors."""
    return pl.col("kind").is_in(COUNTED_KINDS) & pl.col("not_counted").is_null()


def further_values(values: pl.DataFrame) -> int:
    """How many figures ``VALUE_SCHEMA`` rows add: one that has the name of a figure's column only says where
    else that figure of its factor is printed."""
    return values.filter(~pl.col("measure").is_in(_FIGURES)).height


def count(
    factors: pl.DataFrame,
    *,
    properties: pl.DataFrame,
    gwp: pl.DataFrame | None = None,
    values: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """Counts of a catalogue.

    Args:
        factors: rows of ``FACTOR_SCHEMA``.
        properties: rows of ``PROPERTY_SCHEMA``.
        gwp: rows of ``GWP_SCHEMA``.
        values: rows of ``VALUE_SCHEMA``.

    Returns:
        ``total``, ``published_values`` and what that consists of, the ``by_`` groups of the total,
        ``not_counted`` by reason, and ``rules``.
    """
    counts = factors.filter(counted())
    published = _published(factors.filter(kind="sourced"))
    published["further_values"] = 0 if values is None else further_values(values)
    published["fuel_properties"] = properties.height
    published["gwp_values"] = 0 if gwp is None else gwp.height
    left_out = factors.filter(pl.col("not_counted").is_not_null() & (pl.col("kind") != "synthetic"))
    return {
        "total": counts.height,
        "published_values": sum(published.values()),
        "published_values_of": published,
        "fuel_properties": published["fuel_properties"],
        "gwp_values": published["gwp_values"],
        **{f"by_{name}": _by(counts, column) for name, column in _GROUPS.items()},
        "not_counted": _by(left_out, "not_counted"),
        "rules": list(RULES),
    }


def _published(rows: pl.DataFrame) -> dict[str, int]:
    """Figures in factor rows, by where they stand."""
    # A canonical record is one flat object of gas to figure: it has a colon after each quoted name.
    gases = rows["other_gases"].str.count_matches('":', literal=True).sum()
    return {
        "figures": sum(rows[name].count() for name in _FIGURES),
        "other_gases": int(gases),
        "uncertainties": rows["uncertainty_percent"].count(),
    }


def _by(rows: pl.DataFrame, column: str) -> dict[str, int]:
    counts = rows.group_by(column).len().sort(column).iter_rows()
    return {str(value): number for value, number in counts}
