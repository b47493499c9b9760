"""``glac restate``: what another edition would change, before anything is replaced.

Belongs here: words, tables, the document. Does not belong here: which results depend on an edition and what
they would be (``core.recipes.restatement``), the page (``restatement_page``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli.output import FINE, NEGATIVE, change, console, print_json, print_table, tonnes

if TYPE_CHECKING:
    from factory_ops.recipes import Agent
    from greenlang_assets.core.recipes.restatement import Restatement

#: Rows shown in a terminal; ``--json`` and ``--html`` have all.
_SHOWN = 15
#: Upper limit that the SBTi Corporate Net-Zero Standard Criteria set for the recalculation of targets; the
#: GHG Protocol leaves the number to the company.
THRESHOLD_PERCENT = 5.0
_FIGURES = ("location before", "after", "change", "market before", "after ", "change ")


def restate(
    before: Annotated[
        str, typer.Option("--from", help="Edition that results rest on: publisher/dataset/edition[@version].")
    ],
    after: Annotated[str, typer.Option("--to", help="The edition to put in its place.")],
    threshold: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="PERCENT",
            help="A base year that moves so much or more is to be recalculated; yours to set.",
        ),
    ] = THRESHOLD_PERCENT,
    base_year: Annotated[
        str | None, typer.Option(help="The base year; each tenant's first period unless said.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with a plot to this file.")] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Leave with 1 where a base year is to be recalculated.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")] = False,
) -> int:
    """Which results and agents depend on an edition, and the difference that another one makes.

    Nothing is replaced and nothing recorded: this is what is looked at first.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from factory_ops.recipes import agents_on
    from greenlang_assets.core.recipes.restatement import restatement
    from resources.platform import open_platform
    from resources.settings import Settings
    from resources.world import world_of

    with (
        Progress(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
            console=console(stderr=True), transient=True,
        ) as progress,
        open_platform(Settings.from_env()) as platform,
    ):  # fmt: skip
        task = progress.add_task("opening the records", total=None)
        world = world_of(platform)
        found = restatement(
            world,
            before,
            after,
            threshold_percent=threshold,
            base_year=base_year,
            say=lambda what: progress.update(task, description=what),
        )
        agents = agents_on(world, found.factor_sha256s)
    if html is not None:
        from registry_ops.cli.restatement_page import page

        html.write_text(page(found, agents), encoding="utf-8")
    if as_json:
        print_json(document(found, agents))
    else:
        _print(found, agents, html)
    return NEGATIVE if exit_code and any(year.significant for year in found.base_years) else FINE


def document(found: Restatement, agents: Sequence[Agent]) -> dict[str, Any]:
    """The whole answer as plain values."""
    return {
        "from": found.before,
        "to": found.after,
        "threshold_percent": found.threshold_percent,
        "results": [{"result": name, "sha256": sha256} for name, sha256 in found.results],
        "made_of_them": [{"asset": name, "sha256": sha256} for name, sha256 in found.dependents],
        "agents": [
            {"agent": name, "version": version, "spec_sha256": sha256} for name, version, sha256 in agents
        ],
        "differences": found.restated.differences.to_dicts(),
        "rejected": found.restated.rejected.to_dicts(),
        "base_years": [year.__dict__ for year in found.base_years],
    }


def _print(found: Restatement, agents: Sequence[Agent], html: Path | None) -> None:
    import polars as pl

    differences = found.restated.differences
    print_table(
        f"{found.before}  →  {found.after}",
        ["rest on the former", ""],
        [
            ("partitions of results", f"{len(found.results):,}"),
            ("made of them", f"{len(found.dependents):,}"),
            ("agents", ", ".join(f"{name} {version}" for name, version, _ in agents) or "none"),
            ("lines", f"{int(differences['lines'].sum()):,}"),
            ("rows that the other edition cannot calculate", f"{found.restated.rejected.height:,}"),
        ],
        folded=[""],
    )
    if differences.height:
        total = differences.group_by("period", "scope", "category").agg(
            pl.col("location_before_mg", "location_after_mg", "market_before_mg", "market_after_mg").sum()
        )
        print_table(
            "all tenants together, t CO2e of these lines",
            ["period", "scope", "category", *_FIGURES],
            [
                (
                    row["period"], row["scope"], row["category"],
                    tonnes(row["location_before_mg"]), tonnes(row["location_after_mg"]),
                    change(row["location_before_mg"], row["location_after_mg"]),
                    tonnes(row["market_before_mg"]), tonnes(row["market_after_mg"]),
                    change(row["market_before_mg"], row["market_after_mg"]),
                )
                for row in total.sort("period", "scope", "category").iter_rows(named=True)
            ],
            numeric=_FIGURES,
        )  # fmt: skip
    significant = [year for year in found.base_years if year.significant]
    moved = sorted(found.base_years, key=lambda year: -abs(year.percent or 0.0))[:_SHOWN]
    if moved:
        print_table(
            f"base years: {len({year.tenant for year in significant}):,} of "
            f"{len({year.tenant for year in found.base_years}):,} tenants reach "
            f"{found.threshold_percent:g} % (the {len(moved)} that move most)",
            ["tenant", "base year", "figure", "before, t", "after, t", "change", "recalculate"],
            [
                (
                    year.tenant, year.period, year.figure, tonnes(year.before_mg), tonnes(year.after_mg),
                    change(year.before_mg, year.after_mg), "yes" if year.significant else "no",
                )
                for year in moved
            ],
            numeric=["before, t", "after, t", "change"],
            folded=["tenant"],
        )  # fmt: skip
    out = console()
    if html is not None:
        out.print(f"every tenant, scope and category with a plot: {html}")
    out.print("Nothing was replaced.")
