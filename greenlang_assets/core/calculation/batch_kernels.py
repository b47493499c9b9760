"""The loops over the rows of a batch, compiled to machine code.

Belongs here: numbering distinct keys; multiplying, rounding and summing rows whose formula is linear in its
activity; numbering what the rows of a block name.
Does not belong here: what a key or a coefficient means (``batch_plans``, ``linear``), threads
(``batch_keys``, ``batch_columns``).

Each loop runs without Python's lock over a range of rows and writes only into that range, so that threads
share the arrays. Arithmetic is plain float64 without contraction or reordering: the same operations in the
same order as ``core.formulas.evaluate``, and so the same integers. A sum is exact: it is kept in two words,
one of the low halves and one of the high halves of its terms. Places are unsigned: a signed one would be
looked at for being negative, row after row.
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
    FINE,
    GIVES_GASES,
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
)

#: Typed as anything: numba's own types know neither arrays in ranges nor several results.
_compiled: Any = numba.njit(nogil=True, cache=True)

_LIMIT = 2.0**63
_LOW_BITS = 0xFFFFFFFF
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(1)


@_compiled
def _key_of(
    first: Any, second: Any, third: Any, fourth: Any, width_1: Any, width_2: Any, width_3: Any, width_4: Any,
    row: int,
) -> Any:  # fmt: skip
    """A row's key, and bits that are not zero where a part is wider than its width."""
    key: Any = np.uint64(first[row])
    beyond = key >> width_1
    if second is not None:
        part = np.uint64(second[row])
        beyond |= part >> width_2
        key = (key << width_2) | part
    if third is not None:
        part = np.uint64(third[row])
        beyond |= part >> width_3
        key = (key << width_3) | part
    if fourth is not None:
        part = np.uint64(fourth[row])
        beyond |= part >> width_4
        key = (key << width_4) | part
    return key, beyond


@_compiled
def number_small_keys(
    first: Any, second: Any, third: Any, fourth: Any, widths: Any, places: Any, rows: Any, out: Any,
    start: int, stop: int,
) -> int:  # fmt: skip
    """Numbers the distinct keys of a range of rows by first appearance, where a key is a place in a table.

    Args:
        first, second, third, fourth: the parts of a row's key, integers; None for parts that it lacks.
        widths: how many bits each part takes in a key, uint64.
        places: zeros, int32, two to the power of all widths; takes the number of each key, plus one.
        rows: takes the row in which each key appeared first, int64; its length is the largest number of keys.
        out: takes the number of each row's key, int32.
        start, stop: the range.

    Returns:
        How many keys there are; -1 where ``rows`` does not hold them, -2 where a part does not fit.
    """
    w1, w2, w3, w4 = widths[0], widths[1], widths[2], widths[3]
    count = 0
    for row in range(start, stop):
        key, beyond = _key_of(first, second, third, fourth, w1, w2, w3, w4, row)
        if beyond:
            return -2
        number = places[key]
        if number == 0:
            if count == rows.shape[0]:
                return -1
            rows[count] = row
            count += 1
            number = count
            places[key] = number
        out[row] = number - 1
    return count


@_compiled
def number_keys(
    first: Any, second: Any, third: Any, fourth: Any, widths: Any, table: Any, shift: int, rows: Any,
    out: Any, start: int, stop: int,
) -> int:  # fmt: skip
    """As :func:`number_small_keys`, where a key is looked for in a table of those that appeared.

    Args:
        first, second, third, fourth, widths, rows, out, start, stop: as there; 63 bits at most.
        table: open addressing table, zeros, (a power of two, 2) uint64: a key plus one, and its number.
        shift: 64 less the exponent of that power.
    """
    mask, high = np.uint64(table.shape[0] - 1), np.uint64(shift)
    w1, w2, w3, w4 = widths[0], widths[1], widths[2], widths[3]
    count = 0
    wide = np.uint64(0)
    for row in range(start, stop):
        key, beyond = _key_of(first, second, third, fourth, w1, w2, w3, w4, row)
        wide |= beyond
        key += _ONE
        at = (key * _GOLDEN) >> high
        while True:
            found = table[at, 0]
            if found == key:
                out[row] = np.int32(table[at, 1])
                break
            if found == 0:
                if count == rows.shape[0]:
                    return -1
                table[at, 0] = key
                table[at, 1] = count
                rows[count] = row
                out[row] = count
                count += 1
                break
            at = (at + _ONE) & mask
    return -2 if wide else count


@_compiled
def count_rows(numbers: Any, counts: Any, start: int, stop: int) -> None:
    """Counts the rows of a range by their number, into zeros."""
    for row in range(start, stop):
        counts[np.uint32(numbers[row])] += 1


@_compiled
def calculate_rows(
    plans: Any, plan_of: Any, coefficients: Any, direct: Any, kinds: Any, quantities: Any, groups: Any,
    group_of: Any, co2e: Any, statuses: Any, gas_rows: Any, gases: Any, sums: Any, start: int, stop: int,
) -> Any:  # fmt: skip
    """Calculates a range of rows and sums them by group.

    Most rows are done by two figures: CO2e is quantity times ratio times figure. Where that gives nothing,
    for the row or for its plan (whose figures are NaN then), all coefficients of the plan are used.

    Args:
        plans: each row's number of its key, int32; becomes the number of its plan.
        plan_of: plan of each number, int32.
        coefficients: (plans, ``WIDTH``) float64.
        direct: (plans, 2) float64, small enough for the processor's own cache: ratio and figure of a plan
            that gives CO2e alone, of no quantity below zero; else NaN.
        kinds: 0, ``GIVES_GASES``, ``IS_REFUSED`` or ``IS_OTHER`` of each plan, uint8.
        quantities: float64 in the unit of the question; NaN where there is none.
        groups: each row's number of its key, int32; becomes the number of its group.
        group_of: group of each number, int32.
        co2e: takes milligrams, int64; 0 where the row has no figures.
        statuses: takes ``FINE`` or why a row has no figures, uint8.
        gas_rows: takes the rows that have gases, int64.
        gases: takes their milligrams of CO2, CH4, N2O and biogenic CO2, (rows, 4) int64.
        sums: (2, groups, 10) int64, zeros; takes for each mass, the gases first, the sum of its low 32 bits
            and of the rest, of even rows and of odd ones: neighbours are often of one group, and a sum would
            wait for the one before.
        start, stop: the range.

    Returns:
        How many rows have no figures, and how many have gases.
    """
    without, with_gases = 0, 0
    for row in range(start, stop):
        plan = np.uint32(plan_of[np.uint32(plans[row])])
        plans[row] = plan
        group = np.uint32(group_of[np.uint32(groups[row])])
        groups[row] = group
        quantity = quantities[row] * direct[plan, 0]
        e = np.rint(quantity * direct[plan, 1] * 1e6)
        if (quantity >= 0.0) & (abs(e) < _LIMIT):
            whole = np.int64(e)
            statuses[row] = FINE
        else:
            by = coefficients[plan]
            quantity = quantities[row] * by[RATIO]
            a = quantity * by[CO2] * by[CO2 + 1]
            b = quantity * by[CH4] * by[CH4 + 1]
            c = quantity * by[N2O] * by[N2O + 1]
            d = quantity * by[BIOGENIC] * by[BIOGENIC + 1]
            e = a * by[GWP_CO2] + b * by[GWP_CH4] + c * by[GWP_N2O] + quantity * by[CO2E] * by[CO2E + 1]
            fits = _fits(a) and _fits(b) and _fits(c) and _fits(d) and _fits(e)
            status = _status(kinds[plan], quantity, by[LOW], by[HIGH], fits)
            statuses[row] = status
            if status != FINE:
                co2e[row] = 0
                without += 1
                continue
            whole = np.int64(np.rint(e * 1e6))
            if kinds[plan] & GIVES_GASES:
                gas_rows[with_gases] = row
                for number, mass in enumerate((a, b, c, d)):
                    milligrams = np.int64(np.rint(mass * 1e6))
                    gases[with_gases, number] = milligrams
                    sums[row & 1, group, 2 * number] += milligrams & _LOW_BITS
                    sums[row & 1, group, 2 * number + 1] += milligrams >> 32
                with_gases += 1
        co2e[row] = whole
        sums[row & 1, group, 8] += whole & _LOW_BITS
        sums[row & 1, group, 9] += whole >> 32
    return without, with_gases


@_compiled
def _fits(kilograms: float) -> bool:
    return bool(abs(np.rint(kilograms * 1e6)) < _LIMIT)


@_compiled
def _status(kind: int, quantity: float, low: float, high: float, fits: bool) -> int:
    """What becomes of a row, by what stands first in its way."""
    if kind & IS_REFUSED:
        return REFUSED
    if kind & IS_OTHER:
        return OTHER
    if not np.isfinite(quantity):
        return NOT_FINITE
    if quantity < low or quantity > high:
        return OUT_OF_BOUNDS
    return FINE if fits else OVERFLOW


@_compiled
def number_names(numbers: Any, seen: Any, first: Any, codes: Any, start: int, stop: int) -> int:
    """Numbers what a range of rows names by first appearance, whatever its numbers elsewhere are.

    Args:
        numbers: what each row names, int32.
        seen: -1 for each that there is, int32.
        first: takes those that appear, in the order in which they do, int32.
        codes: takes each row's place in ``first``, uint16.
        start, stop: the range.

    Returns:
        How many appear.
    """
    count = 0
    for row in range(start, stop):
        named = np.uint32(numbers[row])
        code = seen[named]
        if code < 0:
            code = seen[named] = count
            first[count] = named
            count += 1
        codes[np.uint32(row - start)] = code
    return count
