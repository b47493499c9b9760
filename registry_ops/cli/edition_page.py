"""The page of a comparison of two editions: figures, two plots, and every change in tables.

Belongs here: what the page says and draws. Does not belong here: the comparison
(``core.factors.edition_diff``), what every page has (``page``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import polars as pl

from greenlang_assets.core.factors.edition_diff import EditionDiff, buckets, gwp_sets, largest
from greenlang_assets.core.provenance.canonical import number_text
from registry_ops.cli.page import DOWN, INK, SOFT, UP, drawing, html, svg, table, warning

#: Largest changes that are drawn, and rows of a table that stand in the page; ``--json`` has all.
_DRAWN, _ROWS = 20, 1000
_EDGES = (0.01, 0.05, 0.1, 0.5)


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
    return html(
        f"{diff.before} → {diff.after}",
        f"{diff.rows[0]:,} factors before, {diff.rows[1]:,} after. A factor is the same one when path, "
        "region, unit and calorific basis are; what is spelled differently counts as one removed and one "
        "added.",
        (
            f'<div class="tiles">{tiles}</div>',
            _warning(before, after),
            *_plots(diff),
            "<h2>Changed figures</h2>",
            _changed(diff.changed),
            *_words(diff.words),
            _ids("Added", diff.added),
            _ids("Removed", diff.removed),
        ),
    )


def _warning(before: pl.DataFrame, after: pl.DataFrame) -> str:
    left, right = gwp_sets(before, after)
    if left == right:
        return ""
    return warning(
        f"CO2e of the former edition is made with {', '.join(left) or 'no GWP set'}, of the latter with "
        f"{', '.join(right) or 'no GWP set'}: part of every change is that of the GWPs, not of the activity."
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


def _distribution(relative: Sequence[float]) -> str:
    """Counts over relative change; beyond ±100 % everything is in the outermost bars."""
    drawn, axes = drawing(9.0, 3.0)
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
    return svg(drawn, "distribution of relative changes")


def _bars(rows: pl.DataFrame) -> str:
    drawn, axes = drawing(9.0, 0.8 + 0.27 * rows.height)
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
    return svg(drawn, "largest relative changes")


def _label(row: dict[str, object]) -> str:
    """A factor in few words: the end of its id without publisher, dataset and edition."""
    text = "/".join(str(row["factor"]).split("/")[3:])
    text = text if len(text) <= 78 else "…" + text[-77:]
    return f"{text} · {row['figure']}"


def _figure(value: float | None) -> str:
    return "–" if value is None else number_text(value)


def _changed(changed: pl.DataFrame) -> str:
    if not changed.height:
        return "<p>No figure changed.</p>"
    rows = largest(changed)
    shown = rows.head(_ROWS)
    body = table(
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
        table(
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
