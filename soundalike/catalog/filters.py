"""Metadata filters, and the conditions that they are in SQL; `columns.filtering` is the same."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    any_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from soundalike.catalog.folding import spellings
from soundalike.catalog.presence import is_present
from soundalike.catalog.search_words import Field, has_name, name_term
from soundalike.catalog.shown_paths import begins_with
from soundalike.catalog.tables import ISRCS, RECORDING_ID, FileRow, RootRow, TrackRow

TOP_TAGS = 5  # tags are stored strongest first


@dataclass(frozen=True)
class TrackFilter:
    """Conditions on a track's metadata.

    Every field that is set must hold. One entry of a list must match, but all of `tags_all`; tags
    are among the track's five strongest ones. Names match as a whole, folded as in a search by
    words: any of the track's artists or genres, or all of them as they are shown. Tags and
    identifiers match ignoring case; bounds are inclusive; `paths` are exact, as they are shown.
    Roots and paths must hold for one file.
    """

    artists: tuple[str, ...] = ()
    albums: tuple[str, ...] = ()
    genres: tuple[str, ...] = ()
    year_from: int | None = None
    year_to: int | None = None
    duration_from: float | None = None
    duration_to: float | None = None
    tags: tuple[str, ...] = ()
    tags_all: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    path_prefix: str | None = None
    musicbrainz_ids: tuple[str, ...] = ()
    isrcs: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether no field is set, so that no look-up is needed."""
        return all(getattr(self, field.name) == field.default for field in fields(self))


NO_FILTER = TrackFilter()


def conditions(track_filter: TrackFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on TrackRow that the filter stands for; none for an empty filter.

    Tracks that no longer have a file meet it too, unless roots or paths are set.
    """
    held = [*_names(track_filter), *_bounds(track_filter), *_identifiers(track_filter)]
    if track_filter.tags:
        held.append(or_(*map(_has_top_tag, track_filter.tags)))
    held += map(_has_top_tag, track_filter.tags_all)
    if of_file := file_conditions(track_filter):
        present = FileRow.track_id == TrackRow.id, is_present()
        held.append(select(FileRow.id).where(*present, *of_file).exists())
    return held


def file_conditions(track_filter: TrackFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on FileRow that the filter stands for."""
    held: list[ColumnElement[bool]] = []
    if track_filter.roots:
        named = RootRow.name == any_(_texts(track_filter.roots))
        held.append(FileRow.root_id.in_(select(RootRow.id).where(named)))
    if track_filter.paths:
        written = {path for each in track_filter.paths for path in spellings(each)}
        held.append(FileRow.shown == any_(_texts(sorted(written))))
    if track_filter.path_prefix:
        held.append(begins_with(track_filter.path_prefix))
    return held


def _has_top_tag(word: str) -> ColumnElement[bool]:
    """Condition: the tag is among the track's strongest (the model scores every tag it knows)."""
    return cast(func.lower(cast(top_tag_words(), Text)), JSONB).contains(
        func.jsonb_build_array(func.lower(word))
    )


def top_tag_words() -> ColumnElement[Any]:
    """The words of a track's strongest tags, as a JSON array."""
    path = cast(f"$[0 to {TOP_TAGS - 1}].word", JSONPATH)
    return func.jsonb_path_query_array(TrackRow.tags, path)


def top_tags() -> ColumnElement[Any]:
    """A track's strongest tags, as a JSON array; a model that knows tags scores them all."""
    path = cast(f"$[0 to {TOP_TAGS - 1}]", JSONPATH)
    return func.jsonb_path_query_array(TrackRow.tags, path)


def _identifiers(track_filter: TrackFilter) -> list[ColumnElement[bool]]:
    """Conditions for the ids of the track, of MusicBrainz and of the recording industry."""
    held: list[ColumnElement[bool]] = []
    if track_filter.ids:
        held.append(TrackRow.id == any_(_texts(track_filter.ids)))
    if track_filter.musicbrainz_ids:
        wanted = _texts(each.lower() for each in track_filter.musicbrainz_ids)
        held.append(literal_column(RECORDING_ID) == any_(wanted))
    if track_filter.isrcs:
        wanted = _texts(
            each.upper().replace("-", "").replace(" ", "") for each in track_filter.isrcs
        )
        held.append(literal_column(ISRCS).bool_op("?|")(wanted))
    return held


def _texts(values: Iterable[str]) -> ColumnElement[Any]:
    return literal(list(values), ARRAY(Text))


def _names(track_filter: TrackFilter) -> list[ColumnElement[bool]]:
    named: list[tuple[Field, tuple[str, ...]]] = [
        ("artist", track_filter.artists),
        ("album", track_filter.albums),
        ("genre", track_filter.genres),
    ]
    terms = [[name_term(field, name) for name in names] for field, names in named if names]
    return [has_name(_texts(any_of)) for any_of in terms]


def _bounds(track_filter: TrackFilter) -> list[ColumnElement[bool]]:
    """Conditions for the bounds; a track whose year or length is unknown is within none."""
    bounds = (
        (track_filter.year_from, TrackRow.year.__ge__),
        (track_filter.year_to, TrackRow.year.__le__),
        (track_filter.duration_from, TrackRow.duration.__ge__),
        (track_filter.duration_to, TrackRow.duration.__le__),
    )
    return [compare(bound) for bound, compare in bounds if bound is not None]
