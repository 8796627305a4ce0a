"""Healing: what is lost or damaged below the data root becomes work of its batch again.

Damaged files are deleted, and with them what the catalog records of them; so the stages make them
again from what is left. The served index stays until all of its batches are whole.
"""

import os
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from soundalike.catalog import artifacts as recorded
from soundalike.catalog.batch_locks import idle_batch
from soundalike.catalog.engine import Sessions
from soundalike.catalog.retention import retire_lost
from soundalike.errors import ArtifactError, StorageError, UnreadableArtifact
from soundalike.ingest.artifacts import (
    Artifact,
    Damage,
    Kind,
    artifacts_of_batches,
    damages_of,
    indexes,
    is_expected,
)
from soundalike.storage.atomic import remove_folder
from soundalike.storage.bucket_files import fetch_file
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.index_files import cover_of, read_manifest
from soundalike.vectors.segment_files import read_segment, segment_names

log = structlog.get_logger()


def heal(
    sessions: Sessions,
    store: ArtifactStore,
    batches: Collection[int] | None = None,
) -> list[Damage]:
    """Find what is damaged of all batches, or of these, and make it pending; return it.

    A batch that a run is at work on is left to the next call. Of indexes, only lost folders are
    looked for: `next_index` looks at the served one. With a bucket, what is not in the data root
    is lost only if it was asked for by its batch, and is not whole in the bucket. Raises
    StorageError if a folder of the data root is a link to nowhere.
    """
    with sessions() as session:
        has_artifacts = recorded.has_any(session) and store.bucket is None
        _require_disk(store, has_artifacts=has_artifacts)
        kept = [index for index in indexes(session, store) if is_expected(store, index)]
        folders = [index for index in kept if not index.path.exists()]
    lost = [Damage(index, "missing") for index in folders]
    return mark(sessions, store, _damages(sessions, store, batches, audio=False) + lost)


def mark(
    sessions: Sessions, store: ArtifactStore, found: Sequence[Damage], *, audio: bool = False
) -> list[Damage]:
    """Make what was found damaged pending; return what still was, and what may not be read.

    `audio`: it was found by reading canonical audio, see `damage_of`.
    """
    forbidden = [damage for damage in found if damage.forbidden]
    of_no_batch = [d for d in found if not d.artifact.batch_id and not d.forbidden]
    of_maps = [d for d in of_no_batch if d.artifact.kind is Kind.MAP]
    for damage in of_maps:
        _delete(damage)
    of_indexes = [d for d in of_no_batch if d not in of_maps]
    for damage in of_indexes:
        set_aside(store, damage.artifact.path)
    if any(damage.artifact.kind is Kind.SEGMENT for damage in of_indexes):
        of_indexes += _without_segments(sessions, store)
    with sessions.begin() as session:
        retire_lost(session, [damage.artifact.name for damage in of_indexes])
    batches = sorted({d.artifact.batch_id for d in found if not d.forbidden} - {0})
    marked = [d for batch in batches for d in _mark_batch(sessions, store, batch, audio)]
    return marked + of_indexes + of_maps + forbidden


def _without_segments(sessions: Sessions, store: ArtifactStore) -> list[Damage]:
    """Set aside the versions of which rows are in no segment any more; return them."""
    lost = []
    with sessions() as session:
        versions = list(indexes(session, store))
    for version in versions:
        try:
            manifest = read_manifest(version.path, version.sha256)
        except ArtifactError:
            continue  # found damaged, or lost, by itself
        if manifest.segments and cover_of(version.path, manifest).missing:
            set_aside(store, version.path)
            lost.append(Damage(version, "lost a segment"))
    return lost


def set_aside(store: ArtifactStore, index: Path) -> None:
    """Rename a damaged index or segment, so that a new one can be written.

    The ground truth may have been measured on it, and is measured again.
    """
    store.ground_truth.unlink(missing_ok=True)
    if index.exists():
        os.utime(index)  # its retention is counted from now
        index.rename(index.with_name(f"{index.name}.damaged-{secrets.token_hex(4)}"))


def set_damaged_segments_aside(store: ArtifactStore) -> list[str]:
    """Read all segments, and set aside those that are damaged; return their names.

    Their rows are written again when a version needs them.
    """
    damaged = []
    for name in segment_names(store.segments):
        folder = store.segments / name
        try:
            read_segment(folder).files_in(folder).verify()
        except UnreadableArtifact:
            raise
        except ArtifactError as error:
            log.warning("segment.set_aside", segment=name, reason=str(error))
            set_aside(store, folder)
            damaged.append(name)
    return damaged


def _damages(
    sessions: Sessions, store: ArtifactStore, batches: Collection[int] | None, audio: bool
) -> list[Damage]:
    with sessions() as session:
        expected = list(artifacts_of_batches(session, store, batches))
    here = [artifact for artifact in expected if is_expected(store, artifact)]
    lost = [] if batches is None else _lost_in_bucket(store, expected)
    return [*filter(None, damages_of(here, audio=audio)), *lost]


def _lost_in_bucket(store: ArtifactStore, artifacts: Iterable[Artifact]) -> list[Damage]:
    """Return the vectors that are neither in the data root nor, as recorded, in the bucket."""
    return [
        Damage(artifact, "not in the bucket, or damaged there")
        for artifact in artifacts
        if artifact.kind in (Kind.VECTORS, Kind.SIDECAR)
        and not is_expected(store, artifact)
        and not _is_in_bucket(store, artifact)
    ]


def _is_in_bucket(store: ArtifactStore, artifact: Artifact) -> bool:
    """Fetch the artifact from the store's bucket; return whether that has it as it is recorded."""
    if store.bucket is None or artifact.sha256 is None:
        return False
    try:
        fetch_file(store, artifact.path, artifact.sha256)
    except ArtifactError:
        return False
    return True


def _mark_batch(
    sessions: Sessions, store: ArtifactStore, batch_id: int, audio: bool
) -> list[Damage]:
    """Forget what is damaged of a batch, looked at again while no run can write it."""
    with idle_batch(sessions, batch_id) as idle:
        if not idle:
            return []
        found = [d for d in _damages(sessions, store, [batch_id], audio) if not d.forbidden]
        for damage in found:  # files first: without its record, a damaged one might be trusted
            _delete(damage)
        lost = [damage for damage in found if not _is_in_bucket(store, damage.artifact)]
        with sessions.begin() as session:
            _forget(session, batch_id, lost)
    return found


def _delete(damage: Damage) -> None:
    path = damage.artifact.path
    if path.is_dir() and not path.is_symlink():
        remove_folder(path)
    elif path.parent.is_dir():
        path.unlink(missing_ok=True)


def _forget(session: Session, batch_id: int, found: Iterable[Damage]) -> None:
    names: dict[Kind, set[str]] = {kind: set() for kind in Kind}
    for damage in found:
        names[damage.artifact.kind].add(damage.artifact.name)
    recorded.forget_audio(session, sorted(names[Kind.AUDIO]))
    if names[Kind.MANIFEST]:
        recorded.forget_manifest(session, batch_id)
    for space in names[Kind.VECTORS] | names[Kind.SIDECAR]:
        recorded.forget_embeddings(session, batch_id, space)


def _require_disk(store: ArtifactStore, *, has_artifacts: bool) -> None:
    """Raise StorageError for a link whose target is away, or if nothing at all is there.

    Then a disk is not mounted, maybe.
    """
    folders = (
        *(store.canonical.parent, store.manifests, store.embeddings),
        *(store.segments, store.indexes),
    )
    if has_artifacts and not any(map(_holds_anything, folders)):
        raise StorageError(
            f"nothing that was made of the music is in {store.root} any more.\nMount its disk; or, "
            "if it is really lost, have everything made again: soundalike verify --repair"
        )
    for folder in folders:
        if folder.is_symlink() and not folder.exists():
            raise StorageError(
                f"{folder} is a link to {folder.readlink()}, which does not exist.\n"
                "Mount that disk; or remove the link, and what was there is made again."
            )


def _holds_anything(folder: Path) -> bool:
    """Return whether there is a file in the folder, but for our own ignore file."""
    names = (name for _, _, files in os.walk(folder) for name in files)
    return any(not name.startswith(".") for name in names)


def counted_damage(found: Iterable[Damage]) -> str:
    """Count damages by kind, as in `canonical audio: 3; vectors: 1`; empty for none."""
    kinds = Counter(damage.artifact.kind.value for damage in found)
    return "; ".join(f"{kind}: {number}" for kind, number in kinds.items())


def messages(found: Iterable[Damage]) -> list[str]:
    """Return what an ingest says of the artifacts that it makes again, or may not read."""
    said, lost, older = [], [], []
    for damage in found:
        artifact = damage.artifact
        if damage.forbidden:
            said.append(f"{artifact.path} {damage.problem}; correct its permissions")
        elif artifact.kind is Kind.OLDER_INDEX:
            older.append(artifact.name)
        else:
            lost.append(damage)
    if lost:
        said.append(f"lost or damaged in the data root, made again: {counted_damage(lost)}")
    if older:
        said.append(f"lost older indexes, to which no rollback is possible: {', '.join(older)}")
    return said
