"""Look-ups over HTTP at a steady rate: the interface as a process, its database beside it.

Belongs here: starting and stopping them. Does not belong here: sending requests (``http_load``).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from benchmarks.factors import TEXTS, questions
from greenlang_assets.core.factors.catalogue import Catalogue

ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 120


def http_benchmarks(*, rate: int = 500, seconds: int = 10) -> dict[str, Any]:
    """Latency from the moment a request was due to the last byte of its answer."""
    asked = questions(Catalogue.shipped().frame, 4000)
    looked_up = [f"/api/v1/ef/lookup?{urlencode(question)}" for question in asked]
    searched = [f"/api/v1/ef/search?{urlencode({'query': text})}" for text in TEXTS]
    with _served() as (port, token):
        order = {"port": port, "token": token, "seconds": seconds, "connections": 32}
        return {
            "look-up": _load({**order, "paths": looked_up, "rate": rate}),
            "search": _load({**order, "paths": searched, "rate": 50}),
        }


def _load(order: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_load"],
        cwd=ROOT, input=json.dumps(order), capture_output=True, text=True, check=True,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def _served() -> Iterator[tuple[int, str]]:
    """The interface over a state folder of its own, with its embedded database; port and token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="greenlang-bench-") as name:
        home = Path(name)
        process = subprocess.Popen(
            [sys.executable, "-m", "registry_ops.api", "--port", str(port)],
            cwd=ROOT, env={**os.environ, "GREENLANG_HOME": name}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(process, port)
            yield port, (home / "keys" / "api-token").read_text(encoding="ascii").strip()
        finally:
            process.terminate()
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                # The catalogue is loaded beside the first requests; they are not what is measured.
                time.sleep(3)
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("the interface did not start")
