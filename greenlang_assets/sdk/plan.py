"""The plan of a calculator: which formula, which factor rows and which inputs make its outputs.

Belongs here: the resolved half of a pack, as data beside the agent (``plan.json``). Does not belong here:
resolving it (``factory_ops.specification.formula_inference``), following it (``sdk.calculator``).

Everything that could be decided before the first call is decided and pinned here by content hash, also
what will be refused: a fuel that the references do not cover has its typed error in ``refused``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.core.provenance.canonical import content_sha256

OutputKind = Literal[
    "quantity", "intensity", "provenance", "citation", "factor_id", "formula_id", "gwp_set", "edition"
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FormulaPin(_Frozen):
    """The equation, and whether the pack named it or it was inferred."""

    id: str
    version: str
    sha256: str
    inferred: bool


class DatasetPin(_Frozen):
    """What one ``ef://`` reference of the pack resolved to."""

    name: str
    reference: str
    canonical: str
    version: str
    sha256: str


class Feed(_Frozen):
    """A symbol of the formula and the pack input that feeds it.

    ``unit`` is what the pack's number is in; it may say more than the pack (``kWh[gross]``). Empty for a
    key, whose text goes in as it is.
    """

    symbol: str
    input: str
    unit: str = ""


class FactorChoice(_Frozen):
    """One factor row that a call can lead to."""

    activity: str
    region: str
    binding: str
    binding_sha256: str
    factor_id: str
    factor_sha256: str


class Refusal(_Frozen):
    """The typed error for one value of the selecting input."""

    code: str
    message: str
    found: str
    expected: str
    hint: str


class OutputRule(_Frozen):
    """How one output of the pack comes about.

    ``quantity`` is an output of the formula; ``intensity`` the same for one unit of the activity.
    """

    kind: OutputKind
    symbol: str | None = None
    unit: str | None = None


class CalculationPlan(_Frozen):
    """The whole plan.

    Attributes:
        pack_sha256: the pack that it was made for.
        feeds: what goes into the formula.
        per_unit_of: symbol of the activity that an intensity is given for.
        activity_input: the input whose value chooses the activity; None where there is one activity.
        activities: value of that input -> activity.
        region_input: the input whose value chooses the region; None where there is one region.
        regions: value of that input -> region, where the two are spelled differently.
        choices: every factor row, by activity and region; empty where the formula needs none.
        refused: value of the activity input -> its typed error.
    """

    pack_sha256: str
    formula: FormulaPin
    gwp_set: Literal["AR4", "AR5", "AR6"] | None = None
    datasets: tuple[DatasetPin, ...] = ()
    feeds: tuple[Feed, ...]
    per_unit_of: str | None = None
    activity_input: str | None = None
    activities: dict[str, str] = Field(default_factory=dict)
    region_input: str | None = None
    regions: dict[str, str] = Field(default_factory=dict)
    choices: tuple[FactorChoice, ...] = ()
    refused: dict[str, Refusal] = Field(default_factory=dict)
    outputs: dict[str, OutputRule]

    @property
    def units(self) -> dict[str, str]:
        """Units of numeric inputs, as the formula takes them."""
        return {feed.input: feed.unit for feed in self.feeds if feed.unit}

    @property
    def sha256(self) -> str:
        """Identity of the content."""
        return content_sha256(self.model_dump(mode="json", exclude_none=True))

    def to_json(self) -> bytes:
        """The file that lies beside an agent; :meth:`from_json` is its inverse."""
        plain = self.model_dump(mode="json", exclude_none=True)
        return (json.dumps(plain, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes | str | Mapping[str, Any]) -> CalculationPlan:
        """The plan behind its JSON.

        Raises:
            pydantic.ValidationError: the data is not a plan.
        """
        return cls.model_validate(json.loads(data) if isinstance(data, bytes | str) else dict(data))
