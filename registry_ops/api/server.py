"""The API as a process: opening everything, serving on loopback, closing everything.

Belongs here: the order of opening and closing, uvicorn's settings. Does not belong here: routes.
"""

from __future__ import annotations

import logging
import signal
import threading

import uvicorn
from fastapi import FastAPI

from greenlang_assets.core.errors import GreenlangError
from registry_ops.api import tokens
from registry_ops.api.app import create_app
from registry_ops.api.services import Services, open_services
from registry_ops.registry.models import DEVELOPMENT_TENANT
from resources.platform import open_platform
from resources.settings import Settings

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
#: Requests that are being answered have so long to end when the process is asked to stop.
STOP_SECONDS = 10


def serve(port: int) -> None:
    """Serve until a signal comes.

    Args:
        port: on loopback; 0 for any that is free.

    Raises:
        KeyboardInterrupt: a signal came; everything is closed.
        GreenlangError: ``DATABASE_ROLE_UNSAFE``, ``TOKEN_FILE_MODE``, and what opening the platform raises.
    """
    from registry_ops.api.assembly import local_runtime

    # uvicorn raises the signal again when it has stopped; it must not end us before everything is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    with open_platform(Settings.from_env()) as platform:
        runtime = local_runtime(platform)
        with open_services(platform, runtime) as services:
            path = platform.settings.home / "keys" / tokens.FILE
            tokens.development_token(path, services.database, tenant=DEVELOPMENT_TENANT)
            log.info("the bearer token of tenant %s is in %s", DEVELOPMENT_TENANT, path)
            threading.Thread(target=_warm, args=(services,), name="warm", daemon=True).start()
            server_of(create_app(services), port).run()


def server_of(app: FastAPI, port: int) -> uvicorn.Server:
    """A server on loopback, with our limits."""
    # It would write the words of queries, also where somebody else set handlers up.
    logging.getLogger("uvicorn.access").disabled = True
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=LOOPBACK,
            port=port,
            # The stricter of the two parsers: a request that can be read in two ways is refused.
            http="h11",
            h11_max_incomplete_event_size=64 * 1024,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )


def _warm(services: Services) -> None:
    """Load and index the factors, bind the formulas and start the agents that are live, so that first calls
    are fast; what fails is tried again by the first call."""
    try:
        in_force = services.factors.now()
        in_force.catalogue.prepare()
        in_force.bind()
        services.runtime.warm(services.registry(DEVELOPMENT_TENANT))
    except GreenlangError as error:
        log.warning("an agent could not be started: %s", error.code)
