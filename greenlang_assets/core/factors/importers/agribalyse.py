"""Agribalyse: life-cycle results of foods as eaten in France, one row a food, fifteen indicators.

Belongs here: the synthesis ("Synthèse") of Agribalyse 3.0.1 as csv, in its 27 columns.
Does not belong here: results by stage or by ingredient, and the syntheses of 3.1 and later (their columns are
others, and so is their method; they are refused).

Climate change is the factor: kg CO2e per kg of product at the consumer's, packaging and preparation included.
The other fourteen indicators are published values beside it. Where a header carries a scale ("E-06 kg CVC11
eq"), the value is the printed decimal shifted by it.

The file does not name its edition; these columns (fourteen indicators of EF 3.0 beside "Score unique EF",
none of toxicity to humans) are those of 3.0.1. ``year`` is 2020, when Agribalyse 3.0 was published.

GWP set: Agribalyse 3.0 is characterised by the Environmental Footprint method EF 3.0, whose climate indicator
takes IPCC 2013 (AR5) with climate-carbon feedbacks: methane 34, and 36.8 for fossil methane with the CO2 that
it turns into (JRC, Supporting information to the characterisation factors of recommended EF LCIA methods; the
values of EF v3.0 as ecoinvent publishes them agree).

DQR is the data quality rating of the Environmental Footprint, from 1 (excellent) to 5. A CIQUAL code may be
shared by several foods; the Agribalyse code is not.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    factor_row,
    frame,
    slug,
    value_row,
)
from greenlang_assets.core.factors.importers.delimited import Line, open_table
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA
from greenlang_assets.core.factors.taxonomy import harmonise

PUBLISHER = "agribalyse"
DATASET = "food-synthesis"
EDITION = "3.0.1"
YEAR = 2020
GWP_SET = "AR5-feedbacks"
URL = "https://agribalyse.ademe.fr/"

_CODE, _CIQUAL = "Code AGB", "Code CIQUAL"
_GROUP, _SUBGROUP, _NAME, _ENGLISH = (
    "Groupe d'aliment", "Sous-groupe d'aliment", "Nom du Produit en Français", "LCI Name",
)  # fmt: skip
_SEASON, _AIR = "Saisonnalité", "Transport par avion (1 : par avion)"
_CONDITIONS = {"Livraison": "delivery", "Matériau d'emballage": "packaging", "Préparation": "preparation"}
_DQR = "DQR - Note de qualité de la donnée (1 excellente ; 5 très faible)"
_CLIMATE = "Changement climatique (kg CO2 eq/kg de produit)"
_COMMON_SEASON = "mix de consommation FR"


class Indicator(NamedTuple):
    """An indicator of the header: its name here, its unit, the power of ten that the header states."""

    measure: str
    unit: str
    exponent: int


#: Column -> name of the indicator here. Unit and scale are read from the column.
_MEASURES = {
    "Score unique EF (mPt/kg de produit)": "ef-single-score",
    "Appauvrissement de la couche d'ozone (E-06 kg CVC11 eq/kg de produit)": "ozone-depletion",
    "Rayonnements ionisants (kBq U-235 eq/kg de produit)": "ionising-radiation",
    "Formation photochimique d'ozone (E-03 kg NMVOC eq/kg de produit)": "photochemical-ozone-formation",
    "Particules (E-06 disease inc./kg de produit)": "particulate-matter",
    "Acidification terrestre et eaux douces (mol H+ eq/kg de produit)": "acidification",
    "Eutrophisation terreste (mol N eq/kg de produit)": "terrestrial-eutrophication",
    "Eutrophisation eaux douces (E-03 kg P eq/kg de produit)": "freshwater-eutrophication",
    "Eutrophisation marine (E-03 kg N eq/kg de produit)": "marine-eutrophication",
    "Utilisation du sol (Pt/kg de produit)": "land-use",
    "Écotoxicité pour écosystèmes aquatiques d'eau douce (CTUe/kg de produit)": "freshwater-ecotoxicity",
    "Épuisement des ressources eau (m3 depriv./kg de produit)": "water-scarcity",
    "Épuisement des ressources énergétiques (MJ/kg de produit)": "energy-resources",
    "Épuisement des ressources minéraux (E-06 kg Sb eq/kg de produit)": "mineral-resources",
}
_HEADER = (
    _CODE, _CIQUAL, _GROUP, _SUBGROUP, _NAME, _ENGLISH, _SEASON, _AIR, *_CONDITIONS, _DQR,
    next(iter(_MEASURES)), _CLIMATE, *list(_MEASURES)[1:],
)  # fmt: skip
#: What a value has in common with its factor.
_SHARED = ("publisher", "dataset", "edition", "activity_path", "region", "year")
_UNIT = re.compile(r".* \((?:E(?P<exponent>-[0-9]{2}) )?(?P<unit>.+)/kg de produit\)")


def read(path: Path) -> ImportResult:
    """Import one synthesis.

    Raises:
        GreenlangError: ``CELL_NOT_A_NUMBER``, ``CODE_UNKNOWN``, ``RATING_UNKNOWN``, ``DUPLICATE_KEY`` and
            those of ``open_table``.
    """
    table = open_table(path, _HEADER)
    source = Source(
        publisher="ADEME and INRAE",
        document=f"Agribalyse {EDITION}, synthesis",
        licence="Licence Ouverte 2.0 (Etalab)",
        file=table.file,
        sha256=table.sha256,
        url=URL,
    )
    indicators = {column: _indicator(column) for column in _MEASURES}
    factors: list[dict[str, Any]] = []
    values: list[dict[str, Any]] = []
    codes: dict[str, int] = {}
    for line in table.lines:
        code = line[_CODE]
        if not re.fullmatch(r"[0-9A-Za-z_.-]+", code) or not line[_NAME]:
            raise line.refuse(
                "CODE_UNKNOWN", "a food has no code or no name", _CODE,
                found=repr(code), expected="an Agribalyse code and a French name",
            )  # fmt: skip
        if code in codes:
            raise line.refuse(
                "DUPLICATE_KEY", "a food stands twice", _CODE,
                found=code, expected=f"only line {codes[code]}",
            )  # fmt: skip
        codes[code] = line.number
        factor = _factor(line, source)
        factors.append(factor)
        values += (_value(line, source, factor, column, indicators[column]) for column in _MEASURES)
    return ImportResult(
        publisher=PUBLISHER,
        datasets=(DATASET,),
        editions=(EDITION,),
        source=source,
        factors=frame(factors, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=len(table.lines),
        others={"values": frame(values, VALUE_SCHEMA, VALUE_KEY, source)},
    )


def _indicator(column: str) -> Indicator:
    found = _UNIT.fullmatch(column)
    assert found is not None  # the columns stand above
    return Indicator(_MEASURES[column], f"{found['unit']}/kg", int(found["exponent"] or 0))


def shifted(text: str, exponent: int) -> float:
    """The float64 nearest to a printed decimal times a power of ten; the decimal itself is shifted."""
    return float(Decimal(text).scaleb(exponent))


def _factor(line: Line, source: Source) -> dict[str, Any]:
    path = " > ".join(line[level] for level in (_GROUP, _SUBGROUP, _NAME))
    rating = line.figure_text(_DQR, "the data quality rating")
    if not 1 <= float(rating) <= 5:
        raise line.refuse(
            "RATING_UNKNOWN", "the data quality rating is none", _DQR, found=rating, expected="1 to 5"
        )
    return factor_row(
        source,
        table="Synthese",
        row=line.number,
        suffix=slug(line[_CODE]),
        publisher=PUBLISHER,
        dataset=DATASET,
        edition=EDITION,
        version=EDITION,
        activity_path=path,
        activity=harmonise(PUBLISHER, path),
        region="FR",
        year=YEAR,
        activity_unit="kg",
        gwp_set=GWP_SET,
        co2e=line.figure(_CLIMATE, "the climate indicator"),
        co2e_unit="kg/kg",
        data_quality=f"DQR {rating}",
        note=_note(line),
    )


def _note(line: Line) -> str:
    """What the figure holds for: English name, codes, delivery, packaging, preparation."""
    air = line.one_of(_AIR, ("0", "1"), "LAYOUT_UNKNOWN", "mark of air transport")
    said = [line[_ENGLISH], f"CIQUAL {line[_CIQUAL]}"]
    said += [f"{name}: {line[column]}" for column, name in _CONDITIONS.items()]
    if line[_SEASON] != _COMMON_SEASON:
        said.append(f"season: {line[_SEASON]}")
    return "; ".join(said + ["by air"] * (air == "1"))


def _value(
    line: Line, source: Source, factor: dict[str, Any], column: str, indicator: Indicator
) -> dict[str, Any]:
    return value_row(
        source,
        table="Synthese",
        row=line.number,
        measure=indicator.measure,
        value=shifted(line.figure_text(column, column), indicator.exponent),
        unit=indicator.unit,
        factor_id=factor["factor_id"],
        suffix=slug(line[_CODE]),
        **{
            name: factor[name]
            for name in ("publisher", "dataset", "edition", "activity_path", "region", "year")
        },
    )
