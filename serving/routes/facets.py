"""Routes for the collection as a whole: the values that tracks have, and its statistics."""

from dataclasses import asdict
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from serving.cursors import decode_cursor, encode_cursor
from serving.dependencies import SearchContextDep, StateDep
from serving.errors import documented
from serving.json_answer import JsonAnswer
from serving.query_parameters import FromQuery, described
from serving.schemas.library import FacetPage, Stats
from serving.schemas.requests import FacetParameters
from serving.search.catalog import known_columns
from soundalike.catalog.columns.facets import Facet, FacetName, order
from soundalike.catalog.statistics import Statistics, library_statistics

router = APIRouter(prefix="/v1", tags=["tracks"])


@router.get(
    "/facets/{facet}",
    response_model=FacetPage,
    responses=documented(503),
    openapi_extra=described(FacetParameters),
)
async def list_facet_values(
    facet: Annotated[
        FacetName, Path(description="The field whose values are listed.", examples=["artists"])
    ],
    parameters: Annotated[FacetParameters, Depends(FromQuery(FacetParameters))],
    context: SearchContextDep,
) -> JsonAnswer:
    """List the artists, albums, genres, tags, folders or years of the tracks within a filter.

    Each has its number of tracks; those of most come first. Folders are those of one level: the
    highest, or the one that `q` names.
    """
    last = decode_cursor(parameters.cursor, int, str, str) if parameters.cursor else None
    asked = Facet(facet, parameters.q, parameters.in_catalog)
    columns = known_columns(context.catalog)
    values = await to_thread.run_sync(columns.facet, asked, parameters.exclude_ids)
    page = values.after(tuple(last) if last else None, parameters.limit + 1)
    shown, is_last = page[: parameters.limit], len(page) <= parameters.limit
    return JsonAnswer(
        {
            "items": [value._asdict() for value in shown],
            "next_cursor": None if is_last else encode_cursor(*order(shown[-1])),
            "total": len(values),
        },
        headers=context.catalog.headers,
    )


async def read_statistics(sessions: async_sessionmaker[AsyncSession]) -> Statistics:
    """Count the library's tracks, files and vectors in a session of its own."""
    async with sessions() as session:
        return await session.run_sync(library_statistics)


@router.get("/stats", responses=documented(503))
async def get_stats(state: StateDep) -> Stats:
    """Return the size of the collection, and how far it is embedded and indexed.

    Requests share a count that takes long, so they may get one of a few seconds ago.
    """
    counted = await state["statistics"].get()
    served = state["live"].served
    return Stats.model_validate(
        {
            **asdict(counted),
            "index_version": served.manifest.version if served else None,
            "indexed": served.manifest.tracks if served else 0,
        }
    )
