"""The uncertainty of totals over many lines.

Belongs here: grouping lines, and what lines have in common.
Does not belong here: the lines (``batch``), one calculation (``uncertainty``).

*What lines share.* A line is a quantity times a factor. The quantities of two lines are independent. A factor
is one figure wherever it is used: its deviation is the same in every line, so that lines of one factor are
added before the factor's uncertainty is applied (IPCC 2019 Refinement, volume 1, chapter 3, page 3.21: fully
correlated categories are aggregated), and only then combined with the other factors by equation 3.2::

    half-width² = Σ over factors (U_factor · Σ of its lines)²  +  Σ over lines (U_quantity · line)²

*Monte Carlo* does the same with draws: one for each factor, and for the quantities of its lines one draw of
their sum where they are normal (a sum of independent normal quantities is normal, exactly), else one draw a
line. A factor's stream has the factor's name: in every group and every total it deviates alike.

Lines whose factor has no stated uncertainty are not treated as certain in silence: each total says how much
of it such lines are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from greenlang_assets.core.calculation.prepare import open_inputs
from greenlang_assets.core.calculation.sampling import BLOCK, block_sizes, generator, summarise
from greenlang_assets.core.calculation.spread import Z95, Draws, Spread, read_spread
from greenlang_assets.core.calculation.uncertainty import Simulation, propagated_bounds, steady
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.model import EmissionFactor
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.rounding import publish
from greenlang_assets.core.formulas.sensitivity import sensitivities
from greenlang_assets.core.provenance.canonical import content_sha256, sha256_hex

#: Quantities that are not normal are drawn line by line; a total has at most so many of them.
MAX_SEPARATE = 10_000
_RESULT = "total"


@dataclass(frozen=True)
class LineUncertainty:
    """What is uncertain in a batch.

    Args:
        activities: harmonised activity (``grid-electricity``) → uncertainty of each of its quantities.
        factors: factor id → uncertainty, in place of what the publisher states.
    """

    activities: Mapping[str, str | Spread]
    factors: Mapping[str, str | Spread]


class UncertainTotal(BaseModel):
    """A total with its 95 % bounds, in milligrams of CO2e.

    Args:
        group: what the total is of: column → value.
        figure: ``location`` or ``market``: which scope 2 figure it adds.
        lines: lines added; those outside the scopes are not.
        co2e_mg: the total.
        lower_mg: lower bound by error propagation.
        upper_mg: upper bound by error propagation.
        relative_percent: half the interval in percent of the total; None where that is zero.
        shares: ``quantities``, and factor id of each factor with a stated uncertainty → part of the variance.
        factor_unstated_mg: how much of the total comes from factors without a stated uncertainty.
        quantity_unstated_mg: how much comes from quantities without one.
        simulated_lower_mg: 2.5th percentile by Monte Carlo, where it was asked for.
        simulated_upper_mg: 97.5th percentile.
        simulated_mean_mg: mean of the draws.
        provenance_hash: hash of the lines (SHA-256 of their sorted hashes, a line each), of all
            that is stated, of draws and seed, and of these figures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: Mapping[str, str]
    figure: Literal["location", "market"]
    lines: int
    co2e_mg: int
    lower_mg: int
    upper_mg: int
    relative_percent: float | None
    shares: Mapping[str, float]
    factor_unstated_mg: int
    quantity_unstated_mg: int
    simulated_lower_mg: int | None = None
    simulated_upper_mg: int | None = None
    simulated_mean_mg: int | None = None
    provenance_hash: str = ""


def uncertain_totals(
    lines: pl.DataFrame,
    library: Library,
    stated: LineUncertainty,
    *,
    by: Sequence[str] = (),
    figure: Literal["location", "market"] = "location",
    simulation: Simulation | None = None,
    block: int = BLOCK,
) -> list[UncertainTotal]:
    """Totals of CO2e with bounds.

    Args:
        lines: contract ``lines``.
        library: the formulas that the lines were calculated by.
        stated: what is uncertain, beside what the factors' publishers state.
        by: columns of the groups, e.g. ``tenant`` and ``period``; none for one total of everything.
        figure: the scope 2 figure to add.
        simulation: Monte Carlo beside error propagation.
        block: draws that exist at one time; no result depends on it.

    Returns:
        One total for each group that has a line inside the scopes, sorted by group.

    Raises:
        GreenlangError: ``UNCERTAINTY_UNKNOWN`` for an activity or factor that no line has,
            ``UNCERTAINTY_MISSING``, ``UNCERTAINTY_NOT_LINEAR`` for a formula that is no product of quantity
            and factor, ``SIMULATION_LINES``, and those of :func:`spread.read_spread`.
    """
    column = "co2e_mg" if figure == "location" else "co2e_market_mg"
    # A line is wide, and most of it says nothing here.
    used = [*by, "activity_id", "activity", "factor_id", "formula_id", "line_sha256"]
    counted = (
        lines.lazy()
        .filter(pl.col("scope") != "outside")
        .select(*dict.fromkeys(used), pl.coalesce(column, "co2e_mg").alias("mass"))
        .collect()
    )
    if counted.is_empty():
        return []
    _check_names(lines, stated)
    factors = _factor_spreads(counted, library, stated)
    activities = {name: read_spread(text, name, keeps_sign=True) for name, text in stated.activities.items()}
    if not factors and not activities:
        raise GreenlangError(
            "UNCERTAINTY_MISSING",
            "nothing here is stated to be uncertain, which is not the same as certain",
            found="no uncertainty given, and none published with the factors",
            expected="an uncertainty of an activity or of a factor",
        )
    groups = counted.sort(*by, "activity_id").group_by(list(by), maintain_order=True) if by else None
    parts = [((), counted.sort("activity_id"))] if groups is None else list(groups)
    return [
        _total(
            dict(zip(by, map(str, names), strict=True)), part, factors, activities, figure, simulation, block
        )
        for names, part in parts
    ]


def _check_names(lines: pl.DataFrame, stated: LineUncertainty) -> None:
    for what, names in (("activity", stated.activities), ("factor_id", stated.factors)):
        known = lines[what].unique().sort().to_list()
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise GreenlangError(
                "UNCERTAINTY_UNKNOWN",
                "no line has what this uncertainty is of",
                found=", ".join(unknown),
                expected=", ".join(known[:20]),
                where={"column": what},
            )


def _factor_spreads(lines: pl.DataFrame, library: Library, stated: LineUncertainty) -> dict[str, Spread]:
    """The uncertainty of each factor that has one; every formula is checked to be a product."""
    found: dict[str, Spread] = {}
    for formula_id in lines["formula_id"].unique().sort():
        binding = library.factor_binding(formula_id)
        _check_product(binding)
        factor: EmissionFactor = binding.factor
        given = stated.factors.get(binding.factor_id)
        if given is None and factor.uncertainty_percent is not None:
            given = f"{factor.uncertainty_percent}%"
        if given is not None:
            found[binding.factor_id] = read_spread(given, binding.factor_id, keeps_sign=True)
    return found


def _check_product(binding: Binding) -> None:
    """CO2e must follow quantity and factor in proportion, at a small and at a large quantity."""
    (activity,) = open_inputs(binding)
    figures = {figure.symbol: float(figure.value) for figure in binding.figures}
    # Any positive potentials will do: they cannot make a formula linear that is not.
    gwps = {item.symbol: 10.0 for item in binding.inputs if item.role == "gwp"}
    for quantity in (1.0, 1e6):
        at = figures | {activity.symbol: quantity}
        result = sensitivities(binding, {activity.symbol: quantity, **gwps}, at)["co2e"]
        slopes = {name: result.partials.get(name, 0.0) * value for name, value in at.items()}
        quantities = slopes.pop(activity.symbol)
        for effect in (quantities, math.fsum(slopes.values())):
            if not math.isclose(effect, result.value, rel_tol=1e-9, abs_tol=0.0):
                raise GreenlangError(
                    "UNCERTAINTY_NOT_LINEAR",
                    "the uncertainty of totals is known for products of quantity and factor only",
                    found=binding.id,
                    expected="CO2e in proportion to the quantity and to the factor",
                    hint="calculate its lines one by one with an uncertainty",
                )


@dataclass(frozen=True)
class _Part:
    """The lines of one factor in one total, in milligrams.

    Args:
        factor_id: the factor.
        spread: its uncertainty, if stated.
        mass: the sum of its lines.
        half_width: half the 95 % interval of the sum of its normal quantities.
        separate: masses of lines whose quantities are not normal, with the name of each line and its spread.
    """

    factor_id: str
    spread: Spread | None
    mass: float
    half_width: float
    separate: tuple[tuple[str, float, Spread], ...]


def _total(
    group: Mapping[str, str],
    lines: pl.DataFrame,
    factors: Mapping[str, Spread],
    activities: Mapping[str, Spread],
    figure: Literal["location", "market"],
    simulation: Simulation | None,
    block: int,
) -> UncertainTotal:
    total = int(lines["mass"].cast(pl.Int128).sum())
    quantities = _quantity_variance(lines, activities)
    by_factor = {
        str(factor_id): float(part["mass"].cast(pl.Int128).sum())
        for (factor_id,), part in lines.group_by(["factor_id"], maintain_order=True)
    }
    effects = {
        factor_id: factors[factor_id].half_width / 100 * mass
        for factor_id, mass in sorted(by_factor.items())
        if factor_id in factors
    }
    half = math.hypot(math.sqrt(quantities), *effects.values())
    one_sign = bool((lines["mass"] >= 0).all()) or bool((lines["mass"] <= 0).all())
    bounds = propagated_bounds(float(total), half, keeps_sign=one_sign)
    shares = {"quantities": quantities} | {name: effect**2 for name, effect in effects.items()}
    # A float of so many milligrams may round away from the integer that it bounds.
    found = UncertainTotal(
        group=group,
        figure=figure,
        lines=lines.height,
        co2e_mg=total,
        lower_mg=min(total, publish(bounds.lower, 0)),
        upper_mg=max(total, publish(bounds.upper, 0)),
        relative_percent=steady(50 * (bounds.upper - bounds.lower) / abs(total)) if total else None,
        shares={name: steady(share / half**2) if half else 0.0 for name, share in shares.items()},
        factor_unstated_mg=_sum(lines.filter(~pl.col("factor_id").is_in(list(factors)))),
        quantity_unstated_mg=_sum(lines.filter(~pl.col("activity").is_in(list(activities)))),
    )
    if simulation is not None:
        found = found.model_copy(
            update=_simulated(total, group, _parts(lines, factors, activities), simulation, block)
            if half
            else dict.fromkeys(_SIMULATED, total)
        )
    return _sealed(found, lines, factors, activities, simulation)


#: The simulated figures of a total: lower, upper, mean.
_SIMULATED = ("simulated_lower_mg", "simulated_upper_mg", "simulated_mean_mg")


def _simulated(
    total: int, group: Mapping[str, str], parts: Sequence[_Part], simulation: Simulation, block: int
) -> dict[str, int]:
    draws = _TotalDraws(group, parts, simulation, block)
    sample = summarise(draws, {_RESULT: float(total)}, simulation.draws)[_RESULT]
    lower, upper, mean = (publish(steady(value), 0) for value in (sample.lower, sample.upper, sample.mean))
    return dict(zip(_SIMULATED, (min(total, lower), max(total, upper), mean), strict=True))


def _sum(lines: pl.DataFrame) -> int:
    return int(lines["mass"].cast(pl.Int128).sum())


def _quantity_variance(lines: pl.DataFrame, activities: Mapping[str, Spread]) -> float:
    """Sum of squares of what each line's quantity contributes, as half-widths."""
    squares = []
    for name, spread in sorted(activities.items()):
        masses = lines.filter(pl.col("activity") == name)["mass"].cast(pl.Float64)
        squares.append((spread.half_width / 100) ** 2 * math.fsum((masses * masses).to_list()))
    return math.fsum(squares)


def _parts(
    lines: pl.DataFrame, factors: Mapping[str, Spread], activities: Mapping[str, Spread]
) -> list[_Part]:
    normal = {name for name, spread in activities.items() if spread.distribution == "normal"}
    other = set(activities) - normal
    separate = lines.filter(pl.col("activity").is_in(sorted(other)))
    if separate.height > MAX_SEPARATE:
        raise GreenlangError(
            "SIMULATION_LINES",
            "so many quantities that are not normal are not drawn one by one",
            found=f"{separate.height:,} lines of " + ", ".join(sorted(other)),
            expected=f"at most {MAX_SEPARATE:,} in one total",
            hint="state a normal uncertainty, or take smaller groups; error propagation has no such limit",
        )
    parts = []
    for (factor_id,), part in lines.sort("factor_id", "activity_id").group_by(
        ["factor_id"], maintain_order=True
    ):
        half = math.sqrt(_quantity_variance(part, {name: activities[name] for name in normal}))
        rows = part.filter(pl.col("activity").is_in(sorted(other)))
        parts.append(
            _Part(
                factor_id=str(factor_id),
                spread=factors.get(str(factor_id)),
                mass=float(_sum(part)),
                half_width=half,
                separate=tuple(
                    (str(row["activity_id"]), float(row["mass"]), activities[row["activity"]])
                    for row in rows.iter_rows(named=True)
                ),
            )
        )
    return parts


class _TotalDraws:
    """Draws of a total: for each factor the sum of its lines, times the factor's deviation."""

    def __init__(
        self, group: Mapping[str, str], parts: Sequence[_Part], simulation: Simulation, block: int
    ) -> None:
        self._label = "/".join(f"{name}={value}" for name, value in sorted(group.items()))
        self._parts = parts
        self._simulation = simulation
        self._block = block

    def blocks(self) -> Iterator[Mapping[str, Draws]]:
        """The next totals."""
        seed = self._simulation.seed
        streams = [
            (
                part,
                generator(seed, f"factor/{part.factor_id}"),
                generator(seed, f"quantities/{self._label}/{part.factor_id}"),
                [(mass, spread, generator(seed, f"quantity/{name}")) for name, mass, spread in part.separate],
            )
            for part in self._parts
        ]
        for size in block_sizes(self._simulation.draws, self._block):
            total = np.zeros(size)
            for part, factor, pooled, separate in streams:
                masses = part.mass + part.half_width / Z95 * pooled.standard_normal(size)
                for mass, spread, stream in separate:
                    masses += mass * (spread.draw(stream, size) - 1)
                if part.spread is not None:
                    masses *= part.spread.draw(factor, size)
                total += masses
            yield {_RESULT: total}


def _sealed(
    total: UncertainTotal,
    lines: pl.DataFrame,
    factors: Mapping[str, Spread],
    activities: Mapping[str, Spread],
    simulation: Simulation | None,
) -> UncertainTotal:
    used = set(lines["factor_id"])
    body: dict[str, Any] = {
        "total": total.model_dump(exclude={"provenance_hash"}),
        "lines": sha256_hex("\n".join(lines["line_sha256"].sort()).encode()),
        "factors": {name: spread.model_dump() for name, spread in factors.items() if name in used},
        "activities": {name: spread.model_dump() for name, spread in activities.items()},
        "simulation": simulation.body if simulation else None,
    }
    return total.model_copy(update={"provenance_hash": content_sha256(body)})
