"""Every publisher: its name on the command line, its asset, its importer, and the files that ship as tables.

Belongs here: which file belongs to which importer, and what an importer must know of those before it.
Does not belong here: a publisher's layout (``importers``), the form of the tables (``tables``).

To add a source: one module in ``importers`` with ``read(path) -> ImportResult``, one row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import cast

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.importers.base import ImportResult

#: A publisher's file and the factors that are known already, to what the file yields.
Reader = Callable[[Path, pl.DataFrame], ImportResult]


@dataclass(frozen=True)
class Publisher:
    """One publisher of figures.

    Args:
        name: as people type it: ``uk-desnz``.
        read: reads one file.
        files: table name (without ending) -> the publisher's file, below the folder of publishers' files.
            Empty where a licence forbids to ship: the importer then reads the user's own copy.
        asset: key of the asset that holds its factors, or None where there are none.
        kept: tables whose file the folder of publishers' files may lack: they stay as they ship, and are
            read again only where the file is there.
    """

    name: str
    read: Reader
    files: Mapping[str, str] = field(default_factory=dict)
    asset: str | None = None
    kept: frozenset[str] = frozenset()


def _importer(module: str) -> Reader:
    """The ``read`` of an importer, imported when it is called: spreadsheet readers take their time."""

    def read(path: Path, known: pl.DataFrame) -> ImportResult:
        del known
        found = import_module(f"greenlang_assets.core.factors.importers.{module}")
        return cast(ImportResult, found.read(path))

    return read


def _us_epa_egrid(path: Path, known: pl.DataFrame) -> ImportResult:
    """eGRID's workbook names subregions; their acronyms stand in EPA's Hub."""
    from greenlang_assets.core.factors.importers import us_epa_egrid, us_epa_hub

    return us_epa_egrid.read(path, us_epa_hub.subregion_acronyms(known))


#: In the order in which they are read: a later one may ask what an earlier one said.
PUBLISHERS = (
    Publisher(
        "us-epa-hub",
        _importer("us_epa_hub"),
        {
            "us-epa-ghg-hub-2024": "us-epa-ghg-hub/ghg-emission-factors-hub-2024.xlsx",
            "us-epa-ghg-hub-2025": "us-epa-ghg-hub/ghg-emission-factors-hub-2025.xlsx",
        },
        "factors/us_epa_hub",
    ),
    Publisher(
        "us-epa-egrid",
        _us_epa_egrid,
        {
            "us-epa-egrid-subregion-2005-2022": "ghg-protocol-cross-sector/"
            "Emission_Factors_for_Cross_Sector_Tools_V2.0_0.xlsx",
            "us-epa-egrid-fuel-factors-2021": "us-epa-egrid/co2_ch4_n2o_ef.csv",
            "us-epa-egrid-heat-input-factors-2021": "us-epa-egrid/emission_factors_heatinput.csv",
            "us-epa-egrid-physical-unit-factors-2021": "us-epa-egrid/emission_factors_physicalunits.csv",
        },
        "factors/us_epa_egrid",
    ),
    Publisher(
        "us-epa-supply-chain",
        _importer("us_epa_supply_chain"),
        {
            "us-epa-supply-chain-1.2": "us-epa-supply-chain/"
            "SupplyChainGHGEmissionFactors_v1.2_NAICS_CO2e_USD2021.csv",
            # The CO2e figures of v1.3 are taken from the file beside this one.
            "us-epa-supply-chain-1.3": "us-epa-supply-chain/"
            "SupplyChainGHGEmissionFactors_v1.3.0_NAICS_byGHG_USD2022.csv",
        },
        "factors/us_epa_supply_chain",
    ),
    Publisher(
        "uk-desnz",
        _importer("uk_desnz"),
        {
            "uk-desnz-conversion-factors-2016": "uk-desnz-flat/2016_Flat_format_file_v01-01.xlsx",
            "uk-desnz-conversion-factors-2017": "uk-desnz-flat/"
            "Conversion_factors_2017_-_Flat_file__for_automatic_processing_only__v02-...(1).xls",
            "uk-desnz-conversion-factors-2018": "uk-desnz-flat/"
            "Conversion_factors_2018_-_Flat_file__for_automatic_processing_only__v01-01.xls",
            "uk-desnz-conversion-factors-2019": "uk-desnz-flat/conversion-factors-2019-flat-file-v01-02.xls",
            "uk-desnz-conversion-factors-2020": "uk-desnz-flat/"
            "Conversion_Factors_2020_-_Flat_file__for_automatic_processing_only_.xlsx",
            "uk-desnz-conversion-factors-2021": "uk-desnz-flat/"
            "conversion-factors-2021-flat-file-automatic-processing.xls",
            "uk-desnz-conversion-factors-2022": "uk-desnz-flat/ghg-conversion-factors-2022-flat-format.xls",
            "uk-desnz-conversion-factors-2023": "uk-desnz-flat/"
            "ghg-conversion-factors-2023-flat-file-update.xlsx",
            "uk-desnz-conversion-factors-2024": "uk-desnz-flat/"
            "ghg-conversion-factors-2024-FlatFormat_v1_1.xlsx",
            "uk-desnz-conversion-factors-2025": "uk-desnz-flat/ghg-conversion-factors-2025-flat-file.xlsx",
        },
        "factors/uk_desnz",
        # Read from the public repository TEC-Toolkit/cfkg at edf7ff8b5c10, which also holds 2016 to 2023.
        kept=frozenset({"uk-desnz-conversion-factors-2017", "uk-desnz-conversion-factors-2020"}),
    ),
    Publisher(
        "ademe-base-carbone",
        _importer("ademe_base_carbone"),
        {"ademe-base-carbone-23.6": "ademe-base-carbone/Base_Carbone_V23.6.xlsx"},
        "factors/ademe_base_carbone",
    ),
    Publisher(
        "agribalyse",
        _importer("agribalyse"),
        {"agribalyse-3.0.1": "agribalyse/Agribalyse_Synthese.csv"},
        "factors/agribalyse",
    ),
    Publisher(
        "eu-cbam",
        _importer("eu_cbam"),
        {
            # Annex IV and the corrections are taken from beside the workbook.
            "eu-cbam-default-values-2026": "eu-cbam-2026/DVs_as_adopted_v20260204.xlsx",
            "eu-cbam-benchmarks-2026": "eu-cbam-2026/CBAM_Benchmarks_20260206.xlsx",
        },
        "factors/eu_cbam",
    ),
    Publisher(
        "eu-cn",
        _importer("eu_cn"),
        {"eu-cn-2025": "eu-cn-codes/cnCodes_2025.json", "eu-cn-2026": "eu-cn-codes/cnCodes_2026.json"},
    ),
    Publisher(
        "owid-grid",
        _importer("owid_grid"),
        {"owid-grid-2026": "owid-carbon-intensity/carbon-intensity-electricity.csv"},
        "factors/owid_grid",
    ),
    Publisher(
        "uk-ets",
        _importer("uk_ets"),
        {
            "uk-ets-inventory-factors-2024": "uk-ets-ghgi/uk-ggi-carbon-emission-factors-2024.xlsx",
            "uk-ets-inventory-factors-2025": "uk-ets-ghgi/uk-ggi-carbon-emission-factors-2025.xlsx",
        },
        "factors/uk_ets",
    ),
    Publisher("ipcc-gwp", _importer("ipcc_gwp"), {"gwp": "ipcc-gwp/globalwarmingpotentials.csv"}),
    # Licensed: the importers read the user's own copy, and no figure ships.
    Publisher("ecoinvent", _importer("ecoinvent"), asset="factors/ecoinvent"),
    Publisher("ipcc-efdb", _importer("ipcc_efdb"), asset="factors/ipcc_efdb"),
)


def publisher(name: str) -> Publisher:
    """The publisher of that name.

    Raises:
        GreenlangError: ``PUBLISHER_UNKNOWN`` with the names there are.
    """
    for known in PUBLISHERS:
        if known.name == name:
            return known
    raise GreenlangError(
        "PUBLISHER_UNKNOWN",
        "there is no importer of that name",
        found=name,
        expected=", ".join(known.name for known in PUBLISHERS),
    )
