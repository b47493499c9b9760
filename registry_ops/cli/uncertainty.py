"""Uncertainty on the command line: reading ``name=5%`` words, showing bounds.

Belongs here: words and tables that ``glac calculate`` and ``glac emissions run`` share.
Does not belong here: propagation and Monte Carlo (``core.calculation.uncertainty``).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from registry_ops.cli.output import console, print_table

if TYPE_CHECKING:
    from greenlang_assets.core.calculation.batch_uncertainty import UncertainTotal
    from greenlang_assets.core.calculation.uncertainty import Bounded, Simulation, UncertainResult

HELP = "Uncertainty in percent of the value; may be repeated. "
FORMS = "5%, '40% lognormal', -65%/+126%, '-10%/+20% triangular'."


def read_words(words: list[str]) -> dict[str, str]:
    """Name and percentage of each word.

    Raises:
        GreenlangError: ``UNCERTAINTY_WORD``.
    """
    from greenlang_assets.core.errors import GreenlangError

    found: dict[str, str] = {}
    for word in words:
        name, equals, text = word.rpartition("=")
        name = name.strip()
        if not equals or not name or not text.strip() or name in found:
            raise GreenlangError(
                "UNCERTAINTY_WORD",
                "an uncertainty is a name and a percentage, each name once",
                found=word,
                expected="activity=5% or factor='40% lognormal'",
            )
        found[name] = text.strip()
    return found


def simulation(draws: int | None, seed: int | None) -> Simulation | None:
    """Monte Carlo, if asked for; its seed is 1 unless said.

    Raises:
        GreenlangError: ``SIMULATION_SIZE``, ``SIMULATION_SEED``.
    """
    from greenlang_assets.core.calculation.uncertainty import Simulation
    from greenlang_assets.core.errors import GreenlangError

    if draws is None:
        if seed is not None:
            raise GreenlangError(
                "SIMULATION_SIZE",
                "a seed without draws",
                found=f"--seed {seed}",
                expected="--monte-carlo 100000",
            )
        return None
    return Simulation(draws, 1 if seed is None else seed)


def print_result(result: UncertainResult) -> None:
    """What is uncertain, and the bounds by each method."""
    print_table(
        "what is uncertain",
        ["", "interval", "distribution", "stated by"],
        [
            (item.name, f"-{item.spread.below:g} % / +{item.spread.above:g} %", item.spread.distribution,
             item.stated_by)
            for item in result.quantities
        ],
    )  # fmt: skip
    if result.unstated:
        console().print(f"taken as exact, no uncertainty being stated: {', '.join(result.unstated)}\n")
    _print_bounds("95 % bounds by error propagation", result.propagated)
    if result.simulation is not None:
        title = (
            f"95 % bounds by Monte Carlo, {result.simulation.draws:,} draws, seed {result.simulation.seed}"
        )
        _print_bounds(title, result.simulated)
    if any(item.understated for item in result.propagated):
        console().print("Above 100 % error propagation understates products; Monte Carlo does not.")
    if any(item.widened for item in result.simulated):
        console().print("A value outside its percentiles: the bounds were widened to it.")
    if result.data_quality:
        console().print(f"data quality of the factor, as its publisher rates it: {result.data_quality}")
    console().print(f"provenance hash with uncertainty {result.provenance_hash}")


def _print_bounds(title: str, items: tuple[Bounded, ...]) -> None:
    print_table(
        title,
        ["", "lower", "value", "upper", "±", "unit"],
        [
            (item.symbol, *(f"{Decimal(n).scaleb(-item.precision):,f}" for n in
             (item.lower, item.scaled, item.upper)), percent(item.relative_percent), item.unit)
            for item in items
        ],
        numeric=["lower", "value", "upper", "±"],
    )  # fmt: skip


def percent(relative: float | None) -> str:
    """Half an interval in percent, for people."""
    return "" if relative is None else f"{relative:.3g} %"


def print_totals(totals: list[UncertainTotal]) -> None:
    """Totals with their bounds, in kilograms."""

    def kilograms(milligrams: int | None) -> str:
        return "" if milligrams is None else f"{milligrams / 10**6:,.3f}"

    simulated = any(item.simulated_lower_mg is not None for item in totals)
    names = ["lower", "kg CO2e", "upper", "±", *(["simulated lower", "simulated upper"] if simulated else [])]
    print_table(
        "95 % bounds",
        ["total", "scope 2", *names, "factor uncertainty unstated"],
        [
            (" ".join(item.group.values()) or "all", item.figure, kilograms(item.lower_mg),
             kilograms(item.co2e_mg), kilograms(item.upper_mg), percent(item.relative_percent),
             *((kilograms(item.simulated_lower_mg), kilograms(item.simulated_upper_mg)) if simulated else ()),
             kilograms(item.factor_unstated_mg))
            for item in totals
        ],
        numeric=[*names, "factor uncertainty unstated"],
    )  # fmt: skip
