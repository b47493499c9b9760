"""The root of ``glac``: its groups of commands and what an error becomes.

Belongs here: the tree of commands, exit codes. Does not belong here: the commands.
"""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from greenlang_assets.core.errors import GreenlangError
from registry_ops.cli import (
    backfill,
    calculate,
    emissions,
    factors,
    formulas,
    pack,
    platform,
    provenance,
    restate,
)
from registry_ops.cli.output import NEGATIVE, UNREADABLE, USAGE, print_error

app = typer.Typer(
    name="glac",
    help="Emission numbers whose origin anyone can walk back to the publisher's table, and recompute.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(factors.app, name="factors")
app.add_typer(formulas.app, name="formulas")
app.command("calculate")(calculate.calculate)
emissions.app.command("backfill")(backfill.backfill)
app.add_typer(emissions.app, name="emissions")
app.add_typer(provenance.app, name="provenance")
app.add_typer(pack.app, name="pack")
app.command("restate")(restate.restate)
app.command("run")(platform.run)
app.command("up")(platform.up)
app.command("clean")(platform.clean)

#: Beginnings of codes that say "this could not be read", as opposed to "the answer is no".
_UNREADABLE = (
    "FILE_",
    "METHOD_TABLE",
    "PUBLISHER_FILE_",
    "SETTING_",
    "TABLE_NOT_CANONICAL",
    "TENANT_COLUMNS",
    "TENANT_FILE_",
    "TENANT_ROW",
)

#: What a shell says of a program that Ctrl-C ended.
STOPPED = 130


def exit_code(error: GreenlangError) -> int:
    """2 for input that cannot be read, 1 for a negative answer."""
    return UNREADABLE if error.code.startswith(_UNREADABLE) else NEGATIVE


def main() -> None:
    """Run ``glac`` on the words of the command line and leave with its exit code."""
    as_json = "--json" in sys.argv
    try:
        code = app(standalone_mode=False)
    except typer.Abort:
        code = STOPPED
    except TyperException as error:
        word = error.format_message() if hasattr(error, "format_message") else str(error)
        if word:
            sys.stderr.write(f"usage: {word}\nhint: add --help to the command for what it takes\n")
        code = USAGE
    except GreenlangError as error:
        print_error(error, as_json=as_json)
        code = exit_code(error)
    except BrokenPipeError:
        code = 0  # the reader (head, less) has seen enough
    if code == STOPPED:
        sys.stderr.write("stopped; what was recorded stays, and the next run goes on from there\n")
    sys.exit(code or 0)
