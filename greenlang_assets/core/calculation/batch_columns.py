"""The batch in columns: rows of quantities to integers of milligrams, on every core.

Belongs here: threads, the arrays of results and their sums.
Does not belong here: distinct questions out of the rows (``batch_keys``), what is hashed of them
(``batch_blocks``), contracts and the words of refusals (``batch``), files (``batch_files``).

Each distinct question is answered once; rows whose formula is linear in its activity run through one
compiled loop, the others through their Polars expression. Both do the operations of a single calculation in
its order. What a row gives does not depend on the other rows, on their order or on the number of threads.
"""

from __future__ import annotations

import itertools
import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import get_ident

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from greenlang_assets.core.calculation import batch_kernels as kernel
from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.calculation.batch_blocks import PAGE, Block, page_bytes, page_count
from greenlang_assets.core.calculation.batch_keys import KEY_PARTS, Codes, Distinct, room, together
from greenlang_assets.core.calculation.batch_layout import BLOCK
from greenlang_assets.core.calculation.batch_plans import (
    GAS_COLUMNS,
    MASS_COLUMNS,
    MASSES,
    QUESTION,
    ReadyFormula,
)
from greenlang_assets.core.calculation.batch_questions import Answers, Resolver
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.model import FormulaOutput
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.rounding import PRECISION, publish_expr
from greenlang_assets.core.provenance.merkle import leaf_hash

_CO2E = MASS_COLUMNS[-1]
#: Words of the sums of a group: low and high half for each mass.
_HALVES = 2 * len(MASS_COLUMNS)
#: Jobs a thread in which groups are numbered: while one answers the questions, the others take what there is.
_PIECES = 2
#: Blocks for whose gases a thread makes room at once; what is not used of it takes no memory.
_BLOCKS_OF_GASES = 16


@dataclass(frozen=True)
class Gases:
    """Masses of gases of those rows of a block whose formula gives any.

    Attributes:
        rows: the rows, ascending, int64; counted from the first of the table that was calculated.
        masses: (:data:`GAS_COLUMNS`, rows), milligrams, int64; zero where the formula does not give one.
    """

    rows: npt.NDArray[np.int64]
    masses: npt.NDArray[np.int64]

    def and_these(self, rows: Codes, masses: Codes) -> Gases:
        """Together with those of other rows."""
        every = np.concatenate([self.rows, rows])
        order = np.argsort(every, kind="stable")
        return Gases(every[order], np.concatenate([self.masses, masses], axis=1)[:, order])


@dataclass(frozen=True)
class Calculated:
    """What came of the rows, column by column.

    Attributes:
        answers: the plans.
        plans: number of each row's plan, int32.
        groups: number of each row's group, int32.
        group_keys: the groups, in the order in which this and earlier tables of the batch name them; one
            without columns where nothing was to be summed by.
        statuses: ``batch_layout.FINE``, or why a row has no figures, uint8.
        co2e: milligrams, int64; zero where a row has no figures.
        gases: the gases beside it, for each block of rows.
        quantities: as they were given, float64; NaN where there is none.
        sums: one row a group of these rows, sorted: its key, and exact sums of the masses as Int128.
        without: how many rows have no figures.
        leaves: the hash of each block, where that was asked for.
    """

    answers: Answers
    plans: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    group_keys: pl.DataFrame
    statuses: npt.NDArray[np.uint8]
    co2e: npt.NDArray[np.int64]
    gases: list[Gases]
    quantities: npt.NDArray[np.float64]
    sums: pl.DataFrame
    without: int
    leaves: list[bytes]

    @property
    def converted(self) -> npt.NDArray[np.float64]:
        """The quantities in their formulas' units."""
        converted: npt.NDArray[np.float64] = self.quantities * self.answers.ratios[self.plans]
        return converted

    def block(self, number: int, first: int) -> Block:
        """One block of rows as it is hashed.

        Args:
            number: which, from 0.
            first: number of the first of all these rows in their table.
        """
        return _block(self, self.gases[number], number * BLOCK, first)

    def blocks(self, first: int, last: int) -> Calculated:
        """Some blocks of the rows, to the one before the last; sums and leaves stay those of all."""
        rows = slice(first * BLOCK, last * BLOCK)
        statuses = self.statuses[rows]
        return replace(
            self, plans=self.plans[rows], groups=self.groups[rows], statuses=statuses, co2e=self.co2e[rows],
            gases=[Gases(part.rows - rows.start, part.masses) for part in self.gases[first:last]],
            quantities=self.quantities[rows],
            without=int((statuses != layout.FINE).sum()) if self.without else 0,
        )  # fmt: skip

    def mass(self, column: str) -> pa.Array:
        """Milligrams of each row as int64; null where its formula does not give the mass, or it has none."""
        given = self.answers.given[:, MASS_COLUMNS.index(column)]
        if column == _CO2E:
            return pa.array(self.co2e, mask=self.statuses != layout.FINE if self.without else None)
        if not given.any():
            return pa.nulls(len(self.plans), pa.int64())
        # Whatever stands where no bit is set is no value.
        values, bits = room(self.co2e.shape, np.int64), np.zeros(-(-len(self.co2e) // 8), dtype=np.uint8)
        for part in self.gases:
            kernel.place_masses(
                part.rows, part.masses[GAS_COLUMNS.index(column)], self.plans, given, values, bits
            )
        return pa.Array.from_buffers(pa.int64(), len(values), [pa.py_buffer(bits), pa.py_buffer(values)])

    def frame(self) -> pl.DataFrame:
        """The results as a table: plan columns, quantity and masses."""
        coded = self.answers.columns.with_columns(pl.col(pl.String).cast(pl.Categorical()))
        masses = [pl.Series(name, self.mass(name)) for name in MASS_COLUMNS]
        gathered = coded[self.plans].rechunk()
        return gathered.with_columns(pl.Series("converted_quantity", self.converted), *masses)


@dataclass
class Batch:
    """Calculates frames of rows by one method; plans and groups are numbered as the frames name them.

    Args:
        resolver: factors and formulas.
        method: contract ``method``.
        by: at most four columns by which the masses are summed, of texts or integers.
        threads: how many work at once; one a core unless said.
    """

    resolver: Resolver
    method: pl.DataFrame
    by: Sequence[str] = ()
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    _answers: Answers | None = field(default=None, init=False, repr=False)
    _groups: pl.DataFrame | None = field(default=None, init=False, repr=False)
    _pages: list[bytes] = field(default_factory=list, init=False, repr=False)

    def calculate(self, rows: pl.DataFrame, *, hashed_from: int | None = None) -> Calculated:
        """Calculates rows.

        Args:
            rows: columns activity, region, unit (text or categorical), data_year (integer), quantity
                (float64, may be empty) and those of ``by``; no other cell is empty.
            hashed_from: the number of the first row in its table, where the blocks are to be hashed. All
                frames of a table but the last hold a multiple of ``batch_layout.BLOCK`` rows.

        Raises:
            GreenlangError: ``BATCH_CELL_EMPTY``, ``BATCH_GROUP``, ``BATCH_TOO_VARIED``.
        """
        _check(rows, self.by)
        with ThreadPoolExecutor(self.threads) as pool:
            asked = Distinct(rows, QUESTION, pool, self.threads).numbered()
            # One thread answers the questions and then hashes the answers, the others number the groups and
            # then begin with the blocks.
            answered: Future[Answers] = Future()
            answering = pool.submit(self._answer, asked, answered, hashed=hashed_from is not None)
            grouped = Distinct(rows, self.by, pool, _PIECES * self.threads)
            answers = answered.result()
            plan_of = _Places(asked, answers.questions)
            group_keys = self._known_groups(grouped.keys)
            group_of = _Places(grouped, group_keys)
            work = _Work(
                answers, asked.numbers, plan_of, grouped.numbers, group_of, group_keys,
                together(rows["quantity"]), hashed_from,
            )  # fmt: skip
            blocks = list(pool.map(work.block, range(-(-rows.height // BLOCK))))
            answering.result()
            return work.finished(blocks, self.by)

    def known(self, questions: pl.DataFrame, groups: pl.DataFrame) -> None:
        """Has questions and groups numbered in an order, before any rows name them."""
        self._answers, self._groups = self.resolver.answer(questions, self.method), groups

    @property
    def answers(self) -> Answers:
        """The plans of all that was asked, as they are numbered."""
        assert self._answers is not None, "nothing was calculated"
        return self._answers

    @property
    def groups(self) -> pl.DataFrame:
        """All groups, as they are numbered."""
        assert self._groups is not None, "nothing was calculated"
        return self._groups

    def plan_page(self, number: int) -> bytes:
        """One page of plans."""
        first, stop = number * PAGE, min((number + 1) * PAGE, len(self.answers))
        return page_bytes("plans", first, self.answers.said(first, stop), stop - first)

    def group_page(self, number: int) -> bytes:
        """One page of groups."""
        first, stop = number * PAGE, min((number + 1) * PAGE, self.groups.height)
        return page_bytes("groups", first, self.groups[first:stop].to_dict(as_series=False), stop - first)

    def page_leaves(self) -> list[bytes]:
        """The hashes of all pages, which come after the blocks of a table."""
        self._hash_pages()
        plans = range(len(self._pages), page_count(len(self.answers)))
        groups = range(page_count(self.groups.height))
        return [
            *self._pages, *(leaf_hash(self.plan_page(number)) for number in plans),
            *(leaf_hash(self.group_page(number)) for number in groups),
        ]  # fmt: skip

    def _hash_pages(self) -> None:
        """Hashes the pages of plans that are full: they stay as they are."""
        for number in range(len(self._pages), len(self.answers) // PAGE):
            self._pages.append(leaf_hash(self.plan_page(number)))

    def _answer(self, asked: Distinct, answered: Future[Answers], *, hashed: bool) -> None:
        """Says the answers as soon as they are there, and hashes them."""
        try:
            answered.set_result(self._answers_to(asked))
        except BaseException as error:
            answered.set_exception(error)
            raise
        if hashed:
            self._hash_pages()

    def _answers_to(self, asked: Distinct) -> Answers:
        """Plans of these questions and of all that were asked before: each is answered once."""
        known, questions = self._answers, asked.keys
        if known is None:
            known = self.resolver.answer(questions, self.method)
        else:
            new = questions.join(known.questions, on=QUESTION, how="anti", maintain_order="left")
            if new.height:
                known = known.and_these(self.resolver.answer(new, self.method))
        self._answers = known
        return known

    def _known_groups(self, keys: pl.DataFrame) -> pl.DataFrame:
        """All groups, these at the end where they are new."""
        if self._groups is None or not self.by:
            self._groups = keys
        else:
            new = keys.join(self._groups, on=list(self.by), how="anti", maintain_order="left")
            self._groups = pl.concat([self._groups, new])
        return self._groups


def _check(rows: pl.DataFrame, by: Sequence[str]) -> None:
    if len(by) > KEY_PARTS or len(set(by)) < len(by):
        raise GreenlangError(
            "BATCH_GROUP",
            "rows cannot be summed by these columns",
            found=", ".join(by),
            expected=f"at most {KEY_PARTS}, none of them twice",
        )
    coded = (pl.String, pl.Categorical, pl.Enum)
    numbers = [
        name for name in by if not (rows[name].dtype.is_integer() or isinstance(rows[name].dtype, coded))
    ]
    if numbers:
        raise GreenlangError(
            "BATCH_GROUP",
            "rows are summed by texts or whole numbers",
            found=", ".join(f"{name} {rows[name].dtype}" for name in numbers),
            expected="columns of text or integers",
            hint="two decimal numbers that look alike may differ: write them as text",
        )
    empty = [name for name in {*QUESTION, *by} if rows[name].null_count()]
    if empty:
        raise GreenlangError(
            "BATCH_CELL_EMPTY",
            "rows without a question cannot be calculated",
            found=", ".join(sorted(empty)),
            expected="a value in every cell of " + ", ".join([*QUESTION, *by]),
        )


class _Places:
    """The place in a table of each number of a key, for each range of rows that was numbered by itself.

    Args:
        keys: the numbered keys.
        table: holds every key.
    """

    def __init__(self, keys: Distinct, table: pl.DataFrame) -> None:
        self.starts, self._places = keys.starts, keys.places_in(table)

    def at(self, row: int) -> npt.NDArray[np.int32]:
        """Those of the range in which a row lies."""
        return self._places[bisect_right(self.starts, row) - 1]

    def every(self) -> npt.NDArray[np.int32]:
        """All places that are named, once each, ascending."""
        return np.unique(np.concatenate(self._places))


class _Thread:
    """What a thread writes into: its own sums, and the gases of its blocks, one after the other.

    Args:
        groups: how many there are.
    """

    def __init__(self, groups: int) -> None:
        self.sums = np.zeros((2, groups, _HALVES), dtype=np.int64)
        self._at, self._rows, self._masses = 0, *self._fresh(0)

    def gas_room(self) -> tuple[Codes, Codes]:
        """Room for the gases of one block, rows and masses."""
        if self._at + BLOCK > len(self._rows):
            self._at, self._rows, self._masses = 0, *self._fresh(_BLOCKS_OF_GASES)
        return self._rows[self._at :], self._masses[:, self._at :]

    def gases(self, count: int) -> Gases:
        """The first of those that were written into the room; the next ones come behind them."""
        these = slice(self._at, self._at + count)
        self._at += count
        return Gases(self._rows[these], self._masses[:, these])

    @staticmethod
    def _fresh(blocks: int) -> tuple[Codes, Codes]:
        return room((blocks * BLOCK,), np.int64), room((len(GAS_COLUMNS), blocks * BLOCK), np.int64)


@dataclass
class _Work:
    """Rows that are being calculated, block by block.

    Attributes:
        answers: the plans.
        plans, groups: each row's number of its key, then of its plan and its group.
        plan_of, group_of: plan and group of each number.
        group_keys: the groups.
        quantities: of the rows.
        hashed_from: as for :meth:`Batch.calculate`.
    """

    answers: Answers
    plans: npt.NDArray[np.int32]
    plan_of: _Places
    groups: npt.NDArray[np.int32]
    group_of: _Places
    group_keys: pl.DataFrame
    quantities: npt.NDArray[np.float64]
    hashed_from: int | None

    def __post_init__(self) -> None:
        rows = (len(self.plans),)
        self.co2e, self.statuses = room(rows, np.int64), room(rows, np.uint8)
        self._threads: dict[int, _Thread] = {}

    def block(self, number: int) -> tuple[Gases, int, bytes]:
        """Calculates a block: its gases, how many of its rows have no figures, and its hash."""
        start = number * BLOCK
        stop = min(start + BLOCK, len(self.plans))
        mine = self._threads.get(get_ident())
        if mine is None:
            mine = self._threads[get_ident()] = _Thread(self.group_keys.height)
        rows, masses = mine.gas_room()
        without, count = 0, 0
        for begin, end in itertools.pairwise([start, *self._cuts(start, stop), stop]):
            more = kernel.calculate_rows(
                self.plans, self.plan_of.at(begin), *self.answers.coefficients, self.quantities, self.groups,
                self.group_of.at(begin), self.co2e, self.statuses, rows[count:], masses[:, count:], mine.sums,
                begin, end,
            )  # fmt: skip
            without, count = without + more[0], count + more[1]
        gases = mine.gases(count)
        if without:
            gases, without = self._others(gases, mine.sums[0], start, stop)
        if self.hashed_from is None:
            return gases, without, b""
        return gases, without, _block(self, gases, start, self.hashed_from).leaf()

    def _cuts(self, start: int, stop: int) -> list[int]:
        """The rows of a block, but for its first, at which another range of plans or groups begins."""
        cuts = {*self.plan_of.starts, *self.group_of.starts}
        return sorted(row for row in cuts if start < row < stop)

    def _others(self, gases: Gases, sums: Codes, start: int, stop: int) -> tuple[Gases, int]:
        """Calculates the rows of a block whose formula is not linear, each by its Polars expression."""
        statuses = self.statuses[start:stop]
        others = start + np.flatnonzero(statuses == layout.OTHER)
        formulas = self.answers.formulas[self.plans[others]]
        for number in np.unique(formulas).tolist():
            ready, rows = self.answers.ready[number], others[formulas == number]
            quantity = self.quantities[rows] * self.answers.ratios[self.plans[rows]]
            found, masses = _by_expression(ready, quantity)
            self.statuses[rows] = found
            rows, masses = rows[found == layout.FINE], masses[:, found == layout.FINE]
            self.co2e[rows] = masses[-1]
            if any(ready.given[:-1]):
                gases = gases.and_these(rows, masses[:-1])
            for at, values in enumerate(masses):
                np.add.at(sums, (self.groups[rows], 2 * at), values & 0xFFFFFFFF)
                np.add.at(sums, (self.groups[rows], 2 * at + 1), values >> 32)
        return gases, int((statuses != layout.FINE).sum())

    def finished(self, done: Sequence[tuple[Gases, int, bytes]], by: Sequence[str]) -> Calculated:
        """What came of the rows."""
        # Earlier tables of the batch may have had groups that these rows do not have.
        groups = self.group_of.every()
        nothing = np.zeros((len(groups), _HALVES), dtype=np.int64)
        halves = sum((mine.sums.sum(axis=0)[groups] for mine in self._threads.values()), start=nothing)
        sums = _beside(self.group_keys[groups], _exact_sums(halves))
        return Calculated(
            self.answers, self.plans, self.groups, self.group_keys, self.statuses, self.co2e,
            [gases for gases, _, _ in done], self.quantities, sums.sort(by) if by else sums,
            sum(without for _, without, _ in done), [leaf for _, _, leaf in done if leaf],
        )  # fmt: skip


def _block(of: Calculated | _Work, gases: Gases, start: int, first: int) -> Block:
    """The block that begins with a row, as it is hashed; ``first`` is the number of the rows' first."""
    rows = slice(start, start + BLOCK)
    return Block(
        first + start, of.plans[rows], of.groups[rows], of.quantities[rows], of.co2e[rows],
        gases.rows - start, gases.masses, of.statuses[rows],
    )  # fmt: skip


def _exact_sums(halves: Codes) -> list[pl.Series]:
    """Sums of each mass by group out of the sums of low and high halves.

    Either half overflows only beyond 2^31 rows.
    """
    high = pl.lit(2**32, dtype=pl.Int128())
    columns = pl.DataFrame(halves, schema=[str(at) for at in range(_HALVES)], orient="row")
    return (
        columns.cast(pl.Int128)
        .select(
            (pl.col(str(2 * at)) + pl.col(str(2 * at + 1)) * high).alias(name)
            for at, name in enumerate(MASS_COLUMNS)
        )
        .get_columns()
    )


def _by_expression(
    ready: ReadyFormula, quantity: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """What becomes of quantities by a formula's Polars expression.

    Returns:
        Statuses; and the masses, (:data:`MASS_COLUMNS`, quantities) int64, zero where the formula does not
        give one. Those of a quantity without figures mean nothing.
    """
    results = compile_polars(ready.binding, ready.constants, {ready.bounds.symbol: "quantity"})
    computed = pl.DataFrame({"quantity": quantity}).select(
        _milligrams(results[item.symbol], item) for item in ready.binding.outputs if item.symbol in MASSES
    )
    found = np.full(len(quantity), layout.FINE, dtype=np.uint8)
    # Null where 64 bits do not hold a mass.
    found[computed.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()] = layout.OVERFLOW
    low, high = ready.bounds.minimum, ready.bounds.maximum
    found[
        (quantity < (-np.inf if low is None else low)) | (quantity > (np.inf if high is None else high))
    ] = layout.OUT_OF_BOUNDS
    found[~np.isfinite(quantity)] = layout.NOT_FINITE
    masses = np.zeros((len(MASS_COLUMNS), len(quantity)), dtype=np.int64)
    for at, name in enumerate(MASS_COLUMNS):
        if name in computed.columns:
            masses[at] = computed[name].fill_null(0).to_numpy()
    return found, masses


def _milligrams(value: pl.Expr, output: FormulaOutput) -> pl.Expr:
    """A mass rounded once to its formula's precision, in whole milligrams."""
    coarser: int = 10 ** (PRECISION - output.precision)
    # A product of 64-bit integers would wrap round silently; one that 64 bits do not hold becomes null.
    exact = publish_expr(value, output.precision).cast(pl.Int128) * coarser
    return exact.cast(pl.Int64, strict=False).alias(MASSES[output.symbol][0])


def _beside(keys: pl.DataFrame, sums: list[pl.Series]) -> pl.DataFrame:
    return keys.with_columns(sums) if keys.width else pl.DataFrame(sums)
