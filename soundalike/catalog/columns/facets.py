"""Facets: the values that a field has over the tracks of a filter, with the number of each."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from soundalike.catalog.columns.filtering import Mask, allowed, allowed_files, rows_with_any
from soundalike.catalog.columns.folders import folders
from soundalike.catalog.columns.table import TrackColumns, offsets_of
from soundalike.catalog.filters import TrackFilter
from soundalike.catalog.folding import fold
from soundalike.catalog.search_words import Field, name_term

FacetName = Literal["artists", "albums", "genres", "tags", "folders", "years"]
# Those whose values are names, which people write differently: they are found folded.
_NAMES: dict[FacetName, Field] = {"artists": "artist", "albums": "album", "genres": "genre"}
COUNTED = pa.schema(
    [
        pa.field("value", pa.large_string()),
        pa.field("root", pa.large_string()),
        pa.field("tracks", pa.int64()),
    ]
)


class FacetValue(NamedTuple):
    """A value as it is written, and its number of tracks; `root` is the music root of a folder."""

    value: str
    root: str | None
    tracks: int


@dataclass(frozen=True)
class Facet:
    """A facet that is asked for: values of a field that begin with `prefix`, within a filter."""

    name: FacetName
    prefix: str
    wanted: TrackFilter


class FacetValues:
    """Values with their numbers: those of most tracks first, then by value and root."""

    def __init__(self, counted: Iterable[pa.Table]) -> None:
        """Add up tables of COUNTED, of tracks that the tables do not share."""
        added = pa.concat_tables(counted).group_by(["value", "root"]).aggregate([("tracks", "sum")])
        keys = [("tracks_sum", "descending"), ("value", "ascending"), ("root", "ascending")]
        self._sorted = added.sort_by(keys).select(["value", "root", "tracks_sum"]).combine_chunks()

    def __len__(self) -> int:
        return int(self._sorted.num_rows)

    def after(self, last: tuple[int, str, str] | None, limit: int) -> list[FacetValue]:
        """Return up to `limit` values that come after one with this `order`, or from the first."""
        first = 0
        if last is not None:
            first = bisect_right(range(len(self)), last, key=lambda row: order(self._at(row)))
        return [self._at(row) for row in range(first, min(first + limit, len(self)))]

    def _at(self, row: int) -> FacetValue:
        return FacetValue(*(column[row].as_py() for column in self._sorted.columns))


def order(value: FacetValue) -> tuple[int, str, str]:
    """Return the key of the order: by number of tracks, then by value and root."""
    return -value.tracks, value.value, value.root or ""


def counted(columns: TrackColumns, facet: Facet, among: Mask) -> pa.Table:
    """Count the facet's values over the tracks `among` [n] that have a file: rows of COUNTED."""
    tracks = among & columns.has_file & allowed(columns, facet.wanted)
    if facet.name == "folders":
        return _with_roots(columns, facet, tracks)
    if facet.name == "years":
        found = pc.value_counts(columns.table["year"].filter(pa.array(tracks)).drop_null())
        values, numbers = found.field("values").cast(pa.large_string()), found.field("counts")
    else:
        if facet.prefix and (field := _NAMES.get(facet.name)):
            tracks &= _has_name_from(columns, field, facet.prefix)
        values, numbers = _counted_words(columns, facet.name, tracks)
    if facet.prefix:
        begins = _beginning(facet)
        kept = pa.array([begins(value) for value in values.to_pylist()], pa.bool_())
        values, numbers = values.filter(kept), numbers.filter(kept)
    return pa.table([values, pa.nulls(len(values), pa.large_string()), numbers], schema=COUNTED)


def _counted_words(columns: TrackColumns, name: str, tracks: Mask) -> tuple[pa.Array, pa.Array]:
    """Count the words of a column of lists over these tracks."""
    column = columns.list_of(name)
    words, offsets = column.values, offsets_of(column)
    codes = words.indices.to_numpy()[np.repeat(tracks, np.diff(offsets))]
    numbers = np.bincount(codes, minlength=len(words.dictionary))
    found = np.flatnonzero(numbers)
    return words.dictionary.take(pa.array(found)), pa.array(numbers[found], pa.int64())


def _with_roots(columns: TrackColumns, facet: Facet, tracks: Mask) -> pa.Table:
    """Count the tracks in each folder of a level, which may hold several files of one."""
    paths, roots = columns.list_of("paths"), columns.list_of("roots")
    rows = np.repeat(np.arange(len(columns)), np.diff(offsets_of(paths)))
    files = np.flatnonzero(allowed_files(columns, facet.wanted) & tracks[rows])
    values, positions = folders(paths.values.take(pa.array(files)), facet.prefix)
    files = files[positions]
    if not len(files):
        return COUNTED.empty_table()
    each = values.dictionary_encode(), roots.values.take(pa.array(files)).dictionary_encode()
    sizes = [len(one.dictionary) for one in each]
    pairs = np.ravel_multi_index([one.indices.to_numpy() for one in each], sizes)
    of_tracks = _distinct(rows[files] * math.prod(sizes) + pairs) % math.prod(sizes)
    found, numbers = np.unique(of_tracks, return_counts=True)
    places = zip(each, np.unravel_index(found, sizes), strict=True)
    named = (one.dictionary.take(pa.array(at)) for one, at in places)
    return pa.table([*named, pa.array(numbers)], schema=COUNTED)


def _distinct(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers without repetitions; they are nearly in order, which this sort uses."""
    ordered = np.sort(ascending, kind="stable")
    once: NDArray[np.int64] = ordered[np.diff(ordered, prepend=-1) != 0]
    return once


def _has_name_from(columns: TrackColumns, field: Field, prefix: str) -> Mask:
    """Return whether one of the track's names in this field begins so, folded."""
    names = columns.list_of("names").values.dictionary
    term = name_term(field, prefix).encode()
    first = bisect_left(names, term, key=lambda name: name.as_py().encode())
    end = bisect_right(names, term, key=lambda name: name.as_py().encode()[: len(term)])
    return rows_with_any(columns, "names", np.arange(first, end))


def _beginning(facet: Facet) -> Callable[[str], bool]:
    """Return whether a value begins with the facet's prefix; names are compared folded."""
    if facet.name in _NAMES:
        folded = fold(facet.prefix)
        return lambda value: fold(value).startswith(folded)
    lower = facet.prefix.lower()
    return lambda value: value.lower().startswith(lower)
