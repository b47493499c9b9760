"""Whether an old Excel workbook (``.xls``) is whole, before the reader underneath is let at it.

Belongs here: the container of such a file, as "[MS-CFB] Compound File Binary File Format" describes it: a
header, and a table (FAT) that names the sector after each sector. Does not belong here: what is in it.

The reader takes a file that lost its last sectors when they happen to hold no cell, and stops the process's
call stack when they do; a file that lost its end is refused here by name instead.
"""

from __future__ import annotations

import struct

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")

_HEADER_BYTES = 512
#: The header itself lists this many sectors of the table; a file that needs more is beyond 7 MB.
_LISTED_IN_HEADER = 109
_LAST_SECTOR_NUMBER = 0xFFFFFFFA
_UNUSED = 0xFFFFFFFF
_SECTOR_SHIFTS = {3: 9, 4: 12}


def defect(data: bytes) -> str | None:
    """What is wrong with the container, in words, or None when every sector in use is there."""
    if len(data) < _HEADER_BYTES:
        return "its header is not complete"
    version, byte_order, shift = struct.unpack_from("<HHH", data, 26)
    if byte_order != 0xFFFE or _SECTOR_SHIFTS.get(version) != shift:
        return f"its header names version {version} with sectors of 2^{shift} bytes"
    (table_sectors,) = struct.unpack_from("<I", data, 44)
    if table_sectors > _LISTED_IN_HEADER:
        return (
            f"its table of sectors fills {table_sectors} sectors, more than the {_LISTED_IN_HEADER} read here"
        )
    return _lost_sector(data, 1 << shift, struct.unpack_from(f"<{table_sectors}I", data, 76))


def _lost_sector(data: bytes, size: int, table: tuple[int, ...]) -> str | None:
    """The first thing that the table of sectors names and that the file does not hold."""
    # Sector 0 begins after the header, which takes the room of one sector.
    held = len(data) // size - 1
    for position, sector in enumerate(table):
        if sector >= held:
            return f"sector {sector}, a part of its table of sectors, is not there"
        nexts = struct.unpack_from(f"<{size // 4}I", data, (sector + 1) * size)
        for offset, after in enumerate(nexts):
            number = position * (size // 4) + offset
            if after != _UNUSED and number >= held:
                return f"sector {number} is in use and not there"
            if after < _LAST_SECTOR_NUMBER and after >= held:
                return f"sector {after} follows sector {number} and is not there"
    return None
