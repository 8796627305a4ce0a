"""Tags: the same facts from every format, and damaged ones never cost a file."""

from pathlib import Path

import mutagen
import pytest
from mutagen import id3

from soundalike.audio.tags import FileTags, clean, read_tags
from tests.sounds import CODECS, song


@pytest.mark.parametrize("extension", sorted(set(CODECS) - {".wav", ".aiff"}))
def test_every_format_tells_the_same_facts(tmp_path: Path, extension: str) -> None:
    path = song(
        tmp_path / f"song{extension}",
        title="Für Elise",
        artist="Ludwig",
        album="Bagatelles",
        genre="Classical",
        date="1867-04-01",
    )
    assert read_tags(path) == FileTags("Für Elise", "Ludwig", "Bagatelles", "Classical", 1867)


@pytest.mark.parametrize("extension", [".wav", ".aiff"])
def test_id3_in_wav_and_aiff_is_read(tmp_path: Path, extension: str) -> None:
    path = song(tmp_path / f"song{extension}")
    file = mutagen.File(path)
    file.add_tags()
    file.tags.add(id3.TIT2(text="a"))
    file.tags.add(id3.TCON(text="(17)"))
    file.save()
    assert read_tags(path) == FileTags(title="a", genre="Rock")


def test_a_file_without_tags_says_nothing(tmp_path: Path) -> None:
    assert read_tags(song(tmp_path / "song.wav")) == FileTags()


def test_damaged_tags_read_as_none(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", title="x")
    data = bytearray(path.read_bytes())
    data[4:8] = b"\x00\xff\xff\xff"
    path.write_bytes(data)
    assert read_tags(path) == FileTags()


def test_text_that_postgres_cannot_hold_is_made_legal() -> None:
    assert clean("a\0b\nc\ud800 ") == "a b c?"
    assert len(clean("x" * 10_000)) == 500
