"""Moving, renaming, replacing and copying files must never lose a track or embed one twice."""

import shutil

import pytest
from mutagen.flac import FLAC

from soundalike.catalog import index_contents, track_lists
from soundalike.catalog.failures import RETRY_DELAYS
from soundalike.errors import ArtifactError
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.scan import ScanRules, scan
from soundalike.progress import NoProgress
from tests.library import Library
from tests.sounds import song


def fill(library: Library, count: int = 3) -> None:
    for seed in range(count):
        song(library.music / "a" / f"{seed}.flac", seconds=2.0, seed=seed, title=f"Song {seed}")


def held(library: Library) -> set[str]:
    """Tracks that an index built now would have."""
    with library.sessions() as session:
        return {t.track_id for t in index_contents.located_tracks(session, library.model.space.key)}


def shown_paths(library: Library) -> list[str]:
    with library.sessions() as session:
        return sorted(row.path.decode() for row in session.execute(*track_lists.page("", 50, None)))


@pytest.mark.parametrize("moved", ["file", "folder"])
def test_a_moved_track_is_never_out_of_the_index(library: Library, moved: str) -> None:
    fill(library)
    library.ingest()
    before = held(library)
    if moved == "file":
        (library.music / "a" / "1.flac").rename(library.music / "moved.flac")
    else:
        (library.music / "a").rename(library.music / "b")
    library.scan()
    assert held(library) == before, "between the scan and the reading of its new file"
    assert len(shown_paths(library)) == 3
    library.ingest()
    assert held(library) == before
    assert ("moved.flac" if moved == "file" else "b/1.flac") in shown_paths(library)
    assert library.model.embedder.embedded == 3


@pytest.mark.slow
def test_a_copy_whose_original_goes_before_it_is_read_keeps_the_track(library: Library) -> None:
    fill(library)
    library.ingest()
    before = held(library)
    shutil.copy(library.music / "a" / "1.flac", library.music / "copy.flac")
    library.scan()
    (library.music / "a" / "1.flac").unlink()
    library.scan()
    assert held(library) == before, "as `mv` does it from disk to disk"
    library.ingest()
    assert held(library) == before


@pytest.mark.slow
def test_what_is_really_gone_leaves_once_the_new_files_are_read(library: Library) -> None:
    fill(library)
    library.ingest()
    (library.music / "a" / "1.flac").unlink()
    song(library.music / "other.flac", seconds=2.0, seed=50)
    library.scan()
    assert len(held(library)) == 3
    library.ingest()
    assert len(held(library)) == 3
    assert "a/1.flac" not in shown_paths(library)


@pytest.mark.slow
def test_a_file_moved_over_another_replaces_it(library: Library) -> None:
    fill(library)
    library.ingest()
    (library.music / "a" / "1.flac").replace(library.music / "a" / "0.flac")
    library.scan()
    assert len(held(library)) == 3, "the one that moved is not read in its new place yet"
    library.ingest()
    assert len(held(library)) == 2
    assert shown_paths(library) == ["a/0.flac", "a/2.flac"]
    assert library.model.embedder.embedded == 3


def test_two_files_that_change_places_are_the_same_two_tracks(library: Library) -> None:
    fill(library, 2)
    library.ingest()
    before = held(library)
    one, other = library.music / "a" / "0.flac", library.music / "a" / "1.flac"
    one.rename(library.music / "x")
    other.rename(one)
    (library.music / "x").rename(other)
    library.ingest()
    assert held(library) == before
    assert library.model.embedder.embedded == 2


@pytest.mark.slow
def test_the_same_audio_in_two_roots_is_one_track_with_two_paths(library: Library) -> None:
    fill(library, 1)
    other = library.music.parent / "other"
    shutil.copytree(library.music, other)
    library.ingest()
    (library.music / "second").mkdir()
    shutil.copy(other / "a" / "0.flac", library.music / "second" / "copy.flac")
    library.ingest()
    assert len(held(library)) == 1
    (library.music / "a" / "0.flac").unlink()
    library.ingest()
    assert shown_paths(library) == ["second/copy.flac"]
    assert library.model.embedder.embedded == 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["retagged", "moved"])
def test_a_disk_unplugged_before_its_changes_are_read_costs_no_track(
    library: Library, what: str
) -> None:
    fill(library)
    library.ingest()
    before = held(library)
    if what == "moved":
        (library.music / "a").rename(library.music / "b")
    else:
        for path in (library.music / "a").iterdir():
            tags = FLAC(path)
            tags["title"] = "Another"
            tags.save()
    library.scan()
    away = library.music.rename(library.music.parent / "unplugged")
    for batch in library.pending():
        library.process(batch)
    assert held(library) == before
    for _ in range(len(RETRY_DELAYS) + 2):  # the schedule goes on scanning
        scan(library.sessions, ScanRules(0, 100))
        for batch in library.pending():
            library.process(batch)
    assert held(library) == before
    away.rename(library.music)
    library.ingest()
    library.ingest()
    assert held(library) == before
    assert library.pending() == []
    assert library.model.embedder.embedded == 3
    expected = {"retagged": "a/1.flac", "moved": "b/1.flac"}[what]
    assert expected in shown_paths(library)


@pytest.mark.slow
def test_a_disk_unplugged_at_first_is_read_however_long_it_was_away(library: Library) -> None:
    fill(library)
    library.scan()
    away = library.music.rename(library.music.parent / "unplugged")
    library.process("b000001")
    for _ in range(len(RETRY_DELAYS) + 2):
        scan(library.sessions, ScanRules(0, 100))
        for batch in library.pending():
            library.process(batch)
    away.rename(library.music)
    library.ingest()
    assert len(held(library)) == 3


def test_a_link_to_a_disk_that_is_not_there_removes_nothing(library: Library) -> None:
    disk = library.music.parent / "disk"
    fill(library, 2)
    song(disk / "x.flac", seconds=2.0, seed=70)
    (library.music / "link").symlink_to(disk)
    library.ingest()
    before = held(library)
    disk.rename(library.music.parent / "unplugged")
    report = library.scan()
    assert (report.gone, held(library)) == (0, before)
    assert any("link" in problem for problem in report.problems)


def test_a_batch_is_not_embedded_before_its_changed_file_is_read(library: Library) -> None:
    fill(library)
    library.ingest()
    song(library.music / "a" / "0.flac", seconds=2.5, seed=77)
    (library.music / "a" / "1.flac").unlink()
    library.scan()
    with pytest.raises(ArtifactError, match=r"b000002: 1 file is not read yet; materialise raw"):
        embed_batch(
            *(library.sessions, library.store, library.model.space, library.model.load),
            *("b000002", NoProgress()),
        )
    assert library.pending() == ["b000002"]
    library.ingest()
    assert len(held(library)) == 2
    assert library.model.embedder.embedded == 4
