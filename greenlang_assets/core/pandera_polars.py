"""pandera for Polars frames, imported without its doings to Apache Spark.

Belongs here: the one import of pandera. Does not belong here: schemas (``contracts`` of factors, of tenants).

Importing takes two seconds, so it is done when a table is checked. Where PySpark is installed, pandera
imports it too (another half second, and a warning about pandas on standard error) and sets ``SPARK_LOCAL_IP``
to loopback: a driver of a cluster that starts later could then not be reached by its workers.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

_SPARK = ("pyspark", "pyspark.pandas")
_VARIABLES = ("SPARK_LOCAL_IP", "PYARROW_IGNORE_TIMEZONE")


@cache
def pandera_polars() -> Any:
    """The module ``pandera.polars``; ``pandera.errors`` is imported with it."""
    hidden = [name for name in _SPARK if name not in sys.modules]
    unset = [name for name in _VARIABLES if name not in os.environ]
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(hidden))  # the import system takes None for "not installed"
    try:
        import pandera.errors
        import pandera.polars
    finally:
        for name in hidden:
            del modules[name]
        for name in unset:
            os.environ.pop(name, None)
    return pandera.polars
