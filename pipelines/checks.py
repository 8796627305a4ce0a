"""Asset checks. Nothing is built on what fails a blocking one; the other is for people to watch."""

import dagster as dg

from pipelines.assets.embeddings import embeddings
from pipelines.assets.faiss_index import faiss_index
from pipelines.assets.published_index import published_index
from pipelines.metadata import check_result, quality_result
from pipelines.resources import Model
from soundalike.catalog.engine import Sessions
from soundalike.ingest.embed import check_batch
from soundalike.ingest.index_checks import check_candidate
from soundalike.maintenance.quality import index_quality
from soundalike.storage.layout import ArtifactStore


@dg.asset_check(asset=embeddings, blocking=True)
def valid_vectors(
    context: dg.AssetCheckExecutionContext,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.AssetCheckResult:
    """Finite, of unit norm, of the right dimension, a row for each track that did not fail."""
    return check_result(check_batch(sessions, store, model.space, context.partition_key))


@dg.asset_check(asset=faiss_index, blocking=True)
def valid_index(
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.AssetCheckResult:
    """All tracks, one space, unit vectors, and every sampled track finds itself first."""
    return check_result(check_candidate(sessions, store, model.space))


@dg.asset_check(asset=published_index)
def neighbour_quality(
    sessions: dg.ResourceParam[Sessions], store: dg.ResourceParam[ArtifactStore]
) -> dg.AssetCheckResult:
    """Hubness, spread of cosines, and genre precision where files are tagged; plotted by the UI."""
    return quality_result(index_quality(sessions, store))


CHECKS = [valid_vectors, valid_index, neighbour_quality]
