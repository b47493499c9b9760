"""Making a formula ready: its GWP values from one set, its open inputs from what the caller gives.

Belongs here: which inputs are the caller's, and the refusals of inputs that do not fit.
Does not belong here: evaluating (``engine``, ``batch``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from greenlang_assets.core.calculation.model import CitedFigure, ConvertedInput, GwpSet
from greenlang_assets.core.calculation.quantities import Bounds, Route, read_input
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import CO2E_PARTS, AppliedGwpSet, GwpValue
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.bound import Bound
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import Equation, FormulaInput
from greenlang_assets.core.formulas.values import Value
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.provenance.canonical import content_sha256, number_text
from greenlang_assets.core.units import normalise_unit


class OpenEquation:
    """An equation whose every figure is the caller's, in one unit of activity.

    Args:
        equation: as its source states it.
        unit: the unit of activity, where the equation leaves it open.

    Raises:
        GreenlangError: ``FORMULA_UNIT_MISSING``, ``FORMULA_UNIT_FIXED``, ``FORMULA_UNIT_STRANGE``,
            ``UNIT_UNKNOWN``.
    """

    def __init__(self, equation: Equation, unit: str | None) -> None:
        if equation.is_generic and unit is None:
            raise GreenlangError(
                "FORMULA_UNIT_MISSING",
                "this equation is per unit of activity and does not say of which",
                found=equation.id,
                expected="a binding of it, or activity_unit in the context",
                where={"formula": equation.id},
            )
        if unit is not None and not equation.is_generic:
            raise GreenlangError(
                "FORMULA_UNIT_FIXED",
                "this equation states its own units",
                found=unit,
                expected="no activity_unit in the context",
                where={"formula": equation.id},
            )
        self.equation = equation
        self.id, self.version, self.sha256 = equation.id, equation.version, equation.sha256
        self.citation = equation.citation
        self.constants: Mapping[str, Fraction] = {}
        canonical = None if unit is None else normalise_unit(unit)
        self.plan = equation.plan_in(canonical)
        self.inputs = equation.inputs_in(canonical)
        self.outputs = equation.outputs_in(canonical)


Formula = OpenEquation | Bound
#: Input → how a quantity of it gets from its unit to the formula's.
Routing = Callable[[FormulaInput], Callable[[str, str], Route]]


def formula_of(library: Library, formula_id: str, activity_unit: str | None = None) -> Formula:
    """The equation or the binding of that id (see :meth:`CalculationEngine.formula`)."""
    if "/" not in formula_id:
        return OpenEquation(library.equation(formula_id), activity_unit)
    binding = library.binding(formula_id)
    if activity_unit is not None:
        raise GreenlangError(
            "FORMULA_UNIT_FIXED",
            "the unit of activity of a binding is that of its figures",
            found=activity_unit,
            expected=f"{binding.unit or 'the units of its inputs'}, and no activity_unit in the context",
            where={"formula": formula_id},
        )
    return binding


@dataclass(frozen=True)
class GwpChoice:
    """The global warming potentials of one calculation: all from one set.

    Args:
        gwp_set: the set.
        values: input symbol → value with its citation; empty where the publisher applied the set.
        sha256: hash of the values taken, or of who applied the set.
    """

    gwp_set: AppliedGwpSet
    sha256: str
    values: Mapping[str, GwpValue] = field(default_factory=dict)


def choose_gwp(
    formula: Formula, gwp_set: GwpSet | None, table: GwpTable, gas: str | None = None
) -> GwpChoice | None:
    """The GWP values that a formula needs from the set of the calculation.

    Args:
        formula: an equation or binding.
        gwp_set: the set that the caller names.
        table: all sets.
        gas: the gas, for a formula that is about any one gas.

    Returns:
        ``None`` for a formula without CO2e.

    Raises:
        GreenlangError: ``GWP_SET_MISSING``; ``GWP_SET_MIXED`` where the factor's publisher applied another
            set; ``GWP_GAS_MISSING``, ``GWP_NOT_FOUND``, ``GWP_SET_UNKNOWN``.
    """
    wanted = [item for item in formula.inputs if item.role == "gwp"]
    applied = _applied_by_publisher(formula)
    if applied is not None and gwp_set is not None and applied != gwp_set:
        raise GreenlangError(
            "GWP_SET_MIXED",
            "the factor's publisher applied another GWP set than this calculation names",
            found=applied,
            expected=gwp_set,
            hint=f"calculate with {applied}, or take a factor that gives each gas",
            where={"formula": formula.id},
        )
    if wanted and gwp_set is None:
        raise GreenlangError(
            "GWP_SET_MISSING",
            "this formula weighs gases and needs a set of global warming potentials",
            found="none",
            expected="AR4, AR5 or AR6 in the context",
            where={"formula": formula.id},
        )
    if wanted and gwp_set is not None:
        values = {item.symbol: _gwp_value(item, gwp_set, table, gas) for item in wanted}
        taken = {value.gas: value.model_dump(exclude_none=True) for value in values.values()}
        return GwpChoice(gwp_set, content_sha256(taken), values)
    named = applied or (gwp_set if _has_co2e(formula) else None)
    if named is None:
        return None
    by = formula.factor_id if isinstance(formula, Binding) else "caller"
    return GwpChoice(named, content_sha256({"applied_by": by, "gwp_set": named}))


def _applied_by_publisher(formula: Formula) -> AppliedGwpSet | None:
    """The set behind a binding's CO2e figures, where it uses such figures."""
    if isinstance(formula, Binding) and any(column in CO2E_PARTS for column in formula.rule.roles.values()):
        return formula.factor.gwp_set
    return None


def _has_co2e(formula: Formula) -> bool:
    return any("[CO2e]" in item.unit for item in formula.outputs)


def _gwp_value(item: FormulaInput, gwp_set: GwpSet, table: GwpTable, gas: str | None) -> GwpValue:
    # A symbol such as gwp_ch4 names its gas; plain gwp is about whichever gas the caller means.
    named = item.gas or (item.symbol[4:].upper() if item.symbol.startswith("gwp_") else gas)
    if named is None:
        raise GreenlangError(
            "GWP_GAS_MISSING",
            "this formula is about one gas and does not say which",
            found=f"input {item.symbol} without a gas",
            expected="gas in the context, e.g. HFC-134a",
        )
    return table.for_combustion(gwp_set, named) if item.combustion else table.value(gwp_set, named)


def bounds_of(item: FormulaInput, symbol: str | None = None) -> Bounds:
    """The interval of an input, in its own unit."""
    return Bounds(
        symbol or item.symbol,
        item.unit,
        None if item.min is None else float(item.min),
        None if item.max is None else float(item.max),
    )


def open_inputs(formula: Formula) -> list[FormulaInput]:
    """The inputs that are the caller's: neither factor figures, nor GWPs, nor fixed tables."""
    return [item for item in formula.inputs if item.role != "gwp" and not item.rows]


@dataclass(frozen=True)
class GivenInputs:
    """What the caller gave, read: values for the engine, records for the result, routes that were taken."""

    values: dict[str, Value]
    converted: tuple[ConvertedInput, ...]
    keys: dict[str, str]
    routes: tuple[tuple[str, Route], ...]


def read_inputs(
    formula: Formula,
    given: Mapping[str, Any],
    route: Routing,
) -> GivenInputs:
    """Reads every open input of a formula.

    Args:
        formula: an equation or binding.
        given: symbol → number, text with unit, text of a key, or one of these for each member of an index.
        route: how quantities of an input get into the formula's unit.

    Raises:
        GreenlangError: ``INPUT_MISSING``, ``INPUT_UNKNOWN``, ``INPUT_MEMBERS``, ``INPUT_KEY`` and those of
            :func:`quantities.read_input`.
    """
    wanted = open_inputs(formula)
    _check_names(formula, wanted, given)
    values: dict[str, Value] = {}
    converted: list[ConvertedInput] = []
    keys: dict[str, str] = {}
    routes: list[tuple[str, Route]] = []
    for item in wanted:
        if item.role == "key":
            keys[item.symbol] = values[item.symbol] = _key(item, given[item.symbol])
            continue
        cells = _cells(formula, item, given[item.symbol])
        read = {}
        for symbol, cell in cells.items():
            record, way = read_input(cell, bounds_of(item, symbol), route(item))
            converted.append(record)
            routes.append((symbol, way))
            read[symbol] = record.quantity
        values.update(read)
    return GivenInputs(values, tuple(converted), keys, tuple(routes))


def _check_names(formula: Formula, wanted: Sequence[FormulaInput], given: Mapping[str, Any]) -> None:
    names = {item.symbol: item for item in wanted}
    expected = ", ".join(
        f"{item.symbol} ({'one of ' + ', '.join(item.keys) if item.role == 'key' else item.unit})"
        for item in wanted
    )
    unknown = [name for name in given if name not in names]
    if unknown:
        fixed = [item.symbol for item in formula.inputs if item.role == "gwp" or item.rows]
        if isinstance(formula, Bound):
            fixed += list(formula.bound_symbols)
        hint = None
        if unknown[0] in fixed:
            hint = "this figure comes from the factor, the GWP set or the formula's own table"
        raise GreenlangError(
            "INPUT_UNKNOWN",
            f"{unknown[0]} is not an input of this calculation",
            found=", ".join(unknown),
            expected=expected or "no input",
            hint=hint,
            where={"formula": formula.id},
        )
    missing = [name for name in names if name not in given]
    if missing:
        raise GreenlangError(
            "INPUT_MISSING",
            f"input {missing[0]} has no value",
            found=", ".join(given) or "no input",
            expected=expected,
            where={"formula": formula.id},
        )


def _key(item: FormulaInput, given: object) -> str:
    if not isinstance(given, str) or given not in item.keys:
        raise GreenlangError(
            "INPUT_KEY",
            f"input {item.symbol} is none of the cases that the formula knows",
            found=repr(given),
            expected=", ".join(item.keys),
            where={"input": item.symbol},
        )
    return given


def _cells(formula: Formula, item: FormulaInput, given: object) -> dict[str, object]:
    """Column name → what was given for it: one for a plain input, one a member for an indexed one."""
    if item.index is None:
        return {item.symbol: given}
    members = formula.equation.indices[item.index]
    if len(members) == 1 and not isinstance(given, Mapping):
        return {f"{item.symbol}[{members[0]}]": given}  # one category: no need to name it
    if not isinstance(given, Mapping) or set(given) != set(members):
        raise GreenlangError(
            "INPUT_MEMBERS",
            f"input {item.symbol} needs one value for each member of {item.index}",
            found=", ".join(map(str, given)) if isinstance(given, Mapping) else repr(given),
            expected=", ".join(members),
            where={"input": item.symbol},
        )
    return {f"{item.symbol}[{member}]": given[member] for member in members}


def figures_of(
    formula: Formula, gwp: GwpChoice | None, routes: Sequence[tuple[str, Route]] = ()
) -> tuple[CitedFigure, ...]:
    """Every figure of a calculation that its caller did not give, with its citation."""
    figures = []
    if isinstance(formula, Bound):
        figures += [
            CitedFigure(
                symbol=figure.symbol,
                kind="factor" if isinstance(formula, Binding) else "parameter",
                source_id=figure.source_id,
                published=f"{number_text(figure.published)} {figure.published_unit}",
                value=float(figure.value),
                unit=figure.unit,
                citation=formula.citation_of(figure.source_id),
            )
            for figure in formula.figures
        ]
    for symbol, way in routes:
        if way.fuel_property is not None:
            cited = way.fuel_property
            figures.append(
                CitedFigure(
                    symbol=symbol,
                    kind="property",
                    source_id=cited.property_id,
                    published=f"{number_text(cited.value)} {cited.unit}",
                    value=cited.value,
                    unit=cited.unit,
                    citation=cited.citation.model_dump(exclude_none=True),
                )
            )
    for symbol, value in (gwp.values if gwp else {}).items():
        figures.append(
            CitedFigure(
                symbol=symbol,
                kind="gwp",
                source_id=f"{value.gwp_set}/{value.gas}",
                published=f"{number_text(value.value)} kg CO2e per kg",
                value=value.value,
                unit=next(item.unit for item in formula.inputs if item.symbol == symbol),
                citation=value.citation.model_dump(exclude_none=True),
            )
        )
    return tuple(figures)
