"""Does one formula fit one pack: what feeds it, what its results are called, and why not.

Belongs here: steps 2 to 5 of ``formula_inference``, for a single formula. Does not belong here: which
formulas are tried, and what becomes of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory_ops.specification.selection import Misfit, Selection, select
from greenlang_assets.core.calculation.model import GwpSet
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import CO2E_PARTS
from greenlang_assets.core.units import DIMENSIONLESS, Unit, conversion, parse_unit, qualify
from greenlang_assets.sdk.pack import NUMERIC, Compute, OutputField
from greenlang_assets.sdk.plan import Feed, OutputKind, OutputRule

if TYPE_CHECKING:
    from greenlang_assets.core.formulas.binding import Binding
    from greenlang_assets.core.formulas.model import Equation, FormulaInput, FormulaOutput

#: Words in the name or description of a text output -> what it holds; the first that is found decides.
_TEXT_OUTPUTS: tuple[tuple[str, OutputKind], ...] = (
    (r"provenance|sha-?256|hash", "provenance"),
    (r"citation|source", "citation"),
    (r"formula", "formula_id"),
    (r"gwp", "gwp_set"),
    (r"edition|version", "edition"),
    (r"factor", "factor_id"),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """One formula with everything that makes it this pack's.

    Attributes:
        equation: the formula.
        feeds: what goes into it, the activity first.
        outputs: the pack's outputs by name.
        selection: the factor rows that inputs choose between.
        left_over: numeric inputs that it has no use for.
    """

    equation: Equation
    feeds: tuple[Feed, ...]
    outputs: Mapping[str, OutputRule]
    selection: Selection
    left_over: tuple[str, ...]

    @property
    def per_unit_of(self) -> str | None:
        """The symbol that an intensity is given per unit of; None where no output is one."""
        return (
            self.feeds[0].symbol if any(rule.kind == "intensity" for rule in self.outputs.values()) else None
        )


def fit(
    compute: Compute, equation: Equation, bindings: Sequence[Binding], weighs: GwpSet | None, *, strict: bool
) -> Fit:
    """How one formula makes the pack's outputs.

    Raises:
        Misfit: with the first reason why it does not.
    """
    if any(item.role == "gwp" for item in equation.inputs) and weighs is None and not bindings:
        raise Misfit("it weighs gases, and the pack states no GWP set", 2)
    if not bindings:
        if any(item.role == "factor" for item in equation.inputs):
            raise Misfit("none of its bindings uses a factor that the pack refers to")
        feeds = _feeds(compute, equation.inputs)
        outputs = _outputs(compute, equation.outputs, feeds)
        return Fit(equation, feeds, outputs, Selection(()), _left_over(compute, feeds, strict=strict))
    bindings = _of_set(bindings, weighs)
    reasons: list[Misfit] = []
    kept: dict[tuple[Feed, ...], list[Binding]] = {}
    for alike in _by_signature(bindings):
        try:
            kept.setdefault(_feeds(compute, alike[0].inputs), []).extend(alike)
        except Misfit as misfit:
            reasons.append(misfit)
    if not kept:
        raise reasons[0]
    problems: list[Misfit] = []
    found: list[Fit] = []
    for feeds, alike in kept.items():
        try:
            if weighs is None and any(item.role == "gwp" for item in alike[0].inputs):
                raise Misfit("it weighs gases, and the pack states no GWP set", 2)
            left_over = _left_over(compute, feeds, strict=strict)
            outputs = _outputs(compute, alike[0].outputs, feeds)
            keys = {feed.input for feed in feeds if not feed.unit}
            found.append(Fit(equation, feeds, outputs, select(compute, alike, keys), left_over))
        except Misfit as misfit:
            problems.append(misfit)
    if len(found) > 1:
        units = [", ".join(f"{feed.input} in {feed.unit}" for feed in fit.feeds) for fit in found]
        raise Misfit(
            f"the inputs can be read in several ways: {' or '.join(units)}; state the calorific basis"
        )
    if not found:
        raise max(problems, key=lambda problem: problem.step)
    return found[0]


def _of_set(bindings: Sequence[Binding], weighs: GwpSet | None) -> list[Binding]:
    """The bindings whose publisher applied no GWP set, or the pack's own."""
    applied = {binding.id: binding.factor.gwp_set if _is_co2e(binding) else None for binding in bindings}
    kept = [binding for binding in bindings if applied[binding.id] in (None, weighs)]
    if not kept:
        sets = " and ".join(sorted({str(name) for name in applied.values()}))
        raise Misfit(f"the publisher applied {sets}, and the pack states {weighs or 'no GWP set'}", 2)
    return kept


def _is_co2e(binding: Binding) -> bool:
    return any(column in CO2E_PARTS for column in binding.rule.roles.values())


def _by_signature(bindings: Sequence[Binding]) -> list[list[Binding]]:
    """Bindings that take the same symbols in the same units, together."""
    groups: dict[tuple[tuple[str, str, str], ...], list[Binding]] = {}
    for binding in bindings:
        signature = tuple((item.symbol, item.unit, item.role) for item in binding.inputs)
        groups.setdefault(signature, []).append(binding)
    return list(groups.values())


def _feeds(compute: Compute, wanted: Sequence[FormulaInput]) -> tuple[Feed, ...]:
    feeds: list[Feed] = []
    for item in sorted(wanted, key=lambda item: item.role != "activity"):
        if item.role == "gwp" or item.rows:
            continue
        if item.index is not None:
            raise Misfit(f"{item.symbol} has a value for each {item.index}, which no input gives", 1)
        feeds.append(_key(compute, item) if item.role == "key" else _quantity(compute, item, feeds))
    return tuple(feeds)


def _key(compute: Compute, item: FormulaInput) -> Feed:
    field = compute.inputs.get(item.symbol)
    if field is None or field.dtype != "string" or not set(map(str, field.enum or ())) <= set(item.keys):
        raise Misfit(f"no text input {item.symbol} holds {', '.join(item.keys)}", 1)
    return Feed(symbol=item.symbol, input=item.symbol)


def _quantity(compute: Compute, item: FormulaInput, fed: Sequence[Feed]) -> Feed:
    taken = {feed.input for feed in fed}
    target = parse_unit(item.unit)
    able: dict[str, str] = {}
    for name, field in compute.inputs.items():
        if field.dtype in NUMERIC and name not in taken:
            unit = _read_as(field.unit or "1", target)
            if unit is not None:
                able[name] = unit
    if item.symbol in able:
        return Feed(symbol=item.symbol, input=item.symbol, unit=able[item.symbol])
    if target.dimension == DIMENSIONLESS.dimension or not able:
        raise Misfit(f"no numeric input gives {item.symbol} in {item.unit}", 1)
    if len(able) > 1:
        raise Misfit(f"several inputs could give {item.symbol} in {item.unit}: {', '.join(able)}", 2)
    name, unit = next(iter(able.items()))
    return Feed(symbol=item.symbol, input=name, unit=unit)


def _read_as(written: str, target: Unit) -> str | None:
    """The unit in which a pack's number reaches the formula; a plain energy takes the formula's basis."""
    for unit in _with_basis(written):
        try:
            conversion(unit, target)
        except GreenlangError:
            continue
        return unit.text
    return None


def _with_basis(written: str) -> list[Unit]:
    units: list[Unit] = []
    for basis in (None, "gross", "net"):
        try:
            units.append(qualify(written, calorific_basis=basis))
        except GreenlangError:
            continue
    return units


def _left_over(compute: Compute, feeds: Sequence[Feed], *, strict: bool) -> tuple[str, ...]:
    fed = {feed.input for feed in feeds}
    unused = tuple(
        name
        for name, field in compute.inputs.items()
        if field.dtype in NUMERIC and name not in fed and (field.required or not strict)
    )
    if unused and strict:
        raise Misfit(f"it has no use for the input {', '.join(unused)}", 2)
    return unused


def _outputs(
    compute: Compute, given: Sequence[FormulaOutput], feeds: Sequence[Feed]
) -> dict[str, OutputRule]:
    rules = {name: _output(name, field, given, feeds) for name, field in compute.outputs.items()}
    if not any(rule.kind == "quantity" for rule in rules.values()):
        raise Misfit("it gives none of the pack's outputs", 3)
    return rules


def _output(
    name: str, field: OutputField, given: Sequence[FormulaOutput], feeds: Sequence[Feed]
) -> OutputRule:
    if field.dtype == "string":
        said = f"{name} {field.description or ''}".lower()
        for words, kind in _TEXT_OUTPUTS:
            if re.search(words, said):
                return OutputRule(kind=kind)
    if field.dtype not in NUMERIC or field.unit is None:
        raise Misfit(f"it does not give the output {name}", 3)
    able = [item for item in given if _same_dimension(parse_unit(field.unit), parse_unit(item.unit))]
    same = [item for item in able if item.symbol == name]
    if len(same or able) == 1:
        return OutputRule(kind="quantity", symbol=(same or able)[0].symbol, unit=field.unit)
    if able:
        raise Misfit(f"several of its results could be {name}: {', '.join(item.symbol for item in able)}", 3)
    if feeds and feeds[0].unit:
        for item in given:
            per_unit = parse_unit(item.unit) / parse_unit(feeds[0].unit)
            for unit in _with_basis(field.unit):
                if _same_dimension(unit, per_unit):
                    return OutputRule(kind="intensity", symbol=item.symbol, unit=unit.text)
    raise Misfit(f"none of its results is {name} in {field.unit}", 3)


def _same_dimension(left: Unit, right: Unit) -> bool:
    return left.dimension == right.dimension
