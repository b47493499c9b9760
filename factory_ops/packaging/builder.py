"""The builder of pack archives.

Belongs here: files in, reproducible bytes out. Does not belong here: making the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from factory_ops.packaging.reader import read_pack
from factory_ops.packaging.tar import gzip_bytes, tar_bytes


@dataclass(frozen=True)
class BuiltPack:
    """A pack as it is stored.

    Attributes:
        pack_id: e.g. ``emissions/carbon_calculator_v1``.
        version: semantic version.
        source: path -> bytes.
        archive: the tar.gz.
        archive_sha256: its identity.
        manifest: every file with its hash.
    """

    pack_id: str
    version: str
    source: Mapping[str, bytes]
    archive: bytes
    archive_sha256: str
    manifest: Mapping[str, Any]


class PackBuilder:
    """Writes archives; the same files always give the same bytes."""

    def create_pack(self, files: Mapping[str, bytes]) -> BuiltPack:
        """The archive of these files, read back by the strict reader before it is given out.

        Args:
            files: path -> bytes, ``manifest.json`` among them.

        Raises:
            GreenlangError: whatever :func:`read_pack` refuses.
        """
        archive = gzip_bytes(tar_bytes(files))
        pack = read_pack(archive)
        return BuiltPack(pack.id, pack.version, pack.files, archive, pack.sha256, pack.manifest)
