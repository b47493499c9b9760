"""Calculators: agents whose every number comes from the formula library and the catalogue.

Belongs here: following a plan. Does not belong here: arithmetic on quantities (the engine's), making the
plan (``factory_ops.specification``).

A calculator has two files beside it: ``pack.json``, its pack in canonical form, and ``plan.json``, the
formula, factor rows and feeds that were resolved for it. What it looks up at run time must be what was
pinned, by content hash; otherwise it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext, CalculationResult, PublishedQuantity
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import number_text
from greenlang_assets.core.units import conversion
from greenlang_assets.sdk.base import AgentSpecV2Base
from greenlang_assets.sdk.errors import LifecycleError
from greenlang_assets.sdk.plan import CalculationPlan, FactorChoice, OutputRule
from greenlang_assets.sdk.result import Clock, ExecutionContext, Ids, random_id, utc_now
from greenlang_assets.sdk.schema import checked_inputs

Values = dict[str, Any]


@cache
def shipped_engine() -> CalculationEngine:
    """The engine over what ships, read once a process.

    Reading it is most of what starting an agent costs, and the tests of a pack make hundreds of agents.
    """
    return CalculationEngine.shipped()


class CalculatorAgent(AgentSpecV2Base[Values, Values]):
    """An agent that computes by formula: zero hallucination, a SHA-256 over everything that made the number.

    Args:
        pack_path: the folder with ``pack.json`` and ``plan.json``.
        engine: gives the engine over factors, formulas and GWPs; asked once, when the agent initializes; the
            process's own over what ships unless told.
        clock: gives the time of a call.
        ids: gives the id of a call.

    ``run`` answers inputs by name with outputs by name. Its metadata hold ``provenance_hash``, ``units``
    (output → unit), ``factors`` and ``formulas`` (id and SHA-256 of each), ``gwp_set`` and ``datasets``.
    """

    def __init__(
        self,
        pack_path: Path | None = None,
        *,
        engine: Callable[[], CalculationEngine] = shipped_engine,
        clock: Clock = utc_now,
        ids: Ids = random_id,
    ) -> None:
        super().__init__(pack_path, clock=clock, ids=ids)
        self.plan: CalculationPlan | None = None
        self._make_engine = engine
        self._engine: CalculationEngine | None = None

    def _initialize_impl(self) -> None:
        if self.pack_path is None or self.spec is None:
            raise LifecycleError(
                "PACK_MISSING", "a calculator is nothing without its pack", expected="pack.json and plan.json"
            )
        folder = self.pack_path if self.pack_path.is_dir() else self.pack_path.parent
        try:
            self.plan = CalculationPlan.from_json((folder / "plan.json").read_bytes())
        except (OSError, ValueError, ValidationError) as error:
            raise LifecycleError(
                "PLAN_UNREADABLE",
                "the plan beside the agent cannot be read",
                found=f"{type(error).__name__}: {error}"[:400],
                where={"file": "plan.json"},
            ) from error
        if self.plan.pack_sha256 != self.spec.sha256:
            raise LifecycleError(
                "PLAN_OF_OTHER_PACK",
                "the plan was made for a pack with other content",
                found=self.spec.sha256,
                expected=self.plan.pack_sha256,
                hint="resolve the pack again; plan and pack are made together",
            )
        self._engine = self._make_engine()

    def _validate_input_impl(self, input_data: Values, context: ExecutionContext) -> Values:
        spec, plan, _ = self._parts()
        return checked_inputs(spec.compute.inputs, input_data, units=plan.units)

    def execute(self, validated_input: Values, context: ExecutionContext) -> Values:
        """The plan for these inputs.

        Raises:
            GreenlangError: ``ACTIVITY_NOT_REFERENCED``, ``ACTIVITY_AMBIGUOUS``, ``REGION_NOT_REFERENCED``,
                ``PIN_BROKEN``, and the engine's own.
        """
        spec, plan, _ = self._parts()
        choice = self._choice(validated_input)
        given = {feed.symbol: _given(validated_input[feed.input], feed.unit) for feed in plan.feeds}
        result = self._calculate(choice, given)
        one: CalculationResult | None = None
        if plan.per_unit_of is not None:
            unit = next(feed.unit for feed in plan.feeds if feed.symbol == plan.per_unit_of)
            one = self._calculate(choice, given | {plan.per_unit_of: _given(1, unit)})
        self._record(result)
        self._facts["units"] = {
            name: field.unit for name, field in spec.compute.outputs.items() if field.unit
        }
        return {name: self._output(rule, result, one) for name, rule in plan.outputs.items()}

    def _parts(self) -> tuple[Any, CalculationPlan, CalculationEngine]:
        if self.spec is None or self.plan is None or self._engine is None:
            raise LifecycleError("NOT_INITIALIZED", "the agent was not initialized", hint="call run")
        return self.spec, self.plan, self._engine

    def _choice(self, values: Values) -> FactorChoice | None:
        """The factor row that these inputs lead to; None where the formula needs none."""
        _, plan, _ = self._parts()
        if not plan.choices:
            return None
        activity = plan.choices[0].activity
        if plan.activity_input is not None:
            value = str(values.get(plan.activity_input))
            if value in plan.refused:
                refusal = plan.refused[value]
                raise GreenlangError(
                    refusal.code,
                    refusal.message,
                    found=refusal.found,
                    expected=refusal.expected,
                    hint=refusal.hint,
                    where={"input": plan.activity_input},
                )
            activity = plan.activities.get(value, value)
        rows = [choice for choice in plan.choices if choice.activity == activity]
        if plan.region_input is None:
            return rows[0]
        text = str(values.get(plan.region_input))
        region = plan.regions.get(text, text)
        for choice in rows:
            if choice.region == region:
                return choice
        raise GreenlangError(
            "REGION_NOT_REFERENCED",
            f"the pack's references hold no factor for {activity} in {text}",
            found=text,
            expected="one of " + ", ".join(choice.region for choice in rows),
            hint="factors of another country are never taken in its place",
            where={"input": plan.region_input},
        )

    def _calculate(self, choice: FactorChoice | None, given: Mapping[str, Any]) -> CalculationResult:
        _, plan, engine = self._parts()
        formula = plan.formula.id if choice is None else choice.binding
        result = engine.calculate(formula, given, CalculationContext(gwp_set=plan.gwp_set))
        self._metrics.calculations += 1
        pinned = (
            (plan.formula.sha256, None) if choice is None else (choice.binding_sha256, choice.factor_sha256)
        )
        if (result.formula_sha256, result.factor_sha256) != pinned:
            raise GreenlangError(
                "PIN_BROKEN",
                "formula or factor are not those that the agent was made with",
                found=f"{result.formula_sha256}, {result.factor_sha256}",
                expected=f"{pinned[0]}, {pinned[1]}",
                hint="the data that ships changed since; make the agent again from its pack",
            )
        return result

    def _record(self, result: CalculationResult) -> None:
        """Citations and facts of the calculation that the outputs are read from."""
        _, plan, _ = self._parts()
        for figure in result.figures:
            self.cite(
                {"figure": figure.source_id, "published": figure.published, "kind": figure.kind}
                | dict(figure.citation)
            )
        self.cite({"figure": result.formula_id, "kind": "formula"} | dict(result.formula_citation))
        self._facts.update(
            provenance_hash=result.provenance_hash,
            formulas=[{"id": result.formula_id, "sha256": result.formula_sha256}],
            factors=[{"id": result.factor_id, "sha256": result.factor_sha256}] if result.factor_id else [],
            gwp_set=result.gwp_set,
            gwp_sha256=result.gwp_sha256,
            datasets=[pin.model_dump() for pin in plan.datasets],
            calculation=result.body,
        )

    def _output(self, rule: OutputRule, result: CalculationResult, one: CalculationResult | None) -> Any:
        if rule.kind == "quantity":
            return _in_unit(_quantity(result, rule), rule.unit)
        if rule.kind == "intensity":
            _, plan, _ = self._parts()
            assert one is not None, "an intensity has its calculation of one unit"
            quantity = _quantity(one, rule)
            per = next(feed.unit for feed in plan.feeds if feed.symbol == plan.per_unit_of)
            return _in_unit(quantity, rule.unit, unit=f"{quantity.unit}/{per}")
        texts: dict[str, Callable[[], Any]] = {
            "provenance": lambda: result.provenance_hash,
            "factor_id": lambda: result.factor_id,
            "formula_id": lambda: result.formula_id,
            "gwp_set": lambda: result.gwp_set,
            "edition": lambda: next((part["edition"] for part in _cited(result)), None),
            "citation": lambda: "; ".join(_words(part) for part in _cited(result)),
        }
        return texts[rule.kind]()


def _given(value: Any, unit: str) -> Any:
    """A number with its unit, as the engine reads it; the text of a key as it is."""
    return f"{number_text(float(value))} {unit}" if unit else value


def _quantity(result: CalculationResult, rule: OutputRule) -> PublishedQuantity:
    quantity = result.output(rule.symbol or "")
    assert quantity is not None, "the plan names outputs of the formula"
    return quantity


def _in_unit(quantity: PublishedQuantity, wanted: str | None, *, unit: str | None = None) -> float:
    """A published quantity as a number in another unit of its dimension."""
    exact = Fraction(quantity.value) * conversion(unit or quantity.unit, wanted or quantity.unit)
    return float(exact)


def _cited(result: CalculationResult) -> list[Mapping[str, Any]]:
    """The distinct citations of factor figures, in their order."""
    found: list[Mapping[str, Any]] = []
    for figure in result.figures:
        if figure.kind == "factor" and figure.citation not in found:
            found.append(figure.citation)
    return found


def _words(citation: Mapping[str, Any]) -> str:
    return f"{citation['publisher']}, {citation['document']}, {citation['table']}, row {citation['row']}"
