"""``glac factors import``, ``editions`` and ``diff``: bring an edition, see which there are, compare two.

Belongs here: words, tables, exit codes. Does not belong here: what an edition is (``core.factors.editions``),
how two are compared (``core.factors.edition_diff``) or drawn (``edition_page``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli.in_force import own_factors
from registry_ops.cli.output import (
    FINE,
    NEGATIVE,
    UNREADABLE,
    console,
    print_error,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from greenlang_assets.core.factors.edition_diff import EditionDiff
    from greenlang_assets.core.factors.editions import Kept
    from greenlang_assets.core.factors.importers.base import ImportResult

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of a table.")]
#: Changes shown in a terminal; ``--json`` and ``--html`` have all.
_SHOWN = 15


def add_to(app: typer.Typer) -> None:
    """Hang the commands into ``glac factors``."""
    app.command("import")(import_file)
    app.command("editions")(editions)
    app.command("diff")(diff)


def import_file(
    publisher: Annotated[str, typer.Argument(help="uk-desnz, us-epa-hub, ademe-base-carbone …")],
    file: Annotated[Path, typer.Argument(help="The publisher's own file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and judge; keep nothing.")] = False,
    as_json: AsJson = False,
) -> int:
    """Read a publisher's file and keep it as an edition of your own, below $GREENLANG_HOME/factors.

    A file that is refused changes nothing. The same content again is nothing new; other content under the
    same label becomes a new patch version, and the former one stays resolvable.
    """
    from greenlang_assets.core.errors import GreenlangError
    from greenlang_assets.core.factors.editions import Editions, catalogue, judge, keep
    from greenlang_assets.core.factors.publishers import PUBLISHERS
    from greenlang_assets.core.factors.publishers import publisher as publisher_of

    if publisher not in {known.name for known in PUBLISHERS}:
        raise typer.BadParameter(f"{publisher}: one of {', '.join(known.name for known in PUBLISHERS)}")
    kept: tuple[Kept, ...] = ()
    result: ImportResult | None = None
    own = own_factors()
    try:
        known = catalogue(own)
        result = publisher_of(publisher).read(file, known.frame)
        if dry_run:
            judge(result, Editions(own=own).active("gwp"))
        else:
            kept = keep(result, publisher, own)
    except GreenlangError as error:
        if as_json:
            print_json(_answer(publisher, result, [error.as_dict()]))
        else:
            print_error(error, as_json=False)
        return UNREADABLE
    if as_json:
        print_json(_answer(publisher, result, []))
    else:
        _print_import(file, result, kept)
    return FINE


def _answer(publisher: str, result: ImportResult | None, errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "publisher": publisher,
        "edition": None if result is None else ", ".join(result.editions),
        "rows_read": 0 if result is None else result.rows_read,
        "factors": 0 if result is None else result.factors.height,
        "skipped": {} if result is None else result.skipped,
        "errors": errors,
    }


def _print_import(file: Path, result: ImportResult, kept: tuple[Kept, ...]) -> None:
    print_table(
        f"{result.factors.height:,} factors from {result.rows_read:,} rows of {file.name}",
        ["left out because", "rows"],
        result.skipped.items(),
        numeric=["rows"],
    )
    further = {kind: frame.height for kind, frame in result.others.items() if frame.height}
    if result.properties.height:
        further["properties"] = result.properties.height
    out = console()
    if further:
        out.print("besides: " + ", ".join(f"{count:,} {kind}" for kind, count in further.items()))
    for note in result.notes:
        out.print(f"note: {note}", markup=False)
    words = {
        "new": "kept, in force",
        "correction": "a correction, kept, in force; the former version stays resolvable",
        "known": "known already with this content, nothing changed",
    }
    if kept:
        print_table(
            "editions",
            ["edition", "version", "rows", "what became of it"],
            [
                (k.name, k.version, f"{k.rows:,}", words.get(k.state, f"kept but held back: {k.reason}"))
                for k in kept
            ],
            numeric=["rows"],
            folded=["edition", "what became of it"],
        )
    else:
        out.print("nothing was kept: this was a dry run")


def editions(as_json: AsJson = False) -> int:
    """Every edition and version at hand, with rows, licence, and the hash that a reference pins."""
    from greenlang_assets.core.factors.editions import Editions

    listed = Editions(own=own_factors()).listed()
    if as_json:
        print_json({"editions": [item.as_dict() for item in listed]})
        return FINE
    print_table(
        f"{len(listed):,} editions; --json has their whole hashes",
        ["edition", "version", "rows", "state", "from", "sha256", "licence"],
        [
            (
                item.name,
                item.version,
                ", ".join(f"{count:,} {kind}" for kind, count in item.rows.items()),
                item.state,
                item.origin,
                f"{item.sha256[:16]}…",
                item.licence,
            )
            for item in listed
        ],
        folded=["edition", "state", "rows", "licence"],
    )
    return FINE


def diff(
    before: Annotated[str, typer.Argument(help="publisher/dataset/edition[@version]")],
    after: Annotated[str, typer.Argument(help="the one to compare with it")],
    html: Annotated[Path | None, typer.Option(help="Write a page with plots to this file.")] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Leave with 1 where they differ.")] = False,
    as_json: AsJson = False,
) -> int:
    """What a later edition added, removed and changed, with relative differences."""
    from greenlang_assets.core.factors.edition_diff import compare
    from greenlang_assets.core.factors.editions import Editions

    at_hand = Editions(own=own_factors())
    (first, first_version, former), (second, second_version, latter) = (
        at_hand.rows(before),
        at_hand.rows(after),
    )
    names = (f"{first}@{first_version}", f"{second}@{second_version}")
    found = compare(former, latter, names=names)
    if html is not None:
        from registry_ops.cli.edition_page import page

        html.write_text(page(found, former, latter), encoding="utf-8")
    if as_json:
        print_json(found.as_dict())
    else:
        _print_diff(found, html)
    return NEGATIVE if exit_code and found.differs else FINE


def _print_diff(found: EditionDiff, html: Path | None) -> None:
    from greenlang_assets.core.factors.edition_diff import largest
    from greenlang_assets.core.provenance.canonical import number_text

    counted = found.summary()
    print_table(
        f"{found.before}  →  {found.after}",
        ["", "factors"],
        [
            (name.replace("_", " "), f"{counted[name]:,}")
            for name in ("factors_before", "factors_after", "added", "removed", "changed", "unchanged")
        ],
        numeric=["factors"],
    )
    rows = largest(found.changed).head(_SHOWN)
    if rows.height:
        print_table(
            f"largest of {found.changed.height:,} changed figures",
            ["change", "figure", "before", "after", "unit", "factor"],
            [
                (
                    "" if row["relative"] is None else f"{row['relative']:+.1%}",
                    row["figure"],
                    "" if row["before"] is None else number_text(row["before"]),
                    "" if row["after"] is None else number_text(row["after"]),
                    row["unit"] or row["unit_before"],
                    row["factor"],
                )
                for row in rows.iter_rows(named=True)
            ],
            numeric=["change", "before", "after"],
            folded=["factor"],
        )
    for title, ids in (("added", found.added), ("removed", found.removed)):
        if ids:
            shown = ids[:_SHOWN]
            left = len(ids) - len(shown)
            print_table(
                f"{title} ({len(ids):,})" + (f", the first {len(shown)}" if left else ""),
                ["factor"],
                [(factor,) for factor in shown],
                folded=["factor"],
            )
    if html is not None:
        console().print(f"the whole comparison with plots: {html}", markup=False)
