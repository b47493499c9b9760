"""What a publisher's files are right now: their hashes, and one version over them.

Belongs here: hashing files at hand, or quoting the manifest where there are none.
Does not belong here: reading what is in them (``core.factors.importers``).
"""

from __future__ import annotations

from greenlang_assets.core.factors.publishers import publisher
from greenlang_assets.core.factors.rebuild import to_read
from greenlang_assets.core.provenance.canonical import content_sha256
from greenlang_assets.core.recipes.base import World
from greenlang_assets.core.recipes.factors import editions_of


def hashes(name: str, world: World) -> dict[str, str]:
    """SHA-256 of each file of a publisher, by file name.

    The manifests of the tables, the user's included, say what they were made from. Where the folder of
    publishers' files is at hand, its files are hashed now and stand in their place.

    Raises:
        GreenlangError: ``PUBLISHER_FILE_MISSING`` when the folder lacks a file that may not be
            missing there (``Publisher.kept``).
    """
    # The reader of workbooks, beside which this function stands, takes its time to load.
    from greenlang_assets.core.factors.importers.spreadsheet import file_sha256

    found = {
        source["file"]: source["sha256"]
        for table in editions_of(world).stored
        if table.entry.get("importer") == name
        for source in table.entry["sources"]
    }
    if world.publisher_files is not None:
        named = list(to_read(world.publisher_files, [publisher(name)]).values())
        # What an importer takes from beside the named file is known by the rows that cite it.
        beside = {path.parent / file for path in named for file in found}
        for path in sorted({*named, *(path for path in beside if path.is_file())}):
            found[path.name] = file_sha256(path)
    return dict(sorted(found.items()))


def data_version(found: dict[str, str]) -> str:
    """One version over the hashes of all files; that of no file where there is none yet."""
    return content_sha256(found)
