"""Asset checks: the domain's checks of an asset's files as Dagster check results.

A failed blocking check stops the run before anything is built on the asset; the others only warn.
What is checked is decided in soundalike/ingest and soundalike/maintenance, not here.

No check has partitions of its own: a check that has them cannot be executed alone in the UI of this
Dagster, and its asset would show the result of the partition that happened to be last. So the
warnings are about the whole asset as the catalog knows it, whatever partitions a run is about; and
`valid_vectors`, which reads files, checks those batches that it is asked for.
"""

import dagster as dg
from pydantic import Field

from pipelines.assets.embeddings import embeddings
from pipelines.assets.faiss_index import faiss_index
from pipelines.assets.library import library
from pipelines.assets.map_layout import map_layout
from pipelines.assets.published_index import published_index
from pipelines.assets.raw_audio import raw_audio
from pipelines.assets.resampled_audio import resampled_audio
from pipelines.check_results import (
    batches_result,
    check_result,
    coverage_result,
    decoded_result,
    map_result,
    quality_result,
    roots_result,
)
from pipelines.partitions import batches
from pipelines.resources import Model
from pipelines.retries import transient_errors_retried
from soundalike.catalog import coverage
from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError
from soundalike.ingest import embed, resample
from soundalike.ingest.index_checks import check_candidate
from soundalike.ingest.root_checks import check_roots
from soundalike.ingest.vector_checks import check_batches
from soundalike.maintenance.quality import index_quality
from soundalike.maps.draw import published_map
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore

SHOWN_FAILURES = 50


class CheckedBatches(dg.Config):
    """The batches to check."""

    batches: list[str] = Field(
        default=[],
        description="Batches to check, such as [b000001, b000002]; empty for the partitions of the "
        "run, or for every batch if it has none.",
    )


@dg.asset_check(asset=library)
def reachable_roots(sessions: dg.ResourceParam[Sessions]) -> dg.AssetCheckResult:
    """Checks that each music root can be listed now, and that its last scan found nothing wrong."""
    settings = load_settings()
    with transient_errors_retried():
        return roots_result(check_roots(sessions, settings.music, settings.extensions))


@dg.asset_check(asset=raw_audio)
def readable_files(sessions: dg.ResourceParam[Sessions]) -> dg.AssetCheckResult:
    """Checks that no file of the library failed to be read, in whichever batch it is."""
    with transient_errors_retried(), sessions() as session:
        return coverage_result(coverage.files_read(session, SHOWN_FAILURES))


@dg.asset_check(asset=resampled_audio)
def decodable_tracks(sessions: dg.ResourceParam[Sessions]) -> dg.AssetCheckResult:
    """Checks that no track failed to be decoded; shows how much of the audio is not broken."""
    with transient_errors_retried(), sessions() as session:
        found = coverage.tracks_decoded(session, resample.STAGE, SHOWN_FAILURES)
        return decoded_result(found, coverage.decoded(session))


@dg.asset_check(asset=embeddings)
def embedded_tracks(
    sessions: dg.ResourceParam[Sessions], model: dg.ResourceParam[Model]
) -> dg.AssetCheckResult:
    """Checks that no track failed at the model; shows how many have a vector in the space."""
    with transient_errors_retried(), sessions() as session:
        space = model.space.key
        found = coverage.tracks_embedded(session, embed.STAGE, space, SHOWN_FAILURES)
        return coverage_result(found)


@dg.asset_check(asset=embeddings, blocking=True)
def valid_vectors(
    context: dg.AssetCheckExecutionContext,
    config: CheckedBatches,
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.AssetCheckResult:
    """Checks that vectors are finite, of unit norm, and of the configured embedding space.

    Every track of a batch has a row, unless it failed, and the file is the one recorded.
    """
    with transient_errors_retried():
        chosen = config.batches or _batches_of(context)
        return batches_result(check_batches(sessions, store, model.space, chosen))


def _batches_of(context: dg.AssetCheckExecutionContext) -> list[str] | None:
    """Return the keys of the run's partitions, one or a range; None if it has no partition."""
    if context.has_partition_key:
        return [context.partition_key]
    if not context.has_partition_key_range:
        return None
    ends = context.partition_key_range
    keys = list(context.instance.get_dynamic_partitions(str(batches.name)))
    missing = [key for key in (ends.start, ends.end) if key not in keys]
    if missing:
        raise ArtifactError(f"there is no partition {missing[0]!r} of the batches")
    return keys[keys.index(ends.start) : keys.index(ends.end) + 1]


@dg.asset_check(asset=faiss_index, blocking=True)
def valid_index(
    sessions: dg.ResourceParam[Sessions],
    store: dg.ResourceParam[ArtifactStore],
    model: dg.ResourceParam[Model],
) -> dg.AssetCheckResult:
    """Checks the candidate index: a unit vector for each track, all of one embedding space.

    Each sampled track must be its own nearest neighbour, and recall@10 on held-out queries must
    reach the floor of the index's kind: that of new segments, and of the whole as it was built.
    """
    with transient_errors_retried():
        return check_result(check_candidate(sessions, store, model.space))


@dg.asset_check(asset=published_index)
def neighbour_quality(
    sessions: dg.ResourceParam[Sessions], store: dg.ResourceParam[ArtifactStore]
) -> dg.AssetCheckResult:
    """Measures hubness, the spread of cosines, and genre precision where files have genre tags.

    The UI plots the numbers over versions; a degenerate embedding space raises a warning.
    """
    with transient_errors_retried():
        return quality_result(index_quality(sessions, store))


@dg.asset_check(asset=map_layout)
def trustworthy_map(
    sessions: dg.ResourceParam[Sessions], store: dg.ResourceParam[ArtifactStore]
) -> dg.AssetCheckResult:
    """Checks that neighbours on the map are neighbours by sound: trustworthiness at 15."""
    with transient_errors_retried():
        return map_result(published_map(sessions, store))


CHECKS = [
    reachable_roots,
    readable_files,
    decodable_tracks,
    embedded_tracks,
    valid_vectors,
    valid_index,
    neighbour_quality,
    trustworthy_map,
]
