"""Assets of layer 1's data: emission factors, GWP sets, fuel properties, formulas.

Belongs here: one asset a recipe, its description for people, its blocking checks.
Does not belong here: how it is made (``core.recipes``) or checked (``core.factors.contracts``).
"""

from typing import Any

import dagster as dg

from greenlang_assets.core.recipes import factors, formulas, parameters
from greenlang_assets.core.recipes.base import Recipe
from greenlang_assets.defs import keys, publisher_files
from greenlang_assets.defs.checks import (
    factor_check,
    goods_check,
    gwp_check,
    library_check,
    parameters_check,
    properties_check,
    values_check,
)
from greenlang_assets.defs.provenance import record
from resources.dagster.resource import WorldResource

_DESCRIPTIONS = {
    "factors/us_epa_hub": (
        "US EPA GHG Emission Factors Hub.\n\nStationary and mobile combustion, electricity, steam, "
        "transport, waste and travel, each figure as EPA prints it, each row with table and row of the "
        "workbook. CO2 in kg, CH4 and N2O in g, electricity in lb per MWh: units become kilograms only "
        "when a formula is compiled."
    ),
    "factors/us_epa_egrid": (
        "US EPA eGRID subregion output rates, twelve data years from 2005 to 2022, as restated in the GHG "
        "Protocol's cross-sector workbook, and the fuel factors of the eGRID production model.\n\nCO2 is "
        "in lb/MWh but CH4 and N2O in **lb/GWh**; the list of subregions changes by year. Fuel factors "
        "are in short tons of CO2 and pounds of CH4 and N2O per mmBtu."
    ),
    "factors/us_epa_supply_chain": (
        "US EPA supply chain factors by NAICS-6 commodity, v1.2 (US dollars of 2021, AR4) and v1.3 (US "
        "dollars of 2022, AR5, gas by gas).\n\nkg per dollar at **purchaser price**, margins included: a "
        "purchase is deflated to the price year first. Figures without margins are published values."
    ),
    "factors/uk_desnz": (
        "UK Government GHG conversion factors for company reporting, flat files since 2016.\n\nThe "
        "columns named after a gas hold kg **CO2e** of that gas, never masses: multiplying them by a GWP "
        "again would count it twice, so they have columns of their own here. AR4 up to 2022, AR5 since "
        "2023."
    ),
    "factors/uk_ets": (
        "UK greenhouse gas inventory factors for reporting under the UK ETS.\n\nCarbon, CO2 and heating "
        "values of fuels by industry, and of natural gas by network zone. The first column is carbon, not "
        "CO2: what becomes CO2 is the publisher's own column."
    ),
    "factors/ademe_base_carbone": (
        "ADEME Base Carbone, the French database.\n\nElements are factors, their `Poste` rows split the "
        "same figure by stage and are published values; archived elements are found and never counted. "
        "Gases are CO2e of that gas (AR5), biogenic CO2 stands apart."
    ),
    "factors/agribalyse": (
        "Agribalyse (ADEME, INRAE): foods as eaten in France, per kg at the consumer's.\n\nClimate change "
        "is the factor; fourteen further indicators, water and land among them, are published values "
        "beside it. The quality rating (DQR) goes with every row."
    ),
    "factors/eu_cbam": (
        "EU CBAM default values of the definitive period: t CO2e per t of goods, by country, CN code and "
        "production route, Annex I to Implementing Regulation (EU) 2025/2621 as corrected by (EU) "
        "2026/1740.\n\nThe factor is the printed **total**, without mark-up, and never direct + indirect. "
        "Direct and indirect parts, marked-up values by year and benchmarks are published values."
    ),
    "factors/owid_grid": (
        "Carbon intensity of electricity by country and year since 1990, Our World in Data from "
        "Ember.\n\n**Life-cycle** emissions in g CO2e per kWh generated, so the activity is "
        "`grid-electricity-life-cycle`: never to be mixed with combustion-only grid factors. Averages "
        "over groups of countries are found and not counted."
    ),
    "factors/ecoinvent": (
        "ecoinvent, from the user's own licensed copy: **no figure of it ships**.\n\nEmpty until `glac "
        "factors import ecoinvent FILE` has read a workbook of Cumulative LCIA; what it yields stays on "
        "this machine and says so in the licence of every row."
    ),
    "factors/ipcc_efdb": (
        "IPCC Emission Factor Database, from the user's own export: **no figure of it ships**.\n\nEmpty "
        "until `glac factors import ipcc-efdb FILE` has read one. Only rows that are a mass of one gas "
        "per something that can be measured become factors; every other row is counted with its reason."
    ),
    "factors/ipcc_gwp": (
        "Global warming potentials over 100 years: IPCC AR4, AR5 and AR6.\n\nAR6 has 27.9 for CH4 (Table "
        "7.SM.7) beside 29.8 fossil and 27.0 non-fossil (Table 7.15); combustion uses the non-fossil "
        "value, because its carbon is already counted as CO2. One total uses one set."
    ),
    "factors/fuel_properties": (
        "Heat contents of fuels as their publishers print them: how a volume or a mass becomes energy. "
        "Cited in a result like a factor."
    ),
    "factors/published_values": (
        "Figures that publishers print beside or behind their factors and that are no factors of their "
        "own: margins, mark-ups, stages of a life cycle, further impact indicators, compilations.\n\nKept "
        "so that nothing of a publication is lost; never counted as factors."
    ),
    "factors/goods_nomenclature": (
        "Names behind codes of goods: the EU's Combined Nomenclature, every code with the headings above "
        "it.\n\nNo figures: CBAM's default values name goods by these codes, and a leaf alone is often "
        "just *Other*."
    ),
    "factors/catalogue": (
        "Every emission factor of every publisher in one table, one row per identity: the editions in "
        "force, those that ship and those of the user.\n\nAn edition that fails its contract never gets "
        "here: the former catalogue stands. Look-ups are exact: `glac factors lookup natural-gas --region "
        "US --year 2024 --unit mmBtu`. Each row cites publisher, document, edition, table, row, licence "
        "and the SHA-256 of the publisher's file."
    ),
    "formulas/parameters": (
        "Default parameters of the IPCC Guidelines, for the equations of the library that ask for "
        "them.\n\nEach figure cites the printed table and the line of the MIT-licensed package it was read "
        "in; each was looked for in the text of that table, and left out where it does not stand there. "
        "Ranges go with the figures."
    ),
    "formulas/library": (
        "Equations whose official text was read, and the formulas made of them by binding each to sourced "
        "factors and default parameters.\n\nEvery one is dimension-checked, cited and has a test vector: "
        "`glac formulas list`, `glac formulas show ID`. What could not be read stands in the gap list "
        "instead of being guessed."
    ),
}
_KINDS = {
    "factors/us_epa_hub": {"excel", "parquet"},
    "factors/us_epa_egrid": {"excel", "csv", "parquet"},
    "factors/us_epa_supply_chain": {"csv", "parquet"},
    "factors/uk_desnz": {"excel", "parquet"},
    "factors/uk_ets": {"excel", "parquet"},
    "factors/ademe_base_carbone": {"excel", "parquet"},
    "factors/agribalyse": {"csv", "parquet"},
    "factors/ecoinvent": {"excel", "parquet"},
    "factors/ipcc_efdb": {"excel", "parquet"},
    "factors/eu_cbam": {"excel", "csv", "parquet"},
    "factors/owid_grid": {"csv", "parquet"},
    "factors/ipcc_gwp": {"csv", "parquet"},
    "factors/fuel_properties": {"parquet"},
    "factors/published_values": {"parquet"},
    "factors/goods_nomenclature": {"json", "parquet"},
    "factors/catalogue": {"table", "polars"},
    "formulas/parameters": {"yaml", "parquet"},
    "formulas/library": {"yaml", "python"},
}
_PUBLISHER_KEYS = [dg.AssetKey(asset.split("/")) for asset in factors.PUBLISHERS]
_DEPS = {
    **{asset: [publisher_files.key_of(name)] for asset, name in factors.PUBLISHERS.items()},
    factors.GWP: [publisher_files.key_of("ipcc-gwp")],
    factors.NOMENCLATURE: [publisher_files.key_of("eu-cn")],
    "factors/catalogue": _PUBLISHER_KEYS,
    "formulas/library": [keys.CATALOGUE, keys.FUEL_PROPERTIES, keys.PARAMETERS],
}


def _asset(recipe: Recipe, group: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(recipe.asset.split("/")),
        deps=_DEPS.get(recipe.asset, []),
        description=_DESCRIPTIONS[recipe.asset],
        group_name=group,
        owners=[keys.OWNER],
        kinds=_KINDS[recipe.asset],
        code_version=recipe.code_version,
    )
    def made(context: dg.AssetExecutionContext, world: WorldResource) -> dg.MaterializeResult[Any]:
        return record(context, recipe, world.world())

    return made


ASSETS = [
    *(_asset(recipe, keys.GROUP_FACTORS) for recipe in factors.RECIPES),
    _asset(parameters.RECIPE, keys.GROUP_FORMULAS),
    _asset(formulas.RECIPE, keys.GROUP_FORMULAS),
]
CHECKS = [
    *(factor_check(key) for key in (*_PUBLISHER_KEYS, keys.CATALOGUE)),
    gwp_check(keys.IPCC_GWP),
    properties_check(keys.FUEL_PROPERTIES),
    values_check(keys.PUBLISHED_VALUES),
    goods_check(keys.GOODS_NOMENCLATURE),
    parameters_check(keys.PARAMETERS),
    library_check(keys.LIBRARY),
]
