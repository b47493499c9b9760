"""A parameter binding: one equation with rows of parameter tables put in.

Belongs here: the figures in the equation's units, which combinations of rows a rule makes.
Does not belong here: what all bindings share (``bound``), the tables (``core.parameters``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.formulas.bound import Bound, Figure, GwpSource, figure_content
from greenlang_assets.core.formulas.model import Equation
from greenlang_assets.core.formulas.parameter_rule import ParameterRule, ParameterUse
from greenlang_assets.core.parameters.model import Parameter
from greenlang_assets.core.parameters.tables import Parameters
from greenlang_assets.core.provenance.canonical import number_text
from greenlang_assets.core.units import conversion, parse_unit

#: Roles of inputs that a table may fill: everything that is neither measured by the user nor a GWP.
FILLED_ROLES = ("factor", "parameter", "property")


class ParameterBinding(Bound):
    """One equation bound to one row of each of its tables.

    Args:
        equation: the formula, its indices reduced to the members of the rule.
        origin: the formula as its source states it.
        rule: the rule that selected the rows.
        rows: column -> row, ``ef`` or for each member of an index ``ef[member]``.
        gwp: where GWP inputs of the worked case come from.
    """

    rule: ParameterRule

    def __init__(
        self,
        equation: Equation,
        origin: Equation,
        rule: ParameterRule,
        rows: Mapping[str, Parameter],
        gwp: GwpSource,
    ) -> None:
        self.parameters: tuple[Parameter, ...] = tuple({row.id: row for row in rows.values()}.values())
        super().__init__(equation, f"{origin.id}/{'+'.join(row.id for row in self.parameters)}", gwp)
        self.origin = origin
        self.rule = rule
        self.rows = rows

    @property
    def title(self) -> str:
        """Equation and cases, for people."""
        cases = "; ".join(row.label or row.row["meaning"] for row in self.parameters)
        return f"{self.equation.title}: {cases}"

    @property
    def unit(self) -> str | None:
        """An equation that a table fills names its own units."""
        return None

    @property
    def bound_symbols(self) -> tuple[str, ...]:
        """The inputs that the tables fill."""
        return tuple(self.rule.parameters)

    @property
    def cell(self) -> tuple[Any, ...]:
        """The row of each input."""
        return tuple(sorted((symbol, row.id) for symbol, row in self.rows.items()))

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """The rows' figures in the equation's units, one for each member of an indexed input.

        Raises:
            GreenlangError: ``UNIT_MISMATCH`` where a table's unit does not fit the input.
        """
        units = {item.symbol: item.unit for item in self.equation.inputs_in(None)}
        return tuple(
            self._figure(column, row, units[symbol], self.rule.parameters[symbol])
            for column, row in self.rows.items()
            for symbol in (column.partition("[")[0],)
        )

    def _figure(self, column: str, row: Parameter, unit: str, use: ParameterUse) -> Figure:
        try:
            factor = conversion(_unit_of(row, use), parse_unit(unit))
        except GreenlangError as error:
            error.where.update(formula=self.equation.id, symbol=column, parameter=row.id)
            raise
        return Figure(column, "value", float(row.value), row.unit, row.value * factor, unit, row.id)

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the hash covers: equation, members, rows, and the figures in the units used."""
        return {
            "id": self.id,
            "version": self.version,
            "equation": {"id": self.origin.id, "sha256": self.origin.sha256},
            "members": {index: list(members) for index, members in self.rule.members.items()},
            "parameters": [{"id": row.id, "sha256": row.sha256} for row in self.parameters],
            "figures": [figure_content(item) for item in self.figures],
        }

    @property
    def peer(self) -> str | None:
        """The public program that the tests run beside the equation, and so beside this binding."""
        runs = (vector.peer for vector in self.origin.vectors if vector.peer is not None)
        return next((f"{run.package} {run.version}" for run in runs), None)

    @property
    def cited(self) -> dict[str, Any]:
        """The citations of the rows, and the ranges that their source gives."""
        return {
            "parameter_citations": {row.id: row.citation for row in self.parameters},
            "ranges": {
                row.id: [number_text(float(side)) for side in row.range]
                for row in self.parameters
                if row.range is not None
            },
        }

    def citation_of(self, source_id: str) -> dict[str, Any]:
        """The citation of a row."""
        return next(row.citation for row in self.parameters if row.id == source_id)

    @property
    def licence(self) -> str:
        """Under what the figures may be used."""
        return " | ".join(sorted({row.row["cite_licence"] for row in self.parameters}))

    @cached_property
    def spreads(self) -> Mapping[str, str]:
        """Symbol -> how far the source lets its figure reach, in percent down and up.

        A range with a preferred value in it is read as the limits and the peak of a triangle, as the 2006
        Guidelines say in volume 1, page 3.23. There is none for a figure of zero, which has no percent, and
        for one without a range.
        """
        found = {}
        for figure in self.figures:
            row = next(row for row in self.parameters if row.id == figure.source_id)
            if row.range is not None and row.value > 0:
                low, high = ((side - row.value) / row.value * 100 for side in row.range)
                found[figure.symbol] = f"-{_percent(-low)}%/+{_percent(high)}% triangular"
        return found


def _percent(share: Fraction) -> str:
    return number_text(float(round(share, 6)))


def _unit_of(row: Parameter, use: ParameterUse) -> Any:
    unit = parse_unit(use.reads_as or row.unit)
    return unit * parse_unit(use.over) if use.over else unit


def bind(
    rule: ParameterRule, equation: Equation, parameters: Parameters, gwp: GwpSource
) -> Iterator[ParameterBinding]:
    """Every binding that a rule makes, in the order of its tables.

    Raises:
        GreenlangError: ``BINDING_RULE`` for a rule that names what does not exist or selects nothing.
    """
    _check(rule, equation, parameters)
    reduced = _reduced(equation, rule.members)
    indices = {item.symbol: item.index for item in equation.inputs}
    count = 0
    for rows in _combinations(rule, parameters):
        columns = {
            column: row
            for symbol, row in rows.items()
            for column in _columns(symbol, reduced.indices.get(indices[symbol] or ""))
        }
        count += 1
        yield ParameterBinding(reduced, equation, rule, columns, gwp)
    if not count:
        found = ", ".join(rule.parameters)
        raise _refused(rule, "the rule selects no rows", found, "at least one row of each")


def _columns(symbol: str, members: Sequence[str] | None) -> list[str]:
    """The columns of an input: itself, or one for each member of its index."""
    return [symbol] if members is None else [f"{symbol}[{member}]" for member in members]


def _reduced(equation: Equation, members: Mapping[str, Sequence[str]]) -> Equation:
    """The equation over other members of its indices; made anew, because an equation keeps its plans."""
    if not members:
        return equation
    fields = {name: getattr(equation, name) for name in Equation.model_fields}
    return Equation.model_construct(**{**fields, "indices": {**equation.indices, **members}})


def _combinations(rule: ParameterRule, parameters: Parameters) -> Iterator[dict[str, Parameter]]:
    found: list[tuple[dict[str, Parameter], dict[str, frozenset[str]]]] = [({}, {})]
    for symbol, use in rule.parameters.items():
        rows = [row for row in parameters.of(use.table) if _selected(row, use)]
        found = [
            ({**taken, symbol: row}, agreed)
            for taken, shared in found
            for row in rows
            if (agreed := _agreed(shared, row, rule.match)) is not None
        ]
    for taken, _ in found:
        yield taken


def _selected(row: Parameter, use: ParameterUse) -> bool:
    return all(row.keys[key] & set(cases) for key, cases in use.only.items())


def _agreed(
    shared: Mapping[str, frozenset[str]], row: Parameter, match: Sequence[str]
) -> dict[str, frozenset[str]] | None:
    """The cases that a row has in common with those before it; None where there are none."""
    agreed = dict(shared)
    for key in match:
        if key in row.keys:
            agreed[key] = agreed[key] & row.keys[key] if key in agreed else row.keys[key]
            if not agreed[key]:
                return None
    return agreed


def _check(rule: ParameterRule, equation: Equation, parameters: Parameters) -> None:
    symbols = {item.symbol: item for item in equation.inputs if item.role in FILLED_ROLES and not item.rows}
    if equation.is_generic:
        raise _refused(rule, "the equation leaves its unit of activity open", equation.id, "units of its own")
    for index, members in rule.members.items():
        if index not in equation.indices or not members:
            raise _refused(rule, "the equation has no such index", index, ", ".join(equation.indices))
    for symbol, use in rule.parameters.items():
        if symbol not in symbols:
            raise _refused(rule, "tables fill factors, parameters and properties", symbol, ", ".join(symbols))
        rows = parameters.of(use.table)
        if not rows:
            raise _refused(rule, "no parameter table is called so", use.table, ", ".join(parameters.tables))
        strange = [key for key in use.only if key not in rows[0].keys]
        if strange:
            raise _refused(rule, "the table has no such key", strange[0], ", ".join(rows[0].keys))
        if use.reads_as is not None and _bare(use.reads_as) != _bare(rows[0].unit):
            raise _refused(rule, "a figure may be read with other brackets only", use.reads_as, rows[0].unit)


def _bare(unit: str) -> str:
    return parse_unit(re.sub(r"\[[^\]]*\]", "", unit)).text


def _refused(rule: ParameterRule, message: str, found: str, expected: str) -> GreenlangError:
    where = {"equation": rule.equation}
    return GreenlangError("BINDING_RULE", message, found=found, expected=expected, where=where)
