"""Garbage collection in the data root: finding artifacts that nothing needs, and removing them.

The published index and newer ones are never removed. Artifacts that the catalog does not know are
kept for a day, because artifacts are written before they are recorded.
"""

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soundalike.catalog import retention
from soundalike.catalog.engine import Sessions
from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.maintenance.bucket_garbage import remove_unneeded, unneeded_objects
from soundalike.maintenance.milvus_garbage import remove_collections, unneeded_collections
from soundalike.storage.atomic import is_temporary, remove_folder
from soundalike.storage.bucket import StoredObject
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_files import cover_of, read_manifest
from soundalike.vectors.milvus.server import Milvus

DAY = 24 * 3600
DAMAGED = ".damaged-"
SUPERSEDED = "index older than the published one"
UNNAMED = "segment of no index that is kept"
IN_MILVUS = "collection of Milvus: of an index that is gone"
IN_BUCKET = "in the bucket: of no batch and no index that is kept"


@dataclass(frozen=True)
class Garbage:
    """A file or folder that may be removed, with its size in bytes and the reason.

    Of an object in the bucket, `path` is where it would be in the data root; of a collection of
    Milvus, it is below `milvus`, and has no size.
    """

    path: Path
    size: int
    reason: str


@dataclass(frozen=True)
class Retention:
    """Limits: older index versions to keep for a rollback, and days for tracks that may return."""

    indexes: int
    days: int


def find_garbage(
    sessions: Sessions,
    store: ArtifactStore,
    space: str,
    keep: Retention,
    milvus: Milvus | None = None,
) -> list[Garbage]:
    """List everything that may be removed; `space` is the configured model's. Removes nothing.

    Raises ArtifactError if the data root seems to belong to another catalog.
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
    garbage = [
        *_temporaries(store),
        *_indexes(store, kept, set(old), keep),
        *_segments(store, needed_segments(store, kept), keep),
        *_maps(store, kept),
        *_audio(store, audio),
        *_manifests(store, batches),
        *_embeddings(store, spaces, embedded, keep),
        *_as_garbage(store, unneeded_objects(sessions, store, keep.days, old)),
        *_collections(store, unneeded_collections(sessions, milvus, old)),
    ]
    # Superseded indexes are first: a build may need one of them again at any time.
    return sorted(garbage, key=lambda item: (item.reason != SUPERSEDED, item.reason, item.path))


def collect(
    sessions: Sessions,
    store: ArtifactStore,
    space: str,
    keep: Retention,
    milvus: Milvus | None = None,
) -> list[Garbage]:
    """Remove what `find_garbage` lists; return what was removed.

    The catalog is changed first, so that a kill in between leaves files that the next call removes.
    Raises ArtifactError as `find_garbage` does.
    """
    garbage = find_garbage(sessions, store, space, keep)
    whole_spaces = {item.path.name for item in garbage if item.path.parent == store.embeddings}
    with sessions.begin() as session:
        retired = set(retention.retire_superseded(session, keep.indexes))
        retention.forget_spaces(session, whole_spaces)
        retention.forget_changes(session)
        needed = needed_segments(store, retention.kept_versions(session))
    removed = []
    for item in garbage:
        if item.reason in (IN_BUCKET, IN_MILVUS):
            continue
        if item.reason == SUPERSEDED and item.path.name not in retired:
            continue  # published again meanwhile
        if item.reason == UNNAMED and (item.path.name in needed or _age(item.path) < DAY):
            continue  # a build took it meanwhile
        with suppress(FileNotFoundError):  # another process removes the same
            if item.path.is_dir():
                remove_folder(item.path)
            else:
                item.path.unlink()
            removed.append(item)
    removed += _as_garbage(store, remove_unneeded(sessions, store, keep.days))
    return removed + _collections(store, remove_collections(sessions, milvus))


def _as_garbage(store: ArtifactStore, objects: Iterable[StoredObject]) -> list[Garbage]:
    return [Garbage(store.root / found.key, found.size, IN_BUCKET) for found in objects]


def _collections(store: ArtifactStore, names: Iterable[str]) -> list[Garbage]:
    return [Garbage(store.root / "milvus" / name, 0, IN_MILVUS) for name in names]


def _refuse_foreign(store: ArtifactStore, tracks: set[str], batches: set[str]) -> None:
    """Raise ArtifactError if the catalog does not know most of the audio and manifests."""
    audio = [path.stem for folder in _visible(store.canonical) for path in _visible(folder)]
    manifests = [path.stem for path in _visible(store.manifests)]
    unknown = sum(name not in tracks for name in audio)
    unknown += sum(name not in batches for name in manifests)
    if unknown * 2 > len(audio) + len(manifests):
        raise ArtifactError(
            f"the catalog does not know most of what is in {store.root}; is it another "
            "catalog's? Nothing was removed. Check DATABASE_URL and SOUNDALIKE_DATA"
        )


def _temporaries(store: ArtifactStore) -> Iterator[Garbage]:
    """Find temporary files, which are beside their targets, and scratch files, over a day old."""
    parents = [store.root, store.scratch, store.manifests, store.indexes, store.segments]
    parents += [store.maps, store.columns, *_visible(store.canonical), *_visible(store.embeddings)]
    for folder in filter(Path.is_dir, parents):
        for path in folder.iterdir():
            if (is_temporary(path) or folder == store.scratch) and _age(path) > DAY:
                yield _garbage(path, "left by a process that was killed")


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


def needed_segments(store: ArtifactStore, versions: Collection[str]) -> set[str]:
    """Return the names of the segments that these versions name, or would be opened from now."""
    needed: set[str] = set()
    for version in versions:
        folder = store.index(version)
        try:
            manifest = read_manifest(folder)
        except UnreadableArtifact:
            raise
        except ArtifactError:
            continue  # it is lost: whoever builds it again finds what is there, or the vectors
        chosen = cover_of(folder, manifest).segments if manifest.segments else []
        needed.update(manifest.segments, (segment.name for segment in chosen))
    return needed


def _segments(store: ArtifactStore, needed: set[str], keep: Retention) -> Iterator[Garbage]:
    for path in _visible(store.segments):
        if DAMAGED in path.name:
            if _age(path) > keep.days * DAY:
                yield _garbage(path, "segment that was damaged and written again")
        elif path.name not in needed and _age(path) > DAY:
            yield _garbage(path, UNNAMED)


def _maps(store: ArtifactStore, kept: set[str]) -> Iterator[Garbage]:
    """Find maps of indexes that are gone, but for the last one, which the next map is made from."""
    maps = sorted(_visible(store.maps), key=_age)
    for path in maps[1:]:
        if path.name not in kept:
            yield _garbage(path, "map of an index that is gone")


def _audio(store: ArtifactStore, kept: set[str]) -> Iterator[Garbage]:
    for folder in _visible(store.canonical):
        for path in _visible(folder):
            if path.stem not in kept and _age(path) > DAY:
                yield _garbage(path, "audio of a track that is no longer in the library")


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
    """Return the seconds since it was written; 0 if the clock went back, or it is gone."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0


def _garbage(path: Path, reason: str) -> Garbage:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return Garbage(path, sum(file.stat().st_size for file in files if file.is_file()), reason)
