"""A list must keep its options exactly, and be the same list however it is reached."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundalike.vectors import limits
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.neighbours import TrackSet
from soundalike.vectors.queries import Strategy, TrackQuery, VectorQuery
from soundalike.vectors.ranking import Ranking, Result
from soundalike.vectors.removed import Removed
from soundalike.vectors.rerank import RerankOptions
from tests.indexes import neighbours, unit_vectors, write_index

ROWS = 1500


@dataclass(frozen=True)
class Made:
    """Metadata of a made-up track."""

    artist: str | None
    album: str | None
    path: str | None
    guest: str | None = None

    @property
    def artists(self) -> list[str]:
        return [name for name in (self.artist, self.guest) if name]


def _matrix() -> NDArray[np.float32]:
    """With near-duplicates and copies."""
    matrix = unit_vectors(ROWS, 12)
    matrix[200:400] = matrix[:200]
    matrix[400:600] = matrix[:200] + np.float32(0.02) * unit_vectors(200, 12, seed=8)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


MATRIX = _matrix()
RANDOM = np.random.default_rng(4)
METADATA = [
    Made(
        [None, "A", "a", "B", "C"][RANDOM.integers(5)],
        [None, "One", "Two"][RANDOM.integers(3)],
        None if RANDOM.random() < 0.2 else "x.flac",
        [None, None, "b", "D"][RANDOM.integers(4)],
    )
    for _ in range(ROWS)
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    return OpenIndex.open(write_index(tmp_path_factory.mktemp("ranking") / "v", MATRIX))


def ranked(index: OpenIndex, query: TrackQuery, limit: int, **more: object) -> list[Result]:
    return ranking_of(index, query, limit, **more).results


def ranking_of(index: OpenIndex, query: TrackQuery, limit: int, **more: object) -> Ranking:
    """Driven as the service does, with the metadata of the made-up tracks."""
    ranking = Ranking(index, query, limit, **more)  # type: ignore[arg-type]
    fetched: set[str] = set()
    while (next_query := ranking.next_query) is not None:
        [hits] = index.neighbours([next_query])
        missing = ranking.without_metadata(hits)
        assert not fetched & set(missing), "no metadata is fetched twice"
        fetched |= set(missing)
        ranking.add(hits, {track: METADATA[int(track[1:])] for track in missing})
    return ranking


def by_hand(index: OpenIndex, query: TrackQuery, limit: int) -> tuple[list[int], Removed]:
    """The definition: go through all rows in order, and take what the options allow.

    That order and cosines are right is what test_exactness holds; only the options are redone here.
    """
    options = query.options
    rows = [int(track[1:]) for track in query.track_ids]
    positive, negative = query.lowered(MATRIX[rows])
    [everything] = index.search(
        [VectorQuery(positive, ROWS, negative, excluded_rows=np.array(rows))]
    )
    near = np.max([index.exact.scores(MATRIX[row]) for row in rows], axis=0)
    duplicate = 9.0 if options.duplicate_threshold is None else options.duplicate_threshold
    taken: list[int] = []
    removed: Counter[str] = Counter()
    least = -9.0 if options.score_threshold is None else options.score_threshold
    for row, score in zip(everything.rows.tolist(), everything.scores.tolist(), strict=True):
        metadata = METADATA[row]
        if score < least or metadata.path is None:
            removed["score_threshold" if score < least else "no_file"] += 1
            continue
        if near[row] >= duplicate:
            removed["duplicate_threshold"] += 1
            continue
        names = [name.casefold() for name in metadata.artists]
        before = [[name.casefold() for name in METADATA[other].artists] for other in taken]
        artists = [sum(name in others for others in before) for name in names]
        albums = sum(
            (others[:1], METADATA[other].album) == (names[:1], metadata.album)
            for other, others in zip(taken, before, strict=True)
        )
        if options.per_artist and any(count >= options.per_artist for count in artists):
            removed["per_artist"] += 1
            continue
        if metadata.album and options.per_album and albums >= options.per_album:
            removed["per_album"] += 1
            continue
        taken.append(row)
        near = np.maximum(near, index.exact.scores(MATRIX[row]))
        if len(taken) == limit:
            break
    return taken, Removed(**removed)


OPTIONS = st.builds(
    RerankOptions,
    per_artist=st.none() | st.integers(1, 5),
    per_album=st.none() | st.integers(1, 3),
    score_threshold=st.none() | st.sampled_from([-0.1, 0.3, 0.6]),
    duplicate_threshold=st.none() | st.sampled_from([0.5, 0.9, 0.999]),
)


@settings(max_examples=40)
@given(
    options=OPTIONS,
    examples=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4, unique=True),
    split=st.integers(1, 4),
    strategy=st.sampled_from(["average_vector", "best_score"]),
    wanted=st.sampled_from([1, 10, 200]),
)
def test_any_list_is_that_of_the_definition(
    index: OpenIndex,
    options: RerankOptions,
    examples: list[int],
    split: int,
    strategy: Strategy,
    wanted: int,
) -> None:
    named = [f"t{row:04d}" for row in examples]
    query = TrackQuery(
        tuple(named[:split]), tuple(named[split:]), strategy=strategy, options=options
    )
    ranking = ranking_of(index, query, wanted)
    found = ranking.results
    expected, removed = by_hand(index, query, wanted)
    assert ranking.removed(wanted if len(found) == wanted else None) == removed
    some = len(found) // 2
    if some:
        assert ranking.removed(some) == by_hand(index, query, some)[1]
    assert [result.rank for result in found] == list(range(1, len(expected) + 1))
    assert [result.track_id for result in found] == [f"t{row:04d}" for row in expected]


def test_a_longer_list_begins_with_the_shorter(index: OpenIndex) -> None:
    for options in (
        RerankOptions(),
        RerankOptions(2, 1, 0.9),
        RerankOptions(duplicate_threshold=0.9),
        RerankOptions(3, None, 0.9, 0.6),
    ):
        query = TrackQuery(("t0003",), options=options)
        lists = [ranked(index, query, wanted) for wanted in (3, 20, 100)]
        assert lists[0] == lists[1][:3]
        assert lists[1] == lists[2][:20]


def test_diversity_is_maximal_marginal_relevance(index: OpenIndex) -> None:
    query = TrackQuery(("t0700",), options=RerankOptions(diversity=0.4))
    found = [int(result.track_id[1:]) for result in ranked(index, query, 15)]
    pool = [
        int(r.track_id[1:])
        for r in ranked(index, TrackQuery(("t0700",)), limits.DIVERSITY_CANDIDATES)
    ]
    pool = [row for row in pool if row in set(_first_five_hundred(index))]
    chosen: list[int] = []
    while len(chosen) < 15:
        left = [row for row in pool if row not in chosen]
        near = (MATRIX[left] @ MATRIX[chosen].T).max(axis=1, initial=-1) if chosen else -1.0
        worth = 0.6 * (MATRIX[left] @ MATRIX[700]) - 0.4 * np.asarray(near)
        best = int(np.argmax(worth))
        chosen.append(left[best])
    assert found == chosen
    assert found != [int(r.track_id[1:]) for r in ranked(index, TrackQuery(("t0700",)), 15)]


def _first_five_hundred(index: OpenIndex) -> list[int]:
    return [int(track[1:]) for track, _ in neighbours(index, "t0700", limits.DIVERSITY_CANDIDATES)]


def test_only_allowed_rows_and_none_of_the_excluded(index: OpenIndex) -> None:
    rows = np.arange(0, ROWS, 3)
    found = ranked(
        index,
        TrackQuery(("t0003",)),
        50,
        allowed=TrackSet(index.track_ids, rows),
        excluded=("t0006", "t0009", "none"),
    )
    everything, _ = by_hand(index, TrackQuery(("t0003",)), ROWS)
    expected = [row for row in everything if row % 3 == 0]
    expected = [row for row in expected if row not in (6, 9)][:50]
    assert [int(result.track_id[1:]) for result in found] == expected


def test_filter_and_exclusions_count_what_they_leave_out_of_the_index(index: OpenIndex) -> None:
    query = TrackQuery(("t0003", "t0001"))
    rows = np.arange(0, ROWS, 3)
    some = {
        "allowed": TrackSet(index.track_ids, rows),
        "excluded": ("t0006", "t0007", "t0003", "none"),
    }
    removed = ranking_of(index, query, ROWS, **some).removed(None)
    assert (removed.filter, removed.exclude_ids) == (ROWS - len(rows), 1)
    without_file = [row for row in rows if METADATA[row].path is None and row not in (3, 6)]
    assert removed.no_file == len(without_file)
    high = replace(query, options=RerankOptions(score_threshold=0.99999))
    assert ranking_of(index, high, 5, **some).removed(None).score_threshold == len(rows) - 2


def test_a_percentile_is_the_share_of_pairs_that_are_less_alike(tmp_path: Path) -> None:
    matrix = unit_vectors(60, 12)
    index = OpenIndex.open(write_index(tmp_path / "v", matrix))
    pairs = (matrix @ matrix.T)[np.triu_indices(60, k=1)]
    cosines = np.float32([-1.0, 0.0, 0.3, 0.9, 1.0])
    expected = [100 * (pairs < cosine).mean() for cosine in cosines]
    assert index.distribution.percentiles(cosines) == pytest.approx(expected, abs=0.06)
    alone = OpenIndex.open(write_index(tmp_path / "one", matrix[:1]))
    assert alone.distribution.percentiles(cosines) is None


def test_examples_that_cancel_out_are_said_to(index: OpenIndex) -> None:
    opposite = TrackQuery(vectors=np.stack([MATRIX[0], -MATRIX[0]]))
    with pytest.raises(ValueError, match="cancel"):
        Ranking(index, opposite, 5)
    with pytest.raises(ValueError, match="positive"):
        Ranking(index, replace(opposite, vectors=MATRIX[:0], negative=("t0001",)), 5)
