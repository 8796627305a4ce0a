"""The baseline is what it says: MFCC statistics over the whole track, on a fixed scale."""

import numpy as np
import pytest
import torch

from soundalike.embedders.musicnn.model.frontend import LogMel
from soundalike.embedders.musicnn.spec import musicnn_windows
from soundalike.evaluation.baselines.mfcc import (
    COEFFICIENTS,
    DEVIATION,
    FEATURES,
    MEAN,
    MfccEmbedder,
    _cosines,
    statistics,
)
from tests.sounds import music

PLAN = musicnn_windows("all")
WINDOWS = music(3 * PLAN.samples / 16_000, 16_000, 1)[0][: 3 * PLAN.samples].reshape(3, -1)


def test_the_cosines_are_not_orthonormal() -> None:
    cosines = _cosines(96).numpy()
    assert cosines.T @ cosines == pytest.approx(np.eye(COEFFICIENTS), abs=1e-5)
    loudness = np.ones(96) @ cosines
    assert loudness == pytest.approx([np.sqrt(96), *[0] * 19], abs=1e-4)


def test_a_track_s_statistics_are_a_mean_of_its_windows_deviations() -> None:
    with torch.inference_mode():
        mel = LogMel()(torch.from_numpy(WINDOWS)).numpy().astype(np.float64)
    mfcc = mel @ _cosines(96).numpy().astype(np.float64)
    frames = mfcc.reshape(-1, COEFFICIENTS)
    jumps = np.diff(mfcc, axis=1).reshape(-1, COEFFICIENTS)
    expected = [*frames.mean(axis=0), *frames.std(axis=0), *np.sqrt((jumps**2).mean(axis=0))]
    found = statistics(MfccEmbedder(PLAN).extract(WINDOWS))
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_its_vector_is_not_of_unit_length_or_off_the_scale() -> None:
    embedder = MfccEmbedder(PLAN)
    features = embedder.extract(WINDOWS)
    assert features.shape == (3, FEATURES) == (3, len(MEAN)) == (3, len(DEVIATION))
    vector = embedder.pool(features).vector
    scaled = (statistics(features) - MEAN) / DEVIATION
    assert vector == pytest.approx(scaled / np.linalg.norm(scaled), abs=1e-6)
