"""The uncertainty of one calculation: error propagation, and Monte Carlo with a fixed seed.

Belongs here: which quantities are uncertain, and from them bounds for every output.
Does not belong here: distributions (``spread``), random streams and percentiles (``sampling``), totals of
many lines (``batch_uncertainty``).

Sources: 2006 IPCC Guidelines for National Greenhouse Gas Inventories, volume 1, chapter 3, by equation; the
2019 Refinement of the same chapter.

*Error propagation* (approach 1). A result's half-width is the root of the sum of squares over the uncertain
quantities, each the derivative of the result by the quantity, times its value, times its U. For a product
that is equation 3.1, for a sum equation 3.2, for every other expression the first order of the same
propagation. What one quantity does through several figures is added with its sign before it is squared. Up
to a standard deviation of 30 % the bounds lie symmetrically; beyond, where the result cannot change its
sign, they are those of a lognormal distribution by equations 3.5 to 3.7.

*Not applied* is the correction factor of equation 3.3. It was fitted to totals of products of similarly large
uncertainties; of 1 % and 227 % it would make 377 %, where the product has 227 %. Above 100 % the result says
that propagation understates products, and Monte Carlo needs no correction.

*Monte Carlo* (approach 2). Every uncertain quantity is drawn independently, the compiled formula is computed
for each draw, and the bounds are the 2.5th and the 97.5th percentile, which are widened to the value itself
where a formula is so far from linear that its value lies outside them (``widened`` says so).

*Correlation.* Independent or one and the same, as in approach 1 (2019 Refinement, page 3.21): all figures of
a factor rise and fall together unless a figure is given an uncertainty of its own.

*Data quality* is not scored. The published schemes (GHG Protocol scope 3 standard, ILCD and PEF, pedigree
matrix) rate technology, time, place, completeness and reliability of each activity figure, and the activity
tables carry none of these ratings. The factor's own rating is passed on as its publisher prints it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from greenlang_assets.core.calculation.model import CalculationResult
from greenlang_assets.core.calculation.prepare import Formula, bounds_of, open_inputs
from greenlang_assets.core.calculation.sampling import BLOCK, block_sizes, generator, summarise
from greenlang_assets.core.calculation.spread import MAX_NORMAL, Draws, Spread, read_spread
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.evaluate import evaluate_float
from greenlang_assets.core.formulas.model import FormulaInput, FormulaOutput
from greenlang_assets.core.formulas.parameter_binding import ParameterBinding
from greenlang_assets.core.formulas.plan import Plan
from greenlang_assets.core.formulas.polars_compiler import compile_polars
from greenlang_assets.core.formulas.rounding import publish
from greenlang_assets.core.formulas.sensitivity import Sensitivity, sensitivities
from greenlang_assets.core.formulas.values import Value, read_values
from greenlang_assets.core.provenance.canonical import content_sha256

#: The name under which all figures of a factor are given an uncertainty at once.
FACTOR = "factor"
MIN_DRAWS, MAX_DRAWS = 1_000, 100_000_000
#: Half-width in percent above which propagation understates products (section 3.7.3).
_UNDERSTATED = 100.0


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Simulation:
    """Monte Carlo: how many draws from which seed. Both are part of what is hashed.

    Raises:
        GreenlangError: ``SIMULATION_SIZE``, ``SIMULATION_SEED``.
    """

    draws: int
    seed: int = 1

    def __post_init__(self) -> None:
        if not MIN_DRAWS <= self.draws <= MAX_DRAWS:
            raise GreenlangError(
                "SIMULATION_SIZE",
                "so many draws are not made",
                found=self.draws,
                expected=f"{MIN_DRAWS:,} to {MAX_DRAWS:,}",
                hint="the IPCC names 10,000; 100,000 fix each bound to half a percent of the interval",
            )
        if not 0 <= self.seed < 2**63:
            raise GreenlangError(
                "SIMULATION_SEED", "this is no seed", found=self.seed, expected="an integer from 0 to 2^63-1"
            )

    @property
    def body(self) -> dict[str, Any]:
        """What identifies the draws."""
        return {"method": "monte-carlo", "draws": self.draws, "seed": self.seed, "generator": "numpy.PCG64"}


class UncertainQuantity(_Frozen):
    """Something of the calculation that is uncertain, by itself.

    Args:
        name: what the caller calls it: an input, a figure, ``factor``.
        columns: columns of the formula that it multiplies, all by the same draw.
        spread: distribution and interval.
        stated_by: ``caller`` or ``publisher`` (of the factor).
        stream: name of its random stream.
    """

    name: str
    columns: tuple[str, ...]
    spread: Spread
    stated_by: Literal["caller", "publisher"]
    stream: str


class Bounded(_Frozen):
    """An output with its 95 % bounds; integers as in :class:`PublishedQuantity`.

    Args:
        relative_percent: half the interval in percent of the value; None where the value is zero.
    """

    symbol: str
    unit: str
    precision: int
    scaled: int
    lower: int
    upper: int
    relative_percent: float | None

    @model_validator(mode="after")
    def _contains(self) -> Self:
        if not self.lower <= self.scaled <= self.upper:
            raise ValueError("bounds that do not contain the value")
        return self


class Propagated(Bounded):
    """Bounds by error propagation.

    Args:
        shares: uncertain quantity → its part of the variance, between 0 and 1.
        distribution: ``normal`` (symmetric) or ``lognormal`` bounds.
        understated: above 100 %, where propagation understates products (IPCC 2006, section 3.7.3).
    """

    distribution: Literal["normal", "lognormal"] = "normal"
    shares: Mapping[str, float] = Field(default_factory=dict)
    understated: bool = False


class Simulated(Bounded):
    """Bounds by Monte Carlo.

    Args:
        mean: mean of the draws, which a skewed formula has elsewhere than its value.
        deviation: standard deviation of the draws.
        lower_between: where the 2.5th percentile lies with 95 % confidence, given the number of draws.
        upper_between: the same for the 97.5th.
        widened: whether a bound is the value itself, because both percentiles lay on one side of it.
    """

    mean: int
    deviation: int
    lower_between: tuple[int, int]
    upper_between: tuple[int, int]
    widened: bool = False


class UncertainResult(_Frozen):
    """A calculation with bounds.

    Args:
        result: the calculation, exactly as without uncertainty: its hash is the same.
        quantities: what is uncertain.
        unstated: columns that are taken as exact because nobody stated an uncertainty.
        propagated: bounds of every output by error propagation.
        simulation: draws and seed; None where no Monte Carlo was asked for.
        simulated: bounds of every output by Monte Carlo.
        data_quality: the factor's rating as its publisher prints it.
        provenance_hash: SHA-256 of :attr:`body`.
    """

    result: CalculationResult
    quantities: tuple[UncertainQuantity, ...]
    unstated: tuple[str, ...] = ()
    propagated: tuple[Propagated, ...]
    simulation: Simulation | None = None
    simulated: tuple[Simulated, ...] = ()
    data_quality: str | None = None
    provenance_hash: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """The hashed body: the calculation by its hash, what is uncertain, draws, seed and bounds."""
        return {
            "calculation": self.result.provenance_hash,
            "quantities": [item.model_dump() for item in self.quantities],
            "unstated": self.unstated,
            "propagated": [item.model_dump() for item in self.propagated],
            "simulation": self.simulation.body if self.simulation else None,
            "simulated": [item.model_dump() for item in self.simulated],
        }

    def sealed(self) -> UncertainResult:
        """The same with its provenance hash."""
        return self.model_copy(update={"provenance_hash": content_sha256(self.body)})


# --- what is uncertain


def uncertain_quantities(
    formula: Formula,
    values: Mapping[str, Value],
    given: Mapping[str, str | Spread],
    gwp_set: str | None = None,
) -> tuple[UncertainQuantity, ...]:
    """What is uncertain in a calculation: what the caller states, and what the factor's publisher states.

    Args:
        formula: an equation or binding.
        values: column → value of everything that the formula leaves open.
        given: input, figure or GWP symbol → its uncertainty; ``factor`` stands for all figures of the
            factor that are not named, an indexed symbol for each of its members by itself.
        gwp_set: the set, for the names of the GWPs' streams.

    Raises:
        GreenlangError: ``UNCERTAINTY_UNKNOWN`` for a name that is not there, ``UNCERTAINTY_MISSING`` where
            nothing is uncertain, ``UNCERTAINTY_OUT_OF_BOUNDS``, and those of :func:`spread.read_spread`.
    """
    known = _names(formula, values, gwp_set)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise GreenlangError(
            "UNCERTAINTY_UNKNOWN",
            f"{unknown[0]} is nothing that can be uncertain in this calculation",
            found=", ".join(unknown),
            expected=", ".join(known),
            where={"formula": formula.id},
        )
    found: dict[str, UncertainQuantity] = {}
    taken: set[str] = set()
    # The narrower name wins: a member before its input, a figure before the factor.
    for name in sorted(given, key=lambda name: (name == FACTOR, not known[name].together, name)):
        place = known[name]
        spread = read_spread(given[name], name, keeps_sign=place.keeps_sign)
        groups = [place.columns] if place.together else [(column,) for column in place.columns]
        for columns in groups:
            left = tuple(column for column in columns if column not in taken)
            if left:
                taken.update(left)
                label = name if place.together else left[0]
                found[label] = _quantity(label, left, spread, "caller", place)
    for symbol, text in (formula.spreads if isinstance(formula, ParameterBinding) else {}).items():
        if symbol not in taken and FACTOR not in given:
            spread = read_spread(text, symbol, keeps_sign=True)
            found[symbol] = _quantity(symbol, (symbol,), spread, "publisher", known[symbol])
    published = formula.factor.uncertainty_percent if isinstance(formula, Binding) else None
    if published is not None and FACTOR not in given:
        place = known[FACTOR]
        left = tuple(column for column in place.columns if column not in taken)
        spread = read_spread(f"{published}%", FACTOR, keeps_sign=True)
        if left:
            found[FACTOR] = _quantity(FACTOR, left, spread, "publisher", place)
    if not found:
        raise GreenlangError(
            "UNCERTAINTY_MISSING",
            "nothing here is stated to be uncertain, which is not the same as certain",
            found="no uncertainty given, and none published with the factor",
            expected="an uncertainty of " + ", ".join(known),
            where={"formula": formula.id},
        )
    quantities = tuple(found[name] for name in sorted(found))
    _check_bounds(formula, values, quantities)
    return quantities


@dataclass(frozen=True)
class _Place:
    """What a name stands for: columns, whether they move together, whether they keep their sign, stream."""

    columns: tuple[str, ...]
    stream: str
    together: bool = True
    keeps_sign: bool = True


def _names(formula: Formula, values: Mapping[str, Value], gwp_set: str | None) -> dict[str, _Place]:
    names: dict[str, _Place] = {}
    for item in open_inputs(formula):
        if item.role == "key":
            continue
        cells = _columns(item, formula)
        keeps = item.min is not None and item.min >= 0
        names |= {cell: _Place((cell,), f"input/{cell}", keeps_sign=keeps) for cell in cells}
        if item.index is not None:
            names[item.symbol] = _Place(cells, f"input/{item.symbol}", together=False, keeps_sign=keeps)
    if isinstance(formula, Binding):
        figures = tuple(figure.symbol for figure in formula.figures)
        stream = f"factor/{formula.factor_id}"
        names |= {symbol: _Place((symbol,), f"{stream}/{symbol}") for symbol in figures}
        names[FACTOR] = _Place(figures, stream)
    elif isinstance(formula, ParameterBinding):
        # A figure that two inputs take is one figure: it has one stream, whatever takes it.
        names |= {
            item.symbol: _Place((item.symbol,), f"parameter/{item.source_id}") for item in formula.figures
        }
    for item in formula.inputs:
        if item.role == "gwp" and item.symbol in values:
            names[item.symbol] = _Place((item.symbol,), f"gwp/{gwp_set}/{item.symbol}")
    return names


def _unstated(formula: Formula, values: Mapping[str, Value], stated: set[str]) -> tuple[str, ...]:
    places = _names(formula, values, None).values()
    return tuple(sorted({column for place in places for column in place.columns} - stated))


def _columns(item: FormulaInput, formula: Formula) -> tuple[str, ...]:
    if item.index is None:
        return (item.symbol,)
    return tuple(f"{item.symbol}[{member}]" for member in formula.equation.indices[item.index])


def _quantity(
    name: str,
    columns: tuple[str, ...],
    spread: Spread,
    by: Literal["caller", "publisher"],
    place: _Place,
) -> UncertainQuantity:
    stream = place.stream if place.together else f"input/{name}"
    return UncertainQuantity(name=name, columns=columns, spread=spread, stated_by=by, stream=stream)


def _check_bounds(
    formula: Formula, values: Mapping[str, Value], quantities: Sequence[UncertainQuantity]
) -> None:
    """An interval that leaves what the formula is made for is refused: draws are never cut off.

    IPCC 2006, page 3.24: truncation changes the mean; a fitting distribution is the better answer.
    """
    limits = {
        column: bounds_of(item, column)
        for item in open_inputs(formula)
        if item.role != "key"
        for column in _columns(item, formula)
    }
    for quantity in quantities:
        for column in quantity.columns:
            value = values.get(column)
            if column not in limits or not isinstance(value, int | float):
                continue
            for side in quantity.spread.interval:
                try:
                    limits[column].check(value * side)
                except GreenlangError as error:
                    raise GreenlangError(
                        "UNCERTAINTY_OUT_OF_BOUNDS",
                        f"the interval of {column} leaves what the formula is made for",
                        found=error.found,
                        expected=error.expected,
                        hint="state how far it reaches down and up: -4%/+0% uniform",
                        where={"input": column},
                    ) from None


# --- bounds


def with_uncertainty(
    result: CalculationResult,
    formula: Formula,
    values: Mapping[str, Value],
    quantities: Sequence[UncertainQuantity],
    simulation: Simulation | None = None,
    *,
    block: int = BLOCK,
) -> UncertainResult:
    """A calculation with bounds for each of its outputs.

    Args:
        result: the calculation.
        formula: what was calculated.
        values: what it was calculated from: the open inputs, keys and GWPs.
        quantities: what is uncertain (:func:`uncertain_quantities`).
        simulation: Monte Carlo, if asked for.
        block: draws that exist at one time, a multiple of :data:`sampling.GRAIN`; no result depends on it.

    Raises:
        GreenlangError: ``UNCERTAINTY_UNDEFINED`` where some draws have no result, ``FORMULA_UNDEFINED``
            where the value has no derivative, ``NUMBER_OVERFLOW``.
    """
    columns = {column for quantity in quantities for column in quantity.columns}
    # The value is the published one; a derivative is not published and may differ in its last bits.
    published = evaluate_float(formula, values)
    found = {
        name: replace(result, value=published[name])
        for name, result in sensitivities(formula, values, columns).items()
    }
    _, numbers, keys = read_values(formula, values)
    uncertain = [quantity for quantity in quantities if not quantity.spread.is_zero]
    simulated: tuple[Simulated, ...] = ()
    if simulation is not None:
        draws = _FormulaDraws(formula, numbers, keys, uncertain, simulation, found, block)
        simulated = tuple(_simulate(formula.outputs, found, draws))
    factor = formula.factor if isinstance(formula, Binding) else None
    return UncertainResult(
        result=result,
        quantities=tuple(quantities),
        unstated=_unstated(formula, values, columns),
        propagated=tuple(
            _propagate(output, found[output.symbol], numbers, uncertain) for output in formula.outputs
        ),
        simulation=simulation,
        simulated=simulated,
        data_quality=factor.data_quality if factor else None,
    ).sealed()


def _propagate(
    output: FormulaOutput,
    found: Sensitivity,
    numbers: Mapping[str, Fraction],
    quantities: Sequence[UncertainQuantity],
) -> Propagated:
    parts = {
        quantity.name: math.fsum(
            found.partials.get(column, 0.0) * float(numbers[column]) for column in quantity.columns
        )
        * (quantity.spread.half_width / 100)
        for quantity in quantities
    }
    half = math.hypot(*parts.values()) if parts else 0.0
    bounds = propagated_bounds(found.value, half, keeps_sign=found.sign != 0)
    shares = {name: steady((part / half) ** 2) if half else 0.0 for name, part in parts.items()}
    return Propagated(
        **_published(output, found.value, bounds.lower, bounds.upper),
        distribution=bounds.distribution,
        shares=shares,
        understated=found.value != 0 and 100 * half > _UNDERSTATED * abs(found.value),
    )


@dataclass(frozen=True)
class PropagatedBounds:
    """Lower and upper bound and the distribution behind them."""

    lower: float
    upper: float
    distribution: Literal["normal", "lognormal"]


def propagated_bounds(value: float, half: float, *, keeps_sign: bool) -> PropagatedBounds:
    """Bounds from a half-width: symmetric, or lognormal by equations 3.5 to 3.7 where it is large.

    Args:
        value: the value.
        half: half of the 95 % interval, in the unit of the value.
        keeps_sign: whether what it is the value of cannot change its sign.
    """
    relative = 100 * half / abs(value) if value else 0.0
    if keeps_sign and relative > MAX_NORMAL:
        spread = Spread(distribution="lognormal", below=relative, above=relative)
        lower, upper = sorted(value * side for side in spread.interval)
        # The mean of a lognormal beyond 4 * 10^5 % lies above its 97.5th percentile.
        return PropagatedBounds(min(lower, value), max(upper, value), "lognormal")
    return PropagatedBounds(value - half, value + half, "normal")


def _simulate(
    outputs: Sequence[FormulaOutput], found: Mapping[str, Sensitivity], draws: _FormulaDraws
) -> Iterator[Simulated]:
    centre = {name: found[name].value for name in draws.results}
    samples = summarise(draws, centre, draws.simulation.draws) if centre else {}
    for output in outputs:
        value = found[output.symbol].value
        if output.symbol not in samples:
            scaled = publish(value, output.precision)
            yield Simulated(
                **_published(output, value, value, value), mean=scaled, deviation=0,
                lower_between=(scaled, scaled), upper_between=(scaled, scaled),
            )  # fmt: skip
            continue
        sample = samples[output.symbol]
        lower, upper = steady(sample.lower), steady(sample.upper)

        def scale(number: float, precision: int = output.precision) -> int:
            return publish(steady(number), precision)

        yield Simulated(
            **_published(output, value, min(lower, value), max(upper, value)),
            mean=scale(sample.mean),
            deviation=scale(sample.deviation),
            lower_between=(scale(sample.lower_between[0]), scale(sample.lower_between[1])),
            upper_between=(scale(sample.upper_between[0]), scale(sample.upper_between[1])),
            widened=not lower <= value <= upper,
        )


def _published(output: FormulaOutput, value: float, lower: float, upper: float) -> dict[str, Any]:
    # Rounding keeps order, so that bounds which contain the value contain it when all are published.
    return {
        "symbol": output.symbol,
        "unit": output.unit,
        "precision": output.precision,
        "scaled": publish(value, output.precision),
        "lower": publish(lower, output.precision),
        "upper": publish(upper, output.precision),
        "relative_percent": steady(50 * (upper - lower) / abs(value)) if value else None,
    }


def steady(number: float) -> float:
    """Nine significant digits: what does not depend on the last bits of a C library's ``exp``."""
    return float(f"{number:.9g}")


class _FormulaDraws:
    """The outputs of a formula for draws of its uncertain columns."""

    def __init__(
        self,
        formula: Formula,
        numbers: Mapping[str, Fraction],
        keys: Mapping[str, str],
        quantities: Sequence[UncertainQuantity],
        simulation: Simulation,
        found: Mapping[str, Sensitivity],
        block: int,
    ) -> None:
        self.simulation = simulation
        self._quantities = quantities
        self._keys = keys
        self._block = block
        drawn = {column for quantity in quantities for column in quantity.columns}
        self._centre = {column: float(numbers[column]) for column in drawn}
        self.results = [name for name, result in found.items() if drawn & set(result.partials)]
        plan: Plan = formula.plan
        constants = {column: number for column, number in numbers.items() if column not in drawn}
        compiled = compile_polars(plan, constants)
        self._expressions = [compiled[name] for name in self.results]

    def blocks(self) -> Iterator[Mapping[str, Draws]]:
        """The next results, computed by the formula's compiled expressions."""
        streams = [
            (quantity, generator(self.simulation.seed, quantity.stream)) for quantity in self._quantities
        ]
        texts = [pl.lit(text).alias(key) for key, text in self._keys.items()]
        for size in block_sizes(self.simulation.draws, self._block):
            columns: dict[str, Draws] = {}
            for quantity, stream in streams:
                multiplier = quantity.spread.draw(stream, size)
                columns |= {column: self._centre[column] * multiplier for column in quantity.columns}
            results = pl.DataFrame(columns).with_columns(texts).select(self._expressions)
            self._check(results)
            yield {name: results[name].to_numpy() for name in self.results}

    def _check(self, results: pl.DataFrame) -> None:
        finite = pl.all_horizontal(pl.all().is_finite().fill_null(False))
        lost = results.height - int(results.select(finite.sum()).item())
        if lost:
            raise GreenlangError(
                "UNCERTAINTY_UNDEFINED",
                "some draws have no result, and leaving them out would shift the others",
                found=f"{lost:,} of {results.height:,}",
                expected="a result for every draw",
                hint="state an uncertainty that stays where the formula is defined: uniform or triangular",
            )
