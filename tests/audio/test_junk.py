"""What taggers and downloads leave around the audio: tags of all kinds, twice, at both ends."""

import base64
import io
import struct
from collections.abc import Callable
from pathlib import Path

import mutagen
import numpy as np
import pytest
from mutagen import id3
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.asf import ASFByteArrayAttribute, ASFTags
from mutagen.flac import FLAC, Picture
from mutagen.mp4 import MP4Cover, MP4Tags

from soundalike.audio.decode import decode
from soundalike.audio.identity import identify
from soundalike.audio.tags.reader import read_tags
from tests.sounds import CODECS, cover, music, song, write_audio

PICTURE = cover()
ID3V1 = b"TAG" + b"a title".ljust(125, b"\0")
LYRICS3 = b"LYRICSBEGIN" + b"IND0000200" + b"LYR00005hello"
LYRICS3 += b"%06dLYRICS200" % len(LYRICS3)


def id3v2(title: str, picture: bytes = b"") -> bytes:
    tags = id3.ID3()
    tags.add(id3.TIT2(encoding=3, text=title))
    tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=picture))
    out = io.BytesIO()
    tags.save(out)
    return out.getvalue()


def ape(picture: bytes = b"") -> bytes:
    tags = APEv2()
    tags["MP3GAIN_MINMAX"] = "100,200"
    tags["Cover Art (front)"] = APEValue(b"cover.png\0" + picture, BINARY)
    out = io.BytesIO()
    tags.save(out)
    return out.getvalue()


def flac_picture() -> Picture:
    picture = Picture()
    picture.data, picture.mime, picture.type = PICTURE, "image/png", 3
    return picture


BEFORE: dict[str, bytes] = {
    "nothing": b"",
    "a large ID3 tag": id3v2("x" * 1000, PICTURE * 8),
    "two ID3 tags": id3v2("a") + id3v2("b", PICTURE),
    "an empty ID3 tag": b"ID3\x04\0\0\0\0\0\0",
    "padding": b"ID3\x03\0\0" + bytes([0, 0, 8, 0]) + bytes(1024),
}
AFTER: dict[str, bytes] = {
    "nothing": b"",
    "ID3v1": ID3V1,
    "APE": ape(),
    "APE and ID3v1": ape() + ID3V1,  # what mp3gain makes of a tagged file
    "a large APE and ID3v1": ape(PICTURE * 4) + ID3V1,
    "Lyrics3 and ID3v1": LYRICS3 + ID3V1,
    "all of them": ape(PICTURE) + LYRICS3 + ID3V1,
}


@pytest.mark.parametrize("after", sorted(AFTER))
@pytest.mark.parametrize("before", sorted(BEFORE))
@pytest.mark.parametrize("extension", [".mp3", ".flac"])
def test_tags_at_either_end_are_no_audio(
    tmp_path: Path, extension: str, before: str, after: str
) -> None:
    path = song(tmp_path / f"song{extension}", seconds=1.0)
    track_id = identify(path).track_id
    seconds = sum(len(chunk.samples) for chunk in decode(path, track_id)) / 44_100
    path.write_bytes(BEFORE[before] + path.read_bytes() + AFTER[after])
    audio = decode(path, track_id)
    assert sum(len(chunk.samples) for chunk in audio) / 44_100 == seconds
    assert audio.share == 1


@pytest.mark.parametrize("suffix", [b"TAG", ID3V1[:-1], b"APETAGEX" + bytes(24), ape()[:-1]])
def test_what_only_looks_like_a_tag_cuts_nothing_off(tmp_path: Path, suffix: bytes) -> None:
    path = song(tmp_path / "song.mp3", seconds=2.0)
    path.write_bytes(path.read_bytes() + suffix)
    audio = decode(path, identify(path).track_id)
    assert sum(len(chunk.samples) for chunk in audio) / 44_100 == pytest.approx(2.0, abs=0.06)


def test_samples_that_spell_tag_stay(tmp_path: Path) -> None:
    """Nobody appends ID3v1 to a WAV: there, these bytes are music."""
    path = write_audio(tmp_path / "song.wav", music(1.0))
    data = bytearray(path.read_bytes())
    data[-128:-125] = b"TAG"
    path.write_bytes(data)
    audio = decode(path, identify(path).track_id)
    assert sum(len(chunk.samples) for chunk in audio) == 44_100


@pytest.mark.parametrize("seed", range(3))
def test_garbage_before_the_first_frame_is_passed_over(tmp_path: Path, seed: int) -> None:
    path = song(tmp_path / "song.mp3", seconds=3.0)
    path.write_bytes(id3v2("a") + np.random.default_rng(seed).bytes(5000) + path.read_bytes())
    audio = decode(path, identify(path).track_id)
    assert sum(len(chunk.samples) for chunk in audio) / 44_100 == pytest.approx(3.0, abs=0.06)


def test_broken_frame_headers_cost_their_frames_only(tmp_path: Path) -> None:
    path = song(tmp_path / "song.mp3", seconds=6.0)
    data = bytearray(path.read_bytes())
    for start in range(10_000, 60_000, 10_000):
        frame = data.find(data[2000 + data[2000:].find(b"\xff\xfb") :][:2], start)
        data[frame : frame + 2] = b"\0\0"
    path.write_bytes(data)
    audio = decode(path, identify(path).track_id)
    seconds = sum(len(chunk.samples) for chunk in audio) / 44_100
    assert 5.5 < seconds < 5.99
    assert audio.share == 1


def test_a_flac_with_a_wrong_checksum_of_its_own_is_heard(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", seconds=1.0)
    track_id = identify(path).track_id
    data = bytearray(path.read_bytes())
    assert data[:4] == b"fLaC"
    data[26:42] = b"\1" * 16  # the MD5 in STREAMINFO
    path.write_bytes(data)
    assert sum(len(chunk.samples) for chunk in decode(path, track_id)) == 44_100


def add_picture(path: Path) -> None:
    """A title and cover art, the way of each format's own tags."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file, FLAC):
        file.add_picture(flac_picture())
    if isinstance(file.tags, id3.ID3):
        file.tags.add(id3.TIT2(text="a title"))
        file.tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=PICTURE))
    elif isinstance(file.tags, MP4Tags):
        file.tags["\xa9nam"] = ["a title"]
        file.tags["covr"] = [MP4Cover(PICTURE, MP4Cover.FORMAT_PNG)]
    elif isinstance(file.tags, ASFTags):
        head = b"\3" + struct.pack("<I", len(PICTURE)) + "image/png\0\0".encode("utf-16-le")
        file.tags["Title"] = "a title"
        file.tags["WM/Picture"] = ASFByteArrayAttribute(head + PICTURE)
    else:
        file.tags["title"] = "a title"
        if not isinstance(file.tags, APEv2):
            picture = base64.b64encode(flac_picture().write()).decode()
            file.tags["metadata_block_picture"] = [picture]
    file.save()


CODED: dict[str, Callable[[Path], Path]] = {
    **{f"song{extension}": song for extension in CODECS},
    "alac.m4a": lambda path: write_audio(path, music(2.0), codec="alac"),
    "song.wv": lambda path: write_audio(path, music(2.0), codec="wavpack"),
    "song.tta": lambda path: write_audio(path, music(2.0), codec="tta"),
    "song.mp2": lambda path: write_audio(path, music(2.0), codec="mp2"),
}


@pytest.mark.parametrize("name", sorted(CODED))
def test_cover_art_in_any_format_is_not_another_track(tmp_path: Path, name: str) -> None:
    path = CODED[name](tmp_path / name)
    track_id, size = identify(path).track_id, path.stat().st_size
    samples = sum(len(chunk.samples) for chunk in decode(path, track_id))
    add_picture(path)
    assert path.stat().st_size > size + (0 if name.endswith(".wv") else len(PICTURE))
    assert identify(path).track_id == track_id
    assert sum(len(chunk.samples) for chunk in decode(path, track_id)) == samples
    assert read_tags(path).title == "a title"
