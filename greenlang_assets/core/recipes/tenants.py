"""Recipes of tenant data: who the tenants are, what they used, by which method, and what came of it.

Belongs here: what each asset of ``tenants/`` reads, and the call that makes it.
Does not belong here: reading a file (``core.tenants``), calculating (``core.calculation``).

Every recipe of a partition looks at one cohort and period, filtered when it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypedDict

import polars as pl

from greenlang_assets.core.calculation.batch import BatchResult, calculate_batch
from greenlang_assets.core.calculation.lines import sum_totals
from greenlang_assets.core.errors import GreenlangError
from greenlang_assets.core.factors.catalogue import Catalogue
from greenlang_assets.core.formulas.library import Library
from greenlang_assets.core.gwp import GwpTable
from greenlang_assets.core.provenance.canonical import table_bytes
from greenlang_assets.core.provenance.ledger import InputRef
from greenlang_assets.core.recipes import factors, formulas
from greenlang_assets.core.recipes.base import (
    Made,
    Recipe,
    World,
    file_input,
    latest_input,
    load_table,
)
from greenlang_assets.core.tenants.cohorts import cohort_of, partition_key, parts_of
from greenlang_assets.core.tenants.contracts import ACTIVITY, LINES, METHOD, REJECTED, REPORTED, TOTALS, check
from greenlang_assets.core.tenants.dataset import TenantDataset, dataset_folders, load_dataset

_TENANT_CODE = ("greenlang_assets/core/tenants", "greenlang_assets/core/recipes/tenants.py")
CALCULATION_CODE = (
    *_TENANT_CODE,
    "greenlang_assets/core/calculation",
    "greenlang_assets/core/formulas",
    "greenlang_assets/core/units.py",
)


def datasets(world: World) -> tuple[TenantDataset, ...]:
    """Every tenant programme that is at hand, by name; each table checked against its manifest."""
    return tuple(
        _dataset(folder.parent, folder.name, (folder / "manifest.json").read_bytes())
        for root in world.tenant_folders
        for folder in dataset_folders(root)
    )


@lru_cache(maxsize=8)
def _dataset(root: object, name: str, manifest: bytes) -> TenantDataset:
    # The manifest's bytes stand for the tables, whose hashes it holds: as long as they are the same,
    # a set that was read and checked need not be read again.
    del manifest
    return load_dataset(name, root)  # type: ignore[arg-type]


def partitions(world: World) -> tuple[str, ...]:
    """Keys of all cohorts and periods for which some tenant reports, sorted."""
    keys = {
        partition_key(cohort_of(tenant), period)
        for dataset in datasets(world)
        for tenant, period in dataset.activity.select("tenant", "period").unique().iter_rows()
    }
    return tuple(sorted(keys))


def periods(world: World) -> tuple[str, ...]:
    """All periods for which some tenant reports, sorted."""
    return tuple(sorted({parts_of(key)[1] for key in partitions(world)}))


def _source_files(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    return tuple(
        file_input(dataset.manifest["source"]["file"], dataset.manifest["source"]["sha256"])
        for dataset in datasets(world)
    )


def _make_register(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition, inputs
    frames = [
        dataset.reported.group_by("tenant")
        .agg(pl.col("facility_id").n_unique().cast(pl.Int64).alias("facilities"))
        .select(
            "tenant",
            pl.lit(dataset.name).alias("programme"),
            pl.col("tenant").map_elements(cohort_of, return_dtype=pl.String).alias("cohort"),
            "facilities",
            pl.lit(dataset.manifest["attribution"]).alias("attribution"),
        )
        for dataset in datasets(world)
    ]
    register = pl.concat(frames)
    return Made(
        table_bytes(register, key=["tenant"]),
        facts={"tenants": register.height, "facilities": int(register["facilities"].sum())},
    )


def _make_activity(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del inputs
    cohort, period = parts_of(str(partition))
    rows = pl.concat([_activity_of(dataset, cohort, period) for dataset in datasets(world)])
    activity = check(rows, ACTIVITY).sort(ACTIVITY.key)
    return Made(
        table_bytes(activity, key=ACTIVITY.key),
        facts={
            "tenants": activity["tenant"].n_unique(),
            "facilities": activity["facility_id"].n_unique(),
            "activity_rows": activity.height,
        },
        indexed=True,
    )


def _activity_of(dataset: TenantDataset, cohort: str, period: str) -> pl.DataFrame:
    """One programme's rows of a cohort and period; what is wrong with them is told with the programme."""
    rows = dataset.activity.filter(pl.col("period") == period)
    tenants = [tenant for tenant in rows["tenant"].unique() if cohort_of(tenant) == cohort]
    try:
        return check(rows.filter(pl.col("tenant").is_in(tenants)), ACTIVITY)
    except GreenlangError as error:
        error.where["programme"] = dataset.name
        raise


def _make_reported(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition, inputs
    reported = check(pl.concat([dataset.reported for dataset in datasets(world)]), REPORTED)
    return Made(table_bytes(reported, key=REPORTED.key), facts={"facility_years": reported.height})


def _method_files(world: World, partition: str | None) -> tuple[InputRef, ...]:
    del partition
    return tuple(
        file_input(f"{dataset.name}/method.csv", dataset.method_sha256) for dataset in datasets(world)
    )


def _make_method(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition, inputs
    frames = [
        check(dataset.method, METHOD).select(pl.lit(dataset.name).alias("programme"), pl.all())
        for dataset in datasets(world)
    ]
    method = pl.concat(frames)
    return Made(table_bytes(method, key=["programme", *METHOD.key]), facts={"rows": method.height})


REGISTER = Recipe("tenants/register", "1.0.0", _TENANT_CODE, _source_files, _make_register)
ACTIVITY_RECIPE = Recipe("tenants/activity", "1.0.0", _TENANT_CODE, _source_files, _make_activity)
REPORTED_RECIPE = Recipe("tenants/reported", "1.0.0", _TENANT_CODE, _source_files, _make_reported)
METHOD_RECIPE = Recipe("tenants/method", "1.0.0", _TENANT_CODE, _method_files, _make_method)

#: What every partition is calculated with, beside its own activity.
SHARED_INPUTS = (
    "tenants/method",
    "tenants/register",
    "factors/catalogue",
    "factors/fuel_properties",
    "factors/ipcc_gwp",
    "formulas/library",
)


def _calculation_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    shared = (latest_input(world, asset) for asset in SHARED_INPUTS)
    return (latest_input(world, "tenants/activity", partition), *shared)


class Parts(TypedDict):
    """What a calculation is made with, beside activity and method."""

    catalogue: Catalogue
    library: Library
    gwp: GwpTable


def parts_of_calculation(world: World, tables: Mapping[str, InputRef]) -> Parts:
    """Recorded factors, formulas and GWP sets, verified as they are loaded."""
    catalogue = factors.catalogue_of(world, tables["factors/catalogue"], tables["factors/fuel_properties"])
    library = formulas.library_of(world, tables["formulas/library"], catalogue)
    return Parts(catalogue=catalogue, library=library, gwp=factors.gwp_of(world, tables["factors/ipcc_gwp"]))


def by_programme(
    world: World, tables: Mapping[str, InputRef], *frames: pl.DataFrame
) -> Iterator[tuple[pl.DataFrame, ...]]:
    """The method of each tenant programme, followed by its tenants' rows of every given frame.

    Raises:
        GreenlangError: ``TENANT_NOT_REGISTERED`` when a row's tenant is not in the register: without its
            programme it has no method, and would be neither calculated nor rejected.
    """
    register = load_table(world, tables["tenants/register"])
    unknown = {tenant for frame in frames for tenant in frame["tenant"].unique()} - set(register["tenant"])
    if unknown:
        raise GreenlangError(
            "TENANT_NOT_REGISTERED",
            "there is activity of tenants that the recorded register does not hold",
            found=", ".join(sorted(unknown)[:5]),
            expected="every tenant of the activity in tenants/register",
            hint="materialise tenants/register and tenants/method first, or run `glac run`",
        )
    method = load_table(world, tables["tenants/method"])
    for (programme,), tenants in register.group_by("programme", maintain_order=True):
        names = tenants["tenant"].to_list()
        own = [frame.filter(pl.col("tenant").is_in(names)) for frame in frames]
        yield method.filter(pl.col("programme") == programme).drop("programme"), *own


@lru_cache(maxsize=2)
def _batch(world: World, *inputs: InputRef) -> BatchResult:
    # Lines and rejected rows of one partition come from one calculation; content hashes are its whole
    # input, so within a process it is done once.
    tables = {reference.asset: reference for reference in inputs}
    parts = parts_of_calculation(world, tables)
    activity = load_table(world, tables["tenants/activity"])
    results = [
        calculate_batch(rows, method, **parts)
        for method, rows in by_programme(world, tables, activity)
        # Every cohort may be asked for every period; one in which nobody reports has empty results.
        if rows.height or activity.is_empty()
    ]
    return BatchResult(
        lines=pl.concat([result.lines for result in results]).sort(LINES.key),
        totals=pl.concat([result.totals for result in results]).sort(TOTALS.key),
        rejected=pl.concat([result.rejected for result in results]).sort(REJECTED.key),
    )


def _tonnes(milligrams: pl.Series) -> float:
    """A sum for people; what is published stays an integer of milligrams."""
    return round(int(milligrams.sum() or 0) / 10**9, 3)


def _make_emissions(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    result = _batch(world, *inputs)
    lines = result.lines
    return Made(
        table_bytes(lines, key=LINES.key),
        facts={
            "lines": lines.height,
            "rejected": result.rejected.height,
            "co2e_location_mg": int(lines["co2e_mg"].sum()),
            "co2e_market_mg": int(lines["co2e_market_mg"].fill_null(lines["co2e_mg"]).sum()),
        },
        notes={
            "scope 1, t CO2e": _tonnes(lines.filter(pl.col("scope") == "1")["co2e_mg"]),
            "scope 2 location-based, t CO2e": _tonnes(lines.filter(pl.col("scope") == "2")["co2e_mg"]),
            "scope 2 market-based, t CO2e": _tonnes(lines["co2e_market_mg"]),
            "by activity": lines.group_by("activity")
            .agg(pl.len().alias("lines"), (pl.col("co2e_mg").sum() / 10**9).round(1).alias("t CO2e"))
            .sort("activity"),
        },
        indexed=True,
    )


def _make_rejected(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    rejected = _batch(world, *inputs).rejected
    return Made(
        table_bytes(rejected, key=REJECTED.key),
        facts={
            "rejected": rejected.height,
            "by_code": dict(rejected.group_by("code").len().sort("code").iter_rows()),
        },
    )


def _totals_inputs(world: World, partition: str | None) -> tuple[InputRef, ...]:
    return (
        latest_input(world, "tenants/activity", partition),
        latest_input(world, "tenants/emissions", partition),
    )


def _make_totals(world: World, partition: str | None, inputs: tuple[InputRef, ...]) -> Made:
    del partition
    tables = {reference.asset: load_table(world, reference) for reference in inputs}
    totals = sum_totals(tables["tenants/activity"], tables["tenants/emissions"]).sort(TOTALS.key)
    return Made(
        table_bytes(totals, key=TOTALS.key),
        facts={"facilities": totals.height, "co2e_location_mg": int(totals["co2e_mg"].sum())},
        notes={
            "location-based, t CO2e": _tonnes(totals["co2e_mg"]),
            "market-based, t CO2e": _tonnes(totals["co2e_market_mg"]),
            "largest": totals.sort("co2e_mg", descending=True)
            .head(5)
            .select("facility_name", (pl.col("co2e_mg") / 10**9).round(1).alias("t CO2e"), "total_sha256"),
        },
        indexed=True,
    )


EMISSIONS = Recipe("tenants/emissions", "1.0.0", CALCULATION_CODE, _calculation_inputs, _make_emissions)
REJECTED_RECIPE = Recipe("tenants/rejected", "1.0.0", CALCULATION_CODE, _calculation_inputs, _make_rejected)
TOTALS_RECIPE = Recipe("tenants/totals", "1.0.0", CALCULATION_CODE, _totals_inputs, _make_totals)


def all_partitions(world: World, *assets: str) -> tuple[InputRef, ...]:
    """The recorded partitions of some assets, as inputs of one that looks at all of them."""
    return tuple(latest_input(world, asset, key) for asset in assets for key in partitions(world))


def gather(world: World, inputs: tuple[InputRef, ...], asset: str) -> pl.DataFrame:
    """One frame out of all partitions of ``asset`` among the inputs."""
    return pl.concat([load_table(world, reference) for reference in inputs if reference.asset == asset])
