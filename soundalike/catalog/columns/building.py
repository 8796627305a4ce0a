"""Building columns: of tracks that were read, and of older columns with what changed.

Plain tables have texts where columns have codes of dictionaries, and so can be put together. Of a
large catalog they wait in a spill file: in memory are one part of it, and one whole column.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from soundalike.catalog.columns.reading import TrackFacts
from soundalike.catalog.columns.spill import Spill, spilled
from soundalike.catalog.columns.table import (
    DICTIONARIES,
    SCHEMA,
    WORDS,
    Rows,
    TrackColumns,
    only_chunk,
)

ROWS_AT_ONCE = 50_000  # that are decoded in memory while columns are merged
PLAIN = pa.schema(
    field.with_type(pa.large_list(pa.large_string())) if field.type == WORDS else field
    for field in SCHEMA
)
_encode = msgspec.msgpack.Encoder().encode


def columns_of(facts: Iterable[TrackFacts]) -> TrackColumns:
    """Return columns of tracks in any order, in memory."""
    plain = _in_order(plain_table(facts))
    return TrackColumns(pa.table({name: _encoded(name, plain[name]) for name in PLAIN.names}))


def plain_table(facts: Iterable[TrackFacts]) -> pa.Table:
    """Return a table of PLAIN of tracks in any order."""
    ordered = list(facts)
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
    return pa.table(plain, PLAIN)


def concatenated(spill: Spill) -> TrackColumns:
    """Return columns of the tables in a spill file, which have no track in common.

    Each column waits in another spill file until all have their dictionaries.
    """
    plain, columns = _in_order(spill.whole()), {}
    for name in PLAIN.names:
        columns[name] = spilled(spill.folder, _encoded(name, plain[name]))
        plain = plain.drop_columns([name])
        pa.default_memory_pool().release_unused()
    return TrackColumns(pa.table(columns))


def merged(base: TrackColumns, replaced: Rows, newer: TrackColumns, folder: Path) -> TrackColumns:
    """Return the columns without the rows `replaced`, int64 [m], and with those of `newer`.

    They wait in spill files of the folder.
    """
    kept = np.ones(len(base), bool)
    kept[replaced] = False
    starts = np.arange(0, max(len(base), 1), ROWS_AT_ONCE)
    newer_starts = np.searchsorted(newer.ids, base.ids[starts[1:]])
    mask, changed = pa.array(kept), _decoded(newer.table)
    with Spill(folder, PLAIN) as spill:
        for start, first, end in zip(
            starts, [0, *newer_starts], [*newer_starts, len(newer)], strict=True
        ):
            block = _decoded(base.table.slice(start, ROWS_AT_ONCE))
            block = block.filter(mask.slice(start, ROWS_AT_ONCE))
            spill.add(_in_order(pa.concat_tables([block, changed.slice(first, end - first)])))
        return concatenated(spill)


def _in_order(plain: pa.Table) -> pa.Table:
    """Return the table in the order of ids; itself if it is, as that would be one copy more."""
    order = pc.sort_indices(plain, sort_keys=[("id", "ascending")]).to_numpy()
    return plain.take(pa.array(order)) if (order[1:] < order[:-1]).any() else plain


def _decoded(table: pa.Table) -> pa.Table:
    """Return the plain table of columns, or of some of their rows."""
    columns = {name: only_chunk(table[name]) for name in table.column_names}
    for name in DICTIONARIES:
        offsets = columns[name].offsets
        texts = columns[name].flatten().dictionary_decode()  # of these rows alone
        columns[name] = pa.LargeListArray.from_arrays(pc.subtract(offsets, offsets[0]), texts)
    return pa.table({**columns, "id": columns["id"].cast(pa.binary())}, PLAIN)


def _encoded(name: str, column: pa.ChunkedArray) -> pa.Array:
    """Return a plain column in one piece, with a sorted dictionary, or ids of one width."""
    whole = only_chunk(column)
    if name in DICTIONARIES:
        return pa.LargeListArray.from_arrays(whole.offsets, _with_sorted_dictionary(whole.values))
    return _of_one_width(whole) if name == "id" else whole


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
