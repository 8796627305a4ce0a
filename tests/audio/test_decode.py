"""Decoding: right samples, bounded memory, and an honest word on what is broken."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundalike.audio.decode import decode
from soundalike.audio.identity import identify
from soundalike.errors import AudioError
from tests.sounds import CODECS, music, song, write_audio


def mono(path: Path) -> NDArray[np.float32]:
    return np.concatenate([c.samples for c in decode(path, identify(path).track_id)])


@pytest.mark.parametrize("extension", sorted(CODECS))
def test_every_format_decodes_to_its_length_and_level(tmp_path: Path, extension: str) -> None:
    samples = mono(song(tmp_path / f"song{extension}", seconds=3.0))
    rate = 48_000 if extension == ".opus" else 44_100
    assert len(samples) / rate == pytest.approx(3.0, abs=0.15)
    level = np.sqrt(np.mean(music(3.0).mean(axis=0) ** 2))
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(level, rel=0.15)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_sample_type_has_the_same_full_scale(tmp_path: Path, subtype: str) -> None:
    expected = np.linspace(-0.9, 0.9, 5000, dtype=np.float32)
    soundfile.write(tmp_path / "ramp.wav", expected, 22_050, subtype=subtype)
    np.testing.assert_allclose(mono(tmp_path / "ramp.wav"), expected, atol=1 / 120)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    samples = music(0.5, channels=channels)
    path = write_audio(tmp_path / "song.wav", samples, codec="pcm_f32le")
    np.testing.assert_allclose(mono(path), samples.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("name", ["song.m4a", "song.opus"])
def test_eight_planar_channels_are_decoded(tmp_path: Path, name: str) -> None:
    """PyAV 18 tells of a ninth plane there, which is no memory of ours."""
    path = write_audio(tmp_path / name, music(2.0, rate=48_000, channels=8), rate=48_000)
    samples = mono(path)
    assert len(samples) / 48_000 == pytest.approx(2.0, abs=0.15)
    assert np.abs(samples).max() > 0.01


def test_samples_that_are_no_numbers_do_not_spread(tmp_path: Path) -> None:
    samples = music(0.2, channels=1)
    samples[0, 100:200] = np.nan
    path = tmp_path / "song.wav"
    soundfile.write(path, samples[0], 44_100, subtype="FLOAT")
    assert np.isfinite(mono(path)).all()


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(8000 * 1200, np.int16), 8000)
    track = identify(path).track_id
    tracemalloc.start()
    seconds = sum(len(chunk.samples) / 8000 for chunk in decode(path, track))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds == pytest.approx(1200)
    assert peak < 5e6


def test_a_truncated_flac_is_told_by_its_header(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", seconds=8.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(AudioError, match=r"only 2\.\d s of its 8\.0 s") as caught:
        mono(path)
    assert caught.value.code == "truncated"


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = song(tmp_path / "song.mp3", seconds=6.0)
    data = bytearray(path.read_bytes())
    data[20_000:20_300] = bytes(300)
    path.write_bytes(data)
    assert len(mono(path)) / 44_100 > 5.5


def test_a_file_that_changed_since_it_was_identified_is_refused(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", seed=1)
    track = identify(path).track_id
    song(path, seed=2)
    with pytest.raises(AudioError) as caught:
        list(decode(path, track))
    assert caught.value.code == "changed"
