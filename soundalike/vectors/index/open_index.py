"""An opened index version: its contents, and the search over it."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import structlog
from numpy.typing import NDArray

from soundalike.errors import ArtifactError, SpaceMismatch, UnreadableArtifact
from soundalike.sampling import evenly
from soundalike.vectors.artifact_files import CODES
from soundalike.vectors.index import knn
from soundalike.vectors.index.codes import Codes
from soundalike.vectors.index.distribution import Distribution
from soundalike.vectors.index.exact import ExactVectors
from soundalike.vectors.index.rows import NO_ROW, RowNumbers
from soundalike.vectors.index.segment import Segment, open_as_segment, open_segment
from soundalike.vectors.index.track_ids import TrackIds
from soundalike.vectors.index_files import (
    IndexManifest,
    cover_of,
    named_segments,
    read_manifest,
    segments_of,
)
from soundalike.vectors.kinds import IndexKind
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours
from soundalike.vectors.queries import Hits, VectorQuery
from soundalike.vectors.segment_files import SegmentManifest, read_segment
from soundalike.vectors.track_vectors import TrackVectors

PROBES = 5  # tracks that must find themselves before an index is used
SELF_TOLERANCE = 1e-4  # how far from 1 a track's cosine with itself may be

log = structlog.get_logger()


class OpenIndex:
    """A verified, memory-mapped index version. Immutable, and safe to search from any thread.

    Rows are in track-id order, so that ties by row are ties by id, however they are divided into
    segments.
    """

    is_remote = False

    def __init__(self, manifest: IndexManifest, segments: Sequence[Segment]) -> None:
        """Put a version together from opened segments. Raises ArtifactError if it is not whole."""
        self.manifest = manifest
        self.segments = segments = tuple(segments)
        alive = [segment.alive(manifest.wanted) for segment in segments]
        rows = RowNumbers([segment.ids for segment in segments], alive)
        self.exact = ExactVectors(rows, [segment.vectors for segment in segments])
        codes = [segment.codes for segment in segments if segment.codes]
        self._codes = Codes(rows, codes) if manifest.built_as.has_codes else None
        self.track_ids = TrackIds(rows, [segment.ids for segment in segments])
        if (rows.count, self.exact.dimension) != (manifest.tracks, manifest.dimension):
            raise ArtifactError(
                f"index {manifest.version}: {rows.count} vectors of {self.exact.dimension} "
                f"dimensions in its segments, but its manifest says {manifest.tracks} of "
                f"{manifest.dimension}"
            )

    @classmethod
    def open(
        cls,
        folder: Path,
        manifest: IndexManifest | None = None,
        *,
        private: bool = False,
        opened: Iterable[Segment] = (),
        trusted: Collection[str] = (),
        codes_memory: float = math.inf,
    ) -> Self:
        """Open a version after verifying every byte. Raises ArtifactError if it is damaged.

        `manifest`: the folder's, if the caller has read it. `private`: from copies that no other
        program can change or truncate, for a process that goes on serving whatever becomes of the
        files. Segments that are `opened` are taken as they are, and of those that are `trusted`,
        by name, only the sizes are looked at. Codes beyond `codes_memory` bytes stay in their
        files, and are read for each search.
        """
        manifest = manifest or read_manifest(folder)
        if not manifest.segments:
            return cls(manifest, [open_as_segment(folder, manifest, private=private)])
        segments, kind = segments_of(folder), manifest.built_as
        known = {each.name: each for each in opened if each.codes or not kind.has_codes}
        damaged: dict[str, ArtifactError] = {}
        while True:
            chosen = _without(damaged, folder, manifest)
            in_memory = _that_fit(chosen, codes_memory)
            try:
                for each in chosen:
                    if each.name not in known:
                        name, is_trusted = each.name, each.name in trusted
                        manifest_read = each if is_trusted else read_segment(segments / name)
                        known[name] = open_segment(
                            *(segments / name, manifest_read, kind),
                            private=private,
                            trusted=is_trusted,
                            codes_in_memory=each.name in in_memory,
                        )
            except UnreadableArtifact:
                raise
            except ArtifactError as error:  # another may hold the same rows
                damaged[each.name] = error
                log.warning("index.segment_refused", segment=each.name, reason=str(error))
            else:
                return cls(manifest, [known[each.name] for each in chosen])

    @classmethod
    def of_segment(cls, segment: Segment, kind: IndexKind) -> Self:
        """Open a segment as a version of its own, of all its rows.

        Raises ValueError for a version that was built before there were segments.
        """
        manifest = segment.manifest
        if manifest is None:
            raise ValueError("this is a version of before there were segments")
        return cls(
            IndexManifest(
                version=manifest.name,
                space=manifest.space,
                space_fingerprint=manifest.space_fingerprint,
                model="",
                parameters={},
                kind=kind.name,
                kind_parameters=kind.parameters,
                dimension=manifest.dimension,
                tracks=manifest.tracks,
                batches={key: batch.sha256 for key, batch in manifest.batches.items()},
                checks=[],
                dagster_run_id=manifest.dagster_run_id,
                created_at=manifest.created_at,
            ),
            [segment],
        )

    def __contains__(self, track_id: str) -> bool:
        return track_id in self.track_ids

    def __len__(self) -> int:
        return self.exact.count

    @property
    def segment_names(self) -> frozenset[str]:
        """Names of its segments; none for a version that was built before there were any."""
        return frozenset(segment.name for segment in self.segments if segment.name)

    @cached_property
    def distribution(self) -> Distribution:
        """The distribution of cosines between tracks of this index."""
        return Distribution.of(self.exact)

    def rows_of(self, track_ids: Iterable[str]) -> NDArray[np.int64]:
        """The rows of these tracks, int64 [m], ascending, each once; unknown ones are left out."""
        rows = self.track_ids.rows(track_ids)
        known: NDArray[np.int64] = rows[rows != NO_ROW]
        return np.unique(known) if len(known) > 1 else known

    def known_rows(self, track_ids: Sequence[str]) -> NDArray[np.int64]:
        """The row of each of these tracks, int64 [m]. Raises KeyError for an unknown one."""
        rows = self.track_ids.rows(track_ids)
        if (rows == NO_ROW).any():
            raise KeyError(track_ids[int(np.argmax(rows == NO_ROW))])
        return rows

    def vector(self, track_id: str) -> NDArray[np.float32]:
        """The track's float32 [dim], unit length. Raises KeyError for a track not in the index."""
        vector: NDArray[np.float32] = self.vectors_of([track_id])[0]
        return vector

    def vectors_of(self, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """The float32 [m, dim] of these tracks, in order. Raises KeyError for an unknown one."""
        return self.exact.vectors(self.known_rows(track_ids))

    def track_vectors(self, track_ids: Sequence[str]) -> TrackVectors:
        """The same, to be compared. Raises KeyError for an unknown one."""
        return TrackVectors(self.exact, self.known_rows(track_ids))

    def neighbours(self, queries: Sequence[NeighbourQuery]) -> list[Neighbours]:
        """Search for the neighbours of each query, by ids. Raises as `search` does."""
        found = self.search([self._in_rows(query) for query in queries])
        return [self._by_ids(query, hits) for query, hits in zip(queries, found, strict=True)]

    def _in_rows(self, query: NeighbourQuery) -> VectorQuery:
        allowed = query.allowed.rows if query.allowed is not None else None
        excluded = self.rows_of(query.excluded)
        return VectorQuery(query.positive, query.k, query.negative, allowed, excluded)

    def _by_ids(self, query: NeighbourQuery, hits: Hits) -> Neighbours:
        # By codes, hits are not proven unless all rows that are allowed were read.
        by_codes = self._codes and query.allowed is None and len(query.positive) > 0
        ids, vectors = self.track_ids.of(hits.rows), TrackVectors(self.exact, hits.rows)
        return Neighbours(ids, hits.scores, vectors, hits.complete, hits.complete or not by_codes)

    def search(self, queries: Sequence[VectorQuery]) -> list[Hits]:
        """Search for the hits of each query; none depends on the others.

        Raises SpaceMismatch if a vector has another dimension than the index.
        """
        for query in queries:
            for vectors in filter(len, (query.positive, query.negative)):
                if vectors.shape[1:] != (self.manifest.dimension,):
                    raise SpaceMismatch(
                        f"a query of {vectors.shape[1:]} against index {self.manifest.version} of "
                        f"{self.manifest.dimension} dimensions ({self.manifest.space})"
                    )
        return knn.search(queries, self.exact, self._codes)

    def is_batchable(self, query: NeighbourQuery) -> bool:
        """Return whether the query benefits from batching: unless a filter's rows are its own."""
        return query.allowed is None

    def probe(self) -> None:
        """Search for a few tracks before use. Raises ArtifactError if one does not find itself."""
        for row in evenly(range(len(self)), PROBES):
            [hits] = self.search([VectorQuery(self.exact.vectors(np.array([row])), 1)])
            if hits.scores[0] < 1 - SELF_TOLERANCE:
                raise ArtifactError(
                    f"index {self.manifest.version} does not find its own track "
                    f"{self.track_ids[row]}"
                )


def _without(
    damaged: Mapping[str, ArtifactError], folder: Path, manifest: IndexManifest
) -> list[SegmentManifest]:
    """Choose segments that hold all rows of a version, none of them `damaged`, by name.

    Raises ArtifactError if there are none, which names what is lost.
    """
    chosen = cover_of(folder, manifest, damaged)
    if chosen.missing:
        named_segments(folder, manifest)  # names what is lost
        raise next(
            iter(damaged.values()),
            ArtifactError(f"index {folder.name}: rows of it are in none of its segments"),
        )
    return chosen.segments


def _that_fit(segments: Iterable[SegmentManifest], codes_memory: float) -> set[str]:
    """Names of those segments whose codes fit into so many bytes together, in their order."""
    fitting, left = set(), codes_memory
    for segment in segments:
        size = segment.sizes.get(CODES, 0)
        if size <= left:
            left -= size
            fitting.add(segment.name)
    return fitting
