"""Restoring a backup into a place without a library: files first, then the database at once."""

from collections.abc import Iterator

from soundalike.catalog.upgrade import is_known, schema_of, upgrade
from soundalike.errors import BackupError
from soundalike.maintenance.backup_files import ARTIFACTS, DUMP, Backup, StoredFile, copy_file
from soundalike.postgres.dump import restore_database
from soundalike.progress import Progress
from soundalike.storage.atomic import make_read_only, sha256_of
from soundalike.storage.layout import ArtifactStore


def restore(backup: Backup, database_url: str, store: ArtifactStore, progress: Progress) -> None:
    """Restore a backup; the database is upgraded if it is of an older version.

    All files are verified before anything is written. What is killed on the way is repeated: as
    long as the database is empty, there is no library. Raises BackupError.
    """
    if not is_known(backup.schema):
        raise BackupError(f"{backup.folder} was written by a newer soundalike; update this one")
    if schema_of(database_url) != "none":
        raise BackupError(
            "there is a library in this database already; restore into an empty data root "
            "(SOUNDALIKE_DATA) and, where DATABASE_URL is set, an empty database"
        )
    others = [name for name, stored in backup.artifacts.items() if _differs(store, name, stored)]
    if others:
        raise BackupError(
            f"{store.root / others[0]} exists, and is another file than the backup's; restore into "
            "an empty data root (SOUNDALIKE_DATA)"
        )
    read = progress.track(backup.damaged(), "verify", len(backup.files))
    damaged = [name for name in read if name]
    if damaged:
        raise BackupError(
            f"{backup.folder / damaged[0]} is lost or damaged, and {len(damaged) - 1} others; "
            "nothing was restored"
        )
    for _ in progress.track(_copies(backup, store), "restore", len(backup.artifacts)):
        pass
    for folder in (*store.indexes.glob("*"), *store.segments.glob("*"), *store.maps.glob("*")):
        make_read_only(folder)
    restore_database(database_url, backup.folder / DUMP)
    upgrade(database_url)


def _copies(backup: Backup, store: ArtifactStore) -> Iterator[None]:
    for name in backup.artifacts:
        if not (store.root / name).exists():  # else a restore that was killed has copied it
            copy_file(backup.folder / ARTIFACTS / name, store.root / name)
        yield


def _differs(store: ArtifactStore, name: str, stored: StoredFile) -> bool:
    target = store.root / name
    return target.exists() and not (target.is_file() and sha256_of(target) == stored.sha256)
