"""Drawing the map of the published index, so that people find their music where it was.

As long as few tracks are new, they are placed among the others, which stay where they are. When
many are, the map that was seen last is the start of the next, which is turned and scaled as that
was. What is of another embedding space, or mostly new, is drawn from scratch.
"""

import hashlib
import time

import numpy as np
import structlog

from soundalike.catalog import publications
from soundalike.catalog.engine import Sessions
from soundalike.embedders.base import FloatArray
from soundalike.errors import ArtifactError, BucketError, in_one_line
from soundalike.maintenance.exported_vectors import published_vectors
from soundalike.maps.layout import fit, place, refit
from soundalike.maps.trust import trustworthiness
from soundalike.storage.atomic import remembered_sha256
from soundalike.storage.layout import ArtifactStore
from soundalike.vectors.map_copies import is_map_uploaded, upload_map
from soundalike.vectors.map_files import (
    POINTS,
    MapManifest,
    Points,
    read_manifest,
    read_points,
    write_map,
)

NEW_SHARE = 0.1  # more new tracks than this since the last full layout call for another
KEPT_SHARE = 0.5  # fewer known tracks than this are no start for the others
ALGORITHM = "pacmap-1"

log = structlog.get_logger()


def draw_map(sessions: Sessions, store: ArtifactStore) -> MapManifest:
    """Draw and write the published index's map, if it has none; return its manifest.

    It is put into the store's bucket too, if that has it not. Raises ArtifactError if no index is
    published, or it is damaged, and BucketError.
    """
    try:
        manifest = published_map(sessions, store)
    except ArtifactError:
        manifest = _draw(sessions, store)
    if store.bucket and not is_map_uploaded(store, manifest.index_version):
        upload_map(store, store.bucket, manifest.index_version)
    return manifest


def _draw(sessions: Sessions, store: ArtifactStore) -> MapManifest:
    started = time.process_time()
    with sessions() as session:
        source = published_vectors(session, store)
        version = source.name.removeprefix("index-")
        track_ids: list[str] = []
        vectors = np.empty((source.tracks, source.dimension), np.float32)
        for ids, block in source.blocks:
            vectors[len(track_ids) : len(track_ids) + len(ids)] = block
            track_ids += ids
        earlier = publications.published_before(session, version)
    before = _map_seen_last(store, source.space, earlier)
    layout, parent, points = _points(track_ids, vectors, source.space, before)
    manifest = MapManifest(
        index_version=version,
        space=source.space,
        layout=layout,
        parent=parent,
        tracks=len(track_ids),
        placed=int((~points.fitted).sum()),
        trustworthiness=(
            before[0].trustworthiness
            if before and before[0].layout == layout
            else trustworthiness(vectors, points.positions)
        ),
        cpu_seconds=round(time.process_time() - started, 2),
        points_sha256="",
    )
    return write_map(store.map(version), manifest, points)


def has_map(store: ArtifactStore, version: str) -> bool:
    """Return whether an index version has a map that can be read, also in the store's bucket.

    A bucket that does not answer counts as one that has it.
    """
    folder = store.map(version)
    try:
        is_whole = remembered_sha256(folder / POINTS) == read_manifest(folder).points_sha256
    except (ArtifactError, OSError):
        return False
    try:
        return is_whole and is_map_uploaded(store, version)
    except BucketError as error:
        log.warning("bucket.unreachable", reason=in_one_line(error))
        return is_whole


def published_map(sessions: Sessions, store: ArtifactStore) -> MapManifest:
    """Return the manifest of the published index's map.

    Raises ArtifactError if no index is published, or its map is not drawn or damaged.
    """
    with sessions() as session:
        served = publications.published(session)
    if served is None:
        raise ArtifactError("no index is published yet; materialise published_index")
    manifest = read_manifest(store.map(served.index.version))
    read_points(store.map(served.index.version), manifest)
    return manifest


def _points(
    track_ids: list[str],
    vectors: FloatArray,
    space: str,
    before: tuple[MapManifest, Points] | None,
) -> tuple[str, str | None, Points]:
    """Return the layout's name, its parent's, and the points."""
    if before is None:
        positions = fit(vectors)
        fitted = np.ones(len(track_ids), bool)
        return _name(space, None, positions), None, Points(track_ids, positions, fitted)
    manifest, last = before
    rows = {track: row for row, track in enumerate(last.track_ids)}
    old = np.array([rows.get(track, -1) for track in track_ids], np.int64)
    known = old >= 0
    if known.mean() < KEPT_SHARE:
        return _points(track_ids, vectors, space, None)
    positions = np.zeros((len(track_ids), 2), np.float32)
    positions[known] = last.positions[old[known]]
    positions[~known] = place(vectors[~known], vectors[known], positions[known])
    fitted = np.zeros(len(track_ids), bool)
    fitted[known] = last.fitted[old[known]]
    if (~fitted).sum() <= NEW_SHARE * len(track_ids):
        return manifest.layout, manifest.parent, Points(track_ids, positions, fitted)
    positions = refit(vectors, positions, known)
    layout = _name(space, manifest.layout, positions)
    return layout, manifest.layout, Points(track_ids, positions, np.ones(len(track_ids), bool))


def _map_seen_last(
    store: ArtifactStore, space: str, earlier: list[str]
) -> tuple[MapManifest, Points] | None:
    """Return the map of this space that people saw last; None if there is none that is whole.

    It is that of the version that was served last, which after a rollback is not the newest map.
    `earlier` are the versions that were served before. Maps of others follow, by time.
    """
    by_time = sorted(store.maps.glob("[!.]*"), key=lambda path: path.lstat().st_mtime_ns)
    folders = [store.map(version) for version in earlier] + by_time[::-1]
    for folder in dict.fromkeys(folder for folder in folders if folder.is_dir()):
        try:
            manifest = read_manifest(folder)
            if manifest.space == space:
                return manifest, read_points(folder, manifest)
        except ArtifactError as error:
            log.warning("map.damaged", folder=folder.name, reason=str(error))
    return None


def _name(space: str, parent: str | None, positions: FloatArray) -> str:
    content = f"{ALGORITHM} {space} {parent}".encode() + positions.tobytes()
    return hashlib.sha256(content).hexdigest()[:12]
