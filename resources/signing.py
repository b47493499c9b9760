"""Ed25519 signatures with a key file of this installation.

Belongs here: making, reading and using the key.
Does not belong here: what is signed (``core.provenance.ledger.Checkpoint``).
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex


class Ed25519Signer:
    """A ``Signer`` with one private key.

    Args:
        path: the key file (PKCS#8 PEM); made with mode 0600 when it is missing, refused when others
            may read it.

    Raises:
        GreenlangError: ``KEY_FILE_MODE``, ``KEY_FILE_UNREADABLE``.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _create(path)
        self._key = _read(path)
        self._public = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self._key_id = sha256_hex(self._public)[:16]

    @property
    def public_key(self) -> bytes:
        """The raw public key, 32 bytes: what others check our signatures with."""
        return self._public

    @property
    def key_id(self) -> str:
        """First 16 digits of the SHA-256 of the raw public key."""
        return self._key_id

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``, 64 bytes."""
        return self._key.sign(data)

    def verify(self, data: bytes, signature: bytes, *, key_id: str) -> bool:
        """Whether our key made this signature; a signature that names another key is not ours."""
        if key_id != self._key_id:
            return False
        try:
            self._key.public_key().verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A link fails when the name is taken: of two processes the first one's key stays.
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def _read(path: Path) -> Ed25519PrivateKey:
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode) or state.st_mode & 0o077:
        raise GreenlangError(
            "KEY_FILE_MODE",
            "the signing key can be read or changed by others",
            found=f"{path} with mode {stat.S_IMODE(state.st_mode):04o}",
            expected="a file with mode 0600",
            hint="chmod 600 it, if you know that nobody has read it; else move it away and start a new one",
        )
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable(path, type(key).__name__)
    return key


def _unreadable(path: Path, found: str) -> GreenlangError:
    return GreenlangError(
        "KEY_FILE_UNREADABLE",
        "this is not the signing key",
        found=found,
        expected="an Ed25519 private key in PEM form",
        where={"file": str(path)},
    )
