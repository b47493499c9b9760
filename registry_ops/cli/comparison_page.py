"""The page of a comparison: one activity across publishers and years, drawn and in a table.

Belongs here: what the page says and draws. Does not belong here: the comparison
(``core.factors.comparison``), what every page has (``page``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from greenlang_assets.core.factors.comparison import Compared, Comparison
from registry_ops.cli.page import INK, SOFT, drawing, html, svg, table, warning

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Told apart by people who see fewer colours too; the markers repeat them.
_COLOURS = ("#0b7a5c", "#c05621", "#2b6cb0", "#805ad5", "#b7791f", "#4a5568")
_MARKERS = ("o", "s", "^", "D", "v", "P")
#: Lines that a reader can tell apart in one picture; the table has all factors.
_DRAWN = 12


def page(comparison: Comparison) -> str:
    """The comparison as one HTML page."""
    rows = comparison.rows
    publishers = sorted({row.publisher for row in rows})
    years = sorted({row.year for row in rows})
    where = f" in {comparison.region}" if comparison.region else ""
    lead = (
        f"{len(rows):,} factors{where} of {', '.join(publishers)}, {years[0]} to {years[-1]}. Units are "
        "converted exactly; no figure is estimated."
    )
    return html(
        f"{comparison.activity}, {comparison.figure_unit}",
        lead,
        (
            *map(warning, _warnings(comparison)),
            _picture(comparison),
            "<h2>Every factor</h2>",
            _table(comparison),
            *_left_out(comparison),
        ),
    )


def _warnings(comparison: Comparison) -> list[str]:
    sets = sorted({row.gwp_set for row in comparison.rows})
    found = []
    if len(sets) > 1:
        found.append(
            f"These figures are made with different GWP sets ({', '.join(sets)}): part of every difference "
            "is that of the GWPs. A named set makes them alike where masses of gases are published."
        )
    partial = {row.gases for row in comparison.rows if row.gases == "CO2"}
    if partial:
        found.append("Some figures are of carbon dioxide alone, because their publisher gives no other gas.")
    return found


Series = tuple[str, list[Compared]]


def series(rows: Iterable[Compared]) -> list[Series]:
    """Factors that follow one another through the years, the longest series first."""
    groups: dict[tuple[str | None, ...], list[Compared]] = {}
    for row in rows:
        key = (row.publisher, row.dataset, row.activity_path, row.region, row.calorific_basis, row.scope)
        groups.setdefault(key, []).append(row)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), tuple(map(str, item[0]))))
    return [
        (_name(found[0]), sorted(found, key=lambda row: (row.year, row.edition, row.factor_id)))
        for _, found in ordered
    ]


def _name(row: Compared) -> str:
    path = row.activity_path.split(" > ")[-1]
    name = f"{row.publisher} · {row.region} · {path if len(path) <= 44 else path[:43] + '…'}"
    # A dollar sign would begin a formula in the legend.
    return name.replace("$", r"\$")


def _picture(comparison: Comparison) -> str:
    lines = series(comparison.rows)
    drawn, axes = drawing(9.5, 4.6)
    _draw(axes, lines[:_DRAWN])
    axes.set_ylabel(comparison.figure_unit, color=INK)
    text = svg(drawn, f"{comparison.activity} by publisher and year")
    if len(lines) > _DRAWN:
        text += f"<p>The {_DRAWN} longest of {len(lines):,} series are drawn; the table has all.</p>"
    return text


def _draw(axes: Axes, lines: Sequence[Series]) -> None:
    from matplotlib.ticker import MaxNLocator

    for number, (name, rows) in enumerate(lines):
        axes.plot(
            [row.year for row in rows],
            [row.value for row in rows],
            color=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            linestyle="-" if number < len(_COLOURS) else ":",
            markersize=4,
            linewidth=1.2,
            label=name,
        )
    # From zero, so that a small difference looks small; a little room above the highest.
    axes.set_ylim(0, 1.08 * max(row.value for _, rows in lines for row in rows) or 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=SOFT, linewidth=0.4, alpha=0.6)
    axes.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _table(comparison: Comparison) -> str:
    head = (comparison.figure_unit, "year", "region", "publisher, edition", "GWP set", "made of", "factor")
    return table(
        head,
        (
            (
                ("n", row.text),
                ("n", str(row.year)),
                ("", row.region),
                ("", f"{row.publisher}, {row.edition}"),
                ("", row.gwp_set),
                ("", row.gases + (f"; {row.not_counted}" if row.not_counted else "")),
                ("id", row.factor_id),
            )
            for row in comparison.rows
        ),
    )


def _left_out(comparison: Comparison) -> list[str]:
    if not comparison.left_out:
        return []
    items = "".join(f"<li>{count:,}: {escape(reason)}</li>" for reason, count in comparison.left_out.items())
    return ["<h2>Left out</h2>", f"<ul>{items}</ul>"]
