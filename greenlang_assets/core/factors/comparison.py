"""One activity across publishers and years: every factor in one unit, beside what was printed.

Belongs here: choosing the unit, exact conversion, CO2e by a named GWP set, and what is left out and why.
Does not belong here: tables and plots (``glac``), finding one factor (``catalogue``).

Figures come to one unit by exact unit conversion alone. What would need a property of the fuel (litres to
kWh) or a calorific basis that its publisher does not state is left out with the reason, never estimated.
CO2e is the publisher's own, with the publisher's GWP set beside it; only when the caller names a set is it
made from the masses of gases, and then for every factor that gives them. No total is made of part of the
gases silently: the gases behind each figure are named.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.factors.index import current
from greenlang_assets.core.factors.model import MASS_GASES
from greenlang_assets.core.gwp import GWP_SETS, GwpTable
from greenlang_assets.core.provenance.canonical import exact, number_text
from greenlang_assets.core.units import conversion, parse_unit

#: Column of a mass -> the gas whose GWP it takes. Biogenic CO2 is outside every total. Of AR6's three values
#: for methane, the one that tells no origin apart stands for methane whose origin the row does not tell.
_GAS = {
    "co2": "CO2",
    "ch4": "CH4",
    "ch4_biogenic": "CH4_non_fossil",
    "n2o": "N2O",
    "sf6": "SF6",
    "nf3": "NF3",
}
_LABEL = {
    "co2": "CO2",
    "ch4": "CH4",
    "ch4_biogenic": "biogenic CH4",
    "n2o": "N2O",
    "sf6": "SF6",
    "nf3": "NF3",
}
#: Publishers print no more digits than these.
_DIGITS = 8
_ENERGY = parse_unit("kWh").dimension
NO_CO2E = "gives masses of gases and no CO2e: name a GWP set"
NO_MASSES = "its CO2e is made with another GWP set, and it gives no masses"
NO_CO2 = "gives no carbon dioxide: a part of the gases is no total"
OTHER_QUANTITY = "is per another quantity"
NO_GWP = "the GWP set has no value for one of its gases"
_COLUMNS = (
    "factor_id",
    "publisher",
    "dataset",
    "edition",
    "activity_path",
    "region",
    "year",
    "activity_unit",
    "calorific_basis",
    "scope",
    "gwp_set",
    "co2e",
    "co2e_of_other",
    "co2e_unit",
    *(name for gas in (*MASS_GASES, "other_gases") for name in (gas, f"{gas}_unit")),
    "not_counted",
    "cite_licence",
)


@dataclass(frozen=True)
class Compared:
    """One factor of a comparison.

    ``value`` is in kg CO2e per unit of the comparison. ``gases`` says what it is made of: ``as published``,
    or the gases whose masses were multiplied by the GWPs of ``gwp_set``.
    """

    factor_id: str
    publisher: str
    dataset: str
    edition: str
    activity_path: str
    region: str
    year: int
    value: float
    gwp_set: str
    gases: str
    printed_unit: str
    calorific_basis: str | None
    scope: str | None
    not_counted: str | None
    licence: str

    @property
    def text(self) -> str:
        """The value for people: as printed, or six digits of what a conversion gives."""
        text = number_text(self.value)
        return text if len(text.replace(".", "").strip("0")) <= _DIGITS else f"{self.value:.6g}"


@dataclass(frozen=True)
class Comparison:
    """Factors of one activity in one unit, sorted by publisher, dataset, path, region and year.

    ``left_out`` counts what could not be compared, by reason.
    """

    activity: str
    unit: str
    region: str | None
    gwp_set: str | None
    rows: tuple[Compared, ...]
    left_out: Mapping[str, int]

    @property
    def figure_unit(self) -> str:
        """The unit of every value."""
        return f"kg CO2e/{self.unit}"

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "activity": self.activity,
            "unit": self.figure_unit,
            "region": self.region,
            "gwp_set": self.gwp_set,
            "factors": [asdict(row) for row in self.rows],
            "left_out": dict(self.left_out),
        }


class _Incomparable(Exception):
    """Why a factor is left out."""


def compare(
    catalogue: Catalogue,
    activity: str,
    *,
    unit: str | None = None,
    region: str | None = None,
    gwp_set: str | None = None,
    gwp: GwpTable | None = None,
) -> Comparison:
    """Every factor of an activity that its publisher has not withdrawn, in one unit.

    Args:
        catalogue: where to look.
        activity: harmonised activity, e.g. ``diesel``.
        unit: of activity, e.g. ``kWh[gross]``, ``litre``; without one, that of most factors.
        region: only this region's factors.
        gwp_set: ``AR4``, ``AR5`` or ``AR6``: CO2e is made from masses with it.
        gwp: table of GWPs; the shipped one by default.

    Raises:
        GreenlangError: ``FACTOR_NOT_FOUND`` for an unknown activity or region, ``GWP_SET_UNKNOWN``,
            ``COMPARISON_EMPTY`` where nothing can be compared, and those of ``core.units`` for a unit.
    """
    if gwp_set is not None and gwp_set not in GWP_SETS:
        raise GreenlangError(
            "GWP_SET_UNKNOWN", "there is no such set of GWPs", found=gwp_set, expected=", ".join(GWP_SETS)
        )
    rows = _factors(catalogue, activity, region)
    chosen = _usual_unit(rows, gwp_set) if unit is None else parse_unit(unit).text
    table = gwp or GwpTable.shipped()
    compared: list[Compared] = []
    left_out: Counter[str] = Counter()
    for row in rows.iter_rows(named=True):
        try:
            compared.append(_compared(row, chosen, gwp_set, table))
        except _Incomparable as reason:
            left_out[str(reason)] += 1
    if not compared:
        raise GreenlangError(
            "COMPARISON_EMPTY",
            f"no factor of {activity} can be given in kg CO2e per {chosen}",
            found="; ".join(f"{count} {reason}" for reason, count in sorted(left_out.items())),
            expected="one of the units " + ", ".join(sorted({_quantity(row) for row in rows.to_dicts()})),
            hint="name another unit, or a GWP set for factors that are masses of gases",
        )
    return Comparison(activity, chosen, region, gwp_set, tuple(compared), dict(sorted(left_out.items())))


def _factors(catalogue: Catalogue, activity: str, region: str | None) -> pl.DataFrame:
    places = catalogue.index.places
    if activity not in places or (region is not None and region not in places[activity]):
        raise catalogue.not_found(activity, region)
    rows = catalogue.frame.select(*_COLUMNS, "activity").filter(
        (pl.col("activity") == activity) & current(catalogue.frame)
    )
    if region is not None:
        rows = rows.filter(pl.col("region") == region)
    return rows.sort("publisher", "dataset", "activity_path", "region", "year", "edition", "factor_id")


def _usual_unit(rows: pl.DataFrame, gwp_set: str | None) -> str:
    """Of the quantity that most factors with a CO2e are per, the unit that most of them use."""
    with_co2e = rows if gwp_set else rows.filter(pl.col("co2e").is_not_null())
    counts = Counter(_quantity(row) for row in (with_co2e if with_co2e.height else rows).to_dicts())
    quantities: Counter[Any] = Counter()
    for unit, count in counts.items():
        quantities[parse_unit(unit).dimension] += count
    most = max(quantities.values())
    usual = [unit for unit in counts if quantities[parse_unit(unit).dimension] == most]
    return min(usual, key=lambda unit: (-counts[unit], unit))


def _quantity(row: Mapping[str, Any]) -> str:
    """What one unit of activity is; energy on a calorific basis is a quantity of its own."""
    unit, basis = row["activity_unit"], row["calorific_basis"]
    return f"{unit}[{basis}]" if basis and parse_unit(unit).dimension == _ENERGY else str(unit)


def _compared(row: Mapping[str, Any], unit: str, gwp_set: str | None, gwp: GwpTable) -> Compared:
    quantity = _quantity(row)
    try:
        amount = conversion(unit, quantity)
    except GreenlangError as error:
        raise _Incomparable(f"{OTHER_QUANTITY} ({quantity})") from error
    mass, used, gases, printed = _co2e(row, gwp_set, gwp)
    return Compared(
        **{name: row[name] for name in _COLUMNS[:7]},
        value=float(mass * amount),
        gwp_set=used,
        gases=gases,
        printed_unit=printed,
        calorific_basis=row["calorific_basis"],
        scope=row["scope"],
        not_counted=row["not_counted"],
        licence=row["cite_licence"],
    )


def _co2e(row: Mapping[str, Any], gwp_set: str | None, gwp: GwpTable) -> tuple[Fraction, str, str, str]:
    """Kilograms of CO2e per unit of activity, the GWP set behind them, the gases, the printed unit."""
    masses = any(row[gas] is not None for gas in (*_GAS, "other_gases"))
    if gwp_set is not None and masses and row["gwp_set"] != gwp_set:
        return (*_from_masses(row, gwp_set, gwp), str(row["co2_unit"]))
    if row["co2e"] is None:
        if gwp_set is None or not masses:
            raise _Incomparable(NO_CO2E)
        return (*_from_masses(row, gwp_set, gwp), str(row["co2_unit"]))
    if gwp_set not in (None, row["gwp_set"]):
        raise _Incomparable(f"{NO_MASSES} ({row['gwp_set']})")
    kilograms = exact(row["co2e"]) * _kilograms(row["co2e_unit"], row)
    return kilograms, str(row["gwp_set"]), "as published", str(row["co2e_unit"])


def _from_masses(row: Mapping[str, Any], gwp_set: str, gwp: GwpTable) -> tuple[Fraction, str, str]:
    if row["co2"] is None:
        raise _Incomparable(NO_CO2)
    total = Fraction(0)
    gases = []
    try:
        for column, gas in _GAS.items():
            if row[column] is not None:
                kilograms = exact(row[column]) * _kilograms(row[f"{column}_unit"], row)
                total += kilograms * _gwp(gwp, gwp_set, gas)
                gases.append(_LABEL[column])
        if row["other_gases"] is not None:
            scale = _kilograms(row["other_gases_unit"], row)
            for gas, figure in json.loads(row["other_gases"]).items():
                total += Fraction(figure) * scale * _gwp(gwp, gwp_set, gas)
                gases.append(gas)
    except GreenlangError as error:
        if error.code != "GWP_NOT_FOUND":
            raise
        raise _Incomparable(f"{NO_GWP} ({gwp_set}, {error.found})") from error
    if row["co2e_of_other"] is not None:
        # Gases that the publisher gives as CO2e alone: with another set they cannot be made anew.
        if row["gwp_set"] != gwp_set:
            raise _Incomparable(f"{NO_MASSES} ({row['gwp_set']})")
        total += exact(row["co2e_of_other"]) * _kilograms(row["co2e_unit"], row)
        gases.append("others as published")
    return total, gwp_set, " + ".join(gases)


def _gwp(gwp: GwpTable, gwp_set: str, gas: str) -> Fraction:
    if gas == "CO2":
        return Fraction(1)
    if gas == "CH4_non_fossil" and gwp_set != "AR6":
        gas = "CH4"
    return exact(gwp.value(gwp_set, gas).value)


def _kilograms(figure_unit: str, row: Mapping[str, Any]) -> Fraction:
    """Kilograms of one unit of a figure, per unit of activity."""
    return conversion(f"{figure_unit}*{row['activity_unit']}", "kg")
