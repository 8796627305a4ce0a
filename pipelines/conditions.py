"""Conditions: what may keep a run from succeeding and can be repaired, as texts to compare.

A sensor compares them with those at the time a run failed: a change means that somebody repaired
something, so the run is due at once. Everything here is cheap to look at, and nothing is opened.
"""

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from soundalike.embedders import weights_path
from soundalike.errors import (
    BucketError,
    MilvusError,
    PluginError,
    SettingsError,
    StorageError,
    WeightsError,
)
from soundalike.settings import Settings
from soundalike.storage.disk_space import require_free_space
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.milvus.collection import names
from soundalike.vectors.milvus.server import Milvus

# A restart counts as a repair: of the settings, of the installation, or of the machine.
PROCESS = secrets.token_hex(4)


def batch_conditions(settings: Settings) -> str:
    """The conditions of embedding: this process, the data root's disk, and the model's weights."""
    return _digest([PROCESS, _disk(settings.data), _weights(settings)])


def index_conditions(
    settings: Settings, store: ArtifactStore, space: str, batches: Iterable[str]
) -> str:
    """The conditions of an index: the disk, bucket and Milvus, and every file that is gathered."""
    files = (
        path for key in batches for path in (store.vectors(space, key), store.sidecar(space, key))
    )
    places = _disk(settings.data), _bucket(store), _milvus(settings)
    return _digest([PROCESS, *places, *map(_stat, files)])


def disk_conditions(root: Path) -> str:
    """The conditions of writing: this process, and the data root's disk."""
    return _digest([PROCESS, _disk(root)])


def _disk(root: Path) -> str:
    store = ArtifactStore(root)
    folders = (
        *(store.canonical, store.manifests, store.embeddings),
        *(store.segments, store.indexes, store.maps),
    )
    writable = [
        not path.exists() or (path.is_dir() and os.access(path, os.W_OK)) for path in folders
    ]
    try:
        require_free_space(root)
    except StorageError as error:
        return f"{type(error).__name__} {writable}"
    return f"room {writable}"


def _bucket(store: ArtifactStore) -> str:
    if store.bucket is None:
        return "no bucket"
    try:
        store.bucket.exists(store.key(store.indexes))
    except BucketError:
        return "the bucket is away"
    return "the bucket answers"


def _milvus(settings: Settings) -> str:
    try:
        with Milvus.opened(settings) as milvus:
            if milvus is None:
                return "no Milvus"
            names(milvus)
    except (MilvusError, SettingsError):
        return "Milvus is away"
    return "Milvus answers"


def _weights(settings: Settings) -> str:
    try:
        path = weights_path(settings)
        return _stat(path) if path else "no weights"
    except (WeightsError, PluginError) as error:
        return str(error)


def _stat(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        return f"{path}: {error.errno}"
    return f"{path}: {status.st_size} {status.st_mtime_ns} {status.st_ino}"


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode(errors="surrogateescape") + b"\n")
    return digest.hexdigest()[:16]
