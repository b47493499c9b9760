"""Recipe of the parameter tables: default figures of official methods that equations are bound to.

Belongs here: what is recorded of them. Does not belong here: the tables (``core.parameters``), the formulas
made of them (``core.recipes.formulas``).

The tables ship; their source is a Python package that is not part of the project. Provenance ends at the
package's SHA-256, the table and the line in it, and at the printed table that it transcribes.
"""

from __future__ import annotations

from functools import lru_cache

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.parameters import tables
from greenlang_assets.core.parameters.contract import require_sound
from greenlang_assets.core.parameters.definitions import DEFINITIONS, PARAMETERS_ROOT
from greenlang_assets.core.parameters.model import PARAMETER_KEY
from greenlang_assets.core.parameters.tables import Parameters
from greenlang_assets.core.provenance.canonical import sha256_hex, table_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes.base import Made, Recipe, World, file_input

PARAMETERS = "formulas/parameters"
_CODE = (
    "greenlang_assets/core/parameters",
    "greenlang_assets/core/units.py",
    "greenlang_assets/core/recipes/parameters.py",
)


def _inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del world, partition
    _, manifest = _shipped(_stamp())
    definitions = sha256_hex((PARAMETERS_ROOT / DEFINITIONS).read_bytes())
    return (
        file_input(str(manifest.source["file"]), str(manifest.source["sha256"])),
        file_input(f"parameters/{DEFINITIONS}", definitions),
    )


def _make(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del world, partition, inputs
    parameters, manifest = _shipped(_stamp())
    require_sound(parameters.frame)
    return Made(
        table_bytes(parameters.frame, key=PARAMETER_KEY),
        facts={
            "rows": parameters.frame.height,
            "tables": len(parameters.tables),
            "source": manifest.source["package"],
            "licence": " | ".join(parameters.frame["cite_licence"].unique().sort()),
        },
        indexed=True,
        notes={"read, compared with the printed tables, left out": manifest.counts},
    )


RECIPE = Recipe(PARAMETERS, "1.0.0", _CODE, _inputs, _make)


def shipped() -> Parameters:
    """The shipped tables, proved to be those of their manifest; read once as long as it is the same."""
    return _shipped(_stamp())[0]


def require_recorded(reference: InputRef) -> None:
    """Refuse to go on where the shipped tables are not the recorded ones.

    Raises:
        GreenlangError: ``PARAMETERS_NOT_RECORDED``.
    """
    found = _shipped(_stamp())[1].content_sha256
    if found != reference.content_sha256:
        raise GreenlangError(
            "PARAMETERS_NOT_RECORDED",
            "the parameter tables at hand are not those that are recorded",
            found=found,
            expected=reference.content_sha256,
            hint=f"materialise {PARAMETERS} first",
        )


def _stamp() -> str:
    return sha256_hex((PARAMETERS_ROOT / tables.MANIFEST).read_bytes())


@lru_cache(maxsize=1)
def _shipped(stamp: str) -> tuple[Parameters, tables.Manifest]:
    # The manifest's hash stands for the table, whose hash is in it.
    del stamp
    frame, manifest = tables.read()
    return Parameters(frame), manifest
