"""What a stream of draws says: mean, standard deviation and exact percentiles, in memory that does not grow.

Belongs here: random streams, sums, order statistics.
Does not belong here: what is drawn (``spread``), what it is drawn for (``uncertainty``).

*Percentiles* are order statistics of all draws, exact, not estimated from a sketch. They are found in four
passes over the stream (selection with limited storage by several passes: J. I. Munro and M. S. Paterson,
"Selection and sorting with limited storage", Theoretical Computer Science 12, 1980): the 64 bits of a float
are mapped to an integer of the same order, and each pass counts 65,536 cases of the next 16 bits. The draws
are not kept; each pass makes them again from the seed.

*Streams* are NumPy's PCG64, one for each uncertain quantity, seeded with the seed and the SHA-256 of the
quantity's name. So a draw depends on neither the size of a block nor the other quantities, and a factor that
is used in many places has the same draws everywhere. NumPy promises the same stream for the same build and
machine only (compatibility policy of ``numpy.random``); a test holds the stream of the version that is
pinned, and what is published is rounded to nine digits, so that the last bits of ``exp`` do not show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from greenlang_assets.core.calculation.spread import Z95, Draws
from greenlang_assets.core.provenance.canonical import sha256_hex

#: Draws that exist at one time.
BLOCK = 65_536
#: Sums are formed over this many draws and then one after another: a whole part of any block.
GRAIN = 4_096
_DIGIT = 16
_CASES = 1 << _DIGIT
_TAIL = 0.025

Keys = npt.NDArray[np.uint64]


class Stream(Protocol):
    """Draws that can be made again: the same blocks, in the same order, each time."""

    def blocks(self) -> Iterator[Mapping[str, Draws]]:
        """Name of each result and its next draws."""


def generator(seed: int, name: str) -> np.random.Generator:
    """The random stream of one quantity."""
    digest = sha256_hex(name.encode())
    words = tuple(int(digest[start : start + 8], 16) for start in range(0, 64, 8))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


def block_sizes(count: int, block: int) -> Iterator[int]:
    """``count`` draws in blocks."""
    for start in range(0, count, block):
        yield min(block, count - start)


@dataclass(frozen=True)
class Sample:
    """What the draws of one result say.

    Args:
        mean: mean.
        deviation: standard deviation.
        lower: 2.5th percentile.
        upper: 97.5th percentile.
        lower_between: where that percentile lies with 95 % confidence, given so many draws: order statistics
            by the binomial distribution, whatever the distribution of the result.
        upper_between: the same for the upper one.
    """

    mean: float
    deviation: float
    lower: float
    upper: float
    lower_between: tuple[float, float]
    upper_between: tuple[float, float]


def ranks(count: int) -> tuple[int, ...]:
    """Ranks, from 1, of the percentiles and their confidence limits among ``count`` draws.

    In the order lower, its limits, upper, its limits; the upper ones mirror the lower ones.
    """
    margin = Z95 * math.sqrt(count * _TAIL * (1 - _TAIL))
    middle = math.ceil(count * _TAIL)
    low = max(1, math.floor(count * _TAIL - margin))
    high = min(count, math.ceil(count * _TAIL + margin) + 1)
    lower = (middle, low, high)
    return (*lower, *(count + 1 - rank for rank in (middle, high, low)))


def summarise(stream: Stream, centre: Mapping[str, float], count: int) -> dict[str, Sample]:
    """Mean, deviation and percentiles of every result of a stream.

    Args:
        stream: the draws.
        centre: each result's value at the centre, from which sums are measured: small numbers lose nothing.
        count: how many draws the stream has.
    """
    wanted = ranks(count)
    selections = {name: OrderStatistics(wanted) for name in centre}
    moments = {name: _Moments(value) for name, value in centre.items()}
    for level in range(OrderStatistics.PASSES):
        for block in stream.blocks():
            for name, selection in selections.items():
                selection.add(block[name])
                if level == 0:
                    moments[name].add(block[name])
        for selection in selections.values():
            selection.narrow()
    return {
        name: _sample(selection.values(), *moments[name].result(count))
        for name, selection in selections.items()
    }


def _sample(found: Sequence[float], mean: float, deviation: float) -> Sample:
    lower, lower_from, lower_to, upper, upper_from, upper_to = found
    return Sample(mean, deviation, lower, upper, (lower_from, lower_to), (upper_from, upper_to))


class _Moments:
    """Sums of deviations from the centre, in an order that no block size changes."""

    def __init__(self, centre: float) -> None:
        self.centre = centre
        self.first = self.second = 0.0

    def add(self, draws: Draws) -> None:
        away = draws - self.centre
        for start in range(0, len(away), GRAIN):
            grain = away[start : start + GRAIN]
            self.first += float(grain.sum())
            self.second += float((grain * grain).sum())

    def result(self, count: int) -> tuple[float, float]:
        shift = self.first / count
        variance = max(0.0, self.second / count - shift * shift) * (count / (count - 1))
        return self.centre + shift, math.sqrt(variance)


class OrderStatistics:
    """The values of some ranks of a stream, after four passes over it.

    Args:
        ranks: ranks from 1, in any order.
    """

    PASSES = 64 // _DIGIT

    def __init__(self, ranks: Sequence[int]) -> None:
        self._left = list(ranks)
        self._prefixes = [0] * len(self._left)
        self._shift = 64 - _DIGIT
        self._counts = self._fresh()

    def _fresh(self) -> dict[int, npt.NDArray[np.int64]]:
        return {prefix: np.zeros(_CASES, dtype=np.int64) for prefix in self._prefixes}

    def add(self, draws: Draws) -> None:
        """The next draws of a pass."""
        keys = ordered_keys(draws)
        digits = (keys >> np.uint64(self._shift)) & np.uint64(_CASES - 1)
        above = self._shift + _DIGIT
        for prefix, counts in self._counts.items():
            own = digits if above == 64 else digits[(keys >> np.uint64(above)) == np.uint64(prefix)]
            counts += np.bincount(own.astype(np.intp), minlength=_CASES)

    def narrow(self) -> None:
        """The end of a pass: sixteen more bits of each value are known."""
        sums = {prefix: np.cumsum(counts) for prefix, counts in self._counts.items()}
        for position, prefix in enumerate(self._prefixes):
            below = sums[prefix]
            digit = int(np.searchsorted(below, self._left[position]))
            if digit:
                self._left[position] -= int(below[digit - 1])
            self._prefixes[position] = (prefix << _DIGIT) | digit
        self._shift -= _DIGIT
        self._counts = self._fresh() if self._shift >= 0 else {}

    def values(self) -> list[float]:
        """The values, in the order of the ranks."""
        keys = np.array(self._prefixes, dtype=np.uint64)
        top = np.uint64(1 << 63)
        bits = np.where(keys >= top, keys ^ top, ~keys)
        return [float(value) for value in bits.view(np.float64)]


def ordered_keys(draws: Draws) -> Keys:
    """Integers in the order of the floats: the bits, negative numbers reversed."""
    # Adding zero makes one zero of the two.
    bits = (draws + 0.0).view(np.uint64)
    top = np.uint64(1 << 63)
    return np.where(bits >= top, ~bits, bits | top)
