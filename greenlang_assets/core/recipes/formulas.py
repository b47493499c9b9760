"""Recipe of the formula library.

Belongs here: what is recorded of the library, and the library behind a record.
Does not belong here: the language and the loader (``core.formulas``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import polars as pl

from greenlang_assets.core.data_root import DATA_ROOT
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.bound import Bound
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.formulas.model import Equation
from greenlang_assets.core.provenance.canonical import canonical_bytes, sha256_hex, table_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes import parameters
from greenlang_assets.core.recipes.base import (
    Made,
    Recipe,
    World,
    file_input,
    is_current,
    latest_input,
    load_table,
)
from greenlang_assets.core.recipes.factors import catalogue_of

_CODE = (
    "greenlang_assets/core/formulas",
    "greenlang_assets/core/parameters",
    "greenlang_assets/core/units.py",
    "greenlang_assets/core/recipes/formulas.py",
)
LIBRARY = "formulas/library"


def _inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    return (
        *(file_input(f"formulas/{name}", sha256) for name, sha256 in _families()),
        latest_input(world, "factors/catalogue"),
        latest_input(world, "factors/fuel_properties"),
        latest_input(world, parameters.PARAMETERS),
    )


@lru_cache(maxsize=2)
def _shipped(catalogue: Catalogue, families: tuple[tuple[str, str], ...]) -> Library:
    # The families' hashes stand for the files: as long as they are the same, so is the library.
    del families
    return Library.shipped(catalogue, parameters=parameters.shipped())


def _families() -> Iterator[tuple[str, str]]:
    for path in sorted((DATA_ROOT / "formulas").glob("*.yaml")):
        yield path.name, sha256_hex(path.read_bytes())


def _make(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    by_asset = {reference.asset: reference for reference in inputs}
    catalogue = catalogue_of(world, by_asset["factors/catalogue"], by_asset["factors/fuel_properties"])
    parameters.require_recorded(by_asset[parameters.PARAMETERS])
    library = _shipped(catalogue, tuple(_families()))
    library.validate()
    counted = library.stats()
    return Made(
        _content(library),
        facts={
            name: counted[name]
            for name in ("equations", "second_hand", "bindings", "parameter_bindings", "with_external_vector")
        },
        indexed=True,
        notes={"by family": counted["by_family"], "by domain": counted["by_domain"], "gaps": counted["gaps"]},
    )


def _by_kind(library: Library) -> Iterator[tuple[str, tuple[Equation | Bound, ...]]]:
    yield "equation", library.equations
    yield "binding", library.bindings


def _content(library: Library) -> bytes:
    """The library as a table: one row an equation or binding, its definition as canonical text."""
    rows = [
        {
            "formula_id": formula.id,
            "version": formula.version,
            "kind": kind,
            "title": formula.title,
            "sha256": formula.sha256,
            "definition": canonical_bytes(formula.record()).decode(),
        }
        for kind, formulas in _by_kind(library)
        for formula in formulas
    ]
    return table_bytes(pl.DataFrame(rows), key=["formula_id"])


RECIPE = Recipe(LIBRARY, "1.0.0", _CODE, _inputs, _make)


def library_of(world: World, reference: InputRef, catalogue: Catalogue) -> Library:
    """The library behind a record: the shipped one, proved to be the recorded one.

    The record says from which files, catalogue and code it was made; where these are the files, catalogue
    and code at hand, so is the library. Where they are not (another version of the code may well make the
    same library), it is compared row by row.

    Raises:
        GreenlangError: ``LIBRARY_NOT_RECORDED`` when the shipped library is not what was recorded.
    """
    library = _shipped(catalogue, tuple(_families()))
    if _made_from_this(world, reference) or sha256_hex(_content(library)) == reference.content_sha256:
        return library
    known = set(load_table(world, reference)["sha256"])
    other = [f.id for _, formulas in _by_kind(library) for f in formulas if f.sha256 not in known]
    raise GreenlangError(
        "LIBRARY_NOT_RECORDED",
        "the formula library at hand is not the one that is recorded",
        found=f"{len(other)} formulas that the record does not hold, first {other[:1]}",
        expected=reference.content_sha256,
        hint="materialise formulas/library first",
    )


def _made_from_this(world: World, reference: InputRef) -> bool:
    latest = world.ledger.latest(LIBRARY, None)
    return (
        latest is not None
        and latest.entry.content_sha256 == reference.content_sha256
        and is_current(RECIPE, world)
    )


def require_cited(frame: pl.DataFrame) -> None:
    """Refuse a recorded library in which a formula is another's double, uncited or untested.

    Raises:
        GreenlangError: ``LIBRARY_CONTRACT``.
    """
    doubled = frame.filter(pl.col("sha256").is_duplicated())
    bare = frame.filter(
        ~pl.col("definition").str.contains('"citation":{', literal=True)
        | ~pl.col("definition").str.contains('"vectors":[{', literal=True)
    )
    for faulty, what in ((doubled, "the same content as another"), (bare, "no citation or no test vector")):
        if faulty.height:
            raise GreenlangError(
                "LIBRARY_CONTRACT",
                f"{faulty.height} formulas have {what}",
                found=", ".join(faulty["formula_id"].head(3)),
                expected="every formula its own, cited, with a test vector",
            )
