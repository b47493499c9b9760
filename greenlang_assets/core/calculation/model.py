"""What a calculation takes and gives: context, result, validation, and the body that is hashed.

Belongs here: frozen records.
Does not belong here: arithmetic (``quantities``), look-ups and formulas (``engine``).

The hashed body holds formula, factors, GWP set, inputs with their units, precision and outputs. Times, run
ids and people stand outside it: the same inputs give the same hash on every machine, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.core.factors.model import AppliedGwpSet
from greenlang_assets.core.provenance.canonical import content_sha256

GwpSet = Literal["AR4", "AR5", "AR6"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CalculationContext(_Frozen):
    """What a calculation is made under, beside its inputs.

    Args:
        gwp_set: IPCC assessment report whose global warming potentials turn gases into CO2e. Needed by
            every formula that weighs gases; a factor that its publisher gives as CO2e must agree with it.
        gas: the gas, for a formula about any one gas (a refrigerant's leak), e.g. ``HFC-134a``.
        activity_unit: unit of activity, for an equation that leaves it open and is not bound to a factor.
        matched_level: how the factor was found, where a look-up found it (``exact`` unless said).
        year_distance: data year less the factor's year, where a look-up found it.
    """

    gwp_set: GwpSet | None = None
    gas: str | None = None
    activity_unit: str | None = None
    matched_level: str = "exact"
    year_distance: int = 0


class ConvertedInput(_Frozen):
    """One input as it was given and as the formula took it."""

    symbol: str
    given: float
    given_unit: str
    quantity: float
    unit: str


class PublishedQuantity(_Frozen):
    """One output: a scaled integer, its decimals and its unit.

    ``scaled`` is the quantity times ten to the power ``precision``, rounded half to even.
    """

    symbol: str
    scaled: int = Field(ge=-(2**63), le=2**63 - 1)
    precision: int
    unit: str

    @property
    def value(self) -> Decimal:
        """The quantity as an exact decimal number."""
        return Decimal(self.scaled).scaleb(-self.precision)


class CitedFigure(_Frozen):
    """One figure of the calculation that nobody typed in, and where it was published.

    Args:
        symbol: the formula's symbol for it.
        kind: ``factor``, ``parameter``, ``gwp`` or the fuel ``property`` that a conversion went through.
        source_id: id of the factor, parameter or property, or GWP set and gas.
        published: the figure as its publisher prints it, with the publisher's unit.
        value: the figure in the formula's unit.
        unit: the formula's unit.
        citation: publisher, document, edition, table, row, licence, source file and its SHA-256.
    """

    symbol: str
    kind: Literal["factor", "parameter", "gwp", "property"]
    source_id: str
    published: str
    value: float
    unit: str
    citation: Mapping[str, Any]


class CalculationResult(_Frozen):
    """A result that carries its own proof.

    Args:
        formula_id: equation or binding that was calculated.
        inputs: numbers, as given and as the formula took them.
        keys: inputs that name a case of the formula.
        outputs: every output of the formula, each gas by itself; CO2e and biogenic CO2 never share one.
        figures: every figure that the caller did not give, with its citation.
        properties: id → SHA-256 of the fuel properties that conversions went through.
        provenance_hash: SHA-256 of :attr:`body`.
    """

    formula_id: str
    formula_version: str
    formula_sha256: str
    formula_citation: Mapping[str, Any]
    factor_id: str | None = None
    factor_sha256: str | None = None
    licence: str | None = None
    gwp_set: AppliedGwpSet | None = None
    gwp_sha256: str | None = None
    inputs: tuple[ConvertedInput, ...]
    keys: Mapping[str, str] = Field(default_factory=dict)
    outputs: tuple[PublishedQuantity, ...]
    figures: tuple[CitedFigure, ...] = ()
    properties: Mapping[str, str] = Field(default_factory=dict)
    matched_level: str = "exact"
    year_distance: int = 0
    provenance_hash: str = ""

    def output(self, symbol: str) -> PublishedQuantity | None:
        """The output of that symbol (``co2``, ``ch4``, ``n2o``, ``co2e``, ``co2_biogenic`` …), or None."""
        return next((quantity for quantity in self.outputs if quantity.symbol == symbol), None)

    @property
    def body(self) -> dict[str, Any]:
        """The hashed body, of which :attr:`provenance_hash` is the SHA-256."""
        return {
            "formula": {"id": self.formula_id, "sha256": self.formula_sha256},
            "factor": {"id": self.factor_id, "sha256": self.factor_sha256},
            "gwp": {"set": self.gwp_set, "sha256": self.gwp_sha256},
            "inputs": [item.model_dump() for item in sorted(self.inputs, key=lambda item: item.symbol)],
            "keys": self.keys,
            "outputs": [item.model_dump() for item in sorted(self.outputs, key=lambda item: item.symbol)],
            "properties": self.properties,
        }

    def sealed(self) -> CalculationResult:
        """The same result with its provenance hash."""
        return self.model_copy(update={"provenance_hash": content_sha256(self.body)})


class FormulaFault(_Frozen):
    """One fault of a formula or of the inputs meant for it.

    ``line`` and ``column`` count from 1 and are absent where a fault has no place in the text.
    """

    code: str
    message: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None


class ValidationResult(_Frozen):
    """Whether a formula can be calculated with the inputs given, and everything that is wrong."""

    valid: bool
    errors: tuple[FormulaFault, ...] = ()
