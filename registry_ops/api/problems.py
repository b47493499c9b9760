"""Refusals as ``application/problem+json`` (RFC 9457), the same members in every one.

Belongs here: which code is which HTTP status, and what is kept back. Does not belong here: refusing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from factory_ops.specification.answer import PackRefused
from greenlang_assets.core.errors import GreenlangError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

#: Status of a code; what stands in neither table is the caller's input: 422.
_STATUS = {
    "UNAUTHENTICATED": 401,
    "VERSION_REUSED": 409,
    "DEPLOYMENT_NOT_LIVE": 409,
    "BODY_TOO_LARGE": 413,
    "MEDIA_TYPE": 415,
    "JSON_INVALID": 400,
    "ROUTER_BUSY": 503,
    "CALCULATION_BUSY": 503,
    "SANDBOX_TIMEOUT": 504,
    "SANDBOX_AGENT_FAILED": 502,
    "SANDBOX_ANSWER_INVALID": 502,
    "SANDBOX_ANSWER_TOO_LARGE": 502,
    "CALCULATION_UNPROVEN": 502,
    "DATABASE_UNREACHABLE": 503,
    "STORE_UNREACHABLE": 503,
    "ARTIFACT_ALTERED": 500,
    "ARTIFACT_MISSING": 500,
    "ROW_INDEX_WRONG": 500,
}
_STATUS_BY_BEGINNING = {
    "CERTIFICATE_": 409,
    "EXECUTION_": 500,
    "HOOK_": 500,
    "PIN_": 500,
    "PLAN_": 500,
    "SANDBOX_": 503,
}
_STATUS_BY_END = {"_NOT_FOUND": 404, "_UNKNOWN": 404}
#: Codes that end like "there is no such thing", and yet are about the caller's words.
_INPUT = frozenset(
    {"UNIT_UNKNOWN", "REFERENCE_UNKNOWN", "SYMBOL_UNKNOWN", "INPUT_UNKNOWN", "UNCERTAINTY_UNKNOWN"}
)


def status_of(code: str) -> int:
    """HTTP status of an error code."""
    if code in _STATUS:
        return _STATUS[code]
    for beginning, status in _STATUS_BY_BEGINNING.items():
        if code.startswith(beginning):
            return status
    for end, status in _STATUS_BY_END.items():
        if code.endswith(end) and code not in _INPUT:
            return status
    return 422


def problem(error: GreenlangError, *, status: int | None = None, **more: Any) -> JSONResponse:
    """The answer to a refusal. What failed inside is told by its code alone: details are ours."""
    number = status or status_of(error.code)
    told = error.as_dict()
    message = told.pop("message")
    if number >= 500:
        told.update(found=None, where={})
    headers = {"WWW-Authenticate": "Bearer"} if number == 401 else None
    return JSONResponse(
        {
            "type": "about:blank",
            "title": HTTPStatus(number).phrase,
            "status": number,
            "detail": message,
            **told,
            **more,
        },
        status_code=number,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def request_invalid(errors: Sequence[Any]) -> GreenlangError:
    """The refusal of what is not as a route takes it; ``errors`` as pydantic lists them."""
    first = _issues(errors)[0]
    return GreenlangError(
        "REQUEST_INVALID",
        "the request is not as this route takes it",
        found=f"{first['where']}: {first['message']}",
        expected="the parameters of the route, no others",
    )


def _issues(errors: Sequence[Any]) -> list[dict[str, str]]:
    # Values are not repeated: a body may hold what does not belong in an answer or a log.
    return [
        {"where": ".".join(str(part) for part in issue["loc"]), "message": issue["msg"]} for issue in errors
    ]


def add_handlers(app: FastAPI) -> None:
    """Every way in which a request can fail ends here."""

    @app.exception_handler(GreenlangError)
    def refused(request: Request, error: GreenlangError) -> JSONResponse:
        if isinstance(error, PackRefused):
            return problem(error, status=422, answer=error.answer.as_dict())
        if status_of(error.code) >= 500:
            log.error("%s %s: %s", request.method, request.url.path, error.code)
        return problem(error)

    @app.exception_handler(RequestValidationError)
    def not_as_described(request: Request, error: RequestValidationError) -> JSONResponse:
        issues = _issues(error.errors())
        return problem(request_invalid(error.errors()), errors=issues)

    @app.exception_handler(HTTPException)
    def by_the_router(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "ROUTE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "REQUEST_INVALID")
        words = {404: "there is no such route", 405: "this route does not know this method"}
        answer = problem(
            GreenlangError(code, words.get(error.status_code, str(error.detail))), status=error.status_code
        )
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    def fault_of_ours(request: Request, error: Exception) -> JSONResponse:
        incident = str(uuid4())
        log.error("incident %s at %s %s", incident, request.method, request.url.path, exc_info=error)
        return problem(
            GreenlangError(
                "INTERNAL_ERROR", "this is a fault of ours", hint=f"the log tells more about {incident}"
            ),
            status=500,
        )
