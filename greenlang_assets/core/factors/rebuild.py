"""From the folder of publishers' files to the shipped tables.

Belongs here: which file belongs to which importer, and the checks between publishers.
Does not belong here: a publisher's layout (``importers``), the form of the tables (``tables``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors import contracts, tables
from greenlang_assets.core.factors.importers import ipcc_gwp, uk_desnz, us_epa_egrid, us_epa_hub
from greenlang_assets.core.factors.importers.base import PROPERTY_KEY, ImportResult

#: Table name -> the publisher's file, below the folder of publishers' files.
SOURCES = {
    "us-epa-ghg-hub-2024.parquet": "us-epa-ghg-hub/ghg-emission-factors-hub-2024.xlsx",
    "us-epa-ghg-hub-2025.parquet": "us-epa-ghg-hub/ghg-emission-factors-hub-2025.xlsx",
    "us-epa-egrid-subregion-2005-2022.parquet": "ghg-protocol-cross-sector/"
    "Emission_Factors_for_Cross_Sector_Tools_V2.0_0.xlsx",
    "uk-desnz-conversion-factors-2024.parquet": "uk-desnz-flat/"
    "ghg-conversion-factors-2024-FlatFormat_v1_1.xlsx",
    "uk-desnz-conversion-factors-2025.parquet": "uk-desnz-flat/ghg-conversion-factors-2025-flat-file.xlsx",
    "gwp.parquet": "ipcc-gwp/globalwarmingpotentials.csv",
}
_PROPERTIES = "fuel-properties.parquet"


def _locate(publisher_files: Path, name: str) -> Path:
    path = publisher_files / SOURCES[name]
    if not path.is_file():
        raise GreenlangError(
            "PUBLISHER_FILE_MISSING",
            "a publisher's file is not in the folder",
            found="no such file",
            expected=SOURCES[name],
            hint="GREENLANG_PUBLISHER_FILES names the folder that holds one sub-folder a publisher",
        )
    return path


def import_all(publisher_files: Path) -> dict[str, ImportResult]:
    """Every publisher's factors by table name, each read afresh."""
    results: dict[str, ImportResult] = {}
    acronyms: dict[str, str] = {}
    readers: list[tuple[str, Callable[[Path], ImportResult]]] = [
        ("us-epa-ghg-hub-2024.parquet", us_epa_hub.read),
        ("us-epa-ghg-hub-2025.parquet", us_epa_hub.read),
        # By now both Hub editions have said which acronym belongs to which name.
        ("us-epa-egrid-subregion-2005-2022.parquet", lambda path: us_epa_egrid.read(path, acronyms)),
        ("uk-desnz-conversion-factors-2024.parquet", uk_desnz.read),
        ("uk-desnz-conversion-factors-2025.parquet", uk_desnz.read),
    ]
    for name, reader in readers:
        results[name] = reader(_locate(publisher_files, name))
        if us_epa_hub.DATASETS[6] in results[name].datasets:
            acronyms |= us_epa_hub.subregion_acronyms(results[name].factors)
    return results


def rebuild(publisher_files: Path, out: Path) -> dict[str, Any]:
    """Import every publisher's file and write the set of tables; returns the manifest.

    Args:
        publisher_files: folder with one sub-folder a publisher (see ``SOURCES``).
        out: folder of the tables; stays as it was when anything is refused.

    Raises:
        GreenlangError: ``PUBLISHER_FILE_MISSING``, ``GWP_CROSS_CHECK``, ``CONTRACT_BROKEN``, and those of
            the importers.
    """
    results = import_all(publisher_files)
    gwp, _, gwp_skipped = ipcc_gwp.read(_locate(publisher_files, "gwp.parquet"))
    for result in results.values():
        cross_check(result, gwp)
    properties = pl.concat([result.properties for result in results.values()]).sort(PROPERTY_KEY)
    facts = {"publisher": "us-epa", "editions": sorted(set(properties["edition"])), "skipped": {}}
    gwp_facts = {"publisher": "ipcc", "editions": sorted(ipcc_gwp.SETS), "skipped": gwp_skipped}
    written = [
        *(tables.Table(name, "factors", result.factors, _facts(result)) for name, result in results.items()),
        tables.Table(_PROPERTIES, "properties", properties, facts),
        tables.Table("gwp.parquet", "gwp", gwp, gwp_facts),
    ]
    for table in written:
        if table.kind == "factors":
            contracts.require(table.frame, table.name)
    return tables.write(written, out)


def _facts(result: ImportResult) -> dict[str, Any]:
    return {
        "publisher": result.publisher,
        "datasets": sorted(result.datasets),
        "editions": sorted(result.editions),
        "versions": sorted(set(result.factors["version"])),
        "rows_read": result.rows_read,
        "skipped": result.skipped,
        "notes": list(result.notes),
    }


def cross_check(result: ImportResult, gwp: pl.DataFrame) -> None:
    """Refuse when a publisher's printed AR5 GWPs are not those of the IPCC table."""
    table = dict(gwp.filter(gwp_set="AR5").select("gas", "value").iter_rows())
    for gas, printed in result.gwp.items():
        if table.get(gas) != printed:
            raise GreenlangError(
                "GWP_CROSS_CHECK",
                f"the GWP of {gas} that the publisher prints is not that of AR5 in the IPCC table",
                found=printed,
                expected=table.get(gas),
                where={"file": result.source.file},
            )
