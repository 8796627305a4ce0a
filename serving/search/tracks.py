"""Tracks in requests and responses, and the problems for unknown and unindexed ones."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import Problem
from serving.index.live_index import ServedIndex
from serving.limits import MAX_ID_LENGTH
from serving.schemas.responses import TrackFile
from soundalike.catalog import tracks
from soundalike.catalog.file_views import FileView
from soundalike.catalog.tracks import TrackView

ShownTrack = dict[str, Any]  # the fields of schemas.responses.Track


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


async def views_of(session: AsyncSession, track_ids: Iterable[str]) -> dict[str, TrackView]:
    """Read the tracks with these ids, by id; ids that the catalog does not have are left out."""
    rows = await session.execute(tracks.by_ids(list(track_ids)))
    return {row.id: tracks.view(row) for row in rows}


async def metadata_of(session: AsyncSession, track_ids: Iterable[str]) -> dict[str, TrackView]:
    """Read the same as `views_of` without tags, for thousands of candidates.

    Reading their tags would take longer than everything else.
    """
    rows = await session.execute(tracks.by_ids(list(track_ids), with_tags=False))
    return {row.id: tracks.view(row) for row in rows}


async def with_all_tags(
    session: AsyncSession, views: Mapping[str, TrackView]
) -> dict[str, TrackView]:
    """Return the tracks with all their tags, where views have the strongest."""
    all_tags = dict((await session.execute(tracks.tags_of(list(views)))).tuples().all())
    return {id_: replace(view, tags=all_tags.get(id_, [])) for id_, view in views.items()}


async def known_track(session: AsyncSession, track_id: str) -> TrackView:
    """Read a track. Raises Problem: 404 if the catalog does not have it."""
    views = await views_of(session, [track_id])
    if track_id not in views:
        raise unknown_track()
    return views[track_id]


def unknown_track() -> Problem:
    """Create the 404 for a track that the catalog does not have."""
    return Problem(404, "unknown-track", "the catalog has no such track; GET /v1/tracks lists ids")


def require_possible_id(track_id: str) -> None:
    """Require a text that may be an id. Raises Problem: 404 for one that no track can have."""
    if len(track_id) > MAX_ID_LENGTH or not tracks.storable(track_id) or "," in track_id:
        raise unknown_track()


async def require_indexed(
    session: AsyncSession, served: ServedIndex, track_ids: Iterable[str]
) -> None:
    """Require all tracks to be in the index.

    Raises Problem: 404 for one that the catalog does not have, 409 for one that only the catalog
    has.
    """
    for track_id in track_ids:
        if track_id not in served:
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
