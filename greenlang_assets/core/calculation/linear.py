"""Formulas that are linear in their activity, as a row of coefficients.

Belongs here: recognising such a formula, and the coefficients with which ``batch_kernels`` does exactly its
float64 operations. Does not belong here: every other formula (``core.formulas.polars_compiler``).

Linear here is what the kernel can do: each gas is the activity times one or two figures; CO2e is the
activity times one or two figures, or the sum of gases times their GWPs in the order CO2, CH4, N2O. A factor
of one and a term of zero change no float64, so that a formula with less fits too. A formula that would need
its operations in another order is not linear in this sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from greenlang_assets.core.calculation import batch_layout as layout
from greenlang_assets.core.formulas.binding import Binding
from greenlang_assets.core.formulas.plan import Arithmetic, Constant, Input, Node, Scale, Step, Total
from greenlang_assets.core.formulas.rounding import PRECISION

_GAS_COLUMNS = {
    "co2": layout.CO2,
    "ch4": layout.CH4,
    "n2o": layout.N2O,
    "co2_biogenic": layout.BIOGENIC,
    "co2e": layout.CO2E,
}
#: The gases whose weighted sum CO2e may be, in the kernel's order.
_WEIGHTED = {"co2": layout.GWP_CO2, "ch4": layout.GWP_CH4, "n2o": layout.GWP_N2O}
#: Figures that a product with the activity may have.
_FACTORS = 2
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class _Product:
    """The activity, or the result of a step, times figures from left to right."""

    base: str | None
    figures: tuple[float, ...]


def coefficients(
    binding: Binding, constants: Mapping[str, float], minimum: float | None, maximum: float | None
) -> npt.NDArray[np.float64] | None:
    """The coefficients of a binding with one open input, or None where it is not linear.

    Args:
        binding: a formula whose published outputs are masses in kilograms.
        constants: its GWP inputs.
        minimum: smallest quantity allowed.
        maximum: largest quantity allowed.

    Returns:
        ``batch_layout.WIDTH`` numbers; the ratio of the units is one, for it belongs to the question.
    """
    if any(item.precision != PRECISION for item in binding.outputs if item.symbol in _GAS_COLUMNS):
        return None
    reader = _Reader({**{name: float(value) for name, value in binding.constants.items()}, **constants})
    row = np.zeros(layout.WIDTH)
    row[layout.RATIO] = 1.0
    row[layout.LOW] = -_LARGEST if minimum is None else minimum
    row[layout.HIGH] = _LARGEST if maximum is None else maximum
    for name, node in binding.plan.steps:
        if not reader.read(name, node, row):
            return None
    return row


class _Reader:
    """Reads the steps of one formula into its row."""

    def __init__(self, constants: Mapping[str, float]) -> None:
        self.constants = constants
        self.known: dict[str, float] = {}
        self.read_steps: set[str] = set()

    def read(self, name: str, node: Node, row: npt.NDArray[np.float64]) -> bool:
        value = self.constant(node)
        if value is not None:
            self.known[name] = value
            return name not in _GAS_COLUMNS
        if name not in _GAS_COLUMNS:
            return False
        self.read_steps.add(name)
        product = self.product(node)
        if product is not None and product.base is None:
            figures = [figure for figure in product.figures if figure != 1.0]
            if len(figures) > _FACTORS:
                return False
            at = _GAS_COLUMNS[name]
            row[at : at + _FACTORS] = [*figures, 1.0, 1.0][:_FACTORS]
            return True
        return name == "co2e" and self.weighted(node, row)

    def weighted(self, node: Node, row: npt.NDArray[np.float64]) -> bool:
        """CO2e as a sum of gases times one figure each, in the kernel's order."""
        places = []
        for term in _terms(node):
            product = self.product(term)
            if product is None or product.base not in _WEIGHTED:
                return False
            figures = [figure for figure in product.figures if figure != 1.0] or [1.0]
            if len(figures) != 1:
                return False
            places.append(_WEIGHTED[product.base])
            row[places[-1]] = figures[0]
        return places == sorted(set(places))

    def product(self, node: Node) -> _Product | None:
        match node:
            case Input(name):
                return None if name in self.constants else _Product(None, ())
            case Step(name):
                return _Product(name, ()) if name in self.read_steps else None
            case Scale(operand, factor):
                return _times(self.product(operand), float(factor))
            case Arithmetic("*", left, right):
                for part, other in ((left, right), (right, left)):
                    figure = self.constant(other)
                    if figure is not None:
                        return _times(self.product(part), figure)
            case Arithmetic("/", left, right):
                divisor = self.constant(right)
                if divisor:
                    return _times(self.product(left), 1.0 / divisor)
        return None

    def constant(self, node: Node) -> float | None:
        """The value of a node without the activity, by the operations of ``core.formulas.evaluate``."""
        match node:
            case Constant(value):
                return float(value)
            case Input(name):
                return self.constants.get(name)
            case Step(name):
                return self.known.get(name)
            case Scale(operand, factor):
                scaled = self.constant(operand)
                return None if scaled is None else scaled * float(factor)
            case Arithmetic(sign, left, right):
                first, second = self.constant(left), self.constant(right)
                if first is None or second is None or (sign == "/" and second == 0):
                    return None
                return {
                    "+": first + second,
                    "-": first - second,
                    "*": first * second,
                    "/": first * (1.0 / second) if second else 0.0,
                }[sign]
        return None


def _times(product: _Product | None, figure: float) -> _Product | None:
    return None if product is None else _Product(product.base, (*product.figures, figure))


def _terms(node: Node) -> tuple[Node, ...]:
    """The terms of a sum that is added from left to right."""
    match node:
        case Arithmetic("+", left, right):
            return (*_terms(left), right)
        case Total(terms):
            return terms
    return (node,)
