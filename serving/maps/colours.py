"""Categories of a map's points: the values of a field that most tracks have."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from soundalike.catalog.columns.table import TrackColumns, offsets_of

Colour = Literal["genre", "tag", "folder", "decade"]
COLOURS: tuple[Colour, ...] = ("genre", "tag", "folder", "decade")
MOST = 12  # that eyes tell apart; the rest is 0, with what has no value
ENOUGH = 0.6  # the share of tracks that must have a genre for it to be the first choice
FIRST_FOLDER = "^(?P<folder>[^/]*)/"


@dataclass(frozen=True, eq=False)
class Categories:
    """The commonest values of a field, and of each row the number of its own from 1; 0 for none.

    `counts` are of `names`; `known` is the share of tracks with any value.
    """

    names: list[str]
    counts: list[int]
    codes: NDArray[np.uint8]
    known: float


def categories(colour: Colour, values: pa.Array) -> Categories:
    """Sort the values, one a row of the index, into categories."""
    encoded = values.dictionary_encode()
    names, rows = encoded.dictionary.to_pylist(), encoded.indices.fill_null(len(encoded.dictionary))
    counted = np.bincount(rows.to_numpy(), minlength=len(names) + 1)[:-1]
    chosen = sorted(range(len(names)), key=lambda each: (-counted[each], names[each]))[:MOST]
    if colour == "decade":
        chosen.sort(key=lambda each: names[each])
    numbers = np.zeros(len(names) + 1, np.uint8)
    numbers[chosen] = range(1, len(chosen) + 1)
    known = float(counted.sum()) / len(values) if len(values) else 0.0
    return Categories(
        [names[each] for each in chosen],
        [int(counted[each]) for each in chosen],
        numbers[rows.to_numpy()],
        known,
    )


def first_choice(known: dict[Colour, float]) -> Colour:
    """Return the colour that tells most: genres if most tracks have one, else what is heard."""
    if known["genre"] >= ENOUGH:
        return "genre"
    return "tag" if known["tag"] else "folder"


def name_of(colours: Mapping[Colour, Categories]) -> str:
    """Return a name of which number is which category: the same ones have the same name."""
    written = repr([(colour, colours[colour].names) for colour in COLOURS])
    return hashlib.blake2b(written.encode(), digest_size=6).hexdigest()


def values_of(colour: Colour, parts: Sequence[TrackColumns]) -> pa.Array:
    """Return what each track of the parts is coloured by, null for one without such a value."""
    return _VALUES[colour](parts)


def _first(parts: Sequence[TrackColumns], name: str) -> pa.Array:
    """Return the first text of each row of a column of lists, null where there is none."""
    return pa.concat_arrays([_first_texts(columns.list_of(name)) for columns in parts])


def _first_texts(column: pa.LargeListArray) -> pa.Array:
    offsets = offsets_of(column)
    found = column.values.take(pa.array(offsets[:-1], mask=np.diff(offsets) == 0))
    return found.dictionary_decode() if pa.types.is_dictionary(found.type) else found


def _folder(parts: Sequence[TrackColumns]) -> pa.Array:
    """Return the highest folder, with its root's name where there are several; else the root."""
    root = _first(parts, "roots")
    folder = pc.struct_field(pc.extract_regex(_first(parts, "paths"), FIRST_FOLDER), 0)
    if pc.count_distinct(root).as_py() > 1:
        folder = _joined(" / ", root, folder)
    return pc.coalesce(folder, root)


def _decade(parts: Sequence[TrackColumns]) -> pa.Array:
    year = pa.concat_arrays([chunk for columns in parts for chunk in columns.table["year"].chunks])
    decade = pc.multiply(pc.divide(year, 10), 10).cast(pa.large_string())
    return pc.if_else(pc.greater(year, 0), _joined("", decade, pa.scalar("s", decade.type)), None)


def _joined(separator: str, *texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*texts, pa.scalar(separator, pa.large_string()))


_VALUES: dict[Colour, Callable[[Sequence[TrackColumns]], pa.Array]] = {
    "genre": lambda parts: _first(parts, "genres"),
    "tag": lambda parts: _first(parts, "tags"),
    "folder": _folder,
    "decade": _decade,
}
