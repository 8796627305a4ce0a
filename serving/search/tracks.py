"""Tracks in requests and responses, and the problems for unknown and unindexed ones."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import Problem
from serving.index.served_index import ServedIndex
from serving.limits import MAX_ID_LENGTH
from serving.schemas.tracks import TrackFile
from serving.search.catalog import SearchCatalog
from soundalike.catalog import tracks
from soundalike.catalog.file_views import FileView
from soundalike.catalog.tracks import TrackView

ShownTrack = dict[str, Any]  # the fields of schemas.tracks.Track


def as_track(view: TrackView, *, located: bool) -> ShownTrack:
    """Convert a track to the response's form; `located` is whether the client sees locations."""
    return {
        "id": view.id,
        "title": view.title,
        "artist": view.artist,
        "artists": view.artists,
        "album": view.album,
        "genre": view.genre,
        "genres": view.genres,
        "year": view.year,
        "duration": view.duration,
        "decoded_share": view.decoded_share,
        "root": view.root,
        "path": view.path,
        "location": view.file.absolute if located and view.file else None,
        "tags": view.tags,
    }


def as_file(view: FileView, *, located: bool) -> TrackFile:
    """Convert a file to the response's form, as `as_track` does."""
    location = view.absolute if located else None
    return TrackFile(root=view.root, path=view.path, location=location)


async def known_track(session: AsyncSession, track_id: str) -> TrackView:
    """Read a track. Raises Problem: 404 if the catalog does not have it."""
    row = (await session.execute(tracks.by_ids([track_id]))).one_or_none()
    if row is None:
        raise unknown_track()
    return tracks.view(row)


def unknown_track() -> Problem:
    """Create the 404 for a track that the catalog does not have."""
    return Problem(404, "unknown-track", "the catalog has no such track; GET /v1/tracks lists ids")


def require_possible_id(track_id: str) -> None:
    """Require a text that may be an id. Raises Problem: 404 for one that no track can have."""
    if len(track_id) > MAX_ID_LENGTH or not tracks.storable(track_id) or "," in track_id:
        raise unknown_track()


async def require_indexed(
    catalog: SearchCatalog, served: ServedIndex, track_ids: Iterable[str]
) -> None:
    """Require all tracks to be in the index.

    Raises Problem: 404 for one that the catalog does not have, 409 for one that only the catalog
    has.
    """
    for track_id in track_ids:
        if track_id not in served:
            async with catalog.open_session() as session:
                raise await _not_indexed(session, track_id, served)


async def _not_indexed(session: AsyncSession, track_id: str, served: ServedIndex) -> Problem:
    view = await known_track(session, track_id)
    failure = (await session.execute(tracks.failures_of(track_id))).first()
    if view.path is None:
        reason = "no file in the collection contains it any more"
    elif not await session.scalar(tracks.has_allowed_length(track_id)):
        reason = f"its duration of {view.duration:.0f} s is outside of what the settings allow"
    elif failure:
        reason = f"it failed ({failure.stage}: {failure.message})"
    else:
        reason = "it was added after that version was built; the next one will contain it"
    detail = f"the track is not in index version {served.manifest.version}: {reason}"
    return Problem(409, "not-in-index", detail)
