"""The batch in columns: rows of quantities to integers of milligrams, on every core.

Belongs here: threads, the arrays of results and their sums.
Does not belong here: distinct questions out of the rows (``batch_keys``), contracts, hashes and the words of
refusals (``batch``), files (``batch_files``).

Each distinct question is answered once; rows whose formula is linear in its activity run through one
compiled loop, the others through their Polars expression. Both do the operations of a single calculation in
its order. What a row gives does not depend on the other rows, on their order or on the number of threads.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from greenlang_assets.core.calculation import batch_kernels as kernel
from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.calculation.batch_keys import KEY_PARTS, Codes, Distinct, room, together
from greenlang_assets.core.calculation.batch_plans import MASSES, QUESTION, ReadyFormula
from greenlang_assets.core.calculation.batch_questions import Answers, Resolver
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.model import FormulaOutput
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.rounding import PRECISION, publish_expr

#: Columns of masses, in the order of the sums.
MASS_COLUMNS = tuple(column for column, _ in MASSES.values())
#: Those of gases, which few formulas give; CO2e is the last of the masses and given by all.
GAS_COLUMNS = MASS_COLUMNS[:-1]
_CO2E = MASS_COLUMNS[-1]


@dataclass(frozen=True)
class Gases:
    """Masses of gases of those rows whose formula gives any.

    Attributes:
        rows: the rows, ascending, int64.
        masses: (rows, :data:`GAS_COLUMNS`), milligrams, int64; zero where the formula does not give one.
    """

    rows: npt.NDArray[np.int64]
    masses: npt.NDArray[np.int64]

    def between(self, start: int, stop: int) -> Gases:
        """Those of a range of rows."""
        first, last = np.searchsorted(self.rows, [start, stop]).tolist()
        return Gases(self.rows[first:last], self.masses[first:last])

    def and_these(self, rows: Codes, masses: Codes) -> Gases:
        """Together with those of other rows."""
        every = np.concatenate([self.rows, rows])
        order = np.argsort(every, kind="stable")
        return Gases(every[order], np.concatenate([self.masses, masses])[order])


@dataclass(frozen=True)
class Calculated:
    """What came of the rows, column by column.

    Attributes:
        answers: the plans.
        plans: number of each row's plan, int32.
        groups: number of each row's group, int32.
        group_keys: the groups, sorted; one without columns where nothing was to be summed by.
        statuses: ``batch_layout.FINE``, or why a row has no figures, uint8.
        co2e: milligrams, int64; zero where a row has no figures.
        gases: the gases beside it.
        quantities: as they were given, float64; NaN where there is none.
        sums: one row a group: its key, and exact sums of the masses as Int128.
        without: how many rows have no figures.
    """

    answers: Answers
    plans: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    group_keys: pl.DataFrame
    statuses: npt.NDArray[np.uint8]
    co2e: npt.NDArray[np.int64]
    gases: Gases
    quantities: npt.NDArray[np.float64]
    sums: pl.DataFrame
    without: int

    @property
    def converted(self) -> npt.NDArray[np.float64]:
        """The quantities in their formulas' units."""
        converted: npt.NDArray[np.float64] = self.quantities * self.answers.ratios[self.plans]
        return converted

    def between(self, start: int, stop: int) -> Calculated:
        """A range of the rows; the sums stay those of all."""
        gases, statuses = self.gases.between(start, stop), self.statuses[start:stop]
        return replace(
            self, plans=self.plans[start:stop], groups=self.groups[start:stop], statuses=statuses,
            co2e=self.co2e[start:stop], gases=Gases(gases.rows - start, gases.masses),
            quantities=self.quantities[start:stop],
            without=int((statuses != layout.FINE).sum()) if self.without else 0,
        )  # fmt: skip

    def mass(self, column: str) -> pa.Array:
        """Milligrams of each row as int64; null where its formula does not give the mass, or it has none."""
        given = self.answers.given[:, MASS_COLUMNS.index(column)]
        if column == _CO2E:
            return pa.array(self.co2e, mask=self.statuses != layout.FINE if self.without else None)
        if not given.any():
            return pa.nulls(len(self.plans), pa.int64())
        there = given[self.plans[self.gases.rows]]
        rows = self.gases.rows[there]
        values, valid = room(self.co2e.shape, np.int64), np.zeros(self.co2e.shape, dtype=bool)
        values.fill(0)
        values[rows] = self.gases.masses[there, GAS_COLUMNS.index(column)]
        valid[rows] = True
        bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
        return pa.Array.from_buffers(pa.int64(), len(values), [bits, pa.py_buffer(values)])

    def frame(self) -> pl.DataFrame:
        """The results as a table: plan columns, quantity and masses."""
        coded = self.answers.columns.with_columns(pl.col(pl.String).cast(pl.Categorical()))
        masses = [pl.Series(name, self.mass(name)) for name in MASS_COLUMNS]
        gathered = coded[self.plans].rechunk()
        return gathered.with_columns(pl.Series("converted_quantity", self.converted), *masses)


@dataclass
class Batch:
    """Calculates frames of rows by one method.

    Args:
        resolver: factors and formulas.
        method: contract ``method``.
        threads: how many work at once; one a core unless said.
    """

    resolver: Resolver
    method: pl.DataFrame
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    _known: Answers | None = field(default=None, init=False, repr=False)

    def calculate(self, rows: pl.DataFrame, by: Sequence[str] = (), *, hashed: bool = False) -> Calculated:
        """Calculates rows.

        Args:
            rows: columns activity, region, unit (text or categorical), data_year (integer), quantity
                (float64, may be empty) and those of ``by``; no other cell is empty.
            by: at most four columns by which the masses are summed.
            hashed: whether the rows will be hashed: their plans are hashed while they are calculated.

        Raises:
            GreenlangError: ``BATCH_CELL_EMPTY``, ``BATCH_GROUP``, ``BATCH_TOO_VARIED``.
        """
        _check(rows, by)
        ranges = _ranges(rows.height, self.threads)
        with ThreadPoolExecutor(self.threads) as pool:
            # Groups are numbered while this thread answers the questions.
            asked, grouped = Distinct(rows, QUESTION, pool, ranges), Distinct(rows, by, pool, ranges)
            keys, counted = asked.keys, asked.counted()
            answers = self._answers_to(keys)
            group_keys = grouped.keys.sort(by) if by else grouped.keys
            work = _Work(
                answers, asked.numbers, asked.places_in(answers.questions), grouped.numbers,
                grouped.places_in(group_keys), counted, group_keys.height,
                together(rows["quantity"]), ranges,
            )  # fmt: skip
            work.begin(pool)
            if hashed:
                _ = answers.hashes
            return work.finished(group_keys)

    def _answers_to(self, questions: pl.DataFrame) -> Answers:
        """Plans of these questions and of all that were asked before: each is answered once."""
        known = self._known
        if known is None:
            known = self.resolver.answer(questions, self.method)
        else:
            new = questions.join(known.questions, on=QUESTION, how="anti", maintain_order="left")
            if new.height:
                known = known.and_these(self.resolver.answer(new, self.method))
        self._known = known
        return known


def _check(rows: pl.DataFrame, by: Sequence[str]) -> None:
    if len(by) > KEY_PARTS:
        raise GreenlangError(
            "BATCH_GROUP", "too many columns to sum by", found=", ".join(by), expected="at most four"
        )
    empty = [name for name in {*QUESTION, *by} if rows[name].null_count()]
    if empty:
        raise GreenlangError(
            "BATCH_CELL_EMPTY",
            "rows without a question cannot be calculated",
            found=", ".join(sorted(empty)),
            expected="a value in every cell of " + ", ".join([*QUESTION, *by]),
        )


def _ranges(rows: int, threads: int) -> list[tuple[int, int]]:
    """As many ranges as threads, one after the other; no thread for fewer than some thousand rows."""
    parts = max(1, min(threads, rows // 4096))
    cuts = [rows * number // parts for number in range(parts + 1)]
    return list(itertools.pairwise(cuts))


@dataclass
class _Work:
    """Rows that are being calculated, a job for each range.

    Attributes:
        answers: the plans.
        plans, groups: each row's number of its key, then of its plan and its group.
        plan_of, group_of: for each range, plan and group of each number.
        counted: for each range, how many rows have each number of a plan.
        group_count: how many groups there are.
        quantities: of the rows.
        ranges: first row and the one after the last.
    """

    answers: Answers
    plans: npt.NDArray[np.int32]
    plan_of: list[npt.NDArray[np.int32]]
    groups: npt.NDArray[np.int32]
    group_of: list[npt.NDArray[np.int32]]
    counted: list[Future[npt.NDArray[np.int64]]]
    group_count: int
    quantities: npt.NDArray[np.float64]
    ranges: list[tuple[int, int]]

    def begin(self, pool: ThreadPoolExecutor) -> None:
        """Starts the jobs."""
        rows, numbers = len(self.plans), range(len(self.ranges))
        self.co2e, self.statuses = room((rows,), np.int64), room((rows,), np.uint8)
        gives_gases = (self.answers.coefficients[2] & layout.GIVES_GASES).astype(bool)
        with_gases = [
            int(job.result()[gives_gases[plans]].sum())
            for job, plans in zip(self.counted, self.plan_of, strict=True)
        ]
        ends = np.cumsum([0, *with_gases]).tolist()
        self.gas_rows = room((ends[-1],), np.int64)
        self.gases = room((ends[-1], len(GAS_COLUMNS)), np.int64)
        self._of_gases = [slice(*pair) for pair in itertools.pairwise(ends)]
        self._jobs = [pool.submit(self._calculate, number) for number in numbers]

    def _calculate(self, number: int) -> tuple[int, int, Codes]:
        sums = np.zeros((2, self.group_count, 2 * len(MASS_COLUMNS)), dtype=np.int64)
        mine = self._of_gases[number]
        without, with_gases = kernel.calculate_rows(
            self.plans, self.plan_of[number], *self.answers.coefficients, self.quantities, self.groups,
            self.group_of[number], self.co2e, self.statuses, self.gas_rows[mine], self.gases[mine], sums,
            *self.ranges[number],
        )  # fmt: skip
        return int(without), int(with_gases), sums.sum(axis=0)

    def finished(self, group_keys: pl.DataFrame) -> Calculated:
        """What came of the rows."""
        done = [job.result() for job in self._jobs]
        without = sum(part[0] for part in done)
        gases = Gases(self.gas_rows, self.gases)
        if without:
            # Rows without figures have no gases: what was kept for them at the end of each range is left out.
            there = [
                slice(mine.start, mine.start + part[1])
                for mine, part in zip(self._of_gases, done, strict=True)
            ]
            gases = Gases(
                np.concatenate([self.gas_rows[part] for part in there]),
                np.concatenate([self.gases[part] for part in there]),
            )
        sums = _exact_sums(np.sum([halves for _, _, halves in done], axis=0))
        calculated = Calculated(
            self.answers, self.plans, self.groups, group_keys, self.statuses, self.co2e, gases,
            self.quantities, _beside(group_keys, sums), without,
        )  # fmt: skip
        return _with_others(calculated) if without else calculated


def _exact_sums(halves: Codes) -> list[pl.Series]:
    """Sums of each mass by group out of the sums of low and high halves.

    Either half overflows only beyond 2^31 rows.
    """
    high = pl.lit(2**32, dtype=pl.Int128())
    columns = pl.DataFrame(halves, schema=[str(at) for at in range(2 * len(MASS_COLUMNS))], orient="row")
    return (
        columns.cast(pl.Int128)
        .select(
            (pl.col(str(2 * at)) + pl.col(str(2 * at + 1)) * high).alias(name)
            for at, name in enumerate(MASS_COLUMNS)
        )
        .get_columns()
    )


def _with_others(calculated: Calculated) -> Calculated:
    """The same with the rows whose formula is not linear, each by its Polars expression."""
    answers, statuses, gases = calculated.answers, calculated.statuses, calculated.gases
    others = np.flatnonzero(statuses == layout.OTHER)
    if not len(others):
        return calculated
    formulas = answers.formulas[calculated.plans[others]]
    for number in np.unique(formulas).tolist():
        ready = answers.ready[number]
        rows = others[formulas == number]
        quantity = calculated.converted[rows]
        computed = _by_expression(ready, quantity)
        found = np.full(len(rows), layout.FINE, dtype=np.uint8)
        found[computed.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()] = layout.OVERFLOW
        low, high = ready.bounds.minimum, ready.bounds.maximum
        found[
            (quantity < (-np.inf if low is None else low)) | (quantity > (np.inf if high is None else high))
        ] = layout.OUT_OF_BOUNDS
        found[~np.isfinite(quantity)] = layout.NOT_FINITE
        statuses[rows] = found
        fine = found == layout.FINE
        figures = computed.filter(pl.Series(fine))
        calculated.co2e[rows[fine]] = figures[_CO2E].to_numpy()
        if any(ready.given[:-1]):
            none = np.zeros(figures.height, dtype=np.int64)
            masses = [figures[name].to_numpy() if name in figures.columns else none for name in GAS_COLUMNS]
            gases = gases.and_these(rows[fine], np.column_stack(masses))
    summed = _summed(calculated, gases)
    without = int((statuses != layout.FINE).sum())
    return replace(calculated, gases=gases, sums=_beside(calculated.group_keys, summed), without=without)


def _by_expression(ready: ReadyFormula, quantity: npt.NDArray[np.float64]) -> pl.DataFrame:
    """The masses that a formula gives for quantities; null where 64 bits do not hold one."""
    results = compile_polars(ready.binding, ready.constants, {ready.bounds.symbol: "quantity"})
    return pl.DataFrame({"quantity": quantity}).select(
        _milligrams(results[item.symbol], item) for item in ready.binding.outputs if item.symbol in MASSES
    )


def _milligrams(value: pl.Expr, output: FormulaOutput) -> pl.Expr:
    """A mass rounded once to its formula's precision, in whole milligrams."""
    coarser: int = 10 ** (PRECISION - output.precision)
    # A product of 64-bit integers would wrap round silently; one that 64 bits do not hold becomes null.
    exact = publish_expr(value, output.precision).cast(pl.Int128) * coarser
    return exact.cast(pl.Int64, strict=False).alias(MASSES[output.symbol][0])


def _summed(calculated: Calculated, gases: Gases) -> list[pl.Series]:
    """Sums over all rows by Polars, where some of them were not calculated by the loop."""
    with_gases = pl.DataFrame(dict(zip(GAS_COLUMNS, gases.masses.T, strict=True)))
    parts = [
        with_gases.with_columns(pl.Series("group", calculated.groups[gases.rows])),
        pl.DataFrame({"group": calculated.groups, _CO2E: calculated.co2e}),
    ]
    every = pl.concat(parts, how="diagonal").group_by("group").agg(pl.all().cast(pl.Int128).sum())
    return every.sort("group").select(MASS_COLUMNS).get_columns()


def _beside(keys: pl.DataFrame, sums: list[pl.Series]) -> pl.DataFrame:
    return keys.with_columns(sums) if keys.width else pl.DataFrame(sums)
