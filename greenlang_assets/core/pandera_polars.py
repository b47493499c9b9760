"""pandera for Polars frames, imported without its doings to Apache Spark.

Belongs here: the one import of pandera. Does not belong here: schemas (``contracts`` of factors, of tenants).

Importing takes two seconds, so it is done when a table is checked.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from greenlang_assets.core.without_spark import without_spark


@cache
def pandera_polars() -> Any:
    """The module ``pandera.polars``; ``pandera.errors`` is imported with it."""
    with without_spark():
        import pandera.errors
        import pandera.polars
    return pandera.polars
