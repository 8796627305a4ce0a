"""Statements that list tracks in order, page by page: those of a search by words, or all."""

from collections.abc import Collection
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
    bindparam,
    func,
    literal,
    select,
    tuple_,
)

from soundalike.catalog.filters import NO_FILTER, TrackFilter, conditions
from soundalike.catalog.presence import has_file
from soundalike.catalog.tables import FileWordsRow, TrackRow
from soundalike.catalog.text_search import TextQuery, count_matches, ranked
from soundalike.catalog.tracks import VIEW, viewed


@dataclass(frozen=True)
class TrackPosition:
    """A track's position in the order of a list."""

    rank: int
    sort_key: str
    track_id: str


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
        viewed(*VIEW, top.c.rank, top.c.sort_key)
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
