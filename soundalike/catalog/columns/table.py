"""The table: one row for each track in the order of ids, as Arrow columns that may be mapped."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from soundalike.catalog.columns.reading import TrackFacts
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
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(TrackView).decode
Rows = NDArray[np.int64]


class TrackColumns:
    """Columns of tracks, in the order of their ids as bytes. Immutable."""

    def __init__(self, table: pa.Table) -> None:
        """Take a table of SCHEMA, whose `id` is of a fixed width."""
        self.table = table.combine_chunks()

    @classmethod
    def of(cls, facts: Iterable[TrackFacts]) -> "TrackColumns":
        """Make columns of tracks in any order."""
        return concatenated([plain_table(facts)])

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def ids(self) -> NDArray[np.bytes_]:
        """The ids as bytes [n], ascending."""
        column = _only_chunk(self.table["id"])
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
        return _only_chunk(self.table[name])

    @cached_property
    def _shown(self) -> tuple[NDArray[np.int64], memoryview]:
        column = _only_chunk(self.table["shown"])
        _, offsets, shown = column.buffers()
        return np.frombuffer(offsets, np.int64, len(self) + 1), memoryview(shown or b"")


def plain_table(facts: Iterable[TrackFacts]) -> pa.Table:
    """Return columns of tracks in any order, without dictionaries: what can be put together."""
    ordered = sorted(facts, key=lambda each: each.view.id.encode())
    views = [each.view for each in ordered]
    plain = {
        "id": [view.id.encode() for view in views],
        "shown": [_encode(view) for view in views],
        "year": [view.year for view in views],
        "duration": [view.duration for view in views],
        "recording": [each.recording for each in ordered],
        "names": [each.names for each in ordered],
        "top_tags": [[tag["word"].lower() for tag in view.tags] for view in views],
        "tags": [[tag["word"] for tag in view.tags] for view in views],
        "artists": [list(dict.fromkeys(view.artists)) for view in views],
        "albums": [[view.album] if view.album is not None else [] for view in views],
        "genres": [list(dict.fromkeys(view.genres)) for view in views],
        "isrcs": [each.isrcs for each in ordered],
        "paths": [each.paths for each in ordered],
        "roots": [each.roots for each in ordered],
    }
    types = {field.name: _plain_type(field.type) for field in SCHEMA}
    return pa.table({name: pa.array(plain[name], types[name]) for name in types})


def merged(base: TrackColumns, replaced: Rows, newer: TrackColumns) -> TrackColumns:
    """Return the columns without the rows `replaced`, int64 [m], and with those of `newer`."""
    kept = np.ones(len(base), bool)
    kept[replaced] = False
    return concatenated([_decoded(base.table).filter(pa.array(kept)), _decoded(newer.table)])


def concatenated(parts: list[pa.Table]) -> TrackColumns:
    """Return the columns of plain tables, which have no track in common.

    The list is emptied, so that each plain column is freed once it has its dictionary.
    """
    whole = pa.concat_tables(parts)
    parts.clear()
    order = pc.sort_indices(whole, sort_keys=[("id", "ascending")]).to_numpy()
    if (order[1:] < order[:-1]).any():  # else it would be one copy more
        whole = whole.take(pa.array(order))
    columns = {name: whole[name] for name in whole.column_names}
    del whole
    return TrackColumns(_encoded(columns))


def offsets_of(column: pa.LargeListArray) -> NDArray[np.int64]:
    """Return where each row's values begin, and the last ones end, int64 [n + 1]."""
    offsets: NDArray[np.int64] = column.offsets.to_numpy()
    return offsets


def _only_chunk(column: pa.ChunkedArray) -> Any:  # noqa: ANN401 - an array of the column's type
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return pa.large_list(pa.large_string()) if kind == WORDS else kind


def _decoded(table: pa.Table) -> pa.Table:
    """Return the table with plain texts, and ids of any width: what can be put together."""
    columns = {name: _only_chunk(table[name]) for name in table.column_names}
    for name in DICTIONARIES:
        column = columns[name]
        texts = column.values.dictionary_decode()
        columns[name] = pa.LargeListArray.from_arrays(column.offsets, texts)
    columns["id"] = columns["id"].cast(pa.binary())
    return pa.table(columns)


def _encoded(plain: dict[str, pa.ChunkedArray]) -> pa.Table:
    """Return the columns with sorted dictionaries, and ids of one width; `plain` is emptied."""
    columns = {}
    for name in list(plain):
        column = _only_chunk(plain.pop(name))
        if name in DICTIONARIES:
            texts = _with_sorted_dictionary(column.values)
            column = pa.LargeListArray.from_arrays(column.offsets, texts)
        columns[name] = _of_one_width(column) if name == "id" else column
    return pa.table(columns)


def _of_one_width(ids: pa.Array) -> pa.Array:
    """Return the ids with zero bytes behind shorter ones, where some are."""
    lengths = pc.min_max(pc.binary_length(ids)).as_py()
    width = lengths["max"] or 1
    if lengths["min"] == width:
        return ids.cast(pa.binary(width))
    padded = np.array(ids.to_pylist(), f"S{width}")
    buffers = [None, pa.py_buffer(padded.tobytes())]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(padded), buffers)


def _with_sorted_dictionary(texts: pa.Array) -> pa.DictionaryArray:
    encoded = texts.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    position = np.empty(len(order), np.int32)
    position[order] = np.arange(len(order), dtype=np.int32)
    codes = position[encoded.indices.to_numpy()] if len(order) else np.empty(0, np.int32)
    dictionary = encoded.dictionary.take(pa.array(order))
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), dictionary)
