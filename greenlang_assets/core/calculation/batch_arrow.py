"""What a worker of another engine does in Python with the rows it is handed: Arrow in, Arrow out.

Belongs here: sealing lines and totals, and wording refusals, with the very functions of the batch on one
machine; faults of a table's values. Does not belong here: arithmetic (``batch_sql``), the engine.

Every function takes an iterator of record batches and gives one, so that nothing holds a whole partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa

from greenlang_assets.core.calculation.batch_plans import quantity_text
from greenlang_assets.core.calculation.batch_sql import OF_THE_QUANTITY, REASON, REFUSAL
from greenlang_assets.core.calculation.lines import seal_lines, seal_totals
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import canonical_bytes
from greenlang_assets.core.tenants.contracts import ACTIVITY, LINES, REJECTED, TOTALS, Contract, check

Batches = Iterator[pa.RecordBatch]
_ARROW = {pl.String(): pa.string(), pl.Int64(): pa.int64(), pl.Float64(): pa.float64()}


def arrow_schema(contract: Contract) -> pa.Schema:
    """The columns of a contract as Arrow types that other engines know."""
    return pa.schema([(name, _ARROW[dtype]) for name, dtype in contract.schema.items()])


def arrow_table(frame: pl.DataFrame) -> pa.Table:
    """A frame of text, integers and numbers as Arrow, its texts of the type that every engine knows."""
    schema = pa.schema([(name, _ARROW[dtype]) for name, dtype in frame.schema.items()])
    return frame.to_arrow().cast(schema)


def sealed_lines(batches: Batches) -> Batches:
    """Activity rows with their calculated columns, as lines with their hashes."""
    for rows in _frames(batches):
        added = rows.select(name for name in rows.columns if name in LINES.columns)
        yield from _given(seal_lines(rows.select(ACTIVITY.columns.keys()), added), LINES)


def worded_refusals(batches: Batches) -> Batches:
    """Refused rows of the last stage of ``batch_sql`` as contract ``rejected``."""
    for rows in _frames(batches):
        texts = {word: pl.col(name) for word, name in REFUSAL.items()}
        of_the_quantity = pl.col(REASON).is_in(OF_THE_QUANTITY)
        texts["found"] = pl.when(of_the_quantity).then(quantity_text()).otherwise(texts["found"])
        named = (text.alias(word) for word, text in texts.items())
        yield from _given(rows.select("activity_id", *named), REJECTED)


def sealed_totals(batches: Batches) -> Batches:
    """Totals with their hashes."""
    for rows in _frames(batches):
        yield from _given(seal_totals(rows), TOTALS)


def activity_faults(batches: Batches) -> Batches:
    """Faults of values of contract ``activity``: a JSON text for each batch of rows that has some."""
    for rows in _frames(batches):
        try:
            check(rows, ACTIVITY)
        except GreenlangError as error:
            fault = canonical_bytes(error.as_dict()).decode()
            yield pa.record_batch({"fault": pa.array([fault], pa.string())})


def _frames(batches: Batches) -> Iterator[pl.DataFrame]:
    for batch in batches:
        if batch.num_rows:
            yield _frame(batch)


def _frame(batch: pa.RecordBatch) -> Any:
    return pl.from_arrow(batch)


def _given(frame: pl.DataFrame, contract: Contract) -> Iterator[pa.RecordBatch]:
    table = frame.select(contract.columns.keys()).to_arrow()
    yield from table.cast(arrow_schema(contract)).to_batches()
