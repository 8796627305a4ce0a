"""Backing up: the database as of one moment, and the artifacts that it says are there.

Music is not copied, nor what is made of it quickly. Canonical audio is by far the most and can be
made again, so it is left out unless it is asked for; vectors cost hours of a model.
"""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from soundalike.catalog import artifacts as recorded
from soundalike.catalog.engine import Sessions, engine_of
from soundalike.catalog.publications import published
from soundalike.catalog.tables import IndexVersionRow
from soundalike.catalog.upgrade import revision_of
from soundalike.errors import BackupError
from soundalike.maintenance.backup_files import (
    ARTIFACTS,
    DUMP,
    Backup,
    StoredFile,
    copy_file,
    read_backup,
    write_manifest,
)
from soundalike.postgres.dump import dump_database
from soundalike.progress import Progress
from soundalike.storage.atomic import atomic_folder, sha256_of
from soundalike.storage.bucket_files import fetch_file
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.artifact_files import MANIFEST
from soundalike.vectors.index_copies import fetch_version
from soundalike.vectors.index_files import read_manifest
from soundalike.vectors.segment_files import read_segment

ATTEMPTS = 3  # a file may change between the dump and its copy: then both are made again


@dataclass(frozen=True)
class _Wanted:
    path: Path
    sha256: str | None


def require_room_for(target: Path, store: ArtifactStore) -> None:
    """Raise BackupError if the folder exists, or is inside the data root."""
    if target.exists():
        raise BackupError(f"{target} exists; name a folder that does not, and is made for this")
    if target.resolve().is_relative_to(store.root.resolve()):
        raise BackupError(f"{target} is inside the data root, and would be lost with it")


def back_up(
    sessions: Sessions,
    store: ArtifactStore,
    target: Path,
    progress: Progress,
    *,
    audio: bool = False,
) -> Backup:
    """Write a backup, which appears whole; ingests may go on meanwhile.

    Raises BackupError if `target` cannot be used, or an artifact is not what was recorded of it,
    and ArtifactError if the published index is damaged.
    """
    require_room_for(target, store)
    with _named_errors(target), atomic_folder(target) as folder:
        copied: dict[Path, StoredFile] = {}
        for _ in range(ATTEMPTS):
            backup, wanted = _dump(sessions, store, folder, audio=audio)
            work = _copies(store, folder, wanted, copied)
            for _ in progress.track(work, "backup", len(wanted)):
                pass
            changed = [w.path for w in wanted if not _is_whole(w, copied)]
            if not changed:
                break
        else:
            raise BackupError(
                f"{changed[0]} is not as it was recorded; {len(changed)} such files.\n"
                "`soundalike verify --repair` and an ingest make them again; then back up anew."
            )
        kept = {path.relative_to(store.root): copied[path] for path in (w.path for w in wanted)}
        for path in copied.keys() - {w.path for w in wanted}:
            (folder / ARTIFACTS / path.relative_to(store.root)).unlink()
        files = {f"{ARTIFACTS}/{path.as_posix()}": file for path, file in kept.items()}
        dump = folder / DUMP
        files[DUMP] = StoredFile(dump.stat().st_size, sha256_of(dump))
        write_manifest(Backup(folder, backup.created_at, backup.schema, backup.index, files))
    written = Backup(target, backup.created_at, backup.schema, backup.index, files)
    if read_backup(target) != written:
        raise BackupError(f"{target} was made by another process meanwhile; nothing is kept")
    return written


@contextmanager
def _named_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BackupError(f"{error.filename or target}: {reason}; nothing is kept") from error


def _dump(
    sessions: Sessions, store: ArtifactStore, folder: Path, *, audio: bool
) -> tuple[Backup, list[_Wanted]]:
    """Dump the database, and list the artifacts that are recorded at the same moment."""
    engine = engine_of(sessions).execution_options(isolation_level="REPEATABLE READ")
    url = engine.url.render_as_string(hide_password=False)
    with Session(engine) as session:
        snapshot = session.scalar(select(func.pg_export_snapshot()))
        wanted = list(_artifacts(session, store, audio=audio))
        served = published(session)
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        index = served.index.version if served else ""
        dump_database(url, str(snapshot), folder / DUMP)
        return Backup(folder, now, revision_of(session.connection()), index, {}), wanted


def _artifacts(session: Session, store: ArtifactStore, *, audio: bool) -> Iterator[_Wanted]:
    for _, batch, sha256 in recorded.manifests(session, None):
        yield _fetched(store, store.batch_manifest(batch), sha256)
    for _, batch, space, sha256, sidecar in recorded.embeddings(session, None):
        yield _fetched(store, store.vectors(space, batch), sha256)
        yield _fetched(store, store.sidecar(space, batch), sidecar)
    for flac in recorded.audio(session, None) if audio else ():
        path = store.audio(flac.track)
        if store.has_all_audio or path.exists():
            yield _Wanted(path, flac.sha256)
    if served := published(session):  # a version that was published by hand may not come again
        fetch_version(store, served.index.version, served.index.manifest_sha256)
        yield from _of_version(store, served.index)


def _fetched(store: ArtifactStore, path: Path, sha256: str | None) -> _Wanted:
    """Return a file of a batch, which is fetched if it is in the bucket alone."""
    fetch_file(store, path, sha256)
    return _Wanted(path, sha256)


def _of_version(store: ArtifactStore, version: IndexVersionRow) -> Iterator[_Wanted]:
    """Yield the files of an index version, with their hashes, and of its map, which may be lost."""
    folder, drawn = store.index(version.version), store.map(version.version)
    manifest = read_manifest(folder, version.manifest_sha256)
    artifacts = [(folder, manifest.files_in(folder))]
    for name in manifest.segments:
        segment = store.segments / name
        artifacts.append((segment, read_segment(segment).files_in(segment)))
    for place, files in artifacts:
        yield _Wanted(place / MANIFEST, sha256_of(place / MANIFEST))
        yield from (_Wanted(place / name, sha256) for name, sha256 in files.sha256.items())
    yield from (_Wanted(path, None) for path in sorted(drawn.glob("*")))


def _copies(
    store: ArtifactStore, folder: Path, wanted: list[_Wanted], copied: dict[Path, StoredFile]
) -> Iterator[None]:
    for file in wanted:
        if not _is_whole(file, copied):
            target = folder / ARTIFACTS / file.path.relative_to(store.root)
            try:
                copied[file.path] = copy_file(file.path, target)
            except (FileNotFoundError, IsADirectoryError):
                copied.pop(file.path, None)
        yield


def _is_whole(file: _Wanted, copied: dict[Path, StoredFile]) -> bool:
    return file.path in copied and file.sha256 in (None, copied[file.path].sha256)
