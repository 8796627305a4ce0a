"""Rows of an index version, in the order of track ids, and where each is: in which segment's row.

A version of one whole segment has its rows. Else two arrays of 4 bytes a row lead from the one
numbering to the other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ArtifactError
from soundalike.vectors.segment_files import Ids

NO_ROW = -1
MERGED_AT_ONCE = 4096  # ids
LOOKED_UP = 1 / 64  # of the largest segment's ids: no more of all others are looked up in it
SAME_TRACK = "two segments of an index have the same track"
Alive = NDArray[np.int64] | None  # the rows of a segment that the version has; None for all
Best = tuple[NDArray[np.float32], NDArray[np.int64]]  # scores and rows, [q, count]


class RowNumbers:
    """The rows of a version, from those of its segments."""

    def __init__(self, ids: Sequence[Ids], alive: Sequence[Alive]) -> None:
        """Merge the segments' rows, which are in the order of their `ids`.

        Raises ArtifactError if two segments have the same track.
        """
        self._sizes = [len(each) for each in ids]
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)]).astype(np.int64)
        self._alive = [n if a is None else len(a) for n, a in zip(self._sizes, alive, strict=True)]
        self.count = sum(self._alive)
        self._locations: NDArray[np.uint32] | None = None
        self._numbers: NDArray[np.int32] | None = None
        if len(ids) == 1 and alive[0] is None:
            return
        ranks = _ranks([each if a is None else each[a] for each, a in zip(ids, alive, strict=True)])
        self._locations = np.empty(self.count, np.uint32)
        self._numbers = np.full(int(self._starts[-1]), NO_ROW, np.int32)
        for (start, end), kept, rank in zip(pairwise(self._starts), alive, ranks, strict=True):
            places = np.arange(start, end, dtype=np.uint32)
            places = places if kept is None else places[kept]
            self._locations[rank] = places
            self._numbers[places] = rank

    def split(
        self, rows: NDArray[np.int64]
    ) -> Iterator[tuple[int, NDArray[np.int64] | slice, NDArray[np.int64]]]:
        """Divide rows, int64 [m], by segment.

        Yields its number, the positions in `rows`, int64 [p], and rows of the segment, int64 [p].
        """
        if not len(rows):
            return
        if self._locations is None:
            yield 0, slice(None), rows
            return
        locations = self._locations[rows].astype(np.int64)
        if len(self._sizes) == 1:
            yield 0, slice(None), locations
            return
        order = np.argsort(locations, kind="stable")
        ordered = locations[order]
        ends = np.searchsorted(ordered, self._starts)
        for number in np.flatnonzero(ends[1:] > ends[:-1]).tolist():
            part = slice(ends[number], ends[number + 1])
            yield number, order[part], ordered[part] - self._starts[number]

    def numbers(self, segment: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the version that rows of a segment are, int64 [...]; NO_ROW for none."""
        if self._numbers is None:
            return rows
        numbers: NDArray[np.int64] = self._numbers[self._starts[segment] + rows].astype(np.int64)
        return numbers

    def group(self, segments: Sequence[int]) -> "RowGroup":
        """Return the rows of these segments, by number, one segment after the other."""
        alive = sum(self._alive[segment] for segment in segments)
        if self._numbers is None:
            return RowGroup(None, alive, alive)
        numbers = [self._numbers[self._starts[each] : self._starts[each + 1]] for each in segments]
        together = numbers[0] if len(numbers) == 1 else np.concatenate(numbers)
        return RowGroup(together, len(together), alive)


@dataclass(frozen=True, eq=False)
class RowGroup:
    """Rows that are searched together: those of a segment, or of several.

    `numbers` are the version's rows, int32 [size], NO_ROW for none; None if they are the same.
    `alive` is how many of them the version has.
    """

    numbers: NDArray[np.int32] | None
    size: int
    alive: int

    def best(self, count: int, search: Callable[[int], Best]) -> Best:
        """The `count` best rows of the group (all it has, if fewer), by a search for its best.

        `search` may give fewer than it is asked for, then with rows of -1 at the end. Scores are
        [q, m], best first, and rows those of the version. Where a row is missing, its score is as
        low as can be.
        """
        wanted = min(count, self.alive)
        if self.numbers is None:
            return search(wanted)
        asked = min(self.size, wanted + min(self.size - self.alive, wanted))
        while True:
            scores, rows = search(asked)
            numbers = np.where(rows < 0, NO_ROW, self.numbers[rows].astype(np.int64))
            if self.alive == self.size:
                return scores, numbers
            found = (numbers != NO_ROW).sum(axis=1)
            if asked == self.size or int(found.min()) >= wanted:
                break
            asked = min(self.size, 2 * asked)
        # Rows that the version has come first, in their order.
        scores = np.where(numbers == NO_ROW, np.float32(-np.inf), scores)
        order = np.argsort(numbers == NO_ROW, axis=1, kind="stable")[:, :wanted]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(numbers, order, 1)


def _ranks(ids: Sequence[Ids]) -> list[NDArray[np.int32]]:
    """The rank of each id of each sorted array among all of them, int32 [n] each.

    Ids are merged some thousands at a time, where other arrays have any between them: several large
    segments take a seventh of the time that looking the ids of one up in another does. Those of a
    few albums take less by looking them up: 3 ms beside a million, not 18.
    """
    largest, total = max(ids, key=len), sum(map(len, ids))
    if total - len(largest) <= LOOKED_UP * len(largest):
        return _inserted_ranks(ids)
    step = max(1, len(largest) * MERGED_AT_ONCE // max(1, total))
    between = largest[::step][1:]
    cuts = np.array([np.r_[0, each.searchsorted(between), len(each)] for each in ids])
    ranks = [np.empty(len(each), np.int32) for each in ids]
    for number, first in enumerate(cuts.sum(axis=0)[:-1].tolist()):
        bounds = cuts[:, number : number + 2].tolist()
        parts = [
            (each[start:end], rank[start:end])
            for each, rank, (start, end) in zip(ids, ranks, bounds, strict=True)
            if end > start
        ]
        _merge(parts, first)
    return ranks


def _inserted_ranks(ids: Sequence[Ids]) -> list[NDArray[np.int32]]:
    """The same, by looking all other ids up in the largest array."""
    largest, *others = sorted(range(len(ids)), key=lambda number: -len(ids[number]))
    ranks = [np.empty(len(each), np.int32) for each in ids]
    _merge([(ids[number], ranks[number]) for number in others], 0)
    before = np.zeros(len(ids[largest]) + 1, np.int32)  # the others between two of the largest
    for number in others:
        places = ids[largest].searchsorted(ids[number])
        is_inside = places < len(ids[largest])
        if (ids[largest][places[is_inside]] == ids[number][is_inside]).any():
            raise ArtifactError(SAME_TRACK)
        np.add.at(before, places, 1)
        ranks[number] += places
    ranks[largest][:] = np.arange(len(ids[largest])) + np.cumsum(before[:-1])
    return ranks


def _merge(parts: Sequence[tuple[Ids, NDArray[np.int32]]], first: int) -> None:
    """Write the ranks of sorted ids into the array beside each, from `first` on."""
    if len(parts) <= 1:
        for _, rank in parts:
            rank[:] = np.arange(first, first + len(rank))
        return
    ids = np.concatenate([ids for ids, _ in parts])
    order = np.argsort(ids, kind="stable")  # fast where parts of it are sorted
    if (ids[order[1:]] == ids[order[:-1]]).any():
        raise ArtifactError(SAME_TRACK)
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(first, first + len(order))
    for _, rank in parts:
        rank[:], ranks = ranks[: len(rank)], ranks[len(rank) :]
