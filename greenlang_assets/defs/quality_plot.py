"""The picture of data quality: how much of the CO2e has which score, an indicator a bar.

Belongs here: drawing. Does not belong here: the scores (``core.calculation.data_quality``).
"""

from __future__ import annotations

import dagster as dg
import polars as pl

from greenlang_assets.defs.plots import INK, as_markdown, figure

#: Scores from the best on, and what is not assessed.
_COLOURS = {
    "1": "#0b7a5c", "2": "#5aa98f", "3": "#e9c46a", "4": "#e08e45", "5": "#c05621", "not assessed": "#d9dee3",
}  # fmt: skip


def quality_plot(shares: pl.DataFrame) -> dg.MetadataValue:
    """Stacked bars of shares of CO2e in percent.

    Args:
        shares: columns ``indicator`` and one for each score (``recipes.tenant_quality.score_shares``).
    """
    drawn, axes = figure(8.0, 2.6)
    names = [name.replace("_", " ") for name in shares["indicator"]]
    left = [0.0] * shares.height
    for score, colour in _COLOURS.items():
        widths = shares[score].to_list()
        axes.barh(names, widths, left=left, color=colour, label=score, height=0.7)
        left = [at + width for at, width in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of CO2e, %; score 1 is the best", color=INK)
    axes.legend(frameon=False, ncols=6, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
    return as_markdown(drawn, alt="share of emissions by data quality score")
