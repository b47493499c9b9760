"""Ten million rows of activity for the batch benchmarks, and the factors in the shape their peers like best.

Belongs here: rows that look like a tenants' year (facilities with a handful of activities each, quantities
in the units people write), written once as Parquet with dictionary columns; the method table; one table of
factors per activity, region and first year, with the three gases, for hand-written joins.
Does not belong here: calculating (``batch``, ``batch_peers``).

The rows ask for everything that the library can calculate with AR5: every activity, region and year of it
is asked for. Quantities are random with a fixed seed; nothing of them is published.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from greenlang_assets.core.calculation.batch_layout import CH4, CO2, CO2E, GWP_CH4, GWP_CO2, GWP_N2O, N2O
from greenlang_assets.core.calculation.batch_plans import QUESTION, ready_formula
from greenlang_assets.core.calculation.batch_questions import resolver_of
from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.tenants.contracts import METHOD
from greenlang_assets.core.units import conversion

GWP_SET = "AR5"
YEARS = tuple(range(2012, 2026))
TENANTS, FACILITIES = 400, 60_000
SEED = 20261121
#: What people write beside the factor's own unit.
OTHER_UNITS = {
    "kWh": ("MWh", "GJ"),
    "kWh[gross]": ("MWh[gross]", "GJ[gross]"),
    "kWh[net]": ("MWh[net]", "GJ[net]"),
    "MWh": ("kWh", "GJ"),
    "mmBtu": ("kWh[gross]", "therm"),
    "kg": ("t", "lb"),
    "t": ("kg", "short_ton"),
    "tonne": ("kg", "short_ton"),
    "short_ton": ("kg", "tonne"),
    "litre": ("m3", "gallon"),
    "gallon": ("litre", "m3"),
    "km": ("mile",),
    "mile": ("km",),
}
_SCOPES = ("1", "2", "3")


@dataclass(frozen=True)
class Workload:
    """What every way is given.

    Attributes:
        path: the activity rows, Parquet: tenant, scope, activity, region, unit (dictionaries), data_year,
            quantity.
        method: contract ``method``.
        factors: one row per activity, region and first year: factor id, unit, kg of each gas and of CO2e
            per unit.
        units: from, to, ratio.
    """

    path: Path
    method: pl.DataFrame
    factors: pl.DataFrame
    units: pl.DataFrame


def workload(folder: Path, rows: int, engine: CalculationEngine) -> Workload:
    """Writes the activity rows and returns them with their tables.

    Args:
        folder: where the Parquet file goes.
        rows: how many.
        engine: whose factors are asked for.
    """
    series = _series(engine)
    asked = _questions(series, engine)
    path = folder / f"activity-{rows}.parquet"
    _rows(asked, rows).write_parquet(path, compression="zstd", compression_level=1, row_group_size=1 << 20)
    units = asked.select("unit", "factor_unit").unique().sort("unit", "factor_unit")
    return Workload(
        path=path,
        method=_method(asked),
        factors=series.drop("publisher", "dataset", "edition", "factor_activity", "catalogue_unit"),
        units=units.with_columns(
            pl.Series("ratio", [float(conversion(*pair)) for pair in units.iter_rows()])
        ),
    )


def _series(engine: CalculationEngine) -> pl.DataFrame:
    """Every factor of the catalogue as a row of a series: an activity that has a factor a region and year."""
    frame = engine.catalogue.frame.select(
        "factor_id", "publisher", "dataset", "edition", "region", "year", "scope", "calorific_basis",
        factor_activity="activity", plain_unit="activity_unit",
    ).with_columns(
        catalogue_unit=pl.when(pl.col("calorific_basis").is_null())
        .then("plain_unit")
        .otherwise(pl.format("{}[{}]", "plain_unit", "calorific_basis"))
    ).drop("plain_unit", "calorific_basis").with_columns(
        activity=pl.concat_str("factor_activity", "publisher", "dataset", "catalogue_unit", separator="-")
        .str.to_lowercase()
        .str.replace_all(r"[^a-z0-9]+", "-")
        .str.strip_chars("-")
    )  # fmt: skip
    figures = pl.DataFrame(
        [row for row in map(partial(_figures, engine), frame["factor_id"]) if row is not None],
        schema={"factor_id": pl.String(), "factor_unit": pl.String(), **dict.fromkeys(_GASES, pl.Float64())},
        orient="row",
    )
    key = ("activity", "region", "year")
    single = frame.unique(key, keep="none")
    return single.join(figures, on="factor_id", how="left", maintain_order="left").sort(key)


_GASES = ("ef_co2", "ef_ch4", "ef_n2o", "ef_co2e")


def _figures(engine: CalculationEngine, factor_id: str) -> tuple[Any, ...] | None:
    """A factor's figures in kg per unit as its formula uses them; None where a join cannot do what it does.

    A gas that a factor with gases does not give is nothing of it, for those who add without asking.
    """
    try:
        ready = ready_formula(factor_id, GWP_SET, engine.library, engine.gwp)
    except GreenlangError:
        return None
    row = ready.coefficients
    if row is None or any(row[at + 1] not in (0.0, 1.0) for at in (CO2, CH4, N2O, CO2E)):
        return None
    gases = tuple(float(row[at]) for at in (CO2, CH4, N2O))
    weights = tuple(float(row[at]) for at in (GWP_CO2, GWP_CH4, GWP_N2O))
    if not any(gases):
        return (factor_id, ready.bounds.unit, None, None, None, float(row[CO2E]))
    usual = tuple(gwp_values(engine).values())
    as_usual = all(
        not gas or weight == wanted for gas, weight, wanted in zip(gases, weights, usual, strict=True)
    )
    return (factor_id, ready.bounds.unit, *gases, None) if as_usual and not row[CO2E] else None


def gwp_values(engine: CalculationEngine) -> dict[str, float]:
    """GWP of CO2, CH4 and N2O from combustion, which the peers weigh with."""
    return {
        "co2": 1.0,
        "ch4": engine.gwp.for_combustion(GWP_SET, "CH4").value,
        "n2o": engine.gwp.value(GWP_SET, "N2O").value,
    }


def _questions(series: pl.DataFrame, engine: CalculationEngine) -> pl.DataFrame:
    """What can be asked: each series in each of the years that has a factor or one before, in some units."""
    years = pl.DataFrame({"data_year": YEARS}, schema={"data_year": pl.Int64}).sort("data_year")
    complete = series.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in _GASES))
    places = complete.select("activity", "region").unique()
    asked = (
        places.join(years, how="cross")
        .sort("data_year")
        .join_asof(
            complete.sort("year"), left_on="data_year", right_on="year", by=["activity", "region"],
            check_sortedness=False,
        )
        .drop_nulls("factor_id")
        .sort("activity", "region", "data_year")
    )  # fmt: skip
    spelled = pl.DataFrame(
        [(unit, other) for unit, others in OTHER_UNITS.items() for other in others],
        schema=["catalogue_unit", "unit"],
        orient="row",
    )
    own = asked.with_columns(unit="catalogue_unit")
    others = asked.join(spelled, on="catalogue_unit").select(own.columns)
    asked = pl.concat([own, others]).sort("activity", "region", "data_year", "unit")
    # What the library refuses (another GWP set, more than one input) is asked of nobody.
    method = _method(asked)
    answers = resolver_of(engine.catalogue, engine.library, engine.gwp).answer(asked.select(QUESTION), method)
    factors = engine.catalogue.frame["factor_id"]
    wanted = asked["factor_id"].to_list()
    fits = [
        number not in answers.refused and factors[int(answers.rows[number])] == wanted[number]
        for number in range(asked.height)
    ]
    return asked.filter(pl.Series(fits))


def _method(asked: pl.DataFrame) -> pl.DataFrame:
    return (
        asked.unique(["data_year", "activity"], keep="first", maintain_order=True)
        .select(
            "data_year", "activity", "factor_activity", "publisher", "dataset", "edition",
            activity_unit="catalogue_unit", gwp_set=pl.lit(GWP_SET),
            reason=pl.lit("the last edition at or before the data year"),
        )
        .with_columns(pl.lit(None).alias(name) for name in METHOD.optional)
        .select(pl.col(name).cast(dtype) for name, dtype in METHOD.schema.items())
        .sort("data_year", "activity")
    )  # fmt: skip


def _rows(asked: pl.DataFrame, rows: int) -> pl.DataFrame:
    """Facilities one after the other, each with the same few activities again and again."""
    random = np.random.default_rng(SEED)
    used = random.integers(0, asked.height, (FACILITIES, 8))
    facility = np.sort(random.integers(0, FACILITIES, rows))
    question = used[facility, random.integers(0, 8, rows)]
    text = pl.Categorical()
    chosen = asked.select(
        pl.col("scope").replace_strict({name: name for name in _SCOPES}, default="3").cast(text),
        pl.col("activity", "region", "unit").cast(text), "data_year",
    )[question]  # fmt: skip
    tenant = pl.Series("tenant", [f"tenant-{number:03}" for number in range(TENANTS)], dtype=text)
    quantity = np.round(random.lognormal(5.0, 1.2, rows), 3)
    return chosen.select(
        tenant[facility * TENANTS // FACILITIES], "scope", "activity", "region", "unit", "data_year",
        pl.Series("quantity", quantity),
    )  # fmt: skip
