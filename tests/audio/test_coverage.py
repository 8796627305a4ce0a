"""Every format that people's collections hold comes out as the music that went in."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from soundalike.audio.identity import Identified
from soundalike.audio.resample import CANONICAL_RATE
from soundalike.audio.sandbox import Decoders
from tests.sounds import music, write_audio

SECONDS = 3.0


@dataclass(frozen=True)
class Case:
    """One kind of file. `likeness`: the least correlation with what was encoded."""

    name: str
    codec: str
    rate: int = 44_100
    channels: int = 2
    likeness: float = 0.98
    options: dict[str, Any] = field(default_factory=dict)
    says_length: bool = True


LOSSLESS = 0.9995

CASES = [
    Case("cbr.mp3", "libmp3lame"),
    Case("vbr.mp3", "libmp3lame", options={"options": {"flags": "+qscale"}}),
    Case("no-xing.mp3", "libmp3lame", options={"container_options": {"write_xing": "0"}}),
    Case("piped.mp3", "libmp3lame", options={"piped": True, "container": "mp3"}),
    Case("speech.mp3", "libmp3lame", 16_000, 1),
    Case("a.mp2", "mp2"),
    Case("16.flac", "flac", likeness=LOSSLESS),
    Case("24.flac", "flac", 96_000, likeness=LOSSLESS, options={"sample_format": "s32"}),
    Case("192k.flac", "flac", 192_000, likeness=LOSSLESS, options={"sample_format": "s32"}),
    Case("surround.flac", "flac", 48_000, 6, LOSSLESS),
    Case("7.1.flac", "flac", 48_000, 8, LOSSLESS),
    Case(
        "piped.flac",
        "flac",
        likeness=LOSSLESS,
        options={"piped": True, "container": "flac"},
        says_length=False,
    ),
    Case("a.ogg", "vorbis"),
    Case("a.opus", "libopus", 48_000),
    Case("7.1.opus", "libopus", 48_000, 8),
    Case("piped.opus", "libopus", 48_000, options={"piped": True, "container": "opus"}),
    Case("a.m4a", "aac"),
    Case("7.1.m4a", "aac", 48_000, 8),
    Case("alac.m4a", "alac", likeness=LOSSLESS),
    Case("alac24.m4a", "alac", 96_000, likeness=LOSSLESS, options={"sample_format": "s32p"}),
    Case(
        "fragments.mp4",
        "aac",
        options={
            "piped": True,
            "container": "mp4",
            "container_options": {"movflags": "frag_keyframe+empty_moov"},
        },
    ),
    Case("a.3gp", "aac"),
    Case("pcm.mov", "pcm_s16le", likeness=LOSSLESS),
    Case("adts.aac", "aac", options={"container": "adts"}),
    Case("a.wma", "wmav2"),
    Case("old.wma", "wmav1"),
    Case("a.aiff", "pcm_s16be", likeness=LOSSLESS),
    Case("24.aiff", "pcm_s24be", likeness=LOSSLESS),
    Case("little-endian.aifc", "pcm_s16le", likeness=LOSSLESS, options={"container": "aiff"}),
    Case("u8.wav", "pcm_u8", channels=1, likeness=0.999),
    Case("16.wav", "pcm_s16le", likeness=LOSSLESS),
    Case("24.wav", "pcm_s24le", likeness=LOSSLESS),
    Case("32.wav", "pcm_s32le", likeness=LOSSLESS),
    Case("float.wav", "pcm_f32le", likeness=LOSSLESS),
    Case("double.wav", "pcm_f64le", likeness=LOSSLESS),
    Case("telephone.wav", "pcm_alaw", 8_000, 1),
    Case("adpcm.wav", "adpcm_ms"),
    Case("2.1.wav", "pcm_s16le", 48_000, 3, LOSSLESS),
    Case("quad.wav", "pcm_s16le", 48_000, 4, LOSSLESS),
    Case("5.1.wav", "pcm_s16le", 48_000, 6, LOSSLESS),
    Case("extensible-7.1.wav", "pcm_s24le", 48_000, 8, LOSSLESS),
    Case("piped.wav", "pcm_s16le", likeness=LOSSLESS, options={"piped": True, "container": "wav"}),
    Case("rf64.wav", "pcm_s16le", likeness=LOSSLESS, options={"container_options": {"rf64": "1"}}),
    Case("a.w64", "pcm_s16le", likeness=LOSSLESS),
    Case("a.caf", "pcm_s16be", likeness=LOSSLESS),
    Case("alac.caf", "alac", likeness=LOSSLESS),
    Case("piped.caf", "pcm_s16be", likeness=LOSSLESS, options={"piped": True, "container": "caf"}),
    Case("a.au", "pcm_s16be", likeness=LOSSLESS),
    Case("piped.au", "pcm_s16be", likeness=LOSSLESS, options={"piped": True, "container": "au"}),
    Case("a.voc", "pcm_s16le", likeness=LOSSLESS),
    Case("a.wv", "wavpack", likeness=0.999),
    Case("a.tta", "tta", likeness=0.999),
    Case("a.mka", "vorbis", options={"container": "matroska"}),
    Case(
        "piped.webm",
        "libopus",
        48_000,
        options={"piped": True, "container": "webm"},
        says_length=False,
    ),
    Case("surround.ac3", "ac3", 48_000, 6),
    Case("surround.eac3", "eac3", 48_000, 6),
    Case("recording.ts", "aac", 48_000, options={"container": "mpegts"}),
    Case("a.avi", "libmp3lame"),
    Case("a.flv", "libmp3lame"),
    Case("a.rm", "ac3"),
]


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with Decoders(count=1) as ours:
        yield ours


def heard(decoders: Decoders, path: Path) -> tuple[Identified, NDArray[np.float32]]:
    """The file's identity and its canonical samples, as the ingest makes them."""
    identified, _ = decoders.read(path)
    target = path.parent / "canonical" / f"{path.name}.flac"
    found = decoders.write_canonical(path, identified.track_id, target)
    assert found.decoded_share == 1, "nothing of it is broken"
    samples, rate = soundfile.read(target, dtype="float32")
    assert rate == CANONICAL_RATE
    assert found.seconds == len(samples) / rate
    return identified, samples


def likeness(samples: NDArray[np.float32], original: NDArray[np.float32], rate: int) -> float:
    """The highest correlation of the two at any delay: encoders put some silence first."""
    expected = soxr.resample(original.mean(axis=0), rate, CANONICAL_RATE)
    size = 1 << (len(expected) + len(samples)).bit_length()
    product = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(expected, size))
    energy = np.sqrt(np.sum(expected**2) * np.sum(samples**2))
    return float(np.fft.irfft(product, size).max() / energy)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_went_in_comes_out(decoders: Decoders, tmp_path: Path, case: Case) -> None:
    original = music(SECONDS, case.rate, case.channels)
    path = write_audio(tmp_path / case.name, original, case.rate, case.codec, **case.options)
    identified, samples = heard(decoders, path)
    facts = identified.facts
    assert (facts.sample_rate, facts.channels) == (case.rate, case.channels)
    assert (facts.duration is not None) == case.says_length
    assert len(samples) / CANONICAL_RATE == pytest.approx(SECONDS, abs=0.06)
    assert likeness(samples, original, case.rate) > case.likeness
    level = np.sqrt(np.mean(original.mean(axis=0) ** 2))
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(level, rel=0.08)


def test_vorbis_by_its_own_library_says_its_length(decoders: Decoders, tmp_path: Path) -> None:
    """FFmpeg's encoder writes odd time stamps; this is what others write."""
    original = music(SECONDS)
    soundfile.write(tmp_path / "a.ogg", original.T, 44_100, format="OGG", subtype="VORBIS")
    identified, samples = heard(decoders, tmp_path / "a.ogg")
    assert identified.facts.duration == pytest.approx(SECONDS, abs=0.01)
    assert likeness(samples, original, 44_100) > 0.98


@pytest.mark.parametrize("claimed", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_whose_writer_did_not_know_its_length_is_whole(
    decoders: Decoders, tmp_path: Path, claimed: int
) -> None:
    original = music(SECONDS)
    path = tmp_path / "a.wav"
    soundfile.write(path, original.T, 44_100)
    data = bytearray(path.read_bytes())
    assert data[36:40] == b"data"
    data[40:44] = claimed.to_bytes(4, "little")
    path.write_bytes(data)
    _, samples = heard(decoders, path)
    assert likeness(samples, original, 44_100) > LOSSLESS


def test_a_second_stream_is_not_mixed_in(decoders: Decoders, tmp_path: Path) -> None:
    """Of several audio streams the best is heard; pictures and subtitles never are."""
    path = tmp_path / "two.mka"
    loud, quiet = music(SECONDS, 48_000), music(SECONDS, 48_000, 1, seed=9)
    with av.open(str(path), "w") as file:
        streams = [
            file.add_stream("pcm_s16le", rate=48_000, layout=layout)
            for layout in ("stereo", "mono")
        ]
        for stream, samples, layout in zip(streams, (loud, quiet), ("stereo", "mono"), strict=True):
            whole = (samples.T * 32_767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(whole, "s16", layout)
            frame.sample_rate, frame.pts = 48_000, 0
            file.mux(stream.encode(frame))
    identified, samples = heard(decoders, path)
    assert identified.facts.channels == 2
    assert likeness(samples, loud, 48_000) > 0.999
