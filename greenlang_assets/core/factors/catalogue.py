"""The catalogue: every factor that ships, found by identity, by question or by reference.

Belongs here: exact look-up, the opt-in fallback ladder, and errors that name what is near.
Does not belong here: ranking free text (``search``), the grammar of references (``references``).

Exact by default. A fallback is asked for, goes one rung at a time, and the match says which rung it took.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import references, tables
from greenlang_assets.core.factors.model import FACTOR_SCHEMA, Citation, EmissionFactor, FuelProperty
from greenlang_assets.core.factors.references import Resolved, publisher_id
from greenlang_assets.core.factors.search import SearchHit, SearchIndex

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


@dataclass(frozen=True)
class Match:
    """A factor and how far it is from what was asked.

    ``matched_level`` is ``exact`` or the rung of the ladder that the region fell to (``country``,
    ``world``). ``year_distance`` is the year asked for less the factor's year: 2 is a factor two years old.
    """

    factor: EmissionFactor
    matched_level: str
    year_distance: int


def _citation(row: Mapping[str, Any]) -> Citation:
    return Citation(**{name.removeprefix("cite_"): row[name] for name in row if name.startswith("cite_")})


def to_factor(row: Mapping[str, Any]) -> EmissionFactor:
    """A row of ``FACTOR_SCHEMA`` as a record."""
    plain = {name: value for name, value in row.items() if not name.startswith("cite_")}
    return EmissionFactor(**plain, citation=_citation(row))


class Catalogue:
    """Factors and fuel properties, indexed when first asked.

    Args:
        frame: rows of ``FACTOR_SCHEMA``.
        properties: rows of ``importers.base.PROPERTY_SCHEMA``.
        gwp: rows of ``importers.base.GWP_SCHEMA``, for ``ef://ipcc/gwp/…``.
    """

    def __init__(
        self, frame: pl.DataFrame, properties: pl.DataFrame, gwp: pl.DataFrame | None = None
    ) -> None:
        self.frame = frame
        self.properties = properties
        self.gwp = gwp

    @classmethod
    def shipped(cls, root: Path = tables.FACTORS_ROOT) -> Catalogue:
        """The catalogue that ships with the platform; row counts are checked against the manifest."""
        return cls(*(tables.load(kind, root) for kind in ("factors", "properties", "gwp")))

    @classmethod
    def from_frames(
        cls, factors: pl.DataFrame, properties: pl.DataFrame, gwp: pl.DataFrame | None = None
    ) -> Catalogue:
        """A catalogue of the given rows."""
        return cls(factors, properties, gwp)

    # --- indexes

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {factor_id: row for row, factor_id in enumerate(self.frame["factor_id"])}

    @cached_property
    def _columns(self) -> dict[str, list[Any]]:
        return {name: self.frame[name].to_list() for name in ("region", *_DISTINGUISHING)}

    @cached_property
    def _by_activity(self) -> dict[str, list[int]]:
        index: dict[str, list[int]] = defaultdict(list)
        for row, activity in enumerate(self.frame["activity"]):
            index[activity].append(row)
        return dict(index)

    @cached_property
    def _search(self) -> SearchIndex:
        return SearchIndex(self.frame)

    # --- questions

    def factor(self, factor_id: str) -> EmissionFactor:
        """The factor of that id.

        Raises:
            GreenlangError: ``FACTOR_NOT_FOUND`` with the nearest ids.
        """
        row = self._rows.get(factor_id.lower())
        if row is None:
            raise GreenlangError(
                "FACTOR_NOT_FOUND",
                "the catalogue has no factor of that id",
                found=factor_id,
                expected="one of the nearest: " + ", ".join(_near(factor_id.lower(), self._rows)),
            )
        return to_factor(self.frame.row(row, named=True))

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
        fallback: bool = False,
    ) -> Match:
        """The one factor for an activity in a region and a year.

        Args:
            activity: harmonised activity, e.g. ``natural-gas``.
            region: ``US``, ``GB``, ``US-EGRID-RFCW`` …
            year: year of the activity. A named ``edition`` is a choice of its own: the year then selects
                nothing (unless the edition holds several) and ``year_distance`` states how far off it is.
            publisher: id or alias, e.g. ``us-epa``, ``EPA``.
            dataset: e.g. ``stationary-combustion``.
            edition: e.g. ``2024``, ``eGRID2012``.
            activity_unit: e.g. ``mmBtu``, ``kWh[gross]``; people's spellings are understood.
            calorific_basis: ``gross`` or ``net``.
            scope: ``1``, ``2``, ``3`` or ``outside``.
            activity_path: the publisher's own path, where an activity has several.
            fallback: walk the ladder: region, its country, the world; within a region the year, else the
                last year before it.

        Raises:
            GreenlangError: ``FACTOR_NOT_FOUND`` naming what is near, ``FACTOR_AMBIGUOUS`` naming the
                columns in which the rows differ.
        """
        rows = self._by_activity.get(activity)
        if rows is None:
            raise GreenlangError(
                "FACTOR_NOT_FOUND",
                "no factor is known for this activity",
                found=activity,
                expected="one of the nearest: " + ", ".join(_near(activity, self._by_activity)),
                hint="search the catalogue in your own words",
            )
        if activity_unit is not None and activity_unit.endswith(("[gross]", "[net]")):
            activity_unit, calorific_basis = activity_unit[:-1].split("[")
        pins = {
            "publisher": publisher_id(publisher) if publisher is not None else None,
            "dataset": dataset,
            "edition": edition,
            "activity_unit": activity_unit,
            "calorific_basis": calorific_basis,
            "scope": scope,
            "activity_path": activity_path,
        }
        for column, wanted in pins.items():
            if wanted is not None:
                rows = self._pin(rows, column, wanted, activity)
        rows, level = self._at_region(rows, activity, region, fallback)
        rows = self._at_year(rows, activity, region, year, free=edition is not None, fallback=fallback)
        if len(rows) > 1:
            raise self._ambiguous(rows, activity)
        factor = to_factor(self.frame.row(rows[0], named=True))
        return Match(factor, level, year - factor.year)

    def _pin(self, rows: list[int], column: str, wanted: str, activity: str) -> list[int]:
        cells = self._columns[column]
        kept = [row for row in rows if cells[row] == wanted]
        if not kept and column == "activity_unit":
            # People's spellings cost the unit library; the canonical one does not.
            from greenlang_assets.core.units import normalise_unit

            canonical = normalise_unit(wanted)
            kept = [row for row in rows if cells[row] == canonical]
        if not kept:
            known = {str(cells[row]) for row in rows if cells[row] is not None}
            raise GreenlangError(
                "FACTOR_NOT_FOUND",
                f"{activity} has no factor with this {column}",
                found=wanted,
                expected=", ".join(sorted(known)) or f"no {column}",
            )
        return kept

    def _at_region(
        self, rows: list[int], activity: str, region: str, fallback: bool
    ) -> tuple[list[int], str]:
        cells = self._columns["region"]
        for level, place in region_ladder(region) if fallback else [("exact", region)]:
            kept = [row for row in rows if cells[row] == place]
            if kept:
                return kept, level
        known = sorted({cells[row] for row in rows})
        raise GreenlangError(
            "FACTOR_NOT_FOUND",
            f"{activity} has no factor for this region" + (" or any it falls back to" if fallback else ""),
            found=region,
            expected="one of " + ", ".join(_near(region, known)),
            hint=None if fallback else "a fallback to the country or the world must be asked for",
        )

    def _at_year(
        self, rows: list[int], activity: str, region: str, year: int, *, free: bool, fallback: bool
    ) -> list[int]:
        cells = self._columns["year"]
        years = sorted({cells[row] for row in rows})
        if free and len(years) == 1:
            return rows
        earlier = [known for known in years if known <= year]
        chosen = year if year in years else earlier[-1] if fallback and earlier else None
        if chosen is None:
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
        return [row for row in rows if cells[row] == chosen]

    def _ambiguous(self, rows: list[int], activity: str) -> GreenlangError:
        choices = {name: {self._columns[name][row] for row in rows} for name in _DISTINGUISHING}
        differing = {name: sorted(map(str, cells)) for name, cells in choices.items() if len(cells) > 1}
        return GreenlangError(
            "FACTOR_AMBIGUOUS",
            f"{len(rows)} factors answer this question about {activity}",
            found="; ".join(f"{name}: {', '.join(cells)}" for name, cells in differing.items()),
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

        Without an edition the latest is taken: the citation says which.

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
                + ", ".join(_near(activity, self.properties["activity"].unique())),
            )
        latest = found.filter(pl.col("edition") == pl.col("edition").max())
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
        plain = {name: value for name, value in row.items() if not name.startswith("cite_")}
        return FuelProperty(**plain, citation=_citation(row))

    def resolve(self, reference: str) -> Resolved:
        """What an ``ef://`` reference names (see ``references.resolve``)."""
        return references.resolve(reference, self.frame, self.gwp)

    def search(self, text: str, *, limit: int = 20) -> list[SearchHit]:
        """Factors for free text, best first (see ``search.SearchIndex``)."""
        return self._search.search(text, limit=limit)

    def stats(self) -> dict[str, Any]:
        """Counts of the catalogue.

        ``total`` counts factors, one per identity with its gases as columns; ``published_values`` the
        publishers' figures in them and in the fuel properties and GWP sets. The groups count factors.
        """
        figures = [name for name, dtype in FACTOR_SCHEMA.items() if dtype == pl.Float64()]
        values = sum(self.frame[name].count() for name in figures) + self.properties.height
        return {
            "total": self.frame.height,
            "published_values": values + (0 if self.gwp is None else self.gwp.height),
            "fuel_properties": self.properties.height,
            "gwp_values": 0 if self.gwp is None else self.gwp.height,
            **{
                f"by_{name}": {str(value): count for value, count in self._count(column)}
                for name, column in (
                    ("publisher", "publisher"),
                    ("kind", "kind"),
                    ("licence", "cite_licence"),
                    ("dataset", "dataset"),
                    ("edition", "edition"),
                    ("year", "year"),
                )
            },
        }

    def _count(self, column: str) -> list[tuple[Any, int]]:
        return list(self.frame.group_by(column).len().sort(column).iter_rows())


def region_ladder(region: str) -> list[tuple[str, str]]:
    """The rungs below a region: itself, its country, the world."""
    rungs = [("exact", region)]
    if "-" in region:
        rungs.append(("country", region.split("-")[0]))
    if region != "WORLD":
        rungs.append(("world", "WORLD"))
    return rungs


def _near(text: str, known: Iterable[str], limit: int = 5) -> list[str]:
    """The known texts nearest to one that is not known."""
    from rapidfuzz import fuzz, process

    return [match for match, _, _ in process.extract(text, list(known), scorer=fuzz.WRatio, limit=limit)]
