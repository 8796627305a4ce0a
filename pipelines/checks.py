"""Asset checks: the domain's checks of an asset's files as Dagster check results.

A failed blocking check stops the run before anything is built on the asset; the other only warns.
What is checked is decided in soundalike/ingest and soundalike/maintenance, not here.
"""

import dagster as dg

from pipelines.assets.embeddings import embeddings
from pipelines.assets.faiss_index import faiss_index
from pipelines.assets.published_index import published_index
from pipelines.metadata import check_result, quality_result
from pipelines.partitions import batches
from pipelines.resources import Model
from soundalike.catalog.engine import Sessions
from soundalike.ingest.embed import check_batch
from soundalike.ingest.index_checks import check_candidate
from soundalike.maintenance.quality import index_quality
from soundalike.storage.layout import ArtifactStore


@dg.asset_check(asset=embeddings, blocking=True, partitions_def=batches)
def valid_vectors(
    context: dg.AssetCheckExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.AssetCheckResult:
    """Checks that vectors are finite, of unit norm, and of the configured embedding space.

    Every track of the batch has a row, unless it failed.
    """
    checks = (check_batch(sessions, store, model.space, key) for key in context.partition_keys)
    return check_result([check for batch in checks for check in batch])


@dg.asset_check(asset=faiss_index, blocking=True)
def valid_index(
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.AssetCheckResult:
    """Checks the candidate index: a unit vector for each track, all of one embedding space.

    Each sampled track must be its own nearest neighbour, and recall@10 on held-out queries must
    reach the floor of the index's kind.
    """
    return check_result(check_candidate(sessions, store, model.space))


@dg.asset_check(asset=published_index)
def neighbour_quality(
    sessions: dg.ResourceParam[Sessions], store: dg.ResourceParam[ArtifactStore]
) -> dg.AssetCheckResult:
    """Measures hubness, the spread of cosines, and genre precision where files have genre tags.

    The UI plots the numbers over versions; a degenerate embedding space raises a warning.
    """
    return quality_result(index_quality(sessions, store))


CHECKS = [valid_vectors, valid_index, neighbour_quality]
