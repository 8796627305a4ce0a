"""Identity must follow the audio and nothing else."""

import shutil
from pathlib import Path

import mutagen
import pytest
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture

from soundalike.audio.identity import StreamHasher, identify
from soundalike.audio.stream import open_audio
from soundalike.errors import AudioError
from tests.sounds import CODECS, music, song, write_audio


@pytest.mark.parametrize("extension", sorted(CODECS))
def test_a_retag_is_not_a_new_track(tmp_path: Path, extension: str) -> None:
    path = song(tmp_path / f"song{extension}")
    before = identify(path).track_id
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, id3.ID3):
        file.tags.add(id3.TIT2(text="another title " * 500))
    elif extension == ".m4a":
        file.tags["\xa9nam"] = ["another title " * 500]
    else:
        file.tags["title"] = ["another title " * 500]
    file.save()
    assert path.stat().st_size > 7000, "the tag was not written"
    assert identify(path).track_id == before


def test_tags_at_the_end_of_an_mp3_are_not_audio(tmp_path: Path) -> None:
    path = song(tmp_path / "song.mp3")
    before = identify(path).track_id
    file = mutagen.File(path)
    file.add_tags() if file.tags is None else None
    file.tags.add(id3.TIT2(text="x"))
    file.save(v1=2)  # an ID3v1 block, the file's last 128 bytes
    assert path.read_bytes()[-128:-125] == b"TAG"
    assert identify(path).track_id == before
    tags = APEv2()
    tags["Title"] = "y" * 3000
    tags.save(path)
    assert identify(path).track_id == before


def test_cover_art_is_not_audio(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac")
    before = identify(path).track_id
    file = FLAC(path)
    cover = Picture()
    cover.data, cover.mime, cover.type = b"\x89PNG" + bytes(100_000), "image/png", 3
    file.add_picture(cover)
    file.save()
    assert identify(path).track_id == before


def test_a_copy_elsewhere_is_the_same_track(tmp_path: Path) -> None:
    path = song(tmp_path / "song.ogg")
    copy = shutil.copy(path, tmp_path / "other name")
    assert identify(Path(copy)).track_id == identify(path).track_id


def test_one_other_sample_is_another_track(tmp_path: Path) -> None:
    samples = music(1.0)
    first = write_audio(tmp_path / "a.wav", samples)
    samples[0, 1000] += 0.5
    second = write_audio(tmp_path / "b.wav", samples)
    assert identify(first).track_id != identify(second).track_id


def test_the_same_bytes_at_another_rate_are_another_track(tmp_path: Path) -> None:
    samples = music(1.0)
    first = write_audio(tmp_path / "a.wav", samples, rate=44_100)
    second = write_audio(tmp_path / "b.wav", samples, rate=48_000)
    assert identify(first).track_id != identify(second).track_id


def test_facts_are_the_streams(tmp_path: Path) -> None:
    facts = identify(song(tmp_path / "song.flac", seconds=2.0)).facts
    assert (facts.container, facts.codec, facts.sample_rate, facts.channels) == (
        "flac",
        "flac",
        44_100,
        2,
    )
    assert facts.duration == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"these are words, not music\n" * 100, "not_audio"),
        (b"\0" * 5000, "not_audio"),
    ],
)
def test_what_is_no_music_says_so(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught:
        identify(path)
    assert caught.value.code in {code, "no_audio"}


def test_a_stream_without_a_packet_has_no_identity(tmp_path: Path) -> None:
    with open_audio(song(tmp_path / "song.flac")) as audio:
        hasher = StreamHasher(audio.stream)
        with pytest.raises(AudioError) as caught:
            hasher.track_id()
    assert caught.value.code == "no_audio"


def test_a_file_that_vanished_says_so(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        identify(tmp_path / "gone.mp3")
    assert caught.value.code == "vanished"


def test_a_playlist_named_mp3_opens_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # FFmpeg by itself follows a name without a folder
    target = song(tmp_path / "secret.mp3")
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{target}'\n",
        f"ffconcat version 1.0\nfile {target.name}\n",
    ):
        path = tmp_path / "list.mp3"
        path.write_text(text)
        with pytest.raises(AudioError) as caught:
            identify(path)
        assert caught.value.code in {"not_audio", "no_audio"}
