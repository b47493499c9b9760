"""``glac emissions``: a batch emission run over a table of activity.

Belongs here: reading the two tables, showing the outcome, writing the lines.
Does not belong here: the calculation (``core.calculation.batch``); recorded runs of tenants are Dagster's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli import in_force, uncertainty
from registry_ops.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    import polars as pl

    from greenlang_assets.core.calculation.batch import BatchResult
    from greenlang_assets.core.calculation.batch_uncertainty import UncertainTotal
    from greenlang_assets.core.calculation.engine import CalculationEngine

app = typer.Typer(help="Batch emission runs.", no_args_is_help=True)


@app.command()
def run(
    activity: Annotated[
        Path, typer.Argument(help="Activity table, CSV or Parquet (contract: docs/tenants.md).")
    ],
    method: Annotated[
        Path, typer.Option(help="Method table: data year and activity to edition and GWP set.")
    ],
    columns: Annotated[
        Path | None,
        typer.Option(help="Mapping (YAML) of a CSV table whose columns have other names; see `template`."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for lines.csv, totals.csv, rejected.csv, quality.csv and bounds.csv."),
    ] = None,
    spreads: Annotated[
        list[str] | None,
        typer.Option(
            "--uncertainty",
            metavar="NAME=PERCENT",
            help=f"{uncertainty.HELP}NAME is an activity or a factor's id: diesel=2%. {uncertainty.FORMS}",
        ),
    ] = None,
    draws: Annotated[
        int | None, typer.Option("--monte-carlo", metavar="DRAWS", help="Bounds by so many draws as well.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the draws, part of the hash; 1 unless said.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome as one JSON document.")] = False,
) -> int:
    """Calculate every row of an activity table; rows without a factor are listed with their reason."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    stated, simulation = uncertainty.read_words(spreads or []), uncertainty.simulation(draws, seed)
    totals: list[UncertainTotal] = []
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("reading the tables", total=None)
        activity_rows, how = _read(activity, method, columns)
        result, engine = _calculate(activity_rows, how, lambda what: progress.update(task, description=what))
        if stated or simulation is not None or _states(how):
            progress.update(task, description="bounding the totals")
            totals = _bounds(result, activity_rows, how, engine, stated, simulation)
        if out is not None:
            progress.update(task, description="writing the tables")
            _write(_tables(result, activity_rows, how, engine), out)
    if as_json:
        bounds = {"uncertainty": [total.model_dump(mode="json") for total in totals]} if totals else {}
        print_json(_outcome(result) | bounds)
    else:
        _print(result, out)
        if totals:
            uncertainty.print_totals(totals)
    return 0 if result.rejected.is_empty() else 1


@app.command()
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

    from greenlang_assets.core.calculation.batch_columns import Batch
    from greenlang_assets.core.calculation.batch_files import run_files
    from greenlang_assets.core.calculation.batch_questions import resolver_of
    from greenlang_assets.core.tenants.contracts import METHOD, check
    from greenlang_assets.core.tenants.dataset import load_method

    how = check(load_method(method), METHOD)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("loading factors and formulas", total=None)
        engine = in_force.engine()
        resolver = resolver_of(engine.catalogue, engine.library, engine.gwp)
        batch = Batch(resolver, how) if threads is None else Batch(resolver, how, threads)
        done = run_files(
            rows, batch, out, by=tuple(by or ("tenant", "scope")),
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
            [*done.sums.columns[: -len(_MASSES)], "kg CO2e"],
            [
                (*row[: -len(_MASSES)], f"{row[-1] / 10**6:,.3f}")
                for row in done.sums.head(_SHOWN).iter_rows()
            ],
            numeric=["kg CO2e"],
        )
        if done.sums.height > _SHOWN:
            console().print(f"and {done.sums.height - _SHOWN:,} more in {out}/sums.csv")
        if done.rejected:
            print_table("rejected", ["code", "rows"], list(done.rejected.items()), numeric=["rows"])
        console().print(f"root {done.root}")
        console().print(f"written: {out}/rows, plans.parquet, rejected.parquet, sums.csv, run.json")
    return 1 if done.rejected else 0


#: Rows of sums that a terminal shows.
_SHOWN = 20
_MASSES = ("co2_mg", "ch4_mg", "n2o_mg", "co2_biogenic_mg", "co2e_mg")


def _integer(cell: Any) -> Any:
    """Sums beyond 64 bits as text: readers of JSON would lose their digits."""
    return str(cell) if isinstance(cell, int) and abs(cell) >= 2**53 else cell


@app.command()
def template(
    folder: Annotated[Path, typer.Argument(help="Where to write; files that are there stay.")],
) -> int:
    """Write the tables of a run to fill in: activity.csv, method.csv, and columns.yaml for other files."""
    from greenlang_assets.core.tenants.templates import TEMPLATES

    folder.mkdir(parents=True, exist_ok=True)
    out = console()
    for name, text in TEMPLATES.items():
        path = folder / name
        if path.exists():
            out.print(f"kept     {path}")
            continue
        path.write_text(text, encoding="utf-8")
        out.print(f"written  {path}")
    out.print(
        f"then: glac emissions run {folder}/activity.csv --method {folder}/method.csv --out {folder}/out"
    )
    return 0


def _states(how: pl.DataFrame) -> bool:
    """Whether the method table states an uncertainty."""
    stated = how.select("quantity_uncertainty", "factor_uncertainty")
    return any(count < how.height for count in stated.null_count().row(0))


def _bounds(
    result: BatchResult,
    rows: pl.DataFrame,
    how: pl.DataFrame,
    engine: CalculationEngine,
    words: dict[str, str],
    simulation: Any,
) -> list[UncertainTotal]:
    """Bounds for each tenant and period, by both scope 2 figures; a word comes before the method table."""
    from greenlang_assets.core.calculation.batch_uncertainty import LineUncertainty, uncertain_totals
    from greenlang_assets.core.calculation.line_quality import for_sums

    lines, says = for_sums(result.lines, rows, how)
    yearly: dict[str, set[str]] = {}
    for plain, named in zip(result.lines["activity"], lines["activity"], strict=True):
        yearly.setdefault(plain, set()).add(named)
    # A factor's id has slashes; the name of an activity has none.
    given = {
        name: text for word, text in words.items() if "/" not in word for name in yearly.get(word, {word})
    }
    factors = {name: text for name, text in words.items() if "/" in name}
    of = LineUncertainty(activities={**says.activities, **given}, factors={**says.factors, **factors})
    location = uncertain_totals(lines, engine.library, of, by=("tenant", "period"), simulation=simulation)
    market = uncertain_totals(
        lines, engine.library, of, by=("tenant", "period"), figure="market", simulation=simulation
    )
    return [*location, *market]


def _read(activity: Path, method: Path, columns: Path | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    from greenlang_assets.core.tenants.contracts import ACTIVITY, METHOD, check
    from greenlang_assets.core.tenants.dataset import load_method
    from greenlang_assets.core.tenants.files import read_table_file
    from greenlang_assets.core.tenants.mapping import read_mapped, read_mapping

    rows = (
        read_table_file(activity, ACTIVITY)
        if columns is None
        else read_mapped(activity, read_mapping(columns))
    )
    return check(rows, ACTIVITY), check(load_method(method), METHOD)


def _calculate(rows: pl.DataFrame, how: pl.DataFrame, say: Any) -> tuple[BatchResult, CalculationEngine]:
    from greenlang_assets.core.calculation.batch import calculate_batch

    say("loading factors and formulas")
    engine = in_force.engine()
    say(f"calculating {rows.height:,} rows")
    result = calculate_batch(rows, how, catalogue=engine.catalogue, library=engine.library, gwp=engine.gwp)
    return result, engine


def _tables(
    result: BatchResult, rows: pl.DataFrame, how: pl.DataFrame, engine: CalculationEngine
) -> dict[str, pl.DataFrame]:
    """What is written, by name: results, and what is said about them."""
    from greenlang_assets.core.calculation.line_quality import line_quality, total_bounds

    quality = line_quality(result.lines, rows, how, engine.library)
    return {
        **{name: getattr(result, name) for name in ("lines", "totals", "rejected")},
        "quality": quality,
        "bounds": total_bounds(quality, result.totals),
    }


def _outcome(result: BatchResult) -> dict[str, Any]:
    by_tenant = result.totals.group_by("tenant", "period").agg(
        **{name: _sum(name) for name in ("lines", "co2e_mg", "co2e_market_mg")}
    )
    return {
        "lines": result.lines.height,
        "rejected": result.rejected.to_dicts(),
        "totals": by_tenant.sort("tenant", "period").to_dicts(),
    }


def _sum(name: str) -> Any:
    import polars as pl

    return pl.col(name).sum()


def _print(result: BatchResult, out: Path | None) -> None:
    outcome = _outcome(result)
    print_table(
        f"{outcome['lines']:,} lines calculated, {len(outcome['rejected']):,} rejected",
        ["tenant", "period", "lines", "location-based, kg CO2e", "market-based, kg CO2e"],
        [
            (row["tenant"], row["period"], row["lines"], f"{row['co2e_mg'] / 10**6:,.3f}",
             f"{row['co2e_market_mg'] / 10**6:,.3f}")
            for row in outcome["totals"]
        ],
        numeric=["lines", "location-based, kg CO2e", "market-based, kg CO2e"],
    )  # fmt: skip
    if outcome["rejected"]:
        print_table(
            "rejected",
            ["activity", "code", "found", "expected", "hint"],
            [tuple(row[name] for name in ("activity_id", "code", "found", "expected", "hint"))
             for row in outcome["rejected"][:50]],
            folded=["activity", "found", "expected", "hint"],
        )  # fmt: skip
    if out is not None:
        console().print(f"written: {out}/lines.csv, totals.csv, rejected.csv, quality.csv, bounds.csv")


def _write(tables: dict[str, pl.DataFrame], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        unfinished = out / f".{name}.csv"
        frame.write_csv(unfinished)
        unfinished.replace(out / f"{name}.csv")
