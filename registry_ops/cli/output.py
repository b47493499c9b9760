"""How answers look: tables for people, JSON for programs, errors with code and hint.

Belongs here: rendering. Does not belong here: what is rendered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from greenlang_assets.core.errors import GreenlangError

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of a table that nobody looks at in a terminal: nothing is cut.
WIDE = 240

FINE, NEGATIVE, UNREADABLE, USAGE = 0, 1, 2, 64


def console(*, stderr: bool = False) -> Console:
    """A terminal; plain text, as wide as it needs to be, when the output goes into a file or a pipe."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # Brackets are part of units (mmBtu[gross]), so no text is read as markup.
    return Console(stderr=stderr, highlight=False, markup=False, width=None if stream.isatty() else WIDE)


def print_verdict(verdict: str, text: str) -> None:
    """A good answer: one green word and what it is about."""
    from rich.text import Text

    console().print(Text.assemble((verdict, "bold green"), "  ", text))


def print_json(answer: Any) -> None:
    """One JSON document on standard output, keys in the order given."""
    sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2, default=str) + "\n")


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Sequence[str] = (),
    folded: Sequence[str] = (),
) -> None:
    """A table; columns named in ``numeric`` are set to the right, those in ``folded`` break long words."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in numeric else "left",
            overflow="fold" if name in folded else "ellipsis",
            no_wrap=name in numeric,
        )
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out = console()
    out.print(title, style="bold")
    out.print(table)


def tonnes(milligrams: int) -> str:
    """Milligrams as tonnes, to the kilogram."""
    return f"{milligrams / 10**9:,.3f}"


def change(before: int, after: int) -> str:
    """A relative difference; empty where there is nothing to relate it to."""
    return f"{(after - before) / before:+.2%}" if before else ""


def print_error(error: GreenlangError, *, as_json: bool) -> None:
    """An error with everything that its reader needs; JSON goes to standard output, text to the error one."""
    if as_json:
        print_json({"error": error.as_dict()})
        return
    from rich.text import Text

    out = console(stderr=True)
    out.print(Text.assemble((error.code, "bold red"), "  ", error.message))
    if error.where:
        out.print(Text("  at        " + ", ".join(f"{key} {value}" for key, value in error.where.items())))
    for label, value in (("found", error.found), ("expected", error.expected), ("hint", error.hint)):
        if value is not None:
            out.print(Text(f"  {label:<9} {value}"))
