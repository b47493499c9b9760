"""``glac emissions``: a batch emission run over a table of activity.

Belongs here: reading the two tables, showing the outcome, writing the lines.
Does not belong here: the calculation (``core.calculation.batch``); recorded runs of tenants are Dagster's.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli import in_force, spark_run, uncertainty
from registry_ops.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from rich.progress import Progress, TaskID

    from greenlang_assets.core.calculation.batch_uncertainty import UncertainTotal
    from greenlang_assets.core.calculation.engine import CalculationEngine


class Engine(StrEnum):
    """What calculates; the integers and hashes are the same."""

    POLARS = "polars"
    SPARK = "spark"


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
        Path | None, typer.Option(help="Folder for lines.csv, totals.csv and rejected.csv.")
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
    engine: Annotated[
        Engine, typer.Option(help="spark: on a cluster, for tables beyond one machine; docs/spark.md.")
    ] = Engine.POLARS,
    master: Annotated[str, typer.Option(help="Spark: local[*] or spark://host:7077.")] = spark_run.MASTER,
    packages: Annotated[
        list[Path] | None,
        typer.Option("--py-files", metavar="WHEEL", help="Spark: a wheel for the workers; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The outcome as one JSON document.")] = False,
) -> int:
    """Calculate every row of an activity table; rows without a factor are listed with their reason."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    on_spark = None
    if engine is Engine.SPARK:
        if out is None:
            raise typer.BadParameter("--engine spark needs --out, a folder that every worker sees")
        on_spark = partial(spark_run.calculate, out=out, master=master, packages=packages or [])
    stated, simulation = uncertainty.read_words(spreads or []), uncertainty.simulation(draws, seed)
    totals: list[UncertainTotal] = []
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("reading the tables", total=None)
        say = partial(_say, progress, task)
        tables, calculator = _calculate(activity, method, columns, say, on_spark)
        if stated or simulation is not None:
            say("bounding the totals")
            totals = _bounds(tables["lines"].collect(), calculator, stated, simulation)
        if out is not None:
            say(f"writing {out}")
            _write(tables, out)
    outcome = _outcome(tables)
    if as_json:
        bounds = {"uncertainty": [total.model_dump(mode="json") for total in totals]} if totals else {}
        print_json(outcome | bounds)
    else:
        _print(outcome, out)
        if totals:
            uncertainty.print_totals(totals)
    return 1 if outcome["rejected"] else 0


def _say(progress: Progress, task: TaskID, what: str) -> None:
    progress.update(task, description=what)


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


def _bounds(
    lines: pl.DataFrame, engine: CalculationEngine, stated: dict[str, str], simulation: Any
) -> list[UncertainTotal]:
    """Bounds for each tenant and period, by both scope 2 figures."""
    from greenlang_assets.core.calculation.batch_uncertainty import LineUncertainty, uncertain_totals

    # A factor's id has slashes; the name of an activity has none.
    of = LineUncertainty(
        activities={name: text for name, text in stated.items() if "/" not in name},
        factors={name: text for name, text in stated.items() if "/" in name},
    )
    location = uncertain_totals(lines, engine.library, of, by=("tenant", "period"), simulation=simulation)
    market = uncertain_totals(
        lines, engine.library, of, by=("tenant", "period"), figure="market", simulation=simulation
    )
    return [*location, *market]


def _calculate(
    activity: Path, method: Path, columns: Path | None, say: Callable[[str], None], on_spark: Any
) -> tuple[dict[str, pl.LazyFrame], CalculationEngine]:
    """Lines, totals and rejected rows by name, and the engine that they come from."""
    from greenlang_assets.core.calculation.batch import calculate_batch
    from greenlang_assets.core.tenants.contracts import METHOD, check
    from greenlang_assets.core.tenants.dataset import load_method

    how = check(load_method(method), METHOD)
    is_parquet = activity.is_dir() or (activity.is_file() and activity.suffix == ".parquet")
    if on_spark is not None:
        # Workers read Parquet themselves; a table that has to be understood first is read here.
        given = activity if is_parquet and columns is None else _rows(activity, columns)
        engine = _engine(say)
        return on_spark(given, how, engine=engine, say=say), engine
    rows = _rows(activity, columns)
    engine = _engine(say)
    say(f"calculating {rows.height:,} rows")
    result = calculate_batch(rows, how, catalogue=engine.catalogue, library=engine.library, gwp=engine.gwp)
    return {name: getattr(result, name).lazy() for name in ("lines", "totals", "rejected")}, engine


def _rows(activity: Path, columns: Path | None) -> pl.DataFrame:
    from greenlang_assets.core.tenants.contracts import ACTIVITY, check
    from greenlang_assets.core.tenants.files import read_table_file
    from greenlang_assets.core.tenants.mapping import read_mapped, read_mapping

    if columns is None:
        return check(read_table_file(activity, ACTIVITY), ACTIVITY)
    return check(read_mapped(activity, read_mapping(columns)), ACTIVITY)


def _engine(say: Callable[[str], None]) -> CalculationEngine:
    say("loading factors and formulas")
    return in_force.engine()


def _outcome(tables: dict[str, pl.LazyFrame]) -> dict[str, Any]:
    by_tenant = (
        tables["totals"]
        .group_by("tenant", "period")
        .agg(**{name: _sum(name) for name in ("lines", "co2e_mg", "co2e_market_mg")})
    )
    return {
        "lines": tables["lines"].select("activity_id").collect().height,
        "rejected": tables["rejected"].collect().to_dicts(),
        "totals": by_tenant.sort("tenant", "period").collect().to_dicts(),
    }


def _sum(name: str) -> Any:
    import polars as pl

    return pl.col(name).sum()


def _print(outcome: dict[str, Any], out: Path | None) -> None:
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
        console().print(f"written: {out}/lines.csv, totals.csv, rejected.csv")


def _write(tables: dict[str, pl.LazyFrame], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        unfinished = out / f".{name}.csv"
        table.sink_csv(unfinished)
        unfinished.replace(out / f"{name}.csv")
