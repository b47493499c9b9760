"""Generated code in processes of their own: starting, asking, stopping and replacing them.

Belongs here: processes and pipes. Does not belong here: the inside (``resources.sandbox_worker``).

With bubblewrap a worker sees a read-only interpreter, the platform's packages and data and its own pack, has
no network, no other process and no name on the machine. Without it the same limits, the same filter of
system calls (no network, no new process, nothing written) and Python's own rules hold; what is weaker then
is said by :attr:`ProcessSandbox.strength`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import greenlang_assets
from factory_ops.sandbox import AGENT_PROGRAM, Limits, Strength
from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.units import measured_symbols
from resources import syscall_filter

_ROOT = Path(greenlang_assets.__file__).resolve().parents[1]
_PACKAGES = ("greenlang_assets", "factory_ops", "resources")
#: What calculating needs of the shipped data; tenants' folders are nobody's business in there.
_DATA = ("factors", "formulas", "parameters", "calculation")
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin")
_SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|AKIA[0-9A-Z]{16}"
    r"|-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|\Z)"
    r"|(?i:(?:password|passwd|secret|token|api[_-]?key)\s*[=:]\s*)\S+|(?i:bearer\s+)\S+|://[^/\s:@]+:[^/\s@]+@"
)
_START = (
    "import sys, json; sys.path.insert(0, sys.argv[1]); from resources.sandbox_worker import main; "
    "main(sys.argv[2], sys.argv[3], *map(json.loads, sys.argv[4:7]))"
)


class ProcessSandbox:
    """Workers as processes of this machine.

    Args:
        limits: of every worker that is not given its own.
        bubblewrap: path of ``bwrap``; ``""`` for none; None: the one on this machine, if it works.
    """

    def __init__(self, limits: Limits | None = None, *, bubblewrap: str | None = None) -> None:
        self.limits = limits or Limits()
        self._asked = bubblewrap
        # The kernel ends a worker when the thread that started it ends; this one lives as long as we do.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox")

    @cached_property
    def bubblewrap(self) -> str | None:
        """Path of a bubblewrap that can make its name spaces here."""
        path = shutil.which("bwrap") if self._asked is None else self._asked
        if not path:
            return None
        probe = [*_wrapping(path, Path("/")), "--", sys.executable, "-I", "-S", "-c", ""]
        try:
            done = subprocess.run(probe, env={}, capture_output=True, timeout=20, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            return None
        return path if done.returncode == 0 else None

    @cached_property
    def strength(self) -> Strength:
        """How strong the sandbox is on this machine."""
        filtered = syscall_filter.available()
        holds = {"memory", "cpu", "files-written"}
        if filtered:
            holds |= {"network", "processes"}
        if self.bubblewrap:
            holds |= {"network", "files-read", "processes-seen"}
            name = "bubblewrap+seccomp" if filtered else "bubblewrap"
            weaker = (
                "" if filtered else "new processes are refused by Python alone; they stay in the name space"
            )
            return Strength(name, frozenset(holds), weaker)
        weaker = (
            "files that this user may read are kept from the code by Python's rules alone, not by the kernel"
        )
        if not filtered:
            weaker += "; network and new processes too"
        return Strength("seccomp" if filtered else "limits", frozenset(holds), weaker)

    def start(
        self,
        files: Mapping[str, bytes],
        *,
        agent_id: str,
        version: str,
        program: str = AGENT_PROGRAM,
        limits: Limits | None = None,
    ) -> ProcessWorker:
        """A worker over a pack's files, ready to be called.

        Raises:
            GreenlangError: ``SANDBOX_START``.
        """
        return ProcessWorker(self, files, f"{agent_id} {version}", program, limits or self.limits)

    def spawn(self, folder: Path, program: str, limits: Limits) -> subprocess.Popen[bytes]:
        """A new process over the pack in ``folder``; not yet ready."""
        return self._starter.submit(self._spawn, folder, program, limits).result()

    def _spawn(self, folder: Path, program: str, limits: Limits) -> subprocess.Popen[bytes]:
        wrapped = self.bubblewrap is not None
        inside = Path("/pack") if wrapped else folder / "pack"
        readable = [str(path) for path in _readable()]
        command = [
            sys.executable,
            "-I",
            "-B",
            "-X",
            "utf8",
            "-c",
            _START,
            str(_ROOT),
            str(inside),
            program,
            json.dumps({"memory_mb": limits.memory_mb, "cpu_s": limits.cpu_s}),
            json.dumps(readable),
            json.dumps(measured_symbols()),
        ]
        if self.bubblewrap is not None:
            command = [*_wrapping(self.bubblewrap, folder / "pack"), "--", *command]
        return subprocess.Popen(  # noqa: S603 our own interpreter, nothing of a pack is in the command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd=folder / "empty",
            close_fds=True,
            start_new_session=True,
            preexec_fn=None if wrapped else _end_with_parent,
        )


def _end_with_parent() -> None:
    """After a kill -9 of the parent no worker stays behind (bubblewrap does this by itself)."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def _readable() -> list[Path]:
    """Folders that a worker may read: interpreter, libraries, the platform's packages and data."""
    paths = sysconfig.get_paths()
    folders = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    folders |= {Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {_ROOT / name for name in _PACKAGES}
    folders |= {DATA_ROOT / name for name in _DATA}
    whole = {folder for folder in folders if folder.is_dir() and folder != Path("/")}
    return sorted(f for f in whole if not any(other != f and f.is_relative_to(other) for other in whole))


def _wrapping(bubblewrap: str, pack: Path) -> list[str]:
    command = [bubblewrap, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--cap-drop", "ALL"]
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            command += ["--ro-bind", name, name]
    for folder in _readable():
        if not folder.is_relative_to("/usr"):
            command += ["--ro-bind", str(folder), str(folder)]
    if pack != Path("/"):
        command += ["--ro-bind", str(pack), "/pack"]
    return [*command, "--dev", "/dev", "--dir", "/empty", "--chdir", "/empty", "--remount-ro", "/"]


class _Lost(Exception):
    """A process that cannot be used any more, with the error to tell."""

    def __init__(self, code: str, message: str, found: object, expected: str) -> None:
        super().__init__(code)
        self.error = GreenlangError(code, message, found=found, expected=expected)


class ProcessWorker:
    """One agent in a process of its own. Calls take turns; a process that is lost is replaced."""

    def __init__(
        self, sandbox: ProcessSandbox, files: Mapping[str, bytes], name: str, program: str, limits: Limits
    ) -> None:
        self._sandbox, self._program, self._limits, self._name = sandbox, program, limits, name
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._printed = bytearray()
        self._number = 0
        self._closed = False
        self._folder = Path(tempfile.mkdtemp(prefix="greenlang-agent-"))  # mode 0700
        try:
            (self._folder / "empty").mkdir()
            for path, data in files.items():
                target = self._folder / "pack" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            with self._turn:
                self._ready()
        except _Lost as lost:
            self.close()
            raise lost.error from None
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int | None:
        """Of the process (or of the bubblewrap around it) while there is one."""
        return self._process.pid if self._process is not None else None

    def call(self, inputs: Any, timeout_s: float | None = None) -> dict[str, Any]:
        """The execution answer to these inputs."""
        return self.request({"inputs": inputs}, timeout_s)

    def request(self, message: Mapping[str, Any], timeout_s: float | None = None) -> dict[str, Any]:
        """The program's answer to a message; ``{"error": …}`` when the process was lost over it."""
        with self._turn:
            if self._closed:
                error = GreenlangError("SANDBOX_CLOSED", "this worker was closed", found=self._name)
                return {"error": error.as_dict()}
            try:
                self._ready()
                self._printed.clear()
                return self._asked(message, timeout_s or self._limits.call_s)
            except _Lost as lost:
                self._stop()
                return {"error": lost.error.as_dict()}

    def log(self) -> str:
        """What the last call printed, secrets masked, cut at the limit."""
        return _SECRETS.sub("[masked]", self._printed.decode("utf-8", "replace"))

    def close(self) -> None:
        """End the process and remove its files."""
        self._closed = True
        self._stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _asked(self, message: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        self._number += 1
        try:
            data = json.dumps({"number": self._number, "message": dict(message)}, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            wrong = GreenlangError("INPUT_INVALID", "inputs are plain, finite JSON", found=str(error)[:200])
            return {"error": wrong.as_dict()}
        reply = self._exchange(struct.pack(">I", len(data)) + data, timeout_s)
        answer = reply.get("answer")
        if reply.get("number") != self._number or not isinstance(answer, dict):
            raise _Lost(
                "SANDBOX_ANSWER_INVALID",
                "the agent spoke out of turn",
                sorted(reply)[:5],
                "one answer a call",
            )
        return answer

    def _ready(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._stop()
        self._process = self._sandbox.spawn(self._folder, self._program, self._limits)
        try:
            reply = self._exchange(b"", self._limits.start_s)
        except _Lost as lost:
            tail = self.log()[-600:]
            self._stop()
            raise _Lost(
                "SANDBOX_START",
                "the agent's process did not start",
                f"{lost.error.message}; {tail}",
                "a start",
            ) from None
        if reply.get("ready") is not True:
            self._stop()
            raise _Lost(
                "SANDBOX_START", "the agent could not be loaded", reply.get("error"), "an agent that loads"
            )

    def _exchange(self, data: bytes, timeout_s: float) -> dict[str, Any]:
        """Send a message and read one back, all before the deadline, keeping what is printed meanwhile."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        to, answers, printed = process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()
        os.set_blocking(to, False)
        deadline = time.monotonic() + timeout_s
        received, rest, open_logs = bytearray(), memoryview(data), True
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise _Lost(
                    "SANDBOX_TIMEOUT",
                    "the agent took too long and was stopped",
                    f"{timeout_s:g} s",
                    "a faster answer",
                )
            readers = [answers, printed] if open_logs else [answers]
            readable, writable, _ = select.select(readers, [to] if rest else [], [], left)
            if printed in readable:
                open_logs = self._kept(os.read(printed, 65_536))
            if writable:
                try:
                    rest = rest[os.write(to, rest) :]
                except BlockingIOError:
                    continue
                except OSError:
                    rest = memoryview(b"")
            if answers in readable:
                part = os.read(answers, 1 << 20)
                if not part:
                    raise self._died(process)
                received += part
                if (whole := self._whole(received)) is not None:
                    self._drain(printed)
                    return whole

    def _kept(self, part: bytes) -> bool:
        room = self._limits.log_bytes - len(self._printed)
        self._printed += part[: max(room, 0)]
        return bool(part)

    def _drain(self, printed: int) -> None:
        """What was printed before the answer is in the pipe already."""
        for _ in range(64):
            if not select.select([printed], [], [], 0)[0] or not self._kept(os.read(printed, 65_536)):
                return

    def _whole(self, received: bytearray) -> dict[str, Any] | None:
        if len(received) < 4:
            return None
        (length,) = struct.unpack(">I", received[:4])
        if length > self._limits.answer_bytes:
            raise _Lost(
                "SANDBOX_ANSWER_TOO_LARGE",
                "the agent's answer is too large",
                f"{length} bytes",
                f"at most {self._limits.answer_bytes}",
            )
        if len(received) < 4 + length:
            return None
        if len(received) > 4 + length:
            raise _Lost(
                "SANDBOX_ANSWER_INVALID", "the agent answered twice", "more bytes", "one answer a call"
            )
        try:
            reply = json.loads(received[4:], parse_constant=_not_finite)
        except (ValueError, RecursionError) as error:
            raise _Lost(
                "SANDBOX_ANSWER_INVALID",
                "the agent's answer is no JSON",
                str(error)[:200],
                "finite, plain JSON",
            ) from None
        if not isinstance(reply, dict):
            raise _Lost(
                "SANDBOX_ANSWER_INVALID",
                "the agent's answer is no mapping",
                type(reply).__name__,
                "a mapping",
            )
        return reply

    def _died(self, process: subprocess.Popen[bytes]) -> _Lost:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        code = process.poll()
        return _Lost(
            "SANDBOX_DIED",
            "the agent's process ended in the middle of a call",
            f"exit status {code}" + (f"; {self.log()[-200:]}" if self._printed else ""),
            "an answer",
        )

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # The whole group: bubblewrap takes its name space with it, a plain worker cannot have children.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is not a finite number")
