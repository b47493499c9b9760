"""How the rows of a batch are calculated: one plan for each distinct question that they ask.

Belongs here: from (activity, region, data year, unit) and the method table to factor, formula, GWP set and
unit ratio; the refusals of questions and of single rows, in words that every engine shares.
Does not belong here: columns of rows (``batch``), any engine's arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from greenlang_assets.core.calculation.linear import coefficients
from greenlang_assets.core.calculation.model import GwpSet
from greenlang_assets.core.calculation.prepare import Formula, GwpChoice, bounds_of, choose_gwp, open_inputs
from greenlang_assets.core.calculation.quantities import Bounds, ratio
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue, Match
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.rounding import PRECISION
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.provenance.canonical import content_sha256
from greenlang_assets.core.tenants.contracts import ACTIVITY

#: Output of a formula → column of the lines. Each is in kilograms, at six decimals: whole milligrams.
MASSES = {
    "co2": ("co2_mg", "kg[CO2]"),
    "ch4": ("ch4_mg", "kg[CH4]"),
    "n2o": ("n2o_mg", "kg[N2O]"),
    "co2_biogenic": ("co2_biogenic_mg", "kg[CO2_biogenic]"),
    "co2e": ("co2e_mg", "kg[CO2e]"),
}
#: Columns of masses, in the order of the sums.
MASS_COLUMNS = tuple(column for column, _ in MASSES.values())
#: Those of gases, which few formulas give; CO2e is the last of the masses and given by all.
GAS_COLUMNS = MASS_COLUMNS[:-1]
#: The columns of a line that are the same in every row of a formula.
FORMULA_COLUMNS = (
    *("converted_unit", "factor_id", "factor_sha256", "formula_id", "formula_sha256"),
    *("gwp_set", "gwp_sha256", "licence"),
)
#: The columns of an activity row by which its plan is found.
QUESTION = ("activity", "region", "data_year", "unit")
#: Without these a row says nothing; a missing quantity has a refusal of its own.
NEEDED = tuple(name for name in ACTIVITY.columns if name != "quantity")


@dataclass(frozen=True)
class ReadyFormula:
    """A formula with everything but the quantity.

    Attributes:
        binding: the formula bound to a factor.
        gwp: the set and its values.
        bounds: what the converted quantity may be.
    """

    binding: Binding
    gwp: GwpChoice
    bounds: Bounds

    @property
    def constants(self) -> dict[str, float]:
        """The formula's GWP inputs by symbol; the factor's figures are in the binding itself."""
        return {symbol: value.value for symbol, value in self.gwp.values.items()}

    @cached_property
    def coefficients(self) -> npt.NDArray[np.float64] | None:
        """The formula as a row of coefficients, where it is linear in its activity."""
        return coefficients(self.binding, self.constants, self.bounds.minimum, self.bounds.maximum)

    @cached_property
    def given(self) -> tuple[bool, ...]:
        """Which of :data:`MASSES` it gives."""
        symbols = {item.symbol for item in self.binding.outputs}
        return tuple(name in symbols for name in MASSES)

    @cached_property
    def identity(self) -> str:
        """The SHA-256, in hexadecimal, of the hashes of formula, factor and GWPs."""
        columns = self.columns
        hashes = [columns[name] for name in ("formula_sha256", "factor_sha256", "gwp_sha256")]
        return content_sha256(hashes)

    @cached_property
    def columns(self) -> dict[str, str]:
        """The :data:`FORMULA_COLUMNS` of its lines."""
        factor = self.binding.factor
        texts = (
            *(self.bounds.unit, factor.factor_id, factor.sha256, self.binding.id, self.binding.sha256),
            *(self.gwp.gwp_set, self.gwp.sha256, factor.citation.licence),
        )
        return dict(zip(FORMULA_COLUMNS, texts, strict=True))


@dataclass(frozen=True)
class Plan:
    """The answer to one distinct question: how its rows are calculated.

    Attributes:
        match: the factor, and how far it is from what was asked.
        formula: its formula.
        ratio: a quantity in the question's unit times this is in the formula's.
    """

    match: Match
    formula: ReadyFormula
    ratio: float

    @property
    def columns(self) -> dict[str, str | int]:
        """The columns of a line that are the same in every row of this plan."""
        return {
            **self.formula.columns,
            "matched_level": self.match.matched_level,
            "year_distance": self.match.year_distance,
        }


def methods_of(method: pl.DataFrame) -> dict[tuple[int, str], dict[str, Any]]:
    """The rows of a method table (contract ``method``) by data year and activity."""
    return {(row["data_year"], row["activity"]): row for row in method.iter_rows(named=True)}


#: What a method row allows → what the look-up is told.
_FALLBACK: dict[str | None, bool | Literal["region", "year"]] = {
    None: False,
    "none": False,
    "region": "region",
    "year": "year",
    "both": True,
}


def resolve(
    question: Mapping[str, Any],
    methods: Mapping[tuple[int, str], Mapping[str, Any]],
    catalogue: Catalogue,
    library: Library,
    gwp: GwpTable,
) -> Plan:
    """The plan of one question.

    Args:
        question: one cell for each of :data:`QUESTION`.
        methods: rows of the method table by data year and activity.
        catalogue: emission factors.
        library: formulas bound to them.
        gwp: global warming potentials.

    Raises:
        GreenlangError: ``METHOD_MISSING``, ``FORMULA_NOT_FOR_BATCH``, and those of the look-up, of the GWP
            sets and of the units.
    """
    how = methods.get((question["data_year"], question["activity"]))
    if how is None:
        known = sorted({activity for year, activity in methods if year == question["data_year"]})
        raise GreenlangError(
            "METHOD_MISSING",
            "the method table has no row for this activity and data year",
            found=f"{question['activity']}, data year {question['data_year']}",
            expected="one of " + ", ".join(known) if known else "a data year of the method table",
            hint="add a row with edition and reason, or leave the activity out of the total knowingly",
        )
    match = catalogue.lookup(
        activity=how["factor_activity"],
        region=question["region"],
        year=question["data_year"],
        publisher=how["publisher"],
        dataset=how["dataset"],
        edition=how["edition"],
        activity_unit=how["activity_unit"],
        fallback=_FALLBACK[how["fallback"]],
    )
    formula = ready_formula(match.factor.factor_id, how["gwp_set"], library, gwp)
    return Plan(match, formula, ratio(question["unit"], formula.bounds.unit))


def ready_formula(factor_id: str, gwp_set: GwpSet, library: Library, gwp: GwpTable) -> ReadyFormula:
    """The formula of a factor with its GWPs, fit for rows of quantities.

    Raises:
        GreenlangError: ``FORMULA_NOT_FOUND``, ``FORMULA_AMBIGUOUS``, ``FORMULA_NOT_FOR_BATCH``,
            ``GWP_SET_MIXED``, ``GWP_NOT_FOUND``.
    """
    binding = library.find_binding(factor_id=factor_id)
    choice = choose_gwp(binding, gwp_set, gwp)
    if choice is None or "co2e" not in {output.symbol for output in binding.outputs}:
        raise _unfit(binding, "it gives no CO2e")
    inputs = open_inputs(binding)
    if len(inputs) != 1 or inputs[0].role != "activity" or inputs[0].index is not None:
        raise _unfit(binding, "it needs more than the quantity of an activity")
    for output in binding.outputs:
        if output.symbol in MASSES and (
            MASSES[output.symbol][1] != output.unit or output.precision > PRECISION
        ):
            raise _unfit(binding, f"its output {output.symbol} is not {MASSES[output.symbol][1]}")
    return ReadyFormula(binding, choice, bounds_of(inputs[0]))


def _unfit(formula: Formula, why: str) -> GreenlangError:
    return GreenlangError(
        "FORMULA_NOT_FOR_BATCH",
        "the formula of this factor cannot calculate rows of quantities",
        found=f"{formula.id}: {why}",
        expected="a formula from one quantity to masses in kilograms, CO2e among them",
    )


# --- refusals of single rows; what was found stands in the row


def incomplete() -> GreenlangError:
    """A row with empty cells; which ones is what was found."""
    return GreenlangError("ACTIVITY_INCOMPLETE", "empty cells", expected="a value in every column")


def quantity_text() -> pl.Expr:
    """What was found in a row that is refused for its quantity: the quantity and its unit."""
    return pl.concat_str(
        pl.col("quantity").cast(pl.String).fill_null("no quantity"),
        pl.col("unit").cast(pl.String),
        separator=" ",
    )


def not_finite() -> GreenlangError:
    """A row without a quantity, or with one that is not a finite number."""
    return GreenlangError(
        "INPUT_NOT_FINITE",
        "no quantity",
        expected="a finite number",
        hint="a missing reading is not zero: fill it in, or leave the row out knowingly",
    )


def out_of_bounds(bounds: Bounds) -> GreenlangError:
    """A row whose quantity its formula is not made for."""
    return GreenlangError(
        "INPUT_OUT_OF_BOUNDS",
        "quantity outside the formula's bounds",
        expected=f"{bounds.text} {bounds.unit}",
        hint="energy passed on to others is not a negative use",
    )


def overflow() -> GreenlangError:
    """A row whose result 64 bits do not hold."""
    return GreenlangError("NUMBER_OVERFLOW", "no result", expected="a result that 64 bits hold in milligrams")
