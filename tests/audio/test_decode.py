"""Decoding: right samples, bounded memory, and an honest word on what is broken."""

import errno
import io
import tracemalloc
from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path
from unittest.mock import Mock

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundalike.audio import media_file
from soundalike.audio.decode import decode
from soundalike.audio.identity import identify
from soundalike.audio.stream import OpenAudio
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


def test_sixty_four_bits_are_decoded(tmp_path: Path) -> None:
    """PyAV 18 has no name for these samples."""
    expected = np.linspace(-0.9, 0.9, 5000)
    soundfile.write(tmp_path / "a.wav", expected, 22_050, subtype="DOUBLE")
    data = bytearray((tmp_path / "a.wav").read_bytes())
    samples = (expected * 2.0**63).astype("<i8").tobytes()
    data[20:22] = b"\1\0"  # whole numbers instead of floating point
    data[-len(samples) :] = samples
    (tmp_path / "a.wav").write_bytes(data)
    np.testing.assert_allclose(mono(tmp_path / "a.wav"), expected, atol=1e-6)


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


@pytest.mark.slow
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


def kept(path: Path) -> float:
    """The share of the file that decodes."""
    audio = decode(path, identify(path).track_id)
    seconds = sum(len(chunk.samples) / chunk.sample_rate for chunk in audio)
    assert seconds == pytest.approx(audio.seconds)
    return audio.share


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def with_hole(path: Path, start: float, end: float) -> Path:
    """Zeros where a download never got to."""
    data = bytearray(path.read_bytes())
    first, last = int(len(data) * start), int(len(data) * end)
    data[first:last] = bytes(last - first)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("extension", sorted(CODECS))
def test_an_intact_file_lost_nothing(tmp_path: Path, extension: str) -> None:
    assert kept(song(tmp_path / f"song{extension}", seconds=5.0)) == 1


@pytest.mark.parametrize("name", ["song.flac", "song.aiff", "song.wv"])
def test_a_file_that_ends_early_is_kept_if_most_of_it_is_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_audio(path, music(8.0), codec=CODECS.get(path.suffix, "wavpack"))
    assert kept(cut(path, 0.7)) == pytest.approx(0.7, abs=0.03)
    with pytest.raises(AudioError, match=r"only 3\.\d s of its 8\.0 s") as caught:
        kept(cut(path, 0.6))
    assert caught.value.code == "truncated"


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "song.ac3"])
def test_a_hole_in_the_middle_is_lost_and_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    codec = CODECS.get(path.suffix, path.suffix[1:])
    write_audio(path, music(8.0), codec=codec)
    whole = path.read_bytes()
    assert kept(with_hole(path, 0.3, 0.6)) == pytest.approx(0.7, abs=0.04)
    path.write_bytes(whole)
    with pytest.raises(AudioError, match=r"s decode") as caught:
        kept(with_hole(path, 0.2, 0.8))
    assert caught.value.code == "undecodable"


def test_what_is_lost_in_less_than_a_second_does_not_count(tmp_path: Path) -> None:
    assert kept(with_hole(song(tmp_path / "song.mp3", seconds=6.0), 0.5, 0.55)) == 1
    assert kept(cut(song(tmp_path / "song.flac", seconds=6.0), 0.9)) == 1


@pytest.mark.parametrize("where", ["before", "after"])
def test_junk_around_an_mp3_is_no_lost_audio(tmp_path: Path, where: str) -> None:
    path = song(tmp_path / "song.mp3", seconds=4.0)
    junk = np.random.default_rng(0).bytes(200_000)
    data = path.read_bytes()
    path.write_bytes(junk + data if where == "before" else data + junk)
    assert kept(path) == 1


def test_a_broken_container_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = song(tmp_path / "song.mp3", seconds=8.0)
    with av.open(str(path)) as container:
        packets = list(container.demux(audio=0))

    class Breaking:
        """A container whose reader gives up on the way."""

        def demux(self, stream: object) -> Iterator[object]:
            yield from packets[: len(packets) // 3]
            raise av.InvalidDataError(1, "broken")

    broken = OpenAudio(Breaking(), None, Mock(), path.stat().st_size)
    assert len(list(broken.packets())) == len(packets) // 3
    assert broken.broke_off


@pytest.mark.parametrize("reads", [0, 1, 5])
def test_a_disk_that_fails_is_not_the_files_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    path = song(tmp_path / "song.mp3", seconds=12.0)
    left = count(reads, -1)

    class Failing(io.FileIO):
        """A file on a disk that soon breaks."""

        def read(self, size: int | None = -1, /) -> bytes:
            if next(left) <= 0:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    monkeypatch.setattr(media_file, "_regular", Failing)
    with pytest.raises(AudioError, match="Input/output error") as caught:
        identify(path)
    assert caught.value.code == "unreadable"


def test_a_demuxer_that_never_ends_is_stopped(tmp_path: Path) -> None:
    path = song(tmp_path / "song.mp3", seconds=1.0)
    with av.open(str(path)) as container:
        packets = list(container.demux(audio=0))

    class Endless:
        """A container that starts over and over."""

        def demux(self, stream: object) -> Iterator[object]:
            return cycle(packets)

    with pytest.raises(AudioError) as caught:
        for _ in OpenAudio(Endless(), None, Mock(), path.stat().st_size).packets():
            pass
    assert caught.value.code == "endless"


def test_a_file_that_changed_since_it_was_identified_is_refused(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", seed=1)
    track = identify(path).track_id
    song(path, seed=2)
    with pytest.raises(AudioError) as caught:
        list(decode(path, track))
    assert caught.value.code == "changed"
