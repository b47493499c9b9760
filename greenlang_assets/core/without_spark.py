"""Importing libraries that reach for Apache Spark wherever PySpark is installed.

Belongs here: hiding PySpark while such a library is imported.
Does not belong here: the libraries (``pandera_polars``, ``resources.expectations``), Spark itself.

None of what they do with it is wanted here. It costs a second, says warnings on standard error, sets
``SPARK_LOCAL_IP`` to loopback, so that a driver that starts later cannot be reached by its workers; and
PySpark's client for remote servers ends a process that was started with ``python -c`` when one of its own
libraries is missing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

_MODULES = ("pyspark", "pyspark.pandas", "pyspark.sql", "pyspark.sql.connect")
_VARIABLES = ("SPARK_LOCAL_IP", "PYARROW_IGNORE_TIMEZONE")


@contextlib.contextmanager
def without_spark() -> Iterator[None]:
    """PySpark is as if it were not installed; afterwards it is as before."""
    modules: dict[str, Any] = sys.modules
    there = {name: modules[name] for name in _MODULES if name in modules}
    unset = [name for name in _VARIABLES if name not in os.environ]
    modules.update(dict.fromkeys(_MODULES))  # the import system takes None for "not installed"
    try:
        yield
    finally:
        for name in _MODULES:
            del modules[name]
        modules.update(there)
        for name in unset:
            os.environ.pop(name, None)
