"""Pictures beside a materialisation: people look before they read.

Belongs here: plots as Markdown images. Does not belong here: choosing what is true; every figure shown is
taken from the recorded content.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, ACCENT, OTHER = "#1f2933", "#9aa5b1", "#0b7a5c", "#c05621"


def figure(width: float = 8.0, height: float = 3.6) -> tuple[Figure, Axes]:
    """An empty figure in the house's plain style (inches)."""
    from matplotlib.figure import Figure  # over a second, paid only by assets that draw

    drawn = Figure(figsize=(width, height), dpi=110, layout="constrained")
    axes = drawn.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return drawn, axes


def as_markdown(drawn: Figure, *, alt: str) -> dg.MetadataValue:
    """The figure as an image inside Markdown metadata."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="png", metadata={"Software": None})
    return dg.MetadataValue.md(
        f"![{alt}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
    )
