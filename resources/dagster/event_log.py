"""Dagster's event log, read as plain facts for reconciliation.

Belongs here: the only private import from Dagster (names of version tags), paging through events.
Does not belong here: any judgement of what is read (``core.provenance.reconcile``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetRecordsFilter,
    DagsterInstance,
    DagsterRunStatus,
    MetadataValue,
    RunsFilter,
)
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
)

from greenlang_assets.core.provenance.reconcile import MaterialisationEvent

ENTRY_METADATA = "greenlang/entry_sha256"
CHAIN_METADATA = "greenlang/chain_sha256"

_PAGE = 500
_ENDED = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


def materialisation_events(instance: DagsterInstance, *, page: int = _PAGE) -> Iterator[MaterialisationEvent]:
    """Every materialisation that the event log holds, asset by asset, oldest first.

    Asset keys are asked from the log itself, not from our definitions: an event for an asset that we do
    not know is one that nobody recorded.
    """
    for key in sorted(instance.all_asset_keys(), key=lambda key: key.to_user_string()):
        yield from events_of(instance, key, page=page)


def events_of(
    instance: DagsterInstance, key: AssetKey, *, after_storage_id: int | None = None, page: int = _PAGE
) -> Iterator[MaterialisationEvent]:
    """One asset's materialisations after a place in the log, oldest first."""
    wanted = AssetRecordsFilter(asset_key=key, after_storage_id=after_storage_id)
    cursor: str | None = None
    while True:
        result = instance.fetch_materializations(wanted, limit=page, cursor=cursor, ascending=True)
        for record in result.records:
            materialisation = record.asset_materialization
            if materialisation is not None:
                yield _event(record.storage_id, record.run_id, materialisation)
        if not result.has_more:
            return
        cursor = result.cursor


def running(instance: DagsterInstance) -> frozenset[str]:
    """Runs that have not ended: what they recorded may still wait for its event."""
    statuses = [status for status in DagsterRunStatus if status not in _ENDED]
    return frozenset(run.run_id for run in instance.get_runs(RunsFilter(statuses=statuses)))


def _event(storage_id: int, run_id: str, event: AssetMaterialization) -> MaterialisationEvent:
    tags = event.tags or {}
    prefix = INPUT_DATA_VERSION_TAG_PREFIX + "/"
    return MaterialisationEvent(
        storage_id=storage_id,
        asset=event.asset_key.to_user_string(),
        partition=event.partition,
        run_id=run_id,
        data_version=tags.get(DATA_VERSION_TAG),
        code_version=tags.get(CODE_VERSION_TAG),
        input_versions={
            name.removeprefix(prefix): value for name, value in tags.items() if name.startswith(prefix)
        },
        entry_sha256=_text(event.metadata, ENTRY_METADATA),
        chain_sha256=_text(event.metadata, CHAIN_METADATA),
    )


def _text(metadata: Mapping[str, MetadataValue[Any]], name: str) -> str | None:
    value = metadata.get(name)
    return None if value is None else str(value.value)


def version_tags(*, data_version: str, code_version: str) -> dict[str, str]:
    """Tags that carry versions on an event logged by hand; worth trusting only beside the ledger."""
    return {
        DATA_VERSION_TAG: data_version,
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        CODE_VERSION_TAG: code_version,
    }
