"""Stage `merged_segments`: write small segments of the served index as one, apart from publishing.

The served version stays what it is: whoever serves it opens the merged segment as soon as it is
there, and answers do not change.
"""

from dataclasses import dataclass

from soundalike.catalog import publications
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import IndexVersionRow
from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.resource_usage import Monitor, Usage
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.cover import Holding
from soundalike.vectors.index_copies import fetch_version
from soundalike.vectors.index_files import IndexManifest, cover_of, read_manifest
from soundalike.vectors.segment_files import SegmentManifest
from soundalike.vectors.tiers import to_merge


@dataclass(frozen=True)
class MergeReport:
    """The segments that were merged, what they became (None if none had to be), and its cost."""

    version: str
    merged: list[SegmentManifest]
    segment: SegmentManifest | None
    usage: Usage


def due_merge(sessions: Sessions, store: ArtifactStore, space: str) -> list[SegmentManifest]:
    """Return the segments of the served version that are to be merged now; mostly none.

    None of a version that is of another space than `space`, or is damaged: it is replaced.
    """
    with sessions() as session:
        served = publications.published(session)
    if served is None or served.index.space != space:
        return []
    try:
        return _due(store, served.index)[1]
    except ArtifactError:
        return []


def merge_segments(
    sessions: Sessions, store: ArtifactStore, space: EmbeddingSpace, run_id: str | None = None
) -> MergeReport:
    """Merge what is due of the served version, without the rows that it has not.

    Raises ArtifactError if nothing is published, if the version is of another space, or damaged.
    """
    with sessions() as session:
        served = publications.published(session)
    if served is None:
        raise ArtifactError("no index is published yet; materialise published_index")
    if served.index.space != space.key:
        raise ArtifactError(
            f"index {served.index.version} is of {served.index.space}; its segments are merged "
            f"when an index of {space.key} is served"
        )
    with Monitor() as monitor:
        fetch_version(store, served.index.version, served.index.manifest_sha256)
        manifest, sources = _due(store, served.index)
        segment = _merged(store, space, manifest, sources, run_id) if sources else None
    if segment:
        with sessions.begin() as session:
            publications.notify(session, manifest.version)
    return MergeReport(served.index.version, sources, segment, monitor.usage())


def _due(
    store: ArtifactStore, served: IndexVersionRow
) -> tuple[IndexManifest, list[SegmentManifest]]:
    folder = store.index(served.version)
    manifest = read_manifest(folder, served.manifest_sha256)
    if not manifest.segments or not manifest.built_as.is_current:
        return manifest, []
    chosen = {segment.name: segment for segment in cover_of(folder, manifest).segments}
    wanted = manifest.wanted
    rows = {name: (Holding.of(each, wanted).tracks, each.tracks) for name, each in chosen.items()}
    return manifest, [chosen[name] for name in to_merge(rows)]


def _merged(
    store: ArtifactStore,
    space: EmbeddingSpace,
    manifest: IndexManifest,
    sources: list[SegmentManifest],
    run_id: str | None,
) -> SegmentManifest:
    """Write the rows of these segments that the version has as one segment."""
    from soundalike.vectors.index.quantizer import quantizer_in
    from soundalike.vectors.index.segment_merger import merged_draft
    from soundalike.vectors.index.segment_writer import Coding, write_segment

    draft = merged_draft(store.segments, manifest.wanted, sources)
    quantizer = quantizer_in(store.segments / sources[0].name) if manifest.coding else None
    coding = Coding(manifest.coding, manifest.built_as, quantizer)
    written = write_segment(store.segments, space, coding, draft, run_id)
    for check in written.failed_checks:
        raise ArtifactError(
            f"the merged segment {written.name} failed {check.name}: {check.detail}; the small "
            "ones stay in use"
        )
    return written
