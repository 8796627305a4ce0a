"""Channels that cancel each other out are heard, and all other audio stays what it was."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundalike.audio.flac_writer import flac_writer
from soundalike.audio.identity import identify
from soundalike.audio.resample import CANONICAL_RATE, canonical_facts, write_canonical
from soundalike.audio.window_plan import WindowPlan
from soundalike.audio.windows import read_windows
from soundalike.errors import AudioError
from tests.sounds import music

PLAN = WindowPlan(sample_rate=16_000, samples=16_000, max_windows=4)


def canonical(folder: Path, channels: NDArray[np.float32], subtype: str = "PCM_24") -> Path:
    """The canonical FLAC of a WAV with these channels."""
    source = folder / "a.wav"
    soundfile.write(source, channels.T, CANONICAL_RATE, subtype=subtype)
    target = folder / "out" / "a.flac"
    made = write_canonical(source, identify(source).track_id, target)
    assert canonical_facts(target) == made
    return target


def voice(seconds: float = 4.0) -> NDArray[np.float32]:
    return music(seconds, channels=1)[0]


def rows(*channels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack(channels).astype(np.float32)


V = voice()
NONE = np.zeros_like(V)
CANCELLING = {
    "opposite": rows(V, -V),
    "opposite, not quite": rows(V, -0.95 * V),
    "opposite and an offset": rows(V + 0.1, 0.1 - V),
    "one is offset": rows(V + 0.2, -V),
    "5.1 with pairs that cancel": rows(V, -V, NONE, NONE, 0.5 * V, -0.5 * V),
    "5.1 with one pair": rows(NONE, NONE, NONE, NONE, V, -V),
    "after a second of silence": rows(np.roll(V, 44_100), -np.roll(V, 44_100)),
}


@pytest.mark.parametrize("name", sorted(CANCELLING))
def test_opposite_channels_are_heard(tmp_path: Path, name: str) -> None:
    flac = canonical(tmp_path, CANCELLING[name])
    samples, _ = soundfile.read(flac)
    level = np.sqrt(np.mean((samples - samples.mean()) ** 2))
    assert level == pytest.approx(np.sqrt(np.mean(V**2)), rel=0.06)
    assert len(list(read_windows(flac, PLAN))) == 4


ORDINARY = {
    "stereo": music(3.0),
    "a voice on one side": rows(V, NONE),
    "wide": rows(V + 0.5 * voice()[::-1], 0.5 * voice()[::-1] - V),
    "louder on one side, inverted": rows(V, -0.6 * V),
    "5.1": music(2.0, channels=6),
    "5.1 with a voice": rows(NONE, NONE, V, NONE, NONE, NONE),
    "mono": music(2.0, channels=1),
    "an offset": music(2.0) + 0.1,
    "silence": rows(NONE, NONE),
}


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT", "PCM_U8"])
@pytest.mark.parametrize("name", sorted(ORDINARY))
def test_ordinary_audio_is_the_average_of_its_channels_to_the_byte(
    tmp_path: Path, name: str, subtype: str
) -> None:
    flac = canonical(tmp_path, ORDINARY[name], subtype)
    stored, _ = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    mono = stored[:, 0].copy()
    for channel in stored.T[1:]:
        mono += channel
    mono /= stored.shape[1]
    with flac_writer(tmp_path / "b.flac", CANONICAL_RATE) as expected:
        expected.write(mono)
    if name != "silence":
        assert flac.read_bytes() == (tmp_path / "b.flac").read_bytes()
    np.testing.assert_array_equal(*(soundfile.read(f)[0] for f in (flac, tmp_path / "b.flac")))


def failure(flac: Path) -> tuple[str, str]:
    with pytest.raises(AudioError) as caught:
        list(read_windows(flac, PLAN))
    return caught.value.code, str(caught.value)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_quiet_music_is_told_from_silence(tmp_path: Path, channels: int, subtype: str) -> None:
    quiet = V / np.abs(V).max() * 10 ** (-90 / 20)
    if subtype == "PCM_16":
        quiet = np.sign(V) * 2**-15
    flac = canonical(tmp_path, rows(*[quiet] * channels), subtype)
    assert failure(flac) == ("too_quiet", "too quiet: its loudest sample is at -90 dBFS")


def test_what_sixteen_bits_cannot_hold_is_no_digital_silence(tmp_path: Path) -> None:
    flac = canonical(tmp_path, rows(V / np.abs(V).max() * 10**-5.5))
    assert not soundfile.read(flac)[0].any()
    assert failure(flac) == ("too_quiet", "too quiet: its loudest sample is at -110 dBFS")


def test_digital_silence_is_silent(tmp_path: Path) -> None:
    assert failure(canonical(tmp_path, rows(NONE, NONE)))[0] == "silent"


@pytest.mark.parametrize("sample_rate", [16_000, 24_000, 44_100])
def test_a_constant_offset_is_no_music(tmp_path: Path, sample_rate: int) -> None:
    flac = canonical(tmp_path, rows(NONE + 0.25, NONE + 0.25))
    plan = WindowPlan(sample_rate, sample_rate, max_windows=4)
    with pytest.raises(AudioError, match="no audible music in the parts") as caught:
        list(read_windows(flac, plan))
    assert caught.value.code == "silent"
