"""A restored backup is the library as it was, and answers to the bit as it did."""

import errno
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import text

from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.errors import ArtifactError, BackupError, PostgresError
from soundalike.ingest.healing import heal
from soundalike.maintenance.backup import back_up
from soundalike.maintenance.backup_files import (
    MANIFEST,
    Backup,
    StoredFile,
    copy_file,
    read_backup,
)
from soundalike.maintenance.restore import restore
from soundalike.maps.draw import draw_map
from soundalike.postgres.dump import LOGS_AND_SUMMARIES
from soundalike.progress import NoProgress
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.map_files import read_manifest
from tests.conftest import new_database
from tests.damage import flip_a_bit
from tests.library import Library
from tests.sounds import song

QUIET = NoProgress()


@pytest.fixture
def whole(library: Library) -> Library:
    for seed in range(3):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    library.ingest()
    library.publish()
    return library


@pytest.fixture
def empty_url(server_url: str) -> Iterator[str]:
    with new_database(server_url, "template1") as url:
        yield url


@pytest.fixture
def there(empty_url: str) -> Iterator[Sessions]:
    """Sessions of it."""
    opened = open_catalog(empty_url)
    yield opened
    opened.kw["bind"].dispose()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "monday"


@pytest.fixture
def elsewhere(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "restored")


def back(library: Library, target: Path, *, audio: bool = False) -> Backup:
    return back_up(library.sessions, library.store, target, QUIET, audio=audio)


def rows(sessions: Sessions) -> dict[str, list[str]]:
    """Every row of the catalog, as text, but of the logs that are one server's."""
    with sessions() as session:
        tables = "select tablename from pg_tables where schemaname = 'public' order by 1"
        names = [
            name
            for name in session.execute(text(tables)).scalars()
            if name not in LOGS_AND_SUMMARIES
        ]
        each = {name: text(f"select t::text from {name} t order by 1") for name in names}
        return {name: list(session.execute(one).scalars()) for name, one in each.items()}


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("audio", [False, True])
def test_what_is_restored_is_what_was_backed_up(
    whole: Library,
    target: Path,
    empty_url: str,
    there: Sessions,
    elsewhere: ArtifactStore,
    audio: bool,
) -> None:
    written = back(whole, target, audio=audio)
    assert read_backup(target) == written
    restore(read_backup(target), empty_url, elsewhere, QUIET)
    assert rows(there) == rows(whole.sessions)
    with there() as session:
        for log in LOGS_AND_SUMMARIES:
            assert session.scalar(text(f"select count(*) from {log}")) == 0
    left_out = (".soundalikeignore",) if audio else (".soundalikeignore", "audio/")
    was = content(whole.store.root).items()
    assert content(elsewhere.root) == {n: data for n, data in was if not n.startswith(left_out)}
    assert bool(list(elsewhere.canonical.rglob("*.flac"))) == audio

    again = Library(whole.music, there, elsewhere, whole.decoders)
    assert {d.artifact.kind for d in heal(there, elsewhere)} <= {"canonical audio"}
    with patch.object(again.model, "load", side_effect=AssertionError("embedded again")):
        again.ingest()
    assert again.publish().version == whole.publish().version


def test_a_backup_is_of_one_moment_though_an_ingest_goes_on(whole: Library, target: Path) -> None:
    """A batch's vectors are replaced while they are copied: the next dump is of after that."""
    times = []

    def changing(source: Path, copy: Path) -> StoredFile:
        if times or source.suffix != ".npy":
            return copy_file(source, copy)
        source.write_bytes(b"not yet whole")
        copied = copy_file(source, copy)
        song(whole.music / "new.flac", seconds=2.0, seed=9)
        times.append(whole.ingest())
        return copied

    with patch("soundalike.maintenance.backup.copy_file", changing):
        written = back(whole, target)
    assert [name for name in written.damaged() if name] == []
    assert sum(name.endswith(".npy") for name in written.files) == 2


def test_a_lost_artifact_is_named_and_nothing_is_left(whole: Library, target: Path) -> None:
    lost = next(whole.store.embeddings.rglob("*.npy"))
    lost.unlink()
    with pytest.raises(BackupError, match=rf"{lost} is not as it was recorded; 1 such"):
        back(whole, target)
    assert list(target.parent.iterdir()) == []


def test_a_folder_that_exists_is_not_written_to(whole: Library, target: Path) -> None:
    target.mkdir(parents=True)
    with pytest.raises(BackupError, match="exists; name a folder"):
        back(whole, target)
    with pytest.raises(BackupError, match="inside the data root"):
        back(whole, whole.store.root / "backup")


def test_a_damaged_backup_restores_nothing(
    whole: Library, target: Path, empty_url: str, elsewhere: ArtifactStore
) -> None:
    written = back(whole, target)
    for name in written.files:
        flip_a_bit(target / name)
        with pytest.raises(BackupError, match=rf"{name} is lost or damaged, and 0 others"):
            restore(read_backup(target), empty_url, elsewhere, QUIET)
        flip_a_bit(target / name)
    assert not elsewhere.root.exists()


def test_a_library_is_not_restored_over(whole: Library, target: Path, database_url: str) -> None:
    before = content(whole.store.root)
    written = back(whole, target)
    with pytest.raises(BackupError, match="there is a library in this database already"):
        restore(written, database_url, whole.store, QUIET)
    assert content(whole.store.root) == before


def test_files_of_another_library_are_not_restored_over(
    whole: Library, target: Path, empty_url: str
) -> None:
    """The database is empty, and the data root is not."""
    written = back(whole, target)
    npy = next(whole.store.embeddings.rglob("*.npy"))
    npy.write_bytes(b"of another library")
    before = content(whole.store.root)
    with pytest.raises(BackupError, match=f"{npy} exists, and is another file"):
        restore(written, empty_url, whole.store, QUIET)
    assert content(whole.store.root) == before


@pytest.mark.parametrize("name", ["index.faiss", "tracks.ids", "manifest.json"])
def test_a_damaged_index_is_not_backed_up(whole: Library, target: Path, name: str) -> None:
    flip_a_bit(next(whole.store.segments.rglob(name)))
    with pytest.raises((BackupError, ArtifactError), match=name):
        back(whole, target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.slow
def test_a_restore_that_was_killed_is_repeated(
    whole: Library, target: Path, empty_url: str, elsewhere: ArtifactStore
) -> None:
    written = back(whole, target)
    with (
        patch("soundalike.maintenance.restore.restore_database", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        restore(written, empty_url, elsewhere, QUIET)
    made = {path: path.stat().st_ino for path in elsewhere.segments.rglob("*")}
    restore(written, empty_url, elsewhere, QUIET)
    assert {path: path.stat().st_ino for path in elsewhere.segments.rglob("*")} == made
    assert {path.stat().st_mode & 0o222 for path in made} == {0}, "read-only, as they were built"


def test_a_backup_of_a_newer_schema_is_refused_before_anything_is_written(
    whole: Library, target: Path, empty_url: str, elsewhere: ArtifactStore
) -> None:
    newer = replace(back(whole, target), schema="9999")
    with pytest.raises(BackupError, match="written by a newer soundalike"):
        restore(newer, empty_url, elsewhere, QUIET)
    assert not elsewhere.root.exists()


def test_a_disk_that_fails_is_named(whole: Library, target: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", str(target))
    with (
        patch("soundalike.maintenance.backup.copy_file", side_effect=full),
        pytest.raises(BackupError, match=f"{target}: no space left on device"),
    ):
        back(whole, target)
    assert list(target.parent.iterdir()) == []


def test_tracks_stay_where_they_are_on_the_map(
    whole: Library, target: Path, empty_url: str, elsewhere: ArtifactStore
) -> None:
    drawn = draw_map(whole.sessions, whole.store)
    restore(back(whole, target), empty_url, elsewhere, QUIET)
    assert read_manifest(elsewhere.map(drawn.index_version)) == drawn


def test_what_pg_restore_refuses_leaves_the_database_as_it_is(
    whole: Library, target: Path, empty_url: str, there: Sessions, elsewhere: ArtifactStore
) -> None:
    written = back(whole, target)
    with there.begin() as session:
        session.execute(text("create table tracks (id int)"))
    with pytest.raises(PostgresError, match='relation "tracks" already exists'):
        restore(written, empty_url, elsewhere, QUIET)
    assert list(rows(there)) == ["tracks"]


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (None, "is no backup: it has no backup.json"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ({"format": 2}, "written by a newer soundalike"),
        ({"format": 1}, "cannot be read"),
        ({"format": 1, "files": {"../x": {"size": 1, "sha256": ""}}}, "outside of the backup"),
        ({"format": 1, "files": {"/x": {"size": 1, "sha256": ""}}}, "outside of the backup"),
    ],
)
def test_what_is_no_backup_is_named(tmp_path: Path, manifest: object, problem: str) -> None:
    rest = {"created_at": "", "schema": "", "index": ""}
    if isinstance(manifest, dict):
        manifest = json.dumps({**rest, **manifest})
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(str(manifest))
    with pytest.raises(BackupError, match=problem):
        read_backup(tmp_path)
