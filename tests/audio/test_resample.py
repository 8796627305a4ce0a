"""The canonical FLAC: right rate and pitch, the same bytes each time, whole or not there."""

import errno
from collections.abc import Iterator
from pathlib import Path

import mutagen.flac
import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC

from soundalike.audio import resample
from soundalike.audio.decode import Chunk
from soundalike.audio.flac_writer import as_16_bit
from soundalike.audio.identity import identify
from soundalike.audio.mixdown import Mixdown
from soundalike.audio.resample import canonical_facts, resampled, write_canonical
from soundalike.errors import AudioError
from tests.sounds import song, write_audio


def sine(rate: int, seconds: float = 2.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype("f4")


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_pitch_and_length_survive_any_rate(tmp_path: Path, rate: int) -> None:
    source = write_audio(tmp_path / "a.wav", np.stack([sine(rate)] * 2), rate)
    found = write_canonical(source, identify(source).track_id, tmp_path / "a.flac")
    assert found == canonical_facts(tmp_path / "a.flac")
    assert found.seconds == pytest.approx(2.0, abs=0.001)
    assert found.decoded_share == 1
    samples, written = soundfile.read(tmp_path / "a.flac", dtype="float32")
    assert (written, samples.ndim) == (44_100, 1)
    middle = samples[10_000:-10_000]
    expected = sine(44_100)[10_000 : 10_000 + len(middle)]
    np.testing.assert_allclose(middle, expected, atol=2e-3)


def test_a_rate_that_changes_on_the_way_keeps_its_pitch() -> None:
    chunks = [Chunk(sine(48_000, 1.0), 48_000), Chunk(sine(22_050, 1.0), 22_050)]
    samples = np.concatenate(list(resampled(iter(chunks))))
    assert len(samples) == pytest.approx(2 * 44_100, abs=10)
    for part in (samples[:44_100], samples[44_100:]):
        peak = np.argmax(np.abs(np.fft.rfft(part))) * 44_100 / len(part)
        assert peak == pytest.approx(440, abs=2)


def test_samples_are_rounded_and_clipped_as_libsndfile_does(tmp_path: Path) -> None:
    loud = np.random.default_rng(1).normal(scale=0.5, size=50_000)
    halves = (np.arange(-40_000, 40_000) + 0.5) / 2**15
    samples = np.concatenate([loud, halves, [-1.0, 1.0, 0.0, -0.0]]).astype("f4")
    soundfile.write(tmp_path / "a.flac", samples, 44_100, subtype="PCM_16")
    written, _ = soundfile.read(tmp_path / "a.flac", dtype="int16")
    np.testing.assert_array_equal(as_16_bit(samples), written)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = song(tmp_path / "a.mp3")
    track = identify(source).track_id
    for name in ("1.flac", "2.flac"):
        write_canonical(source, track, tmp_path / name)
    assert (tmp_path / "1.flac").read_bytes() == (tmp_path / "2.flac").read_bytes()


def test_louder_than_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    source = write_audio(tmp_path / "a.wav", 4 * np.stack([sine(44_100)] * 2), codec="pcm_f32le")
    write_canonical(source, identify(source).track_id, tmp_path / "a.flac")
    samples, _ = soundfile.read(tmp_path / "a.flac")
    assert np.all(
        samples[np.abs(4 * sine(44_100)) > 1] * sine(44_100)[np.abs(4 * sine(44_100)) > 1] > 0
    )


def test_a_file_that_fails_leaves_nothing(tmp_path: Path) -> None:
    source = song(tmp_path / "a.flac", seconds=8.0)
    source.write_bytes(source.read_bytes()[:50_000])
    with pytest.raises(AudioError):
        write_canonical(source, identify(source).track_id, tmp_path / "out" / "a.flac")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_share_that_decoded_stands_in_the_flac(tmp_path: Path) -> None:
    """It must outlive a kill between publishing the FLAC and recording what it says."""
    source = song(tmp_path / "a.flac", seconds=8.0)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 3 // 4])
    track = identify(source).track_id
    found = write_canonical(source, track, tmp_path / "1.flac")
    assert found.decoded_share == pytest.approx(0.75, abs=0.03)
    assert canonical_facts(tmp_path / "1.flac") == found
    samples, _ = soundfile.read(tmp_path / "1.flac")
    assert len(samples) / 44_100 == found.seconds
    write_canonical(source, track, tmp_path / "2.flac")
    assert (tmp_path / "1.flac").read_bytes() == (tmp_path / "2.flac").read_bytes()


def test_facts_of_no_flac_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"fLaC")
    for name in ("a.flac", "gone.flac"):
        with pytest.raises(soundfile.LibsndfileError):
            canonical_facts(tmp_path / name)


@pytest.mark.parametrize("missing", [1, 100, 30_000])
def test_a_flac_without_its_end_is_an_error(tmp_path: Path, missing: int) -> None:
    soundfile.write(tmp_path / "a.flac", sine(44_100), 44_100)
    whole = (tmp_path / "a.flac").read_bytes()
    assert canonical_facts(tmp_path / "a.flac").decoded_share == 1.0
    (tmp_path / "a.flac").write_bytes(whole[:-missing])
    with pytest.raises(soundfile.LibsndfileError):
        canonical_facts(tmp_path / "a.flac")


class Partly:
    """Audio of which a part was broken."""

    share = 0.75
    mixdown = Mixdown()

    def __iter__(self) -> Iterator[Chunk]:
        yield Chunk(sine(44_100), 44_100)


def test_a_disk_that_is_full_at_the_last_word_is_not_the_files_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: FLAC) -> None:
        raise mutagen.flac.error(OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr(resample, "decode", lambda *_: Partly())
    found = resample.write_flac(tmp_path / "a.mp3", "track", tmp_path / "a.flac")
    assert found == canonical_facts(tmp_path / "a.flac")
    assert found.decoded_share == 0.75
    monkeypatch.setattr(FLAC, "save", full)
    with pytest.raises(OSError, match="No space left"):
        resample.write_flac(tmp_path / "a.mp3", "track", tmp_path / "b.flac")
