"""Routes of the map: what is on it, its points, and the tracks that they stand for."""

from typing import Annotated, Any

import numpy as np
import structlog
from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from serving.content_type import require_json
from serving.dependencies import SearchContext, SearchContextDep, served_index
from serving.errors import Problem, documented
from serving.index.served_index import ServedIndex
from serving.json_answer import JsonAnswer
from serving.maps.colours import Colour, first_choice, name_of
from serving.maps.served_map import ColouredMap, ServedMap
from serving.schemas.maps import LOOKUP_EXAMPLES, Lookup, LookupRequest, Map
from serving.state import state_of
from soundalike.errors import ArtifactError

router = APIRouter(prefix="/v1", tags=["map"])
log = structlog.get_logger()

BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A row for each track of the index, in three parts: int16 x, int16 y, "
        "uint8 category, little-endian. A track that is not on the map is at -32768.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
LayoutName = Annotated[
    str, Path(max_length=64, description="As `/v1/map` has it.", examples=["5f1a0c9b7d3e"])
]
IndexVersion = Annotated[
    str, Path(max_length=64, description="As `/v1/map` has it.", examples=["3fd0c9a7b2e1"])
]


async def get_served_map(request: Request) -> ServedMap:
    """Return the worker's map."""
    return state_of(request)["served_map"]


ServedMapDep = Annotated[ServedMap, Depends(get_served_map)]


async def _drawn(maps: ServedMap, context: SearchContext) -> tuple[ServedIndex, ColouredMap]:
    served = served_index(context.live)
    try:
        return served, await maps.of(served, context.catalog.columns)
    except ArtifactError as error:
        log.info("map.missing", reason=str(error))
        detail = f"the map of index {served.manifest.version} is not drawn yet; it comes by itself"
        raise Problem(404, "no-map", detail) from error


@router.get("/map", response_model=Map, responses=documented(404, 503))
async def get_map(context: SearchContextDep, maps: ServedMapDep) -> JsonAnswer:
    """Return what is on the map of the collection: categories to colour points by, and labels.

    The points themselves are at `/v1/map/{layout}/{index_version}/points`.
    """
    _, (drawn, colours, labels) = await _drawn(maps, context)
    manifest = drawn.manifest
    return JsonAnswer(
        {
            "index_version": manifest.index_version,
            "layout": manifest.layout,
            "colouring": name_of(colours),
            "tracks": len(drawn.coordinates),
            "colour": first_choice({name: found.known for name, found in colours.items()}),
            "colours": {
                name: [
                    {"id": number, "name": category, "tracks": tracks}
                    for number, (category, tracks) in enumerate(
                        zip(found.names, found.counts, strict=True), 1
                    )
                ]
                for name, found in colours.items()
            },
            "labels": {
                name: [label._asdict() for label in found] for name, found in labels.items()
            },
        },
        headers=context.catalog.headers,
    )


@router.get(
    "/map/{layout}/{index_version}/points",
    response_class=Response,
    responses={**BINARY, **documented(404, 409, 503)},
)
async def get_map_points(
    layout: LayoutName,
    index_version: IndexVersion,
    context: SearchContextDep,
    maps: ServedMapDep,
    colour: Annotated[
        Colour, Query(description="What their categories are of.", examples=["genre"])
    ] = "genre",
    colouring: Annotated[
        str | None,
        Query(max_length=64, description="As `/v1/map` has it.", examples=["9b1d4c07e2aa"]),
    ] = None,
) -> Response:
    """Return the points of the map that `/v1/map` names."""
    served, (drawn, colours, _) = await _drawn(maps, context)
    _require_version(served, index_version)
    if layout != drawn.manifest.layout:
        raise Problem(409, "index-changed", f"the layout is {drawn.manifest.layout} now")
    if colouring not in (None, name_of(colours)):  # a retag, or another worker's moment
        raise Problem(409, "index-changed", "the categories are others now; ask for the map again")
    x, y = np.ascontiguousarray(drawn.coordinates.T).astype("<i2")
    content = x.tobytes() + y.tobytes() + colours[colour].codes.tobytes()
    return Response(content, media_type="application/octet-stream", headers=context.catalog.headers)


@router.post(
    "/tracks/lookup",
    response_model=Lookup,
    responses=documented(400, 409, 413, 415, 503),
    dependencies=[Depends(require_json)],
)
async def look_up_tracks(
    wanted: Annotated[LookupRequest, Body(openapi_examples=LOOKUP_EXAMPLES)],
    context: SearchContextDep,
    maps: ServedMapDep,
) -> JsonAnswer:
    """Return the tracks of up to 200 rows of the map's points, or the rows of so many tracks."""
    served = served_index(context.live)
    _require_version(served, wanted.index_version)
    try:
        drawn = await maps.drawn(served)
    except ArtifactError:  # tracks are looked up all the same
        drawn = None
    index = served.index
    rows = [row for row in wanted.rows if row < len(index)]
    rows += [int(row) for id_ in wanted.ids for row in index.rows_of([id_])]
    ids = [index.track_ids[row] for row in rows]
    views = context.catalog.columns.views(ids)
    items = [
        {"row": row, "at": drawn.at(row) if drawn else None, "track": context.as_track(views[id_])}
        for row, id_ in zip(rows, ids, strict=True)
        if id_ in views
    ]
    return JsonAnswer(
        {"index_version": wanted.index_version, "items": items}, headers=context.catalog.headers
    )


def _require_version(served: ServedIndex, version: str) -> None:
    now = served.manifest.version
    if version != now:
        raise Problem(409, "index-changed", f"index {version} is not served any more; it is {now}")
