"""Contracts of the tables between a tenant's file and a tenant's total.

Belongs here: columns, types, keys and bounds of each table, and the check that says what is wrong.
Does not belong here: repairing a table, or any rule that needs a factor.

One table, one :class:`Contract`; the pandera schema is made from it, so that a column is described once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.pandera_polars import pandera_polars

#: Rows of a violation that are shown; the rest is counted.
SHOWN = 3


@dataclass(frozen=True)
class Column:
    """One column: its type, whether it may be empty, and its bounds.

    Args:
        dtype: Polars type; text, integer (Int64), number (Float64).
        nullable: an empty cell is allowed.
        isin: the values that may stand there.
        minimum: smallest value allowed, itself included.
        pattern: regular expression that the whole text fulfils.
    """

    dtype: pl.DataType
    nullable: bool = False
    isin: tuple[str, ...] | None = None
    minimum: float | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Contract:
    """A table's name, its key and its columns in canonical order.

    ``optional`` columns may be left out of a person's file: their cells are empty then.
    """

    name: str
    key: tuple[str, ...]
    columns: dict[str, Column]
    optional: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name to Polars type, in canonical order."""
        return {name: column.dtype for name, column in self.columns.items()}

    def empty(self) -> pl.DataFrame:
        """A table of this contract without rows."""
        return pl.DataFrame(schema=self.schema)


_TEXT, _INTEGER, _NUMBER = pl.String(), pl.Int64(), pl.Float64()
_HASH = Column(_TEXT, pattern=r"^[0-9a-f]{64}$")
_PERIOD = Column(_TEXT, pattern=r"^\d{4}$")
_SLUG = Column(_TEXT, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
_SCOPE = Column(_TEXT, isin=("1", "2", "3", "outside"))
_GWP_SET = Column(_TEXT, isin=("AR4", "AR5", "AR6"))
_FILLED = Column(_TEXT, pattern=r"^\S(.*\S)?$")
_SOURCE = {
    "source_document": _FILLED,
    "source_row": Column(_INTEGER, minimum=1),
    "source_file": Column(_TEXT, pattern=r"^[^/\\]+$"),
    "source_sha256": _HASH,
}

#: What was used: one row per facility, period and kind of energy. A negative quantity is kept as the
#: source gives it; whether a formula takes it is the formula's matter. An empty quantity is a reading that is
#: missing: its row is rejected by itself, with its reason.
ACTIVITY = Contract(
    "activity",
    ("activity_id",),
    {
        "tenant": _SLUG,
        "period": _PERIOD,
        "facility_id": _SLUG,
        "facility_name": _FILLED,
        "activity_id": _SLUG,
        "scope": _SCOPE,
        "activity": _SLUG,
        "region": Column(_TEXT, pattern=r"^[A-Z]{2}(-[A-Z0-9]+)*$"),
        "quantity": Column(_NUMBER, nullable=True),
        "unit": _FILLED,
        "data_year": Column(_INTEGER, minimum=1850),
        **_SOURCE,
    },
)

#: What the tenant's authority published for the same facility and period; empty where it published none.
REPORTED = Contract(
    "reported",
    ("facility_id", "period"),
    {
        "tenant": _SLUG,
        "period": _PERIOD,
        "facility_id": _SLUG,
        "facility_name": _FILLED,
        "property_type": _FILLED,
        "gross_floor_area_sqft": Column(_NUMBER, minimum=0),
        "site_eui_kbtu_per_sqft": Column(_NUMBER, nullable=True, minimum=0),
        "reported_tco2e": Column(_NUMBER, nullable=True, minimum=0),
        **_SOURCE,
    },
)

#: Allowed fallbacks of a method row: a wider region, an earlier year within the edition.
FALLBACKS = ("none", "region", "year", "both")
#: What a quantity rests on, best first: the levels that ``core.calculation.data_quality`` scores.
Reliability = Literal[
    "verified-measurement",
    "verified-calculation",
    "measurement",
    "calculation",
    "documented-estimate",
    "undocumented-estimate",
]
RELIABILITIES: tuple[str, ...] = get_args(Reliability)

#: Which edition and GWP set a data year is calculated with, and why. An activity without a row here is
#: rejected by the calculation, with this table named. The optional columns say what else is known or allowed:
#: an empty cell allows no fallback, and states nothing of uncertainty and reliability.
METHOD = Contract(
    "method",
    ("data_year", "activity"),
    {
        "data_year": Column(_INTEGER, minimum=1850),
        "activity": _SLUG,
        "factor_activity": _SLUG,
        "publisher": _SLUG,
        "dataset": _SLUG,
        "edition": _FILLED,
        "activity_unit": _FILLED,
        "gwp_set": _GWP_SET,
        "fallback": Column(_TEXT, nullable=True, isin=FALLBACKS),
        "quantity_uncertainty": Column(_TEXT, nullable=True, pattern=r"^\S(.*\S)?$"),
        "factor_uncertainty": Column(_TEXT, nullable=True, pattern=r"^\S(.*\S)?$"),
        "reliability": Column(_TEXT, nullable=True, isin=RELIABILITIES),
        "reason": _FILLED,
    },
    optional=("fallback", "quantity_uncertainty", "factor_uncertainty", "reliability"),
)

_MASS = Column(_INTEGER)
_MASS_OR_NONE = Column(_INTEGER, nullable=True)

#: One calculated line per activity row. Masses are integers of milligrams.
LINES = Contract(
    "lines",
    ("activity_id",),
    {
        "tenant": _SLUG,
        "period": _PERIOD,
        "facility_id": _SLUG,
        "activity_id": _SLUG,
        "activity_sha256": _HASH,
        "scope": _SCOPE,
        "activity": _SLUG,
        "region": _FILLED,
        "quantity": Column(_NUMBER),
        "unit": _FILLED,
        "converted_quantity": Column(_NUMBER),
        "converted_unit": _FILLED,
        "factor_id": _FILLED,
        "factor_sha256": _HASH,
        "formula_id": _FILLED,
        "formula_sha256": _HASH,
        "gwp_set": _GWP_SET,
        "gwp_sha256": _HASH,
        "matched_level": _FILLED,
        "year_distance": Column(_INTEGER),
        "licence": _FILLED,
        "co2_mg": _MASS_OR_NONE,
        "ch4_mg": _MASS_OR_NONE,
        "n2o_mg": _MASS_OR_NONE,
        "co2_biogenic_mg": _MASS_OR_NONE,
        "co2e_mg": _MASS,
        "co2e_market_mg": _MASS_OR_NONE,
        "market_basis": Column(_TEXT, nullable=True),
        "line_sha256": _HASH,
    },
)

_SCORE = Column(_INTEGER, nullable=True, minimum=1)
_PERCENT = Column(_NUMBER, nullable=True, minimum=0)
_MEAN = Column(_NUMBER, nullable=True, minimum=1)
_DISTRIBUTION = Column(_TEXT, nullable=True, isin=("normal", "lognormal"))

#: How sure and how apt a line is: 95 % bounds, what they rest on (half an interval in percent), and scores of
#: data quality, one the best. Empty is not stated, and not assessed. A row ``rests_on`` the line of that
#: hash, and is not found under it: who asks for a line's hash means the line.
QUALITY = Contract(
    "quality",
    ("activity_id",),
    {
        "tenant": _SLUG,
        "period": _PERIOD,
        "facility_id": _SLUG,
        "activity_id": _SLUG,
        "rests_on": _HASH,
        "scope": _SCOPE,
        "factor_id": _FILLED,
        "co2e_mg": _MASS,
        "co2e_market_mg": _MASS_OR_NONE,
        "quantity_percent": _PERCENT,
        "factor_percent": _PERCENT,
        "factor_stated_by": Column(_TEXT, nullable=True, isin=("method", "publisher")),
        "lower_mg": _MASS_OR_NONE,
        "upper_mg": _MASS_OR_NONE,
        "distribution": _DISTRIBUTION,
        "reliability": _SCORE,
        "temporal": _SCORE,
        "geographical": _SCORE,
        "technological": _SCORE,
        "data_collection": _SCORE,
        "proxy": Column(_TEXT, nullable=True),
        "factor_rating": Column(_TEXT, nullable=True),
    },
)

#: 95 % bounds of the totals of facilities, and the means of their lines' scores, weighted by CO2e. What is
#: ``unstated`` is the part of a total whose factor or quantity has no stated uncertainty.
BOUNDS = Contract(
    "bounds",
    ("facility_id", "period"),
    {
        "tenant": _SLUG,
        "period": _PERIOD,
        "facility_id": _SLUG,
        "rests_on": _HASH,
        "lines": Column(_INTEGER, minimum=1),
        "co2e_mg": _MASS,
        "lower_mg": _MASS_OR_NONE,
        "upper_mg": _MASS_OR_NONE,
        "distribution": _DISTRIBUTION,
        "co2e_market_mg": _MASS,
        "market_lower_mg": _MASS_OR_NONE,
        "market_upper_mg": _MASS_OR_NONE,
        "market_distribution": _DISTRIBUTION,
        "factor_unstated_mg": _MASS,
        "quantity_unstated_mg": _MASS,
        "reliability_mean": _MEAN,
        "temporal_mean": _MEAN,
        "geographical_mean": _MEAN,
        "technological_mean": _MEAN,
        "data_collection_mean": _MEAN,
    },
)

#: One total per facility and period. ``rejected`` counts the activity rows that are not in it.
TOTALS = Contract(
    "totals",
    ("facility_id", "period"),
    {
        "tenant": _SLUG,
        "period": _PERIOD,
        "facility_id": _SLUG,
        "facility_name": _FILLED,
        "lines": Column(_INTEGER, minimum=1),
        "rejected": Column(_INTEGER, minimum=0),
        "co2e_mg": _MASS,
        "co2e_market_mg": _MASS,
        "line_sha256s": Column(_TEXT, pattern=r"^[0-9a-f]{64}( [0-9a-f]{64})*$"),
        "total_sha256": _HASH,
    },
)

#: Activity rows that were not calculated, each with what it needs.
REJECTED = Contract(
    "rejected",
    ("activity_id",),
    {
        "activity_id": _SLUG,
        "code": Column(_TEXT, pattern=r"^[A-Z0-9]+(_[A-Z0-9]+)*$"),
        "found": Column(_TEXT, nullable=True),
        "expected": Column(_TEXT, nullable=True),
        "hint": Column(_TEXT, nullable=True),
    },
)


def pandera_schema(contract: Contract) -> Any:
    """The contract as a ``pandera.polars.DataFrameSchema`` (columns, order, key, bounds)."""
    pa = pandera_polars()
    columns = {}
    for name, column in contract.columns.items():
        checks = []
        if column.isin is not None:
            checks.append(pa.Check.isin(list(column.isin)))
        if column.minimum is not None:
            checks.append(pa.Check.ge(column.minimum))
        if column.pattern is not None:
            checks.append(pa.Check.str_matches(column.pattern))
        columns[name] = pa.Column(column.dtype, checks, nullable=column.nullable)
    return pa.DataFrameSchema(
        columns, strict=True, ordered=True, unique=list(contract.key), name=contract.name
    )


def check(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The frame itself, when it fulfils the contract.

    Raises:
        GreenlangError: ``CONTRACT_COLUMNS`` (missing, extra, in another order, of another type),
            ``CONTRACT_KEY`` (two rows with one key), ``CONTRACT_VALUES`` (every fault with its column,
            rule, number of rows and first cells).
    """
    check_columns(frame, contract)
    try:
        pandera_schema(contract).validate(frame, lazy=True)
    except pandera_polars().errors.SchemaErrors as error:
        raise _values_error(error.failure_cases, frame, contract) from error
    for name, column in contract.columns.items():
        if column.dtype == _NUMBER and not frame[name].is_finite().fill_null(True).all():
            raise GreenlangError(
                "CONTRACT_VALUES",
                f"column {name} of table {contract.name} holds a number that is not finite",
                found=frame.filter(~pl.col(name).is_finite()).select(contract.key).rows()[:SHOWN],
                expected="finite numbers",
                where={"table": contract.name, "column": name},
            )
    return frame


def check_columns(frame: pl.DataFrame, contract: Contract) -> None:
    """The part of :func:`check` without which nothing can be computed: columns, types, unique keys.

    Raises:
        GreenlangError: ``CONTRACT_COLUMNS``, ``CONTRACT_KEY``.
    """
    _check_schema(frame, contract)
    doubled = frame.filter(frame.select(contract.key).is_duplicated())
    if doubled.height:
        raise shared_keys(contract, doubled.height, doubled.select(contract.key).unique())


def shared_keys(contract: Contract, rows: int, keys: pl.DataFrame) -> GreenlangError:
    """The error of a table in which ``rows`` rows share the ``keys`` (each once, at least the first few)."""
    return GreenlangError(
        "CONTRACT_KEY",
        f"{rows} rows of table {contract.name} share their {', '.join(contract.key)}",
        found=keys.sort(contract.key).rows()[:SHOWN],
        expected="one row a key",
        where={"table": contract.name},
    )


def _check_schema(frame: pl.DataFrame, contract: Contract) -> None:
    wanted, there = contract.schema, dict(frame.schema)
    if list(there.items()) == list(wanted.items()):
        return
    faults = [f"{name} is missing" for name in wanted if name not in there]
    faults += [f"{name} is not of this table" for name in there if name not in wanted]
    faults += [
        f"{name} is {there[name]}, not {dtype}"
        for name, dtype in wanted.items()
        if name in there and there[name] != dtype
    ]
    raise GreenlangError(
        "CONTRACT_COLUMNS",
        f"table {contract.name} does not have the columns of its contract",
        found="; ".join(faults) or f"another order: {', '.join(there)}",
        expected=", ".join(f"{name} {dtype}" for name, dtype in wanted.items()),
        where={"table": contract.name},
    )


def _values_error(cases: pl.DataFrame, frame: pl.DataFrame, contract: Contract) -> GreenlangError:
    """All value faults in one message: column, rule, how many rows, the keys of the first of them."""
    names = frame.select(contract.key)
    faults = []
    for (column, rule), group in cases.sort("column", "check", "index").group_by(
        ["column", "check"], maintain_order=True
    ):
        rows = ", ".join(
            f"{cell!r} ({_named(names, contract, index)})"
            for cell, index in group.select("failure_case", "index").rows()[:SHOWN]
        )
        faults.append(f"{column}: {rule} fails {group.height} times: {rows}")
    return GreenlangError(
        "CONTRACT_VALUES",
        f"table {contract.name} holds values outside its contract",
        found="; ".join(faults),
        expected=f"the columns of contract {contract.name} (docs/tenants.md)",
        hint="mend these rows in the table, then calculate again",
        where={"table": contract.name},
    )


def _named(names: pl.DataFrame, contract: Contract, index: int | None) -> str:
    """A row as its reader finds it again: by its key, since numbers change with every filter."""
    if index is None:
        return "the whole column"
    return ", ".join(f"{name} {cell}" for name, cell in zip(contract.key, names.row(index), strict=True))
