"""Garbage collection in the data root: finding artifacts that nothing needs, and removing them.

The published index and newer ones are never removed. Artifacts that the catalog does not know are
kept for a day, because artifacts are written before they are recorded.
"""

from collections.abc import Iterable
from contextlib import suppress

from soundalike.catalog import retention
from soundalike.catalog.engine import Sessions
from soundalike.maintenance import local_garbage
from soundalike.maintenance.bucket_garbage import remove_unneeded, unneeded_objects
from soundalike.maintenance.local_garbage import DAY, SUPERSEDED, UNNAMED, Garbage, Retention
from soundalike.maintenance.milvus_garbage import remove_collections, unneeded_collections
from soundalike.storage.atomic import remove_folder
from soundalike.storage.bucket import StoredObject
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.server import Milvus

IN_MILVUS = "collection of Milvus: of an index that is gone"
IN_BUCKET = "in the bucket: of no batch and no index that is kept"


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
    local_garbage.refuse_foreign(store, known, batches)
    kept = versions.keys() - set(old)
    spaces = {space, *(versions[version] for version in kept)}
    garbage = [
        *local_garbage.temporaries(store),
        *local_garbage.indexes(store, kept, set(old), keep),
        *local_garbage.segments(store, local_garbage.needed_segments(store, kept), keep),
        *local_garbage.maps(store, kept),
        *local_garbage.audio(store, audio),
        *local_garbage.manifests(store, batches),
        *local_garbage.embeddings(store, spaces, embedded, keep),
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
        needed = local_garbage.needed_segments(store, retention.kept_versions(session))
    removed = []
    for item in garbage:
        if item.reason in (IN_BUCKET, IN_MILVUS):
            continue
        if item.reason == SUPERSEDED and item.path.name not in retired:
            continue  # published again meanwhile
        is_new = local_garbage.age(item.path) < DAY
        if item.reason == UNNAMED and (item.path.name in needed or is_new):
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
