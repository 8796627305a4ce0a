"""Index versions in Milvus: written and measured under another name, and only then found by theirs.

So a builder that is killed leaves a collection that nobody searches, and the next one removes it.
"""

import secrets
from typing import TYPE_CHECKING

import structlog

from soundalike.catalog.engine import Sessions
from soundalike.catalog.outside_locks import milvus_lock
from soundalike.errors import ArtifactError, MissingCollection
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_files import read_manifest
from soundalike.vectors.milvus import collection as collections
from soundalike.vectors.milvus.collection import BUILDING, MilvusCollection, name_of
from soundalike.vectors.milvus.server import Milvus
from soundalike.vectors.recall import check_recall

if TYPE_CHECKING:
    from soundalike.vectors.index.open_index import OpenIndex

ROWS_AT_ONCE = 20_000

log = structlog.get_logger()


def put_collection(sessions: Sessions, milvus: Milvus, store: ArtifactStore, version: str) -> None:
    """Have a whole version of the data root in Milvus, loaded; nothing is written twice.

    Raises MilvusError; and ArtifactError if Milvus finds fewer of the nearest tracks than the
    version's kind must.
    """
    from soundalike.vectors.index.open_index import OpenIndex

    with milvus_lock(sessions):
        there = MilvusCollection(milvus, name_of(version))
        if there.exists():
            there.load()
            return
        for left in collections.names(milvus, BUILDING):
            MilvusCollection(milvus, left).drop()
        folder = store.index(version)
        trusted = read_manifest(folder).segments
        index = OpenIndex.open(folder, trusted=trusted, codes_memory=0)
        _write(milvus, index)
    log.info("milvus.written", version=version, tracks=len(index))


def _write(milvus: Milvus, index: "OpenIndex") -> None:
    from soundalike.vectors.index.milvus_index import MilvusIndex, is_exact

    building = MilvusCollection(milvus, f"{BUILDING}{secrets.token_hex(6)}")
    id_bytes = max(len(track.encode()) for track in index.track_ids)
    building.create(index.exact.dimension, id_bytes)
    for start in range(0, len(index), ROWS_AT_ONCE):
        ids = index.track_ids[start : start + ROWS_AT_ONCE]
        building.insert(ids, index.vectors_of(ids))
    building.index(exact=is_exact(index.manifest))
    building.load()
    written = MilvusIndex.open(milvus, index.manifest, building.name)
    check = check_recall(index, searched=written)
    if not check.passed:
        building.drop()
        raise ArtifactError(
            f"index {index.manifest.version} is not published, as Milvus at {milvus.shown} does "
            f"not find enough of it ({check.name}: {check.detail})"
        )
    building.rename(name_of(index.manifest.version))


def require_collection(milvus: Milvus, version: str) -> None:
    """Require the version's collection, and load it. Raises MissingCollection."""
    there = MilvusCollection(milvus, name_of(version))
    if not there.exists():
        raise MissingCollection(
            f"Milvus at {milvus.shown} has no collection of index {version}\n"
            "Publish it in Dagster, which writes one: materialise published_index."
        )
    there.load()


def show_published(milvus: Milvus, version: str, replaces: str | None) -> None:
    """Let the alias lead to the version; only it and the one before stay in Milvus' memory."""
    collections.switch_alias(milvus, version)
    needed = {name_of(version), name_of(replaces or version)}
    for name in collections.names(milvus):
        if name not in needed and not name.startswith(BUILDING):
            MilvusCollection(milvus, name).release()
