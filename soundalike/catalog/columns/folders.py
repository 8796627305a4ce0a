"""Folders of files: those of one level, which a beginning of a path names."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from soundalike.catalog.folding import spellings


def folders(paths: pa.LargeStringArray, prefix: str) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the folder of each path that is in one, and the positions [m] of those paths.

    It is the one right below the last slash of `prefix`, where the path begins with that, and ends
    with a slash: `Ana/` names what is in that folder, `Ana` what begins so on the first level.
    """
    values, positions = [], []
    left = np.ones(len(paths), bool)
    for written in sorted(spellings(prefix)):
        parent = written[: written.rfind("/") + 1]
        begins = left & np.asarray(pc.starts_with(paths, written), bool)
        left &= ~begins
        below = pc.utf8_slice_codeunits(paths.filter(pa.array(begins)), len(parent))
        slash = pc.find_substring(below, "/")
        is_deeper = pc.greater_equal(slash, 0)
        names = pc.list_element(pc.split_pattern(below.filter(is_deeper), "/", max_splits=1), 0)
        values.append(_joined(parent, names, "/"))
        positions.append(np.flatnonzero(begins)[np.asarray(is_deeper, bool)])
    return pa.concat_arrays(values), np.concatenate(positions)


def _joined(before: str, texts: pa.LargeStringArray, after: str) -> pa.LargeStringArray:
    first, last, nothing = (pa.scalar(end, pa.large_string()) for end in (before, after, ""))
    return pc.binary_join_element_wise(first, texts, last, nothing)
