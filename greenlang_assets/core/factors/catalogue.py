"""The catalogue: every factor that ships, found by identity, by question or by reference.

Belongs here: exact look-up, the opt-in fallback ladder, and errors that name what is near.
Does not belong here: the structures behind a look-up (``index``), counting (``stats``), ranking free text
(``search``), the grammar of references (``references``).

Exact by default. A fallback is asked for, goes one rung at a time, and the match says which rung it took.
Rows that their publisher has withdrawn (``not_counted`` begins with ``archived``) answer no question about
an activity: they are found by their id or by a reference, for results that were calculated with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import references, tables
from greenlang_assets.core.factors.index import FactorIndex
from greenlang_assets.core.factors.model import FACTOR_SCHEMA, Citation, EmissionFactor, FuelProperty
from greenlang_assets.core.factors.records import Records
from greenlang_assets.core.factors.references import Resolved, publisher_id
from greenlang_assets.core.factors.regions import Rung, ladder
from greenlang_assets.core.factors.search import SearchHit, SearchIndex
from greenlang_assets.core.factors.stats import count
from greenlang_assets.core.nearest import nearest

#: Columns in which rows that answer the same question can differ.
_DISTINGUISHING = (
    "publisher",
    "dataset",
    "edition",
    "year",
    "activity_unit",
    "calorific_basis",
    "scope",
    "activity_path",
)
_CITE = "cite_"


@dataclass(frozen=True, slots=True)
class Match:
    """A factor and how far it is from what was asked.

    ``matched_level`` is ``exact`` or the rung of the ladder that the region fell to (``country``, ``region
    group``, ``world``). ``year_distance`` is the year asked for less the factor's year: 2 is a factor two
    years old. The record is read from the table when ``factor`` is first asked for.
    """

    row: int
    matched_level: str
    year_distance: int
    catalogue: Catalogue = field(repr=False, compare=False)

    @property
    def factor(self) -> EmissionFactor:
        """The factor with all its figures and its citation."""
        return self.catalogue.record(self.row)


def _citation(row: Mapping[str, Any]) -> Citation:
    return Citation(**{name.removeprefix(_CITE): row[name] for name in row if name.startswith(_CITE)})


def to_factor(row: Mapping[str, Any]) -> EmissionFactor:
    """A row of ``FACTOR_SCHEMA`` as a record."""
    plain = {name: value for name, value in row.items() if not name.startswith(_CITE)}
    return EmissionFactor(**plain, citation=_citation(row))


class Catalogue:
    """Factors and fuel properties, indexed when first asked.

    Args:
        frame: rows of ``FACTOR_SCHEMA``.
        properties: rows of ``importers.base.PROPERTY_SCHEMA``.
        gwp: rows of ``importers.base.GWP_SCHEMA``, for ``ef://ipcc/gwp/…``.
        values: gives the rows of ``importers.base.VALUE_SCHEMA``; called by those who count or compare
            them, for there are more of them than factors.
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        properties: pl.DataFrame,
        gwp: pl.DataFrame | None = None,
        values: Callable[[], pl.DataFrame] | None = None,
    ) -> None:
        # One piece a column: a row of many pieces takes longer to find than to read.
        self.frame = frame.select(*FACTOR_SCHEMA).rechunk()
        self.properties = properties
        self.gwp = gwp
        self._load_values = values
        #: Former versions of editions, for references that insist on one: those that the user imported
        #: (``editions.catalogue`` adds them), those that were recorded (``core.recipes.former``).
        self.former: tuple[references.Former, ...] = ()

    @classmethod
    def shipped(cls, root: Path = tables.FACTORS_ROOT) -> Catalogue:
        """The catalogue that ships with the platform; row counts are checked against the manifest."""
        factors, properties, gwp = (tables.load(kind, root) for kind in ("factors", "properties", "gwp"))
        return cls(factors, properties, gwp, lambda: tables.load("values", root))

    @classmethod
    def from_frames(
        cls, factors: pl.DataFrame, properties: pl.DataFrame, gwp: pl.DataFrame | None = None
    ) -> Catalogue:
        """A catalogue of the given rows."""
        return cls(factors, properties, gwp)

    # --- indexes

    @cached_property
    def index(self) -> FactorIndex:
        """The rows by id and by question."""
        return FactorIndex(self.frame)

    @cached_property
    def _record(self) -> Callable[[int], EmissionFactor]:
        return Records(self.frame).record

    @cached_property
    def values(self) -> pl.DataFrame | None:
        """Published figures that are no factors of their own; None where the catalogue has no such table."""
        return None if self._load_values is None else self._load_values()

    @cached_property
    def _search(self) -> SearchIndex:
        return SearchIndex(self.frame)

    def prepare(self) -> Catalogue:
        """Build every index now, so that no first question waits for one; returns the catalogue itself."""
        index = self.index
        assert len(index.rows) == self.frame.height
        for column in _DISTINGUISHING:
            if column != "year":
                index.pin(column)
        assert self._record is not None
        # The first word in another spelling imports what compares spellings.
        self.search("electrcity")
        return self

    # --- questions

    def record(self, row: int) -> EmissionFactor:
        """The factor in a row of ``frame``."""
        return self._record(row)

    def factor(self, factor_id: str) -> EmissionFactor:
        """The factor of that id.

        Raises:
            GreenlangError: ``FACTOR_NOT_FOUND`` with the nearest ids.
        """
        row = self.index.rows.get(factor_id.lower())
        if row is None:
            raise GreenlangError(
                "FACTOR_NOT_FOUND",
                "the catalogue has no factor of that id",
                found=factor_id,
                expected="one of the nearest: " + ", ".join(nearest(factor_id.lower(), self.index.rows)),
            )
        return self.record(row)

    def lookup(
        self,
        *,
        activity: str,
        region: str,
        year: int,
        publisher: str | None = None,
        dataset: str | None = None,
        edition: str | None = None,
        activity_unit: str | None = None,
        calorific_basis: str | None = None,
        scope: str | None = None,
        activity_path: str | None = None,
        fallback: bool | Literal["region", "year"] = False,
    ) -> Match:
        """The one factor for an activity in a region and a year.

        Args:
            activity: harmonised activity, e.g. ``natural-gas``.
            region: ``US``, ``GB``, ``US-EGRID-RFCW``, ``GROUP-…`` for an aggregate as published …
            year: year of the activity. A named ``edition`` is a choice of its own: the year then selects
                nothing (unless the edition holds several) and ``year_distance`` states how far off it is.
            publisher: id or alias, e.g. ``us-epa``, ``EPA``.
            dataset: e.g. ``stationary-combustion``.
            edition: e.g. ``2024``, ``eGRID2012``.
            activity_unit: e.g. ``mmBtu``, ``kWh[gross]``; people's spellings are understood.
            calorific_basis: ``gross`` or ``net``.
            scope: ``1``, ``2``, ``3`` or ``outside``.
            activity_path: the publisher's own path, where an activity has several.
            fallback: walk the ladder: region, its country, a group that a publisher counts it to, the
                world; within a region the year, else the last year before it. ``region`` and ``year`` allow
                only the one.

        Raises:
            GreenlangError: ``FACTOR_NOT_FOUND`` naming what is near, ``FACTOR_AMBIGUOUS`` naming the
                columns in which the rows differ.
        """
        if activity_unit is not None and activity_unit.endswith(("[gross]", "[net]")):
            activity_unit, calorific_basis = activity_unit[:-1].split("[")
        pins: dict[str, str] = {}
        if publisher is not None:
            pins["publisher"] = publisher
        if dataset is not None:
            pins["dataset"] = dataset
        if edition is not None:
            pins["edition"] = edition
        if activity_unit is not None:
            pins["activity_unit"] = activity_unit
        if calorific_basis is not None:
            pins["calorific_basis"] = calorific_basis
        if scope is not None:
            pins["scope"] = scope
        if activity_path is not None:
            pins["activity_path"] = activity_path
        wider, earlier = fallback in (True, "region"), fallback in (True, "year")
        rungs = ladder(region) if wider else (Rung("exact", region),)
        found = self._candidates(activity, rungs, pins)
        if found is None:
            raise self._no_candidate(activity, region, pins, wider)
        rows, level = found
        rows = self._at_year(rows, activity, region, year, free=edition is not None, fallback=earlier)
        if len(rows) > 1:
            # A row that counts answers before one that is only kept beside it (an aggregate, a forerunner).
            rows = [row for row in rows if self.index.counted[row]] or rows
        if len(rows) > 1:
            raise self._ambiguous(rows, activity)
        row = rows[0]
        return Match(row, level, year - self.index.years[row], self)

    def _candidates(
        self, activity: str, rungs: Iterable[Rung], pins: dict[str, str]
    ) -> tuple[list[int], str] | None:
        """The rows of the first rung that has any with everything that was pinned, and the rung's name."""
        places = self.index.places.get(activity)
        if places is None:
            return None
        codes = [self._pinned(column, wanted) for column, wanted in pins.items()]
        for rung in rungs:
            rows = places.get(rung.place)
            if rows is None:
                continue
            for numbers, code in codes:
                rows = [row for row in rows if numbers[row] == code]
            if rung.publisher is not None:
                numbers, code = self._pinned("publisher", rung.publisher)
                rows = [row for row in rows if numbers[row] == code]
            if rows:
                return rows, rung.level
        return None

    def _pinned(self, column: str, wanted: str) -> tuple[list[int], int | None]:
        """The column's codes and that of the wanted text; None, which no row has, for an unknown text."""
        numbers, codes = self.index.pin(column)
        code = codes.get(wanted)
        if code is None and column == "publisher":
            code = codes.get(publisher_id(wanted))
        if code is None and column == "activity_unit":
            # People's spellings cost the unit library; the canonical one does not.
            code = codes.get(_canonical_unit(wanted))
        return numbers, code

    def not_found(self, activity: str, region: str | None = None) -> GreenlangError:
        """That an activity, or an activity in a region, has no factor; names what is near."""
        return self._no_candidate(activity, region or "", {}, fallback=False)

    def _no_candidate(
        self, activity: str, region: str, pins: dict[str, str], fallback: bool
    ) -> GreenlangError:
        """What of a question nothing answers: the activity, the first pin that leaves no row, the region."""
        places = self.index.places.get(activity)
        if places is None:
            return GreenlangError(
                "FACTOR_NOT_FOUND",
                "no factor is known for this activity",
                found=activity,
                expected="one of the nearest: " + ", ".join(nearest(activity, self.index.places)),
                hint="search the catalogue in your own words",
            )
        rows = sorted(row for at in places.values() for row in at)
        for column, wanted in pins.items():
            numbers, code = self._pinned(column, wanted)
            kept = [row for row in rows if numbers[row] == code]
            if not kept:
                known = {self.index.cell(column, row) for row in rows} - {None}
                return GreenlangError(
                    "FACTOR_NOT_FOUND",
                    f"{activity} has no factor with this {column}",
                    found=wanted,
                    expected=_some(sorted(known), wanted) or f"no {column}",
                )
            rows = kept
        regions = sorted({self.index.cell("region", row) for row in rows})
        return GreenlangError(
            "FACTOR_NOT_FOUND",
            f"{activity} has no factor for this region" + (" or any it falls back to" if fallback else ""),
            found=region,
            expected="one of " + ", ".join(nearest(region, regions)),
            hint=None if fallback else "a fallback to the country or the world must be asked for",
        )

    def _at_year(
        self, rows: list[int], activity: str, region: str, year: int, *, free: bool, fallback: bool
    ) -> list[int]:
        cells = self.index.years
        exact = [row for row in rows if cells[row] == year]
        if exact:
            return exact
        years = sorted({cells[row] for row in rows})
        if free and len(years) == 1:
            return rows
        earlier = [known for known in years if known <= year]
        if not (fallback and earlier):
            raise GreenlangError(
                "FACTOR_NOT_FOUND",
                f"{activity} in {region} has no factor for this year" + (" or before" if fallback else ""),
                found=year,
                expected="one of "
                + ", ".join(map(str, sorted(years, key=lambda known: abs(known - year))[:5])),
                hint=None
                if fallback
                else "the last year before must be asked for as a fallback, or an edition named",
            )
        return [row for row in rows if cells[row] == earlier[-1]]

    def _ambiguous(self, rows: list[int], activity: str) -> GreenlangError:
        choices = {name: {self.index.cell(name, row) for row in rows} for name in _DISTINGUISHING}
        differing = {name: sorted(map(str, cells)) for name, cells in choices.items() if len(cells) > 1}
        return GreenlangError(
            "FACTOR_AMBIGUOUS",
            f"{len(rows)} factors answer this question about {activity}",
            found="; ".join(f"{name}: {_some(cells)}" for name, cells in differing.items()),
            expected="one factor",
            hint=f"name {' or '.join(differing)}",
        )

    def fuel_property(
        self,
        *,
        activity: str,
        property: str = "heat_content",
        unit: str | None = None,
        publisher: str | None = None,
        edition: str | None = None,
    ) -> FuelProperty:
        """A published property of a fuel, e.g. its heat content in mmBtu per short ton.

        Without an edition the publisher's latest is taken: the citation says which.

        Raises:
            GreenlangError: ``FUEL_PROPERTY_NOT_FOUND``, ``FUEL_PROPERTY_AMBIGUOUS``.
        """
        found = self.properties.filter(activity=activity, property=property)
        pins = {"unit": unit, "publisher": publisher_id(publisher) if publisher else None, "edition": edition}
        for column, wanted in pins.items():
            found = found.filter(pl.col(column) == wanted) if wanted is not None else found
        if not found.height:
            raise GreenlangError(
                "FUEL_PROPERTY_NOT_FOUND",
                f"no {property} is known for this fuel",
                found=", ".join(str(part) for part in (activity, *pins.values()) if part is not None),
                expected="one of the nearest: "
                + ", ".join(nearest(activity, self.properties["activity"].unique())),
            )
        latest = found.filter(pl.col("edition") == pl.col("edition").max().over("publisher"))
        if latest.height > 1:
            raise GreenlangError(
                "FUEL_PROPERTY_AMBIGUOUS",
                f"{latest.height} rows give a {property} for {activity}",
                found="; ".join(
                    f"{row['activity_path']} ({row['unit']})" for row in latest.iter_rows(named=True)
                ),
                expected="one row",
                hint="name the unit or the publisher",
            )
        row = latest.row(0, named=True)
        plain = {name: value for name, value in row.items() if not name.startswith(_CITE)}
        return FuelProperty(**plain, citation=_citation(row))

    def resolve(self, reference: str) -> Resolved:
        """What an ``ef://`` reference names (see ``references.resolve``)."""
        return references.resolve(reference, self.frame, self.gwp, self.former)

    def search(
        self,
        text: str,
        *,
        limit: int = 20,
        publisher: str | None = None,
        region: str | None = None,
        year: int | None = None,
    ) -> list[SearchHit]:
        """Factors for free text, best first (see ``search.SearchIndex``); the rest narrows exactly."""
        known = None if publisher is None else publisher_id(publisher)
        return self._search.search(text, limit=limit, publisher=known, region=region, year=year)

    def stats(self) -> dict[str, Any]:
        """Counts of the catalogue, and the rules by which it counts (see ``stats.count``)."""
        return count(self.frame, properties=self.properties, gwp=self.gwp, values=self.values)


def region_ladder(region: str) -> list[tuple[str, str]]:
    """The rungs below a region that hold for every publisher: itself, its country, the world."""
    return [(rung.level, rung.place) for rung in ladder(region) if rung.publisher is None]


@lru_cache(maxsize=1024)
def _canonical_unit(text: str) -> str:
    from greenlang_assets.core.units import normalise_unit

    return normalise_unit(text)


def _some(texts: list[str], wanted: str | None = None, limit: int = 12) -> str:
    """Texts in a row; of very many the nearest to what was wanted, and how many more there are."""
    if len(texts) <= limit:
        return ", ".join(texts)
    chosen = texts[:limit] if wanted is None else nearest(wanted, texts, limit)
    return ", ".join(chosen) + f" and {len(texts) - limit} more"
