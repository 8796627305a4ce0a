"""Windows: equal, unpadded, over the whole track, and never of silence."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from soundalike.audio.window_plan import WindowPlan
from soundalike.audio.windows import GRID, read_windows, spread
from soundalike.errors import AudioError
from tests.sounds import music

PLAN = WindowPlan(sample_rate=16_000, samples=16_000, max_windows=4)


@given(st.integers(1, 10**8), st.integers(2 * GRID, 10**6), st.none() | st.integers(1, 100))
def test_windows_fit_are_ordered_and_reach_both_ends(
    total: int, window: int, max_windows: int | None
) -> None:
    starts = spread(total, window, max_windows)
    assert 1 <= len(starts) <= (max_windows or total // window + 1)
    if max_windows is None:
        gaps = [later - start for start, later in pairwise(starts)]
        assert all(gap < window + GRID for gap in gaps), "all of the track is heard"
    assert starts == sorted(starts)
    assert all(start >= 0 and start % GRID == 0 for start in starts)
    assert all(start + window <= total for start in starts) or total < window
    if len(starts) > 1:
        assert starts[0] == 0
        assert total - (starts[-1] + window) < GRID


@pytest.mark.parametrize("rate", [16_000, 24_000])
@pytest.mark.parametrize("seconds", [1.0, 1.003, 2.0, 5.37, 61.234])
def test_every_window_has_the_same_length(tmp_path: Path, rate: int, seconds: float) -> None:
    soundfile.write(tmp_path / "a.flac", music(seconds, channels=1)[0], 44_100)
    windows = list(read_windows(tmp_path / "a.flac", WindowPlan(rate, 2 * rate, max_windows=7)))
    expected = min(2 * rate, int(int(seconds * 44_100) / 44_100 * rate))
    assert {window.shape for window in windows} == {(expected,)}
    assert {window.dtype for window in windows} == {np.dtype(np.float32)}


def test_a_window_is_what_resampling_the_whole_track_gives(tmp_path: Path) -> None:
    samples = music(10.0, channels=1)[0]
    soundfile.write(tmp_path / "a.flac", samples, 44_100, subtype="PCM_16")
    stored, _ = soundfile.read(tmp_path / "a.flac", dtype="float32")
    whole = soxr.resample(stored, 44_100, 16_000, quality="HQ")
    windows = read_windows(tmp_path / "a.flac", PLAN)
    starts = spread(len(stored), 44_100, 4)
    for window, start in zip(windows, starts, strict=True):
        first = start * 16_000 // 44_100
        np.testing.assert_allclose(window, whole[first : first + 16_000], atol=1e-4)


def test_silent_windows_are_skipped(tmp_path: Path) -> None:
    samples = music(4.0, channels=1)[0]
    samples[:92_000] = 0  # the window that ends at 2 s hears no ringing of what follows
    soundfile.write(tmp_path / "a.flac", samples, 44_100)
    assert len(list(read_windows(tmp_path / "a.flac", PLAN))) == 2


@pytest.mark.parametrize(("seconds", "level", "code"), [(0.2, 1, "too_short"), (5.0, 0, "silent")])
def test_nothing_to_hear_is_a_failure(
    tmp_path: Path, seconds: float, level: float, code: str
) -> None:
    soundfile.write(tmp_path / "a.flac", level * music(seconds, channels=1)[0], 44_100)
    with pytest.raises(AudioError) as caught:
        list(read_windows(tmp_path / "a.flac", PLAN))
    assert caught.value.code == code
