"""Healing must neither delete what may be whole, nor ask for ever for what cannot be made."""

import errno
import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import select

from soundalike.catalog.tables import FailureRow
from soundalike.errors import StorageError
from soundalike.ingest.artifacts import all_artifacts, damages_of
from soundalike.ingest.compare import Change
from soundalike.ingest.healing import heal, mark
from soundalike.ingest.roots import read_again
from soundalike.storage.atomic import remove_folder, sha256_of
from tests.library import Library
from tests.sounds import song


@pytest.fixture
def whole(library: Library) -> Library:
    """A library of two tracks with an index."""
    for seed in range(2):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    library.ingest()
    library.publish()
    return library


def test_audio_that_cannot_be_made_again_is_a_failure_that_waits(whole: Library) -> None:
    """Its batch is not asked for at every tick."""
    library = whole
    shutil.move(library.music, library.music.with_name("away"))
    library.music.mkdir()
    for track in library.store.canonical.rglob("*.flac"):
        track.unlink()
    heal(library.sessions, library.store)
    for batch in library.pending():
        library.process(batch)
    with library.sessions() as session:
        codes = set(session.scalars(select(FailureRow.code)))
    assert codes == {"vanished"}


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ESTALE, errno.ETIMEDOUT, errno.EACCES])
def test_an_error_that_passes_deletes_nothing(
    whole: Library, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    library = whole
    before = sorted(library.store.root.rglob("*"))
    with monkeypatch.context() as patched:
        broken = Mock(side_effect=OSError(number, "for a moment"))
        patched.setattr("soundalike.ingest.artifacts.sha256_of", broken)
        found = heal(library.sessions, library.store)
    assert found
    assert all(damage.forbidden for damage in found)
    assert sorted(library.store.root.rglob("*")) == before
    assert library.pending() == []


def test_what_may_not_be_read_stays_beside_what_is_damaged_of_its_batch(
    whole: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, space = whole, whole.model.space.key
    vectors, sidecar = (
        file(space, "b000001") for file in (library.store.vectors, library.store.sidecar)
    )
    sidecar.write_bytes(b"no parquet")

    def read(path: Path) -> str:
        if path == vectors:
            raise PermissionError(errno.EACCES, "Permission denied")
        return sha256_of(path)

    monkeypatch.setattr("soundalike.ingest.artifacts.sha256_of", read)
    found = {
        damage.artifact.path: damage.forbidden for damage in heal(library.sessions, library.store)
    }
    assert found == {sidecar: False, vectors: True}
    assert (vectors.exists(), sidecar.exists()) == (True, False)


@pytest.mark.slow
def test_a_data_root_that_is_empty_all_at_once_is_asked_about(whole: Library) -> None:
    library = whole
    for folder in ("audio", "batches", "embeddings", "segments", "indexes"):
        remove_folder(library.store.root / folder)
    with pytest.raises(StorageError, match="verify --repair"):
        heal(library.sessions, library.store)
    assert library.pending() == []
    with library.sessions() as session:
        lost = list(
            filter(None, damages_of(list(all_artifacts(session, library.store)), audio=True))
        )
    mark(library.sessions, library.store, lost)  # as `verify --repair` does
    library.ingest()
    assert library.publish().tracks == 2


@pytest.mark.slow
def test_a_lost_manifest_does_not_bring_back_what_was_deleted(library: Library) -> None:
    for seed in range(3):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    library.ingest()
    (library.music / "0.flac").unlink()
    library.scan()
    assert library.publish().tracks == 2
    next(library.store.manifests.iterdir()).unlink()
    heal(library.sessions, library.store)
    assert library.pending() == ["b000001"]
    assert library.publish().tracks == 2


@pytest.mark.slow
def test_a_file_that_was_exchanged_is_read_again_as_a_whole(library: Library) -> None:
    """Nothing but its audio tells: size and time are as they were."""
    path = library.music / "a.wav"
    song(path, seconds=2.0, seed=1)
    library.ingest()
    stat, other = path.stat(), library.music.with_name("b.wav")
    song(other, seconds=2.0, seed=2)
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    next(library.store.canonical.rglob("*.flac")).unlink()
    heal(library.sessions, library.store)
    for batch in library.pending():
        library.process(batch)
    assert library.scan().changes == {Change.OUTDATED: 1}
    for batch in library.pending():
        library.process(batch)
    assert library.publish().tracks == 1
    assert library.scan().changes == {Change.NONE: 1}


def test_files_that_were_refused_are_tried_again_by_a_newer_reader_once(library: Library) -> None:
    (library.music / "a.mp3").write_text("no audio " * 100)
    library.ingest()
    assert library.scan().changes == {Change.NONE: 1}
    assert read_again(library.sessions, []) == 1
    assert library.scan().changes == {Change.OUTDATED: 1}
    for batch in library.pending():
        library.process(batch)
    assert library.scan().changes == {Change.NONE: 1}
    assert library.pending() == []
