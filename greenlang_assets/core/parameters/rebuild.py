"""Makes the shipped parameter tables again from their source: a maintainer's tool.

Belongs here: source in, files of ``data/parameters`` out. Does not belong here: reading the source
(``bonsai_ipcc``), the files (``tables``).
"""

from __future__ import annotations

from pathlib import Path

from greenlang_assets.core.parameters import bonsai_ipcc, tables
from greenlang_assets.core.parameters.definitions import PARAMETERS_ROOT, read_definitions
from greenlang_assets.core.parameters.printed import PrintedTables


def rebuild(wheel: Path, pages: Path, root: Path = PARAMETERS_ROOT) -> tables.Manifest:
    """Read every defined table, compare it with the printed pages, write the tables.

    Args:
        wheel: the package ``bonsai_ipcc`` as the index gives it.
        pages: folder of the documents' texts, made with ``pdftotext -layout``; the names are those under
            ``documents`` in ``tables.yaml``.
        root: folder with ``tables.yaml``, where the tables are written.

    Returns:
        The manifest.

    Raises:
        GreenlangError: ``PARAMETER_DEFINITIONS``, ``PARAMETER_SOURCE``, ``PAGES_NOT_FOUND``; nothing is
            written then.
    """
    definitions = read_definitions(root)
    source = bonsai_ipcc.Wheel(wheel)
    reading = bonsai_ipcc.read(wheel, definitions, PrintedTables(pages))
    read_from = {
        "file": wheel.name,
        "licence": source.licence,
        "package": source.name,
        "publisher": definitions.publisher,
        "sha256": source.sha256,
    }
    tables.write(reading.rows, read_from, reading.counts, root)
    return tables.read(root)[1]
