"""How far a quantity may lie from its value: distribution and interval, in percent of the value.

Belongs here: reading such a statement, its half-width for error propagation, drawing from it.
Does not belong here: whose spread it is and what follows from it (``uncertainty``).

Sources, by equation: *IPCC 2006* is the 2006 IPCC Guidelines for National Greenhouse Gas Inventories,
volume 1, chapter 3 (pages 3.23 to 3.28 and 3.60 to 3.62); *IPCC 2019* is its 2019 Refinement, same chapter,
page 3.19. The four distributions are those that IPCC 2006 recommends on page 3.23:

* ``normal``: the stated percentages are the half-width of the 95 % interval.
* ``lognormal``, one percentage U: mean at the value and standard deviation U/200 of it, as equations 3.5 and
  3.6 have it, so that 100 % means an interval from -65 % to +126 %. Two percentages: they are the 2.5th and
  the 97.5th percentile.
* ``triangular`` and ``uniform``: the percentages are the limits themselves, the triangle's peak is the value.

Where no distribution is named, IPCC 2006 decides: normal as long as the standard deviation is at most 30 %
of a quantity that keeps its sign, lognormal beyond and for intervals that reach further up than down.
"""

from __future__ import annotations

import math
import re
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from greenlang_assets.core.errors import GreenlangError

Distribution = Literal["normal", "lognormal", "triangular", "uniform"]
Draws = npt.NDArray[np.float64]

#: Standard normal quantile of 97.5 %: half a 95 % interval in standard deviations.
Z95 = 1.959963984540054
#: The largest half-width, in percent, of a normal quantity that must not change its sign (IPCC 2006, page
#: 3.24: a standard deviation of 30 % of the mean).
MAX_NORMAL = 30 * Z95

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_TEXT = re.compile(
    rf"\s*(?:(?:±|\+/-)?\s*(?P<both>{_NUMBER})\s*%"
    rf"|-\s*(?P<below>{_NUMBER})\s*%\s*(?:/|\.\.|\s)\s*\+\s*(?P<above>{_NUMBER})\s*%)"
    r"(?:\s+(?P<distribution>[a-z]+))?\s*",
    re.IGNORECASE,
)


class Spread(BaseModel):
    """Uncertainty of one quantity.

    Args:
        distribution: see the module.
        below: how far the interval reaches below the value, in percent of it.
        above: how far it reaches above.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: Distribution
    below: float
    above: float

    @property
    def is_zero(self) -> bool:
        """Whether the quantity is certain."""
        return self.below == 0 and self.above == 0

    @property
    def half_width(self) -> float:
        """U of error propagation, in percent: half the 95 % interval.

        An asymmetric 95 % interval counts with the larger of its sides (IPCC 2019, page 3.19). Limits are no
        95 % interval: triangular and uniform quantities count with 1.96 standard deviations.
        """
        if self.distribution == "uniform":
            return Z95 * (self.below + self.above) / math.sqrt(12)
        if self.distribution == "triangular":
            low, high = self.below, self.above
            return Z95 * math.sqrt((low * low + high * high + low * high) / 18)
        return max(self.below, self.above)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, or the limits, as multiples of the value."""
        if self.distribution == "lognormal":
            location, scale = self._logarithmic()
            return math.exp(location - Z95 * scale), math.exp(location + Z95 * scale)
        return 1 - self.below / 100, 1 + self.above / 100

    def draw(self, generator: np.random.Generator, count: int) -> Draws:
        """``count`` multipliers of the value; the next ones of the generator's stream."""
        below, above = self.below / 100, self.above / 100
        match self.distribution:
            case "normal":
                return 1 + above / Z95 * generator.standard_normal(count)
            case "lognormal":
                location, scale = self._logarithmic()
                return np.exp(location + scale * generator.standard_normal(count))
            case "uniform":
                return 1 - below + (below + above) * generator.random(count)
            case "triangular":
                return _triangular(below, above, generator.random(count))

    def _logarithmic(self) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm of the multiplier."""
        if self.below == self.above:
            variance = math.log1p((self.above / 200) ** 2)
            return -variance / 2, math.sqrt(variance)
        low, high = math.log1p(-self.below / 100), math.log1p(self.above / 100)
        return (low + high) / 2, (high - low) / (2 * Z95)


def _triangular(below: float, above: float, uniform: Draws) -> Draws:
    """The inverse of the distribution function: rising to the value, falling behind it."""
    width = below + above
    rising = np.sqrt(uniform * width * below) - below
    falling = above - np.sqrt((1 - uniform) * width * above)
    return 1 + np.where(uniform * width < below, rising, falling)


def read_spread(given: str | Spread, symbol: str, *, keeps_sign: bool) -> Spread:
    """A statement of uncertainty.

    Args:
        given: ``5%``, ``40% lognormal``, ``-65%/+126%``, ``-10%/+20% triangular``; or a spread.
        symbol: whose it is, for errors.
        keeps_sign: whether the quantity cannot change its sign (an amount, a factor).

    Raises:
        GreenlangError: ``UNCERTAINTY_UNREADABLE``, ``UNCERTAINTY_DISTRIBUTION`` (a name that is none, or one
            that does not fit the percentages).
    """
    if isinstance(given, str):
        read = _TEXT.fullmatch(given)
        if read is None:
            raise GreenlangError(
                "UNCERTAINTY_UNREADABLE",
                "an uncertainty is a percentage of the value, or how far it reaches down and up",
                found=given,
                expected="5%, 40% lognormal, -65%/+126%, -10%/+20% triangular",
                where={"input": symbol},
            )
        below = float(read["both"] or read["below"])
        above = float(read["both"] or read["above"])
        name = (read["distribution"] or _default(below, above, symbol, keeps_sign)).lower()
        if name not in ("normal", "lognormal", "triangular", "uniform"):
            raise _misfit(symbol, "there is no such distribution here", name)
        given = Spread.model_validate({"distribution": name, "below": below, "above": above})
    _check(given, symbol, keeps_sign)
    return given


def _default(below: float, above: float, symbol: str, keeps_sign: bool) -> Distribution:
    if below == above:
        return "lognormal" if keeps_sign and above > MAX_NORMAL else "normal"
    if above > below and below < 100:
        return "lognormal"
    raise _misfit(symbol, "no distribution is assumed for this interval", f"-{below:g}%/+{above:g}%")


def _check(spread: Spread, symbol: str, keeps_sign: bool) -> None:
    found = f"-{spread.below:g}%/+{spread.above:g}% {spread.distribution}"
    if not all(math.isfinite(side) and 0 <= side <= 1e6 for side in (spread.below, spread.above)):
        raise _misfit(symbol, "the percentages lie outside what can be calculated", found)
    symmetric = spread.below == spread.above
    if spread.distribution == "normal":
        if not symmetric:
            raise _misfit(symbol, "a normal distribution is symmetric", found)
        if keeps_sign and spread.above > MAX_NORMAL:
            raise _misfit(symbol, "so wide a normal distribution would change the quantity's sign", found)
    elif spread.distribution == "lognormal":
        if not symmetric and not (spread.below < spread.above and spread.below < 100):
            raise _misfit(symbol, "a lognormal distribution reaches further up than down", found)
    elif keeps_sign and spread.below > 100:
        raise _misfit(symbol, "the lower limit would change the quantity's sign", found)


def _misfit(symbol: str, message: str, found: str) -> GreenlangError:
    return GreenlangError(
        "UNCERTAINTY_DISTRIBUTION",
        message,
        found=found,
        expected=f"normal (to {MAX_NORMAL:.0f}% for what keeps its sign), lognormal, triangular or uniform",
        hint="the IPCC advises lognormal for large and skewed ones, uniform and triangular for limits",
        where={"input": symbol},
    )
