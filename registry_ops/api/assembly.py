"""The runtime of this machine, put together over an open platform.

Belongs here: which sandbox, which key. Does not belong here: opening the platform (``server``).
"""

from __future__ import annotations

from registry_ops.runtime.certificates import SignedCertificates
from registry_ops.runtime.executor import AgentRuntime
from registry_ops.runtime.router import Router
from resources.platform import Platform, factory_signer
from resources.sandbox import ProcessSandbox


def local_runtime(platform: Platform, *, router: Router | None = None) -> AgentRuntime:
    """Agents in processes of this machine, loaded only under the factory's certificate."""
    certificates = SignedCertificates(platform.store, factory_signer(platform.settings))
    return AgentRuntime(router or Router(), ProcessSandbox(), certificates, platform.store, platform.ledger)
