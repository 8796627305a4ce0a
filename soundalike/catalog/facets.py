"""Facets: the values that a field has over the tracks of a filter, with the number of each."""

from collections.abc import Collection, Iterable
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    all_,
    cast,
    func,
    literal,
    or_,
    select,
    true,
)

from soundalike.catalog.filters import TrackFilter, conditions, file_conditions, top_tag_words
from soundalike.catalog.folding import fold, spellings
from soundalike.catalog.presence import is_present
from soundalike.catalog.search_words import Field, name_term
from soundalike.catalog.tables import FileRow, RootRow, TrackRow

FacetName = Literal["artists", "albums", "genres", "tags", "folders", "years"]
# Those whose values are names, which people write differently: they are found folded.
_NAMES: dict[FacetName, Field] = {"artists": "artist", "albums": "album", "genres": "genre"}


class FacetValue(NamedTuple):
    """A value as it is written, and its number of tracks; `root` is the music root of a folder."""

    value: str
    root: str | None
    tracks: int


def facet_values(
    facet: FacetName, prefix: str, track_filter: TrackFilter, excluded: Collection[str]
) -> Select[Any]:
    """Select the values of tracks that have a file and match, in no order: rows of FacetValue.

    Values of names may not begin with `prefix`: `chosen` leaves those out. `excluded` are ids.
    """
    held = conditions(track_filter)
    if excluded:
        held.append(TrackRow.id != all_(literal(list(excluded), ARRAY(Text))))
    if facet == "folders":
        return _folders(prefix, file_conditions(track_filter), held)
    if prefix and facet in _NAMES:
        held.append(_has_name_from(_NAMES[facet], prefix))
    # As a set, which is hashed: to look up each track's files takes three times as long.
    held.append(TrackRow.id.in_(select(FileRow.track_id).where(is_present())))
    values = _values(facet)
    chosen = select(values.label("value")).where(*held).subquery()
    counted = select(chosen.c.value, literal(None, Text), func.count()).group_by(chosen.c.value)
    counted = counted.where(chosen.c.value.is_not(None))
    if prefix and facet not in _NAMES:
        counted = counted.where(
            func.lower(chosen.c.value).startswith(prefix.lower(), autoescape=True)
        )
    return counted


def _values(facet: FacetName) -> ColumnElement[Any]:
    match facet:
        case "artists":
            return func.unnest(TrackRow.artists)
        case "genres":
            return func.unnest(TrackRow.genres)
        case "tags":
            return func.jsonb_array_elements_text(top_tag_words())
        case "years":
            return cast(TrackRow.year, Text)
        case _:
            return TrackRow.album.expression


def _has_name_from(field: Field, prefix: str) -> ColumnElement[bool]:
    """Condition on TrackRow: one of its names in this field begins so, folded."""
    each = func.unnest(TrackRow.names).table_valued("term").render_derived()
    begins = each.c.term.startswith(name_term(field, prefix), autoescape=True)
    return select(literal(1)).select_from(each).where(begins).exists()


def _folders(
    prefix: str, of_file: list[ColumnElement[bool]], held: list[ColumnElement[bool]]
) -> Select[Any]:
    """Select the folders on the level that `prefix` names, each with all that is below it."""
    level = prefix.count("/") + 1
    parts = func.string_to_array(FileRow.shown, "/", type_=ARRAY(Text))
    folder = (func.array_to_string(parts[1:level], "/") + "/").label("value")
    begins = [FileRow.shown.startswith(each, autoescape=True) for each in sorted(spellings(prefix))]
    deeper = [func.cardinality(parts) > level, or_(*begins) if prefix else true()]
    if held:
        deeper.append(FileRow.track_id.in_(select(TrackRow.id).where(*held)))
    files = (
        select(folder, FileRow.root_id, FileRow.track_id)
        .where(is_present(), FileRow.track_id.is_not(None), *of_file, *deeper)
        .distinct()
        .subquery()
    )
    return (
        select(files.c.value, RootRow.name, func.count())
        .join(RootRow, RootRow.id == files.c.root_id)
        .group_by(files.c.value, RootRow.name)
    )


def chosen(facet: FacetName, prefix: str, rows: Iterable[Any]) -> list[FacetValue]:
    """Return the values that begin with `prefix`, those of most tracks first."""
    values = [FacetValue(*row) for row in rows]
    if prefix and facet in _NAMES:
        begin = fold(prefix)
        values = [each for each in values if fold(each.value).startswith(begin)]
    return sorted(values, key=order)


def order(value: FacetValue) -> tuple[int, str, str]:
    """Return the key of the order: by number of tracks, then by value and root."""
    return -value.tracks, value.value, value.root or ""
