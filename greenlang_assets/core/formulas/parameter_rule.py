"""The rule that binds an equation to rows of parameter tables: what a family file says, as checked records.

Belongs here: the shape of such a rule. Does not belong here: carrying it out (``parameter_binding``).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_Texts = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ParameterUse(_Record):
    """Which rows of which table fill one input.

    Args:
        table: id of the table.
        only: key -> cases of which a row must name one.
        over: a unit by which the figure is multiplied before it is converted, because the equation leaves it
            out: ``year`` where a figure per year fills an input of an equation about one year.
        reads_as: the table's unit without or with other brackets, where the equation does not say what the
            table says: ``kg[C]/GJ`` for a figure per net energy in an equation that names no calorific basis.
    """

    table: str
    only: dict[str, _Texts] = Field(default_factory=dict)
    over: str | None = None
    reads_as: str | None = None


def _use(value: Any) -> Any:
    return {"table": value} if isinstance(value, str) else value


class ParameterRule(_Record):
    """An equation, and for each input that a table fills, the table.

    Every combination of rows, one of each table, is a binding, as long as they agree on the keys under
    ``match``: they then have a case in common.

    Args:
        equation: id of the equation.
        parameters: input -> table, or more about its use.
        match: keys on which the rows must agree.
        members: index -> its members in this binding. An equation that sums over categories is bound for one
            category at a time: ``{category: [each]}``.
        vectors: the open inputs of each binding's worked case; one number for an indexed input is the number
            of each of its members.
    """

    equation: str
    parameters: dict[str, Annotated[ParameterUse, BeforeValidator(_use)]] = Field(min_length=1)
    match: tuple[str, ...] = ()
    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    vectors: dict[str, Any] = Field(default_factory=dict)

    @property
    def tolerance(self) -> None:
        """Exact arithmetic on the figures comes out exactly."""
        return
