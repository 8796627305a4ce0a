"""Altered copies are altered as said, and still the same music."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio.identity import identify
from soundalike.audio.resample import CANONICAL_RATE as RATE
from soundalike.audio.resample import write_canonical
from soundalike.evaluation.alterations import COPIES, EXCERPTS, Alteration
from soundalike.evaluation.recordings import altered_copies
from tests.sounds import music


def heard_again(alteration: Alteration, samples: np.ndarray, folder: Path) -> np.ndarray:
    """The copy after the pipeline."""
    changed = folder / f"copy.{alteration.suffix}"
    alteration.write(samples, changed)
    write_canonical(changed, identify(changed).track_id, folder / "copy.flac")
    again, _ = soundfile.read(folder / "copy.flac", dtype="float32")
    return again


SONG = music(8.3, channels=1, seed=3)[0]


@pytest.mark.parametrize("name", [name for name in COPIES if "kbit" in name])
def test_a_lossy_copy_is_other_music_or_no_other_file(name: str, tmp_path: Path) -> None:
    again = heard_again(COPIES[name], SONG, tmp_path)
    assert abs(len(again) - len(SONG)) < 0.1 * RATE
    middle = SONG[2 * RATE : 3 * RATE]
    places = np.correlate(again[RATE : 4 * RATE], middle, "valid")
    found = again[RATE + places.argmax() :][: len(middle)]
    likeness = np.corrcoef(found, middle)[0, 1]
    assert 0.8 < likeness < 0.9999
    assert (tmp_path / f"copy.{COPIES[name].suffix}").stat().st_size < 0.2 * 2 * len(SONG)


def test_a_quieter_copy_is_12_db_quieter(tmp_path: Path) -> None:
    again = heard_again(COPIES["12 dB quieter"], SONG, tmp_path)
    assert 20 * np.log10(again.std() / SONG.std()) == pytest.approx(-12, abs=0.1)


@pytest.mark.parametrize(("seconds", "cut"), [(8.3, 0.83), (150.0, 10.0)])
def test_trimming_takes_more_than_a_tenth_or_ten_seconds(
    seconds: float, cut: float, tmp_path: Path
) -> None:
    ramp = np.linspace(0, 0.9, int(seconds * RATE), dtype=np.float32)
    trim = next(copy for name, copy in COPIES.items() if "off each end" in name)
    again = heard_again(trim, ramp, tmp_path)
    assert len(again) / RATE == pytest.approx(seconds - 2 * cut, abs=0.01)
    assert again[0] == pytest.approx(ramp[round(cut * RATE)], abs=1e-3)


def test_an_excerpt_of_a_shorter_track_is_all_of_it(tmp_path: Path) -> None:
    assert len(heard_again(EXCERPTS["excerpt of 5 s"], SONG, tmp_path)) == 5 * RATE
    assert len(heard_again(EXCERPTS["excerpt of 10 s"], SONG, tmp_path)) == len(SONG)


def test_an_excerpt_begins_after_a_third_of_the_rest(tmp_path: Path) -> None:
    ramp = np.linspace(0, 0.9, 11 * RATE, dtype=np.float32)
    again = heard_again(EXCERPTS["excerpt of 5 s"], ramp, tmp_path)
    assert again[0] == pytest.approx(ramp[2 * RATE], abs=1e-3)


def test_copies_are_mixed_up_or_left_behind(tmp_path: Path) -> None:
    flacs = {}
    for seed in (1, 2):
        flacs[f"track{seed}"] = tmp_path / f"{seed}.flac"
        soundfile.write(flacs[f"track{seed}"], music(3.0, channels=1, seed=seed)[0], RATE)
    with altered_copies(flacs, COPIES["12 dB quieter"]) as copies:
        assert list(copies) == list(flacs)
        for track, flac in copies.items():
            original, _ = soundfile.read(flacs[track], dtype="float32")
            copy, _ = soundfile.read(flac, dtype="float32")
            assert np.corrcoef(original, copy)[0, 1] > 0.999
        folder = flac.parent
    assert not folder.exists()
