"""``glac calculate``: one calculation with its proof.

Belongs here: reading ``name=value`` words, showing the result.
Does not belong here: arithmetic (``core.calculation``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry_ops.cli import in_force, uncertainty
from registry_ops.cli.output import console, print_json, print_table

if TYPE_CHECKING:
    from greenlang_assets.core.calculation.engine import CalculationEngine
    from greenlang_assets.core.calculation.model import CalculationResult


def calculate(
    formula: Annotated[str, typer.Argument(help="Id of a binding, an equation, or a factor that is bound.")],
    inputs: Annotated[
        list[str], typer.Argument(help='Inputs: activity=1000, or with a unit activity="500 therm".')
    ],
    gwp: Annotated[str | None, typer.Option(help="GWP set: AR4, AR5 or AR6.")] = None,
    gas: Annotated[str | None, typer.Option(help="Gas of a formula for any gas: HFC-134a, SF6 …")] = None,
    unit: Annotated[
        str | None, typer.Option(help="Unit of activity, where a formula leaves it open.")
    ] = None,
    spreads: Annotated[
        list[str] | None,
        typer.Option(
            "--uncertainty",
            metavar="NAME=PERCENT",
            help=f"{uncertainty.HELP}NAME is an input, a figure or factor: activity=5%. {uncertainty.FORMS}",
        ),
    ] = None,
    draws: Annotated[
        int | None, typer.Option("--monte-carlo", metavar="DRAWS", help="Bounds by so many draws as well.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the draws, part of the hash; 1 unless said.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of tables.")] = False,
) -> int:
    """Calculate one formula; every figure is cited and the result carries its hash."""
    from greenlang_assets.core.calculation.model import CalculationContext
    from greenlang_assets.core.errors import GreenlangError

    if gwp is not None and gwp.upper() not in ("AR4", "AR5", "AR6"):
        raise GreenlangError("GWP_SET_UNKNOWN", "no such GWP set", found=gwp, expected="AR4, AR5 or AR6")
    engine = in_force.engine()
    context = CalculationContext.model_validate(
        {"gwp_set": gwp.upper() if gwp else None, "gas": gas, "activity_unit": unit}
    )
    formula_id, given = _formula_id(engine, formula), dict(map(_input, inputs))
    simulation = uncertainty.simulation(draws, seed)
    if not spreads and simulation is None:
        result = engine.calculate(formula_id, given, context)
        bounds = None
    else:
        stated = uncertainty.read_words(spreads or [])
        bounds = engine.calculate_with_uncertainty(formula_id, given, context, stated, simulation)
        result = bounds.result
    if as_json:
        print_json(result.as_dict() | ({"uncertainty": bounds.as_dict()} if bounds else {}))
    else:
        _print(result)
        if bounds:
            uncertainty.print_result(bounds)
    return 0


def _input(word: str) -> tuple[str, float | str]:
    from greenlang_assets.core.errors import GreenlangError

    name, equals, value = word.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise GreenlangError(
            "INPUT_WORD",
            "an input is a name and a value",
            found=word,
            expected='activity=1000 or activity="500 therm"',
        )
    try:
        return name.strip(), float(value)
    except ValueError:
        return name.strip(), value.strip()


def _formula_id(engine: CalculationEngine, word: str) -> str:
    """A factor's id stands for the formula that is bound to it."""
    from greenlang_assets.core.errors import GreenlangError

    if "/" not in word:
        return word
    try:
        return engine.library.binding(word).id
    except GreenlangError as missing:
        if not (engine.catalogue.frame["factor_id"] == word).any():
            raise missing from None
        return engine.library.find_binding(factor_id=word).id


def _print(result: CalculationResult) -> None:
    print_table(
        f"{result.formula_id}  {result.formula_version}"
        + (f"  GWP {result.gwp_set}" if result.gwp_set else ""),
        ["", "given", "as the formula takes it"],
        [
            (item.symbol, f"{item.given:.15g} {item.given_unit}", f"{item.quantity:.15g} {item.unit}")
            for item in result.inputs
        ],
        numeric=["given", "as the formula takes it"],
    )
    print_table(
        "result",
        ["", "quantity", "unit"],
        [(item.symbol, f"{item.value:,f}", item.unit) for item in result.outputs],
        numeric=["quantity"],
    )
    print_table(
        "figures and where they were published",
        ["", "published", "source"],
        [(figure.symbol, figure.published, _source(figure.citation)) for figure in result.figures],
        folded=["source", "published"],
    )
    console().print(f"provenance hash {result.provenance_hash}")


def _source(citation: Any) -> str:
    return f"{citation['publisher']}: {citation['document']}, {citation['table']}, row {citation['row']}"
