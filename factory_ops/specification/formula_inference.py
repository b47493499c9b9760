"""Which formula makes the outputs of a pack: the one that it names, or the only one that fits.

Belongs here: ``compute.formula``, the inference without it, feeds and outputs, and the reasons. Does not
belong here: choosing rows by activity and region (``selection``).

A formula fits a pack when

1. it is bound to factor rows that the pack's references name;
2. each of its open quantities is fed by one numeric input whose unit converts to it; plain energy takes
   the calorific basis of the factor (EPA's are per mmBtu gross, so ``kWh`` is read as ``kWh[gross]``);
3. no required numeric input of the pack is left over;
4. each numeric output is an output of the formula, or such an output per unit of activity, in a unit of
   the same dimension; text outputs say what they are by name (provenance, citation, formula …);
5. inputs choose between the activities and regions that its rows hold.

One that fits is taken, with a warning that says which; more than one is refused with their names; none
is refused with what each lacks. A formula that the pack names goes through the same steps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory_ops.specification.answer import Judge
from factory_ops.specification.references import gwp_set
from factory_ops.specification.selection import Misfit, Selection, region_of, select
from greenlang_assets.core.calculation.model import GwpSet
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import CO2E_PARTS
from greenlang_assets.core.units import DIMENSIONLESS, Unit, conversion, parse_unit, qualify
from greenlang_assets.sdk.pack import NUMERIC, Compute, OutputField, PackSpec
from greenlang_assets.sdk.plan import CalculationPlan, DatasetPin, Feed, FormulaPin, OutputKind, OutputRule

if TYPE_CHECKING:
    from greenlang_assets.core.factors.references import Resolved
    from greenlang_assets.core.formulas.binding import Binding
    from greenlang_assets.core.formulas.library import Library
    from greenlang_assets.core.formulas.model import Equation, FormulaInput, FormulaOutput

_FORMULA = ("compute", "formula")
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
class _Fit:
    equation: Equation
    feeds: tuple[Feed, ...]
    outputs: Mapping[str, OutputRule]
    selection: Selection
    left_over: tuple[str, ...]

    @property
    def per_unit_of(self) -> str | None:
        return (
            self.feeds[0].symbol if any(rule.kind == "intensity" for rule in self.outputs.values()) else None
        )


def infer(
    spec: PackSpec, resolved: Mapping[str, Resolved], library: Library, judge: Judge
) -> CalculationPlan | None:
    """The plan of a calculator; None for a pack that is none, or where the judge was told why not.

    Args:
        spec: a sound specification.
        resolved: all its references.
        library: equations and bindings.
        judge: takes what was chosen, and every refusal.
    """
    named = spec.compute.formula
    datasets = {name: item for name, item in resolved.items() if item.kind != "gwp"}
    if not datasets and named is None:
        return None
    try:
        groups = _candidates(spec, datasets, library)
    except GreenlangError as error:
        judge.refuse(error, (*_FORMULA, "id"))
        return None
    weighs = gwp_set(spec, resolved)
    fits: list[_Fit] = []
    misfits: list[tuple[int, str]] = []
    for identifier, bindings in groups.items():
        try:
            equation = library.equation(identifier)
            fits.append(_fit(spec.compute, equation, bindings, weighs, strict=named is None))
        except Misfit as misfit:
            misfits.append((-misfit.step, f"{identifier}: {misfit}"))
    if len(fits) != 1:
        _refuse(fits, misfits, judge, named=named is not None)
        return None
    fit = fits[0]
    if named is not None and named.version not in (None, fit.equation.version):
        judge.error(
            "FORMULA_VERSION",
            (*_FORMULA, "version"),
            "the library holds another version of this formula",
            found=named.version,
            expected=fit.equation.version,
        )
        return None
    _tell(spec.compute, fit, judge, inferred=named is None)
    return _plan(spec, fit, resolved, weighs, inferred=named is None)


def _candidates(
    spec: PackSpec, datasets: Mapping[str, Resolved], library: Library
) -> dict[str, list[Binding]]:
    """Bindings to the referenced rows by equation; of the named formula alone, where one is named."""
    rows: set[str] = set()
    for item in datasets.values():
        rows.update(item.factors["factor_id"])
    named = spec.compute.formula
    if named is not None and "/" in named.id:
        binding = library.binding(named.id)
        if binding.factor_id not in rows:
            raise GreenlangError(
                "FORMULA_OUTSIDE_REFERENCES",
                "the named formula uses a factor that the pack does not refer to",
                found=binding.factor_id,
                expected="a factor of " + (", ".join(item.canonical for item in datasets.values()) or "none"),
                hint="add the reference, or name the equation alone",
            )
        return {binding.equation.id: [binding]}
    groups: dict[str, list[Binding]] = {}
    if named is not None:
        groups[library.equation(named.id).id] = []
    for binding in library.bindings:
        if binding.factor_id in rows and (named is None or binding.equation.id == named.id):
            groups.setdefault(binding.equation.id, []).append(binding)
    return groups


def _fit(
    compute: Compute, equation: Equation, bindings: Sequence[Binding], weighs: GwpSet | None, *, strict: bool
) -> _Fit:
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
        return _Fit(equation, feeds, outputs, Selection(()), _left_over(compute, feeds, strict=strict))
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
    found: list[_Fit] = []
    for feeds, alike in kept.items():
        try:
            if weighs is None and any(item.role == "gwp" for item in alike[0].inputs):
                raise Misfit("it weighs gases, and the pack states no GWP set", 2)
            left_over = _left_over(compute, feeds, strict=strict)
            outputs = _outputs(compute, alike[0].outputs, feeds)
            keys = {feed.input for feed in feeds if not feed.unit}
            found.append(_Fit(equation, feeds, outputs, select(compute, alike, keys), left_over))
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


def _refuse(fits: Sequence[_Fit], misfits: Sequence[tuple[int, str]], judge: Judge, *, named: bool) -> None:
    hint = "name the formula under compute.formula: {id, version}; glac formulas list shows them"
    if fits:
        judge.error(
            "FORMULA_AMBIGUOUS",
            _FORMULA,
            "more than one formula makes these outputs of these inputs and references",
            found=", ".join(fit.equation.id for fit in fits),
            expected="one",
            hint=hint,
        )
        return
    judge.error(
        "FORMULA_DOES_NOT_FIT" if named else "FORMULA_NOT_INFERRED",
        _FORMULA,
        "the named formula does not fit this pack"
        if named
        else "no formula of the library makes these outputs of these inputs and references",
        # The one that came nearest first.
        found="; ".join(words for _, words in sorted(misfits)) or "no formula is bound to these factors",
        expected="inputs in units of the formula's quantities, outputs among its results",
        hint=None if named else hint,
    )


def _tell(compute: Compute, fit: _Fit, judge: Judge, *, inferred: bool) -> None:
    """Everything that was read between the lines, as warnings."""
    if inferred:
        judge.warn(
            "FORMULA_INFERRED",
            _FORMULA,
            f"computed by {fit.equation.id}@{fit.equation.version} ({fit.equation.title}): the only formula "
            "bound to the referenced factors that takes these inputs and gives these outputs",
            expected="compute.formula: {id, version}",
            hint=f"name it to be sure: formula: {{id: {fit.equation.id}, version: {fit.equation.version}}}",
        )
    for name in fit.left_over:
        judge.warn(
            "INPUT_UNUSED",
            ("compute", "inputs", name),
            "the formula does not use this input",
            found=name,
            expected=", ".join(feed.input for feed in fit.feeds),
        )
    for feed in fit.feeds:
        written = compute.inputs[feed.input].unit
        if feed.unit and written is not None and parse_unit(written).text != feed.unit:
            judge.warn(
                "CALORIFIC_BASIS_INFERRED",
                ("compute", "inputs", feed.input, "unit"),
                f"read as {feed.unit}: the referenced factors are per unit of that energy",
                found=written,
                expected=feed.unit,
            )
    chosen = fit.selection
    if chosen.activity_input is None:
        return
    implied = {
        value: activity
        for value, activity in chosen.activities.items()
        if value not in (compute.activities or {}) and value != activity
    }
    path = ("compute", "inputs", chosen.activity_input, "enum")
    if implied:
        told = ", ".join(f"{value} → {activity}" for value, activity in implied.items())
        judge.warn("ACTIVITIES_INFERRED", path, f"read as activities of the catalogue: {told}", found=told)
    values = list(map(str, compute.inputs[chosen.activity_input].enum or ()))
    for value, refusal in chosen.refused.items():
        judge.warn(
            refusal.code,
            (*path, values.index(value)),
            f"{refusal.message}; the agent will answer {value} with this error",
            found=refusal.found,
            expected=refusal.expected,
            hint=refusal.hint,
        )
    if chosen.region_input is not None:
        places = [choice.region for choice in chosen.choices]
        enum = compute.inputs[chosen.region_input].enum or ()
        for index, value in enumerate(enum):
            if region_of(str(value), places) is None:
                judge.warn(
                    "REGION_NOT_REFERENCED",
                    ("compute", "inputs", chosen.region_input, "enum", index),
                    f"the references hold no factor for {value}; the agent will answer it with this error",
                    found=value,
                    expected=", ".join(sorted(set(places))[:12]),
                )


def _plan(
    spec: PackSpec, fit: _Fit, resolved: Mapping[str, Resolved], weighs: GwpSet | None, *, inferred: bool
) -> CalculationPlan:
    chosen = fit.selection
    return CalculationPlan(
        pack_sha256=spec.sha256,
        formula=FormulaPin(
            id=fit.equation.id,
            version=fit.equation.version,
            sha256=fit.equation.sha256,
            inferred=inferred,
        ),
        gwp_set=weighs,
        datasets=tuple(
            DatasetPin(
                name=name,
                reference=item.reference,
                canonical=item.canonical,
                version=item.version,
                sha256=item.content_sha256,
            )
            for name, item in sorted(resolved.items())
        ),
        feeds=fit.feeds,
        per_unit_of=fit.per_unit_of,
        activity_input=chosen.activity_input,
        activities=dict(chosen.activities),
        region_input=chosen.region_input,
        regions=dict(chosen.regions),
        choices=chosen.choices,
        refused=dict(chosen.refused),
        outputs=dict(fit.outputs),
    )
