"""The artifact store as a folder.

Belongs here: files, their names, atomic writing; names of named objects (shared with ``s3_store``).
Does not belong here: what the bytes mean.

Layout: ``cas/sha256/ab/cdef…`` holds content-addressed objects (``sha256sum`` gives the name back);
every other path is a named object. A file appears under its name only when it is whole and on disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex
from greenlang_assets.core.provenance.ledger import require_sha256
from greenlang_assets.core.provenance.ports import NamedObject

CAS = "cas/sha256"
_KEY_BYTES = 900  # S3 allows 1024; a prefix of ours may stand before it
_NAME_BYTES = 255


def cas_key(sha256: str) -> str:
    """Key of a content-addressed object."""
    require_sha256(sha256, "the name of an artefact")
    return f"{CAS}/{sha256[:2]}/{sha256[2:]}"


def named_key(key: str) -> str:
    """The key itself when it may name an object, else ``OBJECT_KEY_INVALID``.

    Segments separated by single slashes; none is empty or starts with a dot (so none climbs out of the
    store), none holds a control character, a backslash or text outside Unicode's NFC form.
    """
    fault = None
    if not key or len(key.encode("utf-8", "surrogatepass")) > _KEY_BYTES:
        fault = f"1 to {_KEY_BYTES} bytes"
    elif key.split("/")[0].casefold() == "cas":
        fault = "a name outside cas/, which belongs to content-addressed objects"
    elif any(not part or part.startswith(".") or part != part.strip() for part in key.split("/")):
        fault = "segments that are not empty, do not start with a dot and have no blank at either end"
    elif any(len(part.encode("utf-8", "surrogatepass")) > _NAME_BYTES for part in key.split("/")):
        fault = f"segments of at most {_NAME_BYTES} bytes"
    elif "\\" in key or any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in key):
        fault = "printable characters, no backslash"
    elif unicodedata.normalize("NFC", key) != key:
        fault = "text in Unicode's NFC form"
    if fault is not None:
        raise GreenlangError(
            "OBJECT_KEY_INVALID", "this cannot name an object", found=repr(key)[:200], expected=fault
        )
    return key


def missing(sha256: str) -> GreenlangError:
    """``ARTIFACT_MISSING``: nothing is kept under this hash."""
    return GreenlangError(
        "ARTIFACT_MISSING",
        "the store has no object with this hash",
        found="nothing",
        expected=sha256,
        hint="was it made by another installation, or was it deleted? making it again restores it",
        where={"object": cas_key(sha256)},
    )


def checked(sha256: str, data: bytes) -> bytes:
    """The bytes when they hash to their name, else ``ARTIFACT_ALTERED`` with both hashes."""
    found = sha256_hex(data)
    if found == sha256:
        return data
    raise GreenlangError(
        "ARTIFACT_ALTERED",
        "a stored object was changed after it was written: its bytes no longer hash to its name",
        found=found,
        expected=sha256,
        hint="keep the altered object as evidence elsewhere, then make the artefact again",
        where={"object": cas_key(sha256)},
    )


def object_missing(key: str) -> GreenlangError:
    """``OBJECT_MISSING``: no object has this name."""
    return GreenlangError(
        "OBJECT_MISSING", "no object has this name", found="nothing", expected=key, where={"object": key}
    )


def lost_race(key: str, *, if_absent: bool) -> GreenlangError:
    """``OBJECT_EXISTS`` or ``OBJECT_CHANGED``: somebody else wrote first."""
    if if_absent:
        return GreenlangError(
            "OBJECT_EXISTS", "an object has this name already", expected="a free name", where={"object": key}
        )
    return GreenlangError(
        "OBJECT_CHANGED",
        "the object was replaced or removed since it was read",
        expected="the version that was read",
        hint="read it again and repeat the change on what is there now",
        where={"object": key},
    )


class FolderStore:
    """An ``ArtifactStore`` in a folder of this machine (POSIX: locks and atomic renames are used)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Keep bytes under their SHA-256; an object that is there is verified, never replaced."""
        sha256 = sha256_hex(data)
        path = self.folder / cas_key(sha256)
        if path.exists():
            checked(sha256, path.read_bytes())
            return sha256
        with self._written(data) as temporary:
            temporary.chmod(0o444)
            # A second writer of the same bytes renames the same content over it: nothing changes.
            self._move(temporary, path)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes with this SHA-256, hashed again."""
        try:
            data = (self.folder / cas_key(sha256)).read_bytes()
        except FileNotFoundError:
            raise missing(sha256) from None
        return checked(sha256, data)

    def exists(self, sha256: str) -> bool:
        """Whether an object is kept under this SHA-256."""
        return (self.folder / cas_key(sha256)).is_file()

    def put_named(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> NamedObject:
        """Write a named object; writers take turns, so a condition holds until the write is done."""
        path = self._named_path(key)
        with self._written(data) as temporary, self._turn():
            present = path.is_file()
            if if_absent and present:
                raise lost_race(key, if_absent=True)
            if if_match is not None and (not present or sha256_hex(path.read_bytes()) != if_match):
                raise lost_race(key, if_absent=False)
            try:
                self._move(temporary, path)
            except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
                raise GreenlangError(
                    "OBJECT_KEY_INVALID",
                    "in a folder, a name cannot be an object and a folder of objects at once",
                    found=key,
                    expected="a name that neither contains nor is contained in another one as a folder",
                ) from error
        return NamedObject(key, sha256_hex(data), len(data))

    def get_named(self, key: str) -> tuple[bytes, NamedObject]:
        """The bytes of a named object and what describes them."""
        try:
            data = self._named_path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise object_missing(key) from None
        return data, NamedObject(key, sha256_hex(data), len(data))

    def list_named(self, prefix: str = "", *, start_after: str = "", limit: int = 1000) -> list[NamedObject]:
        """The next named objects in key order; folders that cannot hold any are not entered.

        Raises:
            GreenlangError: ``STORE_UNREACHABLE`` when the store is no folder: that is not an empty one.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise GreenlangError(
                "STORE_UNREACHABLE",
                "the store is not a folder",
                found=self.folder,
                expected="a folder, or none yet",
            )
        keys = islice(self._keys(self.folder, "", prefix.encode(), start_after.encode()), max(limit, 0))
        found = []
        for key in keys:
            with contextlib.suppress(GreenlangError):  # removed since it was listed
                found.append(self.get_named(key)[1])
        return found

    def _keys(self, folder: Path, base: str, prefix: bytes, after: bytes) -> Iterator[str]:
        """Keys below a folder, sorted as whole keys: ``a-b`` stands before ``a/b``."""
        try:
            entries = list(os.scandir(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        names = []
        for entry in entries:
            if entry.name.startswith(".") or (not base and entry.name == "cas"):
                continue
            if entry.is_dir(follow_symlinks=False):
                names.append(base + entry.name + "/")
            elif entry.is_file(follow_symlinks=False):
                names.append(base + entry.name)
        for name in sorted(names, key=os.fsencode):
            raw = os.fsencode(name)
            if name.endswith("/"):
                overlaps = raw.startswith(prefix) or prefix.startswith(raw)
                if overlaps and (raw > after or after.startswith(raw)):
                    yield from self._keys(self.folder / name, name, prefix, after)
            elif raw.startswith(prefix) and raw > after:
                yield name

    def _named_path(self, key: str) -> Path:
        path = self.folder / named_key(key)
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise GreenlangError(
                "OBJECT_KEY_INVALID", "a link leads out of the store", found=key, expected="a plain folder"
            )
        return path

    @contextlib.contextmanager
    def _written(self, data: bytes) -> Iterator[Path]:
        """A temporary file with these bytes on disk; what is left of it is removed."""
        scratch = self.folder / ".tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=scratch)
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.chmod(0o644)
            yield path
        finally:
            path.unlink(missing_ok=True)

    @staticmethod
    def _move(temporary: Path, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        handle = os.open(self.folder / ".tmp" / "named.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
