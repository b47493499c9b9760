"""What a release of the catalogue covers, how sound it is, and where it is thin: the figures of the report.

Belongs here: counting and measuring, pure and the same every time.
Does not belong here: what is expected of the figures (``release_expectations``), who judges them
(``resources.expectations``), the page (``release_page``).

Everything is measured over the factors that count (``stats.counted``), unless it says otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import countries
from greenlang_assets.core.factors.edition_diff import compare
from greenlang_assets.core.factors.editions import version_key
from greenlang_assets.core.factors.model import CO2E_PARTS, MASS_GASES
from greenlang_assets.core.factors.stats import count, counted
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.units import conversion

#: What the platform set out to ship.
GOAL = 50_000
#: Years in front of this one share a column of the heat map.
FIRST_YEAR = 2005
#: A figure this many times above or below the median of its like is worth a look, not necessarily wrong.
OUTLYING = 10.0
#: And at least so many median deviations away.
_FAR = 6.0
#: So many factors of one activity and unit make a median that means something.
_ENOUGH = 5

#: Activity, unit, calorific basis (None: any) -> kg CO2e that one unit can give, from the leanest blend with
#: biofuel to the heaviest product with its upstream. A GWP applied to CO2e a second time leaves each of them.
PLAUSIBLE: tuple[tuple[str, str, str | None, float, float], ...] = (
    ("diesel", "L", None, 2.0, 3.3),
    ("diesel", "gallon", None, 8.5, 11.5),
    ("motor-gasoline", "L", None, 1.8, 3.1),
    ("motor-gasoline", "gallon", None, 7.5, 11.0),
    ("lpg", "L", None, 1.3, 2.1),
    ("kerosene", "L", None, 2.3, 3.3),
    ("fuel-oil", "tonne", None, 2_900.0, 4_000.0),
    ("natural-gas", "kWh", "gross", 0.15, 0.24),
    ("natural-gas", "kWh", "net", 0.17, 0.27),
    ("natural-gas", "mmBtu", "gross", 48.0, 60.0),
    ("grid-electricity", "kWh", None, 0.0, 2.6),
    ("grid-electricity", "MWh", None, 0.0, 2_600.0),
)

#: What people look for -> which factors that is. The first that fits takes a factor.
_PATH = pl.col("activity_path").str.to_lowercase()
_UNIT = pl.col("activity_unit")
TOPICS: tuple[tuple[str, pl.Expr], ...] = (
    ("Purchases, by money spent", _UNIT.str.contains(r"^[A-Z]{3}\[\d{4}\]$")),
    ("Road vehicles, by distance", _UNIT.is_in(["vehicle_km", "vehicle_mile", "km"])),
    ("Freight, by tonne-kilometre", _UNIT.is_in(["tonne_km", "short_ton_mile", "ton_mile"])),
    ("Passengers, by distance", _UNIT.is_in(["passenger_km", "passenger_mile"])),
    ("Hotel nights", _UNIT == "room_night"),
    ("Goods under CBAM, by country of origin", pl.col("publisher") == "eu-cbam"),
    ("Food on the plate", pl.col("dataset").str.contains("food")),
    ("Grid electricity", pl.col("activity").str.contains("electricity")),
    ("Natural gas", pl.col("activity").str.contains("natural-gas|^cng|^lng")),
    ("Coal and coke", pl.col("activity").str.contains("coal|coke|anthracite|lignite")),
    (
        "Diesel, petrol, LPG, fuel oil and other liquids",
        pl.col("activity").str.contains(
            "diesel|gasoline|petrol|lpg|fuel-oil|gas-oil|kerosene|aviation|naphtha|butane|propane"
        ),
    ),
    ("Biofuels and biomass", _PATH.str.contains("bio|wood|bois|straw")),
    ("Heat, steam and cooling", _PATH.str.contains("heat and steam|steam|chaleur|froid|district")),
    ("Refrigerants", _PATH.str.contains("refrigera|fluorin|hfc|pfc|frigorig")),
    ("Waste and water", _PATH.str.contains("waste|déchet|dechet|water|eau potable|eaux us")),
    ("Farming", _UNIT.is_in(["kg[live-weight]", "ha", "head"]) | _PATH.str.contains("agri|élevage")),
    ("Materials, equipment and everything else", pl.lit(value=True)),
)


@dataclass(frozen=True)
class Release:
    """The figures of one release.

    Attributes:
        stats: the counts (``stats.count``).
        heat: one row a publisher and year: publisher, name, year, factors.
        topics: one row a topic: factors, regions, first and last year, publishers.
        licences: one row a licence: factors, publishers.
        gaps: where the catalogue is thin, the weightiest first: title and detail.
        drift: one row a dataset with two editions or more: the last against the one before it; relative
            changes are null where no figure changed in the same unit.
        outliers: factors far from the median of their like, the furthest first.
        duplicates: rows that another row of the same publication repeats in everything but its id.
        frames: what is judged, by name: one row a factor, dataset or publisher.
    """

    stats: Mapping[str, Any]
    heat: pl.DataFrame
    topics: pl.DataFrame
    licences: pl.DataFrame
    gaps: tuple[tuple[str, str], ...]
    drift: pl.DataFrame
    outliers: pl.DataFrame
    duplicates: pl.DataFrame
    frames: Mapping[str, pl.DataFrame] = field(repr=False)

    def record(self) -> dict[str, Any]:
        """The report as a record: what is hashed and kept."""
        return {
            "format": "greenlang/release-report@1",
            "stats": dict(self.stats),
            "topics": self.topics.to_dicts(),
            "licences": self.licences.to_dicts(),
            "gaps": [{"title": title, "detail": detail} for title, detail in self.gaps],
            "drift": self.drift.to_dicts(),
            "outliers": self.outliers.height,
            "duplicates": self.duplicates.height,
            "heat": self.heat.to_dicts(),
        }


def measure(
    factors: pl.DataFrame, *, further_values: int, properties: pl.DataFrame, gwp: pl.DataFrame
) -> Release:
    """Measure a catalogue.

    Args:
        factors: rows of ``FACTOR_SCHEMA``, counted and not.
        further_values: how many rows of ``VALUE_SCHEMA`` there are; nothing else of them is asked.
        properties: rows of ``PROPERTY_SCHEMA``.
        gwp: rows of ``GWP_SCHEMA``.
    """
    stats = _counted(factors, properties, gwp, further_values)
    rows = factors.filter(counted())
    judged = _with_ratios(_with_kilograms(rows), GwpTable(gwp))
    drift = _drift(rows)
    doubled = _duplicates(rows)
    found = Release(
        stats=stats,
        heat=_heat(rows),
        topics=_topics(rows),
        licences=_licences(rows),
        gaps=(),
        drift=drift,
        outliers=_outliers(judged),
        duplicates=doubled,
        frames={
            "factors": judged.with_columns(
                repeated=pl.col("factor_id").is_in(doubled["factor_id"].implode())
            ),
            "fuels": _fuels(judged),
            "drift": drift,
            "publishers": _publishers(rows),
        },
    )
    return Release(**{**vars(found), "gaps": _gaps(rows, factors, found)})


def _counted(
    factors: pl.DataFrame, properties: pl.DataFrame, gwp: pl.DataFrame, further_values: int
) -> dict[str, Any]:
    stats = count(factors, properties=properties, gwp=gwp)
    parts = {**stats["published_values_of"], "further_values": further_values}
    return {**stats, "published_values_of": parts, "published_values": sum(parts.values())}


# --- what each factor comes to


def _with_kilograms(rows: pl.DataFrame) -> pl.DataFrame:
    """``kg``: kg of CO2e per activity unit (of CO2 where no CO2e is printed), null if a unit does not read.

    ``unit_reads`` says whether every unit of the row is a mass per activity.
    """
    units = [f"{gas}_unit" for gas in (*MASS_GASES, "co2e", "other_gases")]
    scaled = rows
    for column in units:
        scaled = _scaled(scaled, column)
    broken = pl.any_horizontal(
        pl.col(unit).is_not_null() & pl.col(f"_{unit}_kg").is_null() for unit in units if unit in rows.columns
    )
    return scaled.with_columns(
        unit_reads=~broken,
        kg=pl.coalesce(pl.col("co2e") * pl.col("_co2e_unit_kg"), pl.col("co2") * pl.col("_co2_unit_kg")),
    )


def _scaled(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """With ``_<column>_kg``: what one of that unit times one activity unit is in kg."""
    pairs = rows.select(column, "activity_unit").drop_nulls().unique().sort(column, "activity_unit")
    factors: list[float | None] = []
    for unit, activity_unit in pairs.iter_rows():
        try:
            factors.append(float(conversion(f"{unit}*{activity_unit}", "kg")))
        except GreenlangError:
            factors.append(None)
    scale = pairs.with_columns(pl.Series(f"_{column}_kg", factors, dtype=pl.Float64))
    return rows.join(scale, on=[column, "activity_unit"], how="left", maintain_order="left")


def _with_ratios(rows: pl.DataFrame, gwp: GwpTable) -> pl.DataFrame:
    """Ratios that ought to be near one, and how far a figure is from its like.

    ``parts_ratio``: CO2e of the gases over the whole, where all of CO2, CH4 and N2O are printed.
    ``gwp_ratio``: masses times the GWPs of the set that the row names, over the CO2e that it prints.
    ``like_ratio``: kg over the median of the same activity, unit and calorific basis, whoever published it.
    ``outlying``: that ratio is beyond ``OUTLYING``, and many median deviations (of logarithms) lie between
    them: where all are far from each other none is an outlier. Electricity is left out of both: a grid is
    anywhere between water power and lignite.
    """
    parts = CO2E_PARTS[1:-1]
    main = ("co2e_of_co2", "co2e_of_ch4", "co2e_of_n2o")
    whole = (pl.col("co2e") > 0) & pl.all_horizontal(pl.col(name).is_not_null() for name in main)
    like = ("activity", "activity_unit", "calorific_basis")
    comparable = (
        (pl.col("_alike") >= _ENOUGH)
        & (pl.col("_median") > 0)
        & (pl.col("kg") > 0)
        & ~pl.col("activity").str.contains("electricity")
    )
    ratios = rows.with_columns(
        parts_ratio=pl.when(whole).then(
            pl.sum_horizontal(pl.col(name).fill_null(0) for name in parts) / pl.col("co2e")
        ),
        _median=pl.col("kg").median().over(like),
        _alike=pl.col("kg").count().over(like),
    ).with_columns(like_ratio=pl.when(comparable).then(pl.col("kg") / pl.col("_median")))
    away = pl.col("like_ratio").log10().abs()
    # At least two percent: identical figures have no deviation to divide by.
    spread = away / pl.max_horizontal(away.median().over(like), pl.lit(0.01))
    ratios = ratios.with_columns(
        outlying=((away > math.log10(OUTLYING)) & (spread > _FAR)).fill_null(value=False)
    )
    found = [_gwp_ratio(row, gwp) for row in _with_masses(ratios).iter_rows(named=True)]
    recomputed = pl.DataFrame(
        found, schema={"factor_id": pl.String(), "gwp_ratio": pl.Float64()}, orient="row"
    )
    return ratios.join(recomputed, on="factor_id", how="left", maintain_order="left")


def _with_masses(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(
        (pl.col("co2e") > 0)
        & pl.col("co2").is_not_null()
        & pl.col("ch4").is_not_null()
        & pl.col("n2o").is_not_null()
        & pl.col("gwp_set").is_in(["AR4", "AR5", "AR6"])
    )


def _gwp_ratio(row: Mapping[str, Any], gwp: GwpTable) -> tuple[str, float | None]:
    """The masses of a row as CO2e over its printed CO2e; None where a gas has no GWP in the set."""
    named = {"co2": "CO2", "ch4": "CH4", "n2o": "N2O", "sf6": "SF6", "nf3": "NF3"}
    masses = {named[gas]: (row[gas], row[f"_{gas}_unit_kg"]) for gas in named if row[gas] is not None}
    if row["other_gases"] is not None:
        others = json.loads(row["other_gases"])
        masses |= {gas: (float(text), row["_other_gases_unit_kg"]) for gas, text in others.items()}
    scale = row["_co2e_unit_kg"]
    if scale is None or any(unit is None for _, unit in masses.values()):
        return row["factor_id"], None
    total = (row["co2e_of_other"] or 0.0) * scale
    for gas, (mass, unit) in masses.items():
        try:
            potential = 1.0 if gas == "CO2" else gwp.value(row["gwp_set"], gas).value
        except GreenlangError:
            return row["factor_id"], None
        total += mass * unit * potential
    return row["factor_id"], total / (row["co2e"] * scale)


# --- coverage


def _heat(rows: pl.DataFrame) -> pl.DataFrame:
    name = pl.col("cite_publisher").first()
    return rows.group_by("publisher", "year").agg(name=name, factors=pl.len()).sort("publisher", "year")


def _topic() -> pl.Expr:
    fits = [pl.when(which.fill_null(value=False)).then(pl.lit(name)) for name, which in TOPICS]
    return pl.coalesce(fits).alias("topic")


def _topics(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.with_columns(_topic())
        .group_by("topic")
        .agg(
            factors=pl.len(),
            regions=pl.col("region").n_unique(),
            first_year=pl.col("year").min(),
            last_year=pl.col("year").max(),
            publishers=pl.col("publisher").unique().sort().str.join(", "),
        )
        .sort("factors", "topic", descending=[True, False])
    )


def _licences(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by(licence="cite_licence")
        .agg(factors=pl.len(), publishers=pl.col("publisher").unique().sort().str.join(", "))
        .sort("factors", descending=True)
    )


def _publishers(rows: pl.DataFrame) -> pl.DataFrame:
    return (
        rows.group_by("publisher")
        .agg(
            factors=pl.len(),
            editions=pl.struct("dataset", "edition").n_unique(),
            regions=pl.col("region").n_unique(),
            last_year=pl.col("year").max(),
            unstated=(pl.col("gwp_set") == "unstated").fill_null(value=False).mean(),
            rated=(pl.col("uncertainty_percent").is_not_null() | pl.col("data_quality").is_not_null()).mean(),
        )
        .sort("publisher")
    )


# --- soundness


def _fuels(judged: pl.DataFrame) -> pl.DataFrame:
    """Figures of things whose kg CO2e per unit is known within bounds."""
    bounds = pl.DataFrame(
        PLAUSIBLE, schema=["activity", "activity_unit", "_basis", "low", "high"], orient="row"
    )
    fits = pl.col("_basis").is_null() | (pl.col("_basis") == pl.col("calorific_basis"))
    # The bounds leave room for what comes before the tank, so they hold of life-cycle figures as well.
    plain = pl.col("activity").str.replace("-life-cycle$", "")
    return (
        judged.join(bounds, left_on=[plain, "activity_unit"], right_on=["activity", "activity_unit"])
        .filter(fits & pl.col("kg").is_not_null())
        .select("factor_id", "publisher", "activity", "activity_unit", "kg", "low", "high")
        .with_columns(in_bounds=pl.col("kg").is_between("low", "high"))
        .sort("factor_id")
    )


def _drift(rows: pl.DataFrame) -> pl.DataFrame:
    """The last edition of each dataset against the one before it."""
    found = []
    for (publisher, dataset), part in sorted(rows.partition_by("publisher", "dataset", as_dict=True).items()):
        versions = dict(part.select("edition", "version").unique().iter_rows())
        ordered = sorted(versions, key=lambda edition: version_key(versions[edition]))
        if len(ordered) < 2:
            continue
        before, after = (part.filter(edition=edition) for edition in ordered[-2:])
        diff = compare(before, after)
        change = diff.changed["relative"].drop_nulls().abs()
        found.append(
            {
                "dataset": f"{publisher}/{dataset}",
                "before": ordered[-2],
                "after": ordered[-1],
                "factors_before": before.height,
                "factors_after": after.height,
                "added": len(diff.added),
                "removed": len(diff.removed),
                "changed": diff.factors_changed,
                "median_change": change.median(),
                "largest_change": change.max(),
                "removed_share": len(diff.removed) / before.height,
            }
        )
    schema = {
        **dict.fromkeys(("dataset", "before", "after"), pl.String()),
        **dict.fromkeys(("factors_before", "factors_after", "added", "removed", "changed"), pl.Int64()),
        **dict.fromkeys(("median_change", "largest_change", "removed_share"), pl.Float64()),
    }
    return pl.DataFrame(found, schema=schema)


def _outliers(judged: pl.DataFrame) -> pl.DataFrame:
    columns = ("factor_id", "publisher", "region", "activity", "activity_unit", "kg", "like_ratio")
    return (
        judged.filter("outlying")
        .select(*columns, median="_median", _far=pl.col("like_ratio").log10().abs())
        .sort("_far", "factor_id", descending=[True, False])
        .drop("_far")
    )


def _duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the same publication, path, place, time, unit, scope and figures as another."""
    same = [
        *("publisher", "dataset", "edition", "activity_path", "region", "year", "activity_unit"),
        *("calorific_basis", "scope", *MASS_GASES, *CO2E_PARTS, "other_gases"),
    ]
    return (
        rows.filter(pl.struct(same).is_duplicated())
        .select("factor_id", "publisher", "dataset")
        .sort("factor_id")
    )


# --- where it is thin


def _gaps(rows: pl.DataFrame, factors: pl.DataFrame, found: Release) -> tuple[tuple[str, str], ...]:
    gaps = [
        *_short_of_goal(rows),
        *_missing_editions(rows),
        *_places(rows),
        *_one_sided(rows),
        *_unsaid(found.frames["publishers"], rows),
        *_aged(found.frames["publishers"]),
        *_not_counted(factors),
    ]
    return tuple(gaps)


def _short_of_goal(rows: pl.DataFrame) -> list[tuple[str, str]]:
    if rows.height >= GOAL:
        return []
    return [
        (
            f"{GOAL - rows.height:,} factors short of {GOAL:,}",
            "Aggregates, archived rows and figures beside a factor are kept but do not count.",
        )
    ]


def _missing_editions(rows: pl.DataFrame) -> list[tuple[str, str]]:
    """Years without an edition in a series that has one for most years."""
    found = []
    for (publisher, dataset), part in sorted(rows.partition_by("publisher", "dataset", as_dict=True).items()):
        years = sorted({int(edition[-4:]) for edition in part["edition"].unique() if edition[-4:].isdigit()})
        if len(years) < 3:
            continue
        absent = sorted(set(range(years[0], years[-1] + 1)) - set(years))
        # A publisher that came out every second year left nothing out.
        if 0 < len(absent) < len(years) / 2:
            listed = ", ".join(map(str, absent))
            found.append((f"{publisher}: no edition of {listed}", f"{dataset}, {years[0]} to {years[-1]}."))
    return found


def _places(rows: pl.DataFrame) -> list[tuple[str, str]]:
    known = set(countries.names().values())
    of = pl.col("region").str.slice(0, 2)
    national = rows.filter(~pl.col("region").str.contains("^(WORLD|GROUP)"))
    power = set(national.filter(pl.col("activity").str.contains("^grid-electricity")).select(of).to_series())
    fuel = set(
        national.filter(
            pl.col("activity").str.contains("^(diesel|motor-gasoline|natural-gas)(-life-cycle)?$")
        )
        .select(of)
        .to_series()
    )
    silent = sorted(known - power)
    return [
        (
            f"Fuels: only {len(fuel & known)} of {len(known)} countries and territories have their own",
            "Diesel, petrol or natural gas with a region of its own; elsewhere a neighbour's figure or the "
            "world's must be chosen, and said.",
        ),
        (
            f"Electricity: {len(silent)} of {len(known)} countries and territories have no grid factor",
            "Among them " + ", ".join(silent[:12]) + (" …" if len(silent) > 12 else ".") if silent else "",
        ),
    ]


def _one_sided(rows: pl.DataFrame) -> list[tuple[str, str]]:
    """Regions and publishers that much of the catalogue hangs on."""
    top = rows.group_by("region").len().sort("len", "region", descending=[True, False]).head(3)
    share = top["len"].sum() / max(rows.height, 1)
    if share < 0.5:
        return []
    listed = ", ".join(f"{region} {size / rows.height:.0%}" for region, size in top.iter_rows())
    return [(f"{share:.0%} of all factors describe three regions", listed + ".")]


def _unsaid(publishers: pl.DataFrame, rows: pl.DataFrame) -> list[tuple[str, str]]:
    found = []
    unstated = rows.filter(gwp_set="unstated").height
    if unstated:
        where = publishers.filter(pl.col("unstated") > 0).sort("unstated", descending=True)
        listed = ", ".join(f"{row['publisher']} {row['unstated']:.0%}" for row in where.iter_rows(named=True))
        found.append(
            (
                f"{unstated / rows.height:.0%} of the factors do not name the GWP set behind their CO2e",
                f"They must not be added to totals of a named set. {listed}.",
            )
        )
    said = pl.col("uncertainty_percent").is_not_null() | pl.col("data_quality").is_not_null()
    silent = rows.filter(~said).height
    if silent:
        rated = publishers.filter(pl.col("rated") > 0)["publisher"].to_list()
        found.append(
            (
                f"{silent / rows.height:.0%} of the factors have neither uncertainty nor quality rating",
                f"Printed only by {', '.join(rated) or 'none'}.",
            )
        )
    return found


def _aged(publishers: pl.DataFrame) -> list[tuple[str, str]]:
    newest = max(publishers["last_year"], default=0)
    aged = publishers.filter(pl.col("last_year") <= newest - 3)
    return [
        (
            f"{row['publisher']}: newest figures are of {row['last_year']}",
            f"{row['factors']:,} factors; the catalogue reaches to {newest}.",
        )
        for row in aged.iter_rows(named=True)
    ]


def _not_counted(factors: pl.DataFrame) -> list[tuple[str, str]]:
    left = factors.filter(pl.col("not_counted").is_not_null())
    if not left.height:
        return []
    reasons = left.group_by("not_counted").len().sort("len", "not_counted", descending=[True, False]).head(3)
    listed = "; ".join(f"{size:,} {reason}" for reason, size in reasons.iter_rows())
    return [(f"{left.height:,} rows are found but do not count", f"{listed}.")]
