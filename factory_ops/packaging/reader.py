"""The reader of pack archives: everything is checked in memory, nothing is ever extracted.

Belongs here: refusing what is not a pack. Does not belong here: ``tarfile``, whose filters have been
escaped time and again; what is read is the one form that ``tar`` writes, and no other.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from factory_ops.packaging.names import MANIFEST, check_together, checked_name
from factory_ops.packaging.tar import BLOCK, GZIP_MAGIC, header
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import sha256_hex

#: Limits of an archive; the largest pack that ships stays far below each.
MAX_ARCHIVE = 4 * 1024 * 1024
MAX_CONTENT = 16 * 1024 * 1024
MAX_MEMBERS = 200
PACK_FORMAT = "greenlang/pack@1"
_KINDS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a character device", b"4": "a block device",
    b"5": "a folder", b"6": "a FIFO", b"7": "a contiguous file", b"S": "a sparse file",
    b"x": "an extended header", b"g": "a global extended header", b"L": "a long name", b"K": "a long link",
}  # fmt: skip


@dataclass(frozen=True)
class ReadPack:
    """What a verified archive holds.

    Attributes:
        id: of the pack.
        version: of the pack.
        sha256: of the archive.
        files: path -> bytes, each equal to its hash in the manifest.
        manifest: what ``manifest.json`` says.
    """

    id: str
    version: str
    sha256: str
    files: Mapping[str, bytes]
    manifest: Mapping[str, Any]


def read_pack(archive: bytes, *, sha256: str | None = None) -> ReadPack:
    """The files of a pack archive.

    Args:
        archive: the bytes of the tar.gz.
        sha256: what they must hash to, where that is known.

    Raises:
        GreenlangError: ``ARCHIVE_DIGEST``, ``ARCHIVE_TOO_LARGE``, ``ARCHIVE_NOT_GZIP``,
            ``ARCHIVE_TRUNCATED``, ``ARCHIVE_TRAILING``, ``ARCHIVE_NOT_TAR``, ``MEMBER_KIND``,
            ``MEMBER_NAME``, ``MEMBER_FORBIDDEN``, ``MEMBER_DOUBLED``, ``MEMBER_HEADER``,
            ``MANIFEST_MISSING``, ``MANIFEST_INVALID``, ``MANIFEST_DIFFERS``. Nothing else is raised.
    """
    found = sha256_hex(archive)
    if sha256 is not None and found != sha256:
        raise _refused("ARCHIVE_DIGEST", "the archive is not the one that was asked for", found, sha256)
    files = _members(_unpacked(archive))
    manifest = _manifest(files)
    _match(files, manifest["files"])
    return ReadPack(manifest["id"], manifest["version"], found, MappingProxyType(files), manifest)


def _refused(code: str, message: str, found: object, expected: object, **where: object) -> GreenlangError:
    return GreenlangError(code, message, found=found, expected=expected, where=dict(where))


def _unpacked(archive: bytes) -> bytes:
    if len(archive) > MAX_ARCHIVE:
        raise _refused(
            "ARCHIVE_TOO_LARGE", "the archive is too large", f"{len(archive)} bytes", f"{MAX_ARCHIVE}"
        )
    if not archive.startswith(GZIP_MAGIC):
        raise _refused("ARCHIVE_NOT_GZIP", "this is not a tar.gz", archive[:4].hex(" "), "1f 8b")
    stream = zlib.decompressobj(wbits=31)
    try:
        # One byte above the limit is enough to know; a bomb is never unpacked.
        content = stream.decompress(archive, MAX_CONTENT + 1)
    except zlib.error as error:
        raise _refused("ARCHIVE_NOT_GZIP", "the gzip frame is broken", str(error), "a gzip frame") from error
    if len(content) > MAX_CONTENT:
        raise _refused(
            "ARCHIVE_TOO_LARGE",
            "the archive unpacks to too much",
            f"over {MAX_CONTENT} bytes",
            f"{MAX_CONTENT}",
        )
    if not stream.eof:
        raise _refused(
            "ARCHIVE_TRUNCATED", "the archive ends in the middle", f"{len(archive)} bytes", "a whole one"
        )
    if stream.unused_data:
        raise _refused(
            "ARCHIVE_TRAILING",
            "something follows the archive",
            f"{len(stream.unused_data)} bytes, {stream.unused_data[:4].hex(' ')} …",
            "nothing",
        )
    return content


def _members(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    names: list[str] = []
    offset = 0
    while True:
        block = content[offset : offset + BLOCK]
        if len(block) < BLOCK:
            raise _refused(
                "ARCHIVE_TRUNCATED", "the tar ends in the middle", f"{len(content)} bytes", "its end blocks"
            )
        if not any(block):
            break
        name, size = _member(block, offset)
        start, end = offset + BLOCK, offset + BLOCK + size
        offset = end + -size % BLOCK
        if offset > len(content):
            raise _refused(
                "ARCHIVE_TRUNCATED", "a member ends in the middle", name, f"{size} bytes", member=name
            )
        if any(content[end:offset]):
            raise _refused("MEMBER_HEADER", "something hides behind a member", name, "zeros", member=name)
        names.append(name)
        if len(names) > MAX_MEMBERS:
            raise _refused("ARCHIVE_TOO_LARGE", "the archive has too many members", len(names), MAX_MEMBERS)
        files[name] = content[start:end]
    if content[offset:] != b"\0" * (2 * BLOCK):
        raise _refused(
            "ARCHIVE_TRAILING",
            "the tar does not end with its two empty blocks",
            len(content) - offset,
            2 * BLOCK,
        )
    check_together(names)
    return files


def _member(block: bytes, offset: int) -> tuple[str, int]:
    if block[257:263] != b"ustar\0":
        raise _refused(
            "ARCHIVE_NOT_TAR",
            "this is not a tar in ustar form",
            block[257:265].hex(" "),
            "ustar",
            offset=offset,
        )
    raw = block[:100].rstrip(b"\0")
    name = raw.decode("latin-1")
    if (kind := block[156:157]) not in (b"0", b"\0"):
        raise _refused(
            "MEMBER_KIND",
            "a member of the archive is not a regular file",
            f"{_KINDS.get(kind, 'kind ' + kind.hex())}: {name!a}",
            "regular files alone",
            member=ascii(name)[:140],
        )
    if any(block[345:500]):
        raise _refused("MEMBER_NAME", "a name in two parts", ascii(block[345:500].rstrip(b"\0")), "one part")
    checked_name(name)
    digits = block[124:135]
    if not digits.isdigit() or any(digit in b"89" for digit in digits):
        raise _refused(
            "MEMBER_HEADER", "a size that is no octal number", digits.hex(" "), "octal", member=name
        )
    size = int(digits, 8)
    if size > MAX_CONTENT:
        raise _refused("ARCHIVE_TOO_LARGE", "a member is too large", size, MAX_CONTENT, member=name)
    if block != header(name, size):
        raise _refused(
            "MEMBER_HEADER",
            "a member carries rights, an owner, a time or a checksum of its own",
            f"mode {ascii(block[100:107])[2:-1]}, owner {ascii(block[108:115])[2:-1]}",
            "mode 0644, owner 0, time 0, as packs are written",
            member=name,
        )
    return name, size


def _manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    if MANIFEST not in files:
        raise _refused("MANIFEST_MISSING", "the archive has no manifest", ", ".join(files)[:200], MANIFEST)
    try:
        manifest = json.loads(files[MANIFEST], object_pairs_hook=_once)
        sound = (
            isinstance(manifest, dict)
            and manifest.get("format") == PACK_FORMAT
            and isinstance(manifest.get("id"), str)
            and isinstance(manifest.get("version"), str)
            and isinstance(manifest.get("files"), dict)
        )
    except (ValueError, RecursionError) as error:
        raise _refused("MANIFEST_INVALID", "the manifest cannot be read", str(error)[:200], "JSON") from error
    if not sound:
        raise _refused(
            "MANIFEST_INVALID",
            "this is no manifest of a pack",
            ascii(manifest)[:160],
            f"format {PACK_FORMAT}",
        )
    assert isinstance(manifest, dict)
    return manifest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _match(files: Mapping[str, bytes], listed: Mapping[str, Any]) -> None:
    present = files.keys() - {MANIFEST}
    if present != listed.keys():
        odd = sorted(present ^ listed.keys())
        raise _refused(
            "MANIFEST_DIFFERS",
            "the files of the archive are not those of its manifest",
            ", ".join(sorted(present)),
            ", ".join(sorted(map(str, listed))),
            member=odd[0],
        )
    for name in sorted(present):
        entry, digest = listed[name], sha256_hex(files[name])
        if not isinstance(entry, dict) or (entry.get("sha256"), entry.get("size")) != (
            digest,
            len(files[name]),
        ):
            raise _refused(
                "MANIFEST_DIFFERS",
                "a file is not the one of the manifest",
                digest,
                ascii(entry)[:160],
                member=name,
            )
