"""The page of a restatement: what depends on the edition, a plot of base years, every difference.

Belongs here: HTML and drawing. Does not belong here: the restatement (``core.recipes.restatement``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from registry_ops.cli.output import change, tonnes
from registry_ops.cli.page import DOWN, INK, SOFT, UP, drawing, html, svg, table, warning

if TYPE_CHECKING:
    from factory_ops.recipes import Agent
    from greenlang_assets.core.calculation.restatement import BaseYear
    from greenlang_assets.core.recipes.restatement import Restatement

#: Base years that are drawn; the table has all.
_DRAWN = 30


def page(found: Restatement, agents: Sequence[Agent]) -> str:
    """The restatement as one HTML page.

    Args:
        found: the restatement.
        agents: agents that rest on the former edition: id, version, hash of the specification.
    """
    significant = {year.tenant for year in found.base_years if year.significant}
    tenants = {year.tenant for year in found.base_years}
    tiles = {
        "partitions of results": len(found.results),
        "made of them": len(found.dependents),
        "agents": len(agents),
        "tenants": len(tenants),
        "base years to recalculate": len(significant),
    }
    return html(
        f"Restatement: {found.before} → {found.after}",
        f"What recorded results would be with the other edition. A base year that moves by "
        f"{found.threshold_percent:g} % or more is to be recalculated; the threshold is the company's to set "
        "and to state (GHG Protocol Corporate Standard, chapter 5). Nothing was replaced.",
        (
            '<div class="tiles">'
            + "".join(f'<div class="tile"><b>{count:,}</b>{name}</div>' for name, count in tiles.items())
            + "</div>",
            *_rejected(found),
            *_base_years(found),
            "<h2>Differences by tenant, period, scope and category</h2>",
            _differences(found),
            "<h2>What depends on the former edition</h2>",
            _dependents("Results", found.results),
            _dependents("Made of them", found.dependents),
            _dependents("Agents", ((f"{name} {version}", sha256) for name, version, sha256 in agents)),
        ),
    )


def _rejected(found: Restatement) -> list[str]:
    rejected = found.restated.rejected
    if rejected.is_empty():
        return []
    rows = [
        [("id", row["activity_id"]), ("", row["code"]), ("", row["found"] or ""), ("", row["expected"] or "")]
        for row in rejected.iter_rows(named=True)
    ]
    return [
        warning(
            f"{rejected.height:,} activity rows cannot be calculated with the other edition. They count "
            "before and not after, so part of the difference is theirs."
        ),
        table(["activity row", "code", "found", "expected"], rows),
    ]


def _base_years(found: Restatement) -> list[str]:
    if not found.base_years:
        return ["<p>No recorded result rests on the former edition.</p>"]
    moved = sorted(found.base_years, key=lambda year: (-abs(year.percent or 0.0), year.tenant, year.figure))
    rows = [
        [
            ("", year.tenant), ("", year.period), ("", year.figure), ("n", tonnes(year.before_mg)),
            ("n", tonnes(year.after_mg)), ("n", change(year.before_mg, year.after_mg)),
            ("", "yes" if year.significant else "no"),
        ]
        for year in moved
    ]  # fmt: skip
    return [
        "<h2>Base years</h2>",
        _picture([year for year in moved if year.figure == "location"][:_DRAWN], found.threshold_percent),
        table(
            ["tenant", "base year", "figure", "before, t CO2e", "after, t CO2e", "change", "recalculate"],
            rows,
        ),
    ]


def _picture(years: list[BaseYear], threshold: float) -> str:
    """The largest moves of the location-based figure, the threshold as two lines."""
    drawn, axes = drawing(9.0, 1.0 + 0.24 * len(years))
    values = [year.percent or 0.0 for year in years]
    axes.barh(range(len(values)), values, color=[UP if value > 0 else DOWN for value in values])
    axes.set_yticks(range(len(values)), [f"{year.tenant} {year.period}" for year in years], fontsize=7)
    axes.invert_yaxis()
    axes.axvline(0, color=SOFT, linewidth=0.8)
    for edge in (-threshold, threshold):
        axes.axvline(edge, color=INK, linewidth=0.8, linestyle="--")
    axes.set_xlabel("change of the location-based total of the base year, % (dashed: threshold)")
    axes.margins(x=0.1, y=0.02)
    return svg(drawn, "change of base years against the threshold")


def _differences(found: Restatement) -> str:
    return table(
        ["tenant", "period", "scope", "category", "lines", "location before, t", "after", "change",
         "market before, t", "after", "change"],
        (
            [
                ("", row["tenant"]), ("", row["period"]), ("", row["scope"]), ("", row["category"]),
                ("n", f"{row['lines']:,}"),
                ("n", tonnes(row["location_before_mg"])), ("n", tonnes(row["location_after_mg"])),
                ("n", change(row["location_before_mg"], row["location_after_mg"])),
                ("n", tonnes(row["market_before_mg"])), ("n", tonnes(row["market_after_mg"])),
                ("n", change(row["market_before_mg"], row["market_after_mg"])),
            ]
            for row in found.restated.differences.iter_rows(named=True)
        ),
    )  # fmt: skip


def _dependents(title: str, items: Iterable[tuple[str, str]]) -> str:
    rows = [[("", name), ("id", sha256)] for name, sha256 in items]
    if not rows:
        return f"<p>{title}: none.</p>"
    return f"<details><summary>{title} ({len(rows):,})</summary>{table(['', 'content hash'], rows)}</details>"
