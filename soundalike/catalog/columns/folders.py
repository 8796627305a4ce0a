"""Folders of files: those of one level, which a beginning of a path names."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from soundalike.catalog.folding import spellings

FIRST_FOLDER = "^(?P<folder>[^/]*/)"


def folders(paths: pa.LargeStringArray, prefix: str) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the folder of each path that is in one, and the positions [m] of those paths.

    It is the one right below the last slash of `prefix`, where the path begins with that, and ends
    with a slash: `Ana/` names what is in that folder, `Ana` what begins so on the first level.
    """
    values, positions = [], []
    left = np.ones(len(paths), bool)
    for written in sorted(spellings(prefix)):
        parent = written[: written.rfind("/") + 1]
        begins = np.flatnonzero(left & np.asarray(pc.starts_with(paths, written), bool))
        left[begins] = False
        below = pc.utf8_slice_codeunits(paths.take(pa.array(begins)), len(parent))
        first = pc.struct_field(pc.extract_regex(below, FIRST_FOLDER), 0)
        start, nothing = (pa.scalar(text, pa.large_string()) for text in (parent, ""))
        values.append(pc.binary_join_element_wise(start, first.drop_null(), nothing))
        positions.append(begins[np.asarray(first.is_valid())])
    return pa.concat_arrays(values), np.concatenate(positions)
