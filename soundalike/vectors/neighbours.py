"""Neighbours: what a search asks of an index version, and what it finds, by ids of tracks.

Where the vectors are is the index's own matter: mapped by this process (`index/open_index.py`), or
held by a vector database (`milvus/`). Both have the ids of all their tracks in ascending order.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.queries import NO_VECTORS
from soundalike.vectors.track_vectors import TrackVectors

if TYPE_CHECKING:  # the service loads faiss late
    from soundalike.vectors.index.distribution import Distribution
    from soundalike.vectors.index.track_ids import TrackIds
    from soundalike.vectors.index_files import IndexManifest


@dataclass(frozen=True, eq=False)
class TrackSet:
    """A set of tracks of an index: positions in its ascending ids, int64 [m], ascending.

    A filter may allow millions, which are too many to hold as texts.
    """

    all_ids: Sequence[str]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return (self.all_ids[row] for row in self.rows.tolist())


@dataclass(frozen=True, eq=False)
class NeighbourQuery:
    """A search for the k tracks of highest score, which is that of VectorQuery.

    `positive` are float32 [p, dim], `negative` float32 [n, dim]. `allowed` None allows every track;
    `excluded` are ids that are never found, known or not.
    """

    positive: NDArray[np.float32]
    k: int
    negative: NDArray[np.float32] = field(default_factory=lambda: NO_VECTORS)
    allowed: TrackSet | None = None
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The tracks that a search found by score, best first; ties by id. `scores` are float32 [h].

    `complete`: these are all the tracks that the query allows. `certain`: it is proven that no
    other track scores higher; an approximate search may have missed one.
    """

    track_ids: list[str]
    scores: NDArray[np.float32]
    vectors: TrackVectors
    complete: bool
    certain: bool


class SearchIndex(Protocol):
    """An index version that can be searched. Immutable, and safe to use from any thread.

    `is_remote`: its vectors are elsewhere, so that methods which return any wait for a network.
    """

    manifest: "IndexManifest"
    is_remote: bool

    def __len__(self) -> int: ...

    def __contains__(self, track_id: str) -> bool: ...

    @property
    def track_ids(self) -> "TrackIds":
        """The ids of all tracks, ascending."""

    @property
    def distribution(self) -> "Distribution":
        """The distribution of cosines between tracks of this index."""

    def rows_of(self, track_ids: Iterable[str]) -> NDArray[np.int64]:
        """Positions of tracks in `track_ids`, int64 [m], ascending, each once; none of unknown."""

    def vectors_of(self, track_ids: Sequence[str]) -> NDArray[np.float32]:
        """The float32 [m, dim] of these tracks, in order. Raises KeyError for an unknown one."""

    def track_vectors(self, track_ids: Sequence[str]) -> TrackVectors:
        """The same, to be compared."""

    def is_batchable(self, query: NeighbourQuery) -> bool:
        """Return whether the query benefits from being searched together with others."""

    def neighbours(self, queries: Sequence[NeighbourQuery]) -> list[Neighbours]:
        """Search for the neighbours of each query; none depends on the others."""
