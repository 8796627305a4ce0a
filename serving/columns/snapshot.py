"""A snapshot of the columns: what a request sees of the catalog, from first to last the same."""

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from soundalike.catalog.columns.facets import Facet, FacetValues, counted
from soundalike.catalog.columns.filtering import Mask, allowed
from soundalike.catalog.columns.table import TrackColumns
from soundalike.catalog.filters import TrackFilter
from soundalike.catalog.tracks import TrackView
from soundalike.vectors.neighbours import SearchIndex
from soundalike.vectors.rerank import TrackMetadata

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Present:
    """The metadata of a track with a file, where no rule asks for its artists and album."""

    artists: tuple[str, ...] = ()
    album: str | None = None
    path: str = ""


PRESENT = Present()


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All tracks: those of the mapped columns, but where they changed, those of `newer`.

    `changed` ids that are not in `newer` are gone. `revision` is another one in each snapshot of a
    process.
    """

    revision: int
    base: TrackColumns
    newer: TrackColumns
    changed: frozenset[str] = frozenset()

    def views(self, track_ids: Sequence[str]) -> dict[str, TrackView]:
        """Return the tracks with these ids, by id; those that the catalog lacks are left out."""
        found = self._found(track_ids)
        return {track_id: columns.view(row) for track_id, columns, row in found}

    def metadata(self, track_ids: Sequence[str], *, grouped: bool) -> Mapping[str, TrackMetadata]:
        """Return what ranking needs of these tracks; those without a file may be left out.

        `grouped`: it needs their artists and albums.
        """
        found = self._found(track_ids)
        if grouped:
            return {track_id: columns.view(row) for track_id, columns, row in found}
        return {track_id: PRESENT for track_id, columns, row in found if columns.has_file[row]}

    def allowed_rows(self, track_filter: TrackFilter, index: SearchIndex) -> Rows:
        """Return the rows of the index that the filter allows, int64 [m], ascending."""
        in_base = np.append(allowed(self.base, track_filter), False)  # -1: not in the base
        rows_allowed = in_base[_base_rows(self.base, index)]
        rows_allowed[index.rows_of(self.changed)] = False
        newer = np.flatnonzero(allowed(self.newer, track_filter))
        rows_allowed[index.rows_of(each.decode() for each in self.newer.ids[newer])] = True
        return np.flatnonzero(rows_allowed)

    @property
    def parts(self) -> tuple[TrackColumns, TrackColumns]:
        """The columns that tracks are in: mapped ones, and newer ones."""
        return self.base, self.newer

    def rows_in_parts(self, index: SearchIndex) -> pa.Array:
        """Return the row of each track of the index in the parts, one after the other.

        int64 [n]; null for one that the catalog lacks.
        """
        rows = _base_rows(self.base, index).copy()
        rows[index.rows_of(self.changed)] = -1
        newer = index.rows_of(each.decode() for each in self.newer.ids)
        rows[newer] = len(self.base) + self.newer.rows_of([index.track_ids[row] for row in newer])
        return pa.array(rows, mask=rows < 0)

    def facet(self, facet: Facet, excluded: Sequence[str]) -> FacetValues:
        """Count the values of a facet; `excluded` are ids of tracks that do not count."""
        gone = {*excluded, *self.changed}
        parts = [(self.base, list(gone)), (self.newer, list(excluded))]
        return FacetValues(counted(columns, facet, _but(columns, ids)) for columns, ids in parts)

    def _found(self, track_ids: Sequence[str]) -> list[tuple[str, TrackColumns, int]]:
        found = []
        rows = self.base.rows_of(track_ids).tolist()
        newer = self.newer.rows_of(track_ids).tolist() if self.changed else [-1] * len(rows)
        for track_id, row, newer_row in zip(track_ids, rows, newer, strict=True):
            if newer_row >= 0:
                found.append((track_id, self.newer, newer_row))
            elif row >= 0 and track_id not in self.changed:
                found.append((track_id, self.base, row))
        return found


def _but(columns: TrackColumns, track_ids: Sequence[str]) -> Mask:
    """Return True for each track of the columns but these, bool [n]."""
    others, rows = np.ones(len(columns), bool), columns.rows_of(track_ids)
    others[rows[rows >= 0]] = False
    return others


_joins: "weakref.WeakKeyDictionary[SearchIndex, tuple[TrackColumns, Rows]]"
_joins = weakref.WeakKeyDictionary()


def _base_rows(base: TrackColumns, index: SearchIndex) -> Rows:
    """Return the row of the columns for each row of the index, int64 [n], -1 for none.

    They are found once for each index that is served, and for each file of columns.
    """
    known = _joins.get(index)
    if known is None or known[0] is not base:
        known = _joins[index] = base, base.rows_of_bytes(index.track_ids.encoded())
    return known[1]
