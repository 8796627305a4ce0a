"""Routes for the collection as a whole: the values that tracks have, and its statistics."""

from dataclasses import asdict
from itertools import dropwhile
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path

from serving.cursors import decode_cursor, encode_cursor
from serving.dependencies import LiveDep, SessionDep
from serving.errors import documented
from serving.query_parameters import FromQuery, described
from serving.schemas.library import FacetItem, FacetPage, Stats
from serving.schemas.requests import FacetParameters
from soundalike.catalog.facets import FacetName, FacetValue, chosen, facet_values, order
from soundalike.catalog.statistics import library_statistics

router = APIRouter(prefix="/v1", tags=["tracks"])


@router.get("/facets/{facet}", responses=documented(503), openapi_extra=described(FacetParameters))
async def list_facet_values(
    facet: Annotated[
        FacetName, Path(description="The field whose values are listed.", examples=["artists"])
    ],
    parameters: Annotated[FacetParameters, Depends(FromQuery(FacetParameters))],
    session: SessionDep,
) -> FacetPage:
    """List the artists, albums, genres, tags, folders or years of the tracks within a filter.

    Each has its number of tracks; those of most come first. Folders are those of one level: the
    highest, or the one that `q` names.
    """
    wanted = parameters.in_catalog, parameters.exclude_ids
    rows = (await session.execute(facet_values(facet, parameters.q, *wanted))).all()
    values = await to_thread.run_sync(chosen, facet, parameters.q, rows)
    rest = _after(values, parameters.cursor) if parameters.cursor else values
    page = rest[: parameters.limit]
    is_last = len(rest) <= parameters.limit
    return FacetPage(
        items=[FacetItem.model_validate(value) for value in page],
        next_cursor=None if is_last else encode_cursor(*order(page[-1])),
        total=len(values),
    )


def _after(values: list[FacetValue], cursor: str) -> list[FacetValue]:
    last = tuple(decode_cursor(cursor, int, str, str))
    return list(dropwhile(lambda value: order(value) <= last, values))


@router.get("/stats", responses=documented(503))
async def get_stats(session: SessionDep, live: LiveDep) -> Stats:
    """Return the size of the collection, and how far it is embedded and indexed."""
    counted = await session.run_sync(library_statistics)
    served = live.served
    return Stats.model_validate(
        {
            **asdict(counted),
            "index_version": served.manifest.version if served else None,
            "indexed": served.manifest.tracks if served else 0,
        }
    )
