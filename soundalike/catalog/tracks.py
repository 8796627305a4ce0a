"""Statements that read tracks for the API and the command line, for any kind of session."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.engine import Row

from soundalike.catalog import presence
from soundalike.catalog.file_views import FileView, first_file, view_of
from soundalike.catalog.filters import NO_FILTER, TrackFilter, conditions, top_tags
from soundalike.catalog.presence import has_file, is_present
from soundalike.catalog.search_words import full_name
from soundalike.catalog.tables import FailureRow, FileRow, FileWordsRow, TrackRow
from soundalike.catalog.text_search import TextQuery, count_matches, ranked


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


@dataclass(frozen=True)
class TrackPosition:
    """A track's position in the order of a list."""

    rank: int
    sort_key: str
    track_id: str


def storable(text: str) -> bool:
    """Return whether Postgres can store or compare the text: no NUL, no lone surrogate."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def sort_key(title: str, artist: str | None, album: str | None) -> str:
    """Return the key that orders lists of tracks: artist, album, title, ignoring case."""
    return "\x1f".join((artist or "", album or "", title)).casefold()[:300]


_FILE = first_file()
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
    *_FILE.c,
    top_tags().label("tags"),
)
_DESCRIPTION, _TAGS = 10, len(_VIEW) - 1


def view(row: Row[Any]) -> TrackView:
    """Convert a row of `by_ids` or `page` to a TrackView."""
    description, file = row[:_DESCRIPTION], row[_DESCRIPTION:_TAGS]
    values = [*description, view_of(*file), row[_TAGS]]
    return TrackView(*values)


def by_ids(track_ids: list[str]) -> Select[Any]:
    """Select the tracks with these ids, in no order; ids may be any text that a client sent."""
    return _viewed(*_VIEW).where(_has_one_of(track_ids))


def tags_of(track_ids: list[str]) -> Select[str, list[dict[str, Any]]]:
    """Select id and all tags of the tracks with these ids, the strongest first."""
    return select(TrackRow.id, TrackRow.tags).where(_has_one_of(track_ids))


def _has_one_of(track_ids: list[str]) -> ColumnElement[bool]:
    # One array parameter: a statement takes at most 65 535, and is cached for any number of ids.
    return TrackRow.id == any_(literal(list(filter(storable, track_ids)), ARRAY(Text)))


def _viewed(*columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of any type
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
    return _viewed(*_VIEW).where(TrackRow.id.in_(files)).order_by(TrackRow.id)


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


Statement = tuple[Select[Any], dict[str, Any]]  # and its parameters: arguments of `execute`


def page(
    query: str,
    limit: int,
    after: TrackPosition | None,
    track_filter: TrackFilter = NO_FILTER,
    excluded: Collection[str] = (),
) -> Statement:
    """Select up to `limit` tracks that match query and filter, after a position, the best first.

    Tracks of one rank, and all tracks if the query has no words, are in sort order. Rows end with
    rank and sort key, for the next cursor. `excluded` are ids.
    """
    words = TextQuery.of(query)
    held = _held(track_filter, excluded)
    build = _page_within if held else _page
    statement = build(held, with_words=bool(words.words), continued=after is not None)
    position = {} if after is None else asdict(after)
    return statement, {"limit": limit, **words.parameters, **position}


def count(
    query: str, track_filter: TrackFilter = NO_FILTER, excluded: Collection[str] = ()
) -> Statement:
    """Select the number of tracks that match query and filter, over all pages."""
    words = TextQuery.of(query)
    held = _held(track_filter, excluded)
    build = _count_within if held else _count
    return build(held, with_words=bool(words.words)), words.parameters


Conditions = tuple[ColumnElement[bool], ...]  # on TrackRow


def _held(track_filter: TrackFilter, excluded: Collection[str]) -> Conditions:
    held = conditions(track_filter)
    if excluded:
        held.append(TrackRow.id != all_(literal(list(excluded), ARRAY(Text))))
    return tuple(held)


def _page_within(held: Conditions, *, with_words: bool, continued: bool) -> Select[Any]:
    found = (ranked() if with_words else _listed()).subquery()
    order = ("rank", "sort_key", "track_id") if with_words else ("sort_key", "track_id")
    columns = [found.c[name] for name in order]
    statement = select(found).order_by(*columns).limit(bindparam("limit", type_=Integer))
    if held:
        statement = statement.where(found.c.track_id.in_(select(TrackRow.id).where(*held)))
    if continued:
        position = (bindparam(name, type_=found.c[name].type) for name in order)
        statement = statement.where(tuple_(*columns) > tuple_(*position))
    top = statement.subquery()
    return (
        _viewed(*_VIEW, top.c.rank, top.c.sort_key)
        .join(top, top.c.track_id == TrackRow.id)
        .order_by(*(top.c[name] for name in order))
    )


def _listed() -> Select[str, str, int]:
    """Select every track that has a file, all of one rank."""
    columns = TrackRow.id.label("track_id"), TrackRow.sort_key, literal(0).label("rank")
    return select(*columns).where(has_file())


def _count_within(held: Conditions, *, with_words: bool) -> Select[int]:
    if not with_words:
        return select(func.count()).select_from(TrackRow).where(has_file(), *held)
    matches = count_matches()
    if not held:
        return matches
    return matches.where(FileWordsRow.track_id.in_(select(TrackRow.id).where(*held)))


# Without a filter there are few statements, and building one takes longer than running it.
_page = cache(_page_within)
_count = cache(_count_within)
