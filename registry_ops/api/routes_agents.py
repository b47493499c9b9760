"""Routes: execute an agent, ask the registry, walk a number back.

Belongs here: parameters in, JSON out. Does not belong here: what is asked of the services.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from greenlang_assets.core.provenance.walk import walk
from greenlang_assets.sdk.pack import PACK_ID
from registry_ops.api.models import ExecuteRequest
from registry_ops.api.services import Services
from registry_ops.api.tokens import Caller
from registry_ops.registry.models import MAX_PAGE_SIZE, AgentStatus, SearchQuery


def agent_routes(services: Services) -> APIRouter:
    """The routes over these services."""
    router = APIRouter(prefix="/api/v1")

    @router.post("/execute")
    def execute(request: Request, body: ExecuteRequest) -> JSONResponse:
        """The agent's answer, recorded before it is given."""
        caller: Caller = request.state.caller
        registry = services.registry(caller.tenant)
        return JSONResponse(services.runtime.execute(registry, body.agent_id, body.version, body.inputs))

    @router.get("/provenance/{sha256}")
    def provenance(sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]) -> JSONResponse:
        """The tree behind a hash, down to the publisher's table."""
        return JSONResponse(walk(sha256, services.ledger, services.store).as_dict())

    @router.get("/registry/agents")
    def agents(
        request: Request,
        query: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
        tag: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006 FastAPI copies it
        status: AgentStatus | None = None,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
        page_size: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)] = 20,
    ) -> dict[str, Any]:
        """One page of agents, ordered by id."""
        caller: Caller = request.state.caller
        wanted = SearchQuery(query=query, tags=tuple(tag), status=status, page=page, page_size=page_size)
        return services.registry(caller.tenant).search_agents(wanted).model_dump(mode="json")

    @router.get("/registry/agents/{agent_id:path}")
    def agent(
        request: Request, agent_id: Annotated[str, Path(pattern=PACK_ID, max_length=128)]
    ) -> dict[str, Any]:
        """An agent with its versions and deployments."""
        caller: Caller = request.state.caller
        registry = services.registry(caller.tenant)
        entry = registry.get_agent(agent_id).model_dump(mode="json")
        deployments = [known.model_dump(mode="json") for known in registry.deployments(agent_id)]
        return {**entry, "deployments": deployments}

    return router
