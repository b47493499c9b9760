"""Bodies of requests, closed: what is not named here is refused.

Belongs here: shapes. Does not belong here: what is done with them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.sdk.pack import PACK_ID, SEMVER

AgentId = Annotated[str, Field(pattern=PACK_ID, max_length=128)]
Version = Annotated[str, Field(pattern=SEMVER, max_length=64)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ExecuteRequest(_Closed):
    """Whom to ask, and with which inputs."""

    agent_id: AgentId
    version: Version | None = None
    inputs: dict[str, Any] = Field(max_length=200)


class PackRequest(_Closed):
    """A pack, as the text of its pack.yaml."""

    pack: Annotated[str, Field(min_length=1, max_length=300_000)]
