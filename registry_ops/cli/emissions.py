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
from registry_ops.cli.emission_table import prove, table
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
        how = _method(method)
        tables, engine_used, rows = _calculate(activity, how, columns, say, on_spark)
        if stated or simulation is not None or _states(how):
            say("bounding the totals")
            known = _rows(activity, columns) if rows is None else rows
            totals = _bounds(tables["lines"].collect(), known, how, engine_used, stated, simulation)
        if out is not None:
            say(f"writing {out}")
            # What is said of each line needs all rows in one memory, which a cluster's may not fit.
            written = tables if rows is None else tables | _quality(tables, rows, how, engine_used)
            _write(written, out)
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


app.command()(table)
app.command()(prove)


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
    results: pl.DataFrame,
    rows: pl.DataFrame,
    how: pl.DataFrame,
    engine: CalculationEngine,
    words: dict[str, str],
    simulation: Any,
) -> list[UncertainTotal]:
    """Bounds for each tenant and period, by both scope 2 figures; a word comes before the method table."""
    from greenlang_assets.core.calculation.batch_uncertainty import LineUncertainty, uncertain_totals
    from greenlang_assets.core.calculation.line_quality import for_sums

    lines, says = for_sums(results, rows, how)
    yearly: dict[str, set[str]] = {}
    for plain, named in zip(results["activity"], lines["activity"], strict=True):
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


def _method(path: Path) -> pl.DataFrame:
    from greenlang_assets.core.tenants.contracts import METHOD, check
    from greenlang_assets.core.tenants.dataset import load_method

    return check(load_method(path), METHOD)


def _calculate(
    activity: Path, how: pl.DataFrame, columns: Path | None, say: Callable[[str], None], on_spark: Any
) -> tuple[dict[str, pl.LazyFrame], CalculationEngine, pl.DataFrame | None]:
    """Lines, totals and rejected rows by name, the engine they come from, and the rows if they are here."""
    from greenlang_assets.core.calculation.batch import calculate_batch

    is_parquet = activity.is_dir() or (activity.is_file() and activity.suffix == ".parquet")
    if on_spark is not None:
        # Workers read Parquet themselves; a table that has to be understood first is read here.
        given = activity if is_parquet and columns is None else _rows(activity, columns)
        engine = _engine(say)
        return on_spark(given, how, engine=engine, say=say), engine, None
    rows = _rows(activity, columns)
    engine = _engine(say)
    say(f"calculating {rows.height:,} rows")
    result = calculate_batch(rows, how, catalogue=engine.catalogue, library=engine.library, gwp=engine.gwp)
    return {name: getattr(result, name).lazy() for name in ("lines", "totals", "rejected")}, engine, rows


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


def _quality(
    tables: dict[str, pl.LazyFrame], rows: pl.DataFrame, how: pl.DataFrame, engine: CalculationEngine
) -> dict[str, pl.LazyFrame]:
    """What is said about the results: bounds and data quality of each line, bounds of each total."""
    from greenlang_assets.core.calculation.line_quality import line_quality, total_bounds

    quality = line_quality(tables["lines"].collect(), rows, how, engine.library)
    bounds = total_bounds(quality, tables["totals"].collect())
    return {"quality": quality.lazy(), "bounds": bounds.lazy()}


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
        console().print(f"written: {out}/lines.csv, totals.csv, rejected.csv, quality.csv, bounds.csv")


def _write(tables: dict[str, pl.LazyFrame], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        unfinished = out / f".{name}.csv"
        frame.sink_csv(unfinished)
        unfinished.replace(out / f"{name}.csv")
