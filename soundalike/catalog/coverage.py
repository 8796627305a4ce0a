"""Coverage: how much of the library each stage has done, and what failed in it, counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, false, func, select
from sqlalchemy.orm import Session

from soundalike.catalog.batches import READING
from soundalike.catalog.failures import FailureView, page
from soundalike.catalog.presence import has_allowed_length
from soundalike.catalog.tables import FailureRow, FileRow, TrackRow, VectorRow


@dataclass(frozen=True)
class Coverage:
    """A stage's share of the library: `done` of `total` files or tracks (`unit`).

    `failed` has the number of failed files by code; what neither is done nor failed is still
    waiting. `shown` are the first failures.
    """

    unit: str
    total: int
    done: int
    failed: dict[str, int]
    shown: Sequence[FailureView]

    @property
    def failures(self) -> int:
        """The number of failed files."""
        return sum(self.failed.values())


@dataclass(frozen=True)
class FileOutcomes:
    """Numbers of listed files that are in no index: each is counted once.

    `failed` at any stage; of a track that the length rule excludes (`wrong_length`); `waiting` to
    be read.
    """

    failed: int
    wrong_length: int
    waiting: int


@dataclass(frozen=True)
class DecodedAudio:
    """The lengths of the decoded tracks, in seconds; `flawed`: how many have broken parts."""

    seconds: float
    whole_seconds: float
    flawed: int

    @property
    def share(self) -> float:
        """The share of the audio that is not broken, 0..1; 1 if there is none."""
        return self.whole_seconds / self.seconds if self.seconds else 1.0


def files_read(session: Session, shown: int) -> Coverage:
    """Count the listed files that were read, and those that failed to be."""
    listed = FileRow.gone_at.is_(None)
    is_read = ~FileRow.unread & FileRow.track_id.is_not(None)
    total, done = session.execute(
        select(func.count(), func.count().filter(is_read)).where(listed)
    ).one()
    return _coverage(session, READING, "file", total, done, shown)


def file_outcomes(session: Session) -> FileOutcomes:
    """Count the listed files that have come to nothing, or to nothing yet."""
    # Sets, which are hashed once: looking each file up takes three times as long.
    failed = FileRow.id.in_(select(FailureRow.file_id))
    left_out = select(TrackRow.id).where(~has_allowed_length())
    wrong_length = func.coalesce(FileRow.track_id.in_(left_out), false())
    waiting = FileRow.unread | FileRow.track_id.is_(None)
    counts = (
        func.count().filter(failed),
        func.count().filter(~failed, wrong_length),
        func.count().filter(~failed, ~wrong_length, waiting),
    )
    listed = select(*counts).select_from(FileRow).where(FileRow.gone_at.is_(None))
    return FileOutcomes(*session.execute(listed).one())


def tracks_decoded(session: Session, stage: str, shown: int) -> Coverage:
    """Count the tracks that have canonical audio, and the files that failed at that stage."""
    return _tracks(session, stage, TrackRow.decoded_share.is_not(None), shown)


def tracks_embedded(session: Session, stage: str, space: str, shown: int) -> Coverage:
    """Count the tracks that have a vector in `space`, and the files that failed at that stage."""
    vector = exists().where(VectorRow.space == space, VectorRow.track_id == TrackRow.id)
    return _tracks(session, stage, vector, shown)


def decoded(session: Session) -> DecodedAudio:
    """Sum up the lengths of the library's decoded tracks, and how much of them is whole."""
    flawed = func.count().filter(TrackRow.decoded_share < 1)
    length = func.sum(TrackRow.duration)
    whole = func.sum(TrackRow.duration * TrackRow.decoded_share)
    of_library = TrackRow.decoded_share.is_not(None), _is_listed()
    found = session.execute(select(length, whole, flawed).where(*of_library)).one()
    return DecodedAudio(float(found[0] or 0), float(found[1] or 0), int(found[2]))


def _tracks(session: Session, stage: str, is_done: ColumnElement[bool], shown: int) -> Coverage:
    counts = select(func.count(TrackRow.id), func.count(TrackRow.id).filter(is_done))
    total, done = session.execute(counts.where(_is_listed(), has_allowed_length())).one()
    return _coverage(session, stage, "track", total, done, shown)


def _is_listed() -> ColumnElement[bool]:
    """Condition on TrackRow: the last scan listed a file of it, which was read."""
    listed = FileRow.gone_at.is_(None), ~FileRow.unread
    return exists().where(FileRow.track_id == TrackRow.id, *listed)


def _coverage(
    session: Session, stage: str, unit: str, total: int, done: int, shown: int
) -> Coverage:
    of_listed = exists().where(FileRow.id == FailureRow.file_id, FileRow.gone_at.is_(None))
    by_code = session.execute(
        select(FailureRow.code, func.count())
        .where(FailureRow.stage == stage, of_listed)
        .group_by(FailureRow.code)
        .order_by(func.count().desc(), FailureRow.code)
    )
    first = page(shown).where(FailureRow.stage == stage)
    views = [FailureView(*row) for row in session.execute(first)]
    return Coverage(unit, total, done, dict(by_code.tuples().all()), views)
