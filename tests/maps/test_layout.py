"""Layouts keep neighbours together, are the same bytes again, and stay where they were."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from soundalike.maps.layout import EXTENT, aligned, fit, place, refit
from soundalike.maps.pairs import choose_pairs
from soundalike.maps.trust import trustworthiness

Matrix = NDArray[np.float32]


def music(count: int, styles: int = 8, seed: int = 1, dimension: int = 32) -> Matrix:
    """Unit vectors around the centres of styles."""
    centres = np.random.default_rng(0).standard_normal((styles, dimension))
    random = np.random.default_rng(seed)
    made = centres[random.integers(0, styles, count)]
    made = made + 0.5 * random.standard_normal((count, dimension))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> Matrix:
    return music(600)


@pytest.fixture(scope="module")
def positions(vectors: Matrix) -> Matrix:
    return fit(vectors)


def test_neighbours_of_the_vectors_are_neighbours_on_the_map(
    vectors: Matrix, positions: Matrix
) -> None:
    trust = trustworthiness(vectors, positions)
    assert trust is not None
    assert trust > 0.9
    chance = trustworthiness(vectors, np.random.default_rng(0).random((600, 2)).astype("f4"))
    assert chance is not None
    assert chance < 0.6
    assert np.abs(positions).max() == pytest.approx(EXTENT)


def test_trustworthiness_is_that_of_its_definition() -> None:
    """Venna and Kaski's, computed by ranks of all pairs."""
    vectors, k = music(90), 15
    positions = np.random.default_rng(2).random((90, 2)).astype(np.float32)
    ranks = (-(vectors @ vectors.T) - 2 * np.eye(90)).argsort(axis=1).argsort(axis=1)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    near = apart.argsort(axis=1)[:, 1 : k + 1]
    lost = sum(max(ranks[i, j] - k, 0) for i in range(90) for j in near[i])
    expected = 1 - 2 / (90 * k * (2 * 90 - 3 * k - 1)) * lost
    assert trustworthiness(vectors, positions) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
def test_it_is_the_same_bytes_in_another_process(positions: Matrix, threads: str) -> None:
    code = (
        "import sys; from tests.maps.test_layout import fit, music; "
        "sys.stdout.buffer.write(fit(music(600)).tobytes())"
    )
    command = ["env", f"OMP_NUM_THREADS={threads}", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == positions.tobytes()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 11, 28, 100])
def test_small_collections_have_a_map(count: int) -> None:
    positions = fit(music(count, dimension=8))
    assert positions.shape == (count, 2)
    assert np.isfinite(positions).all()
    assert len(np.unique(positions, axis=0)) == count
    assert (np.abs(positions) <= EXTENT + 1e-6).all()
    if count:
        assert np.isfinite(refit(music(count, dimension=8), positions, np.ones(count, bool))).all()


@pytest.mark.parametrize("different", [1, 2, 20])
def test_copies_of_a_track_are_no_trouble(different: int) -> None:
    positions = fit(np.repeat(music(different), 20, axis=0))
    assert np.isfinite(positions).all()


def test_a_new_track_lies_among_its_neighbours(vectors: Matrix, positions: Matrix) -> None:
    placed = place(vectors[:50], vectors[50:], positions[50:])
    apart = np.linalg.norm(placed - positions[:50], axis=1)
    assert np.median(apart) < 0.15, "of a square of 1.6"
    assert place(vectors[:0], vectors, positions).shape == (0, 2)


def test_a_neighbour_far_from_the_others_does_not_pull(vectors: Matrix) -> None:
    known = np.repeat(vectors[:1], 9, axis=0)
    positions = np.zeros((9, 2), np.float32)
    positions[:, 0] = np.linspace(-0.1, 0.1, 9)
    positions[8] = 40.0
    assert np.abs(place(vectors[:1], known, positions)).max() < 0.2


def test_a_layout_that_is_refined_stays_in_place(vectors: Matrix, positions: Matrix) -> None:
    again = refit(vectors, positions, np.ones(600, bool))
    moved = np.linalg.norm(again - positions, axis=1)
    assert np.median(moved) < 0.1
    trust = trustworthiness(vectors, again)
    assert trust is not None
    assert trust > 0.9


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_turned_layout_is_turned_back(positions: Matrix, mirror: int) -> None:
    angle = 2.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (positions * [1, mirror]) @ turn * 7 + [3, -4]
    back = aligned(moved.astype(np.float32), positions, np.ones(600, bool))
    np.testing.assert_allclose(back, positions, atol=1e-4)


def test_tracks_that_were_placed_since_do_not_turn_a_layout(positions: Matrix) -> None:
    known = np.arange(600) % 2 == 0
    before = np.where(known[:, None], positions, 0).astype(np.float32)
    back = aligned(positions * 3 + 5, before, known)
    np.testing.assert_allclose(back, positions, atol=1e-4)


def test_partners_are_others(vectors: Matrix) -> None:
    own = np.arange(600)[:, None]
    for partners in choose_pairs(vectors, 1):
        assert (partners != own).all()
        assert partners.min() >= 0
        assert partners.max() < 600
    near, _, far = choose_pairs(vectors, 1)
    shared = (far[:, :, None] == near[:, None, :]).any(axis=2).mean()
    assert shared < 0.005, "far partners that are near by chance are drawn again"


def test_few_tracks_have_no_trustworthiness() -> None:
    assert trustworthiness(music(44), np.zeros((44, 2), np.float32)) is None


def test_few_tracks_use_the_room_between_two_styles() -> None:
    positions = fit(music(28, styles=2))
    gaps = np.diff(np.sort(positions, axis=0), axis=0)
    assert gaps.max() < 0.6 * 2 * EXTENT
    assert gaps.min() > 0.2 * 2 * EXTENT / 28, "none lies on another"
