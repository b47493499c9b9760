"""Properties of uncertainty: bounds contain values, scale with them, and add as variances do."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.calculation.uncertainty import Simulation

ENGINE = CalculationEngine.shipped()
GAS = (
    "epa.cccl.stationary.heat-content/us-epa/stationary-combustion/2024/"
    "natural-gas-natural-gas/us/2024/mmbtu/gross"
)
AR5 = CalculationContext(gwp_set="AR5")
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DRAWS = 20_000

percents = st.floats(min_value=0, max_value=200).map(lambda value: round(value, 3))
small = st.floats(min_value=0.1, max_value=50).map(lambda value: round(value, 3))
quantities = st.floats(min_value=1e-3, max_value=1e6)
NAMES = ("activity", "factor", "ef_ch4", "gwp_n2o")


@st.composite
def statements(draw):
    """Uncertainties of some of a calculation's quantities, each of any distribution that fits."""
    stated = {}
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True)):
        kind = draw(st.sampled_from(["", "lognormal", "skewed", "uniform", "triangular"]))
        percent = draw(percents)
        if kind == "skewed":
            stated[name] = f"-{min(percent / 3, 99):.3f}%/+{percent:.3f}%"
        elif kind in ("uniform", "triangular"):
            stated[name] = f"-{min(percent, 100):.3f}%/+{draw(percents):.3f}% {kind}"
        else:
            stated[name] = f"{percent:.3f}% {kind}".strip()
    return stated


def ask(quantity, stated, draws=None, seed=1):
    return ENGINE.calculate_with_uncertainty(
        GAS, {"activity": quantity}, AR5, stated, draws and Simulation(draws, seed)
    )


def co2e(items):
    return next(item for item in items if item.symbol == "co2e")


@QUICK
@given(quantities, statements(), st.integers(0, 2**63 - 1))
def test_bounds_contain_the_value_and_the_calculation_stays_what_it_is(quantity, stated, seed):
    found = ask(quantity, stated, 1_000, seed)
    assert found.result == ENGINE.calculate(GAS, {"activity": quantity}, AR5)
    for items in (found.propagated, found.simulated):
        for item, output in zip(items, found.result.outputs, strict=True):
            assert (item.symbol, item.scaled) == (output.symbol, output.scaled)
            assert item.lower <= item.scaled <= item.upper


@QUICK
@given(quantities, st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
def test_no_uncertainty_has_no_width(quantity, names):
    found = ask(quantity, dict.fromkeys(names, "0%"), 1_000)
    for item in (*found.propagated, *found.simulated):
        assert item.lower == item.scaled == item.upper
        assert item.relative_percent in (0, None)


@QUICK
@given(statements(), st.sampled_from([0.5, 2.0, 1000.0]))
def test_bounds_scale_with_the_quantity(stated, times):
    """The formula is proportional to its quantity, and the draws are the same."""
    one, other = ask(1000, stated, 1_000), ask(1000 * times, stated, 1_000)
    for mine, theirs in zip(
        (*one.propagated, *one.simulated), (*other.propagated, *other.simulated), strict=True
    ):
        for side in ("lower", "upper"):
            # Nine digits, and one rounding to the sixth decimal on either side.
            assert getattr(theirs, side) == pytest.approx(
                times * getattr(mine, side), rel=1e-8, abs=1 + times
            )


@QUICK
@given(small, small)
def test_independent_uncertainties_add_in_quadrature(first, second):
    found = co2e(ask(1000, {"activity": f"{first}%", "factor": f"{second}%"}).propagated)
    expected = math.hypot(first, second)
    if expected < 58:
        assert found.relative_percent == pytest.approx(expected, rel=1e-6)
    assert sum(found.shares.values()) == pytest.approx(1, abs=1e-8)


@QUICK
@given(small)
def test_what_is_one_quantity_adds_linearly(percent):
    """All figures of a factor are one quantity: CO2e has its percentage, not a smaller one."""
    together = co2e(ask(1000, {"factor": f"{percent}%"}).propagated).relative_percent
    apart = co2e(
        ask(1000, {f"ef_{gas}": f"{percent}%" for gas in ("co2", "ch4", "n2o")}).propagated
    ).relative_percent
    assert together == pytest.approx(percent, rel=1e-6)
    assert apart < together


@QUICK
@given(percents, percents)
def test_more_uncertainty_never_narrows(first, second):
    less, more = sorted((first, second))
    narrow = co2e(ask(1000, {"activity": "5%", "factor": f"{less}%"}).propagated)
    wide = co2e(ask(1000, {"activity": "5%", "factor": f"{more}%"}).propagated)
    # Where the bounds turn lognormal, at 58.8 %, the interval is that of 57.0 %.
    assert wide.relative_percent >= narrow.relative_percent - 2


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 58), st.integers(0, 10_000))
def test_both_methods_agree_where_the_formula_is_linear(percent, seed):
    """One normal quantity in a formula that is proportional to it: percentiles within their sampling error.

    Four standard deviations of a percentile, of which its 95 % limits are about two either way.
    """
    found = ask(1000, {"activity": f"{percent:.3f}% normal"}, DRAWS, seed)
    exact, drawn = co2e(found.propagated), co2e(found.simulated)
    for bound, percentile, limits in (
        (exact.lower, drawn.lower, drawn.lower_between),
        (exact.upper, drawn.upper, drawn.upper_between),
    ):
        assert abs(bound - percentile) <= 1.2 * (limits[1] - limits[0])
    assert drawn.mean == pytest.approx(drawn.scaled, abs=5 * drawn.deviation / math.sqrt(DRAWS))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 10), st.floats(0.5, 10), st.integers(0, 10_000))
def test_both_methods_agree_for_small_uncertainties_of_a_product(first, second, seed):
    found = ask(1000, {"activity": f"{first:.3f}%", "factor": f"{second:.3f}%"}, DRAWS, seed)
    exact, drawn = co2e(found.propagated), co2e(found.simulated)
    # Sampling error of 20,000 draws (2 % of the half-width) and the product's second order.
    assert drawn.relative_percent == pytest.approx(exact.relative_percent, rel=0.05)
