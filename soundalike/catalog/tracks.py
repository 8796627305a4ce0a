"""Statements that read tracks for the API and the command line, for any kind of session."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    and_,
    any_,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.engine import Row

from soundalike.catalog import presence
from soundalike.catalog.file_views import FileView, first_file, view_of
from soundalike.catalog.filters import top_tags
from soundalike.catalog.presence import is_present
from soundalike.catalog.search_words import full_name
from soundalike.catalog.tables import FailureRow, FileRow, TrackRow


@dataclass(frozen=True)
class TrackView:
    """A track as users see it.

    `artist` and `genre` are for display, `artists` and `genres` their single values.
    `file` is the oldest listed one, None once the track has no file. `duration` is in seconds.
    `decoded_share`: how much of its audio is not broken, 0..1; None before it was decoded.
    `tags` are the strongest, or all where that is asked for.
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
    file: FileView | None
    tags: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """The name under which it is printed."""
        return full_name(self.artist, self.title)

    @property
    def root(self) -> str | None:
        """The name of the music root that its file is in."""
        return self.file.root if self.file else None

    @property
    def path(self) -> str | None:
        """The file's path relative to the root, as it is shown."""
        return self.file.path if self.file else None


def storable(text: str) -> bool:
    """Return whether Postgres can store or compare the text: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def sort_key(title: str, artist: str | None, album: str | None) -> str:
    """Return the key that orders lists of tracks: artist, album, title, ignoring case."""
    return "\x1f".join((artist or "", album or "", title)).casefold()[:300]


_FILE = first_file()
VIEW: tuple[Any, ...] = (
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
    *_FILE.c,
    top_tags().label("tags"),
)
_DESCRIPTION, _TAGS = 10, len(VIEW) - 1


def view(row: Row[Any]) -> TrackView:
    """Convert a row of `by_ids` or `page` to a TrackView."""
    description, file = row[:_DESCRIPTION], row[_DESCRIPTION:_TAGS]
    values = [*description, view_of(*file), row[_TAGS]]
    return TrackView(*values)


def by_ids(track_ids: list[str]) -> Select[Any]:
    """Select the tracks with these ids, in no order; ids may be any text that a client sent."""
    return viewed(*VIEW).where(_has_one_of(track_ids))


def tags_of(track_ids: list[str]) -> Select[str, list[dict[str, Any]]]:
    """Select id and all tags of the tracks with these ids, the strongest first."""
    return select(TrackRow.id, TrackRow.tags).where(_has_one_of(track_ids))


def _has_one_of(track_ids: list[str]) -> ColumnElement[bool]:
    # One array parameter: a statement takes at most 65 535, and is cached for any number of ids.
    return TrackRow.id == any_(literal(list(filter(storable, track_ids)), ARRAY(Text)))


def viewed(*columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of any type
    """Select columns of tracks, among which VIEW may be."""
    return select(*columns).select_from(TrackRow).outerjoin(_FILE, true())


def at_paths(places: Iterable[tuple[int, bytes]]) -> Select[Any]:
    """Select the tracks of the present files at these places: pairs of root id and exact path."""
    at = [
        and_(
            FileRow.root_id == root_id,
            func.sha256(FileRow.path) == hashlib.sha256(path).digest(),
            FileRow.path == path,
        )
        for root_id, path in places
    ]
    files = select(FileRow.track_id).where(or_(false(), *at), is_present())
    return viewed(*VIEW).where(TrackRow.id.in_(files)).order_by(TrackRow.id)


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
