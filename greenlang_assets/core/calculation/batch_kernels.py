"""The loops over the rows of a batch, compiled to machine code.

Belongs here: numbering distinct keys; multiplying, rounding and summing rows whose formula is linear in its
activity.
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

#: Rows that go through one loop before the next: what they need stays in the processor's own memory.
_AT_ONCE = 1024
_LIMIT = 2.0**63
_LOW_BITS = 0xFFFFFFFF
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ONE, _THREE, _SEVEN = np.uint64(1), np.uint64(3), np.uint64(7)


@_compiled
def _append(keys: Any, part: Any, row: int, width: Any) -> Any:
    """Puts a part of keys behind what there is of them; gives bits that are zero where the part fits."""
    beyond = np.uint64(0)
    values = part[row : row + keys.shape[0]]
    for at in range(keys.shape[0]):
        value = np.uint64(values[at])
        beyond |= value >> width
        keys[at] = (keys[at] << width) | value
    return beyond


@_compiled
def _read_keys(first: Any, second: Any, third: Any, fourth: Any, widths: Any, row: int, room: Any) -> Any:
    """The keys of some rows, as many as there is room for; bits that are zero where all parts fit."""
    room[:] = 0
    beyond = _append(room, first, row, widths[0])
    if second is not None:
        beyond |= _append(room, second, row, widths[1])
    if third is not None:
        beyond |= _append(room, third, row, widths[2])
    if fourth is not None:
        beyond |= _append(room, fourth, row, widths[3])
    return beyond


@_compiled
def number_small_keys(
    first: Any, second: Any, third: Any, fourth: Any, widths: Any, places: Any, rows: Any, out: Any
) -> int:
    """Numbers the distinct keys of rows by first appearance, where a key is a place in a table.

    Args:
        first, second, third, fourth: the parts of a row's key, integers; None for parts that it lacks.
        widths: how many bits each part takes in a key, uint64.
        places: zeros, int32, two to the power of all widths; takes the number of each key, plus one.
        rows: takes the row in which each key appeared first, int64; its length is the largest number of keys.
        out: takes the number of each row's key, int32.

    Returns:
        How many keys there are; -1 where ``rows`` does not hold them, -2 where a part does not fit.
    """
    count, room = 0, np.empty(_AT_ONCE, dtype=np.uint64)
    for begin in range(0, out.shape[0], _AT_ONCE):
        numbers = out[begin : begin + _AT_ONCE]
        keys = room[: numbers.shape[0]]
        if _read_keys(first, second, third, fourth, widths, begin, keys):
            return -2
        for at in range(keys.shape[0]):
            number = places[keys[at]]
            if number == 0:
                if count == rows.shape[0]:
                    return -1
                rows[count] = begin + at
                count += 1
                number = count
                places[keys[at]] = number
            numbers[at] = number - 1
    return count


@_compiled
def number_keys(
    first: Any, second: Any, third: Any, fourth: Any, widths: Any, table: Any, shift: int, rows: Any,
    out: Any,
) -> int:  # fmt: skip
    """As :func:`number_small_keys`, where a key is looked for in a table of those that appeared.

    Args:
        first, second, third, fourth, widths, rows, out: as there; 63 bits at most.
        table: open addressing table, zeros, (a power of two, 2) uint64: a key plus one, and its number.
        shift: 64 less the exponent of that power.
    """
    mask, high = np.uint64(table.shape[0] - 1), np.uint64(shift)
    count, room = 0, np.empty(_AT_ONCE, dtype=np.uint64)
    for begin in range(0, out.shape[0], _AT_ONCE):
        numbers = out[begin : begin + _AT_ONCE]
        keys = room[: numbers.shape[0]]
        if _read_keys(first, second, third, fourth, widths, begin, keys):
            return -2
        for row in range(keys.shape[0]):
            key = keys[row] + _ONE
            at = (key * _GOLDEN) >> high
            while True:
                found = table[at, 0]
                if found == key:
                    numbers[row] = np.int32(table[at, 1])
                    break
                if found == 0:
                    if count == rows.shape[0]:
                        return -1
                    table[at, 0] = key
                    table[at, 1] = count
                    rows[count] = begin + row
                    numbers[row] = count
                    count += 1
                    break
                at = (at + _ONE) & mask
    return count


@_compiled
def calculate_rows(
    plans: Any, plan_of: Any, coefficients: Any, ratios: Any, figures: Any, kinds: Any, quantities: Any,
    groups: Any, group_of: Any, co2e: Any, statuses: Any, gas_rows: Any, gases: Any, sums: Any,
    start: int, stop: int,
) -> Any:  # fmt: skip
    """Calculates a range of rows and sums them by group.

    Most rows are done by two figures: CO2e is quantity times ratio times figure. Where that gives nothing,
    for the row or for its plan (whose figures are NaN then), all coefficients of the plan are used.

    Args:
        plans: each row's number of its key, int32; becomes the number of its plan.
        plan_of: plan of each number, int32.
        coefficients: (plans, ``WIDTH``) float64.
        ratios, figures: of a plan that gives CO2e alone, of no quantity below zero, float64; else NaN.
        kinds: 0, ``GIVES_GASES``, ``IS_REFUSED`` or ``IS_OTHER`` of each plan, uint8.
        quantities: float64 in the unit of the question; NaN where there is none.
        groups: each row's number of its key, int32; becomes the number of its group.
        group_of: group of each number, int32.
        co2e: takes milligrams, int64; 0 where the row has no figures.
        statuses: takes ``FINE`` or why a row has no figures, uint8.
        gas_rows: takes the rows that have gases, int64.
        gases: takes their milligrams of CO2, CH4, N2O and biogenic CO2, (4, rows) int64.
        sums: (2, groups, 10) int64; to these are added for each mass, the gases first, its low 32 bits and
            the rest, those of even rows and of odd ones apart: neighbours are often of one group, and a sum
            would wait for the one before.
        start, stop: the range.

    Returns:
        How many rows have no figures, and how many have gases.
    """
    without, with_gases = 0, 0
    # Parts of arrays are counted from zero: a place that could be negative would be looked at for that.
    named, given, group = plans[start:stop], quantities[start:stop], groups[start:stop]
    masses, status = co2e[start:stop], statuses[start:stop]
    for row in range(stop - start):
        plan = np.uint32(plan_of[np.uint32(named[row])])
        named[row] = plan
        of = np.uint32(group_of[np.uint32(group[row])])
        group[row] = of
        quantity = given[row] * ratios[plan]
        e = np.rint(quantity * figures[plan] * 1e6)
        if (quantity >= 0.0) & (abs(e) < _LIMIT):
            whole = np.int64(e)
            status[row] = FINE
        else:
            # Not a function of its own: handing it arrays would count their users, row after row.
            by = coefficients[plan]
            quantity = given[row] * by[RATIO]
            a = quantity * by[CO2] * by[CO2 + 1]
            b = quantity * by[CH4] * by[CH4 + 1]
            c = quantity * by[N2O] * by[N2O + 1]
            d = quantity * by[BIOGENIC] * by[BIOGENIC + 1]
            e = a * by[GWP_CO2] + b * by[GWP_CH4] + c * by[GWP_N2O] + quantity * by[CO2E] * by[CO2E + 1]
            fits = _fits(a) and _fits(b) and _fits(c) and _fits(d) and _fits(e)
            became = _status(kinds[plan], quantity, by[LOW], by[HIGH], fits)
            status[row] = became
            if became != FINE:
                masses[row] = 0
                without += 1
                continue
            whole = np.int64(np.rint(e * 1e6))
            if kinds[plan] & GIVES_GASES:
                gas_rows[with_gases] = start + row
                for gas, mass in enumerate((a, b, c, d)):
                    milligrams = np.int64(np.rint(mass * 1e6))
                    gases[gas, with_gases] = milligrams
                    sums[row & 1, of, 2 * gas] += milligrams & _LOW_BITS
                    sums[row & 1, of, 2 * gas + 1] += milligrams >> 32
                with_gases += 1
        masses[row] = whole
        sums[row & 1, of, 8] += whole & _LOW_BITS
        sums[row & 1, of, 9] += whole >> 32
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
def place_masses(rows: Any, masses: Any, plans: Any, given: Any, values: Any, bits: Any) -> None:
    """Puts masses of some rows in their places, and a bit for each.

    Args:
        rows: which rows, int64.
        masses: of each of these, int64.
        plans: each row's plan, int32.
        given: whether a plan gives the mass, bool.
        values: takes the masses, int64, a value a row.
        bits: zeros, uint8, a bit a row, the lowest first; takes ones where there is a mass.
    """
    for at in range(rows.shape[0]):
        row = np.uint64(rows[at])
        if given[np.uint32(plans[row])]:
            values[row] = masses[at]
            bits[row >> _THREE] |= np.uint8(1 << (row & _SEVEN))
