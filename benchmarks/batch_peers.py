"""The batch by hand, in Polars and in DuckDB, as well as we can write it.

Belongs here: the same figures as ours from the same rows: factor id, three gases and CO2e as integers of
milligrams for each row, sums by tenant and scope. Unit conversion, and the look-up of region and last year
at or before in the full catalogue. The ways that are known to be fast: distinct keys looked up first and
joined back (Polars, by the columns or by one packed number; DuckDB), DuckDB's ASOF join of every row.
Does not belong here: citations, hashes, biogenic CO2, refused rows: the peers have none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks.batch_data import Workload

KEYS = ["activity", "region", "data_year", "unit"]
_FIGURES = ("factor_id", "ratio", "ef_co2", "ef_ch4", "ef_n2o", "ef_co2e")
_MASSES = ("co2_mg", "ch4_mg", "n2o_mg", "co2e_mg")


class PolarsPeer:
    """Polars over a frame of categories; the factors are prepared once, sorted for the ASOF join.

    Args:
        work: the workload.
        gwp: GWP of CO2, CH4 and N2O.
    """

    def __init__(self, work: Workload, gwp: dict[str, float]) -> None:
        texts = ["activity", "region", "factor_unit", "factor_id"]
        self.factors = (
            work.factors.drop("scope").with_columns(pl.col(texts).cast(pl.Categorical())).sort("year")
        )
        self.units = work.units.with_columns(pl.col("unit", "factor_unit").cast(pl.Categorical()))
        self.gwp = gwp

    def _plans(self, keys: pl.DataFrame) -> pl.DataFrame:
        return (
            keys.sort("data_year")
            .join_asof(
                self.factors, left_on="data_year", right_on="year", by=["activity", "region"],
                check_sortedness=False,
            )
            .join(self.units, on=["unit", "factor_unit"], how="left")
        )  # fmt: skip

    def by_columns(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Distinct keys first, joined back on their four columns."""
        plans = self._plans(rows.lazy().select(KEYS).unique().collect())
        joined = rows.lazy().join(plans.lazy().select(*KEYS, *_FIGURES), on=KEYS, how="left")
        return self._result(joined)

    def by_number(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Distinct keys first, packed into one number a row and joined back on it."""
        code = {name: pl.col(name).to_physical().cast(pl.UInt64) for name in ("activity", "region", "unit")}
        year = pl.col("data_year").cast(pl.UInt64)
        packed = ((code["activity"] * 2**16 + code["region"]) * 2**12 + year) * 2**16 + code["unit"]
        numbered = rows.lazy().with_columns(packed.alias("key")).collect()
        plans = self._plans(numbered.lazy().group_by("key").agg(pl.col(KEYS).first()).collect())
        joined = numbered.lazy().join(plans.lazy().select("key", *_FIGURES), on="key", how="left")
        return self._result(joined)

    def _result(self, joined: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        quantity = pl.col("quantity") * pl.col("ratio")
        gases = {name: pl.col("__q") * pl.col(f"ef_{name}") for name in ("co2", "ch4", "n2o")}
        weighed = [pl.col(f"__{name}") * self.gwp[name] for name in gases]
        total = pl.coalesce(weighed[0] + weighed[1] + weighed[2], pl.col("__q") * pl.col("ef_co2e"))
        rows = (
            joined.with_columns(quantity.alias("__q"))
            .with_columns(gas.alias(f"__{name}") for name, gas in gases.items())
            .select(
                "tenant", "scope", "factor_id",
                *(_milligrams(pl.col(f"__{name}")).alias(f"{name}_mg") for name in gases),
                _milligrams(total).alias("co2e_mg"),
            )
            .collect()
        )  # fmt: skip
        sums = rows.lazy().group_by("tenant", "scope").agg(pl.col(_MASSES).sum()).collect()
        return rows, sums.sort("tenant", "scope")


def _milligrams(kilograms: pl.Expr) -> pl.Expr:
    return (kilograms * 1e6).round(0, mode="half_to_even").cast(pl.Int64)


class DuckPeer:
    """DuckDB over tables of its own.

    Args:
        work: the workload; its rows are loaded from the file.
        gwp: GWP of CO2, CH4 and N2O.
        threads: how many it may use.
    """

    def __init__(self, work: Workload, gwp: dict[str, float], threads: int) -> None:
        self.connection = duckdb.connect(config={"threads": threads})
        self.connection.execute("set preserve_insertion_order = false")
        self.connection.register("given_factors", work.factors.drop("scope").to_arrow())
        self.connection.register("given_units", work.units.to_arrow())
        self.connection.execute("create table factors as from given_factors")
        self.connection.execute("create table units as from given_units")
        self.connection.execute(f"create view from_file as from read_parquet('{work.path}')")
        self.gwp = gwp

    def load(self) -> None:
        """The rows as a table in memory, texts as enumerations."""
        texts = ("tenant", "scope", "activity", "region", "unit")
        for name in texts:
            self.connection.execute(
                f"create type e_{name} as enum (select distinct {name} from from_file order by 1)"
            )
        columns = ", ".join(f"{name}::e_{name} as {name}" for name in texts)
        self.connection.execute(f"create table rows as select {columns}, data_year, quantity from from_file")

    def distinct_keys(self, source: str = "rows") -> Any:
        """Distinct keys first, looked up by an ASOF join, joined back; returns the sums."""
        plans = (
            f"with plans as (select k.*, f.factor_id, u.ratio, f.ef_co2, f.ef_ch4, f.ef_n2o, f.ef_co2e "
            f"from (select distinct {', '.join(KEYS)} from {source}) k asof left join factors f "
            "on k.activity = f.activity and k.region = f.region and k.data_year >= f.year "
            "left join units u on u.unit = k.unit and u.factor_unit = f.factor_unit) "
        )
        columns = "r.tenant, r.scope, r.quantity, p.*"
        joined = f"select {columns} from {source} r left join plans p using ({', '.join(KEYS)})"
        return self._result(plans, joined)

    def asof(self, source: str = "rows") -> Any:
        """Every row looked up by an ASOF join; returns the sums."""
        joined = (
            "select r.tenant, r.scope, r.quantity, f.*, u.ratio "
            f"from {source} r asof left join factors f "
            "on r.activity = f.activity and r.region = f.region and r.data_year >= f.year "
            "left join units u on u.unit = r.unit and u.factor_unit = f.factor_unit"
        )
        return self._result("", joined)

    def _rows(self, plans: str, joined: str) -> str:
        gwp = self.gwp
        gases = ("co2", "ch4", "n2o")
        rounded = ", ".join(f"round_even({name} * 1e6, 0)::bigint as {name}_mg" for name in gases)
        weighed = " + ".join(f"{name} * {gwp[name]}" for name in gases)
        total = f"round_even(coalesce({weighed}, q * ef_co2e) * 1e6, 0)::bigint as co2e_mg"
        masses = ", ".join(f"q * ef_{name} as {name}" for name in gases)
        converted = f"select *, quantity * ratio as q from ({joined})"
        return (
            f"{plans}select tenant, scope, factor_id, {rounded}, {total} "
            f"from (select *, {masses} from ({converted}))"
        )

    def _result(self, plans: str, joined: str) -> Any:
        self.connection.execute(f"create or replace temp table result as {self._rows(plans, joined)}")
        sums = ", ".join(f"coalesce(sum({name}), 0)::hugeint" for name in _MASSES)
        return self.connection.execute(
            f"select tenant::varchar, scope::varchar, {sums} from result group by all order by all"
        ).fetchall()

    def write(self, path: Path) -> None:
        """The last result as Parquet."""
        self.connection.execute(
            f"copy result to '{path}' (format parquet, compression zstd, compression_level 1)"
        )
