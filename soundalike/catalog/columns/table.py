"""The table: one row for each track in the order of ids, as Arrow columns that may be mapped."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from soundalike.catalog.tracks import TrackView

WORDS = pa.large_list(pa.dictionary(pa.int32(), pa.large_string()))
SCHEMA = pa.schema(
    [
        pa.field("id", pa.binary(), nullable=False),
        pa.field("shown", pa.large_binary(), nullable=False),  # a TrackView as MessagePack
        pa.field("year", pa.int32()),
        pa.field("duration", pa.float64()),
        pa.field("recording", pa.string()),
        pa.field("names", WORDS, nullable=False),
        pa.field("top_tags", WORDS, nullable=False),  # in small letters
        pa.field("tags", WORDS, nullable=False),
        pa.field("artists", WORDS, nullable=False),
        pa.field("albums", WORDS, nullable=False),
        pa.field("genres", WORDS, nullable=False),
        pa.field("isrcs", WORDS, nullable=False),
        pa.field("paths", pa.large_list(pa.large_string()), nullable=False),
        pa.field("roots", pa.large_list(pa.large_string()), nullable=False),
    ]
)
DICTIONARIES = tuple(field.name for field in SCHEMA if field.type == WORDS)
_decode = msgspec.msgpack.Decoder(TrackView).decode
Rows = NDArray[np.int64]


class TrackColumns:
    """Columns of tracks, in the order of their ids as bytes. Immutable."""

    def __init__(self, table: pa.Table) -> None:
        """Take a table of SCHEMA, whose `id` is of a fixed width."""
        self.table = table.combine_chunks()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def ids(self) -> NDArray[np.bytes_]:
        """The ids as bytes [n], ascending."""
        column = only_chunk(self.table["id"])
        if not len(self):
            return np.empty(0, "S1")
        return np.frombuffer(column.buffers()[1], f"S{column.type.byte_width}", len(self))

    def rows_of(self, track_ids: Sequence[str]) -> Rows:
        """Return the row of each id, int64 [m]; -1 for one that is not here."""
        width = self.ids.dtype.itemsize
        wanted = [each.encode("utf-8", "replace") for each in track_ids]
        fitting = np.array([each if len(each) <= width else b"" for each in wanted], f"S{width}")
        return self.rows_of_bytes(fitting)

    def rows_of_bytes(self, ids: NDArray[np.bytes_]) -> Rows:
        """Return the same as `rows_of`, int64 [m], for ids as they are in `ids`."""
        if not len(self):
            return np.full(len(ids), -1, np.int64)
        rows = np.searchsorted(self.ids, ids)
        rows[rows == len(self)] = 0
        return np.where(self.ids[rows] == ids, rows, -1)

    def view(self, row: int) -> TrackView:
        """Return the track in a row."""
        offsets, shown = self._shown
        return _decode(shown[offsets[row] : offsets[row + 1]])

    @cached_property
    def has_file(self) -> NDArray[np.bool_]:
        """True where a file of the track is present, bool [n]."""
        return np.diff(offsets_of(self.list_of("paths"))) > 0

    def list_of(self, name: str) -> pa.LargeListArray:
        """Return a column of lists."""
        return only_chunk(self.table[name])

    @cached_property
    def _shown(self) -> tuple[NDArray[np.int64], memoryview]:
        column = only_chunk(self.table["shown"])
        _, offsets, shown = column.buffers()
        return np.frombuffer(offsets, np.int64, len(self) + 1), memoryview(shown or b"")


def offsets_of(column: pa.LargeListArray) -> NDArray[np.int64]:
    """Return where each row's values begin, and the last ones end, int64 [n + 1]."""
    offsets: NDArray[np.int64] = column.offsets.to_numpy()
    return offsets


def only_chunk(column: pa.ChunkedArray) -> Any:  # noqa: ANN401 - an array of the column's type
    """Return a column in one piece; copied if it is in several."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
