"""Tracks: finding one by its words, and finding what sounds like it."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AfterValidator
from sqlalchemy.ext.asyncio import AsyncSession

from serving import limits
from serving.dependencies import LiveDep, MetricsDep, SessionDep, served_index
from serving.errors import Problem, documented
from serving.live_index import ServedIndex
from serving.schemas import TRACK_ID, SimilarTrack, SimilarTracks, Track, TrackPage
from soundalike.catalog import tracks
from soundalike.catalog.tracks import Cursor, TrackView

if TYPE_CHECKING:
    from soundalike.vectors.search import Neighbour

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])


def _storable(text: str) -> str:
    if not tracks.storable(text):
        raise ValueError("must be text without NUL characters")
    return text


Id = Annotated[str, Path(description="The track's id.", examples=[TRACK_ID])]
Words = Annotated[
    str,
    AfterValidator(_storable),
    Query(
        max_length=limits.LONGEST_QUERY,
        description="Words, each of them somewhere in title, artist, album or path.",
        examples=["ana saudade"],
    ),
]
PageSize = Annotated[int, Query(ge=1, le=limits.LARGEST_PAGE, description="Tracks on a page.")]
Place = Annotated[
    str | None,
    Query(max_length=limits.LONGEST_CURSOR, description="`next_cursor` of the page before."),
]
Neighbours = Annotated[
    int, Query(ge=1, le=limits.MOST_NEIGHBOURS, description="How many similar tracks.")
]


@router.get("", responses=documented(422, 503))
async def list_tracks(
    session: SessionDep, query: Words = "", limit: PageSize = limits.PAGE, cursor: Place = None
) -> TrackPage:
    """The collection by artist, album and title, or those tracks of it whose words match."""
    # One more than asked for tells whether there is a next page.
    found = await session.execute(tracks.page(query, limit + 1, _after(cursor)))
    rows = found.all()
    last = rows[limit - 1] if len(rows) > limit else None
    return TrackPage(
        items=[Track.model_validate(tracks.view(row)) for row in rows[:limit]],
        next_cursor=Cursor(last.sort_key, last.id).encode() if last else None,
        total=await session.scalar(tracks.count(query)) or 0,
    )


def _after(cursor: str | None) -> Cursor | None:
    try:
        return Cursor.decode(cursor) if cursor else None
    except ValueError as error:
        detail = f"cursor: {error}; give `next_cursor` of a page as it was, or begin without one"
        raise Problem(422, "invalid-request", detail) from error


@router.get("/{track_id}", responses=documented(404, 422, 503))
async def track(track_id: Id, session: SessionDep) -> Track:
    """One track."""
    return Track.model_validate(await _known(session, track_id))


@router.get("/{track_id}/similar", responses=documented(404, 409, 422, 503))
async def similar(
    track_id: Id,
    session: SessionDep,
    live: LiveDep,
    metrics: MetricsDep,
    k: Neighbours = limits.NEIGHBOURS,
) -> SimilarTracks:
    """What sounds like this track, best first."""
    served = served_index(live)  # not SearchDep: a wrong k is told before a missing index
    if track_id not in served:
        raise await _not_indexed(session, track_id, served)
    # Before the session's first statement: no connection is held while searching.
    with metrics.search_seconds.time():
        found = await served.neighbours(track_id, k + limits.SPARE_NEIGHBOURS)
    views = await _views(session, [track_id, *(neighbour.track_id for neighbour in found)])
    if track_id not in views:
        raise _unknown()
    return SimilarTracks(
        query=Track.model_validate(views[track_id]),
        index_version=served.manifest.version,
        results=_ranked(found, views)[:k],
    )


def _ranked(found: list["Neighbour"], views: dict[str, TrackView]) -> list[SimilarTrack]:
    """The neighbours that still have a file in the collection, in their order."""
    present = [
        (neighbour.score, view)
        for neighbour in found
        if (view := views.get(neighbour.track_id)) and view.path is not None
    ]
    return [
        SimilarTrack(rank=rank, score=score, track=Track.model_validate(view))
        for rank, (score, view) in enumerate(present, start=1)
    ]


async def _views(session: AsyncSession, track_ids: list[str]) -> dict[str, TrackView]:
    rows = await session.execute(tracks.by_ids(track_ids))
    return {row.id: tracks.view(row) for row in rows}


async def _known(session: AsyncSession, track_id: str) -> TrackView:
    views = await _views(session, [track_id])
    if track_id not in views:
        raise _unknown()
    return views[track_id]


def _unknown() -> Problem:
    return Problem(404, "unknown-track", "the catalog has no such track; GET /v1/tracks finds ids")


async def _not_indexed(session: AsyncSession, track_id: str, served: ServedIndex) -> Problem:
    """Why a track has no neighbours to show: 404, or 409 for one that the catalog knows."""
    known = await _known(session, track_id)
    failure = (await session.execute(tracks.failures_of(track_id))).first()
    if known.path is None:
        reason = "no file of the collection holds it any more"
    elif not await session.scalar(tracks.fits(track_id)):
        reason = f"at {known.duration:.0f} s it is shorter or longer than the settings allow"
    elif failure:
        reason = f"it could not be heard ({failure.stage}: {failure.message})"
    else:
        reason = "it came after that index was built; the next one will have it"
    detail = f"the track is not in the published index {served.manifest.version}: {reason}"
    return Problem(409, "not-in-index", detail)
