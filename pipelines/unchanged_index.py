"""The events that say that the newest embeddings leave the served index as it is.

A batch in which nothing had to be embedded, as after a retag, changes no index. Without these
events the index would look stale for ever, and its check not evaluated.
"""

import dagster as dg
from dagster._core.definitions.data_version import CODE_VERSION_TAG

from pipelines.materializations import input_tags, latest_materialization, version_tags
from soundalike.ingest.next_index import NextIndex

EMBEDDINGS, INDEX = dg.AssetKey("embeddings"), dg.AssetKey("faiss_index")
VALID_INDEX = dg.AssetCheckKey(INDEX, "valid_index")
AssetEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation
UNCHANGED = "The batches embedded since leave the index as it is."


def unchanged_events(instance: dg.DagsterInstance, wanted: NextIndex) -> list[AssetEvent]:
    """The materialisation of the same version, and the result that its check had.

    Empty if the last event of the index is newer than the embeddings, or another index is wanted.
    """
    if not (wanted.is_current and wanted.served):
        return []
    served = wanted.served.index
    built = latest_materialization(instance, INDEX)
    embedded = latest_materialization(instance, EMBEDDINGS)
    if not (built and embedded) or built.storage_id > embedded.storage_id:
        return []
    materialization = dg.AssetMaterialization(
        INDEX,
        description=UNCHANGED,
        metadata={"version": served.version, "built_before": True},
        tags=version_tags(served.version)
        | {CODE_VERSION_TAG: served.space}
        | input_tags(instance, EMBEDDINGS),
    )
    return [materialization, *_results_again(instance, VALID_INDEX)]


def _results_again(
    instance: dg.DagsterInstance, check: dg.AssetCheckKey
) -> list[dg.AssetCheckEvaluation]:
    """The last result of the check, as one of the newest materialisation; none without one."""
    last = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
    return [
        dg.AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=found.passed,
            severity=found.severity,
            description=found.description,
            metadata=found.metadata,
            blocking=found.blocking,
        )
        for found in (record.evaluation for record in last)
        if isinstance(found, dg.AssetCheckEvaluation)
    ]
