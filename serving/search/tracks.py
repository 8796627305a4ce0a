"""Tracks that an answer names, and why one cannot be answered about."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from serving.errors import Problem
from serving.index.live_index import ServedIndex
from soundalike.catalog import tracks
from soundalike.catalog.tracks import TrackView


async def views_of(session: AsyncSession, track_ids: Iterable[str]) -> dict[str, TrackView]:
    """Those of them that the catalog has, by id."""
    rows = await session.execute(tracks.by_ids(list(track_ids)))
    return {row.id: tracks.view(row) for row in rows}


async def metadata_of(session: AsyncSession, track_ids: Iterable[str]) -> dict[str, TrackView]:
    """Those of them that the catalog has, without tags: for thousands of candidates.

    Tags would take longer than all else.
    """
    rows = await session.execute(tracks.by_ids(list(track_ids), with_tags=False))
    return {row.id: tracks.view(row) for row in rows}


async def known_track(session: AsyncSession, track_id: str) -> TrackView:
    """The track; 404 where there is none."""
    views = await views_of(session, [track_id])
    if track_id not in views:
        raise unknown_track()
    return views[track_id]


def unknown_track() -> Problem:
    """The catalog has no such track."""
    return Problem(404, "unknown-track", "the catalog has no such track; GET /v1/tracks finds ids")


async def require_indexed(
    session: AsyncSession, served: ServedIndex, track_ids: Iterable[str]
) -> None:
    """404 for one that nobody knows, 409 for one that the catalog knows and the index does not."""
    for track_id in track_ids:
        if track_id not in served:
            raise await _not_indexed(session, track_id, served)


async def _not_indexed(session: AsyncSession, track_id: str, served: ServedIndex) -> Problem:
    view = await known_track(session, track_id)
    failure = (await session.execute(tracks.failures_of(track_id))).first()
    if view.path is None:
        reason = "no file of the collection holds it any more"
    elif not await session.scalar(tracks.has_allowed_length(track_id)):
        reason = f"at {view.duration:.0f} s it is shorter or longer than the settings allow"
    elif failure:
        reason = f"it failed ({failure.stage}: {failure.message})"
    else:
        reason = "it came after that index was built; the next one will have it"
    detail = f"the track is not in the published index {served.manifest.version}: {reason}"
    return Problem(409, "not-in-index", detail)
