"""Tie-out: our totals beside the figures that an authority published for the same facilities.

Belongs here: which facilities are compared, how near they come, and a computed reason for each of the rest.
Does not belong here: the calculation itself; alternatives are calculated by the same engine.

A reason is a hypothesis with a number: it is given only where the alternative figure, recomputed, meets
the reported one to 0.1 % or to the last digit reported (``energy_not_listed`` compares energy instead of
emissions). What no hypothesis meets is ``unexplained``, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from greenlang_assets.core.calculation.batch import calculate_batch
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.gwp import GwpTable

#: Who is compared: the facilities whose method is known in full.
PREDICATE = (
    "facilities that use electricity, and besides it nothing or natural gas only (no district steam, chilled "
    "water or other fuel), and for which a figure above zero was reported"
)
#: A facility ties out when it comes within this share of the reported figure.
WITHIN = 0.01
#: A hypothesis explains a difference when it comes within this share, or half the last digit reported.
_MEETS = 0.001
_MG_PER_TONNE = 1_000_000_000
_ELECTRICITY, _GAS = "grid-electricity", "natural-gas"

#: Reason → what it says, in the order in which the hypotheses are tried.
REASONS = {
    "within": "within 1 % of the reported figure",
    "reporting_step": "the reported figure is rounded to a step that is coarse beside it",
    "another_edition": "the reported figure follows from another edition of the grid factor",
    "gas_alone": "the reported figure counts the gas alone",
    "electricity_alone": "the reported figure counts the electricity alone",
    "fuels_swapped": "the reported figure applies each fuel's factor to the other",
    "energy_not_listed": "the reported energy intensity covers energy that no fuel column lists",
    "unexplained": "no hypothesis meets the reported figure",
}


@dataclass(frozen=True)
class TieOut:
    """The comparison.

    Args:
        facilities: one row a facility and period that meets the predicate: calculated and reported
            tonnes, relative difference, ``within``, ``reason`` and ``detail`` (the hypothesis in figures).
        periods: facilities, those within, share, calculated and reported tonnes, per period.
        reasons: number of facilities for every reason in :data:`REASONS`.
        compared: facilities that meet the predicate.
        within: those that come within 1 %.
        predicate: who is compared, in words.
    """

    facilities: pl.DataFrame
    periods: pl.DataFrame
    reasons: pl.DataFrame
    compared: int
    within: int
    predicate: str = PREDICATE

    @property
    def share(self) -> float:
        """Share of the compared facilities that tie out."""
        return self.within / self.compared if self.compared else 0.0


def tie_out(
    activity: pl.DataFrame,
    totals: pl.DataFrame,
    reported: pl.DataFrame,
    method: pl.DataFrame,
    *,
    catalogue: Catalogue,
    library: Library,
    gwp: GwpTable,
) -> TieOut:
    """Compares totals with reported figures and gives a reason for every difference.

    Args:
        activity: the activity rows behind the totals (contract ``activity``).
        totals: our totals (contract ``totals``).
        reported: the reported figures (contract ``reported``).
        method: the method table that the totals were calculated with.
        catalogue: factors; every edition of the grid factor in it is tried, for its own year and later.
        library: formulas.
        gwp: global warming potentials.

    Raises:
        GreenlangError: those of the calculation.
    """
    facilities = _compared(activity, totals, reported)
    apart = facilities.filter(~pl.col("within")).select("facility_id", "period")
    reasons = _Hypotheses(
        activity.join(apart, on=["facility_id", "period"], how="semi"), method, catalogue, library, gwp
    ).reasons(facilities.filter(~pl.col("within")), _reporting_steps(reported))
    facilities = (
        facilities.join(reasons, on=["facility_id", "period"], how="left", validate="1:1")
        .with_columns(pl.col("reason").fill_null("within"), pl.col("detail").fill_null(""))
        .sort("facility_id", "period")
    )
    counted = dict(facilities.group_by("reason").len().iter_rows())
    return TieOut(
        facilities=facilities.drop("co2e_mg", "energy", "stated_energy", "energy_slack"),
        periods=_periods(facilities),
        reasons=pl.DataFrame(
            {
                "reason": list(REASONS),
                "meaning": list(REASONS.values()),
                "facilities": [counted.get(reason, 0) for reason in REASONS],
            },
            schema={"reason": pl.String, "meaning": pl.String, "facilities": pl.Int64},
        ),
        compared=facilities.height,
        within=int(facilities["within"].sum()),
    )


def _compared(activity: pl.DataFrame, totals: pl.DataFrame, reported: pl.DataFrame) -> pl.DataFrame:
    """Facilities that meet :data:`PREDICATE`, with both figures and their relative difference."""
    # In the order of the key: a sum of floats depends on the order of its terms.
    kinds = (
        activity.sort("activity_id")
        .group_by("facility_id", "period")
        .agg(
            (pl.col("activity") == _ELECTRICITY).any().alias("electric"),
            pl.col("activity").is_in([_ELECTRICITY, _GAS]).all().alias("plain"),
            pl.col("quantity").sum().alias("energy"),
        )
    )
    calculated = pl.col("co2e_mg") / _MG_PER_TONNE
    difference = calculated / pl.col("reported_tco2e") - 1
    return (
        reported.filter(pl.col("reported_tco2e") > 0)
        .join(kinds.filter(pl.col("electric") & pl.col("plain")), on=["facility_id", "period"], how="inner")
        .join(totals.select("facility_id", "period", "co2e_mg"), on=["facility_id", "period"], how="inner")
        .select(
            "tenant",
            "period",
            "facility_id",
            "facility_name",
            calculated.alias("calculated_tco2e"),
            "reported_tco2e",
            difference.alias("relative_difference"),
            (difference.abs() <= WITHIN).alias("within"),
            "co2e_mg",
            "energy",
            (pl.col("site_eui_kbtu_per_sqft") * pl.col("gross_floor_area_sqft")).alias("stated_energy"),
            # The intensity is printed to a tenth, in the first data year to a whole number.
            (_half_step("site_eui_kbtu_per_sqft") * pl.col("gross_floor_area_sqft")).alias("energy_slack"),
        )
    )


def _half_step(column: str) -> pl.Expr:
    """Half of the last digit that a period prints: half a unit when all its figures are whole."""
    whole = (pl.col(column).fill_null(0) == pl.col(column).fill_null(0).round()).all().over("period")
    return pl.when(whole).then(0.5).otherwise(0.05)


def _reporting_steps(reported: pl.DataFrame) -> dict[str, float]:
    """Period → half of the last digit of its reported figures, in tonnes."""
    steps = reported.select("period", _half_step("reported_tco2e").alias("step")).unique()
    return dict(steps.iter_rows())


def _periods(facilities: pl.DataFrame) -> pl.DataFrame:
    """Sums per period, of integers: a sum of floats would differ in its last digit with the order."""
    grams = (pl.col("reported_tco2e") * 1e6).round().cast(pl.Int128)
    return (
        facilities.group_by("period")
        .agg(
            pl.len().cast(pl.Int64).alias("facilities"),
            pl.col("within").sum().cast(pl.Int64).alias("within"),
            (pl.col("co2e_mg").cast(pl.Int128).sum() / _MG_PER_TONNE).alias("calculated_tco2e"),
            (grams.sum() / 1e6).alias("reported_tco2e"),
        )
        .with_columns((pl.col("within") / pl.col("facilities")).alias("share"))
        .select("period", "facilities", "within", "share", "calculated_tco2e", "reported_tco2e")
        .sort("period")
    )


class _Hypotheses:
    """Alternative figures for the facilities that do not tie out, each from the same engine."""

    def __init__(
        self,
        activity: pl.DataFrame,
        method: pl.DataFrame,
        catalogue: Catalogue,
        library: Library,
        gwp: GwpTable,
    ) -> None:
        self.activity = activity
        self.method = method
        self.catalogue, self.library, self.gwp = catalogue, library, gwp

    def editions(self) -> list[tuple[str, int]]:
        """Editions of the grid factors in use and the year that each describes, latest first."""
        grid = self.method.filter(pl.col("activity") == _ELECTRICITY)
        regions = self.activity.filter(pl.col("activity") == _ELECTRICITY)["region"].unique()
        found = (
            self.catalogue.frame.filter(pl.col("region").is_in(regions.implode()))
            .join(
                grid.select("publisher", "dataset", activity="factor_activity"),
                on=["publisher", "dataset", "activity"],
                how="semi",
            )
            .select("edition", "year")
            .unique()
            .sort("year", "edition", descending=True)
        )
        return list(found.iter_rows())

    def tonnes(self, activity: pl.DataFrame, method: pl.DataFrame) -> dict[tuple[str, str], float]:
        """Facility and period → tonnes CO2e under another activity or method."""
        totals = calculate_batch(
            activity, method, catalogue=self.catalogue, library=self.library, gwp=self.gwp
        ).totals
        return {
            (facility, period): co2e / _MG_PER_TONNE
            for facility, period, co2e in totals.select("facility_id", "period", "co2e_mg").iter_rows()
        }

    def reasons(self, facilities: pl.DataFrame, steps: dict[str, float]) -> pl.DataFrame:
        """``reason`` and ``detail`` of every facility given."""
        schema = dict.fromkeys(("facility_id", "period", "reason", "detail"), pl.String)
        if facilities.is_empty():
            return pl.DataFrame(schema=schema)
        alternatives = self.alternatives()
        rows = []
        for row in facilities.iter_rows(named=True):
            key = (row["facility_id"], row["period"])
            rows.append((*key, *_reason(row, steps[row["period"]], alternatives, key)))
        return pl.DataFrame(rows, schema=schema, orient="row")

    def alternatives(self) -> list[tuple[str, str, dict[tuple[str, str], float]]]:
        """Reason, words, and the tonnes of every facility under it."""
        electricity = pl.col("activity") == _ELECTRICITY
        found = []
        for edition, year in self.editions():
            method = self.method.with_columns(
                pl.when(electricity).then(pl.lit(edition)).otherwise("edition").alias("edition")
            )
            later = self.activity.filter(pl.col("data_year") >= year)
            if later.height:
                found.append(("another_edition", f"with {edition}", self.tonnes(later, method)))
        gas = self.activity.filter(pl.col("activity") == _GAS)
        found.append(("gas_alone", "gas", self.tonnes(gas, self.method)))
        bought = self.activity.filter(electricity)
        found.append(("electricity_alone", "electricity", self.tonnes(bought, self.method)))
        found.append(("fuels_swapped", "each at the other's factor", self.swapped()))
        return found

    def swapped(self) -> dict[tuple[str, str], float]:
        """Tonnes of facilities with both fuels in one unit, their quantities exchanged."""
        symbol = pl.col("unit").str.split("[").list.first().alias("symbol")
        same = ["facility_id", "period", "activity", "symbol"]
        other = self.activity.select(
            "facility_id",
            "period",
            pl.col("activity").replace({_GAS: _ELECTRICITY, _ELECTRICITY: _GAS}),
            symbol,
            pl.col("quantity").alias("swapped"),
        )
        exchanged = (
            self.activity.with_columns(symbol)
            .join(other, on=same, how="inner")
            .with_columns(pl.col("swapped").alias("quantity"))
            .select(self.activity.columns)
        )
        return self.tonnes(exchanged, self.method)


def _reason(
    row: dict[str, float],
    half_step: float,
    alternatives: list[tuple[str, str, dict[tuple[str, str], float]]],
    key: tuple[str, str],
) -> tuple[str, str]:
    calculated, reported = row["calculated_tco2e"], row["reported_tco2e"]
    if abs(calculated - reported) <= half_step:
        return "reporting_step", f"{calculated:.3f} t against {reported:g} ± {half_step:g} t"
    slack = max(_MEETS * reported, half_step)
    for reason, words, tonnes in alternatives:
        if key in tonnes and abs(tonnes[key] - reported) <= slack:
            return reason, f"{words} {tonnes[key]:.1f} t against {reported:g} t"
    stated, listed = row["stated_energy"], row["energy"]
    if stated is not None and stated - listed > row["energy_slack"] + WITHIN * stated:
        return (
            "energy_not_listed",
            f"intensity × floor area is {stated:,.0f} kBtu, the fuels are {listed:,.0f}",
        )
    by_reason = {reason: tonnes.get(key, 0.0) for reason, _, tonnes in alternatives}
    share = (reported - by_reason["gas_alone"]) / by_reason["electricity_alone"]
    return "unexplained", (
        f"{calculated:.1f} t against {reported:g} t, as if electricity emitted {share:.0%} of the grid factor"
    )
