"""A backup's folder: a dump of the database, copies of artifacts, and a manifest that names all."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from soundalike.errors import BackupError
from soundalike.storage.atomic import atomic_file, sha256_of

MANIFEST = "backup.json"
DUMP = "catalog.dump"
ARTIFACTS = "artifacts"
FORMAT = 1
CHUNK = 2**20


@dataclass(frozen=True)
class StoredFile:
    """A file of a backup: size in bytes, and SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """A whole backup; `files` are by their path below `folder`."""

    folder: Path
    created_at: str
    schema: str
    index: str
    files: Mapping[str, StoredFile]

    @property
    def artifacts(self) -> Mapping[str, StoredFile]:
        """The files that belong below a data root, by their path there."""
        prefix = f"{ARTIFACTS}/"
        names = (name for name in self.files if name.startswith(prefix))
        return {name.removeprefix(prefix): self.files[name] for name in names}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    def damaged(self) -> Iterator[str | None]:
        """Read each file; yield its path if it is lost or damaged, else None."""
        for name, stored in self.files.items():
            path = self.folder / name
            whole = path.is_file() and sha256_of(path) == stored.sha256
            yield None if whole else name


def write_manifest(backup: Backup) -> None:
    """Write the manifest, which is what makes a folder a backup."""
    content = {"format": FORMAT, **asdict(backup)}
    del content["folder"]
    with atomic_file(backup.folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True))


def read_backup(folder: Path) -> Backup:
    """Read a backup's manifest. Raises BackupError if it is none, or of a newer soundalike."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
        if content.pop("format") != FORMAT:
            raise BackupError(f"{folder} was written by a newer soundalike; update this one")
        files = {name: StoredFile(**file) for name, file in content.pop("files").items()}
        backup = Backup(folder, files=files, **content)
    except FileNotFoundError as error:
        raise BackupError(f"{folder} is no backup: it has no {MANIFEST}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: {error}") from error
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise BackupError(f"{folder / MANIFEST} names a file outside of the backup: {name}")
    return backup


def copy_file(source: Path, target: Path) -> StoredFile:
    """Copy a file, which appears whole; return what was copied."""
    sha256, size = hashlib.sha256(), 0
    with atomic_file(target) as temporary, source.open("rb") as read, temporary.open("wb") as write:
        while chunk := read.read(CHUNK):
            write.write(chunk)
            sha256.update(chunk)
            size += len(chunk)
    return StoredFile(size, sha256.hexdigest())
