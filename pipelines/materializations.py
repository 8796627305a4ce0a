"""Materialisation events: one for each batch of a run, with a data version of its own.

Dagster gives all partitions of one run the same data version. A batch's version must not depend on
the batches that it shared a run with, or a rerun would make everything downstream look stale. So
the assets record their events themselves, and ask Dagster to record none.
"""

from collections.abc import Callable, Iterator

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NULL_DATA_VERSION,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from pipelines.metadata import Metadata, stage_metadata
from pipelines.retries import transient_errors_retried
from soundalike.ingest.reports import Reports
from soundalike.ingest.stage import StageReport

Events = Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.MaterializeResult[None]]


def recorded_by_us() -> dg.MaterializeResult[None]:
    """A step's result for which Dagster records no event; the step's checks run after it."""
    return dg.MaterializeResult(metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def version_tags(version: str) -> dict[str, str]:
    """Tags that give a materialisation or observation this data version."""
    return {DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}


def recorded_version(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    """The data version of the asset's latest materialisation; None if there is none."""
    event = instance.get_latest_materialization_event(key)
    materialization = event and event.asset_materialization
    return _version(materialization)


def _version(materialization: dg.AssetMaterialization | None) -> str | None:
    return (materialization.tags or {}).get(DATA_VERSION_TAG) if materialization else None


def each_batch(
    context: dg.AssetExecutionContext,
    reports: Reports,
    stage: Callable[[str], StageReport],
    code_version: str,
) -> Events:
    """Run the stage on each batch of the run, and record each as soon as it is done."""
    for batch in context.partition_keys:
        with transient_errors_retried(reports):
            report = stage(batch)
        reports.add(report)
        metadata = stage_metadata(report)
        yield materialization(context, code_version, report.version, metadata, batch)
    yield recorded_by_us()


def materialization(
    context: dg.AssetExecutionContext,
    code_version: str,
    version: str,
    metadata: Metadata,
    batch: str | None = None,
) -> dg.AssetMaterialization:
    """The event of an asset or of one batch, with what tells Dagster whether it is stale.

    The code version is that of this run, and not that of when the definitions were loaded.
    """
    tags = version_tags(version) | {CODE_VERSION_TAG: code_version}
    for upstream in context.assets_def.asset_deps[context.asset_key]:
        tags |= input_tags(context.instance, upstream, batch)
    return dg.AssetMaterialization(context.asset_key, partition=batch, metadata=metadata, tags=tags)


def input_tags(
    instance: dg.DagsterInstance, upstream: dg.AssetKey, batch: str | None = None
) -> dict[str, str]:
    """Tags with the version of the upstream asset that was read, and the event that recorded it."""
    record = latest_materialization(instance, upstream, batch)
    version = _version(record.asset_materialization) if record else None
    return {
        get_input_data_version_tag(upstream): version or NULL_DATA_VERSION.value,
        get_input_event_pointer_tag(upstream): (
            str(record.storage_id) if record else NULL_EVENT_POINTER
        ),
    }


def latest_materialization(
    instance: dg.DagsterInstance, key: dg.AssetKey, batch: str | None = None
) -> dg.EventLogRecord | None:
    """Return the record of the newest materialisation of the asset, or of one batch of it."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[batch] if batch else None)
    return next(iter(instance.fetch_materializations(wanted, limit=1).records), None)
