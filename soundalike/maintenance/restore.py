"""Restoring a backup into a place without a library: files first, then the database at once."""

from collections.abc import Iterator

from soundalike.catalog.upgrade import is_known, schema_of, upgrade
from soundalike.errors import BackupError
from soundalike.maintenance.backup_files import ARTIFACTS, DUMP, Backup, copy_file
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
            "there is a library in this database already; restore into a data root of its own "
            "(SOUNDALIKE_DATA), or into an empty database (DATABASE_URL)"
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
    for folder in (*store.indexes.glob("*"), *store.segments.glob("*")):
        make_read_only(folder)
    restore_database(database_url, backup.folder / DUMP)
    upgrade(database_url)


def _copies(backup: Backup, store: ArtifactStore) -> Iterator[None]:
    for name, stored in backup.artifacts.items():
        target = store.root / name
        if not target.is_file() or sha256_of(target) != stored.sha256:  # by a restore before
            copy_file(backup.folder / ARTIFACTS / name, target)
        yield
