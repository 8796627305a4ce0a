"""A map on disk: `maps/<index version>/`, a table of positions and a manifest of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from soundalike.embedders.base import FloatArray
from soundalike.errors import ArtifactError
from soundalike.storage.atomic import atomic_folder, make_read_only, remove_folder, sha256_of

POINTS, MANIFEST = "points.parquet", "map.json"


class MapManifest(BaseModel):
    """The facts about a map.

    `layout` names the last full layout, whose positions stay until the next one; `parent` the one
    that it was made from. `placed` tracks are new since then. `trustworthiness` is at 15
    neighbours, null for a small map.
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
        manifest = manifest.model_copy(update={"points_sha256": sha256})
        (temporary / MANIFEST).write_text(manifest.model_dump_json(indent=1))
    make_read_only(folder)
    return manifest


def read_manifest(folder: Path) -> MapManifest:
    """Read a map's manifest. Raises ArtifactError if it is missing or damaged."""
    try:
        return MapManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise ArtifactError(f"there is no map in {folder}; materialise map_layout") from error
    except (OSError, ValidationError) as error:
        raise ArtifactError(f"{folder / MANIFEST} is damaged; materialise map_layout") from error


def read_points(folder: Path, manifest: MapManifest) -> Points:
    """Read a map's points, verified. Raises ArtifactError if they are missing or damaged."""
    path = folder / POINTS
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest.points_sha256:
            raise ArtifactError(f"{path} is damaged; materialise map_layout")
        table = pq.read_table(pa.BufferReader(content))
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read; materialise map_layout") from error
    columns = [table.column(name).to_numpy() for name in ("x", "y")]
    fitted = table.column("fitted").to_numpy()
    return Points(table.column("track_id").to_pylist(), np.stack(columns, axis=1), fitted)
