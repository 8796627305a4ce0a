"""Reading tracks, for the API and the command line: statements that any session can execute."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Row

from soundalike.catalog import presence
from soundalike.catalog.presence import has_file, is_present
from soundalike.catalog.tables import FailureRow, FileRow, TrackRow


@dataclass(frozen=True)
class TrackView:
    """A track as people see it. `path` is relative to its music root, None once it has no file.

    `decoded_share`: how much of its audio is not broken, 0..1; None before it was decoded.
    """

    id: str
    title: str
    artist: str | None
    album: str | None
    genre: str | None
    year: int | None
    duration: float | None
    decoded_share: float | None
    path: str | None
    tags: list[dict[str, Any]]


@dataclass(frozen=True)
class TrackPosition:
    """A track's position in the order of a list."""

    sort_key: str
    track_id: str


def storable(text: str) -> bool:
    """Whether Postgres can hold it, and so be asked about it: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def sort_key(title: str, artist: str | None, album: str | None) -> str:
    """What tracks are listed by: artist, album, title, whatever their case."""
    return "\x1f".join((artist or "", album or "", title)).casefold()[:300]


_PATH = (
    select(FileRow.shown)
    .where(FileRow.track_id == TrackRow.id, is_present())
    .order_by(FileRow.gone_at.is_not(None), FileRow.id)
    .limit(1)
    .correlate(TrackRow)
    .scalar_subquery()
)
_VIEW: tuple[Any, ...] = (
    TrackRow.id,
    TrackRow.title,
    TrackRow.artist,
    TrackRow.album,
    TrackRow.genre,
    TrackRow.year,
    TrackRow.duration,
    TrackRow.decoded_share,
    _PATH.label("path"),
    TrackRow.tags,
)
_NO_TAGS = literal([], JSONB).label("tags")


def view(row: Row[Any]) -> TrackView:
    """A row of `by_ids` or `page` as a TrackView."""
    return TrackView(*row[: len(_VIEW)])


def by_ids(track_ids: list[str], *, with_tags: bool = True) -> Select[Any]:
    """The tracks with these ids, in no order. An id may be anything a client sent."""
    # One array parameter: a statement takes at most 65 535, and is cached whatever their number.
    asked = literal(list(filter(storable, track_ids)), ARRAY(Text))
    columns = _VIEW if with_tags else (*_VIEW[:-1], _NO_TAGS)
    return select(*columns).where(TrackRow.id == any_(asked))


def labels_of(track_ids: list[str]) -> Select[str, str | None, str | None, str | None]:
    """Id, genre, artist and album of these tracks, in no order."""
    columns = (TrackRow.id, TrackRow.genre, TrackRow.artist, TrackRow.album)
    return select(*columns).where(TrackRow.id.in_(track_ids))


def has_allowed_length(track_id: str) -> Select[bool]:
    """Whether the track's length is not left out by the rule."""
    return select(presence.has_allowed_length()).where(TrackRow.id == track_id)


def failures_of(track_id: str) -> Select[str, str]:
    """Stage and message of what the track's files failed at, latest first."""
    return (
        select(FailureRow.stage, FailureRow.message)
        .join(FileRow, FileRow.id == FailureRow.file_id)
        .where(FileRow.track_id == track_id)
        .order_by(FailureRow.failed_at.desc())
    )


def page(query: str, limit: int, after: TrackPosition | None) -> Select[Any]:
    """Up to `limit` tracks of the library whose words match, after a position, in sort order.

    The row ends with the track's sort key, for the next cursor.
    """
    statement = select(*_VIEW, TrackRow.sort_key).where(_matches(query))
    if after is not None:
        position = tuple_(TrackRow.sort_key, TrackRow.id)
        statement = statement.where(position > tuple_(after.sort_key, after.track_id))
    return statement.order_by(TrackRow.sort_key, TrackRow.id).limit(limit)


def count(query: str) -> Select[int]:
    """How many tracks match, over all pages."""
    return select(func.count()).select_from(TrackRow).where(_matches(query))


def _matches(query: str) -> ColumnElement[bool]:
    """In the library now, and each word somewhere in title, artist, album or path."""
    words = [_contains(word) for word in query.split()]
    return and_(has_file(), *words)


def _contains(word: str) -> ColumnElement[bool]:
    facts = (TrackRow.title, TrackRow.artist, TrackRow.album)
    in_path = (
        select(FileRow.id)
        .where(
            FileRow.track_id == TrackRow.id,
            is_present(),
            FileRow.shown.icontains(word, autoescape=True),
        )
        .exists()
    )
    return or_(*(fact.icontains(word, autoescape=True) for fact in facts), in_path)
