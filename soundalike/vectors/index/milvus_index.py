"""An index version whose vectors are in Milvus: the same answers as from an OpenIndex.

Track ids are held here, sorted, as filters and counts need them; vectors are asked for.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import MilvusError, MissingCollection, SpaceMismatch
from soundalike.sampling import evenly
from soundalike.vectors.index.distribution import SAMPLED_TRACKS, Distribution
from soundalike.vectors.index.fetched import fetched_vectors
from soundalike.vectors.index.milvus_search import MilvusSearch
from soundalike.vectors.index.open_index import PROBES, SELF_TOLERANCE
from soundalike.vectors.index.rows import NO_ROW, RowNumbers
from soundalike.vectors.index.track_ids import TrackIds
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.milvus.collection import MilvusCollection, name_of
from soundalike.vectors.milvus.server import Milvus
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours
from soundalike.vectors.segment_files import Ids
from soundalike.vectors.track_vectors import TrackVectors

AGAIN = "Publish it once more: materialise published_index."


class MilvusIndex:
    """A version in a collection of Milvus. Immutable, and safe to use from any thread."""

    is_remote = True

    def __init__(self, collection: MilvusCollection, manifest: IndexManifest, ids: Ids) -> None:
        """Use a loaded collection of the tracks `ids`, which are sorted."""
        self.manifest, self._collection = manifest, collection
        self.track_ids = TrackIds(RowNumbers([ids], [None]), [ids])
        exact = is_exact(manifest)
        self._search = MilvusSearch(collection, self.track_ids, manifest.dimension, exact=exact)

    @classmethod
    def open(cls, milvus: Milvus, manifest: IndexManifest, name: str | None = None) -> Self:
        """Load a version's collection, or the one of this name, and read its track ids.

        Raises MissingCollection if Milvus lacks it, and MilvusError if it does not answer, or has
        other tracks.
        """
        collection = MilvusCollection(milvus, name or name_of(manifest.version))
        where = f"Milvus at {milvus.shown}"
        if not collection.exists():
            raise MissingCollection(
                f"{where} has no collection of index {manifest.version}\n{AGAIN}"
            )
        collection.load()
        ids = np.sort(np.array([track.encode() for track in collection.track_ids()], np.bytes_))
        if len(ids) != manifest.tracks or (ids[:-1] == ids[1:]).any():
            raise MilvusError(
                f"{where} has {len(ids)} tracks of index {manifest.version}, but it has "
                f"{manifest.tracks}\nDrop {collection.name} there, and publish it once more."
            )
        return cls(collection, manifest, ids)

    def __len__(self) -> int:
        return len(self.track_ids)

    def __contains__(self, track_id: str) -> bool:
        return track_id in self.track_ids

    @cached_property
    def distribution(self) -> Distribution:
        """The distribution of cosines between tracks of this index."""
        sample = evenly(range(len(self)), SAMPLED_TRACKS)
        return Distribution.of(self.track_vectors(self.track_ids.of(np.array(sample))).exact)

    def rows_of(self, track_ids: Iterable[str]) -> NDArray[np.int64]:
        """Positions of tracks in `track_ids`, int64 [m], ascending, each once; none of unknown."""
        rows = np.unique(self.track_ids.rows(track_ids))
        known: NDArray[np.int64] = rows[rows != NO_ROW]
        return known

    def vectors_of(self, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """The float32 [m, dim] of these tracks, in order. Raises KeyError for an unknown one."""
        if lost := next((track for track in track_ids if track not in self), None):
            raise KeyError(lost)
        found = self._collection.vectors(list(dict.fromkeys(track_ids)))
        vectors = np.array([found[track] for track in track_ids], np.float32)
        return vectors.reshape(len(track_ids), self.manifest.dimension)

    def track_vectors(self, track_ids: Sequence[str]) -> TrackVectors:
        """The same, to be compared. Raises KeyError for an unknown one."""
        exact = fetched_vectors(self.vectors_of(track_ids))
        return TrackVectors(exact, np.arange(len(track_ids)))

    def is_batchable(self, query: NeighbourQuery) -> bool:
        """Return False: Milvus searches queries of several requests at once by itself."""
        return False

    def neighbours(self, queries: Sequence[NeighbourQuery]) -> list[Neighbours]:
        """Search for the neighbours of each query, one after the other.

        Raises MilvusError, and SpaceMismatch if a vector has another dimension than the index.
        """
        for query in queries:
            for vectors in filter(len, (query.positive, query.negative)):
                if vectors.shape[1:] != (self.manifest.dimension,):
                    raise SpaceMismatch(
                        f"a query of {vectors.shape[1:]} against index {self.manifest.version} of "
                        f"{self.manifest.dimension} dimensions ({self.manifest.space})"
                    )
        return [self._search.neighbours(query, self.rows_of(query.excluded)) for query in queries]

    def probe(self) -> None:
        """Search for a few tracks before use. Raises MilvusError if one does not find itself."""
        for track in self.track_ids.of(np.array(evenly(range(len(self)), PROBES), np.int64)):
            [found] = self.neighbours([NeighbourQuery(self.vectors_of([track]), 1)])
            if not len(found.scores) or found.scores[0] < 1 - SELF_TOLERANCE:
                raise MilvusError(
                    f"{self._collection.name} in Milvus does not find its own track {track}"
                )


def is_exact(manifest: IndexManifest) -> bool:
    """Return whether Milvus reads all vectors of a version, as we would; else it has a graph."""
    return not manifest.built_as.has_codes
