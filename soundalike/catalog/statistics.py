"""Statistics: the size of the library, and how far it is embedded."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from soundalike.catalog import library_settings
from soundalike.catalog.coverage import file_outcomes
from soundalike.catalog.presence import has_allowed_length, is_embeddable, is_present
from soundalike.catalog.tables import FileRow, TrackRow, VectorRow


@dataclass(frozen=True)
class CodecCount:
    """An audio codec, and the number of tracks that have it."""

    codec: str
    tracks: int


@dataclass(frozen=True)
class Statistics:
    """Numbers of the library. `files` are those that the last scan listed.

    `space` is the library's, None before anything was ingested; `embedded` of the tracks have a
    vector in it, `pending_tracks` wait for one, `pending_files` wait to be read. `failed_files`
    failed at any stage; `excluded_files` are of a length that the settings leave out.
    """

    tracks: int
    files: int
    hours: float
    space: str | None
    embedded: int
    pending_tracks: int
    pending_files: int
    failed_files: int
    excluded_files: int
    codecs: Sequence[CodecCount]


def library_statistics(session: Session) -> Statistics:
    """Count the library's tracks, files and vectors."""
    adopted = library_settings.read(session)
    space = adopted.space if adopted else None
    vector = exists().where(VectorRow.space == space, VectorRow.track_id == TrackRow.id)
    of_library = TrackRow.id.in_(select(FileRow.track_id).where(is_present()))
    codecs = session.execute(
        select(TrackRow.codec, func.count(), func.coalesce(func.sum(TrackRow.duration), 0.0))
        .where(of_library)
        .group_by(TrackRow.codec)
        .order_by(func.count().desc(), TrackRow.codec)
    ).all()
    embedded = select(func.count()).select_from(TrackRow)
    outcomes = file_outcomes(session)
    return Statistics(
        tracks=sum(row[1] for row in codecs),
        files=session.scalar(select(func.count()).where(FileRow.gone_at.is_(None))) or 0,
        hours=sum(float(row[2] or 0) for row in codecs) / 3600,
        space=space,
        embedded=session.scalar(embedded.where(of_library, has_allowed_length(), vector)) or 0,
        pending_tracks=session.scalar(embedded.where(is_embeddable(), ~vector)) or 0,
        pending_files=outcomes.waiting,
        failed_files=outcomes.failed,
        excluded_files=outcomes.wrong_length,
        codecs=[CodecCount(codec, tracks) for codec, tracks, _ in codecs],
    )
