"""Reading: tracks as the catalog has them, for the columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    Select,
    Text,
    any_,
    cast,
    func,
    literal,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.engine import Row
from sqlalchemy.types import NullType

from soundalike.catalog.file_views import FileView
from soundalike.catalog.filters import top_tags
from soundalike.catalog.presence import is_present
from soundalike.catalog.search_words import FILTERED_FIELDS
from soundalike.catalog.tables import FileRow, RootRow, TrackRow
from soundalike.catalog.tracks import TrackView

_OLDEST_LISTED = FileRow.gone_at.is_not(None), FileRow.id


def _listed(column: Any) -> Any:  # noqa: ANN401 - a column of any type
    return func.array_agg(aggregate_order_by(column, *_OLDEST_LISTED))


def _plain(array: Any) -> Any:  # noqa: ANN401
    """The array as psycopg reads it: SQLAlchemy would copy each list, a fifth of all the time."""
    return type_coerce(array, NullType())


_FILES = (
    select(
        _listed(FileRow.shown).label("paths"),
        _listed(RootRow.name).label("roots"),
        _listed(FileRow.path)[1].label("exact"),
        _listed(RootRow.location)[1].label("place"),
    )
    .join(RootRow, RootRow.id == FileRow.root_id)
    .where(FileRow.track_id == TrackRow.id, is_present())
    .correlate(TrackRow)
    .lateral("held")
)
_COLUMNS: tuple[Any, ...] = (
    TrackRow.id,
    TrackRow.title,
    TrackRow.artist,
    _plain(TrackRow.artists),
    TrackRow.album,
    TrackRow.genre,
    _plain(TrackRow.genres),
    TrackRow.year,
    TrackRow.duration,
    TrackRow.decoded_share,
    cast(top_tags(), Text).label("tags"),
    _plain(TrackRow.names).label("names"),
    TrackRow.file_tags["musicbrainz_recording_id"].astext.label("recording"),
    TrackRow.file_tags["isrcs"].label("isrcs"),
    _plain(_FILES.c.paths).label("paths"),
    _plain(_FILES.c.roots).label("roots"),
    _FILES.c.exact,
    _FILES.c.place,
)


_DESCRIPTION = 10  # columns that a TrackView begins with
_decode_tags = msgspec.json.Decoder(list[dict[str, Any]]).decode


@dataclass(frozen=True)
class TrackFacts:
    """A track as it is shown, and what filters compare beside it.

    `names` are terms of `search_words`, `paths` and `roots` those of its files, in one order.
    Identifiers are as filters compare them.
    """

    view: TrackView
    names: list[str]
    recording: str | None
    isrcs: list[str]
    paths: list[str]
    roots: list[str]


def facts_by_ids(track_ids: Sequence[str]) -> Select[Any]:
    """Select the tracks with these ids, in the order of ids; `facts_of` converts a row."""
    return _tracks().where(TrackRow.id == any_(literal(list(track_ids), ARRAY(Text))))


def facts_after(track_id: str, limit: int) -> Select[Any]:
    """Select up to `limit` tracks after this one, in the order of ids."""
    return _tracks().where(TrackRow.id > track_id).limit(limit)


def _tracks() -> Select[Any]:
    statement = select(*_COLUMNS).select_from(TrackRow).outerjoin(_FILES, true())
    return statement.order_by(TrackRow.id)


def facts_of(row: Row[Any]) -> TrackFacts:
    """Convert a row."""
    paths, roots = row.paths or [], row.roots or []
    file = FileView(roots[0], paths[0], row.exact, row.place) if paths else None
    values = [*row[:_DESCRIPTION], file, _decode_tags(row.tags)]
    view = TrackView(*values)
    return TrackFacts(
        view,
        [name for name in row.names if name.startswith(FILTERED_FIELDS)],
        row.recording and row.recording.lower(),
        [plain_isrc(each) for each in row.isrcs or ()],
        paths,
        roots,
    )


def plain_isrc(written: str) -> str:
    """Return an ISRC as it is compared: capitals, without hyphens and spaces."""
    return written.upper().replace("-", "").replace(" ", "")
