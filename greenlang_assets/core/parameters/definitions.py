"""What the parameter tables are: ``data/parameters/tables.yaml``, read and checked.

Belongs here: the shape of that file. Does not belong here: the figures.

Each entry names a table of the source, the printed table it holds, its unit with what the figure is about,
and what of it is taken. The source repeats a printed figure for every case of its own finer lists; ``merge``
puts such repetitions back together, so that a row is a figure and not a copy of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.strict_yaml import load

PARAMETERS_ROOT = DATA_ROOT / "parameters"
DEFINITIONS = "tables.yaml"

_Texts = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Printed(_Record):
    """A document of the publisher, and the stem of the text file of its pages for who checks against it."""

    document: str
    edition: str
    url: str
    pages: str


class TableDefinition(_Record):
    """One table.

    Args:
        id: our name, ``ipcc2019.v4.table10.14.ef``.
        source: the source's table, e.g. ``agriculture/livestock_manure/par_ef``.
        printed: key of the document.
        table: number of the printed table, or several where one list of the source was printed in parts; the
            source must cite it.
        cited: ``<edition>:<table>`` as the source cites it, where that is another table than the one that
            the figures were found in.
        symbol: the parameter's symbol there.
        meaning: what it is, in words.
        unit: our text of the unit; the source's must be the same but for what stands in brackets.
        keys: our key -> the source's column or columns (joined by a space).
        only: source column -> the values that are taken; all where a column is not named.
        without: source column -> values that are not taken.
        differ: cases, each by some of the source's columns, whose figure was seen to be another one in print.
        names: source column -> what a value is called here, where the source names a case by an example.
        merge: keys along which rows with the same figures are one row.
        line: keys that the printed table spreads over a line: figures that differ in them only are looked for
            on one line of its text, all others anywhere in it.
        marks: whether footnote marks stick to the figures in the text of the page.
        percent: whether the figure is printed in percent where the source has a fraction.
        zeros: whether zeros are figures of the table; otherwise they stand for its empty cells.
        ranges: whether the source's ranges are taken.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")
    source: str
    printed: str
    table: str
    symbol: str
    meaning: str
    unit: str
    cited: str | None = Field(default=None, pattern=r"^\d{4}:[\w.]+$")
    keys: dict[str, _Texts] = Field(default_factory=dict)
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    without: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    differ: tuple[dict[str, str], ...] = ()
    names: dict[str, dict[str, str]] = Field(default_factory=dict)
    merge: tuple[str, ...] = ()
    line: tuple[str, ...] = ()
    marks: bool = False
    percent: bool = False
    zeros: bool = False
    ranges: bool = True


class Definitions(_Record):
    """The whole file."""

    publisher: str
    licence: str
    documents: dict[str, Printed]
    tables: tuple[TableDefinition, ...]
    doubts: dict[str, str] = Field(default_factory=dict)


def read_definitions(root: Path = PARAMETERS_ROOT) -> Definitions:
    """The definitions of the shipped tables.

    Raises:
        GreenlangError: ``PARAMETER_DEFINITIONS`` naming the first fault.
    """
    path = root / DEFINITIONS
    document = load(path.read_text("utf-8"), max_bytes=1 << 20, max_nodes=1 << 20)
    try:
        found = Definitions.model_validate(document.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _fault(str(first["msg"]), ".".join(map(str, first["loc"]))) from None
    _require_sound(found.tables, found.documents)
    return found


def _require_sound(tables: tuple[TableDefinition, ...], documents: Mapping[str, Printed]) -> None:
    seen: set[str] = set()
    for table in tables:
        if table.id in seen:
            raise _fault("two tables have the same id", table.id)
        if table.printed not in documents:
            raise _fault("no document is called so", table.printed)
        strange = [key for key in (*table.merge, *table.line) if key not in table.keys]
        if strange:
            raise _fault("merge or line names no key of the table", f"{table.id}: {strange[0]}")
        seen.add(table.id)


def _fault(message: str, found: str) -> GreenlangError:
    expected, where = "sound definitions", {"file": DEFINITIONS}
    return GreenlangError("PARAMETER_DEFINITIONS", message, found=found, expected=expected, where=where)
