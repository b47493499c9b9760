"""Bearer tokens: the development token's file, and who stands behind a token.

Belongs here: making the file, hashing, asking the registry's table. Does not belong here: HTTP.

A token names its tenant (``gl_<tenant>_<secret>``), so its hash is looked for among that tenant's rows
alone: naming another tenant finds nothing. The database holds hashes; the file is for the person at this
machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from registry_ops.registry.ports import RegistryDatabase

FILE = "api-token"
#: A revoked token is refused after this many seconds at the latest.
REMEMBERED_SECONDS = 10.0

_TOKEN = re.compile(r"gl_([a-z0-9][a-z0-9-]{0,62})_[A-Za-z0-9-]{43}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a person or program, in a tenant."""

    tenant: str
    actor: str


class Tokens:
    """Knows tokens again.

    Args:
        database: where their hashes are.
    """

    def __init__(self, database: RegistryDatabase) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Caller]] = {}

    def remembered(self, token: str) -> Caller | None:
        """Who this token stands for where the database said so a moment ago; never waits, asks nobody."""
        if _TOKEN.fullmatch(token) is None:
            return None
        until, caller = self._known.get(sha256_hex(token.encode()), (0.0, None))
        return caller if time.monotonic() < until else None

    def caller(self, token: str) -> Caller | None:
        """Who this token stands for; None when it is unknown, malformed or revoked."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        caller = self.remembered(token)
        if caller is not None:
            return caller
        digest, tenant = sha256_hex(token.encode()), match[1]
        with self._database.transaction(tenant) as work:
            actor = work.token_actor(digest)
        if actor is None:
            self._known.pop(digest, None)
            return None
        caller = Caller(tenant, actor)
        self._known[digest] = (time.monotonic() + REMEMBERED_SECONDS, caller)
        return caller


def development_token(path: Path, database: RegistryDatabase, *, tenant: str) -> str:
    """The token of this installation, made at the first start with mode 0600 and accepted from then on.

    Raises:
        GreenlangError: ``TOKEN_FILE_MODE``, ``TOKEN_FILE_UNREADABLE``.
    """
    if not path.exists():
        _create(path, tenant)
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode) or state.st_mode & 0o077:
        raise GreenlangError(
            "TOKEN_FILE_MODE",
            "the token can be read or changed by others",
            found=f"{path} with mode {stat.S_IMODE(state.st_mode):04o}",
            expected="a file with mode 0600",
            hint="remove it; the next start makes a new one",
        )
    token = path.read_text(encoding="ascii", errors="replace").strip()
    match = _TOKEN.fullmatch(token)
    if match is None or match[1] != tenant:
        raise GreenlangError(
            "TOKEN_FILE_UNREADABLE",
            "this is not a token of this installation",
            expected=f"a token of tenant {tenant}",
            hint="remove the file; the next start makes a new one",
            where={"file": str(path)},
        )
    with database.transaction(tenant) as work:
        work.add_token(sha256_hex(token.encode()), "developer")
    return token


def _create(path: Path, tenant: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # 32 random bytes; without the underscore, which separates the parts.
    secret = secrets.token_urlsafe(32).replace("_", "-")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"gl_{tenant}_{secret}\n")
            file.flush()
            os.fsync(file.fileno())
        # A link fails when the name is taken: of two processes the first one's token stays.
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
