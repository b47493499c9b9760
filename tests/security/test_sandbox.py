"""Generated code that attacks: it is stopped, and the next call is answered.

Every attack runs in both strengths that this machine has: with bubblewrap (where it is installed and may
make name spaces) and without. Reading a foreign file is refused by the kernel with bubblewrap and by
Python's rules without it; the rest holds in both.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory_ops.generation.generator import CodeGenerator
from factory_ops.sandbox import Limits
from factory_ops.specification.processor import SpecProcessor
from greenlang_assets.core.errors import GreenlangError
from resources import syscall_filter
from resources.sandbox import ProcessSandbox, ProcessWorker

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(call_s=5, answer_bytes=200_000)
PLAN = json.dumps({"outputs": {"a": {"kind": "quantity", "unit": "kg[CO2e]"}}}).encode()
#: An agent that does whatever its input says, with Python in full. What it answers is the value of ``out``.
AGENT = """
import builtins, sys
from types import SimpleNamespace
memory = []
def compute(inputs):
    scope = {"memory": memory}
    builtins.exec(inputs["code"], scope)
    metadata = {"units": {}, "factors": [], "formulas": [], "provenance_hash": "0" * 64}
    return SimpleNamespace(fault=None, data={"a": scope.get("out")}, metadata=metadata, citations=[])
"""


@pytest.fixture(scope="module", params=["bubblewrap", "plain"])
def sandbox(request: pytest.FixtureRequest) -> ProcessSandbox:
    if request.param == "plain":
        return ProcessSandbox(LIMITS, bubblewrap="")
    made = ProcessSandbox(LIMITS)
    if made.bubblewrap is None:
        # Not skipped: the same attacks, then, in what strength there is.
        assert made.strength.weaker
    return made


@pytest.fixture(scope="module")
def worker(sandbox: ProcessSandbox) -> Iterator[ProcessWorker]:
    made = sandbox.start(
        {"agent.py": AGENT.encode(), "plan.json": PLAN}, agent_id="test/attacker", version="1.0.0"
    )
    yield made
    made.close()


def run(worker: ProcessWorker, code: str, timeout_s: float | None = None) -> dict[str, Any]:
    return worker.call({"code": code}, timeout_s)


def assert_answers(worker: ProcessWorker) -> None:
    answer = run(worker, "out = 42")
    assert answer.get("result") == 42, answer


def code_of(answer: dict[str, Any]) -> str:
    assert "error" in answer, answer
    return str(answer["error"]["code"])


def refused(answer: dict[str, Any], *words: str) -> None:
    assert code_of(answer) in ("SANDBOX_AGENT_FAILED", "SANDBOX_DIED"), answer
    if words:
        assert any(word in answer["error"]["found"] for word in words), answer


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/shadow",
        "/proc/self/environ",
        "/proc/1/environ",
        str(ROOT / "pyproject.toml"),
        "~",
    ],
)
def test_foreign_files_are_not_read(worker: ProcessWorker, path: str) -> None:
    path = str(Path(path).expanduser() / ".profile") if path == "~" else path
    refused(run(worker, f"out = open({path!r}).read()"), "PermissionError", "FileNotFoundError")
    refused(run(worker, f"import os; out = os.read(os.open({path!r}, os.O_RDONLY), 9).decode()"), "Error")
    refused(run(worker, "import os; out = os.listdir('/')"), "PermissionError", "FileNotFoundError")
    assert_answers(worker)


def test_the_kernel_hides_foreign_files_where_it_is_said_to(
    sandbox: ProcessSandbox, worker: ProcessWorker
) -> None:
    # os.stat is no audited event: what is seen through it is what the kernel shows.
    answer = run(worker, "import os; out = int(os.path.exists('/etc/passwd'))")
    if "files-read" in sandbox.strength.holds:
        assert answer["result"] == 0
    else:
        assert "Python" in sandbox.strength.weaker


def test_nothing_is_written(worker: ProcessWorker, tmp_path: Path) -> None:
    target = tmp_path / "written"
    for code in (
        f"open({str(target)!r}, 'w').write('x')",
        "open('here', 'w').write('x')",
        "open('agent.py', 'a').write('x')",
        f"import os; os.mkdir({str(target)!r})",
        "import os; os.remove(__import__('agent').__file__)",
        "import os; os.truncate(__import__('agent').__file__, 0)",
        "import os; f = os.memfd_create('x'); os.write(f, b'x' * 10**9)",
        "import tempfile; tempfile.TemporaryFile()",
    ):
        refused(run(worker, code), "Error")
    assert not target.exists()
    assert_answers(worker)


def test_no_network(worker: ProcessWorker) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        for code in (
            f"import socket; socket.create_connection(('127.0.0.1', {port}), 2); out = 1",
            "import socket; socket.create_connection(('169.254.169.254', 80), 2); out = 1",
            "import socket; socket.socketpair(); out = 1",
            f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}', timeout=2); out = 1",
            "import _socket; _socket.socket(); out = 1",
        ):
            refused(run(worker, code), "Error")
        listening.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listening.accept()
    assert_answers(worker)


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True: os.fork()",
        "import os; os.fork(); out = 1",
        "import subprocess; out = len(subprocess.run(['/usr/bin/id'], capture_output=True).stdout)",
        "import os; os.execv('/usr/bin/id', ['id'])",
        "import os; os.system('id'); out = 1",
        "import _posixsubprocess as p, os; out = p.fork_exec(*[None] * 23)",
        "import multiprocessing; p = multiprocessing.Process(target=print); p.start(); out = 1",
    ],
)
def test_no_new_process(worker: ProcessWorker, code: str) -> None:
    refused(run(worker, code), "Error")
    assert_answers(worker)


def test_the_kernel_refuses_what_python_would_let_pass() -> None:
    """The filter alone, without the audit hook: every kind of call that it is there for."""
    if not syscall_filter.available():
        assert "network" not in ProcessSandbox(LIMITS, bubblewrap="").strength.holds
        return
    code = """
import ctypes, os, resource, socket, threading
from resources import syscall_filter
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
started = threading.Event()
seen = []
def early():
    started.wait()
    try: socket.socket()
    except PermissionError: seen.append("thread")
thread = threading.Thread(target=early); thread.start()
assert syscall_filter.install()
started.set(); thread.join()
assert seen == ["thread"], seen
late = threading.Thread(target=seen.append, args=("late",)); late.start(); late.join()
for attempt in (
    lambda: os.fork(), lambda: os.execv("/usr/bin/id", ["id"]), lambda: os.kill(parent, 0),
    lambda: socket.socket(), lambda: socket.socketpair(), lambda: open("/tmp/x", "w"),
    lambda: os.mkdir("/tmp/xx"),
    lambda: os.memfd_create("x"), lambda: os.symlink("a", "/tmp/xx"),
    lambda: os.posix_spawn("/usr/bin/id", ["id"], {}), lambda: os.chmod("/tmp", 0o777),
    lambda: os.open("/tmp/x", os.O_RDONLY | os.O_CREAT), lambda: os.setsid(),
):
    try: attempt()
    except OSError as error: assert error.errno == 1, error
    else: raise SystemExit("allowed")
for raw in (101, 57) if os.uname().machine == "x86_64" else (117,):
    assert libc.syscall(raw, 0, 0, 0, 0) == -1 and ctypes.get_errno() == 1
try: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (PermissionError, ValueError): pass
else: raise SystemExit("limit set")
resource.getrlimit(resource.RLIMIT_AS)
assert open("/dev/null").read() == ""
os.write(1, b"held " + seen[-1].encode())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "held late", done.stderr


def test_a_loop_is_stopped_and_the_next_call_answered(worker: ProcessWorker) -> None:
    before = worker.pid
    started = time.monotonic()
    assert code_of(run(worker, "while True: pass", 1)) == "SANDBOX_TIMEOUT"
    assert time.monotonic() - started < 3
    assert_answers(worker)
    assert worker.pid != before


def test_a_loop_that_ignores_signals_is_stopped(worker: ProcessWorker) -> None:
    code = (
        "import signal\nfor s in range(1, 60):\n  try: signal.signal(s, signal.SIG_IGN)\n"
        "  except Exception: continue\n"
        "while True:\n  try:\n    while True: pass\n  except BaseException: continue"
    )
    assert code_of(run(worker, code, 1)) == "SANDBOX_TIMEOUT"
    assert_answers(worker)


@pytest.mark.parametrize(
    "code",
    [
        "out = len(bytearray(10 * 1024**3))",
        "x = []\nwhile True: x.append(bytearray(50_000_000))",
        "import numpy; out = float(numpy.ones(10 * 1024**3 // 8).sum())",
        "import polars; out = polars.Series([1.0]).extend_constant(1.0, 10 * 1024**3 // 8).len()",
        "import mmap; out = len(mmap.mmap(-1, 10 * 1024**3))",
    ],
)
def test_ten_gigabytes_are_refused(worker: ProcessWorker, code: str) -> None:
    assert code_of(run(worker, code)) in ("SANDBOX_AGENT_FAILED", "SANDBOX_DIED", "SANDBOX_TIMEOUT")
    assert_answers(worker)


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(0)",
        "raise SystemExit(3)",
        "raise KeyboardInterrupt",
        "import os; os.abort()",
        "import sys; sys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
        "import os; os.close(3); os.close(4); os.closerange(0, 200)",
    ],
)
def test_ends_of_the_process_are_answers(worker: ProcessWorker, code: str) -> None:
    assert code_of(run(worker, code)).startswith("SANDBOX_")
    assert_answers(worker)


def test_the_parent_cannot_be_killed(worker: ProcessWorker) -> None:
    for code in (
        "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
        f"import os, signal; os.kill({os.getpid()}, signal.SIGKILL)",
        f"import os, signal; os.killpg({os.getpgid(0)}, signal.SIGTERM)",
    ):
        refused(run(worker, code), "Error")
    assert_answers(worker)


@pytest.mark.parametrize(
    "code",
    [
        "out = float('nan')",
        "out = float('inf')",
        "out = []\nout.append(out)",
        "out = {}\nout['x'] = out",
        "out = object()",
        "out = {1, 2}",
        "out = []\nfor _ in range(100_000): out = [out]",
        "out = 'x' * 1_000_000",
        "out = 10 ** 5000",
        "out = '\\ud800' * 10 + 'x' * 10**6",
    ],
)
def test_answers_that_are_none(worker: ProcessWorker, code: str) -> None:
    assert code_of(run(worker, code)) in (
        "SANDBOX_AGENT_FAILED", "SANDBOX_ANSWER_TOO_LARGE", "SANDBOX_ANSWER_INVALID",
    )  # fmt: skip
    assert_answers(worker)


def test_an_answer_forged_on_the_pipe_is_no_answer(worker: ProcessWorker) -> None:
    forged = (
        "import os, struct\nfor f in range(3, 20):\n  try: os.write(f, {data})\n"
        "  except OSError: continue\nout = 1"
    )
    for data in (
        "struct.pack('>I', 2**31) + b'x'",
        "struct.pack('>I', 5) + b'xxxxx'",
        "struct.pack('>I', 2) + b'{{}}' * 1",
        "struct.pack('>I', 26) + b'{\"number\":0,\"answer\":{}}  '",
        "struct.pack('>I', 200_000) + b'[' * 200_000",
    ):
        assert code_of(run(worker, forged.replace("{data}", data), 2)).startswith("SANDBOX_")
        assert_answers(worker)


def test_what_is_printed_is_kept_apart_masked_and_cut(worker: ProcessWorker) -> None:
    secrets = ("AKIA" + "A" * 16, "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", "hunter2hunter2")
    code = f"import sys, os; print('hello', {secrets[0]!r}); print({secrets[1]!r}, file=sys.stderr)\n"
    code += f"os.write(1, b'password={secrets[2]}\\n'); out = 7"
    assert run(worker, code)["result"] == 7
    assert "hello" in worker.log()
    assert not [secret for secret in secrets if secret in worker.log()]
    assert run(worker, "print('x' * 3_000_000); out = 8")["result"] == 8
    assert 60_000 < len(worker.log()) <= 64 * 1024
    assert_answers(worker)
    assert worker.log() == ""


def test_the_environment_is_empty_and_input_too(worker: ProcessWorker) -> None:
    assert run(worker, "import os; out = len(os.environ)")["result"] == 0
    assert run(worker, "import sys; out = sys.stdin.read()")["result"] == ""


def test_ctypes_is_of_no_use(worker: ProcessWorker) -> None:
    refused(run(worker, "import ctypes; out = ctypes.CDLL(None).getpid()"), "PermissionError")
    assert_answers(worker)


def test_a_worker_keeps_nothing_for_another(sandbox: ProcessSandbox, worker: ProcessWorker) -> None:
    files = {"agent.py": AGENT.encode(), "plan.json": PLAN}
    other = sandbox.start(files, agent_id="test/other", version="1.0.0")
    try:
        assert run(worker, "memory.append('mine'); out = len(memory)")["result"] >= 1
        assert run(other, "out = len(memory)")["result"] == 0
        assert code_of(run(worker, "while True: pass", 0.5)) == "SANDBOX_TIMEOUT"
        pid = other.pid
        assert run(other, "out = 1")["result"] == 1
        assert other.pid == pid
    finally:
        other.close()
    assert code_of(run(other, "out = 1")) == "SANDBOX_CLOSED"


def test_a_killed_worker_is_replaced_and_a_closed_one_leaves_nothing(sandbox: ProcessSandbox) -> None:
    made = sandbox.start(
        {"agent.py": AGENT.encode(), "plan.json": PLAN}, agent_id="test/kill", version="1.0.0"
    )
    folder = made._folder
    assert made.pid is not None
    os.kill(made.pid, signal.SIGKILL)
    time.sleep(0.3)
    assert_answers(made)
    pid = made.pid
    made.close()
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_no_worker_survives_its_parent(sandbox: ProcessSandbox) -> None:
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from resources.sandbox import ProcessSandbox\n"
        "files = {'agent.py': sys.argv[3].encode(), 'plan.json': sys.argv[4].encode()}\n"
        "made = ProcessSandbox(bubblewrap=json.loads(sys.argv[2]))\n"
        "w = made.start(files, agent_id='a/b', version='1.0.0')\n"
        "print(w.pid, w._folder, flush=True); w.call({'code': 'while True: pass'}, 60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT), json.dumps(sandbox._asked), AGENT, PLAN.decode()],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    parent.kill()
    parent.wait()
    state = Path(f"/proc/{pid}/stat")

    def alive() -> bool:
        try:
            return state.read_text().split(")")[1].split()[0] not in ("Z", "X")
        except OSError:
            return False

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and alive():
        time.sleep(0.05)
    assert not alive()
    for left in sorted(Path(folder).rglob("*"), reverse=True):
        left.rmdir() if left.is_dir() else left.unlink()
    Path(folder).rmdir()


@pytest.mark.parametrize(
    "source", ["raise ValueError('no')", "def (", "import os; os._exit(1)", "while True: pass"]
)
def test_code_that_does_not_load_is_refused_at_the_start(sandbox: ProcessSandbox, source: str) -> None:
    with pytest.raises(GreenlangError) as error:
        sandbox.start(
            {"agent.py": source.encode(), "plan.json": PLAN},
            agent_id="test/broken",
            version="1.0.0",
            limits=Limits(start_s=4),
        )
    assert error.value.code == "SANDBOX_START"


def test_a_generated_agent_answers(sandbox: ProcessSandbox) -> None:
    pack = ROOT / "data" / "packs" / "emissions_carbon_calculator_v1" / "pack.yaml"
    made = SpecProcessor().process(pack.read_bytes())
    assert made.spec is not None
    files = CodeGenerator().generate(made.spec, made.plan).files
    agent = sandbox.start(files, agent_id=made.spec.id, version=made.spec.version)
    try:
        answer = agent.call({"fuel_type": "natural_gas", "consumption": 1000, "country": "US"})
        assert round(answer["result"], 2) == 181.23
        assert answer["outputs"]["calculation_provenance"] == answer["provenance_hash"]
        assert answer["units"]["co2e_emissions_kg"] == "kg[CO2e]"
        assert answer["factors"]
        assert answer["formulas"]
        assert answer["citations"]
        for inputs, code in (
            ({"fuel_type": "electricity", "consumption": 1, "country": "US"}, "ACTIVITY_NOT_REFERENCED"),
            ({"fuel_type": "natural_gas", "consumption": 1, "country": "GB"}, "REGION_NOT_REFERENCED"),
            ({"fuel_type": "natural_gas", "consumption": -1, "country": "US"}, "INPUT_INVALID"),
            ([], "INPUT_INVALID"),
            ({"consumption": float("nan")}, "INPUT_INVALID"),
        ):
            assert code_of(agent.call(inputs)) == code
    finally:
        agent.close()
