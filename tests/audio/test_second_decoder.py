"""A valid file that FFmpeg refuses is heard all the same, and is the same track for ever."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio.identity import identify
from soundalike.audio.resample import write_canonical
from soundalike.audio.sandbox import Decoders
from soundalike.audio.stream import open_audio
from soundalike.errors import AudioError
from tests.audio.ogg_bytes import opus, vorbis, with_granule
from tests.audio.test_junk import ape
from tests.sounds import music

REFUSED = {
    "a.aif": ("AIFF", "DWVW_16"),
    "b.aif": ("AIFF", "DWVW_24"),
    "a.paf": ("PAF", "PCM_24"),
    "a.htk": ("HTK", "PCM_16"),
    "a.xi": ("XI", "DPCM_16"),
    "a.wve": ("WVE", "ALAW"),
    "a.mpc": ("MPC2K", "PCM_16"),
    "a.mat": ("MAT4", "DOUBLE"),
    "b.mat": ("MAT5", "FLOAT"),
}


def written(folder: Path, name: str, seconds: float = 3.0) -> Path:
    kind, subtype = REFUSED[name]
    rate = 8_000 if kind == "WVE" else 44_100
    samples = music(seconds, rate, channels=1)[0]
    soundfile.write(folder / name, samples, rate, format=kind, subtype=subtype)
    return folder / name


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_only_libsndfile_reads_is_heard(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, name)
    with pytest.raises(AudioError, match="FFmpeg"), open_audio(path):
        pass
    with Decoders(count=1) as decoders:
        identified, tags = decoders.read(path)
        found = decoders.write_canonical(path, identified.track_id, tmp_path / "out" / "a.flac")
    assert tags.title is None
    assert found.seconds == pytest.approx(3.0, abs=0.02)
    assert found.decoded_share == 1
    assert identified.facts.duration == pytest.approx(3.0, abs=0.02)
    heard, _ = soundfile.read(tmp_path / "out" / "a.flac")
    level = np.sqrt(np.mean(music(3.0, channels=1) ** 2))
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(level, rel=0.1)


def test_its_identity_is_that_of_its_samples(tmp_path: Path) -> None:
    path = written(tmp_path, "a.paf")
    before = identify(path).track_id
    path.write_bytes(path.read_bytes() + ape())
    assert identify(path).track_id == before
    other = written(tmp_path, "a.paf", seconds=3.1)
    assert identify(other).track_id != before


@pytest.mark.parametrize("granule", [-1, -2, -104])
def test_an_opus_that_ffmpeg_refuses_is_the_track_of_its_packets(
    tmp_path: Path, granule: int
) -> None:
    whole = opus(tmp_path, 6.0, 48_000, 2)
    path = tmp_path / "a.opus"
    path.write_bytes(whole)
    before = identify(path)
    path.write_bytes(with_granule(whole, 2, granule))
    with pytest.raises(AudioError), open_audio(path) as audio:
        list(audio.packets())
    assert identify(path).track_id == before.track_id
    found = write_canonical(path, before.track_id, tmp_path / "out" / "a.flac")
    assert found.seconds == pytest.approx(6.0, abs=0.05)
    assert found.decoded_share == 1


@pytest.mark.parametrize("page", [2, 3])
def test_a_vorbis_with_a_negative_position_is_heard(tmp_path: Path, page: int) -> None:
    whole = vorbis(tmp_path, 6.0, 44_100, 2)
    path = tmp_path / "a.ogg"
    path.write_bytes(whole)
    before = identify(path)
    path.write_bytes(with_granule(whole, page, -104))
    assert identify(path).track_id == before.track_id
    found = write_canonical(path, before.track_id, tmp_path / "out" / "a.flac")
    assert found.seconds == pytest.approx(6.0, abs=0.05)
    assert found.decoded_share == 1


def test_what_both_refuse_says_what_ffmpeg_says(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"OggS" + np.random.default_rng(0).bytes(50_000))
    with pytest.raises(AudioError) as caught:
        identify(path)
    assert caught.value.code in {"not_audio", "no_audio"}


def test_a_file_that_changed_since_it_was_identified_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "a.paf")
    with pytest.raises(AudioError) as caught:
        write_canonical(path, "0" * 32, tmp_path / "out" / "a.flac")
    assert caught.value.code == "changed"


def test_the_longest_audio_allowed_holds_for_both(tmp_path: Path) -> None:
    path = written(tmp_path, "a.paf")
    with Decoders(count=1) as decoders:
        track_id = decoders.read(path)[0].track_id
        with pytest.raises(AudioError) as caught:
            decoders.write_canonical(path, track_id, tmp_path / "out" / "a.flac", 2.0)
    assert caught.value.code == "too_long"
