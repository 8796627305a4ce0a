"""Statements that read tracks for the API and the command line, for any kind of session."""

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
    """A track as users see it.

    `artist` and `genre` are for display, `artists` and `genres` their single values.
    `path` is relative to its music root, None once the track has no file. `duration` is in seconds.
    `decoded_share`: how much of its audio is not broken, 0..1; None before it was decoded.
    """

    id: str
    title: str
    artist: str | None
    artists: list[str]
    album: str | None
    genre: str | None
    genres: list[str]
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
    """Return whether Postgres can store or compare the text: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def sort_key(title: str, artist: str | None, album: str | None) -> str:
    """Return the key that orders lists of tracks: artist, album, title, ignoring case."""
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
    TrackRow.artists,
    TrackRow.album,
    TrackRow.genre,
    TrackRow.genres,
    TrackRow.year,
    TrackRow.duration,
    TrackRow.decoded_share,
    _PATH.label("path"),
    TrackRow.tags,
)
_NO_TAGS = literal([], JSONB).label("tags")


def view(row: Row[Any]) -> TrackView:
    """Convert a row of `by_ids` or `page` to a TrackView."""
    return TrackView(*row[: len(_VIEW)])


def by_ids(track_ids: list[str], *, with_tags: bool = True) -> Select[Any]:
    """Select the tracks with these ids, in no order; ids may be any text that a client sent."""
    # One array parameter: a statement takes at most 65 535, and is cached for any number of ids.
    ids = literal(list(filter(storable, track_ids)), ARRAY(Text))
    columns = _VIEW if with_tags else (*_VIEW[:-1], _NO_TAGS)
    return select(*columns).where(TrackRow.id == any_(ids))


def file_tags_of(track_id: str) -> Select[dict[str, Any]]:
    """Select what the file's tags say beyond what TrackView has."""
    return select(TrackRow.file_tags).where(TrackRow.id == track_id)


def labels_of(track_ids: list[str]) -> Select[str, list[str], list[str], str | None]:
    """Select id, genres, artists and album of these tracks, in no order."""
    columns = (TrackRow.id, TrackRow.genres, TrackRow.artists, TrackRow.album)
    return select(*columns).where(TrackRow.id.in_(track_ids))


def has_allowed_length(track_id: str) -> Select[bool]:
    """Select whether the length rule does not exclude the track."""
    return select(presence.has_allowed_length()).where(TrackRow.id == track_id)


def failures_of(track_id: str) -> Select[str, str]:
    """Select stage and message of the failures of the track's files, latest first."""
    return (
        select(FailureRow.stage, FailureRow.message)
        .join(FileRow, FileRow.id == FailureRow.file_id)
        .where(FileRow.track_id == track_id)
        .order_by(FailureRow.failed_at.desc())
    )


def page(query: str, limit: int, after: TrackPosition | None) -> Select[Any]:
    """Select up to `limit` tracks that match the query, after a position, in sort order.

    Rows end with the track's sort key, for the next cursor.
    """
    statement = select(*_VIEW, TrackRow.sort_key).where(_matches(query))
    if after is not None:
        position = tuple_(TrackRow.sort_key, TrackRow.id)
        statement = statement.where(position > tuple_(after.sort_key, after.track_id))
    return statement.order_by(TrackRow.sort_key, TrackRow.id).limit(limit)


def count(query: str) -> Select[int]:
    """Select the number of tracks that match the query, over all pages."""
    return select(func.count()).select_from(TrackRow).where(_matches(query))


def _matches(query: str) -> ColumnElement[bool]:
    """Condition: the track has a file, and each word is in its title, artist, album or path."""
    words = [_contains(word) for word in query.split()]
    return and_(has_file(), *words)


def _contains(word: str) -> ColumnElement[bool]:
    columns = (TrackRow.title, TrackRow.artist, TrackRow.album)
    in_path = (
        select(FileRow.id)
        .where(
            FileRow.track_id == TrackRow.id,
            is_present(),
            FileRow.shown.icontains(word, autoescape=True),
        )
        .exists()
    )
    return or_(*(column.icontains(word, autoescape=True) for column in columns), in_path)
