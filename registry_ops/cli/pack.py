"""``glac pack``: what is wrong with a pack.yaml, all of it, each fault at its line.

Belongs here: words and tables. Does not belong here: any rule (``factory_ops.specification``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry_ops.cli import in_force
from registry_ops.cli.output import console, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from factory_ops.specification.answer import Issue
    from factory_ops.specification.processor import Processed

app = typer.Typer(help="Packs: validate.", no_args_is_help=True)


@app.callback()
def pack() -> None:
    """Packs: validate."""


@app.command("validate")
def validate(
    file: Annotated[Path, typer.Argument(help="A pack.yaml.")],
    strict: Annotated[bool, typer.Option("--strict", help="Unknown keys are errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> int:
    """Every error and warning of a pack. Exit code 0 valid, 1 invalid, 2 not YAML or refused for its form."""
    from factory_ops.specification.processor import SpecProcessor

    processed = SpecProcessor(in_force.catalogue).process(_read(file), strict=strict)
    if as_json:
        print_json(processed.answer.as_dict())
    else:
        _print(file, processed)
    return processed.answer.exit_code


def _read(file: Path) -> bytes:
    from greenlang_assets.core.errors import GreenlangError
    from greenlang_assets.core.strict_yaml import MAX_BYTES

    try:
        with file.open("rb") as stream:
            # One byte more than allowed is enough to be refused; a larger file is never read whole.
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise GreenlangError(
            "FILE_UNREADABLE",
            "the file cannot be read",
            found=f"{file}: {error.strerror}",
            expected="a pack.yaml",
            where={"file": file.name},
        ) from error


def _print(file: Path, processed: Processed) -> None:
    from rich.text import Text

    answer, out = processed.answer, console()
    _print_issues(file, answer.errors, "bold red")
    _print_issues(file, answer.warnings, "yellow")
    counts = f"{_counted(len(answer.errors), 'error')}, {_counted(len(answer.warnings), 'warning')}"
    verdict = Text("valid", "bold green") if answer.valid else Text("not valid", "bold red")
    out.print(Text.assemble(f"{file}: ", verdict, f", schema {answer.schema}, {counts}"))
    if processed.domain is not None:
        domain = processed.domain
        second, affinity = domain.runner_up
        out.print(Text(f"domain {domain.domain} ({domain.confidence:.2f}), next {second} ({affinity:.2f})"))
    if processed.plan is not None:
        formula = processed.plan.formula
        how = "inferred" if formula.inferred else "named"
        pinned = _counted(len(processed.plan.choices), "factor row")
        out.print(Text(f"formula {formula.id}@{formula.version} ({how}), {pinned} pinned"))


def _print_issues(file: Path, issues: Iterable[Issue], style: str) -> None:
    from rich.text import Text

    out = console()
    for issue in issues:
        place = f"{file.name}:{issue.line}:{issue.column}" if issue.line else file.name
        out.print(Text.assemble((issue.code, style), f"  {place}  {issue.path}"))
        out.print(Text(f"  {issue.message}"))
        for label in ("found", "expected", "hint"):
            value = getattr(issue, label)
            if value is not None:
                out.print(Text(f"  {label:<9} {value}"))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
