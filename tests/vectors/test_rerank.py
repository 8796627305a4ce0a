"""Each option of a list holds at its very bound: cosines here are exact in binary."""

from pathlib import Path

import numpy as np
import pytest

from soundalike.vectors.index.exact import ExactVectors
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.queries import TrackQuery
from soundalike.vectors.ranking import Ranking
from soundalike.vectors.rerank import PassedOver, RankedCandidates, RerankOptions, groups_of, rerank
from soundalike.vectors.track_vectors import TrackVectors
from tests.indexes import write_index
from tests.vectors.test_ranking import Made

# The cosine of row 0 with row 1 is 0.5, with row 2 -0.5 and with row 3 0; that of 1 and 2 is 0.
ROWS = np.float32([[1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], [-0.5, 0.5, 0.5, -0.5], [0, 0, 0, 1]])
NOTHING = np.empty((0, 4), np.float32)
ABOVE = float(np.nextafter(np.float32(0.5), np.float32(1)))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    return OpenIndex.open(write_index(tmp_path_factory.mktemp("rerank") / "v", ROWS))


def candidates(exact: ExactVectors, *artists: str) -> RankedCandidates:
    """All rows in order, with falling scores; each by an artist, if there are any."""
    scores = np.float32([1, 0.75, 0.5, 0.25])
    groups = [(("artist", name),) for name in artists] if artists else [()] * 4
    return RankedCandidates(TrackVectors(exact, np.arange(4)), scores, groups)


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, [0, 1, 2]), (ABOVE, [0, 1])])
def test_a_score_at_the_threshold_is_a_result(
    index: OpenIndex, threshold: float, expected: list[int]
) -> None:
    options = RerankOptions(score_threshold=threshold)
    found = rerank(candidates(index.exact), options, NOTHING, 4)
    assert (found.positions.tolist(), found.left_out) == (expected, [])


def test_a_cosine_at_the_threshold_is_a_duplicate(index: OpenIndex) -> None:
    options = RerankOptions(duplicate_threshold=0.5)
    found = rerank(candidates(index.exact), options, NOTHING, 4)
    # Row 1 is one of row 0, which is better, and row 3 would be one of row 1.
    assert found.positions.tolist() == [0, 2, 3]
    assert found.left_out == [PassedOver(1, "duplicate_threshold", 1)]
    found = rerank(candidates(index.exact), options, ROWS[:1], 4)
    assert found.positions.tolist() == [2, 3]
    assert found.left_out == [PassedOver(row, "duplicate_threshold", 0) for row in (0, 1)]
    found = rerank(candidates(index.exact), RerankOptions(duplicate_threshold=ABOVE), NOTHING, 4)
    assert found.positions.tolist() == [0, 1, 2, 3]


def test_a_cap_lets_just_so_many_through_and_the_limit_too(index: OpenIndex) -> None:
    some = candidates(index.exact, "a", "a", "b", "a")
    found = rerank(some, RerankOptions(per_artist=2), NOTHING, 4)
    assert found.positions.tolist() == [0, 1, 2]
    assert found.left_out == [PassedOver(3, "per_artist", 3)]
    found = rerank(some, RerankOptions(per_artist=1), NOTHING, 1)
    assert (found.positions.tolist(), found.left_out) == ([0], [])


def test_a_track_counts_towards_each_of_its_artists_and_its_first_ones_album() -> None:
    both = RerankOptions(per_artist=1, per_album=1)
    track = Made("Ärger", "One", "x.flac", guest="ärger")
    assert groups_of(track, both) == (("artist", "ärger"), ("album", "ärger", "one"))
    duo = Made("B", "ONE", "x.flac", guest="C")
    assert groups_of(duo, both) == (("artist", "b"), ("artist", "c"), ("album", "b", "one"))
    assert groups_of(duo, RerankOptions(per_album=1)) == (("album", "b", "one"),)
    assert groups_of(Made(None, "", "x.flac"), both) == ()
    assert groups_of(Made(None, "One", "x.flac"), both) == (("album", "one"),)


def test_tracks_at_the_threshold_are_not_counted_as_removed_by_it(index: OpenIndex) -> None:
    query = TrackQuery(("t0000",), options=RerankOptions(score_threshold=0.5))
    ranking = Ranking(index, query, 10)
    assert ranking.next_query
    [hits] = index.neighbours([ranking.next_query])
    ranking.add(hits, {track: Made("a", None, "x.flac") for track in hits.track_ids})
    assert [(result.track_id, result.score) for result in ranking.results] == [("t0001", 0.5)]
    assert ranking.removed(None).score_threshold == 2


@pytest.mark.parametrize(
    ("query", "has_percentile"),
    [
        (TrackQuery(("t0000",), ("t0002",)), True),
        (TrackQuery(("t0000",), strategy="best_score"), True),
        (TrackQuery(("t0000",), ("t0002",), strategy="best_score"), False),
    ],
)
def test_only_a_score_that_is_a_cosine_has_a_percentile(
    index: OpenIndex, query: TrackQuery, has_percentile: bool
) -> None:
    ranking = Ranking(index, query, 1)
    assert ranking.next_query
    [hits] = index.neighbours([ranking.next_query])
    ranking.add(hits, {track: Made("a", None, "x.flac") for track in hits.track_ids})
    [result] = ranking.results
    assert (result.percentile is not None) == has_percentile


def test_what_is_near_a_negative_example_is_a_duplicate_too(index: OpenIndex) -> None:
    """Row 1 is near row 3, the negative example; row 0 is near neither."""
    query = TrackQuery(("t0002",), ("t0003",), options=RerankOptions(duplicate_threshold=0.5))
    ranking = Ranking(index, query, 5)
    assert ranking.next_query
    [hits] = index.neighbours([ranking.next_query])
    ranking.add(hits, {track: Made("a", None, "x.flac") for track in hits.track_ids})
    assert [result.track_id for result in ranking.results] == ["t0000"]


def test_a_list_is_complete_when_a_score_below_the_threshold_was_seen(tmp_path: Path) -> None:
    """Else all candidates would be searched for results that cannot be there."""
    matrix = np.tile(ROWS[2:3], (400, 1))
    matrix[7] = ROWS[1]
    index = OpenIndex.open(write_index(tmp_path / "v", matrix))
    query = TrackQuery(vectors=ROWS[:1], options=RerankOptions(score_threshold=0.5))
    ranking = Ranking(index, query, 10)
    assert ranking.next_query
    [hits] = index.neighbours([ranking.next_query])
    assert not hits.complete
    ranking.add(hits, {track: Made("a", None, "x.flac") for track in hits.track_ids})
    assert ranking.next_query is None
    assert [result.track_id for result in ranking.results] == ["t0007"]
