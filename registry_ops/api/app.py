"""The application: routes behind the gate.

Belongs here: assembly. Does not belong here: a route, a decision.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from registry_ops.api.gate import Gate
from registry_ops.api.problems import add_handlers
from registry_ops.api.routes_agents import agent_routes
from registry_ops.api.routes_calculate import calculate_routes
from registry_ops.api.routes_data import data_routes
from registry_ops.api.routes_factory import factory_routes
from registry_ops.api.services import Services


def create_app(services: Services) -> FastAPI:
    """The application over open services; whoever opened them closes them."""
    # No page describes the routes to somebody without a token, and no slash is added or taken away.
    app = FastAPI(title="GreenLang", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    add_handlers(app)
    for routes in (agent_routes, factory_routes, data_routes, calculate_routes, _health_routes):
        app.include_router(routes(services))
    app.add_middleware(Gate, tokens=services.tokens)
    return app


def _health_routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @router.get("/readyz")
    def readyz() -> JSONResponse:
        """The process can work: the database answers."""
        services.database.ready()
        return JSONResponse({"status": "ready"})

    return router
