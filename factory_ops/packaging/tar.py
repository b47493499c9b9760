"""The one form of a tar.gz that a pack has.

Belongs here: headers, blocks, the gzip frame. Does not belong here: which files a pack may hold.

POSIX ustar with nothing but regular files: mode 0644, owner 0, time 0, no names. The gzip frame has no time
and no name, and its blocks are stored, not compressed: compressors of different versions give different
bytes, and a pack of some ten kilobytes gains nothing that is worth an unstable hash.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

BLOCK = 512
#: Characters of a member's name; longer ones need extensions that nothing here reads.
MAX_NAME = 100
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED = 65_535


def header(name: str, size: int) -> bytes:
    """The header block of a regular file."""
    fields = struct.pack(
        "100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x",
        name.encode("ascii"),
        b"0000644\0",
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % size,
        b"00000000000\0",
        b" " * 8,
        b"0",
        b"",
        b"ustar\0",
        b"00",
        b"",
        b"",
        b"0000000\0",
        b"0000000\0",
        b"",
    )
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def tar_bytes(files: Mapping[str, bytes]) -> bytes:
    """Files as a tar, sorted by name."""
    parts = []
    for name, data in sorted(files.items()):
        parts.append(header(name, len(data)) + data + b"\0" * (-len(data) % BLOCK))
    return b"".join(parts) + b"\0" * (2 * BLOCK)


def gzip_bytes(data: bytes) -> bytes:
    """Bytes in a gzip frame of stored blocks."""
    blocks = [data[start : start + _STORED] for start in range(0, len(data), _STORED)] or [b""]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks) - 1, len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks)
    )
    return _GZIP_HEADER + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
