"""What no longer serves anything in the data root: finding it, and removing it.

Never what is published or newer. What the catalog does not know is left alone for a day, because
artifacts are written before they are recorded.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soundalike.catalog import retention
from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError
from soundalike.storage.atomic import is_temporary
from soundalike.storage.layout import ArtifactStore

DAY = 24 * 3600
DAMAGED = ".damaged-"
SUPERSEDED = "index older than the published one"


@dataclass(frozen=True)
class Garbage:
    """A file or folder that may go, with its size in bytes and the reason."""

    path: Path
    size: int
    reason: str


@dataclass(frozen=True)
class Retention:
    """What is kept: older index versions for a rollback, and days for what may come back."""

    indexes: int
    days: int


def find_garbage(
    sessions: Sessions, store: ArtifactStore, space: str, keep: Retention
) -> list[Garbage]:
    """Everything that may go; `space` is the configured model's. Removes nothing.

    Raises ArtifactError if the data root looks like another catalog's.
    """
    with sessions() as session:
        old = retention.superseded(session, keep.indexes)
        versions = retention.kept_versions(session)
        audio = retention.kept_audio(session, keep.days)
        known = retention.known_tracks(session)
        batches = retention.known_batches(session)
        embedded = retention.embedded_batches(session)
    _refuse_foreign(store, known, batches)
    kept = versions.keys() - set(old)
    spaces = {space, *(versions[version] for version in kept)}
    found = [
        *_left_behind(store),
        *_indexes(store, kept, set(old), keep),
        *_audio(store, audio),
        *_manifests(store, batches),
        *_embeddings(store, spaces, embedded, keep),
    ]
    # Indexes that are given up go first: a build may call for one of them again at any time.
    return sorted(found, key=lambda item: (item.reason != SUPERSEDED, item.reason, item.path))


def collect(sessions: Sessions, store: ArtifactStore, space: str, keep: Retention) -> list[Garbage]:
    """Remove what `find_garbage` finds, and return it.

    The catalog lets go first, so a kill in between leaves files that the next call removes.
    """
    found = find_garbage(sessions, store, space, keep)
    whole_spaces = {item.path.name for item in found if item.path.parent == store.embeddings}
    with sessions.begin() as session:
        given_up = set(retention.retire_superseded(session, keep.indexes))
        retention.forget_spaces(session, whole_spaces)
    removed = []
    for item in found:
        if item.reason == SUPERSEDED and item.path.name not in given_up:
            continue  # published again meanwhile
        if item.path.is_dir():
            shutil.rmtree(item.path)
        else:
            item.path.unlink(missing_ok=True)
        removed.append(item)
    return removed


def _refuse_foreign(store: ArtifactStore, tracks: set[str], batches: set[str]) -> None:
    """What a catalog does not know is garbage only if it is the catalog of this data root."""
    audio = [path.stem for folder in _visible(store.canonical) for path in _visible(folder)]
    manifests = [path.stem for path in _visible(store.manifests)]
    strange = sum(name not in tracks for name in audio)
    strange += sum(name not in batches for name in manifests)
    if strange * 2 > len(audio) + len(manifests):
        raise ArtifactError(
            f"the catalog does not know most of what is in {store.root}; is it another one's? "
            "Nothing was removed. Look at DATABASE_URL and SOUNDALIKE_DATA"
        )


def _left_behind(store: ArtifactStore) -> Iterator[Garbage]:
    """Temporaries lie beside what they were to become."""
    parents = [store.scratch, store.manifests, store.indexes]
    parents += [*_visible(store.canonical), *_visible(store.embeddings)]
    for folder in filter(Path.is_dir, parents):
        for path in folder.iterdir():
            if (is_temporary(path) or folder == store.scratch) and _age(path) > DAY:
                yield _garbage(path, "left by something that was killed")


def _indexes(
    store: ArtifactStore, kept: set[str], old: set[str], keep: Retention
) -> Iterator[Garbage]:
    for path in _visible(store.indexes):
        if DAMAGED in path.name:
            if _age(path) > keep.days * DAY:
                yield _garbage(path, "index that was damaged and built again")
        elif path.name in old:
            yield _garbage(path, SUPERSEDED)
        elif path.name not in kept and _age(path) > DAY:
            yield _garbage(path, "index that is not in the catalog")


def _audio(store: ArtifactStore, kept: set[str]) -> Iterator[Garbage]:
    for folder in _visible(store.canonical):
        for path in _visible(folder):
            if path.stem not in kept and _age(path) > DAY:
                yield _garbage(path, "audio of a track that is in the library no more")


def _manifests(store: ArtifactStore, known: set[str]) -> Iterator[Garbage]:
    for path in _visible(store.manifests):
        if path.stem not in known and _age(path) > DAY:
            yield _garbage(path, "of a batch that is not in the catalog")


def _embeddings(
    store: ArtifactStore, spaces: set[str], recorded: set[tuple[str, str]], keep: Retention
) -> Iterator[Garbage]:
    for folder in filter(Path.is_dir, _visible(store.embeddings)):
        if folder.name not in spaces:
            if min(map(_age, [folder, *folder.iterdir()])) > keep.days * DAY:
                yield _garbage(folder, "embeddings of a model that no index uses")
            continue
        for path in _visible(folder):
            if (folder.name, path.stem) not in recorded and _age(path) > DAY:
                yield _garbage(path, "of a batch that is not in the catalog")


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def _age(path: Path) -> float:
    """Seconds since it was written; none if the clock went back, or it is gone."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0


def _garbage(path: Path, reason: str) -> Garbage:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return Garbage(path, sum(file.stat().st_size for file in files if file.is_file()), reason)
