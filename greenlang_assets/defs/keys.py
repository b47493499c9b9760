"""Asset keys and groups, the same in every environment.

Belongs here: names. Does not belong here: what is behind them.
"""

from __future__ import annotations

from dagster import AssetKey

IPCC_GWP = AssetKey(["factors", "ipcc_gwp"])
FUEL_PROPERTIES = AssetKey(["factors", "fuel_properties"])
PUBLISHED_VALUES = AssetKey(["factors", "published_values"])
GOODS_NOMENCLATURE = AssetKey(["factors", "goods_nomenclature"])
CATALOGUE = AssetKey(["factors", "catalogue"])
RELEASE_REPORT = AssetKey(["factors", "release_report"])

PARAMETERS = AssetKey(["formulas", "parameters"])
LIBRARY = AssetKey(["formulas", "library"])

ACTIVITY = AssetKey(["tenants", "activity"])
REGISTER = AssetKey(["tenants", "register"])
REPORTED = AssetKey(["tenants", "reported"])
METHOD = AssetKey(["tenants", "method"])
EMISSIONS = AssetKey(["tenants", "emissions"])
REJECTED = AssetKey(["tenants", "rejected"])
TOTALS = AssetKey(["tenants", "totals"])
TIE_OUT = AssetKey(["tenants", "tie_out"])

DEPLOYMENT = AssetKey(["registry", "deployment"])

LEDGER = AssetKey(["provenance", "ledger"])


def mart(name: str) -> AssetKey:
    """Key of a dbt mart."""
    return AssetKey(["marts", name])


GROUP_FACTORS = "os_factors"
GROUP_FORMULAS = "os_formulas"
GROUP_TENANTS = "tenant_runs"
GROUP_MARTS = "tenant_marts"
GROUP_PROVENANCE = "provenance"

OWNER = "team:carbon-data"
