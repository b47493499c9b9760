"""The page of a comparison of two editions: figures, two plots, and every change in tables.

Belongs here: HTML and drawing. Does not belong here: the comparison (``core.factors.edition_diff``).

One file without scripts or anything from outside; the same comparison gives the same bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import polars as pl

from greenlang_assets.core.factors.edition_diff import EditionDiff, buckets, gwp_sets, largest
from greenlang_assets.core.provenance.canonical import number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, UP, DOWN = "#1f2933", "#9aa5b1", "#c05621", "#0b7a5c"
#: Largest changes that are drawn, and rows of a table that stand in the page; ``--json`` has all.
_DRAWN, _ROWS = 20, 1000
_EDGES = (0.01, 0.05, 0.1, 0.5)
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2933;margin:2rem auto;max-width:64rem;padding:0 1rem}
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


def page(diff: EditionDiff, before: pl.DataFrame, after: pl.DataFrame) -> str:
    """The comparison as one HTML page.

    Args:
        diff: the comparison.
        before: the factors of the former edition.
        after: those of the latter.
    """
    counted = diff.summary()
    tiles = "".join(
        f'<div class="tile"><b>{counted[name]:,}</b>{name}</div>'
        for name in ("added", "removed", "changed", "unchanged")
    )
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(diff.before)} → {escape(diff.after)}</title>",
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{escape(diff.before)} → {escape(diff.after)}</h1>",
            f'<p class="lead">{diff.rows[0]:,} factors before, {diff.rows[1]:,} after. A factor is the same '
            "one when path, region, unit and calorific basis are; what is spelled differently counts as one "
            "removed and one added.</p>",
            f'<div class="tiles">{tiles}</div>',
            _warning(before, after),
            *_plots(diff),
            "<h2>Changed figures</h2>",
            _changed(diff.changed),
            *_words(diff.words),
            _ids("Added", diff.added),
            _ids("Removed", diff.removed),
            "</body></html>\n",
        )
    )


def _warning(before: pl.DataFrame, after: pl.DataFrame) -> str:
    left, right = gwp_sets(before, after)
    if left == right:
        return ""
    return (
        f'<p class="warn">CO2e of the former edition is made with {escape(", ".join(left) or "no GWP set")}, '
        f"of the latter with {escape(', '.join(right) or 'no GWP set')}: part of every change is that of the "
        "GWPs, not of the activity.</p>"
    )


def _plots(diff: EditionDiff) -> list[str]:
    relative = diff.changed["relative"].drop_nulls()
    if not relative.len():
        return ["<p>No figure changed by an amount that can be set in relation.</p>"]
    counted = " · ".join(f"{label}: {count:,}" for label, count in buckets(diff.changed, _EDGES).items())
    return [
        "<h2>How much figures changed</h2>",
        f"<p>{escape(counted)}</p>",
        _distribution(relative.to_list()),
        f"<h2>The {min(_DRAWN, relative.len())} largest changes</h2>",
        _bars(largest(diff.changed).drop_nulls("relative").head(_DRAWN)),
    ]


def _drawing(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    return drawn, axes


def _svg(drawn: Figure, label: str) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    # The only sources of chance in matplotlib's SVG are the salt of its ids and the date.
    with mpl.rc_context({"svg.hashsalt": "greenlang", "svg.fonttype": "none"}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].rstrip()
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def _distribution(relative: Sequence[float]) -> str:
    """Counts over relative change; beyond ±100 % everything is in the outermost bars."""
    drawn, axes = _drawing(9.0, 3.0)
    reach = min(1.0, max(0.02, *(abs(value) for value in relative)))
    steps = 40
    width = 2 * reach / steps
    counts = [0] * steps
    for value in relative:
        place = math.floor((max(-reach, min(reach, value)) + reach) / width)
        counts[min(place, steps - 1)] += 1
    places = [-reach + (step + 0.5) * width for step in range(steps)]
    axes.bar(places, counts, width=width * 0.9, color=[DOWN if place < 0 else UP for place in places])
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.set_yscale("symlog", linthresh=1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}" if reach > 0.05 else f"{value:+.1%}")
    axes.set_xlabel(
        "relative change of a figure" + (" (±100 % and beyond at the ends)" if reach == 1 else "")
    )
    axes.set_ylabel("figures (log)")
    return _svg(drawn, "distribution of relative changes")


def _bars(rows: pl.DataFrame) -> str:
    drawn, axes = _drawing(9.0, 0.8 + 0.27 * rows.height)
    labels = [_label(row) for row in rows.iter_rows(named=True)]
    values = rows["relative"].to_list()
    axes.barh(range(len(values)), values, color=[UP if value > 0 else DOWN for value in values])
    axes.set_yticks(range(len(values)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    for place, value in enumerate(values):
        axes.annotate(
            f"{value:+.1%}", (value, place), xytext=(3 if value > 0 else -3, 0), textcoords="offset points",
            ha="left" if value > 0 else "right", va="center", fontsize=7, color=INK,
        )  # fmt: skip
    axes.margins(x=0.2, y=0.02)
    return _svg(drawn, "largest relative changes")


def _label(row: dict[str, object]) -> str:
    """A factor in few words: the end of its id without publisher, dataset and edition."""
    text = "/".join(str(row["factor"]).split("/")[3:])
    text = text if len(text) <= 78 else "…" + text[-77:]
    return f"{text} · {row['figure']}"


def _table(head: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> str:
    """Rows of (class, text) cells."""
    lines = ["<table><tr>" + "".join(f"<th>{escape(name)}</th>" for name in head) + "</tr>"]
    lines += [
        "<tr>" + "".join(f'<td class="{kind}">{escape(text)}</td>' for kind, text in row) + "</tr>"
        for row in rows
    ]
    return "\n".join((*lines, "</table>"))


def _figure(value: float | None) -> str:
    return "–" if value is None else number_text(value)


def _changed(changed: pl.DataFrame) -> str:
    if not changed.height:
        return "<p>No figure changed.</p>"
    rows = largest(changed)
    shown = rows.head(_ROWS)
    body = _table(
        ("change", "figure", "before", "after", "unit", "factor"),
        (
            (
                ("n", "–" if row["relative"] is None else f"{row['relative']:+.2%}"),
                ("", row["figure"]),
                ("n", _figure(row["before"])),
                ("n", _figure(row["after"])),
                ("", _unit(row)),
                ("id", row["factor"]),
            )
            for row in shown.iter_rows(named=True)
        ),
    )
    left = rows.height - shown.height
    return body + (f"<p>… and {left:,} smaller ones: <code>--json</code> has all.</p>" if left else "")


def _unit(row: dict[str, str | None]) -> str:
    before, after = row["unit_before"], row["unit"]
    return str(after or before) if None in (before, after) or before == after else f"{before} → {after}"


def _words(words: pl.DataFrame) -> list[str]:
    if not words.height:
        return []
    return [
        f"<details><summary><b>What else changed</b> ({words.height:,})</summary>",
        _table(
            ("what", "before", "after", "factor"),
            (
                (
                    ("", row["column"]),
                    ("", row["before"] or "–"),
                    ("", row["after"] or "–"),
                    ("id", row["factor"]),
                )
                for row in words.head(_ROWS).iter_rows(named=True)
            ),
        ),
        "</details>",
    ]


def _ids(title: str, ids: Sequence[str]) -> str:
    if not ids:
        return f"<p>{title}: none.</p>"
    items = "".join(f"<li>{escape(factor)}</li>" for factor in ids[:_ROWS])
    left = len(ids) - min(len(ids), _ROWS)
    more = f"<p>… and {left:,} more: <code>--json</code> has all.</p>" if left else ""
    return f"<details><summary><b>{title}</b> ({len(ids):,})</summary><ul>{items}</ul>{more}</details>"
