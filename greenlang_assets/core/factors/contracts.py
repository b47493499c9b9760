"""What every factor table must satisfy, whoever published it.

Belongs here: the pandera schema of factor tables, and its failures in words.
Does not belong here: a publisher's layout (``importers``); when the checks run (Dagster, ``rebuild``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import CO2E_PARTS, FACTOR_SCHEMA, GWP_SETS, MASS_GASES
from greenlang_assets.core.pandera_polars import pandera_polars

#: kg CO2e per litre of diesel: between what mineral and blended diesel give. A table that applied GWPs to
#: CO2e columns a second time gives 5.7.
DIESEL_LITRE = (2.0, 3.2)
_FIGURES = (*MASS_GASES, *CO2E_PARTS)
_REQUIRED = (
    "factor_id", "kind", "publisher", "dataset", "edition", "version", "activity_path", "activity", "region",
    "year", "activity_unit", "cite_publisher", "cite_document", "cite_edition", "cite_table", "cite_row",
    "cite_licence", "cite_source_file", "cite_source_sha256",
)  # fmt: skip
_PATTERNS = {
    "factor_id": r"^[a-z0-9_./-]+$",
    "version": r"^\d+\.\d+\.\d+$",
    "region": r"^([A-Z]{2}(-[A-Z0-9]+)*|WORLD|GROUP-[A-Z0-9-]+)$",
    "activity": r"^[a-z0-9]+([-_.][a-z0-9]+)*$",
    "cite_source_sha256": r"^[0-9a-f]{64}$",
}
_CHOICES = {
    "kind": ("sourced", "derived", "synthetic"),
    "scope": ("1", "2", "3", "outside"),
    "calorific_basis": ("gross", "net"),
    "gwp_set": GWP_SETS,
}


@dataclass(frozen=True)
class Failure:
    """One rule that does not hold: its name, how many rows break it, and examples."""

    rule: str
    column: str | None
    rows: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        of = f" ({self.column})" if self.column else ""
        return f"{self.rule}{of}: {self.rows} rows, e.g. {', '.join(self.examples)}"


def _rules() -> dict[str, pl.Expr]:
    """Rules over whole rows: the rows where the expression is false break it."""
    some_co2e = pl.any_horizontal(pl.col(part).is_not_null() for part in CO2E_PARTS)
    rules = {
        "a factor has at least one figure": pl.any_horizontal(
            pl.col(name).is_not_null() for name in _FIGURES
        ),
        "CO2e comes with its GWP set": pl.col("gwp_set").is_not_null() == some_co2e,
        "CO2e comes with its unit": pl.col("co2e_unit").is_not_null() == some_co2e,
        "every row has a licence": pl.col("cite_licence").str.strip_chars() != "",
        # CO2e of the parts is at most the whole, up to the publisher's rounding of each part.
        "parts of CO2e do not exceed the whole": pl.col("co2e").is_null()
        | (
            pl.sum_horizontal(pl.col(part).fill_null(0) for part in CO2E_PARTS[1:-1])
            <= pl.col("co2e") * 1.02 + 0.00002
        ),
        "diesel per litre is in range (no GWP applied twice)": (pl.col("activity") != "diesel")
        | (pl.col("activity_unit") != "L")
        | pl.col("co2e").is_between(*DIESEL_LITRE),
    }
    for gas in (*MASS_GASES, "other_gases"):
        rules[f"{gas} comes with its unit"] = pl.col(gas).is_null() == pl.col(f"{gas}_unit").is_null()
    for figure in _FIGURES:
        rules[f"{figure} is finite and not negative"] = pl.col(figure).is_null() | (
            pl.col(figure).is_finite() & (pl.col(figure) >= 0)
        )
    return rules


@cache
def schema() -> Any:
    """The pandera schema (``pandera.polars.DataFrameSchema``) of a factor table."""
    pa = pandera_polars()
    columns: dict[str, Any] = {}
    for name, dtype in FACTOR_SCHEMA.items():
        checks = []
        if name in _PATTERNS:
            checks.append(pa.Check.str_matches(_PATTERNS[name]))
        if name in _CHOICES:
            checks.append(pa.Check.isin(_CHOICES[name]))
        columns[name] = pa.Column(
            dtype, checks, nullable=name not in _REQUIRED, unique=name == "factor_id", required=True
        )
    whole = [
        pa.Check(lambda data, rule=rule: data.lazyframe.select(rule), name=name)
        for name, rule in _rules().items()
    ]
    return pa.DataFrameSchema(columns, checks=whole, strict=True, ordered=True)


def failures(frame: pl.DataFrame) -> list[Failure]:
    """Every rule that a factor table breaks, in words; an empty list when it is sound."""
    from_pandera = pandera_polars().errors
    found: list[Failure] = []
    try:
        schema().validate(frame, lazy=True)
    except from_pandera.SchemaErrors as error:
        for case in error.schema_errors:
            found.append(_failure(case, frame))
    if set(FACTOR_SCHEMA) <= set(frame.columns):
        found += _unit_failures(frame)
    return found


def _failure(case: Any, frame: pl.DataFrame) -> Failure:
    column = case.schema.name if case.schema.name in frame.columns else None
    name = getattr(case.check, "name", None) or str(case.check)
    rule = _rules().get(name)
    if rule is not None and column is None:
        broken = frame.filter(~rule.fill_null(False))["factor_id"].to_list()
    else:
        cases = case.failure_cases
        cells = cases[cases.columns[0]].to_list() if isinstance(cases, pl.DataFrame) else [cases]
        broken = [str(cell) for cell in cells]
    return Failure(name, column, len(broken), tuple(map(str, broken[:3])))


def _unit_failures(frame: pl.DataFrame) -> list[Failure]:
    """Units that cannot be read, and figures that times one unit of activity are not a mass."""
    from greenlang_assets.core.units import conversion

    found = []
    for column in (*(f"{gas}_unit" for gas in MASS_GASES), "co2e_unit"):
        pairs = (
            frame.drop_nulls(column).group_by(column, "activity_unit").agg(pl.len(), pl.first("factor_id"))
        )
        for unit, activity_unit, rows, example in pairs.sort(column, "activity_unit").iter_rows():
            try:
                conversion(f"{unit}*{activity_unit}", "kg")
            except GreenlangError as error:
                examples = (f"{unit!r} per {activity_unit!r} in {example} ({error.message})",)
                found.append(Failure("figure times activity is a mass", column, rows, examples))
    return found


def require(frame: pl.DataFrame, table: str) -> None:
    """Refuse a factor table that breaks a rule.

    Raises:
        GreenlangError: ``CONTRACT_BROKEN`` listing every rule.
    """
    broken = failures(frame)
    if broken:
        raise GreenlangError(
            "CONTRACT_BROKEN",
            f"{len(broken)} rules of factor tables do not hold",
            found="; ".join(map(str, broken)),
            expected="every rule of core.factors.contracts",
            where={"table": table},
        )
