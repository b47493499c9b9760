"""Route: calculate, one question or many at once.

Belongs here: what a request may hold, its limits, and how each question is answered or refused.
Does not belong here: what a question means (``core.calculation.question``), the ledger's rows
(``registry_ops.runtime.answers``).

One question is answered with its result or refused with a problem. A list is answered as a whole, each
question in its place with its result or with the same members that a problem has: one wrong unit does not
cost the other answers. What was answered is recorded before it is given, unless the request says that it
was only a trial.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Discriminator, Field, Tag, ValidationError

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.question import (
    ActivityQuestion,
    Answer,
    Closed,
    FormulaQuestion,
    Question,
    ask,
)
from greenlang_assets.core.errors import GreenlangError
from registry_ops.api.factors_in_force import FactorsInForce, InForce
from registry_ops.api.problems import request_invalid, status_of
from registry_ops.api.services import Services
from registry_ops.runtime.answers import record_answers

#: Questions of one request. A body of a mebibyte holds about as many.
MAX_QUESTIONS = 2_000
#: Monte Carlo draws of one request, all its questions together.
MAX_DRAWS = 1_000_000
#: Requests that draw, or that hold more than so many questions, run so many at a time.
LIGHT_QUESTIONS, HEAVY_AT_ONCE = 20, 2
#: Seconds that such a request waits for its turn.
WAIT_SECONDS = 20.0
#: Seconds after which the rest of a list is refused. The whole limit takes about one; only questions made to
#: be slow to refuse come here.
LIST_SECONDS = 20.0


class _Recorded(Closed):
    record: bool = Field(default=True, description="false: a trial, whose hash cannot be asked for later")


class FormulaRequest(FormulaQuestion, _Recorded):
    """One formula."""


class ActivityRequest(ActivityQuestion, _Recorded):
    """One quantity of an activity."""


class ManyRequest(_Recorded):
    """Many questions; each is read by itself, so that one that cannot be read does not cost the others."""

    questions: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_QUESTIONS)


def _kind(given: Any) -> Literal["many", "formula", "activity"]:
    names = given if isinstance(given, dict) else getattr(given, "__dict__", {})
    return "many" if "questions" in names else "formula" if "formula_id" in names else "activity"


CalculateRequest = Annotated[
    Annotated[FormulaRequest, Tag("formula")]
    | Annotated[ActivityRequest, Tag("activity")]
    | Annotated[ManyRequest, Tag("many")],
    Discriminator(_kind),
]


def calculate_routes(services: Services) -> APIRouter:
    """The route over these services."""
    router = APIRouter(prefix="/api/v1")
    desk = _Desk(services)

    @router.post("/ef/calculate")
    def calculate(body: CalculateRequest) -> JSONResponse:
        """A calculation with every citation, both scope 2 figures where energy was bought, and its hash."""
        if isinstance(body, ManyRequest):
            return JSONResponse(desk.many(body.questions, record=body.record))
        return JSONResponse(desk.one(body, record=body.record))

    return router


class _Desk:
    """Answers questions over the factors in force.

    Args:
        services: of the process.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._engines = _Engines(services.factors)
        self._turns = threading.BoundedSemaphore(HEAVY_AT_ONCE)

    def one(self, question: FormulaRequest | ActivityRequest, *, record: bool) -> dict[str, Any]:
        """The answer to one question.

        Raises:
            GreenlangError: its refusal.
        """
        _check_draws([question])
        with self._turn(heavy=question.simulation is not None):
            answer = ask(self._engines.now(), question)
        if record:
            self._record([(question, answer)])
        return {**_named(question), "recorded": record, **answer.as_dict()}

    def many(self, given: list[dict[str, Any]], *, record: bool) -> dict[str, Any]:
        """Every question in its place, answered or refused.

        Raises:
            GreenlangError: ``SIMULATION_SIZE`` for the request as a whole, ``CALCULATION_BUSY``.
        """
        questions = [_read(item) for item in given]
        readable = [question for question in questions if not isinstance(question, GreenlangError)]
        _check_draws(readable)
        heavy = len(given) > LIGHT_QUESTIONS or any(question.simulation for question in readable)
        with self._turn(heavy=heavy):
            engine = self._engines.now()
            until = time.monotonic() + LIST_SECONDS
            answers = [_answer(engine, question, until) for question in questions]
        answered = [
            (question, answer)
            for question, answer in zip(questions, answers, strict=True)
            if not isinstance(question, GreenlangError) and not isinstance(answer, GreenlangError)
        ]
        if record:
            self._record(answered)
        return {
            "questions": len(given),
            "answered": len(answered),
            "refused": len(given) - len(answered),
            "recorded": record,
            "answers": [
                {"index": index, **_named(question), **_told(answer)}
                for index, (question, answer) in enumerate(zip(questions, answers, strict=True))
            ],
        }

    @contextmanager
    def _turn(self, *, heavy: bool) -> Iterator[None]:
        # A thread that computes keeps the interpreter from those that answer look-ups.
        if heavy and not self._turns.acquire(timeout=WAIT_SECONDS):
            raise GreenlangError(
                "CALCULATION_BUSY",
                "other large requests are being calculated",
                expected=f"at most {HEAVY_AT_ONCE} at a time",
                hint="ask again in a moment",
            )
        try:
            yield
        finally:
            if heavy:
                self._turns.release()

    def _record(self, answered: list[tuple[Question, Answer]]) -> None:
        given = [
            (question.model_dump(mode="json", exclude_unset=True, exclude={"record", "question_id"}), answer)
            for question, answer in answered
        ]
        record_answers(given, store=self._services.store, ledger=self._services.ledger)


class _Engines:
    """The engine over the factors in force, made anew when these are."""

    def __init__(self, factors: FactorsInForce) -> None:
        self._factors = factors
        self._made: tuple[InForce, CalculationEngine] | None = None

    def now(self) -> CalculationEngine:
        """The engine; loaded by whoever asks first."""
        in_force = self._factors.now()
        made = self._made
        if made is None or made[0] is not in_force:
            engine = CalculationEngine(in_force.catalogue, in_force.library, in_force.gwp)
            self._made = made = (in_force, engine)
        return made[1]


def _read(given: dict[str, Any]) -> Question | GreenlangError:
    kind = FormulaQuestion if _kind(given) == "formula" else ActivityQuestion
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        return request_invalid(error.errors())


def _answer(
    engine: CalculationEngine, question: Question | GreenlangError, until: float
) -> Answer | GreenlangError:
    if isinstance(question, GreenlangError):
        return question
    if time.monotonic() > until:
        return GreenlangError(
            "CALCULATION_BUSY",
            "the questions before this one took the time of the whole list",
            expected=f"at most {LIST_SECONDS:g} seconds",
            hint="ask this one again, in a shorter list",
        )
    try:
        return ask(engine, question)
    except GreenlangError as error:
        if status_of(error.code) >= 500:
            raise
        return error


def _told(answer: Answer | GreenlangError) -> dict[str, Any]:
    if isinstance(answer, GreenlangError):
        return {"error": {"status": status_of(answer.code), **answer.as_dict()}}
    return {"answer": answer.as_dict()}


def _named(question: Question | GreenlangError) -> dict[str, Any]:
    name = None if isinstance(question, GreenlangError) else question.question_id
    return {} if name is None else {"question_id": name}


def _check_draws(questions: list[Any]) -> None:
    draws = sum(question.simulation.draws for question in questions if question.simulation is not None)
    if draws > MAX_DRAWS:
        raise GreenlangError(
            "SIMULATION_SIZE",
            "a request makes no more draws than this",
            found=draws,
            expected=f"at most {MAX_DRAWS:,}, all questions together",
            hint="10,000 to 100,000 draws are enough for most; larger runs are a batch's",
        )
