"""Draws and their percentiles: exact, the same for any size of block, in memory that does not grow."""

import math
import tracemalloc

import numpy as np
import pytest

from greenlang_assets.core.calculation.sampling import (
    BLOCK,
    GRAIN,
    OrderStatistics,
    block_sizes,
    generator,
    ordered_keys,
    ranks,
    summarise,
)
from greenlang_assets.core.calculation.spread import MAX_NORMAL, Spread, read_spread
from greenlang_assets.core.errors import GreenlangError


class Drawn:
    """A stream of one result."""

    def __init__(self, spread, count, block=BLOCK, seed=1):
        self.spread, self.count, self.block, self.seed = spread, count, block, seed

    def blocks(self):
        stream = generator(self.seed, "x")
        for size in block_sizes(self.count, self.block):
            yield {"y": self.spread.draw(stream, size)}

    def all(self):
        return np.concatenate([block["y"] for block in self.blocks()])


def spread(text, keeps_sign=True):
    return read_spread(text, "x", keeps_sign=keeps_sign)


SPREADS = ["5%", "60%", "378%", "-65%/+126%", "10% uniform", "-10%/+30% triangular", "-4%/+0% uniform"]


@pytest.mark.parametrize("text", SPREADS)
@pytest.mark.parametrize("count", [1_000, 65_537])
def test_percentiles_are_the_order_statistics_of_all_draws(text, count):
    stream = Drawn(spread(text), count)
    found = summarise(stream, {"y": 1.0}, count)["y"]
    everything = np.sort(stream.all())
    rank = math.ceil(count * 0.025)
    assert (found.lower, found.upper) == (everything[rank - 1], everything[count - rank])
    assert found.lower_between[0] <= found.lower <= found.lower_between[1]
    assert found.upper_between[0] <= found.upper <= found.upper_between[1]
    assert found.mean == pytest.approx(everything.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(everything.std(ddof=1), rel=1e-9)


AWKWARD = [
    [0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308, 1.0, -1.0, 1.0, 1.0],
    [-3.0, -2.0, -1.0, -2.5, -1e-300],
    [7.25] * 9,
]


@pytest.mark.parametrize("numbers", AWKWARD)
def test_any_float_finds_its_rank(numbers):
    draws = np.array(numbers)
    every = range(1, len(numbers) + 1)
    selection = OrderStatistics(every)
    for _ in range(OrderStatistics.PASSES):
        for start in range(0, len(draws), 3):
            selection.add(draws[start : start + 3])
        selection.narrow()
    assert selection.values() == sorted(numbers)
    assert (np.diff(ordered_keys(np.sort(draws)).astype(object)) >= 0).all()


def test_confidence_limits_of_a_percentile_hold_in_95_of_100_samples():
    """A lognormal's 97.5th percentile is known; its limits contain it as often as they say."""
    limit = spread("60% lognormal").interval[1]
    inside = 0
    for seed in range(400):
        low, high = summarise(Drawn(spread("60% lognormal"), 2_000, seed=seed), {"y": 1.0}, 2_000)[
            "y"
        ].upper_between
        inside += low <= limit <= high
    # The binomial standard deviation of 400 at 95 % is 4.4.
    assert 380 - 3 * 4.4 <= inside <= 400


@pytest.mark.parametrize("text", SPREADS)
def test_no_block_size_changes_anything(text):
    count = 3 * GRAIN + 17
    found = {
        summarise(Drawn(spread(text), count, block), {"y": 1.0}, count)["y"]
        for block in (GRAIN, 2 * GRAIN, BLOCK)
    }
    assert len(found) == 1


def test_a_stream_is_known_by_seed_and_name_alone():
    first = generator(1, "factor/a").standard_normal(3)
    assert (first == generator(1, "factor/a").standard_normal(3)).all()
    assert not (first == generator(2, "factor/a").standard_normal(3)).any()
    assert not (first == generator(1, "factor/b").standard_normal(3)).any()


def test_the_stream_of_the_pinned_numpy():
    """NumPy may change it with a version: then published simulations can no longer be repeated."""
    normal = [format(number, ".9g") for number in generator(1, "input/activity").standard_normal(4)]
    uniform = [format(number, ".9g") for number in generator(1, "input/activity").random(4)]
    assert normal == NORMAL
    assert uniform == UNIFORM


NORMAL = ["-1.65310573", "1.52381745", "1.12874724", "0.771859994"]
UNIFORM = ["0.105763853", "0.246370189", "0.425554421", "0.0599005421"]


def peak(count):
    stream = Drawn(spread("40% lognormal"), count)
    summarise(stream, {"y": 1.0}, 1_000 * 100)
    tracemalloc.start()
    summarise(stream, {"y": 1.0}, count)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_memory_does_not_grow_with_the_draws():
    few, many = peak(100_000), peak(1_000_000)
    assert many < 16_000_000
    assert many < few * 1.05


# --- spreads

READ = [
    ("5%", "normal", 5, 5),
    ("± 5 %", "normal", 5, 5),
    ("+/-5%", "normal", 5, 5),
    ("58%", "normal", 58, 58),
    ("59%", "lognormal", 59, 59),
    ("40% lognormal", "lognormal", 40, 40),
    ("-65%/+126%", "lognormal", 65, 126),
    ("-65% +126%", "lognormal", 65, 126),
    ("-10%..+20% triangular", "triangular", 10, 20),
    ("-4%/+0% uniform", "uniform", 4, 0),
    ("0%", "normal", 0, 0),
]


@pytest.mark.parametrize(("text", "distribution", "below", "above"), READ)
def test_what_people_write_is_read(text, distribution, below, above):
    assert spread(text) == Spread(distribution=distribution, below=below, above=above)


def test_what_may_change_its_sign_stays_normal():
    assert spread("80%", keeps_sign=False).distribution == "normal"


REFUSED = [
    ("5", "UNCERTAINTY_UNREADABLE"),
    ("5% ± 1%", "UNCERTAINTY_UNREADABLE"),
    ("-5%", "UNCERTAINTY_UNREADABLE"),
    ("nan%", "UNCERTAINTY_UNREADABLE"),
    ("5% gamma", "UNCERTAINTY_DISTRIBUTION"),
    ("80% normal", "UNCERTAINTY_DISTRIBUTION"),
    ("-5%/+6% normal", "UNCERTAINTY_DISTRIBUTION"),
    ("-20%/+10%", "UNCERTAINTY_DISTRIBUTION"),
    ("-20%/+10% lognormal", "UNCERTAINTY_DISTRIBUTION"),
    ("-100%/+200% lognormal", "UNCERTAINTY_DISTRIBUTION"),
    ("120% uniform", "UNCERTAINTY_DISTRIBUTION"),
    ("9999999% lognormal", "UNCERTAINTY_DISTRIBUTION"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_does_not_fit_is_refused(text, code):
    with pytest.raises(GreenlangError) as caught:
        spread(text)
    assert caught.value.code == code
    assert caught.value.where == {"input": "x"}


@pytest.mark.parametrize("text", SPREADS)
def test_draws_have_the_mean_and_the_interval_that_is_stated(text):
    """Lognormal with one percentage and normal keep the mean; limits are limits; percentiles percentiles."""
    stated = spread(text)
    count = 400_000
    draws = Drawn(stated, count).all()
    low, high = stated.interval
    if stated.distribution in ("uniform", "triangular"):
        assert low <= draws.min()
        assert draws.max() <= high
        # 1.96 standard deviations are what propagation takes as the half-width.
        assert 1.959964 * draws.std() * 100 == pytest.approx(stated.half_width, rel=0.01)
        return
    found = summarise(Drawn(stated, count), {"y": 1.0}, count)["y"]
    # Four standard deviations of the percentile: twice as far as its 95 % limits.
    for bound, percentile, limits in (
        (low, found.lower, found.lower_between),
        (high, found.upper, found.upper_between),
    ):
        assert abs(bound - percentile) <= limits[1] - limits[0]
    if stated.below == stated.above:
        assert draws.mean() == pytest.approx(1, abs=5 * draws.std() / math.sqrt(count))


def test_the_widest_normal_has_30_percent():
    assert pytest.approx(58.8, abs=0.01) == MAX_NORMAL


def test_ranks_mirror_each_other():
    lower, low, high, upper, upper_low, upper_high = ranks(100_000)
    assert (lower, upper) == (2_500, 97_501)
    assert (low + upper_high, high + upper_low) == (100_001, 100_001)
