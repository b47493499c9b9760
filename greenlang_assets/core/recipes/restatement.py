"""Which recorded results rest on an edition, and what they would be with another.

Belongs here: finding results and what was made of them through the ledger; calculating them again.
Does not belong here: the calculation and the differences (``core.calculation.restatement``); agents, which
the factory records. Nothing is written: a restatement is looked at before anything is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from greenlang_assets.core.calculation.restatement import (
    BaseYear,
    Restated,
    base_years,
    joined,
    restate,
)
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.editions import EditionName
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.provenance.ledger import InputRef, LedgerLink, ProvenanceEntry
from greenlang_assets.core.provenance.rows import identity
from greenlang_assets.core.provenance.verify import place
from greenlang_assets.core.recipes.base import World, load_table
from greenlang_assets.core.recipes.factors import editions_of
from greenlang_assets.core.recipes.tenants import EMISSIONS, Parts, by_programme, parts_of_calculation

#: Told while it works: what is being done now.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Restatement:
    """What depends on an edition, and the difference that another one makes.

    Attributes:
        before: ``publisher/dataset/edition@version`` that results rest on.
        after: the one in its place.
        factor_sha256s: hashes of the former edition's factor rows.
        results: recorded partitions of emissions that rest on it, with their content hashes.
        dependents: everything that was made of them, nearest first, with content hashes.
        restated: the differences.
        base_years: each tenant's base year against the threshold.
        threshold_percent: the threshold.
    """

    before: str
    after: str
    factor_sha256s: frozenset[str]
    results: tuple[tuple[str, str], ...]
    dependents: tuple[tuple[str, str], ...]
    restated: Restated
    base_years: tuple[BaseYear, ...]
    threshold_percent: float


def restatement(
    world: World,
    before: str,
    after: str,
    *,
    threshold_percent: float,
    base_year: str | None = None,
    say: Say = lambda _: None,
) -> Restatement:
    """Compare what is recorded with what another edition would give.

    Args:
        world: the installation.
        before: ``publisher/dataset/edition[@version]`` that results rest on.
        after: the edition to put in its place.
        threshold_percent: of the base year's inventory.
        base_year: a period; each tenant's first one unless told.
        say: told what is being done.

    Raises:
        GreenlangError: ``EDITION_UNKNOWN``; ``EDITIONS_SAME``; ``BASE_YEAR_UNKNOWN`` when no result is
            recorded for that period; whatever refuses a batch.
    """
    at_hand = editions_of(world)
    (name, version, rows), (other, other_version, others) = at_hand.rows(before), at_hand.rows(after)
    if (name, version) == (other, other_version):
        raise GreenlangError(
            "EDITIONS_SAME",
            "both words name the same edition in the same version",
            found=f"{name}@{version}",
            expected="two editions, or two versions of one",
            hint="`glac factors editions` lists all of them",
        )
    hashes = frozenset(identity(row) for row in rows.iter_rows(named=True))
    say("looking for results that rest on it")
    recorded = _latest(world)
    emissions = [link.entry for link in recorded.values() if link.entry.asset == EMISSIONS.asset]
    lines = {entry.content_sha256: _lines(world, entry) for entry in emissions}
    resting = [
        entry for entry in emissions if lines[entry.content_sha256]["factor_sha256"].is_in(list(hashes)).any()
    ]
    known = pl.concat(lines.values()) if lines else None
    if base_year is not None and (known is None or base_year not in known["period"]):
        periods = [] if known is None else sorted(known["period"].unique())
        raise GreenlangError(
            "BASE_YEAR_UNKNOWN",
            "no result is recorded for the base year",
            found=base_year,
            expected="one of " + ", ".join(periods) if periods else "a period with results",
            hint="`glac run` records the tenants' results",
        )
    restated = _again(world, resting, lines, before=name, after=other, rows=others, hashes=hashes, say=say)
    return Restatement(
        before=f"{name}@{version}",
        after=f"{other}@{other_version}",
        factor_sha256s=hashes,
        results=_places(resting),
        dependents=_places(_made_of(recorded.values(), resting)),
        restated=restated,
        base_years=()
        if known is None
        else base_years(known, restated.differences, threshold_percent=threshold_percent, period=base_year),
        threshold_percent=threshold_percent,
    )


def _again(
    world: World,
    entries: Iterable[ProvenanceEntry],
    lines: Mapping[str, pl.DataFrame],
    *,
    before: EditionName,
    after: EditionName,
    rows: pl.DataFrame,
    hashes: frozenset[str],
    say: Say,
) -> Restated:
    """Recorded partitions calculated from their own inputs, with the other edition's rows."""
    found: list[Restated] = []
    made: dict[frozenset[str], Parts] = {}
    for entry in entries:
        say(f"calculating {place(entry.asset, entry.partition)} again")
        tables = {reference.asset: reference for reference in entry.inputs}
        bound = frozenset(tables[asset].content_sha256 for asset in ("factors/catalogue", "formulas/library"))
        if bound not in made:
            made[bound] = with_rows(parts_of_calculation(world, tables), after, rows)
        activity = load_table(world, tables["tenants/activity"])
        programmes = by_programme(world, tables, activity, lines[entry.content_sha256])
        for method, own_activity, own_lines in programmes:
            found.append(
                restate(
                    own_lines, own_activity, method,
                    before=before, after=after, factor_sha256s=hashes, **made[bound],
                )
            )  # fmt: skip
    return joined(found)


def _latest(world: World) -> dict[tuple[str, str | None], LedgerLink]:
    """What stands now: the last record of every asset and partition, in the order of the ledger."""
    found: dict[tuple[str, str | None], LedgerLink] = {}
    for link in world.ledger.since():
        key = (link.entry.asset, link.entry.partition)
        found.pop(key, None)
        found[key] = link
    return found


def _lines(world: World, entry: ProvenanceEntry) -> pl.DataFrame:
    return load_table(world, InputRef(entry.asset, entry.partition, entry.content_sha256))


def with_rows(parts: Parts, name: EditionName, rows: pl.DataFrame) -> Parts:
    """What a calculation is made with, with exactly these rows for one edition.

    An edition that is not in force, or another version of the one that is, has no rows in the recorded
    catalogue; its formulas are bound by the same rules.
    """
    catalogue = parts["catalogue"]
    owned = (
        (pl.col("publisher") == name.publisher)
        & (pl.col("dataset") == name.dataset)
        & (pl.col("edition") == name.edition)
    )
    held = catalogue.frame.filter(owned)
    if held.sort("factor_id").equals(rows.select(held.columns).sort("factor_id")):
        return parts
    frame = pl.concat([catalogue.frame.filter(~owned), rows.select(held.columns)])
    bound = Catalogue.from_frames(frame, catalogue.properties, catalogue.gwp)
    return Parts(catalogue=bound, library=Library.shipped(bound), gwp=parts["gwp"])


def _made_of(links: Iterable[LedgerLink], entries: Iterable[ProvenanceEntry]) -> list[ProvenanceEntry]:
    """Entries that were made of some others, directly or not, in the order of the ledger."""
    reached = {entry.content_sha256 for entry in entries}
    found = []
    for link in links:
        if any(reference.content_sha256 in reached for reference in link.entry.inputs):
            reached.add(link.entry.content_sha256)
            found.append(link.entry)
    return found


def _places(entries: Iterable[ProvenanceEntry]) -> tuple[tuple[str, str], ...]:
    return tuple((place(entry.asset, entry.partition), entry.content_sha256) for entry in entries)
