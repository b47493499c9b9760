"""The model of a pack: what an agent takes, gives, refers to and promises.

Belongs here: the canonical form of pack.yaml, schema version 2.0.0, and its identity.
Does not belong here: YAML, other people's spellings and the rules across fields
(``factory_ops.specification``); an agent in its container has this model and its pack as JSON.

Canonical means: factors are a mapping, units in the spelling of ``core.units``, GWP sets without a horizon
(``AR6``), no empty fields. Keys that start with ``x-`` are the author's own, anywhere, and are
part of the content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, model_validator

from greenlang_assets.core.provenance.canonical import content_sha256

SCHEMA_VERSION = "2.0.0"
#: Free keys of an author start with this.
FREE_KEY = "x-"

Dtype = Literal["string", "float64", "float32", "int64", "int32", "bool", "list", "object"]
FLOATS = frozenset(("float64", "float32"))
INTEGERS = frozenset(("int64", "int32"))
NUMERIC = FLOATS | INTEGERS

#: Semantic Versioning 2.0.0, without leading zeros; build metadata is left out, it has no precedence.
SEMVER = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
PACK_ID = r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)+$"


def _number(value: Any) -> Any:
    """Integers are numbers; true, text and null are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is expected")
    return float(value)


Text = Annotated[str, Field(min_length=1, max_length=4_000, strict=True)]
Line = Annotated[str, Field(min_length=1, max_length=400, strict=True)]
LongText = Annotated[str, Field(max_length=64_000, strict=True)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]


class PackPart(BaseModel):
    """A mapping inside a pack: known keys are typed, ``x-`` keys are kept, others are refused."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    @model_validator(mode="after")
    def _only_free_keys_beside_the_known(self) -> PackPart:
        unknown = sorted(key for key in self.model_extra or {} if not key.startswith(FREE_KEY))
        if unknown:
            raise ValueError(f"unknown key {', '.join(unknown)}; keys of your own start with {FREE_KEY}")
        return self


class Constraints(PackPart):
    """What a value has to hold, inputs and outputs alike."""

    dtype: Dtype
    unit: Line | None = None
    description: LongText | None = None
    ge: Number | None = Field(default=None, description="value ≥ ge")
    gt: Number | None = Field(default=None, description="value > gt")
    le: Number | None = Field(default=None, description="value ≤ le")
    lt: Number | None = Field(default=None, description="value < lt")
    enum: list[Any] | None = Field(default=None, min_length=1, max_length=1_000)
    pattern: Line | None = Field(default=None, description="searched for in the text, see sdk.pattern")

    @model_validator(mode="before")
    @classmethod
    def _numbers_take_the_form_of_their_dtype(cls, data: Any) -> Any:
        """``default: 1`` of a float64 is 1.0, so that one content has one canonical form."""
        if not isinstance(data, Mapping) or str(data.get("dtype")) not in FLOATS:
            return data
        formed = dict(data)
        if "default" in formed:
            formed["default"] = _float(formed["default"])
        if isinstance(formed.get("enum"), list):
            formed["enum"] = [_float(value) for value in formed["enum"]]
        return formed


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class InputField(Constraints):
    """One input. Required unless it says otherwise; only an optional one has a default."""

    required: StrictBool = True
    default: Any = None


class OutputField(Constraints):
    """One output; every output is given, so none is "required"."""


class FactorReference(PackPart):
    """Where the figures come from: ``ef://authority/dataset[/item…]/edition``."""

    ref: Line
    gwp_set: Line | None = None
    description: LongText | None = None


class FormulaReference(PackPart):
    """Which equation or binding of the formula library computes the outputs."""

    id: Line
    version: Annotated[str, Field(pattern=SEMVER)] | None = None


class Compute(PackPart):
    """The deterministic half: inputs, outputs, factors, formula."""

    entrypoint: Line = Field(description="python://module.path:function, a module that the pack brings")
    deterministic: StrictBool = True
    dependencies: list[Line] | None = None
    python_version: Line | None = None
    timeout_s: Annotated[float, BeforeValidator(_number), Field(gt=0, le=3_600)] | None = None
    memory_limit_mb: Annotated[StrictInt, Field(gt=0, le=65_536)] | None = None
    inputs: dict[str, InputField] = Field(default_factory=dict, max_length=200)
    outputs: dict[str, OutputField] = Field(default_factory=dict, max_length=200)
    factors: dict[str, FactorReference] = Field(default_factory=dict, max_length=200)
    formula: FormulaReference | None = None
    activities: dict[str, Line] | None = Field(
        default=None, description="enum value of the input that names the fuel -> activity of the catalogue"
    )


class Budget(PackPart):
    """What the language model may use up; it never computes."""

    max_tokens: Annotated[StrictInt, Field(gt=0)] | None = None
    temperature: Annotated[float, BeforeValidator(_number), Field(ge=0, le=2)] | None = None
    max_cost_usd: Annotated[float, BeforeValidator(_number), Field(ge=0)] | None = None
    max_input_tokens: Annotated[StrictInt, Field(gt=0)] | None = None
    max_output_tokens: Annotated[StrictInt, Field(gt=0)] | None = None
    max_retries: Annotated[StrictInt, Field(ge=0, le=100)] | None = None


class Rag(PackPart):
    """Collections that texts are retrieved from."""

    collections: list[Line] = Field(default_factory=list)


class Tool(PackPart):
    """A function offered to the language model."""

    name: Line
    description: LongText | None = None
    schema_in: dict[str, Any] = Field(default_factory=dict)
    schema_out: dict[str, Any] = Field(default_factory=dict)
    impl: Line
    safe: StrictBool = False


class Ai(PackPart):
    """The text half, optional: prompt, budget, retrieval, tools."""

    json_mode: StrictBool | None = None
    system_prompt: LongText | None = None
    budget: Budget | None = None
    rag: Rag | None = None
    tools: list[Tool] = Field(default_factory=list, max_length=100)


class Connector(PackPart):
    """A stream of live data."""

    name: Line
    topic: Line
    window: Line | None = None
    ttl: Line | None = None
    required: StrictBool = False


class Realtime(PackPart):
    """Recorded or live data."""

    default_mode: Literal["replay", "live"] = "replay"
    snapshot_path: Line | None = None
    connectors: list[Connector] = Field(default_factory=list, max_length=100)


class Provenance(PackPart):
    """What is pinned and what is recorded."""

    pin_ef: StrictBool | None = None
    ef_version_pin: Line | None = None
    gwp_set: Literal["AR4", "AR5", "AR6"] | None = None
    record: list[Line] | None = None
    enable_audit: StrictBool | None = None
    citation_required: StrictBool | None = None


class Security(PackPart):
    """Hosts that the agent may speak to."""

    allowlist_hosts: list[Line] | None = None
    block_on_violation: StrictBool | None = None


class Expected(PackPart):
    """A value that a golden case expects."""

    value: Any
    tol: Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)] | None = Field(
        default=None, description="relative tolerance; absent: equal to the output's declared precision"
    )


class GoldenCase(PackPart):
    """Known inputs and what they must give: values, or the code of a refusal."""

    name: Line
    description: LongText | None = None
    input: dict[str, Any]
    expect: dict[str, Expected] = Field(default_factory=dict)
    error: Line | None = Field(default=None, description="code of the typed error that must be answered")
    source: LongText | None = Field(default=None, description="where the expected figures come from")


class Property(PackPart):
    """A statement that must hold for every input."""

    name: Line
    rule: Line
    description: LongText | None = None
    tolerance: Number | None = None
    iterations: StrictInt | None = None


class Tests(PackPart):
    """Golden cases and properties."""

    golden: list[GoldenCase] = Field(default_factory=list, max_length=500)
    properties: list[Property] = Field(default_factory=list, max_length=100)


class PackSpec(PackPart):
    """A pack in canonical form."""

    schema_version: Literal["2.0.0"]
    id: Annotated[str, Field(pattern=PACK_ID, max_length=128)]
    name: Line
    version: Annotated[str, Field(pattern=SEMVER, max_length=64)]
    summary: Text
    tags: list[Line] = Field(default_factory=list, max_length=100)
    owners: list[Line] = Field(default_factory=list, max_length=100)
    license: Line | None = None
    compute: Compute
    ai: Ai | None = None
    realtime: Realtime | None = None
    provenance: Provenance | None = None
    security: Security | None = None
    tests: Tests | None = None

    def canonical(self) -> dict[str, Any]:
        """The pack as plain data, without empty fields; :meth:`from_canonical` is its inverse."""
        data: dict[str, Any] = _plain(self)
        return data

    def canonical_json(self) -> bytes:
        """The file that lies beside an agent: canonical data as JSON, keys sorted, numbers as numbers."""
        text = json.dumps(self.canonical(), ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
        return (text + "\n").encode()

    @property
    def sha256(self) -> str:
        """Identity of the content, whatever file, order or spelling it was read from."""
        return content_sha256(self.canonical())

    @classmethod
    def from_canonical(cls, data: bytes | str | Mapping[str, Any]) -> PackSpec:
        """The pack behind its canonical form.

        Raises:
            pydantic.ValidationError: the data is not a pack in canonical form.
        """
        return cls.model_validate(json.loads(data) if isinstance(data, bytes | str) else dict(data))


def _plain(value: Any) -> Any:
    """Models as mappings without their empty fields; what the author wrote freely stays as it is."""
    if isinstance(value, BaseModel):
        known = type(value).model_fields
        return {name: _plain(item) for name, item in value if item is not None or name not in known}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
