"""Imports of figures of our own, for tests of what happens to an edition after it was read."""

from __future__ import annotations

from typing import Any

from greenlang_assets.core.factors.importers.base import (
    PROPERTY_KEY,
    PROPERTY_SCHEMA,
    VALUE_KEY,
    VALUE_SCHEMA,
    ImportResult,
    Source,
    factor_row,
    frame,
    value_row,
)
from greenlang_assets.core.factors.model import FACTOR_KEY, FACTOR_SCHEMA

DIESEL = "uk-desnz/conversion-factors/2024/fuels-diesel/gb/2024/l"


def imported(
    diesel: float | None = 2.5,
    *,
    edition: str = "2024",
    patch: int = 1,
    file: str = "uk.xlsx",
    sha256: str = "a" * 64,
    others: int = 3,
    gwp_set: str = "AR5",
    **columns: Any,
) -> ImportResult:
    """An edition with diesel per litre, ``others`` further fuels, and one value beside diesel."""
    source = Source("UK DESNZ", f"Conversion factors {edition}", "Open Government Licence v3.0", file, sha256)
    shared: dict[str, Any] = {
        "publisher": "uk-desnz",
        "dataset": "conversion-factors",
        "edition": edition,
        "region": "GB",
        "year": int(edition),
    }
    figures = {"diesel": diesel, **{f"fuel-{number}": 1.5 + number for number in range(others)}}
    rows = [
        factor_row(
            source, table="Fuels", row=number, **shared, version=f"{edition}.0.{patch}",
            activity_path=f"Fuels > {name}", activity=name, scope="1", activity_unit="L", gwp_set=gwp_set,
            co2e=figure, co2e_unit="kg/L", **columns,
        )
        for number, (name, figure) in enumerate(figures.items(), start=7)
        if figure is not None
    ]  # fmt: skip
    values = [
        value_row(
            source, table="Fuels", row=7, **shared, activity_path="Fuels > diesel", measure="margin",
            value=0.5, unit="%", factor_id=rows[0]["factor_id"],
        )
    ]  # fmt: skip
    return ImportResult(
        publisher="uk-desnz",
        datasets=("conversion-factors",),
        editions=(edition,),
        source=source,
        factors=frame(rows, FACTOR_SCHEMA, FACTOR_KEY, source),
        properties=frame([], PROPERTY_SCHEMA, PROPERTY_KEY, source),
        rows_read=len(figures),
        others={"values": frame(values, VALUE_SCHEMA, VALUE_KEY, source)},
    )
