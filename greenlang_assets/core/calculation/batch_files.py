"""A batch over a table of any size: Parquet in, Parquet out, block after block in constant memory.

Belongs here: reading, handing over, writing, sums and the root over all of it.
Does not belong here: the calculation (``batch_columns``), what is hashed (``batch_blocks``).

A run's folder holds ``rows/part-*.parquet`` (in the order of the source, row for row: the columns of the
sums, factor, plan and masses, which are empty where the row has no figures), ``plans.parquet`` (each distinct
question with everything that its rows share), ``groups.parquet`` (by what the rows are summed),
``rejected.parquet`` (number of the row and reason), ``sums.csv``, ``leaves.bin`` (the leaves of the tree) and
``run.json`` (counts, and the Merkle root over all rows). It appears whole or not at all.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from greenlang_assets.core.calculation.batch import refused_rows
from greenlang_assets.core.calculation.batch_blocks import FORMAT, PAGE, header_leaf, page_count
from greenlang_assets.core.calculation.batch_columns import Batch, Calculated
from greenlang_assets.core.calculation.batch_keys import room
from greenlang_assets.core.calculation.batch_layout import BLOCK
from greenlang_assets.core.calculation.batch_plans import MASS_COLUMNS, QUESTION
from greenlang_assets.core.calculation.batch_questions import Answers
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.provenance.canonical import canonical_bytes
from greenlang_assets.core.provenance.merkle import HashTree, leaf_hash

#: Rows of a file of results, unless said.
PART = 16 * BLOCK
#: Files of results that are calculated at once: ten million rows take 2.8 GB, six 2.1 and a little longer.
PARTS_AT_ONCE = 10
_COLUMNS = {
    "activity": pl.String(), "region": pl.String(), "unit": pl.String(), "data_year": pl.Int64(),
    "quantity": pl.Float64(),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a run made.

    Attributes:
        rows: rows read.
        rejected: rows without figures, by code.
        sums: contract of ``Calculated.sums`` over all rows.
        root: the Merkle root over all blocks.
        plans: how many distinct questions were asked.
    """

    rows: int
    rejected: dict[str, int]
    sums: pl.DataFrame
    root: str
    plans: int


def run_files(
    source: Path,
    batch: Batch,
    out: Path,
    *,
    part: int = PART,
    say: Callable[[int, int], None] = lambda done, total: None,
) -> Run:
    """Calculates a Parquet file or a folder of them.

    Args:
        source: columns activity, region, unit (texts), data_year (integer), quantity (float), and those by
            which the batch sums; others are left alone. Files of a folder are read in the order of their
            names.
        batch: method, factors and formulas.
        out: the run's folder, which must not exist.
        part: rows of a file of results, a whole number of blocks.
        say: is told the rows done and the rows there are.

    Raises:
        GreenlangError: ``BATCH_SOURCE``, ``BATCH_COLUMNS``, ``BATCH_OUT_EXISTS``, ``BATCH_CELL_EMPTY``,
            ``BATCH_GROUP``.
    """
    taken = sorted({"group", "factor_id", "plan", *MASS_COLUMNS}.intersection(batch.by))
    if taken:
        raise GreenlangError(
            "BATCH_GROUP",
            "a column of the results has the name of one to sum by",
            found=", ".join(taken),
            expected="another name",
            hint="rename the column in the table",
        )
    files = _files(source)
    if out.exists():
        raise GreenlangError(
            "BATCH_OUT_EXISTS", "the folder of results is there", found=str(out), expected="a new folder"
        )
    total = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
    if not total:
        raise GreenlangError(
            "BATCH_SOURCE", "the table has no rows", found=str(source), expected="at least one row"
        )
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    (unfinished / "rows").mkdir(parents=True)
    try:
        # Plans are numbered as they appear in this table, whatever the batch was asked before.
        book = _Book(Batch(batch.resolver, batch.method, batch.by, batch.threads), unfinished, part)
        with ThreadPoolExecutor(batch.threads) as writers:
            for chunk in _chunks(files, tuple(batch.by), total, PARTS_AT_ONCE * part):
                book.add(chunk, writers)
                say(book.rows, total)
            book.wait(0)
        run = book.close()
        unfinished.rename(out)
    finally:
        # Renamed when whole; what is left of a run that failed is nobody's.
        shutil.rmtree(unfinished, ignore_errors=True)
    return run


def prove_row(source: Path, batch: Batch, out: Path, row: int) -> dict[str, Any]:
    """What proves one row of a run to its root: its block, calculated again, its plan and its group.

    Args:
        source: the table of the run.
        batch: method, factors and formulas of the run.
        out: the run's folder.
        row: number of the row in the source, from 0.

    Returns:
        ``root``; ``leaves`` (how many); ``row`` (its number); under ``block``, ``plans`` and ``groups`` the
        number of a ``leaf``, what it ``says`` (a JSON text) and its ``path`` (hexadecimal, from the leaf
        upwards), where the pages are those on which the row's plan and group stand; and the ``columns`` of
        the block (base64).

    Raises:
        GreenlangError: ``BATCH_ROW`` for a row that the run does not have; ``BATCH_PROOF`` where what is
            calculated is not what the run hashed: table, method, factors or formulas are others.
    """
    said = json.loads((out / "run.json").read_bytes())
    if not 0 <= row < said["rows"]:
        raise GreenlangError(
            "BATCH_ROW", "the run has no such row", found=row, expected=f"0 to {said['rows'] - 1}"
        )
    stored = (out / "leaves.bin").read_bytes()
    leaves = [stored[at : at + 32] for at in range(0, len(stored), 32)]
    tree = HashTree(leaves)
    number, by = row // BLOCK, tuple(said["by"])
    # Plans and groups have the numbers that the whole table gave them.
    again = Batch(batch.resolver, batch.method, by, batch.threads)
    questions = pl.read_parquet(out / "plans.parquet").select(QUESTION)
    again.known(questions, pl.read_parquet(out / "groups.parquet").select(by))
    rows = _typed(_scan(_files(source), by).slice(number * BLOCK, BLOCK).collect())
    block = again.calculate(rows).block(0, number * BLOCK)
    place, pages = row - block.first, 1 + -(-said["rows"] // BLOCK)
    plan, group = int(block.plans[place]) // PAGE, int(block.groups[place]) // PAGE
    parts = {
        "block": (1 + number, block.record()),
        "plans": (pages + plan, again.plan_page(plan)),
        "groups": (pages + page_count(said["plans"]) + group, again.group_page(group)),
    }
    for leaf, data in parts.values():
        if leaf_hash(data) != leaves[leaf] or tree.root != said["root"]:
            raise GreenlangError(
                "BATCH_PROOF",
                "the rows calculated again are not those of the run",
                found=leaf_hash(data).hex(),
                expected=leaves[leaf].hex(),
                hint="the table, the method, the factors or the formulas have changed since",
            )
    proof = {
        name: {
            "leaf": leaf,
            "path": [beside.hex() for beside in tree.path(leaf)],
            "says": data.decode(),
        }
        for name, (leaf, data) in parts.items()
    }
    columns = base64.b64encode(block.columns()).decode()
    return {"columns": columns, "leaves": len(leaves), "root": tree.root, "row": row, **proof}


def _files(source: Path) -> list[Path]:
    files = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
    if not files or not all(file.is_file() for file in files):
        raise GreenlangError(
            "BATCH_SOURCE",
            "there is no table to calculate",
            found=str(source),
            expected="a Parquet file or a folder of them",
        )
    return files


def _chunks(files: list[Path], by: tuple[str, ...], total: int, rows: int) -> Iterator[pl.DataFrame]:
    """The table in order, so many rows at a time, texts as categories; one chunk is read ahead."""
    table = _scan(files, by)

    def read(at: int) -> pl.DataFrame:
        return _typed(table.slice(at, rows).collect())

    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(read, 0)
        for at in range(rows, total, rows):
            chunk, ahead = ahead.result(), reader.submit(read, at)
            yield chunk
        yield ahead.result()


def _scan(files: list[Path], by: tuple[str, ...]) -> pl.LazyFrame:
    names = list(dict.fromkeys([*_COLUMNS, *by]))
    for file in files:
        there = pl.read_parquet_schema(file)
        missing = [name for name in names if name not in there]
        if missing:
            raise GreenlangError(
                "BATCH_COLUMNS",
                "the table lacks columns",
                found=", ".join(missing),
                expected=", ".join(names),
                where={"file": file.name},
            )
    return pl.scan_parquet(files).select(names)


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    kinds = {name: pl.Categorical() if dtype == pl.String() else dtype for name, dtype in _COLUMNS.items()}
    try:
        typed = frame.with_columns(pl.col(name).cast(kind) for name, kind in kinds.items())
        return typed.with_columns(pl.col(pl.String).cast(pl.Categorical()))
    except pl.exceptions.PolarsError as error:
        raise GreenlangError(
            "BATCH_COLUMNS",
            "a column cannot be read as it must be",
            found=str(error)[:200],
            expected=", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items()),
        ) from error


@dataclass
class _Book:
    """The run so far."""

    batch: Batch
    folder: Path
    part: int
    rows: int = 0
    leaves: list[bytes] = field(default_factory=list)
    sums: list[pl.DataFrame] = field(default_factory=list)
    rejected: list[pl.DataFrame] = field(default_factory=list)
    writing: list[Future[None]] = field(default_factory=list)

    def add(self, chunk: pl.DataFrame, writers: ThreadPoolExecutor) -> None:
        """Calculates one chunk, has it written, and remembers what is left of it."""
        calculated = self.batch.calculate(chunk, hashed_from=self.rows)
        self.leaves += calculated.leaves
        self.sums.append(calculated.sums)
        if calculated.without:
            numbered = chunk.with_row_index("row", self.rows).with_columns(pl.col("row").cast(pl.Int64))
            self.rejected.append(refused_rows(numbered, calculated, "row"))
        # One chunk waits at most: memory stays the same however slow the disk is.
        self.wait(PARTS_AT_ONCE)
        for start in range(0, chunk.height, self.part):
            path = self.folder / "rows" / f"part-{(self.rows + start) // self.part:05}.parquet"
            part = calculated.blocks(start // BLOCK, (start + self.part) // BLOCK)
            self.writing.append(writers.submit(_write, path, part, self.batch.by))
        self.rows += chunk.height

    def wait(self, left: int) -> None:
        """Waits until so many parts are still being written."""
        while len(self.writing) > left:
            self.writing.pop(0).result()

    def close(self) -> Run:
        """Writes what stands beside the rows."""
        by = tuple(self.batch.by)
        leaves = [header_leaf(by), *self.leaves, *self.batch.page_leaves()]
        tree = HashTree(leaves)
        (self.folder / "leaves.bin").write_bytes(b"".join(leaves))
        sums = _together(self.sums, by)
        rejected = pl.concat([_NO_ROWS, *self.rejected])
        codes = dict(rejected.group_by("code").len().sort("code").iter_rows())
        plans, groups = _plans(self.batch.answers), self.batch.groups.with_row_index("group")
        plans.write_parquet(self.folder / "plans.parquet")
        groups.write_parquet(self.folder / "groups.parquet")
        rejected.sort("row").write_parquet(self.folder / "rejected.parquet")
        sums.with_columns(pl.col(pl.Int128).cast(pl.String)).write_csv(self.folder / "sums.csv")
        said = {
            "by": list(by), "format": FORMAT, "groups": groups.height, "plans": plans.height,
            "rejected": codes, "root": tree.root, "rows": self.rows,
        }  # fmt: skip
        (self.folder / "run.json").write_bytes(canonical_bytes(said) + b"\n")
        return Run(self.rows, codes, sums, tree.root, plans.height)


def _plans(answers: Answers) -> pl.DataFrame:
    """Each distinct question with everything that its rows share."""
    said = answers.said(0, len(answers))
    return pl.concat([answers.questions, answers.columns], how="horizontal").select(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("plan"), pl.all(), pl.Series("ratio", answers.ratios),
        *(pl.Series(name, said[name], dtype=pl.String) for name in ("calculation_sha256", "refused")),
    )  # fmt: skip


_NO_ROWS = pl.DataFrame(
    schema={"row": pl.Int64(), **dict.fromkeys(("code", "found", "expected", "hint"), pl.String())}
)


def _together(parts: list[pl.DataFrame], by: tuple[str, ...]) -> pl.DataFrame:
    """The sums of all chunks by group."""
    masses = [pl.col(name).sum() for name in MASS_COLUMNS]
    every = pl.concat(parts)
    return every.group_by(by).agg(masses).sort(by) if by else every.select(masses)


def _write(path: Path, calculated: Calculated, by: Sequence[str]) -> None:
    """One part: texts as dictionaries of which each row names an entry, nothing of them repeated."""
    columns: dict[str, Any] = {name: _named(calculated.group_keys[name], calculated.groups) for name in by}
    columns["factor_id"] = _named(calculated.answers.columns["factor_id"], calculated.plans)
    columns["plan"] = pa.array(calculated.plans)
    columns |= {name: calculated.mass(name) for name in MASS_COLUMNS}
    required = {*by, "plan"}
    table = pa.table(
        list(columns.values()),
        pa.schema(
            pa.field(name, column.type, nullable=name not in required) for name, column in columns.items()
        ),
    )
    # The bytes of numbers that are alike are put together: smaller, and written sooner. So are long pages; a
    # faster level of zstd than 1 makes the files a twentieth larger.
    numbers_apart = dict.fromkeys(("plan", *MASS_COLUMNS), "BYTE_STREAM_SPLIT")
    pq.write_table(
        table, path, compression="zstd", compression_level=-3, write_statistics=False,
        use_dictionary=[*by, "factor_id"], column_encoding=numbers_apart, max_rows_per_page=2 * BLOCK,
    )  # fmt: skip


def _named(texts: pl.Series, numbers: npt.NDArray[np.int32]) -> Any:
    """The texts that numbers stand for, each of them once."""
    distinct = texts.to_arrow().dictionary_encode()
    entries = room(numbers.shape, np.int32)
    distinct.indices.fill_null(-1).to_numpy().take(numbers, out=entries, mode="wrap")
    mask = entries < 0 if distinct.indices.null_count else None
    return pa.DictionaryArray.from_arrays(entries, distinct.dictionary, mask=mask, safe=False)
