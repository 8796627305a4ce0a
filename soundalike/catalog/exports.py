"""Statements of exports: the tracks' rows, and the spaces that can be exported."""

from dataclasses import dataclass

from sqlalchemy import ARRAY, Text, any_, literal, select
from sqlalchemy.orm import Session

from soundalike.catalog.presence import is_present
from soundalike.catalog.tables import EmbeddedBatchRow, FileRow, RootRow, TrackRow


@dataclass(frozen=True)
class ExportedTrack:
    """A track's row: `root` is the music root's name, `location` its folder or bucket.

    `path` is the file's below it. All are None once it has no file. `duration` is in seconds.
    """

    id: str
    root: str | None
    location: bytes | None
    path: str | None
    title: str | None
    artist: str | None
    artists: list[str]
    album: str | None
    genres: list[str]
    year: int | None
    duration: float | None


def exported_tracks(session: Session, track_ids: list[str]) -> list[ExportedTrack]:
    """Read these tracks, in the order given; one that the catalog does not know has only its id."""
    wanted = any_(literal(track_ids, ARRAY(Text)))
    files = (
        select(FileRow.track_id, RootRow.name, RootRow.location, FileRow.shown)
        .join(RootRow, RootRow.id == FileRow.root_id)
        .where(FileRow.track_id == wanted, is_present())
        .distinct(FileRow.track_id)
        .order_by(FileRow.track_id, FileRow.gone_at.is_not(None), FileRow.id)
        .subquery()
    )
    rows = session.execute(
        select(
            *(TrackRow.id, files.c.name, files.c.location, files.c.shown),
            *(TrackRow.title, TrackRow.artist, TrackRow.artists, TrackRow.album),
            *(TrackRow.genres, TrackRow.year, TrackRow.duration),
        )
        .outerjoin(files, files.c.track_id == TrackRow.id)
        .where(TrackRow.id == wanted)
    )
    known = {row.id: ExportedTrack(*row) for row in rows}
    return [known.get(track) or _unknown(track) for track in track_ids]


def _unknown(track: str) -> ExportedTrack:
    return ExportedTrack(track, None, None, None, None, None, [], None, [], None, None)


def embedded_spaces(session: Session) -> list[str]:
    """Return the keys of the spaces in which batches of the library are embedded."""
    spaces = select(EmbeddedBatchRow.space).distinct().order_by(EmbeddedBatchRow.space)
    return list(session.scalars(spaces))
