"""Routes for tracks: one by its id, or a list by words."""

from dataclasses import asdict
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from serving import limits
from serving.cursors import decode_cursor, encode_cursor, invalid_cursor
from serving.dependencies import SessionDep
from serving.errors import documented
from serving.schemas.requests import CursorText, PathTrackId, StorableText
from serving.schemas.responses import Track, TrackDetails, TrackPage
from serving.search.tracks import known_track
from soundalike.catalog import suggestions, tracks
from soundalike.catalog.text_search import RANKS, TextQuery
from soundalike.catalog.tracks import TrackPosition, storable

router = APIRouter(prefix="/v1/tracks", tags=["tracks"])


Words = Annotated[
    StorableText,
    Query(
        max_length=limits.MAX_QUERY_LENGTH,
        description="Words; each must occur in the title, artist, album or path. Case, accents, "
        "typographic signs and punctuation do not count; at most ten words do.",
        examples=["ana saudade"],
    ),
]
PageSize = Annotated[
    int, Query(ge=1, le=limits.MAX_PAGE_SIZE, description="Maximum number of tracks per page.")
]


@router.get("", responses=documented(422, 503))
async def list_tracks(
    session: SessionDep,
    query: Words = "",
    limit: PageSize = limits.DEFAULT_PAGE_SIZE,
    cursor: CursorText = None,
) -> TrackPage:
    """List tracks: the whole collection by artist, album and title, or the best matches first."""
    # One more than requested shows whether there is a next page.
    after = _position(cursor) if cursor else None
    rows = (await session.execute(*tracks.page(query, limit + 1, after))).all()
    last = rows[limit - 1] if len(rows) > limit else None
    total = await session.scalar(*tracks.count(query)) or 0
    return TrackPage(
        items=[Track.model_validate(tracks.view(row)) for row in rows[:limit]],
        next_cursor=encode_cursor(last.rank, last.sort_key, last.id) if last else None,
        total=total,
        did_you_mean=[] if total else await _near(session, query),
    )


async def _near(session: AsyncSession, query: str) -> list[str]:
    """Return the names that are nearly those of the query."""
    words = TextQuery.of(query)
    if not words.words:
        return []
    found = (await session.execute(suggestions.candidates(words))).all()
    return await to_thread.run_sync(suggestions.closest, words, found)


def _position(cursor: str) -> TrackPosition:
    rank, sort_key, track_id = decode_cursor(cursor, int, str, str)
    if not (rank in range(RANKS) and storable(sort_key) and storable(track_id)):
        raise invalid_cursor()
    return TrackPosition(rank, sort_key, track_id)


@router.get("/{track_id}", responses=documented(404, 422, 503))
async def track(track_id: PathTrackId, session: SessionDep) -> TrackDetails:
    """Return one track, with all that its file's metadata says."""
    view = await known_track(session, track_id)
    file_tags = await session.scalar(tracks.file_tags_of(track_id))
    return TrackDetails.model_validate({**asdict(view), "file_tags": file_tags or {}})
