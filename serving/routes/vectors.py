"""Routes for a track's vector: its numbers, and where they come from."""

import io
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from serving.accepted import preferred
from serving.dependencies import LiveDep, SearchContextDep, SessionDep, served_index
from serving.errors import documented
from serving.index.served_index import ServedIndex
from serving.routes.index import as_index
from serving.schemas.requests import PathTrackId
from serving.schemas.vectors import EmbeddingOrigin, Lineage, TrackEmbedding
from serving.search.tracks import known_track, require_indexed, require_possible_id
from soundalike.catalog.library import batch_key
from soundalike.catalog.lineage import VectorOrigin, batch_of, vector_origins

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])

NPY = "application/x-npy"
Format = Annotated[
    Literal["json", "npy"] | None,
    Query(
        description="Form of the answer; by itself the one that `Accept` prefers.",
        examples=["json"],
    ),
]
CONTENT: dict[str, Any] = {"content": {NPY: {"schema": {"type": "string", "format": "binary"}}}}


@router.get(
    "/{track_id}/embedding",
    response_model=TrackEmbedding,
    responses={200: CONTENT, **documented(404, 409, 503)},
)
async def get_embedding(
    track_id: PathTrackId,
    request: Request,
    context: SearchContextDep,
    format: Format = None,
) -> TrackEmbedding | Response:
    """Return a track's vector, of length 1, as it is in the served index.

    As JSON, or as the bytes of a NumPy file (`Accept: application/x-npy`, or `format=npy`):
    float32, one dimension.
    """
    require_possible_id(track_id)
    served = served_index(context.live)
    await require_indexed(context.catalog, served, [track_id])
    [vector], manifest = await served.vectors_of([track_id]), served.manifest
    if (format or preferred(request, {"json": "application/json", "npy": NPY})) == "npy":
        name = f'attachment; filename="{track_id}.npy"'
        return Response(_npy(vector), media_type=NPY, headers={"Content-Disposition": name})
    return TrackEmbedding(
        track_id=track_id,
        index_version=manifest.version,
        space=manifest.space,
        model=manifest.model,
        dimension=manifest.dimension,
        vector=as_numbers(vector),
    )


def as_numbers(vector: NDArray[np.float32]) -> list[float]:
    """Return a vector for JSON, whose numbers are as short as float32 allows.

    Each is written as its own repr, and not as that of the same number as a float64.
    """
    return [float(str(number)) for number in vector]


def _npy(vector: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.save(file, vector, allow_pickle=False)
    return file.getvalue()


@router.get("/{track_id}/lineage", responses=documented(404, 503))
async def get_lineage(track_id: PathTrackId, session: SessionDep, live: LiveDep) -> Lineage:
    """Return where a track and its vectors come from: batches, runs, models, parameters, times."""
    await known_track(session, track_id)
    batch_id, sealed_at, identified_at = (await session.execute(batch_of(track_id))).one()
    origins = [VectorOrigin(*row) for row in await session.execute(vector_origins(track_id))]
    served = live.served if live.served and track_id in live.served else None
    return Lineage(
        track_id=track_id,
        batch=batch_key(batch_id),
        sealed_at=sealed_at,
        identified_at=identified_at,
        embeddings=[_origin(origin, served) for origin in origins],
        index=as_index(served) if served else None,
    )


def _origin(origin: VectorOrigin, served: ServedIndex | None) -> EmbeddingOrigin:
    manifest = served.manifest if served and served.manifest.space == origin.space else None
    return EmbeddingOrigin(
        space=origin.space,
        model=origin.model,
        parameters=manifest.parameters if manifest else None,
        batch=origin.batch,
        row=origin.row,
        sha256=origin.sha256,
        embedded_at=origin.embedded_at,
        dagster_run_id=origin.dagster_run_id,
        in_index=manifest is not None and manifest.batches.get(origin.batch) == origin.sha256,
    )
