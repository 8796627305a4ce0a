"""Recordings of internet radio: several Ogg files in one, of whatever codec, rate and channels."""

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import soxr

from soundalike.audio.decode import decode
from soundalike.audio.identity import identify
from soundalike.audio.resample import CANONICAL_RATE, write_canonical
from tests.audio.ogg_bytes import flac, opus, vorbis, with_serial
from tests.sounds import music


def poor_vorbis(folder: Path, seconds: float, rate: int, channels: int) -> bytes:
    return vorbis(folder, seconds, rate, channels, quality=1.0)


CHAINS = {
    "same vorbis": ((vorbis, 44_100, 2), (vorbis, 44_100, 2)),
    "vorbis of another quality": ((vorbis, 44_100, 2), (poor_vorbis, 44_100, 2)),
    "vorbis of another rate": ((vorbis, 44_100, 2), (vorbis, 22_050, 2)),
    "vorbis of other channels": ((vorbis, 44_100, 2), (vorbis, 44_100, 1)),
    "vorbis of another rate and channels": ((vorbis, 44_100, 2), (vorbis, 22_050, 1)),
    "same opus": ((opus, 48_000, 2), (opus, 48_000, 2)),
    "opus of other channels": ((opus, 48_000, 2), (opus, 48_000, 1)),
    "same flac": ((flac, 44_100, 2), (flac, 44_100, 2)),
    "flac of another rate and channels": ((flac, 44_100, 2), (flac, 22_050, 1)),
    "opus after vorbis": ((vorbis, 44_100, 2), (opus, 48_000, 2)),
    "vorbis after opus": ((opus, 48_000, 2), (vorbis, 44_100, 2)),
    "flac after vorbis": ((vorbis, 44_100, 2), (flac, 44_100, 2)),
    "there and back": ((vorbis, 44_100, 2), (vorbis, 44_100, 1), (vorbis, 44_100, 2)),
}


def chained(folder: Path, name: str) -> list[bytes]:
    return [
        with_serial(make(folder, 3.0 + number, rate, channels), 100 + number)
        for number, (make, rate, channels) in enumerate(CHAINS[name])
    ]


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_every_link_is_heard_and_is_part_of_the_track(tmp_path: Path, name: str) -> None:
    links = chained(tmp_path, name)
    path = tmp_path / "chain.ogg"
    ids = set()
    for count in range(1, len(links) + 1):
        path.write_bytes(b"".join(links[:count]))
        identified = identify(path)
        ids.add(identified.track_id)
        found = write_canonical(path, identified.track_id, tmp_path / "out" / "a.flac")
        assert found.seconds == pytest.approx(sum(3.0 + n for n in range(count)), abs=0.1)
        assert found.decoded_share == 1
    assert len(ids) == len(links), "another ending is another track"


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_the_last_link_is_heard_as_it_was_recorded(tmp_path: Path, name: str) -> None:
    links = chained(tmp_path, name)
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(links))
    write_canonical(path, identify(path).track_id, tmp_path / "a.flac")
    _, rate, channels = CHAINS[name][-1]
    seconds = 2.0 + len(links)
    original = music(seconds, rate, channels).mean(axis=0)
    expected = soxr.resample(original, rate, CANONICAL_RATE)
    heard = soundfile.read(tmp_path / "a.flac", dtype="float32")[0][-len(expected) :]
    product = np.fft.irfft(np.fft.rfft(heard) * np.conj(np.fft.rfft(expected[: len(heard)])))
    assert product.max() > 0.9 * np.linalg.norm(heard) * np.linalg.norm(expected)


def test_a_link_that_cannot_be_read_is_counted_as_lost(tmp_path: Path) -> None:
    first, second = chained(tmp_path, "vorbis of another rate")
    path = tmp_path / "chain.ogg"
    broken = bytearray(second)
    broken[28 + 7 : 28 + 11] = b"\1\1\1\1"  # a version of Vorbis that is none
    path.write_bytes(first + broken)
    audio = decode(path, identify(path).track_id)
    assert sum(len(c.samples) / c.sample_rate for c in audio) == pytest.approx(3.0, abs=0.1)
    assert audio.share == pytest.approx(len(first) / (len(first) + len(second)), abs=0.01)


@pytest.mark.parametrize(
    "name",
    [
        *("same vorbis", "same opus", "same flac"),
        *("vorbis of another quality", "flac of another rate and channels"),
    ],
)
def test_what_ffmpeg_reads_as_one_keeps_the_identity_that_it_had(tmp_path: Path, name: str) -> None:
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(chained(tmp_path, name)))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        head = (stream.codec_context.name, stream.sample_rate, stream.channels)
        digest = hashlib.blake2b(repr(head).encode(), digest_size=16)
        for packet in container.demux(stream):
            digest.update(bytes(packet))
    assert identify(path).track_id == digest.hexdigest()
