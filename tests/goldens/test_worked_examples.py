"""Worked examples that somebody verified, each through the engine with the factors that ship.

``worked_examples.csv`` says what comes out and who says so; ``worked_example_calculations.csv`` says how
each is asked of the engine, and which publisher's table its factor is read from.
"""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from greenlang_assets.core.calculation.engine import CalculationEngine
from greenlang_assets.core.calculation.model import CalculationContext
from greenlang_assets.core.calculation.prepare import open_inputs
from greenlang_assets.core.units import parse_unit

HERE = Path(__file__).parent
#: Verified examples that cannot be calculated, and why.
EXCEPTED = {"W19": "the default of IPCC 2006 V3 Table 4.1 is in no publisher's file that is at hand"}


def read(name):
    with (HERE / name).open(encoding="utf-8", newline="") as stream:
        return {row["id"]: row for row in csv.DictReader(stream)}


EXAMPLES = read("worked_examples.csv")
CALCULATIONS = read("worked_example_calculations.csv")


@pytest.fixture(scope="module")
def engine():
    return CalculationEngine.shipped()


def test_every_verified_example_is_calculated_or_excepted():
    assert {row["status"] for row in EXAMPLES.values()} == {"verified"}
    assert set(CALCULATIONS) | set(EXCEPTED) == set(EXAMPLES)
    assert not set(CALCULATIONS) & set(EXCEPTED)


@pytest.mark.parametrize("name", CALCULATIONS)
def test_a_worked_example_comes_out_as_stated(engine, name):
    example, how = EXAMPLES[name], CALCULATIONS[name]
    context = CalculationContext(gwp_set=how["gwp_set"] or None)
    (quantity,) = open_inputs(engine.formula(how["formula_id"]))
    result = engine.calculate(how["formula_id"], {quantity.symbol: how["activity"]}, context)
    output = result.output(how["output"])
    stated = Decimal(example["expected"])
    assert parse_unit(output.unit) == parse_unit(example["unit"])
    if example["tolerance"] == "exact":
        assert output.value == stated
    else:
        assert abs(output.value - stated) <= Decimal(example["tolerance"])
    document = how["factor_from"].partition(",")[0].removesuffix(" (flat file)")
    factors = [figure for figure in result.figures if figure.kind == "factor"]
    assert factors
    edition = document.rsplit(" ", 1)[-1]
    assert all(figure.citation["edition"] == edition for figure in factors)
