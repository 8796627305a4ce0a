"""What a header promises and the file does not hold is missed, and nothing else is."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio.decode import decode
from soundalike.audio.identity import identify
from soundalike.errors import AudioError
from tests.audio.ogg_bytes import opus, vorbis
from tests.audio.test_junk import ID3V1, ape, id3v2
from tests.sounds import music, write_audio

SECONDS = 10.0
NO_XING = {"container_options": {"write_xing": "0"}}
# Name: codec, container, and whatever else.
STATED = {
    "cbr.mp3": ("libmp3lame", None, {}),
    "vbr.mp3": ("libmp3lame", None, {"options": {"flags": "+qscale"}}),
    "a.flac": ("flac", None, {}),
    "a.wav": ("pcm_s16le", None, {}),
    "24.wav": ("pcm_s24le", None, {}),
    "adpcm.wav": ("adpcm_ms", None, {}),
    "mp3.wav": ("libmp3lame", "wav", {}),
    "rf64.wav": ("pcm_s16le", None, {"container_options": {"rf64": "1"}}),
    "a.w64": ("pcm_s16le", None, {}),
    "a.aiff": ("pcm_s16be", None, {}),
    "a.au": ("pcm_s16be", None, {}),
    "a.caf": ("pcm_s16be", None, {}),
    "a.wma": ("wmav2", None, {}),
    "a.mka": ("vorbis", "matroska", {}),
    "a.webm": ("libopus", "webm", {}),
    "faststart.m4a": ("aac", None, {"container_options": {"movflags": "faststart"}}),
    "a.wv": ("wavpack", None, {}),
    "a.tta": ("tta", None, {}),
    "a.avi": ("libmp3lame", None, {}),
}


def made(folder: Path, name: str, seconds: float = SECONDS) -> Path:
    codec, container, options = STATED[name]
    rate = 48_000 if codec == "libopus" else 44_100
    samples = music(seconds, rate)
    return write_audio(folder / name, samples, rate, codec, container=container, **options)


def share(path: Path) -> float:
    """The share of the file that decodes."""
    audio = decode(path, identify(path).track_id)
    assert sum(len(chunk.samples) for chunk in audio)
    return audio.share


def failure(path: Path) -> tuple[str, str]:
    with pytest.raises(AudioError) as caught:
        share(path)
    return caught.value.code, str(caught.value)


def cut(path: Path, kept: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    return path


def unfinished(path: Path, kept: float) -> Path:
    """A download into a file of the full size."""
    size = path.stat().st_size
    cut(path, kept).write_bytes(path.read_bytes().ljust(size, b"\0"))
    return path


@pytest.mark.parametrize("name", sorted(STATED))
def test_a_third_of_a_file_is_truncated(tmp_path: Path, name: str) -> None:
    path = made(tmp_path, name)
    whole = path.read_bytes()
    assert share(path) == 1
    code, words = failure(cut(path, 0.3))
    assert code == "truncated"
    assert words.startswith(("only 3.", "only 2."))
    path.write_bytes(whole)
    assert share(cut(path, 0.7)) == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize("name", ["cbr.mp3", "vbr.mp3", "a.flac", "faststart.m4a", "a.wma"])
def test_zeros_where_a_download_never_got_to_are_no_music(tmp_path: Path, name: str) -> None:
    path = unfinished(made(tmp_path, name), 0.3)
    assert failure(path)[0] == "truncated"


@pytest.mark.parametrize(
    ("name", "codec", "container", "options"),
    [
        ("a.mp3", "libmp3lame", None, NO_XING),
        ("a.mp2", "mp2", None, {}),
        ("a.aac", "aac", "adts", {}),
        ("a.ac3", "ac3", None, {}),
        ("a.opus", "libopus", None, {}),
        ("a.ogg", "vorbis", None, {}),
    ],
)
def test_zeros_at_the_end_of_what_states_no_length_are_missing(
    tmp_path: Path, name: str, codec: str, container: str | None, options: dict[str, object]
) -> None:
    rate = 48_000 if codec == "libopus" else 44_100
    path = tmp_path / name
    write_audio(path, music(SECONDS, rate), rate, codec, container=container, **options)
    whole = path.read_bytes()
    assert failure(unfinished(path, 0.3))[0] == "truncated"
    path.write_bytes(whole + bytes(len(whole) // 20))
    assert share(path) == 1, "some padding is no loss"
    assert share(cut(path, 0.3)) == 1, "nothing says that there was more"


def test_a_mp3_in_front_of_which_tags_and_padding_are_is_measured_the_same(tmp_path: Path) -> None:
    path = cut(made(tmp_path, "vbr.mp3"), 0.3)
    path.write_bytes(id3v2("a") + bytes(100_000) + path.read_bytes() + ape() + ID3V1)
    assert failure(path)[0] == "truncated"


def xing_counts(data: bytes) -> int:
    """The offset of the counts of frames and bytes."""
    place = max(data.find(b"Xing", 0, 5000), data.find(b"Info", 0, 5000))
    assert place > 0
    assert int.from_bytes(data[place + 4 : place + 8]) & 3 == 3
    return place + 8


def with_counts(frames: Callable[[int], int], size: Callable[[int], int], data: bytes) -> bytes:
    place = xing_counts(data)
    counts = struct.unpack_from(">II", data, place)
    changed = struct.pack(">II", frames(counts[0]) % 2**32, size(counts[1]) % 2**32)
    return data[:place] + changed + data[place + 8 :]


@pytest.mark.parametrize(
    ("frames", "size"),
    [
        (lambda n: 3 * n, lambda n: n),
        (lambda n: 3 * n, lambda n: n // 3),
        (lambda n: 2**32 - 1, lambda n: 2 * n),
        (lambda n: 0, lambda n: 0),
        (lambda n: n // 3, lambda n: n),
    ],
)
def test_a_wrong_count_does_not_truncate_a_whole_mp3(
    tmp_path: Path, frames: Callable[[int], int], size: Callable[[int], int]
) -> None:
    path = made(tmp_path, "vbr.mp3")
    path.write_bytes(with_counts(frames, size, path.read_bytes()))
    assert share(path) == 1


def test_two_mp3s_in_one_file_are_whole(tmp_path: Path) -> None:
    path = made(tmp_path, "vbr.mp3")
    path.write_bytes(path.read_bytes() * 2)
    assert share(path) == 1


@pytest.mark.parametrize("rate", [44_100, 22_050, 11_025])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_count_is_found_in_every_kind_of_mp3(tmp_path: Path, rate: int, channels: int) -> None:
    path = write_audio(tmp_path / "a.mp3", music(SECONDS, rate, channels), rate)
    assert share(path) == 1
    assert failure(cut(path, 0.3))[0] == "truncated"


def test_the_count_of_another_encoder_is_read_too(tmp_path: Path) -> None:
    """VBRI: 26 bytes that stand 36 after the start of the first frame."""
    path = made(tmp_path, "vbr.mp3")
    data = bytearray(path.read_bytes())
    place = xing_counts(bytes(data))
    frames, size = struct.unpack_from(">II", data, place)
    data[place - 8 : place + 110] = bytes(118)
    vbri = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, size, frames)
    data[place - 8 : place - 8 + len(vbri)] = vbri  # MPEG 1 in stereo: the same place
    path.write_bytes(data)
    assert share(path) == 1
    assert failure(cut(path, 0.3))[0] == "truncated"


@pytest.mark.parametrize("claimed", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
@pytest.mark.parametrize("kept", [1.0, 0.3])
def test_a_size_that_means_unknown_promises_nothing(
    tmp_path: Path, claimed: int, kept: float
) -> None:
    path = made(tmp_path, "a.wav")
    data = bytearray(path.read_bytes())
    place = data.find(b"data") + 4
    data[place : place + 4] = claimed.to_bytes(4, "little")
    path.write_bytes(data)
    assert share(cut(path, kept)) == 1


@pytest.mark.parametrize("name", ["a.wav", "a.au", "a.caf"])
def test_what_was_written_into_a_pipe_promises_nothing(tmp_path: Path, name: str) -> None:
    codec, container, _ = STATED[name]
    path = tmp_path / name
    write_audio(path, music(SECONDS), codec=codec, container=container or name[2:], piped=True)
    assert share(path) == 1
    assert share(cut(path, 0.3)) == 1


@pytest.mark.parametrize("name", ["a.m4a", "a.mov", "a.caf"])
@pytest.mark.parametrize("kept", [0.3, 0.8])
@pytest.mark.parametrize("how", [cut, unfinished])
def test_what_lost_the_index_at_its_end_says_so(
    tmp_path: Path, name: str, kept: float, how: Callable[[Path, float], Path]
) -> None:
    path = write_audio(tmp_path / name, music(SECONDS), codec="alac")
    assert share(path) == 1
    code, words = failure(how(path, kept))
    if (name, how) == ("a.caf", unfinished):
        return  # its audio is there by size, and FFmpeg tells no other reason
    assert code == "truncated"
    assert "kB are there, not its index" in words


@pytest.mark.parametrize(
    ("name", "kind", "subtype"),
    [
        ("a.aiff", "AIFF", "GSM610"),
        ("a.aiff", "AIFF", "IMA_ADPCM"),
        ("a.w64", "W64", "MS_ADPCM"),
        ("a.w64", "W64", "GSM610"),
        ("a.wav", "WAV", "GSM610"),
        ("a.wav", "WAV", "IMA_ADPCM"),
        ("a.au", "AU", "G721_32"),
        ("a.caf", "CAF", "ALAC_16"),
        ("a.rf64", "RF64", "PCM_16"),
    ],
)
def test_a_whole_file_of_a_rare_encoding_is_whole(
    tmp_path: Path, name: str, kind: str, subtype: str
) -> None:
    """FFmpeg misjudges the length of some of them by a hundred times."""
    path = tmp_path / name
    soundfile.write(path, music(4.0, channels=1)[0], 44_100, format=kind, subtype=subtype)
    assert share(path) == 1


def dsf(data: bytes) -> bytes:
    samples = len(data) * 8 // 2
    form = struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2_822_400, 1, samples, 4096, 0)
    body = b"fmt " + form + b"data" + struct.pack("<Q", 12 + len(data)) + data
    return b"DSD " + struct.pack("<QQQ", 28, 28 + len(body), 0) + body


def dff(data: bytes) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">Q", len(content)) + content

    about = b"SND " + chunk(b"FS  ", struct.pack(">I", 2_822_400))
    about += chunk(b"CHNL", struct.pack(">H", 2) + b"SLFTSRGT")
    about += chunk(b"CMPR", b"DSD \x0enot compressed\0")
    version = chunk(b"FVER", bytes.fromhex("01050000"))
    return chunk(b"FRM8", b"DSD " + version + chunk(b"PROP", about) + chunk(b"DSD ", data))


@pytest.mark.parametrize("made_of", [dsf, dff])
def test_a_third_of_a_one_bit_recording_is_truncated(
    tmp_path: Path, made_of: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"a.{made_of.__name__}"
    path.write_bytes(made_of(np.random.default_rng(0).bytes(8192 * 400)))
    assert share(path) == 1
    assert failure(cut(path, 0.3))[0] == "truncated"


def test_silence_at_the_end_of_samples_is_music(tmp_path: Path) -> None:
    samples = music(SECONDS)
    samples[:, len(samples[0]) // 4 :] = 0
    assert share(write_audio(tmp_path / "a.wav", samples)) == 1


@pytest.mark.parametrize("make", [vorbis, opus])
def test_an_ogg_that_ends_early_says_nothing(
    tmp_path: Path, make: Callable[[Path, float, int, int], bytes]
) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(make(tmp_path, SECONDS, 48_000, 2))
    assert share(cut(path, 0.3)) == 1
    assert np.isfinite(share(path))
