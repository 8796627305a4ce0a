"""Tags of any kind at either end of any format are stepped over: the track stays the same."""

from pathlib import Path

import numpy as np
import pytest

from soundalike.audio.decode import decode
from soundalike.audio.identity import identify
from soundalike.audio.media_file import open_media
from tests.audio.mutations import FORMATS
from tests.audio.test_junk import ID3V1, LYRICS3, PICTURE, ape, id3v2
from tests.sounds import music, write_audio

KINDS = {
    **FORMATS,
    "mp3.wav": ("libmp3lame", "wav"),
    "rf64.wav": ("pcm_s16le", "wav"),
    "ogg.flac": ("vorbis", "ogg"),
    "a.eac3": ("eac3", None),
    "a.avi": ("libmp3lame", None),
    "a.flv": ("libmp3lame", None),
    "a.rm": ("ac3", None),
    "a.voc": ("pcm_s16le", None),
    "a.3gp": ("aac", None),
    "piped.wav": ("pcm_s16le", "wav"),
    "piped.au": ("pcm_s16be", "au"),
    "piped.caf": ("pcm_s16be", "caf"),
}
LARGE = id3v2("a", PICTURE * 3)
PADDED = id3v2("a") + bytes(1_500_000)
FOOTED = b"ID3\4\0\x10\0\0\0\x14" + bytes(20) + b"3DI\4\0\x10\0\0\0\x14"


def heard(path: Path) -> tuple[str, int, float]:
    """The track that the file is, how many samples it has, and the share that decodes."""
    audio = decode(path, track_id := identify(path).track_id)
    return track_id, sum(len(chunk.samples) for chunk in audio), audio.share


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_tag_at_either_end_of_any_format_changes_nothing(tmp_path: Path, name: str) -> None:
    codec, container = KINDS[name]
    rate = 48_000 if codec in {"libopus", "eac3"} else 44_100
    path = tmp_path / name
    write_audio(
        path, music(1.0, rate), rate, codec, container=container, piped=name.startswith("piped")
    )
    whole, before = path.read_bytes(), heard(path)
    for front in (id3v2("a"), id3v2("a") + id3v2("b"), LARGE, PADDED):
        path.write_bytes(front + whole)
        assert heard(path) == before, f"{len(front)} bytes in front"
    for behind in (ID3V1, ape(), ape() + ID3V1, LYRICS3 + ID3V1, FOOTED):
        path.write_bytes(whole + behind)
        assert heard(path) == before, f"{len(behind)} bytes behind"


SYNCS = {
    "dts": "7ffe8001",
    "little-endian dts": "fe7f0180",
    "14-bit dts": "1fffe800",
    "14-bit little-endian dts": "ff1f00e8",
    "dts-hd": "4454534844484452",
    "ac3": "0b77",
    "shorten": "616a6b67",
}


@pytest.mark.parametrize("name", sorted(SYNCS))
@pytest.mark.parametrize("tag", [ID3V1, ape(), ape() + ID3V1, LYRICS3 + ID3V1, FOOTED])
def test_no_decoder_sees_the_tags_of_a_raw_stream(tmp_path: Path, name: str, tag: bytes) -> None:
    """PyAV has no encoder of these, so this asks for the bytes that a decoder is given."""
    stream = bytes.fromhex(SYNCS[name]) + np.random.default_rng(0).bytes(5000)
    (tmp_path / "a").write_bytes(id3v2("a") + stream + tag)
    with open_media(tmp_path / "a") as media:
        assert media.read() == stream
