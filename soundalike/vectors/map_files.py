"""A map on disk: `maps/<index version>/`, a table of positions and a manifest of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from soundalike.embedders.base import FloatArray
from soundalike.errors import ArtifactError, UnreadableArtifact
from soundalike.storage.atomic import atomic_folder, make_read_only, remove_folder, sha256_of
from soundalike.storage.disk_space import DAMAGED_ERRNOS

POINTS, MANIFEST = "points.parquet", "map.json"
AGAIN = "materialise map_layout"


class MapManifest(BaseModel):
    """The facts about a map.

    `layout` names the last full layout, whose positions stay until the next one; `parent` the one
    that it was made from. `placed` tracks are new since then. `trustworthiness` is at 15
    neighbours, null for a small map. `digest` is of all the rest; maps of before have none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    index_version: str
    space: str
    layout: str
    parent: str | None
    tracks: int
    placed: int
    trustworthiness: float | None
    cpu_seconds: float
    points_sha256: str
    digest: str | None = None

    def signed(self) -> Self:
        """Return the manifest with its digest."""
        text = self.model_dump_json(exclude={"digest"})
        return self.model_copy(update={"digest": hashlib.sha256(text.encode()).hexdigest()})


@dataclass(frozen=True, eq=False)
class Points:
    """Positions [n, 2] of tracks, in the order of their ids; `fitted` [n] were in the last fit."""

    track_ids: list[str]
    positions: FloatArray
    fitted: NDArray[np.bool_]


def write_map(folder: Path, manifest: MapManifest, points: Points) -> MapManifest:
    """Write a map, which appears whole and replaces one of this version; return its manifest."""
    table = pa.table(
        {
            "track_id": pa.array(points.track_ids, pa.string()),
            "x": pa.array(points.positions[:, 0]),
            "y": pa.array(points.positions[:, 1]),
            "fitted": pa.array(points.fitted),
        }
    )
    if folder.exists():
        remove_folder(folder)
    with atomic_folder(folder) as temporary:
        pq.write_table(table, temporary / POINTS)
        sha256 = sha256_of(temporary / POINTS)
        manifest = manifest.model_copy(update={"points_sha256": sha256}).signed()
        (temporary / MANIFEST).write_text(manifest.model_dump_json(indent=1))
    make_read_only(folder)
    return manifest


def read_manifest(folder: Path) -> MapManifest:
    """Read a map's manifest. Raises ArtifactError if it is missing, damaged or cannot be read."""
    path = folder / MANIFEST
    try:
        manifest = MapManifest.model_validate_json(_read(path))
    except ValidationError as error:
        raise _damaged(path) from error
    if manifest.digest not in (None, manifest.signed().digest):
        raise _damaged(path)
    return manifest


def read_points(folder: Path, manifest: MapManifest) -> Points:
    """Read a map's points, verified. Raises ArtifactError as `read_manifest` does."""
    path = folder / POINTS
    content = _read(path)
    if hashlib.sha256(content).hexdigest() != manifest.points_sha256:
        raise _damaged(path)
    table = pq.read_table(pa.BufferReader(content))
    columns = [table.column(name).to_numpy() for name in ("x", "y")]
    fitted = table.column("fitted").to_numpy()
    return Points(table.column("track_id").to_pylist(), np.stack(columns, axis=1), fitted)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactError(f"{path} is missing; {AGAIN}") from error
    except OSError as error:
        if error.errno in DAMAGED_ERRNOS:
            raise _damaged(path) from error
        raise UnreadableArtifact(f"{path} cannot be read; correct its permissions") from error


def _damaged(path: Path) -> ArtifactError:
    return ArtifactError(f"{path} is damaged; {AGAIN}")
