"""Metadata filters: one statement for the ids of the tracks that match."""

from dataclasses import dataclass, fields

from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from soundalike.catalog.folding import spellings
from soundalike.catalog.presence import is_present
from soundalike.catalog.search_words import Field, has_name, name_term
from soundalike.catalog.tables import FileRow, TrackRow

TOP_TAGS = 5  # tags are stored strongest first
SEPARATOR = ","  # ids are hex digits


@dataclass(frozen=True)
class TrackFilter:
    """Conditions on a track's metadata.

    Every field that is set must hold. One entry of a list must match, but all of `tags`, each among
    the track's five strongest tags. Names match as a whole, folded as in a search by words: any of
    the track's artists or genres, or all of them as they are shown. Tags match ignoring case;
    bounds are inclusive.
    """

    artists: tuple[str, ...] = ()
    albums: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    seconds_from: float | None = None
    seconds_to: float | None = None
    tags: tuple[str, ...] = ()
    path_prefix: str | None = None
    include: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether no field is set, so that no look-up is needed."""
        return all(getattr(self, field.name) == field.default for field in fields(self))


def matching(track_filter: TrackFilter) -> Select[str]:
    """Select one text: the ids of all tracks that match, joined by commas; `ids_of` splits it.

    Tracks that no longer have a file match too, unless a path prefix is set: readers of results
    skip them anyway. Selecting half of 100 000 ids takes 20 ms this way, and 251 ms as an array
    with a check for each track's file (measured together, on a busy machine).
    """
    conditions = [*_names(track_filter), *_bounds(track_filter)]
    conditions += [_has_top_tag(word) for word in track_filter.tags]
    if track_filter.path_prefix:
        conditions.append(_has_file_below(track_filter.path_prefix))
    if track_filter.include:
        conditions.append(TrackRow.id == any_(literal(list(track_filter.include), ARRAY(Text))))
    return select(func.coalesce(func.string_agg(TrackRow.id, SEPARATOR), "")).where(*conditions)


def _has_top_tag(word: str) -> ColumnElement[bool]:
    """Condition: the tag is among the track's strongest (the model scores every tag it knows)."""
    path = cast(f"$[0 to {TOP_TAGS - 1}].word", JSONPATH)
    strongest = func.jsonb_path_query_array(TrackRow.tags, path)
    return cast(func.lower(cast(strongest, Text)), JSONB).contains(
        func.jsonb_build_array(func.lower(word))
    )


def ids_of(joined: str) -> list[str]:
    """Split the text that `matching` selects into track ids, in no particular order."""
    return joined.split(SEPARATOR) if joined else []


def _has_file_below(path_prefix: str) -> ColumnElement[bool]:
    """Condition: a present file of the track has a path that starts with this prefix."""
    present = FileRow.track_id == TrackRow.id, is_present()
    starts = (FileRow.shown.startswith(each, autoescape=True) for each in spellings(path_prefix))
    return select(FileRow.id).where(*present, or_(*starts)).exists()


def _names(track_filter: TrackFilter) -> list[ColumnElement[bool]]:
    named: list[tuple[Field, tuple[str, ...]]] = [
        ("artist", track_filter.artists),
        ("album", track_filter.albums),
        ("genre", track_filter.genres),
    ]
    terms = [[name_term(field, name) for name in names] for field, names in named if names]
    return [has_name(literal(any_of, ARRAY(Text))) for any_of in terms]


def _bounds(track_filter: TrackFilter) -> list[ColumnElement[bool]]:
    """Conditions for the bounds; a track whose year or length is unknown is within none."""
    bounds = (
        (track_filter.year_from, TrackRow.year.__ge__),
        (track_filter.year_to, TrackRow.year.__le__),
        (track_filter.seconds_from, TrackRow.duration.__ge__),
        (track_filter.seconds_to, TrackRow.duration.__le__),
    )
    return [compare(bound) for bound, compare in bounds if bound is not None]
