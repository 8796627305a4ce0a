"""Search by Milvus: it finds candidates, and they are scored and ordered here.

Its scores select only, as those of codes do (knn.py). Where hits are too few or not clear of the
other candidates, four times as many are fetched, up to the most that Milvus gives; then all the
tracks that are allowed are read, if they are not too many.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UnsupportedSearch
from soundalike.vectors.index import knn
from soundalike.vectors.index.fetched import fetched_vectors
from soundalike.vectors.index.track_ids import TrackIds
from soundalike.vectors.milvus.collection import MAX_FOUND, Found, MilvusCollection
from soundalike.vectors.neighbours import NeighbourQuery, Neighbours
from soundalike.vectors.queries import VectorQuery, are_among
from soundalike.vectors.track_vectors import TrackVectors

MIN_CANDIDATES, CANDIDATES_PER_RESULT = 100, 10
READ_FIRST = 1000  # filters that allow so few tracks are not searched, but read
# A filter's tracks are named to Milvus if they are few; else what it excludes is dropped here.
NAMED_MOST = 10_000
DROPPED_MOST = 2000  # candidates to fetch: naming is slower than so many
READ_MOST = 20_000  # tracks that are read where Milvus does not find enough


class MilvusSearch:
    """The search in one collection. Safe from any thread."""

    def __init__(
        self, collection: MilvusCollection, track_ids: TrackIds, dimension: int, *, exact: bool
    ) -> None:
        """Search a collection of these tracks; `exact`: Milvus reads all vectors."""
        self._collection, self._ids, self._exact = collection, track_ids, exact
        self._margin = 2 * dimension * 2.0**-24  # as ExactVectors.margin

    def neighbours(self, query: NeighbourQuery, excluded: NDArray[np.int64]) -> Neighbours:
        """Return the neighbours; `excluded` are rows of `query.excluded`, int64 [e] ascending."""
        rows = None if query.allowed is None else query.allowed.rows
        if rows is not None:
            rows = np.delete(rows, rows.searchsorted(excluded[are_among(excluded, rows)]))
        count = len(self._ids) - len(excluded) if rows is None else len(rows)
        if not len(query.positive) or (rows is not None and count <= READ_FIRST):
            return self._read(query, rows, excluded, count)
        found = self._searched(query, rows, excluded, count)
        is_short = len(found.track_ids) < min(query.k, count)
        if not found.certain and count <= READ_MOST and (is_short or self._exact):
            return self._read(query, rows, excluded, count)
        return found

    def _searched(
        self,
        query: NeighbourQuery,
        rows: NDArray[np.int64] | None,
        excluded: NDArray[np.int64],
        count: int,
    ) -> Neighbours:
        wanted = max(MIN_CANDIDATES, CANDIDATES_PER_RESULT * query.k)
        if self._exact:  # then few suffice to prove it
            wanted = query.k + knn.EXTRA_EXACT
        with_others = wanted * len(self._ids) // max(count, 1) + len(excluded)
        among = None
        if rows is not None and count <= NAMED_MOST and with_others > DROPPED_MOST:
            among = self._ids.of(rows)
        else:
            wanted = with_others
        while True:
            wanted = min(wanted, MAX_FOUND)
            lists = self._collection.nearest(query.positive, wanted, among)
            kept = self._kept(lists, rows, excluded)
            found = _best(query, kept, count)
            if found.certain or self._is_clear(query, found, lists):
                return replace(found, certain=found.certain or self._exact)
            if wanted == MAX_FOUND or all(len(each.track_ids) < wanted for each in lists):
                return found
            wanted *= knn.GROWTH

    def _kept(
        self, lists: list[Found], rows: NDArray[np.int64] | None, excluded: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """The vectors of the candidates that the query allows."""
        kept: dict[str, NDArray[np.float32]] = {}
        for each in lists:
            numbers = self._ids.rows(each.track_ids)
            usable = ~are_among(numbers, excluded)
            if rows is not None:
                usable &= are_among(numbers, rows)
            kept |= {each.track_ids[at]: each.vectors[at] for at in np.flatnonzero(usable).tolist()}
        return kept

    def _is_clear(self, query: NeighbourQuery, found: Neighbours, lists: list[Found]) -> bool:
        """Return whether candidates beyond the ends of the lists are no hits, as knn.py has it."""
        if len(found.track_ids) < query.k or not all(len(each.track_ids) for each in lists):
            return False
        beyond = max(float(each.estimates[-1]) for each in lists) + self._margin
        if len(query.negative):
            beyond = max(beyond, 0.0)
        is_beyond = float(found.scores[-1]) > beyond
        if self._exact or not is_beyond:
            return is_beyond
        safe = {track for each in lists for track in _first_quarter(each)}
        return safe.issuperset(found.track_ids)

    def _read(
        self,
        query: NeighbourQuery,
        rows: NDArray[np.int64] | None,
        excluded: NDArray[np.int64],
        count: int,
    ) -> Neighbours:
        """Score all the tracks that are allowed. Raises UnsupportedSearch if they are too many."""
        if count > READ_MOST:
            raise UnsupportedSearch(
                "negative examples alone: Milvus finds only what is near something, so a positive "
                "example is needed, or a filter that allows fewer tracks"
            )
        if rows is None:
            rows = np.delete(np.arange(len(self._ids)), excluded)
        return _best(query, self._collection.vectors(self._ids.of(rows)), count)


def _first_quarter(found: Found) -> list[str]:
    """The tracks whose estimate, and all that are tied with it, are within the first quarter."""
    count = len(found.track_ids)
    as_good = count - np.searchsorted(found.estimates[::-1], found.estimates)
    safe = np.flatnonzero(as_good <= count // knn.SAFE_FRACTION)
    return [found.track_ids[position] for position in safe.tolist()]


def _best(query: NeighbourQuery, vectors: dict[str, NDArray[np.float32]], count: int) -> Neighbours:
    """The k best of these tracks, of `count` that are allowed, by exact scores and then by id."""
    ids, all_here = sorted(vectors), len(vectors) == count
    if not ids:
        dimension = max(query.positive.shape[1], query.negative.shape[1])
        exact = fetched_vectors(np.empty((0, dimension), np.float32))
        nothing = TrackVectors(exact, np.empty(0, np.int64))
        return Neighbours([], np.empty(0, np.float32), nothing, all_here, all_here)
    exact = fetched_vectors(np.array([vectors[track] for track in ids]))
    [hits] = knn.search([VectorQuery(query.positive, query.k, query.negative)], exact, None)
    return Neighbours(
        [ids[row] for row in hits.rows.tolist()],
        hits.scores,
        TrackVectors(exact, hits.rows),
        complete=len(hits.rows) == count,
        certain=all_here,
    )
