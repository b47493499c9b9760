"""The gate before every route: who asks, and is the body fit to be read.

Belongs here: what is decided before routing, so that no route can forget it. Does not belong here: routes,
tokens (``tokens``), the form of JSON (``strict_json``).
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from greenlang_assets.core.errors import GreenlangError
from registry_ops.api.problems import problem
from registry_ops.api.strict_json import require_strict_json
from registry_ops.api.tokens import Caller, Tokens

#: Answered without a token: whether the process lives, whether it can work.
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
MAX_BODY_BYTES = 1024 * 1024


class Gate:
    """ASGI middleware. Behind it ``request.state.caller`` is a :class:`Caller`.

    Args:
        app: what stands behind the gate.
        tokens: knows callers.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection's message, or the application's start and end."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        try:
            if scope["path"] not in OPEN_PATHS:
                scope.setdefault("state", {})["caller"] = await self._caller(scope)
                if scope["method"] in ("POST", "PUT", "PATCH"):
                    receive = _replay(await _body(scope, receive), receive)
        except GreenlangError as error:
            await problem(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) == 1:
            scheme, _, token = given[0].decode("latin-1").partition(" ")
            if scheme.lower() == "bearer":
                token = token.strip()
                # Handing a request to a thread and back costs more than most answers.
                caller = self._tokens.remembered(token) or await run_in_threadpool(self._tokens.caller, token)
                if caller is not None:
                    return caller
        raise GreenlangError(
            "UNAUTHENTICATED", "a valid bearer token is needed", expected="Authorization: Bearer …"
        )


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, refused as soon as it is too long.

    Raises:
        GreenlangError: ``MEDIA_TYPE``, ``BODY_TOO_LARGE``, ``JSON_INVALID``.
    """
    headers = dict(scope["headers"])
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    if media_type != "application/json":
        raise GreenlangError(
            "MEDIA_TYPE",
            "this kind of body is not read here",
            found=media_type[:100],
            expected="application/json",
        )
    declared = headers.get(b"content-length", b"0")
    size = int(declared) if declared.isdigit() else MAX_BODY_BYTES + 1
    chunks: list[bytes] = []
    received = 0
    while size <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            break
        chunks.append(message.get("body", b""))
        received += len(chunks[-1])
        size = max(size, received)
        if not message.get("more_body", False):
            break
    if size > MAX_BODY_BYTES:
        raise GreenlangError(
            "BODY_TOO_LARGE",
            "the body is too large",
            found=f"{size} bytes or more",
            expected=f"at most {MAX_BODY_BYTES}",
        )
    body = b"".join(chunks)
    require_strict_json(body)
    return body


def _replay(body: bytes, rest: Receive) -> Receive:
    """Give the body once more, then whatever the connection says."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await rest()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
