"""``glac factors compare``: one activity across publishers and years.

Belongs here: words, a table, the file of the page. Does not belong here: the comparison
(``core.factors.comparison``), its page (``comparison_page``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry_ops.cli.output import FINE, console, print_json, print_table

#: Factors shown in a terminal; ``--json`` and ``--html`` have all.
_SHOWN = 40


def add_to(app: typer.Typer) -> None:
    """Hang the command into ``glac factors``."""
    app.command("compare")(compare)


def compare(
    activity: Annotated[str, typer.Argument(help="Harmonised activity: diesel, natural-gas …")],
    unit: Annotated[
        str | None, typer.Option(help='Per what: litre, "kWh[gross]"; without it, what most are per.')
    ] = None,
    region: Annotated[str | None, typer.Option(help="Only this region: US, GB …")] = None,
    gwp_set: Annotated[
        str | None, typer.Option(help="AR4, AR5 or AR6: CO2e from the masses of gases with this set.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with a plot into this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")] = False,
) -> int:
    """One activity across publishers and years, in one unit by exact conversion, with its GWP set.

    CO2e is the publisher's own; with --gwp-set it is made from masses of gases where they are published.
    """
    from greenlang_assets.core.factors.comparison import compare as compare_factors
    from registry_ops.cli import in_force

    found = compare_factors(in_force.catalogue(), activity, unit=unit, region=region, gwp_set=gwp_set)
    if html is not None:
        from registry_ops.cli.comparison_page import page

        html.write_text(page(found), encoding="utf-8")
    if as_json:
        print_json(found.record())
        return FINE
    from rich.markup import escape

    shown = found.rows[:_SHOWN]
    title = escape(found.figure_unit)
    print_table(
        f"{activity}: {len(found.rows):,} factors",
        [title, "year", "region", "publisher", "edition", "GWP set", "made of", "activity path"],
        [
            (
                row.text, row.year, row.region, row.publisher, row.edition, row.gwp_set, row.gases,
                row.activity_path,
            )
            for row in shown
        ],
        numeric=[title],
        folded=["activity path", "made of"],
    )  # fmt: skip
    out = console()
    if len(found.rows) > len(shown):
        out.print(f"… and {len(found.rows) - len(shown):,} more: --region, --html or --json")
    for reason, count in found.left_out.items():
        out.print(f"left out: {count:,} {reason}", markup=False)
    if html is not None:
        out.print(f"page: {html}", markup=False)
    return FINE
