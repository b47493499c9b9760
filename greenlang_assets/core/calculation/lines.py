"""Lines and totals: the hash of each, and sums that are exact.

Belongs here: what a line's and a total's hash covers, so that anyone can form it again from the row.
Does not belong here: computing masses (``batch``).

A line's hash covers formula, factor, GWP set, the activity row by its own hash, quantities with units and
the published integers. A total's hash covers its lines by their hashes, and its sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.rounding import PRECISION
from greenlang_assets.core.provenance.canonical import content_sha256, row_hashes
from greenlang_assets.core.tenants.contracts import LINES, TOTALS

#: Columns of a line that its hash covers; the rest says whose it is and how it was found.
HASHED = (
    *("activity_sha256", "scope", "quantity", "unit", "converted_quantity", "converted_unit"),
    *("factor_id", "factor_sha256", "formula_id", "formula_sha256", "gwp_set", "gwp_sha256"),
    *("co2_mg", "ch4_mg", "n2o_mg", "co2_biogenic_mg", "co2e_mg", "co2e_market_mg", "market_basis"),
)


def line_sha256(line: Mapping[str, Any]) -> str:
    """The hash of a line, formed from its row alone."""
    body = {name: line[name] for name in HASHED if line[name] is not None}
    return content_sha256({**body, "precision": PRECISION})


def total_sha256(total: Mapping[str, Any]) -> str:
    """The hash of a total, formed from its row alone."""
    body = {
        name: total[name]
        for name in ("tenant", "period", "facility_id", "rejected", "co2e_mg", "co2e_market_mg")
    }
    return content_sha256({**body, "lines": str(total["line_sha256s"]).split(" ")})


def seal_lines(activity: pl.DataFrame, calculated: pl.DataFrame) -> pl.DataFrame:
    """Calculated rows as lines with their hashes, sorted by ``activity_id``.

    Args:
        activity: the activity rows (contract ``activity``).
        calculated: rows of them with the columns that the calculation adds.
    """
    if calculated.is_empty():
        return LINES.empty()
    rows = calculated.sort("activity_id")
    source = activity.join(rows.select("activity_id"), on="activity_id", how="semi").sort("activity_id")
    hashed = rows.with_columns(pl.Series("activity_sha256", row_hashes(source), dtype=pl.String))
    sealed = row_hashes(hashed.select(HASHED), precision=PRECISION)
    return hashed.with_columns(pl.Series("line_sha256", sealed, dtype=pl.String)).select(
        pl.col(name).cast(dtype) for name, dtype in LINES.schema.items()
    )


def sum_totals(activity: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """One total per facility and period that has a line; where every row was rejected, there is no total.

    Scope "outside" (biogenic CO2) is in no total. Scope 2 enters the market-based sum by its market-based
    figure, everything else by its only one.

    Raises:
        GreenlangError: ``GWP_SET_MIXED``, ``NUMBER_OVERFLOW``.
    """
    key = list(TOTALS.key)
    counted = lines.filter(pl.col("scope") != "outside")
    if counted.is_empty():
        return TOTALS.empty()
    names = activity.group_by(key).agg(pl.len().alias("rows"), pl.col("facility_name").min())
    both = pl.coalesce("co2e_market_mg", "co2e_mg")
    sums = (
        counted.group_by(key)
        .agg(
            pl.col("tenant").sort().first(),
            pl.col("tenant").n_unique().alias("tenants"),
            pl.col("gwp_set").unique().sort().str.join(", ").alias("sets"),
            pl.col("gwp_set").n_unique().alias("set_count"),
            pl.len().cast(pl.Int64).alias("lines"),
            pl.col("co2e_mg").cast(pl.Int128).sum(),
            both.cast(pl.Int128).sum().alias("co2e_market_mg"),
            pl.col("line_sha256").sort().str.join(" ").alias("line_sha256s"),
        )
        .join(names, on=key, how="left", validate="1:1")
        .sort(key)
    )
    check_sums(sums)
    outside = lines.filter(pl.col("scope") == "outside").group_by(key).agg(pl.len().alias("outside"))
    totals = (
        sums.join(outside, on=key, how="left")
        .with_columns(
            (
                pl.col("rows").cast(pl.Int64)
                - pl.col("lines")
                - pl.col("outside").cast(pl.Int64).fill_null(0)
            ).alias("rejected"),
        )
        .sort(key)
    )
    return seal_totals(totals)


def seal_totals(totals: pl.DataFrame) -> pl.DataFrame:
    """Totals (contract ``totals``, but for their hashes; sums in any integer type) with their hashes."""
    columns = {name: dtype for name, dtype in TOTALS.schema.items() if name != "total_sha256"}
    cast = totals.select(pl.col(name).cast(dtype) for name, dtype in columns.items())
    hashes = [total_sha256(row) for row in cast.iter_rows(named=True)]
    return cast.with_columns(pl.Series("total_sha256", hashes, dtype=pl.String)).select(TOTALS.schema.keys())


def check_sums(sums: pl.DataFrame) -> None:
    """Refuses sums that no total may be.

    Args:
        sums: ``facility_id``, ``period``; ``tenants`` and ``set_count``, how many there are; ``sets``,
            their names; ``co2e_mg`` and ``co2e_market_mg`` of a type wide enough to hold any sum.

    Raises:
        GreenlangError: ``GWP_SET_MIXED``, ``FACILITY_SHARED``, ``NUMBER_OVERFLOW``.
    """
    mixed = sums.filter(pl.col("set_count") > 1)
    if mixed.height:
        row = mixed.row(0, named=True)
        raise GreenlangError(
            "GWP_SET_MIXED",
            "a total would add CO2e of several GWP sets",
            found=row["sets"],
            expected="one set for all activities of a data year in the method table",
            where={"facility": row["facility_id"], "period": row["period"]},
        )
    shared = sums.filter(pl.col("tenants") > 1)
    if shared.height:
        row = shared.row(0, named=True)
        raise GreenlangError(
            "FACILITY_SHARED",
            "a facility belongs to one tenant in a period",
            found=f"{row['tenants']} tenants",
            expected="one tenant",
            where={"facility": row["facility_id"], "period": row["period"]},
        )
    limit = 2**63 - 1
    large = sums.filter(pl.max_horizontal(pl.col("co2e_mg").abs(), pl.col("co2e_market_mg").abs()) > limit)
    if large.height:
        row = large.row(0, named=True)
        raise GreenlangError(
            "NUMBER_OVERFLOW",
            "a total does not fit into 64 bits",
            found=row["co2e_mg"],
            expected=f"at most {limit} mg",
            where={"facility": row["facility_id"], "period": row["period"]},
        )
