"""A path must lead from one end to the other, near its way, and play nothing twice."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.journeys import ArcJourney, Step, arc
from tests.indexes import unit_vectors, write_index
from tests.vectors.test_ranking import Made


def walk(
    index: OpenIndex,
    ends: tuple[str, str],
    steps: int,
    artists: dict[str, str] | None = None,
    per_artist: int | None = None,
    gone: frozenset[str] = frozenset(),
    guest: str | None = None,
) -> list[Step]:
    def facts(track: str) -> Made:
        return Made((artists or {}).get(track), None, None if track in gone else "x", guest)

    path = ArcJourney(index, ends, steps, per_artist)
    if not path.next_queries:
        path.add([], {end: facts(end) for end in ends})
    while path.next_queries:
        hits = index.neighbours(path.next_queries)
        path.add(hits, {track: facts(track) for track in path.without_metadata(hits)})
    return path.steps


@pytest.fixture
def index(tmp_path: Path) -> OpenIndex:
    return OpenIndex.open(write_index(tmp_path / "v", unit_vectors(800, 4)))


def test_points_are_evenly_spaced_on_the_arc() -> None:
    start, end = unit_vectors(2, 16)
    points = arc(start, end, 7)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(points[[0, -1]], [start, end], atol=1e-6)
    between = [float(one @ other) for one, other in pairwise(points)]
    np.testing.assert_allclose(between, between[0], atol=1e-6)
    np.testing.assert_allclose(arc(start, start, 3), [start] * 3, atol=1e-6)
    with pytest.raises(ValueError, match="opposites"):
        arc(start, -start, 3)


def test_each_step_is_the_nearest_that_is_left(index: OpenIndex) -> None:
    ends = ("t0000", "t0001")
    steps = walk(index, ends, 12)
    matrix, points = index.exact.vectors(), arc(*index.exact.vectors()[:2], 12)
    free = set(range(800)) - {0, 1}
    expected = [0]
    for point in points[1:-1]:
        expected.append(max(free, key=lambda row: float(matrix[row] @ point)))
        free.discard(expected[-1])
    assert [step.track_id for step in steps] == [f"t{row:04d}" for row in [*expected, 1]]
    assert steps[0].score_to_previous is None
    assert [s.score for s in steps] == pytest.approx(
        [float(matrix[row] @ point) for row, point in zip([*expected, 1], points, strict=True)],
        abs=1e-6,
    )
    to_end = [float(matrix[int(step.track_id[1:])] @ matrix[1]) for step in steps]
    assert np.corrcoef(to_end, range(12))[0, 1] > 0.8, "it comes nearer and nearer"


def test_no_artist_has_more_than_its_share_and_nothing_that_left_is_played(
    index: OpenIndex,
) -> None:
    artists = {f"t{row:04d}": f"Artist {row % 7}" for row in range(800)}
    gone = frozenset(f"t{row:04d}" for row in range(2, 800, 2))
    steps = walk(index, ("t0000", "t0001"), 9, artists, 2, gone)
    played = [step.track_id for step in steps]
    assert len(set(played)) == 9
    counts = [sum(artists[track] == name for track in played) for name in set(artists.values())]
    assert max(counts) <= 2
    assert not gone & set(played)


def test_a_path_that_cannot_be_filled_has_no_steps(index: OpenIndex) -> None:
    artists = {f"t{row:04d}": "only one" for row in range(800)}
    assert walk(index, ("t0000", "t0001"), 5, artists, per_artist=3) == []
    assert walk(index, ("t0000", "t0001"), 5, guest="everywhere", per_artist=3) == []
    assert len(walk(index, ("t0000", "t0001"), 3, artists, per_artist=3)) == 3


def test_two_steps_are_the_ends(index: OpenIndex) -> None:
    assert [step.track_id for step in walk(index, ("t0005", "t0004"), 2)] == ["t0005", "t0004"]
