"""The batch in columns: rows of quantities to integers of milligrams, on every core.

Belongs here: distinct questions out of the rows, threads, the arrays of results and their sums.
Does not belong here: contracts, hashes and the words of refusals (``batch``), files (``batch_files``).

Each distinct question is answered once; rows whose formula is linear in its activity run through one
compiled loop, the others through their Polars expression. Both do the operations of a single calculation in
its order. What a row gives does not depend on the other rows, on their order or on the number of threads.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from greenlang_assets.core.calculation import batch_kernels as kernel
from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.calculation.batch_plans import MASSES, QUESTION
from greenlang_assets.core.calculation.batch_questions import Answers, Resolver
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.model import FormulaOutput
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.rounding import PRECISION, publish_expr

#: Columns of masses, in the order of the sums.
MASS_COLUMNS = tuple(column for column, _ in MASSES.values())
_BIOGENIC = MASSES["co2_biogenic"][0]
_KEY_PARTS = 4
#: Distinct keys for which a thread makes room at first.
_ROOM = 1 << 16
_NOTHING = np.empty(0, dtype=np.int64)

Codes = npt.NDArray[Any]


@dataclass(frozen=True)
class Calculated:
    """What came of the rows, column by column.

    Attributes:
        answers: the plans.
        plans: number of each row's plan, int32.
        groups: number of each row's group, int32.
        group_keys: the groups, sorted; one without columns where nothing was to be summed by.
        statuses: ``batch_layout.FINE``, or why a row has no figures, uint8.
        masses: milligrams by column, int64; what a formula does not give is zero here (``Answers.given``).
        quantities: as they were given, float64; NaN where there is none.
        sums: one row a group: its key, and exact sums of the masses as Int128.
        without: how many rows have no figures.
    """

    answers: Answers
    plans: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    group_keys: pl.DataFrame
    statuses: npt.NDArray[np.uint8]
    masses: dict[str, npt.NDArray[np.int64]]
    quantities: npt.NDArray[np.float64]
    sums: pl.DataFrame
    without: int

    @property
    def converted(self) -> npt.NDArray[np.float64]:
        """The quantities in their formulas' units."""
        converted: npt.NDArray[np.float64] = self.quantities * self.answers.ratios[self.plans]
        return converted

    def frame(self, *texts: str) -> pl.DataFrame:
        """The results as a table: plan columns (all of them unless named), quantity and masses.

        A mass that the formula does not give, and every mass of a row without figures, is empty.
        """
        plan_columns = self.answers.columns.select(texts) if texts else self.answers.columns
        coded = plan_columns.with_columns(pl.col(pl.String).cast(pl.Categorical()))
        fine = self.statuses == layout.FINE
        masses = {}
        for at, name in enumerate(MASS_COLUMNS):
            there = self.answers.given[:, at][self.plans] & fine
            column = pl.Series(name, self.masses.get(name, np.zeros(len(fine), dtype=np.int64)))
            masses[name] = column if there.all() else column.set(pl.Series(~there), None)
        gathered = coded[self.plans].rechunk()
        return gathered.with_columns(pl.Series("converted_quantity", self.converted), *masses.values())


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

    def calculate(self, rows: pl.DataFrame, by: Sequence[str] = ()) -> Calculated:
        """Calculates rows.

        Args:
            rows: columns activity, region, unit (text or categorical), data_year (integer), quantity
                (float64, may be empty) and those of ``by``; no other cell is empty.
            by: at most four columns by which the masses are summed.

        Raises:
            GreenlangError: ``BATCH_CELL_EMPTY``, ``BATCH_GROUP``, ``BATCH_TOO_VARIED``.
        """
        rows = rows.rechunk()
        _check(rows, by)
        quantities = rows["quantity"].to_numpy()
        with ThreadPoolExecutor(self.threads) as pool:
            ranges = _ranges(rows.height, self.threads)
            questions = _distinct(rows, QUESTION, pool, ranges)
            groups = _distinct(rows, by, pool, ranges)
            answers = self._answers_to(questions.keys)
            coefficients, direct, kinds = answers.coefficients
            plan_of = questions.places_in(answers.questions)
            group_keys = groups.keys.sort(by) if by else groups.keys
            group_of = groups.places_in(group_keys)
            # Zeros cost nothing until they are touched: most plans give CO2e alone.
            masses = {
                name: np.zeros(rows.height, dtype=np.int64) for name in MASS_COLUMNS if name != _BIOGENIC
            }
            if coefficients[:, layout.BIOGENIC].any():
                masses[_BIOGENIC] = np.zeros(rows.height, dtype=np.int64)
            statuses = np.zeros(rows.height, dtype=np.uint8)

            def work(number: int) -> tuple[int, Codes]:
                sums = np.zeros((group_keys.height, 2 * len(MASS_COLUMNS)), dtype=np.int64)
                without = kernel.calculate_rows(
                    questions.numbers, plan_of[number], coefficients, direct, kinds, quantities,
                    groups.numbers, group_of[number],
                    *(masses.get(name, _NOTHING) for name in MASS_COLUMNS),
                    statuses, sums, *ranges[number],
                )  # fmt: skip
                return int(without), sums

            parts = list(pool.map(work, range(len(ranges))))
        plans, without = questions.numbers, sum(part[0] for part in parts)
        sums = _exact_sums(np.sum([halves for _, halves in parts], axis=0))
        if without and (statuses == layout.OTHER).any():
            without -= _calculate_others(answers, plans, quantities, statuses, masses)
            sums = _sum_again(masses, statuses, groups.numbers, group_keys.height)
        table = _sums_table(group_keys, sums, masses)
        return Calculated(
            answers, plans, groups.numbers, group_keys, statuses, masses, quantities, table, without
        )

    def _answers_to(self, questions: pl.DataFrame) -> Answers:
        """Plans of these questions and of all that were asked before: each is answered once."""
        known = self._known
        if known is None:
            known = self.resolver.answer(questions, self.method)
        else:
            new = questions.join(known.questions, on=QUESTION, how="anti")
            if new.height:
                known = self.resolver.answer(pl.concat([known.questions, new.select(QUESTION)]), self.method)
        self._known = known
        return known


def _check(rows: pl.DataFrame, by: Sequence[str]) -> None:
    if len(by) > _KEY_PARTS:
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


@dataclass(frozen=True)
class _Distinct:
    """Distinct keys of the rows.

    Attributes:
        keys: the distinct keys in the order in which the rows name them.
        numbers: each row's number of its key in its range.
        places: for each range, the place of each of its numbers in ``keys``.
    """

    keys: pl.DataFrame
    numbers: npt.NDArray[np.int32]
    places: list[npt.NDArray[np.int32]]

    def places_in(self, table: pl.DataFrame) -> list[npt.NDArray[np.int32]]:
        """For each range, the place of each of its numbers in a table that holds every key."""
        if table is self.keys or not table.width:
            return self.places
        found = self.keys.join(
            table.with_row_index("place"), on=table.columns, how="left", maintain_order="left"
        )["place"]
        place = found.cast(pl.Int32).to_numpy()
        return [place[places] for places in self.places]


def _distinct(
    rows: pl.DataFrame, names: Sequence[str], pool: ThreadPoolExecutor, ranges: list[tuple[int, int]]
) -> _Distinct:
    numbers = np.zeros(rows.height, dtype=np.int32)
    if not names:
        return _Distinct(pl.DataFrame([{}]), numbers, [np.zeros(1, dtype=np.int32)] * len(ranges))
    parts = [_codes(rows[name]) for name in names]
    none = np.broadcast_to(np.zeros(1, dtype=np.uint32), (rows.height,))
    columns = [codes for codes, _ in parts] + [none] * (_KEY_PARTS - len(parts))
    sizes = np.array([size for _, size in parts] + [1] * (_KEY_PARTS - len(parts)), dtype=np.uint64)
    if np.prod(sizes.astype(np.float64)) >= 2.0**63:
        raise GreenlangError(
            "BATCH_TOO_VARIED",
            "the columns hold too many different values to be told apart",
            found=", ".join(f"{name}: {size}" for name, (_, size) in zip(names, parts, strict=True)),
            expected="a product below 2^63",
        )

    def work(bounds: tuple[int, int]) -> npt.NDArray[np.int64]:
        room = _ROOM
        while True:
            first = np.empty(room, dtype=np.int64)
            count = kernel.number_keys(
                *columns, sizes, np.zeros(room * 4, dtype=np.uint64), np.empty(room * 4, dtype=np.int32),
                first, numbers, *bounds,
            )  # fmt: skip
            if count >= 0:
                return first[:count]
            room *= 4

    seen = list(pool.map(work, ranges))
    firsts = np.concatenate(seen)
    packed = np.zeros(len(firsts), dtype=np.uint64)
    for codes, size in zip(columns, sizes, strict=True):
        packed = packed * size + codes[firsts].astype(np.uint64)
    # Ranges follow one another, so the first of equal keys is the one that appears first.
    _, where, inverse = np.unique(packed, return_index=True, return_inverse=True)
    order = np.argsort(where)
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    cuts = np.cumsum([len(first) for first in seen])[:-1]
    places = np.split(place[inverse], cuts)
    return _Distinct(_texts(rows, names, firsts[where[order]]), numbers, places)


def _texts(rows: pl.DataFrame, names: Sequence[str], which: npt.NDArray[np.int64]) -> pl.DataFrame:
    """The keys in some rows as they are written: categories as texts, of which joins are sure."""
    return rows.select(names)[which].with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def _codes(column: pl.Series) -> tuple[Codes, int]:
    """A column as codes from zero, and how many there may be."""
    if column.dtype == pl.String():
        column = column.cast(pl.Categorical())
    if column.dtype.is_integer():
        codes = column.cast(pl.Int64).to_numpy()
        low = codes.min(initial=0)
        if low < 0:
            codes = codes - low
        return codes, int(codes.max(initial=0)) + 1
    codes = column.to_physical().cast(pl.UInt32).to_numpy()
    return codes, int(codes.max(initial=0)) + 1


def _exact_sums(halves: Codes) -> list[list[int]]:
    """Sums by group out of the sums of low and high halves; either overflows only beyond 2^31 rows."""
    return [
        [low + (high << 32) for low, high in zip(row[::2], row[1::2], strict=True)] for row in halves.tolist()
    ]


def _sums_table(
    keys: pl.DataFrame, sums: list[list[int]], masses: dict[str, npt.NDArray[np.int64]]
) -> pl.DataFrame:
    columns = [
        pl.Series(name, [row[at] for row in sums], dtype=pl.Int128)
        for at, name in enumerate(MASS_COLUMNS)
        if name in masses
    ]
    return keys.with_columns(columns) if keys.width else pl.DataFrame(columns)


def _calculate_others(
    answers: Answers,
    plans: npt.NDArray[np.int32],
    quantities: npt.NDArray[np.float64],
    statuses: npt.NDArray[np.uint8],
    masses: dict[str, npt.NDArray[np.int64]],
) -> int:
    """Rows whose formula is not linear, by its Polars expression; says how many got their figures."""
    if _BIOGENIC not in masses:
        masses[_BIOGENIC] = np.zeros(len(plans), dtype=np.int64)
    others = np.flatnonzero(statuses == layout.OTHER)
    formulas = answers.formulas[plans[others]]
    done = 0
    for number in np.unique(formulas).tolist():
        ready = answers.ready[number]
        rows = others[formulas == number]
        quantity = quantities[rows] * answers.ratios[plans[rows]]
        found = np.full(len(rows), layout.FINE, dtype=np.uint8)
        outside = np.zeros(len(rows), dtype=bool)
        if ready.bounds.minimum is not None:
            outside |= quantity < ready.bounds.minimum
        if ready.bounds.maximum is not None:
            outside |= quantity > ready.bounds.maximum
        results = compile_polars(ready.binding, ready.constants, {ready.bounds.symbol: "quantity"})
        published = [item for item in ready.binding.outputs if item.symbol in MASSES]
        computed = pl.DataFrame({"quantity": quantity}).select(
            _milligrams(results[item.symbol], item) for item in published
        )
        lost = computed.select(pl.any_horizontal(pl.all().is_null())).to_series().to_numpy()
        found[lost] = layout.OVERFLOW
        found[outside] = layout.OUT_OF_BOUNDS
        found[~np.isfinite(quantity)] = layout.NOT_FINITE
        fine = found == layout.FINE
        for name in computed.columns:
            masses[name][rows[fine]] = computed[name].filter(pl.Series(fine)).to_numpy()
        statuses[rows] = found
        done += int(fine.sum())
    return done


def _milligrams(value: pl.Expr, output: FormulaOutput) -> pl.Expr:
    """A mass rounded once to its formula's precision, in whole milligrams."""
    coarser: int = 10 ** (PRECISION - output.precision)
    # A product of 64-bit integers would wrap round silently; one that 64 bits do not hold becomes null.
    exact = publish_expr(value, output.precision).cast(pl.Int128) * coarser
    return exact.cast(pl.Int64, strict=False).alias(MASSES[output.symbol][0])


def _sum_again(
    masses: dict[str, npt.NDArray[np.int64]],
    statuses: npt.NDArray[np.uint8],
    groups: npt.NDArray[np.int32],
    count: int,
) -> list[list[int]]:
    """Sums over all rows by Polars, where some of them were not calculated by the loop."""
    summed = (
        pl.DataFrame({"group": groups, **masses})
        .filter(pl.Series(statuses == layout.FINE))
        .group_by("group")
        .agg(pl.all().cast(pl.Int128).sum())
    )
    found = {row["group"]: row for row in summed.iter_rows(named=True)}
    none: dict[str, int] = {}
    return [[int(found.get(number, none).get(name, 0)) for name in MASS_COLUMNS] for number in range(count)]
