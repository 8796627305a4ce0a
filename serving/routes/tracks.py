"""Routes for tracks: one by its id, or a list by words."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from serving.cursors import decode_cursor, encode_cursor, invalid_cursor
from serving.dependencies import AsTrackDep, SeesLocationsDep, SessionDep
from serving.errors import documented
from serving.json_answer import JsonAnswer
from serving.playlists import PLAYLISTS, playlist, playlist_form
from serving.query_parameters import FromQuery, described
from serving.schemas.requests import ListParameters, PathTrackId
from serving.schemas.tracks import TrackDetails, TrackPage
from serving.search.catalog import with_all_tags
from serving.search.tracks import as_file, known_track
from soundalike.catalog import suggestions, track_lists, tracks
from soundalike.catalog.file_views import all_files, view_of
from soundalike.catalog.text_search import RANKS, TextQuery
from soundalike.catalog.track_lists import TrackPosition
from soundalike.catalog.tracks import storable

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])


@router.get(
    "",
    response_model=TrackPage,
    responses={**PLAYLISTS, **documented(503)},
    openapi_extra=described(ListParameters),
)
async def list_tracks(
    request: Request,
    parameters: Annotated[ListParameters, Depends(FromQuery(ListParameters))],
    session: SessionDep,
    as_track: AsTrackDep,
) -> Response:
    """List tracks: those that match words and filter, the best matches first.

    Without words it is the whole collection, or what the filter leaves of it, by artist, album and
    title. With `ids` it returns many tracks at once; ids that the catalog does not have are left
    out.
    """
    limit, after = parameters.limit, _position(parameters.cursor) if parameters.cursor else None
    wanted = parameters.in_catalog, parameters.exclude_ids
    # One more than requested shows whether there is a next page.
    rows = (await session.execute(*track_lists.page(parameters.q, limit + 1, after, *wanted))).all()
    views = {row.id: tracks.view(row) for row in rows[:limit]}
    if kind := playlist_form(request, parameters):
        return playlist(kind, parameters, parameters.q or "soundalike", views.values())
    if parameters.all_tags:
        views = await with_all_tags(session, views)
    last = rows[limit - 1] if len(rows) > limit else None
    total = await session.scalar(*track_lists.count(parameters.q, *wanted)) or 0
    return JsonAnswer(
        {
            "items": list(map(as_track, views.values())),
            "next_cursor": encode_cursor(last.rank, last.sort_key, last.id) if last else None,
            "total": total,
            "did_you_mean": [] if total else await _near(session, parameters.q),
        }
    )


async def _near(session: AsyncSession, text: str) -> list[str]:
    """Return the names that are nearly those that the text has."""
    words = TextQuery.of(text)
    if not words.words:
        return []
    found = (await session.execute(suggestions.candidates(words))).all()
    return await to_thread.run_sync(suggestions.closest, words, found)


def _position(cursor: str) -> TrackPosition:
    rank, sort_key, track_id = decode_cursor(cursor, int, str, str)
    if not (rank in range(RANKS) and storable(sort_key) and storable(track_id)):
        raise invalid_cursor()
    return TrackPosition(rank, sort_key, track_id)


@router.get("/{track_id}", responses=documented(404, 503))
async def get_track(
    track_id: PathTrackId, session: SessionDep, as_track: AsTrackDep, located: SeesLocationsDep
) -> TrackDetails:
    """Return one track, with all its files and all that their metadata says."""
    views = await with_all_tags(session, {track_id: await known_track(session, track_id)})
    track = as_track(views[track_id])
    file_tags = await session.scalar(tracks.file_tags_of(track_id))
    found = [view_of(*row) for row in await session.execute(all_files(track_id))]
    files = [as_file(file, located=located) for file in found if file]
    return TrackDetails(**track, files=files, file_tags=file_tags or {})
