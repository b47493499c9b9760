"""Routes: validate a pack, hand one in, ask how it stands.

Belongs here: parameters in, JSON out. Does not belong here: judging packs (``factory_ops.specification``).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from registry_ops.api.models import PackRequest
from registry_ops.api.services import Services
from registry_ops.api.tokens import Caller
from registry_ops.registry.operations import Operations, OperationState


def factory_routes(services: Services) -> APIRouter:
    """The routes over these services."""
    router = APIRouter(prefix="/api/v1/factory")

    def operations(caller: Caller) -> Operations:
        registry = services.registry(caller.tenant)
        return Operations(services.database, services.store, services.ledger, registry, services.clock)

    @router.post("/validate")
    def validate(request: Request, body: PackRequest) -> JSONResponse:
        """Every error and warning; 422 when the text cannot be read as a pack at all."""
        answer = services.processor(request.state.caller).validate(body.pack.encode())
        return JSONResponse(answer.as_dict(), status_code=422 if answer.unreadable else 200)

    @router.post("/create", status_code=202)
    def create(request: Request, body: PackRequest) -> JSONResponse:
        """Hand a valid pack in; the factory does the rest. An invalid one is answered with all its errors."""
        caller: Caller = request.state.caller
        file = body.pack.encode()
        spec = services.processor(caller).parse(file)
        desk = operations(caller)
        operation = desk.hand_in(file, spec, caller.actor)
        place = f"/api/v1/factory/operations/{operation.operation_id}"
        return JSONResponse(
            _told(desk.state(operation.operation_id)), status_code=202, headers={"Location": place}
        )

    @router.get("/operations/{operation_id}")
    def operation(request: Request, operation_id: UUID) -> dict[str, Any]:
        """How a pack that was handed in stands."""
        return _told(operations(request.state.caller).state(operation_id))

    return router


def _told(state: OperationState) -> dict[str, Any]:
    operation = state.operation
    return {
        "operation_id": str(operation.operation_id),
        "status": state.status.value,
        "agent_id": operation.agent_id,
        "version": operation.version,
        "agent_status": state.agent_status,
        "deployment_status": state.deployment_status,
        "error": state.error,
        "created_by": operation.created_by,
        "created_at": operation.created_at.isoformat(),
    }
