"""What of a thing's life a factor speaks of: the thing itself, its waste, what came before it was burnt.

Belongs here: reading ``data/factors/search-stages.csv``, which says it by publisher, dataset (an empty cell
is any) and path, in which ``*`` stands for any text, and applying it; the first row that fits decides. Does
not belong here: which words of a query ask for a stage (``search_words``), what a stage is worth
(``search``).
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import polars as pl

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError

TABLE = DATA_ROOT / "factors" / "search-stages.csv"
_COLUMNS = ["publisher", "dataset", "path", "stage"]
#: The stage of whatever the table does not name: production, fuel, energy, transport.
THE_THING_ITSELF = "the-thing-itself"


@cache
def rules(table: Path = TABLE) -> tuple[tuple[str, str, str, str], ...]:
    """Rows of the table: publisher, dataset, path as a regular expression, stage.

    Raises:
        GreenlangError: ``LAYOUT_UNKNOWN`` for other columns.
    """
    with table.open(encoding="utf-8", newline="") as handle:
        reader = csv.reader(handle)
        header = next(reader, [])
        if header != _COLUMNS:
            raise GreenlangError(
                "LAYOUT_UNKNOWN",
                "the table of stages has other columns",
                found=header,
                expected=_COLUMNS,
                where={"file": table.name, "row": 1},
            )
        return tuple(
            (publisher, dataset, f"^{'.*'.join(map(re.escape, path.split('*')))}$", stage)
            for publisher, dataset, path, stage in reader
        )


def stages_of(subjects: pl.DataFrame, table: Path = TABLE) -> pl.Series:
    """The stage of each row.

    Args:
        subjects: columns ``publisher``, ``dataset``, ``activity_path``.
        table: the rules.
    """
    stage = pl.lit(THE_THING_ITSELF)
    for publisher, dataset, path, name in reversed(rules(table)):
        fits = pl.col("activity_path").str.contains(path)
        for column, wanted in (("publisher", publisher), ("dataset", dataset)):
            if wanted:
                fits &= pl.col(column) == wanted
        stage = pl.when(fits).then(pl.lit(name)).otherwise(stage)
    return subjects.select(stage.alias("stage")).to_series()
