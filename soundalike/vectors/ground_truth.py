"""Ground truth: held-out queries and the tracks truly nearest to each, which recall is measured by.

Finding them reads all vectors. So that of one version is kept and brought up to the next, for which
only segments with new batches are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.storage.atomic import atomic_file
from soundalike.vectors.index_files import IndexManifest
from soundalike.vectors.neighbours import NeighbourQuery
from soundalike.vectors.queries import average_vector

if TYPE_CHECKING:  # checking a matrix must not load faiss
    from soundalike.vectors.index.open_index import OpenIndex

K = 10  # results that recall is about
KEPT = 32  # nearest of each query, as tracks may go
REDRAWN_AT = 2  # times the tracks that the queries were drawn from: then they are drawn anew
SEED = 11


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Queries, and the ids of the tracks nearest to each that an index version has.

    `vectors` are float32 [q, dim]; `excluded`, bytes [q], the track that is no hit of its query,
    empty for none; `nearest`, bytes [q, n], best first, empty after the last. `tracks` is the
    number that the version had when the queries were drawn.
    """

    version: str
    tracks: int
    vectors: NDArray[np.float32]
    excluded: NDArray[np.bytes_]
    nearest: NDArray[np.bytes_]

    @property
    def queries(self) -> list[NeighbourQuery]:
        """The queries, each for the K nearest."""
        return [
            NeighbourQuery(vector[None], K, excluded=(track.decode(),) if track else ())
            for vector, track in zip(self.vectors, self.excluded, strict=True)
        ]

    def true_scores(self, index: "OpenIndex") -> list[NDArray[np.float32]]:
        """Each query's K highest cosines in its version, float32 [K] (or fewer), best first.

        Less what two ways of summing differ by, as they are the highest by either.
        """
        scores = [
            index.exact.scores(vector, _rows(index, tracks))
            for vector, tracks in zip(self.vectors, self.nearest, strict=True)
        ]
        return [np.sort(each)[::-1][:K] - np.float32(index.exact.margin) for each in scores]

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **vars(self))


def load(path: Path) -> GroundTruth | None:
    """Read the file; None if there is none that can be read, as it can be measured again."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            if file.zip.testzip():  # numpy looks at a checksum only if it reads up to the end
                return None
            kept = {name: file[name] for name in file.files}
        kept |= {"version": str(kept["version"]), "tracks": int(kept["tracks"])}
        return GroundTruth(**kept)
    except Exception:  # zipfile raises many kinds on a damaged file
        return None


def measure(index: "OpenIndex", count: int) -> GroundTruth:
    """Draw queries as users make them, and read all vectors for the tracks nearest to each.

    Half are tracks that are left out of their own hits, half are midpoints of two tracks.
    """
    vectors = np.empty((count, index.exact.dimension), np.float32)
    excluded = []
    rows = np.random.default_rng(SEED).integers(0, len(index), (count, 2))
    for number, pair in enumerate(rows):
        two = index.exact.vectors(pair)
        is_track = number % 2 or float(two[0] @ two[1]) < -1 + 1e-3  # opposites have no midpoint
        vectors[number] = two[0] if is_track else average_vector(two, two[:0])
        excluded.append(index.track_ids[int(pair[0])].encode() if is_track else b"")
    ids = np.array(excluded, np.bytes_)
    _, found = index.exact.candidates(vectors, min(KEPT + 1, len(index)))
    nearest = _nearest(index, vectors, ids, [*found])
    return GroundTruth(index.manifest.version, len(index), vectors, ids, nearest)


def follow(truth: GroundTruth, before: IndexManifest, index: "OpenIndex") -> GroundTruth | None:
    """Bring the ground truth of a version, whose manifest is `before`, up to its successor.

    None if it does not follow from it: if vectors were made anew, tracks of a batch that stayed
    came back, too many are gone, or the library has grown to REDRAWN_AT times what the queries
    were drawn from.
    """
    if len(index) >= REDRAWN_AT * truth.tracks or not _follows(before, index.manifest):
        return None
    new_batches = index.manifest.batches.keys() - before.batches.keys()
    changed = [
        number
        for number, segment in enumerate(index.segments)
        if segment.manifest is None or segment.manifest.batches.keys() & new_batches
    ]
    _, added = index.exact.candidates(truth.vectors, KEPT + 1, changed)
    found = []
    for vector, tracks, new in zip(truth.vectors, truth.nearest, added, strict=True):
        known = _rows(index, tracks)
        # Of the tracks of before, all that are nearer than the last of these are among them.
        last = index.exact.scores(vector, known).min(initial=2)
        rows = np.union1d(known, new)
        found.append(rows[index.exact.scores(vector, rows) >= last])
    if any(len(rows) <= K for rows in found):
        return None
    nearest = _nearest(index, truth.vectors, truth.excluded, found)
    return replace(truth, version=index.manifest.version, nearest=nearest)


def _follows(before: IndexManifest, now: IndexManifest) -> bool:
    """True if every row of now was there before, or is of a batch that was not.

    That is not known of a version of before there were segments.
    """
    common = before.batches.keys() & now.batches.keys()
    return bool(before.segments) and all(
        before.batches[key] == now.batches[key]
        and set(before.removed.get(key, ())) <= set(now.removed.get(key, ()))
        for key in common
    )


def _nearest(
    index: "OpenIndex",
    vectors: NDArray[np.float32],
    excluded: NDArray[np.bytes_],
    found: Sequence[NDArray[np.int64]],
) -> NDArray[np.bytes_]:
    """The ids of the nearest of each query's rows, int64 [m], as GroundTruth has them."""
    nearest = []
    for number, rows in enumerate(found):
        own = _rows(index, excluded[number : number + 1])
        others = rows[~np.isin(rows, own)]
        order = np.argsort(-index.exact.scores(vectors[number], others), kind="stable")
        tracks = index.track_ids.of(others[order][:KEPT])
        nearest.append([track.encode() for track in tracks] + [b""] * (KEPT - len(tracks)))
    return np.array(nearest, np.bytes_)


def _rows(index: "OpenIndex", tracks: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """The rows of those of these ids that the index has, int64 [m] ascending."""
    return index.rows_of(track.decode() for track in tracks if track)
