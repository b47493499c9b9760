"""Which formula makes the outputs of a pack: the one that it names, or the only one that fits.

Belongs here: ``compute.formula``, the inference without it, what is told about it. Does not belong here:
whether one formula fits (``fitting``), choosing rows by activity and region (``selection``).

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

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from factory_ops.specification.answer import Judge
from factory_ops.specification.fitting import Fit, fit
from factory_ops.specification.references import gwp_set
from factory_ops.specification.selection import Misfit, region_of
from greenlang_assets.core.calculation.model import GwpSet
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.provenance.rows import identity
from greenlang_assets.core.units import parse_unit
from greenlang_assets.sdk.pack import Compute, PackSpec
from greenlang_assets.sdk.plan import CalculationPlan, DatasetPin, FormulaPin

if TYPE_CHECKING:
    from greenlang_assets.core.factors.references import Resolved
    from greenlang_assets.core.formulas.library import Library

_FORMULA = ("compute", "formula")


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
    fits: list[Fit] = []
    misfits: list[tuple[int, str]] = []
    for identifier, bindings in groups.items():
        try:
            equation = library.equation(identifier)
            fits.append(fit(spec.compute, equation, bindings, weighs, strict=named is None))
        except Misfit as misfit:
            misfits.append((-misfit.step, f"{identifier}: {misfit}"))
    if len(fits) != 1:
        _refuse(fits, misfits, judge, named=named is not None)
        return None
    found = fits[0]
    if named is not None and named.version not in (None, found.equation.version):
        judge.error(
            "FORMULA_VERSION",
            (*_FORMULA, "version"),
            "the library holds another version of this formula",
            found=named.version,
            expected=found.equation.version,
        )
        return None
    _tell(spec.compute, found, judge, inferred=named is None)
    return _plan(spec, found, resolved, weighs, inferred=named is None)


def _candidates(
    spec: PackSpec, datasets: Mapping[str, Resolved], library: Library
) -> dict[str, list[Binding]]:
    """Bindings to the referenced rows by equation; of the named formula alone, where one is named.

    Raises:
        GreenlangError: ``FORMULA_OUTSIDE_REFERENCES``; ``FACTOR_SUPERSEDED`` where a reference insists on a
            version of a row that is no longer in force: another figure under the same id is never taken.
    """
    rows = {row["factor_id"]: row for item in datasets.values() for row in item.factors.iter_rows(named=True)}
    named = spec.compute.formula
    if named is not None and "/" in named.id:
        binding = library.binding(named.id)
        if not isinstance(binding, Binding) or binding.factor_id not in rows:
            raise GreenlangError(
                "FORMULA_OUTSIDE_REFERENCES",
                "the named formula uses a figure that the pack does not refer to",
                found=named.id.partition("/")[2],
                expected="a factor of " + (", ".join(item.canonical for item in datasets.values()) or "none"),
                hint="add the reference, or name the equation alone",
            )
        return {binding.equation.id: [_of_this_version(binding, rows)]}
    groups: dict[str, list[Binding]] = {}
    if named is not None:
        groups[library.equation(named.id).id] = []
    for binding in library.factor_bindings:
        if binding.factor_id in rows and (named is None or binding.equation.id == named.id):
            groups.setdefault(binding.equation.id, []).append(_of_this_version(binding, rows))
    return groups


def _of_this_version(binding: Binding, rows: Mapping[str, Mapping[str, Any]]) -> Binding:
    row = rows[binding.factor_id]
    if identity(row) == binding.factor.sha256:
        return binding
    raise GreenlangError(
        "FACTOR_SUPERSEDED",
        "a reference insists on a version of a factor that is no longer in force",
        found=f"{binding.factor_id}, version {row['version']}",
        expected=f"version {binding.factor.version}, with which agents calculate now",
        hint="name the version in force; `glac restate` shows what that changes",
    )


def _refuse(fits: Sequence[Fit], misfits: Sequence[tuple[int, str]], judge: Judge, *, named: bool) -> None:
    hint = "name the formula under compute.formula: {id, version}; glac formulas list shows them"
    if fits:
        judge.error(
            "FORMULA_AMBIGUOUS",
            _FORMULA,
            "more than one formula makes these outputs of these inputs and references",
            found=", ".join(item.equation.id for item in fits),
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


def _tell(compute: Compute, found: Fit, judge: Judge, *, inferred: bool) -> None:
    """Everything that was read between the lines, as warnings."""
    if inferred:
        formula = found.equation
        judge.warn(
            "FORMULA_INFERRED",
            _FORMULA,
            f"computed by {formula.id}@{formula.version} ({formula.title}): the only formula bound to the "
            "referenced factors that takes these inputs and gives these outputs",
            expected="compute.formula: {id, version}",
            hint=f"name it to be sure: formula: {{id: {formula.id}, version: {formula.version}}}",
        )
    for name in found.left_over:
        judge.warn(
            "INPUT_UNUSED",
            ("compute", "inputs", name),
            "the formula does not use this input",
            found=name,
            expected=", ".join(feed.input for feed in found.feeds),
        )
    for feed in found.feeds:
        written = compute.inputs[feed.input].unit
        if feed.unit and written is not None and parse_unit(written).text != feed.unit:
            judge.warn(
                "CALORIFIC_BASIS_INFERRED",
                ("compute", "inputs", feed.input, "unit"),
                f"read as {feed.unit}: the referenced factors are per unit of that energy",
                found=written,
                expected=feed.unit,
            )
    chosen = found.selection
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
    spec: PackSpec, found: Fit, resolved: Mapping[str, Resolved], weighs: GwpSet | None, *, inferred: bool
) -> CalculationPlan:
    chosen = found.selection
    return CalculationPlan(
        pack_sha256=spec.sha256,
        formula=FormulaPin(
            id=found.equation.id,
            version=found.equation.version,
            sha256=found.equation.sha256,
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
        feeds=found.feeds,
        per_unit_of=found.per_unit_of,
        activity_input=chosen.activity_input,
        activities=dict(chosen.activities),
        region_input=chosen.region_input,
        regions=dict(chosen.regions),
        choices=chosen.choices,
        refused=dict(chosen.refused),
        outputs=dict(found.outputs),
    )
