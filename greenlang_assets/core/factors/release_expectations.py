"""What is expected of a release, as data: suites of expectations over the frames that were measured.

Belongs here: the expectations, in the words of Great Expectations and in ours.
Does not belong here: measuring (``release_report``), judging (``resources.expectations``).

Critical expectations hold of every release that may be used; a warning is for people to look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from greenlang_assets.core.factors.model import GWP_SETS
from greenlang_assets.core.factors.release_report import GOAL

CRITICAL, WARNING = "critical", "warning"


@dataclass(frozen=True)
class Expectation:
    """One expectation.

    Attributes:
        type: name of the class in ``great_expectations.expectations``.
        words: what it means, for people.
        given: its arguments.
        severity: ``critical`` or ``warning``.
    """

    type: str
    words: str
    given: Mapping[str, Any]
    severity: str = CRITICAL


@dataclass(frozen=True)
class Suite:
    """Expectations of one frame.

    Attributes:
        name: short, a file name in the Data Docs.
        title: for people.
        frame: which of the measured frames is judged.
        columns: the columns of it that are needed.
        expectations: in the order in which people read them.
    """

    name: str
    title: str
    frame: str
    columns: tuple[str, ...]
    expectations: tuple[Expectation, ...]

    @property
    def key(self) -> str | None:
        """The column that names a row."""
        return self.columns[0] if self.columns[0] in ("factor_id", "dataset") else None


@dataclass(frozen=True)
class Verdict:
    """What became of one expectation. ``observed`` is a short text; ``unexpected`` counts rows."""

    suite: str
    words: str
    severity: str
    success: bool
    observed: str
    unexpected: int
    examples: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "examples": list(self.examples)}


@dataclass(frozen=True)
class Judgement:
    """All verdicts, and the Data Docs that show them.

    Attributes:
        verdicts: one an expectation, in order.
        documents: file name -> page.
    """

    verdicts: tuple[Verdict, ...]
    documents: Mapping[str, str]

    @property
    def sound(self) -> bool:
        """Whether every critical expectation holds."""
        return all(verdict.success for verdict in self.verdicts if verdict.severity == CRITICAL)


class Judge(Protocol):
    """Judges frames by suites."""

    def __call__(
        self, suites: Sequence[Suite], frames: Mapping[str, pl.DataFrame], *, release: str
    ) -> Judgement:
        """Verdicts and Data Docs; ``release`` names what is judged (a content hash)."""
        ...


def _true(column: str, words: str, severity: str = CRITICAL) -> Expectation:
    return Expectation(
        "ExpectColumnValuesToBeInSet", words, {"column": column, "value_set": [True]}, severity
    )


def _between(
    column: str,
    low: float | None,
    high: float | None,
    words: str,
    severity: str = CRITICAL,
    mostly: float = 1.0,
) -> Expectation:
    given = {"column": column, "min_value": low, "max_value": high, "mostly": mostly}
    return Expectation("ExpectColumnValuesToBeBetween", words, given, severity)


def _present(column: str, words: str) -> Expectation:
    return Expectation("ExpectColumnValuesToNotBeNull", words, {"column": column})


SUITES: tuple[Suite, ...] = (
    Suite(
        "coverage",
        "Coverage",
        "factors",
        ("publisher", "region", "year", "activity"),
        (
            Expectation(
                "ExpectTableRowCountToBeBetween",
                f"at least {GOAL:,} factors that count",
                {"min_value": GOAL},
                WARNING,
            ),
            Expectation(
                "ExpectColumnUniqueValueCountToBeBetween",
                "at least 150 regions",
                {"column": "region", "min_value": 150},
                WARNING,
            ),
            Expectation(
                "ExpectColumnUniqueValueCountToBeBetween",
                "at least six publishers",
                {"column": "publisher", "min_value": 6},
                WARNING,
            ),
            _between("year", 1990, 2100, "every factor describes a year from 1990 on"),
            _present("activity", "every factor has a harmonised activity"),
        ),
    ),
    Suite(
        "units",
        "Units",
        "factors",
        ("factor_id", "unit_reads", "kg"),
        (
            _true("unit_reads", "every figure times one unit of activity is a mass"),
            _between("kg", 0, None, "no factor is negative in kg per unit of activity"),
        ),
    ),
    Suite(
        "gwp-consistency",
        "GWP consistency",
        "factors",
        ("factor_id", "gwp_set", "parts_ratio", "gwp_ratio"),
        (
            Expectation(
                "ExpectColumnValuesToBeInSet",
                "the GWP set behind CO2e is a known one, or said to be unstated",
                {"column": "gwp_set", "value_set": list(GWP_SETS)},
            ),
            _between("parts_ratio", 0.97, 1.03, "CO2e of the gases adds up to the whole, within 3 %"),
            _between(
                "gwp_ratio",
                0.97,
                1.03,
                "masses times the GWPs of the named set give the printed CO2e, within 3 %",
            ),
        ),
    ),
    Suite(
        "double-gwp",
        "No GWP applied twice",
        "fuels",
        ("factor_id", "activity", "activity_unit", "kg", "low", "high", "in_bounds"),
        (
            _true(
                "in_bounds",
                "fuels and grids lie within what one unit can give (diesel: 2.0 to 3.3 kg a litre)",
            ),
            Expectation(
                "ExpectTableRowCountToBeBetween", "there is something to test", {"min_value": 1}, WARNING
            ),
        ),
    ),
    Suite(
        "drift",
        "Drift against the last edition",
        "drift",
        ("dataset", "median_change", "largest_change", "removed_share"),
        (
            _between(
                "removed_share", 0, 0.2, "no edition dropped more than a fifth of the former one", WARNING
            ),
            _between("median_change", 0, 0.1, "the middle change of a dataset is at most 10 %", WARNING),
            _between("largest_change", 0, 5, "no figure became more than six times what it was", WARNING),
        ),
    ),
    Suite(
        "outliers",
        "Outliers",
        "factors",
        ("factor_id", "activity", "activity_unit", "like_ratio", "outlying"),
        (
            Expectation(
                "ExpectColumnValuesToBeInSet",
                "no figure is ten times its like or a tenth of it",
                {"column": "outlying", "value_set": [False]},
                WARNING,
            ),
            _between(
                "like_ratio", 1e-3, 1e3, "none at all is a thousand times its like or a thousandth", WARNING
            ),
        ),
    ),
    Suite(
        "duplicates",
        "Duplicates",
        "factors",
        ("factor_id", "repeated"),
        (
            Expectation(
                "ExpectColumnValuesToBeUnique", "every identity stands once", {"column": "factor_id"}
            ),
            Expectation(
                "ExpectColumnValuesToBeInSet",
                "no factor repeats another of its edition in everything but the id",
                {"column": "repeated", "value_set": [False]},
                WARNING,
            ),
        ),
    ),
    Suite(
        "licences",
        "Licences and citations",
        "factors",
        ("factor_id", "cite_licence", "cite_source_sha256", "cite_row"),
        (
            _present("cite_licence", "every factor names its licence"),
            Expectation(
                "ExpectColumnValuesToMatchRegex",
                "every factor names the hash of the file that it was read in",
                {"column": "cite_source_sha256", "regex": "^[0-9a-f]{64}$"},
            ),
            _between("cite_row", 1, None, "every factor names the row that it was read in"),
        ),
    ),
)
