"""The base of every agent: one lifecycle, six hooks, errors with a type.

Belongs here: the order of things. Does not belong here: what any agent computes.

``run`` is initialize → validate_input → execute → validate_output → finalize. Hooks stand before and after
the first three. ``initialize`` loads the pack once; later runs find it there, and its hooks run once too.
A refusal (``GreenlangError``) becomes a result with ``success=False``; so does anything else that an
agent's own code raises, under ``EXECUTION_FAILED``. ``KeyboardInterrupt`` and the like pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

from pydantic import ValidationError

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.sdk.errors import ExecutionError, LifecycleError
from greenlang_assets.sdk.pack import PackSpec
from greenlang_assets.sdk.result import (
    AgentMetrics,
    AgentResult,
    Clock,
    ExecutionContext,
    Ids,
    random_id,
    utc_now,
)
from greenlang_assets.sdk.schema import checked_inputs, checked_outputs

InT = TypeVar("InT")
OutT = TypeVar("OutT")

Event = Literal[
    "pre_initialize", "post_initialize", "pre_validate", "post_validate", "pre_execute", "post_execute"
]
EVENTS: tuple[str, ...] = get_args(Event)
#: Called with the agent.
Hook = Callable[["AgentSpecV2Base[Any, Any]"], None]


class BaseAgent(ABC, Generic[InT, OutT]):
    """Root of all agents: something that takes a payload and answers with a result."""

    @abstractmethod
    def run(self, payload: InT) -> AgentResult[OutT]:
        """Answer one call."""


class AgentSpecV2Base(BaseAgent[InT, OutT]):
    """An agent made after a pack. One instance answers one call at a time.

    Args:
        pack_path: the pack's canonical form as JSON, or the folder that holds it as ``pack.json``.
        clock: gives the time of a call.
        ids: gives the id of a call.
    """

    def __init__(
        self, pack_path: Path | None = None, *, clock: Clock = utc_now, ids: Ids = random_id
    ) -> None:
        self.pack_path = pack_path
        self.spec: PackSpec | None = None
        self._lifecycle_hooks: dict[str, list[Hook]] = {}
        self._metrics = AgentMetrics()
        self._citations: list[dict[str, Any]] = []
        self._facts: dict[str, Any] = {}
        self._initialized = False
        self._clock = clock
        self._ids = ids

    def initialize(self) -> None:
        """Load the pack and whatever the agent needs; a second call does nothing.

        Raises:
            LifecycleError: ``HOOK_FAILED``, ``PACK_UNREADABLE``.
        """
        if self._initialized:
            return
        self._run_hooks("pre_initialize")
        if self.pack_path is not None:
            self.spec = self._load_pack_spec(self.pack_path)
        self._initialize_impl()
        self._run_hooks("post_initialize")
        self._initialized = True

    def validate_input(self, input_data: InT, context: ExecutionContext) -> InT:
        """The payload against the pack's inputs.

        Raises:
            GLValidationError: with every faulty field.
            LifecycleError: ``HOOK_FAILED``.
        """
        self._run_hooks("pre_validate")
        validated = self._validate_input_impl(input_data, context)
        self._run_hooks("post_validate")
        return validated

    @abstractmethod
    def execute(self, validated_input: InT, context: ExecutionContext) -> OutT:
        """What the agent does with a valid payload."""

    def validate_output(self, output: OutT, context: ExecutionContext) -> OutT:
        """What the agent gave against the pack's outputs.

        Raises:
            GLValidationError: with every faulty field.
        """
        return self._validate_output_impl(output, context)

    def finalize(self, result: AgentResult[OutT], context: ExecutionContext) -> AgentResult[OutT]:
        """The result with its citations, facts, metrics, id and time."""
        result.citations = list(self._citations)
        result.metadata.update(self._facts)
        result.metadata.update(
            execution_id=context.execution_id,
            started_at=context.started_at.isoformat(),
            metrics=self._metrics.to_dict(),
            **dict(context.facts),
        )
        return result

    def run(self, payload: InT, *, context: ExecutionContext | None = None) -> AgentResult[OutT]:
        """Answer one call; every error that is not the process's own ends in the result."""
        if context is None:
            context = ExecutionContext.create(clock=self._clock, ids=self._ids)
        self._citations, self._facts = [], {}
        self._metrics.runs += 1
        result: AgentResult[OutT]
        try:
            self.initialize()
            validated = self.validate_input(payload, context)
            self._run_hooks("pre_execute")
            output = self.execute(validated, context)
            self._run_hooks("post_execute")
            result = AgentResult(success=True, data=self.validate_output(output, context))
        except GreenlangError as error:
            result = self._failed(error)
        except Exception as error:
            result = self._failed(
                ExecutionError(
                    "EXECUTION_FAILED",
                    "the agent's own code failed",
                    found=f"{type(error).__name__}: {error}"[:400],
                    hint="this is a fault of the agent, not of the inputs",
                )
            )
        return self.finalize(result, context)

    def add_lifecycle_hook(self, event: str, callback: Hook) -> None:
        """Have ``callback(agent)`` called at an event, after those registered before it.

        Raises:
            LifecycleError: ``HOOK_UNKNOWN``.
        """
        if event not in EVENTS:
            raise LifecycleError(
                "HOOK_UNKNOWN", "there is no such event", found=event, expected=", ".join(EVENTS)
            )
        self._lifecycle_hooks.setdefault(event, []).append(callback)

    def cite(self, citation: dict[str, Any]) -> None:
        """Keep a citation for the result, once."""
        if citation not in self._citations:
            self._citations.append(citation)

    def _failed(self, error: GreenlangError) -> AgentResult[OutT]:
        self._metrics.failures += 1
        # A refused call cites nothing: what was looked up before the refusal led to no number.
        self._citations, self._facts = [], {}
        return AgentResult(success=False, error=str(error), fault=error)

    def _run_hooks(self, event: Event) -> None:
        for hook in self._lifecycle_hooks.get(event, ()):
            self._metrics.hooks += 1
            try:
                hook(self)
            except Exception as error:
                raise LifecycleError(
                    "HOOK_FAILED",
                    f"a hook at {event} failed, and with it the run",
                    found=f"{type(error).__name__}: {error}"[:400],
                    where={"event": event, "hook": getattr(hook, "__qualname__", repr(hook))},
                ) from error

    def _load_pack_spec(self, path: Path) -> PackSpec:
        file = path / "pack.json" if path.is_dir() else path
        try:
            return PackSpec.from_canonical(file.read_bytes())
        except (OSError, ValueError, ValidationError) as error:
            raise LifecycleError(
                "PACK_UNREADABLE",
                "the pack beside the agent is not a pack in canonical form",
                found=f"{type(error).__name__}: {error}"[:400],
                expected="canonical JSON of schema version 2.0.0",
                where={"file": file.name},
            ) from error

    def _initialize_impl(self) -> None:
        """For agents that need more than their pack."""

    def _validate_input_impl(self, input_data: InT, context: ExecutionContext) -> InT:
        """Against the pack, where there is one; agents without a pack take what they are given."""
        if self.spec is None:
            return input_data
        checked: Any = checked_inputs(self.spec.compute.inputs, input_data)
        return checked  # type: ignore[no-any-return]

    def _validate_output_impl(self, output: OutT, context: ExecutionContext) -> OutT:
        if self.spec is None:
            return output
        checked: Any = checked_outputs(self.spec.compute.outputs, output)
        return checked  # type: ignore[no-any-return]
