"""The inside of the sandbox: a process that limits itself, loads one program and answers messages.

Belongs here: limits, the pipe protocol, what Python itself can refuse. Does not belong here: what a program
does (``resources.sandbox_agent``, ``factory_ops.quality.probe``), how the process is started
(``resources.sandbox``).

Order: private pipes → memory limits → libraries of the platform → filter of system calls → rules for opening
files → the pack's code. A program is a module with ``prepare()``, ``load(folder)`` and ``handle(message)``.

Messages both ways: four bytes of length (big-endian), then JSON.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import struct
import sys
from typing import Any, BinaryIO

_REFUSED_EVENTS = (
    "socket.", "subprocess.", "ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system",
    "os.kill", "os.killpg", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.setxattr", "os.removexattr", "pty.",
    "shutil.", "signal.pthread_kill", "ftplib.", "http.client.", "smtplib.", "urllib.Request", "webbrowser.",
    "mmap.__new__", "resource.setrlimit", "resource.prlimit", "fcntl.",
)  # fmt: skip
_LISTING = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "glob.glob", "os.chdir")


def main(
    folder: str,
    program: str,
    limits: dict[str, int],
    readable: list[str],
    units: dict[str, tuple[str, dict[str, str]]],
) -> None:
    """Serve until the other side closes the pipe.

    Args:
        folder: the pack's files.
        program: module that answers messages.
        limits: ``memory_mb`` and ``cpu_s``.
        readable: folders that code may read, beside the pack's own.
        units: what the platform's own process measured of units (``core.units.measured_symbols``).
    """
    with contextlib.suppress(KeyboardInterrupt):
        requests, answers = _private_pipes()
        _limit(limits)
        os.environ["POLARS_MAX_THREADS"] = "1"
        # All that is read until the doors close stays to the end: looking through it for garbage again and
        # again is a good part of a start.
        gc.disable()
        importlib.import_module("greenlang_assets.core.units").take_over(units)
        handler = importlib.import_module(program)
        handler.prepare()
        gc.freeze()
        gc.enable()
        os.environ.clear()
        from resources import syscall_filter

        filtered = syscall_filter.install()
        sys.addaudithook(_rules([folder, *readable]))
        sys.path.insert(0, folder)
        try:
            handler.load(folder)
        except BaseException as error:
            _send(answers, {"ready": False, "error": f"{type(error).__name__}: {error}"[:2000]})
            return
        _send(answers, {"ready": True, "filtered": filtered})
        while (message := _receive(requests)) is not None:
            answer = _answered(handler, message["message"])
            sys.stdout.flush()
            sys.stderr.flush()
            _send(answers, {"number": message["number"], "answer": answer})


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The protocol's own pipes; what code prints goes to standard error, what it reads is empty."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _limit(limits: dict[str, int]) -> None:
    memory = limits["memory_mb"] * 1024 * 1024
    for kind, value in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, memory + 4 * 1024**3),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
    ):
        resource.setrlimit(kind, (value, value))


def _rules(roots: list[str]) -> Any:
    """An audit hook: what Python itself refuses. The kernel's own refusals stand behind it where it can."""
    allowed = tuple(os.path.realpath(root) + os.sep for root in roots)
    realpath = os.path.realpath
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def within(path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return True  # a descriptor that is open already
        return (realpath(os.fsdecode(path)) + os.sep).startswith(allowed)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            changes = isinstance(flags, int) and bool(flags & writing)
            if (changes and not isinstance(path, int)) or not within(path):
                raise PermissionError(f"the sandbox does not let this file be opened: {path!r}"[:300])
        elif event in _LISTING:
            if arguments and arguments[0] is not None and not within(arguments[0]):
                raise PermissionError(f"the sandbox does not let this folder be read: {arguments[0]!r}"[:300])
        elif event.startswith(_REFUSED_EVENTS):
            raise PermissionError(f"the sandbox does not allow {event}")

    return hook


def _answered(handler: Any, message: Any) -> Any:
    try:
        answer = handler.handle(message)
        # Here, so that an answer that is no JSON is the agent's fault and not the end of the process.
        json.dumps(answer, allow_nan=False)
    except SystemExit as stop:
        return _fault(f"SystemExit: {stop}", "the agent tried to end its process")
    except RecursionError as error:
        return _fault(f"RecursionError: {error}", "the agent nests calls or data without an end")
    except Exception as error:
        return _fault(f"{type(error).__name__}: {error}", "the agent failed outside its own lifecycle")
    return answer


def _fault(found: str, message: str) -> dict[str, Any]:
    return {
        "error": {
            "code": "SANDBOX_AGENT_FAILED",
            "message": message,
            "found": found[:400],
            "expected": "an answer that is finite, plain JSON",
            "hint": "this is a fault of the agent, not of the inputs",
            "where": {},
        }
    }


def _receive(pipe: BinaryIO) -> dict[str, Any] | None:
    head = pipe.read(4)
    if len(head) < 4:
        return None
    message: dict[str, Any] = json.loads(pipe.read(struct.unpack(">I", head)[0]))
    return message


def _send(pipe: BinaryIO, message: dict[str, Any]) -> None:
    data = json.dumps(message, allow_nan=False).encode()
    pipe.write(struct.pack(">I", len(data)) + data)
    pipe.flush()
