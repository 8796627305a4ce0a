"""Garbage in the folders of the data root, each kind of artifact by itself."""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.storage.atomic import is_temporary
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_files import cover_of, read_manifest

DAY = 24 * 3600
DAMAGED = ".damaged-"
SUPERSEDED = "index older than the published one"
UNNAMED = "segment of no index that is kept"


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


def refuse_foreign(store: ArtifactStore, tracks: set[str], batches: set[str]) -> None:
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


def temporaries(store: ArtifactStore) -> Iterator[Garbage]:
    """Find temporary files, which are beside their targets, and scratch files, over a day old."""
    parents = [store.root, store.scratch, store.manifests, store.indexes, store.segments]
    parents += [store.maps, store.columns, *_visible(store.canonical), *_visible(store.embeddings)]
    for folder in filter(Path.is_dir, parents):
        for path in folder.iterdir():
            if (is_temporary(path) or folder == store.scratch) and age(path) > DAY:
                yield _garbage(path, "left by a process that was killed")


def indexes(
    store: ArtifactStore, kept: set[str], old: set[str], keep: Retention
) -> Iterator[Garbage]:
    """Find versions that are older than is kept, unknown to the catalog, or were damaged."""
    for path in _visible(store.indexes):
        if DAMAGED in path.name:
            if age(path) > keep.days * DAY:
                yield _garbage(path, "index that was damaged and built again")
        elif path.name in old:
            yield _garbage(path, SUPERSEDED)
        elif path.name not in kept and age(path) > DAY:
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


def segments(store: ArtifactStore, needed: set[str], keep: Retention) -> Iterator[Garbage]:
    """Find segments that no version needs, or that were damaged."""
    for path in _visible(store.segments):
        if DAMAGED in path.name:
            if age(path) > keep.days * DAY:
                yield _garbage(path, "segment that was damaged and written again")
        elif path.name not in needed and age(path) > DAY:
            yield _garbage(path, UNNAMED)


def maps(store: ArtifactStore, kept: set[str]) -> Iterator[Garbage]:
    """Find maps of indexes that are gone, but for the last one, which the next map is made from."""
    maps = sorted(_visible(store.maps), key=age)
    for path in maps[1:]:
        if path.name not in kept:
            yield _garbage(path, "map of an index that is gone")


def audio(store: ArtifactStore, kept: set[str]) -> Iterator[Garbage]:
    """Find canonical audio of tracks that are gone for longer than tracks are kept."""
    for folder in _visible(store.canonical):
        for path in _visible(folder):
            if path.stem not in kept and age(path) > DAY:
                yield _garbage(path, "audio of a track that is no longer in the library")


def manifests(store: ArtifactStore, known: set[str]) -> Iterator[Garbage]:
    """Find manifests of batches that the catalog does not know."""
    for path in _visible(store.manifests):
        if path.stem not in known and age(path) > DAY:
            yield _garbage(path, "of a batch that is not in the catalog")


def embeddings(
    store: ArtifactStore, spaces: set[str], recorded: set[tuple[str, str]], keep: Retention
) -> Iterator[Garbage]:
    """Find embeddings of spaces that no index uses, and of batches that are not recorded."""
    for folder in filter(Path.is_dir, _visible(store.embeddings)):
        if folder.name not in spaces:
            if min(map(age, [folder, *folder.iterdir()])) > keep.days * DAY:
                yield _garbage(folder, "embeddings of a model that no index uses")
            continue
        for path in _visible(folder):
            if (folder.name, path.stem) not in recorded and age(path) > DAY:
                yield _garbage(path, "of a batch that is not in the catalog")


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def age(path: Path) -> float:
    """Return the seconds since it was written; 0 if the clock went back, or it is gone."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return 0.0


def _garbage(path: Path, reason: str) -> Garbage:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return Garbage(path, sum(file.stat().st_size for file in files if file.is_file()), reason)
