"""Transforms learn from the reference alone, and do what their names say."""

from math import erf, sqrt

import numpy as np
import pytest

from benchmarks.transforms import (
    centring,
    local_scaling,
    mutual_proximity,
    standardising,
    whitening,
)
from soundalike.evaluation.hubness import hubness, nearest_by
from soundalike.evaluation.study import unit_rows

random = np.random.default_rng(0)
MIX = random.standard_normal((6, 6))
REFERENCE = random.standard_normal((4000, 6)) @ MIX + 5
TRACKS = random.standard_normal((300, 6)) @ MIX + 5


def test_centring_by_the_tracks_own_mean() -> None:
    [vector] = centring(REFERENCE)(TRACKS[:1])
    expected = TRACKS[0] - REFERENCE.mean(axis=0)
    assert vector == pytest.approx(expected / np.linalg.norm(expected))


def test_standardised_dimensions_weigh_the_same() -> None:
    reference = REFERENCE * [1, 10, 100, 1, 1, 1]
    one_deviation = reference.mean(axis=0) + reference.std(axis=0)
    assert standardising(reference)(one_deviation[None])[0] == pytest.approx(1 / sqrt(6))


def test_a_dimension_that_never_varies_gives_no_infinity() -> None:
    reference = np.column_stack([np.ones(10), np.arange(10.0)])
    assert np.isfinite(standardising(reference)(reference)).all()


def test_whitened_directions_still_correlate() -> None:
    mean = REFERENCE.mean(axis=0)
    _, scale, axes = np.linalg.svd(REFERENCE - mean, full_matrices=False)
    white = whitening(REFERENCE, 6)
    for deviation, axis in zip(scale / sqrt(len(REFERENCE)), axes, strict=True):
        vector = white((mean + deviation * axis)[None])[0]
        assert np.sort(np.abs(vector)).tolist() == pytest.approx([0, 0, 0, 0, 0, 1], abs=1e-6)
    equal = white((mean + (axes.T * scale).sum(axis=1))[None])[0]
    assert np.abs(equal) == pytest.approx(1 / sqrt(6))


def test_more_dimensions_than_the_reference_can_tell() -> None:
    few = REFERENCE[:4]
    vectors = whitening(few, 100)(TRACKS)
    assert vectors.shape == (300, 3)
    assert np.isfinite(vectors).all()


def test_mutual_proximity_is_the_chance_of_being_nearer() -> None:
    similarity = np.array([[1.0, 0.3], [0.3, 1.0]])
    to_reference = np.array([[0.1, 0.3], [0.0, 0.8]])

    def nearer(row: int) -> float:
        own = to_reference[row]
        return (1 + erf((0.3 - own.mean()) / own.std() / sqrt(2))) / 2

    found = mutual_proximity(similarity, to_reference)
    assert found[0, 1] == pytest.approx(nearer(0) * nearer(1), abs=1e-6)
    assert found[0, 1] == found[1, 0]


def test_local_scaling_takes_the_nearest_references() -> None:
    to_reference = np.array([[0.5, 0.1, 0.4], [0.2, 0.9, 0.3]])
    found = local_scaling(np.array([[1.0, 0.3], [0.3, 1.0]]), to_reference, k=2)
    assert found[0, 1] == pytest.approx(0.6 - 0.45 - 0.6)


@pytest.mark.parametrize("correct", [mutual_proximity, local_scaling])
def test_a_hubness_correction_that_makes_hubs(correct: object) -> None:
    generator = np.random.default_rng(2)
    vectors = unit_rows(generator.standard_normal((900, 60)) + 0.6)
    tracks, reference = vectors[:300], vectors[300:]
    similarity, to_reference = tracks @ tracks.T, tracks @ reference.T
    before = hubness(nearest_by(similarity, 10)).skewness
    after = hubness(nearest_by(correct(similarity, to_reference), 10)).skewness
    assert after < 0.7 * before


def test_a_vector_of_zeros_stays_finite() -> None:
    assert unit_rows(np.zeros((1, 3))).tolist() == [[0, 0, 0]]
