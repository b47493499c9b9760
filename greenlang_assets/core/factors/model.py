"""What an emission factor is: one row per identity, the publisher's own figures, the citation.

Belongs here: the record, its columns and its identity.
Does not belong here: reading a publisher's file (``importers``), finding a factor (``catalogue``).

Figures are kept exactly as the publisher printed them, in the publisher's own unit; they become
kilograms per canonical unit only when a formula is compiled, where the conversion can be seen.
"""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.core.provenance.canonical import content_sha256

#: Gases that have a column of their own. ``<gas>`` holds the figure, ``<gas>_unit`` its unit.
MASS_GASES = ("co2", "ch4", "n2o", "co2_biogenic")
#: Figures that their publisher gives only after applying a GWP set (column ``gwp_set``).
CO2E_PARTS = ("co2e", "co2e_of_co2", "co2e_of_ch4", "co2e_of_n2o")


class Citation(BaseModel):
    """Where a figure was read: publisher, document, edition, table, row, licence, file hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    publisher: str
    document: str
    edition: str
    table: str = Field(description="table or sheet, as the publisher names it")
    row: int = Field(ge=1, description="row of the sheet or line of the file, counted from 1")
    licence: str
    url: str | None = None
    source_file: str = Field(description="file name, without folders")
    source_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class EmissionFactor(BaseModel):
    """One factor as its publisher gives it.

    A factor holds masses of gases per activity unit (``co2`` … with ``co2_unit`` …), or only CO2e
    with the GWP set that the publisher used. Units are texts such as ``kg/mmBtu``, ``g/mmBtu``,
    ``lb/MWh`` or ``kgCO2e/kWh``; ``core.units`` reads them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor_id: str = Field(
        description="publisher/dataset/edition/activity-path-slug/region/year/unit[/basis], lower case"
    )
    kind: Literal["sourced", "derived", "synthetic"] = "sourced"
    publisher: str = Field(description="short id: us-epa, uk-desnz, ipcc …")
    dataset: str = Field(description="stationary-combustion, egrid-subregion, conversion-factors …")
    edition: str = Field(description="the publisher's edition label: 2024, 2025, eGRID2012 …")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$", description="semantic version of the edition")
    activity_path: str = Field(description="the publisher's own path, ' > ' between levels")
    activity: str = Field(description="harmonised activity, e.g. natural-gas, grid-electricity, diesel")
    scope: Literal["1", "2", "3", "outside"] | None = None
    region: str = Field(description="ISO 3166-1 alpha-2, 3166-2, or US-EGRID-<acronym>")
    year: int = Field(description="year that the factor describes")
    activity_unit: str = Field(description="what one unit of activity is: mmBtu, kWh, gallon, tonne …")
    calorific_basis: Literal["gross", "net"] | None = None
    gwp_set: Literal["AR4", "AR5", "AR6"] | None = Field(
        default=None, description="set behind the CO2e columns; null where only masses are given"
    )
    co2: float | None = None
    co2_unit: str | None = None
    ch4: float | None = None
    ch4_unit: str | None = None
    n2o: float | None = None
    n2o_unit: str | None = None
    co2_biogenic: float | None = None
    co2_biogenic_unit: str | None = None
    co2e: float | None = None
    co2e_of_co2: float | None = None
    co2e_of_ch4: float | None = None
    co2e_of_n2o: float | None = None
    co2e_unit: str | None = None
    note: str | None = None
    citation: Citation

    @property
    def sha256(self) -> str:
        """Identity of the content: hash of every column of the row, citation included."""
        return content_sha256(self.model_dump(exclude_none=True))


#: Columns of a factor table, in canonical order. Citation columns carry the prefix ``cite_``.
FACTOR_SCHEMA: dict[str, pl.DataType] = {
    "factor_id": pl.String(),
    "kind": pl.String(),
    "publisher": pl.String(),
    "dataset": pl.String(),
    "edition": pl.String(),
    "version": pl.String(),
    "activity_path": pl.String(),
    "activity": pl.String(),
    "scope": pl.String(),
    "region": pl.String(),
    "year": pl.Int64(),
    "activity_unit": pl.String(),
    "calorific_basis": pl.String(),
    "gwp_set": pl.String(),
    "co2": pl.Float64(),
    "co2_unit": pl.String(),
    "ch4": pl.Float64(),
    "ch4_unit": pl.String(),
    "n2o": pl.Float64(),
    "n2o_unit": pl.String(),
    "co2_biogenic": pl.Float64(),
    "co2_biogenic_unit": pl.String(),
    "co2e": pl.Float64(),
    "co2e_of_co2": pl.Float64(),
    "co2e_of_ch4": pl.Float64(),
    "co2e_of_n2o": pl.Float64(),
    "co2e_unit": pl.String(),
    "note": pl.String(),
    "cite_publisher": pl.String(),
    "cite_document": pl.String(),
    "cite_edition": pl.String(),
    "cite_table": pl.String(),
    "cite_row": pl.Int64(),
    "cite_licence": pl.String(),
    "cite_url": pl.String(),
    "cite_source_file": pl.String(),
    "cite_source_sha256": pl.String(),
}
FACTOR_KEY = ("factor_id",)


class GwpValue(BaseModel):
    """Global warming potential of one gas in one IPCC assessment report, 100-year horizon unless said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gwp_set: Literal["AR4", "AR5", "AR6"]
    gas: str = Field(description="CH4, CH4_fossil, CH4_non_fossil, N2O, HFC-134a …")
    horizon_years: int = 100
    value: float = Field(gt=0, description="kg CO2e per kg of the gas")
    citation: Citation


class FuelProperty(BaseModel):
    """A published property that carries a fuel between mass, volume and energy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    property_id: str = Field(description="publisher/dataset/edition/fuel/property/unit")
    publisher: str
    dataset: str
    edition: str
    activity_path: str
    activity: str
    property: Literal["heat_content", "density", "carbon_content"]
    calorific_basis: Literal["gross", "net"] | None = None
    value: float
    unit: str = Field(description="e.g. mmBtu/short_ton, mmBtu/scf, mmBtu/gallon")
    citation: Citation
