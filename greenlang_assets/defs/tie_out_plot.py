"""The picture of the comparison with the city: every building a point, ours against theirs.

Belongs here: drawing. Does not belong here: the comparison (``core.calculation.tie_out``).
"""

from __future__ import annotations

import dagster as dg
import polars as pl

from greenlang_assets.defs.plots import ACCENT, INK, OTHER, SOFT, as_markdown, figure


def tie_out_plot(rows: pl.DataFrame) -> dg.MetadataValue:
    """Calculated against reported tonnes, both axes logarithmic, the 1 % band in between.

    Args:
        rows: the recorded comparison; columns ``calculated_tco2e``, ``reported_tco2e``, ``within``.
    """
    compared = rows.filter(pl.col("calculated_tco2e") > 0)
    drawn, axes = figure(8.0, 5.0)
    for within, colour, label in ((True, ACCENT, "within 1 %"), (False, OTHER, "further apart")):
        part = compared.filter(pl.col("within") == within)
        axes.scatter(
            part["reported_tco2e"],
            part["calculated_tco2e"],
            s=7,
            alpha=0.6,
            color=colour,
            linewidths=0,
            label=f"{label}: {part.height:,} building-years",
        )
    low = float(compared.select(pl.min_horizontal("calculated_tco2e", "reported_tco2e").min()).item())
    high = float(compared.select(pl.max_horizontal("calculated_tco2e", "reported_tco2e").max()).item())
    axes.plot([low, high], [low, high], color=SOFT, linewidth=0.8, zorder=0)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("reported by the city, t CO2e", color=INK)
    axes.set_ylabel("calculated here, t CO2e", color=INK)
    periods = sorted(compared["period"].unique())
    title = f"Buildings with electricity and gas only, {periods[0]} to {periods[-1]}"
    axes.set_title(title, loc="left", color=INK)
    axes.legend(frameon=False, loc="upper left")
    return as_markdown(drawn, alt="calculated against reported emissions of every building")
