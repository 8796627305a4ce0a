"""Filtering: which rows of the columns a filter allows, as `catalog.filters` says it in SQL."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from soundalike.catalog.columns.reading import plain_isrc
from soundalike.catalog.columns.table import TrackColumns, offsets_of
from soundalike.catalog.filters import TrackFilter
from soundalike.catalog.folding import spellings
from soundalike.catalog.search_words import Field, name_term

Mask = NDArray[np.bool_]


def allowed(columns: TrackColumns, wanted: TrackFilter) -> Mask:
    """Return whether each track meets the filter, bool [n].

    Tracks that no longer have a file do too, unless roots or paths are set.
    """
    mask = np.ones(len(columns), bool)
    for each in _conditions(columns, wanted):
        mask &= each
    return mask


def _conditions(columns: TrackColumns, wanted: TrackFilter) -> Iterator[Mask]:
    table = columns.table
    yield from _bounds(table["year"], wanted.year_from, wanted.year_to)
    yield from _bounds(table["duration"], wanted.duration_from, wanted.duration_to)
    named: list[tuple[Field, tuple[str, ...]]] = [
        ("artist", wanted.artists),
        ("album", wanted.albums),
        ("genre", wanted.genres),
    ]
    for field, names in named:
        if names:
            yield _has_any(columns, "names", [name_term(field, name) for name in names])
    if wanted.tags:
        yield _has_any(columns, "top_tags", [word.lower() for word in wanted.tags])
    for word in wanted.tags_all:
        yield _has_any(columns, "top_tags", [word.lower()])
    if wanted.isrcs:
        yield _has_any(columns, "isrcs", map(plain_isrc, wanted.isrcs))
    if wanted.musicbrainz_ids:
        recordings = [each.lower() for each in wanted.musicbrainz_ids]
        yield _true(pc.is_in(table["recording"], pa.array(recordings, pa.string())))
    if wanted.ids:
        rows = columns.rows_of(wanted.ids)
        yield _at(len(columns), rows[rows >= 0])
    if wanted.roots or wanted.paths or wanted.path_prefix:
        yield _has_file_with(columns, wanted)


def _bounds(column: pa.ChunkedArray, lowest: float | None, highest: float | None) -> Iterator[Mask]:
    """Yield the bounds that are set; a value that is not known is within none."""
    if lowest is not None:
        yield _true(pc.greater_equal(column, lowest))
    if highest is not None:
        yield _true(pc.less_equal(column, highest))


def _has_any(columns: TrackColumns, name: str, texts: Iterable[str]) -> Mask:
    """Return whether one of the texts is among the track's, by the codes of the dictionary."""
    dictionary = columns.list_of(name).values.dictionary
    codes = [code for text in texts if (code := _code(dictionary, text)) is not None]
    return rows_with_any(columns, name, np.array(codes, np.int64))


def rows_with_any(columns: TrackColumns, name: str, codes: NDArray[np.int64]) -> Mask:
    """Return whether one of the texts with these codes [m] is among the track's, bool [n]."""
    column = columns.list_of(name)
    is_wanted = np.zeros(len(column.values.dictionary), bool)
    is_wanted[codes] = True
    found = np.flatnonzero(is_wanted[column.values.indices.to_numpy()])
    return _at(len(columns), _rows(column, found))


def _code(dictionary: pa.Array, text: str) -> int | None:
    """Return the text's position in a sorted dictionary."""
    wanted = text.encode()
    code = bisect_left(dictionary, wanted, key=lambda each: each.as_py().encode())
    return code if code < len(dictionary) and dictionary[code].as_py() == text else None


def _has_file_with(columns: TrackColumns, wanted: TrackFilter) -> Mask:
    """Return whether one file of the track meets all that is asked of files."""
    found = np.flatnonzero(allowed_files(columns, wanted))
    return _at(len(columns), _rows(columns.list_of("paths"), found))


def allowed_files(columns: TrackColumns, wanted: TrackFilter) -> Mask:
    """Return whether each file, in the order of the columns, meets all that is asked of files."""
    paths, roots = columns.list_of("paths"), columns.list_of("roots")
    mask = np.ones(len(paths.values), bool)
    if wanted.roots:
        mask &= _true(pc.is_in(roots.values, pa.array(wanted.roots, pa.large_string())))
    if wanted.paths:
        written = sorted({path for each in wanted.paths for path in spellings(each)})
        mask &= _true(pc.is_in(paths.values, pa.array(written, pa.large_string())))
    if wanted.path_prefix:
        beginnings = [pc.starts_with(paths.values, each) for each in spellings(wanted.path_prefix)]
        mask &= np.logical_or.reduce([_true(each) for each in beginnings])
    return mask


def _rows(column: pa.LargeListArray, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that have the values at these positions, int64 [m]."""
    return np.searchsorted(offsets_of(column), positions, side="right") - 1


def _at(count: int, rows: NDArray[np.int64]) -> Mask:
    mask = np.zeros(count, bool)
    mask[rows] = True
    return mask


def _true(found: pa.Array | pa.ChunkedArray) -> Mask:
    mask: Mask = np.asarray(pc.fill_null(found, False))
    return mask
