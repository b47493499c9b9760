"""``glac emissions table`` and ``prove``: a batch over a table of any size, and the proof of one of its rows.

Belongs here: the command's options and what a person sees. Does not belong here: the run itself
(``core.calculation.batch_files``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli import in_force
from registry_ops.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from greenlang_assets.core.calculation.batch_columns import Batch

#: Rows of sums that a terminal shows.
_SHOWN = 20


def _integer(cell: Any) -> Any:
    """Sums beyond 64 bits as text: readers of JSON would lose their digits."""
    return str(cell) if isinstance(cell, int) and abs(cell) >= 2**53 else cell


def table(
    rows: Annotated[
        Path,
        typer.Argument(help="Parquet file or folder: activity, region, unit, data_year, quantity and --by."),
    ],
    method: Annotated[
        Path, typer.Option(help="Method table: data year and activity to edition and GWP set.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of results, which must not exist yet.")],
    by: Annotated[
        list[str] | None, typer.Option(help="Columns to sum by; tenant and scope unless said.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="How many work at once; one a core.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome as one JSON document.")] = False,
) -> int:
    """Calculate a table of any size, block by block; its results are proved by one Merkle root."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from greenlang_assets.core.calculation.batch_files import run_files

    names = tuple(by or ("tenant", "scope"))
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("loading factors and formulas", total=None)
        done = run_files(
            rows, _batch(method, names, threads), out,
            say=lambda at, total: progress.update(task, description="rows", completed=at, total=total),
        )  # fmt: skip
    if as_json:
        sums = [{name: _integer(cell) for name, cell in row.items()} for row in done.sums.to_dicts()]
        print_json(
            {
                "rows": done.rows,
                "rejected": done.rejected,
                "root": done.root,
                "plans": done.plans,
                "sums": sums,
            }
        )
    else:
        refused = sum(done.rejected.values())
        print_table(
            f"{done.rows:,} rows of {done.plans:,} distinct questions, {refused:,} rejected",
            [*names, "kg CO2e"],
            [
                (*key, f"{mass / 10**6:,.3f}")
                for *key, mass in done.sums.select(*names, "co2e_mg").head(_SHOWN).iter_rows()
            ],
            numeric=["kg CO2e"],
        )
        if done.sums.height > _SHOWN:
            console().print(f"and {done.sums.height - _SHOWN:,} more in {out}/sums.csv")
        if done.rejected:
            print_table("rejected", ["code", "rows"], list(done.rejected.items()), numeric=["rows"])
        console().print(f"root {done.root}")
        console().print(
            f"written: {out}/rows, plans.parquet, groups.parquet, rejected.parquet, sums.csv, leaves.bin, "
            "run.json"
        )
    return 1 if done.rejected else 0


def prove(
    row: Annotated[int, typer.Argument(min=0, help="Number of the row in the table, from 0.")],
    rows: Annotated[Path, typer.Option(help="The Parquet file or folder of the run.")],
    method: Annotated[Path, typer.Option(help="The method table of the run.")],
    run: Annotated[Path, typer.Option(help="The run's folder.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the proof (JSON).")] = None,
) -> int:
    """Prove one row of a run of `table` to its root: its block, calculated again, and the path."""
    import json

    from greenlang_assets.core.calculation.batch_files import prove_row

    proof = prove_row(rows, _batch(method, (), None), run, row)
    text = json.dumps(proof, indent=1, sort_keys=True) + "\n"
    if out is None:
        print_json(proof)
    else:
        out.write_text(text, encoding="utf-8")
        leaf, leaves = proof["block"]["leaf"], proof["leaves"]
        console().print(f"row {row} is in leaf {leaf} of {leaves} under root {proof['root']}")
        console().print(f"written: {out}")
    return 0


def _batch(method: Path, by: Sequence[str], threads: int | None) -> Batch:
    from greenlang_assets.core.calculation.batch_columns import Batch
    from greenlang_assets.core.calculation.batch_questions import resolver_of
    from greenlang_assets.core.tenants.contracts import METHOD, check
    from greenlang_assets.core.tenants.dataset import load_method

    how = check(load_method(method), METHOD)
    engine = in_force.engine()
    resolver = resolver_of(engine.catalogue, engine.library, engine.gwp)
    return Batch(resolver, how, by) if threads is None else Batch(resolver, how, by, threads)
