"""Contracts of the tables between a tenant's file and a tenant's total.

Belongs here: columns, types, keys and bounds of each table, and the check that says what is wrong.
Does not belong here: repairing a table, or any rule that needs a factor.

One table, one :class:`Contract`; the pandera schema is made from it, so that a column is described once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError

#: Rows of a violation that are shown; the rest is counted.
_SHOWN = 3


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
    """A table's name, its key and its columns in canonical order."""

    name: str
    key: tuple[str, ...]
    columns: dict[str, Column]

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
#: source gives it; whether a formula takes it is the formula's matter.
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
        "quantity": Column(_NUMBER),
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

#: Which edition and GWP set a data year is calculated with, and why. An activity without a row here is
#: rejected by the calculation, with this table named.
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
        "reason": _FILLED,
    },
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
    import pandera.polars as pa  # two seconds, paid only where a table is checked

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
    import pandera.errors

    try:
        pandera_schema(contract).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        raise _values_error(error.failure_cases, frame, contract) from error
    for name, column in contract.columns.items():
        if column.dtype == _NUMBER and not frame[name].is_finite().fill_null(True).all():
            raise GreenlangError(
                "CONTRACT_VALUES",
                f"column {name} of table {contract.name} holds a number that is not finite",
                found=frame.filter(~pl.col(name).is_finite()).select(contract.key).rows()[:_SHOWN],
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
        raise GreenlangError(
            "CONTRACT_KEY",
            f"{doubled.height} rows of table {contract.name} share their {', '.join(contract.key)}",
            found=doubled.select(contract.key).unique().sort(contract.key).rows()[:_SHOWN],
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
            for cell, index in group.select("failure_case", "index").rows()[:_SHOWN]
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
