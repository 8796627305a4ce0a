"""Files that an older version read are read again for their tags alone, once, and nothing more."""

import os
from pathlib import Path

import pytest
from mutagen.flac import FLAC
from sqlalchemy import select, text

from soundalike.audio.tags.fields import TAGS_VERSION
from soundalike.catalog import library as catalog
from soundalike.catalog.roots import roots
from soundalike.catalog.tables import FileRow, TrackRow
from soundalike.ingest.compare import Change
from tests.library import Library
from tests.sounds import song


def forget_tags(library: Library) -> None:
    """As a library that an older version made: joined texts, and files that no new reader read."""
    with library.sessions.begin() as session:
        session.execute(text("update tracks set artists = '{}', genres = '{}', file_tags = '{}'"))
        session.execute(text("update files set tags_version = 0"))


def retag(path: Path, **tags: str | list[str]) -> None:
    """Change tags so that neither the size nor the time of the file changes."""
    before = path.stat()
    file = FLAC(path)
    file.update(tags)
    file.save(padding=lambda info: info.size + 4096 if info.padding < 0 else info.padding)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def tracks(library: Library) -> list[TrackRow]:
    with library.sessions() as session:
        return list(session.scalars(select(TrackRow).order_by(TrackRow.title)))


def versions(library: Library) -> set[int]:
    with library.sessions() as session:
        return set(session.scalars(select(FileRow.tags_version)))


@pytest.fixture
def filled(library: Library) -> Library:
    for seed in range(3):
        tags = {"title": f"t{seed}", "artist": "A;B", "genre": "Latin; Pop", "composer": "C"}
        song(library.music / f"{seed}.flac", seconds=1.5, seed=seed, **tags)
    library.ingest()
    return library


def test_everything_that_tags_say_is_recorded(filled: Library) -> None:
    track = tracks(filled)[0]
    assert (track.artist, track.artists) == ("A;B", ["A", "B"])
    assert (track.genre, track.genres) == ("Latin; Pop", ["Latin", "Pop"])
    assert track.file_tags == {"composers": ["C"]}
    assert versions(filled) == {TAGS_VERSION}


@pytest.mark.slow
def test_an_older_library_gets_its_tags_once_and_nothing_is_embedded_again(
    filled: Library,
) -> None:
    version, embedded = filled.publish().version, filled.model.embedder.embedded
    forget_tags(filled)
    report = filled.scan()
    assert report.changes == {Change.OUTDATED: 3}
    for batch in filled.pending():
        filled.process(batch)
    assert [track.genres for track in tracks(filled)] == [["Latin", "Pop"]] * 3
    assert tracks(filled)[0].file_tags == {"composers": ["C"]}
    assert (filled.publish().version, filled.model.embedder.embedded) == (version, embedded)
    assert filled.scan().changes == {Change.NONE: 3}
    assert filled.pending() == []


def test_only_the_tags_are_read(filled: Library) -> None:
    before = {track.id for track in tracks(filled)}
    path = filled.music / "0.flac"
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[-2000:] = bytes(2000)  # a whole read would find other audio
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    forget_tags(filled)
    filled.ingest()
    assert {track.id for track in tracks(filled)} == before


@pytest.mark.slow
def test_a_file_that_changed_too_is_read_as_a_whole(filled: Library) -> None:
    forget_tags(filled)
    song(filled.music / "0.flac", seconds=1.5, seed=9, title="another")
    assert filled.scan().changes == {Change.CHANGED: 1, Change.OUTDATED: 2}
    for batch in filled.pending():
        filled.process(batch)
    assert len(tracks(filled)) == 4


@pytest.mark.slow
def test_files_that_failed_are_not_tried_again_and_again(filled: Library) -> None:
    (filled.music / "broken.flac").write_bytes(b"not audio")
    filled.ingest()
    forget_tags(filled)
    assert filled.scan().changes == {Change.OUTDATED: 4}, "a newer reader may read it"
    for batch in filled.pending():
        filled.process(batch)
    assert filled.scan().changes == {Change.NONE: 4}
    assert filled.pending() == []


@pytest.mark.slow
def test_files_of_a_folder_can_be_read_again(library: Library) -> None:
    for seed, name in enumerate(("A/0.flac", "A/b/1.flac", "AB/2.flac", "3.flac")):
        song(library.music / name, seconds=1.5, seed=seed, title=f"t{seed}", artist="old")
    library.ingest()
    version = library.publish().version
    for path in library.music.rglob("*.flac"):
        retag(path, artist="new")
    assert library.scan().changes == {Change.NONE: 4}
    with library.sessions.begin() as session:
        [root] = roots(session)
        assert catalog.read_again(session, root.id, b"A") == 2
    library.ingest()
    assert [track.artist for track in tracks(library)] == ["new", "new", "old", "old"]
    with library.sessions.begin() as session:
        assert catalog.read_again(session, root.id + 1) == 0
        assert catalog.read_again(session) == 4
    library.ingest()
    assert [track.artist for track in tracks(library)] == ["new"] * 4
    assert library.publish().version == version


def test_other_audio_of_the_same_size_and_time_is_found_by_reading_again(
    filled: Library,
) -> None:
    path = filled.music / "0.flac"
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[-2000:-1000] = bytes(1000)
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with filled.sessions.begin() as session:
        catalog.read_again(session)
    filled.ingest()
    assert len(tracks(filled)) == 4
