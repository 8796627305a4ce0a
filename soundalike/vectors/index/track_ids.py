"""Track ids of an index version: sorted arrays of fixed width, mapped into memory, and searched."""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from soundalike.vectors.index.rows import NO_ROW, RowNumbers
from soundalike.vectors.segment_files import Ids

FEW = 16  # ids that are found faster one by one


class TrackIds(Sequence[str]):
    """The track ids in row order."""

    def __init__(self, rows: RowNumbers, parts: Sequence[Ids]) -> None:
        """Take the sorted ids of each segment, in the order of `rows`."""
        # Arrays of a memory-mapped file's own class are slower, a third for a single id.
        self._rows, self._parts = rows, [np.asarray(part) for part in parts]

    def __len__(self) -> int:
        return self._rows.count

    def __iter__(self) -> Iterator[str]:
        return iter(self.of(np.arange(len(self))))

    def __contains__(self, track_id: object) -> bool:
        return isinstance(track_id, str) and self.row(track_id) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return self.of(np.arange(len(self))[row])
        [name] = self.of(np.array([range(len(self))[row]]))
        return name

    def row(self, track_id: str) -> int | None:
        """The track's row, None if it has none."""
        encoded = _encoded(track_id)
        for number, ids in enumerate(self._parts):
            # A longer text is in none, and all ids would be copied to compare them with it.
            place = int(ids.searchsorted(encoded)) if len(encoded) <= ids.itemsize else len(ids)
            if place < len(ids) and ids[place] == encoded:
                row = int(self._rows.numbers(number, np.array(place)))
                if row != NO_ROW:
                    return row
        return None

    def of(self, rows: NDArray[np.int64]) -> list[str]:
        """The track id of each of these rows, int64 [m]."""
        names = [""] * len(rows)
        for number, positions, local in self._rows.split(rows):
            named = [name.decode() for name in self._parts[number][local].tolist()]
            if isinstance(positions, slice):
                return named
            for position, name in zip(positions.tolist(), named, strict=True):
                names[position] = name
        return names

    def encoded(self) -> Ids:
        """The ids as bytes, S<width> [n], in row order."""
        ids = np.empty(len(self), f"S{max(part.itemsize for part in self._parts)}")
        for number, part in enumerate(self._parts):
            rows = self._rows.numbers(number, np.arange(len(part)))
            ids[rows[rows != NO_ROW]] = part[rows != NO_ROW]
        return ids

    def rows(self, track_ids: Iterable[str]) -> NDArray[np.int64]:
        """The row of each of these tracks, int64 [m], NO_ROW for one that has none."""
        track_ids = list(track_ids)
        if len(track_ids) <= FEW:
            one_by_one = [self.row(track) for track in track_ids]
            return np.array([NO_ROW if row is None else row for row in one_by_one], np.int64)
        encoded = [*map(_encoded, track_ids)]
        rows = np.full(len(encoded), NO_ROW, np.int64)
        for number, ids in enumerate(self._parts):
            # An array is searched for texts of its own width; longer ones are in none. A text that
            # ends with a zero byte would equal the one without it.
            fits = [len(each) <= ids.itemsize and each[-1:] != b"\0" for each in encoded]
            wanted = np.array(
                [each if fit else b"" for each, fit in zip(encoded, fits, strict=True)], ids.dtype
            )
            found = _find(ids, wanted)
            at = np.flatnonzero((found != NO_ROW) & np.array(fits))
            numbers = self._rows.numbers(number, found[at])
            rows[at[numbers != NO_ROW]] = numbers[numbers != NO_ROW]
        return rows


def _encoded(track_id: str) -> bytes:
    return track_id.encode(errors="surrogatepass")


def _find(ids: Ids, wanted: Ids) -> NDArray[np.int64]:
    """The position of each wanted text in sorted ids, int64 [m], NO_ROW if it is not there."""
    positions = ids.searchsorted(wanted)
    positions[positions == len(ids)] = 0
    return np.where(ids[positions] == wanted, positions, NO_ROW)
