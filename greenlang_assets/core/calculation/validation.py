"""Is this formula sound, and do these inputs fit it: every fault, with its place.

Belongs here: turning refusals into a list. Does not belong here: the checks themselves (``core.formulas``,
``prepare``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from greenlang_assets.core.calculation.model import FormulaFault, ValidationResult
from greenlang_assets.core.calculation.prepare import (
    Formula,
    Routing,
    bounds_of,
    formula_of,
    open_inputs,
    read_inputs,
)
from greenlang_assets.core.calculation.quantities import Bounds, read_input
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.dimensions import InputSymbol, Signature, check
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.parser import parse
from greenlang_assets.core.units import normalise_unit


def validate(
    formula: str,
    inputs: Mapping[str, Any],
    library: Library,
    routes: Callable[[Formula], Routing],
) -> ValidationResult:
    """Checks a formula by id or by text (see :meth:`CalculationEngine.validate_formula`).

    Args:
        formula: id or text.
        inputs: as the engine takes them.
        library: where an id is looked up.
        routes: how the engine converts the inputs of a formula.
    """
    if "=" in formula:
        faults = _text_faults(formula, inputs)
    else:
        faults = _library_faults(formula, inputs, library, routes)
    return ValidationResult(valid=not faults, errors=tuple(faults))


def _fault(error: GreenlangError) -> FormulaFault:
    parts = [error.message]
    if error.found is not None:
        parts.append(f"found {error.found}")
    if error.expected is not None:
        parts.append(f"expected {error.expected}")
    return FormulaFault(
        code=error.code,
        message="; ".join(parts),
        line=error.where.get("line"),
        column=error.where.get("column"),
        hint=error.hint,
    )


def _library_faults(
    formula_id: str,
    inputs: Mapping[str, Any],
    library: Library,
    routes: Callable[[Formula], Routing],
) -> list[FormulaFault]:
    try:
        formula = formula_of(library, formula_id)
    except GreenlangError as error:
        return [_fault(error)]
    faults = []
    try:
        read_inputs(formula, inputs, routes(formula))
    except GreenlangError as error:
        faults.append(_fault(error))
    # The first refusal hides later ones: the other plain inputs are read one by one.
    for item in open_inputs(formula):
        if item.role == "key" or item.index is not None or item.symbol not in inputs:
            continue
        try:
            read_input(inputs[item.symbol], bounds_of(item), routes(formula)(item))
        except GreenlangError as error:
            if _fault(error) not in faults:
                faults.append(_fault(error))
    return faults


def _text_faults(text: str, inputs: Mapping[str, Any]) -> list[FormulaFault]:
    faults = []
    symbols = []
    for symbol, given in inputs.items():
        try:
            symbols.append(InputSymbol(symbol, _unit(symbol, given), "gwp" if _is_gwp(given) else "activity"))
        except GreenlangError as error:
            faults.append(_fault(error))
    try:
        program = parse(text)
        if not faults:
            check(program, Signature(inputs=tuple(symbols), outputs=()))
    except GreenlangError as error:
        faults.append(_fault(error))
    return faults


def _unit(symbol: str, given: object) -> str:
    """The unit that a symbol is declared with: a unit, a quantity's unit, or none for a plain number."""
    if (
        isinstance(given, str)
        and not given.strip()[:1].isdecimal()
        and given.strip()[:1] not in ("+", "-", ".")
    ):
        return normalise_unit(given)
    if isinstance(given, str):
        number, _, unit = given.strip().partition(" ")
        read_input(number, Bounds(symbol, "1"))
        return normalise_unit(unit) if unit.strip() else "1"
    read_input(given, Bounds(symbol, "1"))
    return "1"


def _is_gwp(given: object) -> bool:
    """Only a GWP has this unit, and only a GWP may turn a gas into CO2e."""
    return isinstance(given, str) and "[CO2e]/kg[" in given.replace("CO2e/kg", "[CO2e]/kg")
