"""The loops over the rows of a batch, compiled to machine code.

Belongs here: numbering distinct keys; multiplying, rounding and summing rows whose formula is linear in its
activity; packing rows into the blocks that are hashed.
Does not belong here: what a key or a coefficient means (``batch_plans``, ``linear``), threads
(``batch_columns``).

Each loop runs without Python's lock over a range of rows and writes only into that range, so that threads
share the arrays. Arithmetic is plain float64 without contraction or reordering: the same operations in the
same order as ``core.formulas.evaluate``, and so the same integers. A sum is exact: it is kept in two words,
one of the low halves and one of the high halves of its terms.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from greenlang_assets.core.calculation.batch_layout import (
    BIOGENIC,
    CH4,
    CO2,
    CO2E,
    GWP_CH4,
    GWP_CO2,
    GWP_N2O,
    HIGH,
    IS_OTHER,
    IS_REFUSED,
    LOW,
    N2O,
    NOT_FINITE,
    OTHER,
    OUT_OF_BOUNDS,
    OVERFLOW,
    RATIO,
    REFUSED,
    WITH_MORE,
)  # fmt: skip

#: Rows that are calculated before they are summed: their results are still in the processor's cache.
TILE = 1024

#: Typed as anything: numba's own types know neither arrays in ranges nor several results.
_compiled: Any = numba.njit(nogil=True, cache=True)

_LIMIT = 2.0**63
_LARGEST = np.finfo(np.float64).max
_LOW_BITS = 0xFFFFFFFF
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ONE, _SHIFT = np.uint64(1), np.uint64(32)


@_compiled
def number_keys(
    first: Any, second: Any, third: Any, fourth: Any, sizes: Any, table: Any, numbers: Any, rows: Any,
    out: Any, start: int, stop: int,
) -> int:  # fmt: skip
    """Numbers the distinct keys of a range of rows by first appearance.

    Args:
        first, second, third, fourth: the parts of a row's key, as codes.
        sizes: how many codes each part has, uint64.
        table: open addressing table of keys plus one, uint64 zeros, a power of two of them.
        numbers: the number of each key of the table, int32.
        rows: takes the row in which each key appeared first, int64; its length is the largest number of keys.
        out: takes the number of each row's key, int32.
        start, stop: the range.

    Returns:
        How many keys there are; -1 where ``rows`` does not hold them.
    """
    mask = np.uint64(table.shape[0] - 1)
    count = 0
    for row in range(start, stop):
        key = np.uint64(first[row]) * sizes[1] + np.uint64(second[row])
        key = key * sizes[2] + np.uint64(third[row])
        key = key * sizes[3] + np.uint64(fourth[row]) + _ONE
        at = ((key * _GOLDEN) >> _SHIFT) & mask
        while True:
            found = table[at]
            if found == key:
                out[row] = numbers[at]
                break
            if found == 0:
                if count == rows.shape[0]:
                    return -1
                table[at] = key
                numbers[at] = count
                rows[count] = row
                out[row] = count
                count += 1
                break
            at = (at + _ONE) & mask
    return count


@_compiled
def calculate_rows(
    plans: Any, plan_of: Any, coefficients: Any, direct: Any, kinds: Any, quantities: Any, groups: Any,
    group_of: Any, co2: Any, ch4: Any, n2o: Any, biogenic: Any, co2e: Any, statuses: Any, sums: Any,
    start: int, stop: int,
) -> int:  # fmt: skip
    """Calculates a range of rows and sums them by group.

    Tile by tile: CO2e as quantity times ratio times one figure for all rows, without a look at whether they
    have a result, which the processor does several at a time; then the rows whose plan gives gases, has two
    figures or other bounds than none below zero, one by one; where a row of the tile has no result, the
    tile's rows once more with their reasons; then the sums of CO2e.

    Args:
        plans: each row's number of its key, int32; becomes the number of its plan.
        plan_of: plan of each number, int32.
        coefficients: (plans, ``WIDTH``) float64.
        direct: (plans, 2) float64, small enough for the processor's own cache: ratio and figure of a plan
            that is ``LINEAR`` and no more, zeros of one ``WITH_MORE``, NaN of one not calculated here.
        kinds: ``LINEAR``, ``WITH_MORE``, ``IS_REFUSED`` or ``IS_OTHER`` of each plan, uint8.
        quantities: float64 in the unit of the question; NaN where there is none.
        groups: each row's number of its key, int32; becomes the number of its group.
        group_of: group of each number, int32.
        co2e: takes milligrams, int64.
        co2, ch4, n2o, biogenic: the same, zeros, touched only where a plan gives them; ``biogenic`` may have
            no rows where no plan gives any.
        statuses: zeros, uint8; takes why a row has no figures.
        sums: (groups, 10) int64, zeros; takes for each mass the sum of its low 32 bits and of the rest.
        start, stop: the range.

    Returns:
        How many rows have no figures.
    """
    without = 0
    for at in range(start, stop, TILE):
        end = min(at + TILE, stop)
        wrong: Any = 0
        some: Any = 0
        for row in range(at, end):
            plan = plan_of[plans[row]]
            plans[row] = plan
            groups[row] = group_of[groups[row]]
            quantity = quantities[row] * direct[plan, 0]
            e = np.rint(quantity * direct[plan, 1] * 1e6)
            fits = (quantity >= 0.0) & (quantity <= _LARGEST) & (abs(e) < _LIMIT)
            wrong += 1 - np.int64(fits)
            some |= kinds[plan]
            co2e[row] = np.int64(e)
        if some & WITH_MORE:
            for row in range(at, end):
                if kinds[plans[row]] & WITH_MORE:
                    wrong += _with_more(
                        coefficients[plans[row]], quantities[row], row, groups[row],
                        co2, ch4, n2o, biogenic, co2e, sums,
                    )  # fmt: skip
        if wrong:
            without += _refuse(plans, coefficients, kinds, quantities, co2e, statuses, at, end)
        for row in range(at, end):
            group = groups[row]
            sums[group, 8] += co2e[row] & _LOW_BITS
            sums[group, 9] += co2e[row] >> 32
    return without


@_compiled
def _with_more(
    by: Any, given: float, row: int, group: int, co2: Any, ch4: Any, n2o: Any, biogenic: Any, co2e: Any,
    sums: Any,
) -> int:  # fmt: skip
    """One row by all its coefficients: stored and summed if all of it fits, else 1 and nothing of it."""
    quantity = given * by[RATIO]
    a = quantity * by[CO2] * by[CO2 + 1]
    b = quantity * by[CH4] * by[CH4 + 1]
    c = quantity * by[N2O] * by[N2O + 1]
    d = quantity * by[BIOGENIC] * by[BIOGENIC + 1]
    e = a * by[GWP_CO2] + b * by[GWP_CH4] + c * by[GWP_N2O] + quantity * by[CO2E] * by[CO2E + 1]
    if not (quantity >= by[LOW] and quantity <= by[HIGH]):
        return 1
    if not (_fits(a) and _fits(b) and _fits(c) and _fits(d) and _fits(e)):
        return 1
    co2[row] = np.int64(np.rint(a * 1e6))
    ch4[row] = np.int64(np.rint(b * 1e6))
    n2o[row] = np.int64(np.rint(c * 1e6))
    co2e[row] = np.int64(np.rint(e * 1e6))
    sums[group, 0] += co2[row] & _LOW_BITS
    sums[group, 1] += co2[row] >> 32
    sums[group, 2] += ch4[row] & _LOW_BITS
    sums[group, 3] += ch4[row] >> 32
    sums[group, 4] += n2o[row] & _LOW_BITS
    sums[group, 5] += n2o[row] >> 32
    if biogenic.shape[0] > 0:
        biogenic[row] = np.int64(np.rint(d * 1e6))
        sums[group, 6] += biogenic[row] & _LOW_BITS
        sums[group, 7] += biogenic[row] >> 32
    return 0


@_compiled
def _refuse(
    plans: Any,
    coefficients: Any,
    kinds: Any,
    quantities: Any,
    co2e: Any,
    statuses: Any,
    start: int,
    stop: int,
) -> int:
    """Says why rows of a tile have no figures; returns how many have none. Their gases were never stored."""
    without = 0
    for row in range(start, stop):
        plan = plans[row]
        by = coefficients[plan]
        quantity = quantities[row] * by[RATIO]
        a = quantity * by[CO2] * by[CO2 + 1]
        b = quantity * by[CH4] * by[CH4 + 1]
        c = quantity * by[N2O] * by[N2O + 1]
        d = quantity * by[BIOGENIC] * by[BIOGENIC + 1]
        e = a * by[GWP_CO2] + b * by[GWP_CH4] + c * by[GWP_N2O] + quantity * by[CO2E] * by[CO2E + 1]
        if kinds[plan] & IS_REFUSED:
            statuses[row] = REFUSED
        elif kinds[plan] & IS_OTHER:
            statuses[row] = OTHER
        elif not np.isfinite(quantity):
            statuses[row] = NOT_FINITE
        elif quantity < by[LOW] or quantity > by[HIGH]:
            statuses[row] = OUT_OF_BOUNDS
        elif not (_fits(a) and _fits(b) and _fits(c) and _fits(d) and _fits(e)):
            statuses[row] = OVERFLOW
        else:
            continue
        without += 1
        co2e[row] = 0
    return without


@_compiled
def _fits(kilograms: float) -> bool:
    return bool(abs(np.rint(kilograms * 1e6)) < _LIMIT)


@_compiled
def pack_rows(
    plans: Any, groups: Any, statuses: Any, given: Any, masses: Any, seen: Any, first_plans: Any,
    first_groups: Any, plan_codes: Any, group_codes: Any, packed: Any, start: int, stop: int,
) -> Any:  # fmt: skip
    """Writes a range of rows as codes and packed masses, whatever the numbers of plans and groups are.

    Args:
        plans: number of each row's plan, int32.
        groups: number of each row's group, int32.
        statuses: why a row has no figures, uint8.
        given: bit ``n`` of a plan says that it gives mass ``n``, uint8.
        masses: the masses, int64 each; one without rows is all zeros.
        seen: -1 for each plan and then for each group, int32; becomes the code of those that appear.
        first_plans, first_groups: take the plans and groups in the order in which they appear, int32.
        plan_codes, group_codes: take each row's codes by first appearance, uint16.
        packed: takes the masses of all rows that have figures, row by row, int64.
        start, stop: the range.

    Returns:
        How many plans, groups and masses were written.
    """
    plan_count, group_count, mass_count = 0, 0, 0
    after = given.shape[0]
    for row in range(start, stop):
        plan = plans[row]
        if seen[plan] < 0:
            seen[plan] = plan_count
            first_plans[plan_count] = plan
            plan_count += 1
        plan_codes[row - start] = seen[plan]
        group = groups[row]
        if seen[after + group] < 0:
            seen[after + group] = group_count
            first_groups[group_count] = group
            group_count += 1
        group_codes[row - start] = seen[after + group]
        if statuses[row] == 0:
            bits = given[plan]
            for number in range(len(masses)):
                if bits >> number & 1:
                    packed[mass_count] = masses[number][row] if masses[number].shape[0] else 0
                    mass_count += 1
    for number in range(plan_count):
        seen[first_plans[number]] = -1
    for number in range(group_count):
        seen[after + first_groups[number]] = -1
    return plan_count, group_count, mass_count
