"""What an emission factor is: one row per identity, the publisher's own figures, the citation.

Belongs here: the record, its columns and its identity.
Does not belong here: reading a publisher's file (``importers``), finding a factor (``catalogue``).

Figures are kept exactly as the publisher printed them, in the publisher's own unit; they become
kilograms per canonical unit only when a formula is compiled, where the conversion can be seen.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal, get_args

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from greenlang_assets.core.provenance.canonical import content_sha256

#: Gases that have a column of their own. ``<gas>`` holds the figure, ``<gas>_unit`` its unit. ``ch4`` is
#: fossil methane, or methane that its publisher does not tell apart.
MASS_GASES = ("co2", "ch4", "ch4_biogenic", "n2o", "sf6", "nf3", "co2_biogenic")
#: Figures that their publisher gives only after applying a GWP set (column ``gwp_set``). The last one lies
#: outside the total ``co2e``: carbon dioxide from biomass.
CO2E_PARTS = (
    "co2e",
    "co2e_of_co2",
    "co2e_of_ch4",
    "co2e_of_ch4_biogenic",
    "co2e_of_n2o",
    "co2e_of_other",
    "co2e_of_co2_biogenic",
)
#: ``AR5-feedbacks`` are AR5's GWPs with climate-carbon feedbacks; ``unstated`` says that the publisher does
#: not name the set, so that no total may mix it with a named one.
AppliedGwpSet = Literal["AR4", "AR5", "AR5-feedbacks", "AR6", "unstated"]
GWP_SETS = get_args(AppliedGwpSet)


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
    region: str = Field(
        description="ISO 3166-1 alpha-2, 3166-2, US-EGRID-<acronym>, GB-LDZ-<zone>, WORLD, or GROUP-<name> "
        "for a group of countries as its publisher defines it"
    )
    year: int = Field(description="year that the factor describes")
    activity_unit: str = Field(description="what one unit of activity is: mmBtu, kWh, gallon, tonne …")
    calorific_basis: Literal["gross", "net"] | None = None
    gwp_set: AppliedGwpSet | None = Field(
        default=None, description="set behind the CO2e columns; null where only masses are given"
    )
    co2: float | None = None
    co2_unit: str | None = None
    ch4: float | None = None
    ch4_unit: str | None = None
    ch4_biogenic: float | None = None
    ch4_biogenic_unit: str | None = None
    n2o: float | None = None
    n2o_unit: str | None = None
    sf6: float | None = None
    sf6_unit: str | None = None
    nf3: float | None = None
    nf3_unit: str | None = None
    co2_biogenic: float | None = None
    co2_biogenic_unit: str | None = None
    other_gases: str | None = Field(
        default=None,
        description="HFCs and PFCs one by one: a canonical record of gas to figure, all in other_gases_unit",
    )
    other_gases_unit: str | None = None
    co2e: float | None = None
    co2e_of_co2: float | None = None
    co2e_of_ch4: float | None = None
    co2e_of_ch4_biogenic: float | None = None
    co2e_of_n2o: float | None = None
    co2e_of_other: float | None = None
    co2e_of_co2_biogenic: float | None = None
    co2e_unit: str | None = None
    uncertainty_percent: float | None = Field(
        default=None, ge=0, description="half-width of the publisher's interval, in percent of the figure"
    )
    data_quality: str | None = Field(default=None, description="the publisher's own rating, as printed")
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    not_counted: str | None = Field(
        default=None,
        description="why this row is found but not counted as a factor of its own: an aggregate over "
        "regions, archived by its publisher …; null for every row that counts",
    )
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
    "ch4_biogenic": pl.Float64(),
    "ch4_biogenic_unit": pl.String(),
    "n2o": pl.Float64(),
    "n2o_unit": pl.String(),
    "sf6": pl.Float64(),
    "sf6_unit": pl.String(),
    "nf3": pl.Float64(),
    "nf3_unit": pl.String(),
    "co2_biogenic": pl.Float64(),
    "co2_biogenic_unit": pl.String(),
    "other_gases": pl.String(),
    "other_gases_unit": pl.String(),
    **dict.fromkeys(CO2E_PARTS, pl.Float64()),
    "co2e_unit": pl.String(),
    "uncertainty_percent": pl.Float64(),
    "data_quality": pl.String(),
    "valid_from": pl.Date(),
    "valid_to": pl.Date(),
    "not_counted": pl.String(),
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
    property: Literal["heat_content", "density", "carbon_content", "oxidation_factor"]
    calorific_basis: Literal["gross", "net"] | None = None
    value: float
    unit: str = Field(description="e.g. mmBtu/short_ton, mmBtu/scf, mmBtu/gallon")
    citation: Citation


class PublishedValue(BaseModel):
    """A figure that its publisher prints beside or behind a factor, and that is no factor of its own.

    Margins, mark-ups, stages of a life cycle, further impact indicators, compilations, percentages: kept so
    that nothing of the publication is lost, and never counted as a factor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value_id: str = Field(description="publisher/dataset/edition/subject/region/year/measure[/unit]")
    factor_id: str | None = Field(
        default=None, description="the factor that it belongs to, where there is one"
    )
    publisher: str
    dataset: str
    edition: str
    activity_path: str = Field(description="the publisher's own path")
    region: str
    year: int
    measure: str = Field(description="what is measured: margins, water-scarcity, mark-up-2027 …")
    value: float
    unit: str = Field(description="as printed, where it is no mass per activity")
    citation: Citation
