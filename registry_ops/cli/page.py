"""What the pages of the command line share: the frame, tables and drawings.

Belongs here: HTML that every page has, a drawing as SVG. Does not belong here: what a page says.

A page is one file without scripts or anything from outside; the same content gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT = "#1f2933", "#9aa5b1"
#: What became more, and what became less.
UP, DOWN = "#c05621", "#0b7a5c"
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;margin:2rem auto;max-width:66rem;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem}
.lead{color:#52606d}.tiles{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.2rem 0}
.tile{border:1px solid #d9e0e7;border-radius:6px;padding:.5rem .9rem;min-width:6.5rem}
.tile b{display:block;font-size:1.4rem}
.warn{background:#fff7ed;border-left:4px solid #c05621;padding:.5rem .8rem}
table{border-collapse:collapse;font-size:.82rem;width:100%}th{text-align:left}
th,td{border-bottom:1px solid #e6ebf0;padding:.25rem .5rem;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.id{overflow-wrap:anywhere}
svg{max-width:100%;height:auto}summary{cursor:pointer}
"""


def html(title: str, lead: str, body: Iterable[str]) -> str:
    """A page: its title, a sentence about the whole, and what follows.

    Args:
        title: plain text.
        lead: plain text.
        body: HTML, piece by piece.
    """
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="lead">{escape(lead)}</p>',
            *body,
            "</body></html>\n",
        )
    )


def warning(text: str) -> str:
    """A paragraph that must not be overlooked."""
    return f'<p class="warn">{escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> str:
    """Rows of (class, text) cells: ``n`` is a number, ``id`` may be broken anywhere."""
    lines = ["<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    lines += [
        "<tr>" + "".join(f'<td class="{kind}">{escape(text)}</td>' for kind, text in row) + "</tr>"
        for row in rows
    ]
    return "\n".join((*lines, "</table>"))


def drawing(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty drawing, in inches."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    return drawn, axes


def svg(drawn: Figure, label: str) -> str:
    """A drawing as an element of a page, with what it shows in words."""
    import matplotlib as mpl

    buffer = io.StringIO()
    # The only sources of chance in matplotlib's SVG are the salt of its ids and the date.
    with mpl.rc_context({"svg.hashsalt": "greenlang", "svg.fonttype": "none"}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].rstrip()
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)
