"""Peaks: each part's own, relative to the track's loudest, of any length, in bounded memory."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio import peaks as module
from soundalike.audio.peaks import peaks
from soundalike.errors import AudioError


def write(path: Path, samples: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Path:
    soundfile.write(path, samples, 44_100)
    return path


def test_a_part_has_its_own_peak(tmp_path: Path) -> None:
    steps = np.repeat([0.1, -0.4, 0.2, 0.0], 1000)
    found = peaks(write(tmp_path / "a.flac", steps), 4)
    assert found.tolist() == [64, 255, 128, 0]


def test_parts_are_the_same_however_much_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flac = write(tmp_path / "a.flac", np.random.default_rng(1).uniform(-0.5, 0.5, 50_000))
    whole = peaks(flac, 37)
    monkeypatch.setattr(module, "BLOCK", 2000)
    assert peaks(flac, 37).tolist() == whole.tolist()


@pytest.mark.parametrize("samples", [1, 3, 399, 400, 401])
def test_a_track_shorter_than_its_picture_ends_in_silence(tmp_path: Path, samples: int) -> None:
    found = peaks(write(tmp_path / "a.flac", np.full(samples, 0.5)), 400)
    assert len(found) == 400
    assert set(found[: samples // 2 + 1].tolist()) == {255}
    assert sum(found > 0) <= samples


def test_silence_is_flat(tmp_path: Path) -> None:
    assert peaks(write(tmp_path / "a.flac", np.zeros(5000)), 10).tolist() == [0] * 10


def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"fLaC no more")
    for name in ("a.flac", "b.flac"):
        with pytest.raises(AudioError):
            peaks(tmp_path / name, 10)
