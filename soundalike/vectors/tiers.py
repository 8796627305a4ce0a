"""The size-tiered rule of merging segments, by which a row is rewritten O(log n) times.

A segment's tier is the power of 4 of its rows. Segments of a tier are merged, with all smaller
ones, once there are 4 of them; what they become is of a higher tier, unless all are of the lowest.
So there are at most 3 a tier. What is written has at most MAX_ROWS, so that the memory it takes
does not grow with the library; from a quarter of that on, segments stay as they are, however many.
"""

import math
from collections.abc import Mapping
from itertools import accumulate

FAN_OUT = 4  # segments of a tier that are merged, and how much larger the next tier's are
SMALLEST = 64  # rows that a segment of the lowest tier may have, times FAN_OUT
MAX_ROWS = 2**20  # that are written as one segment
MAX_REMOVED = 0.25  # of a segment's rows: then it is written again without them


def tier(rows: int) -> int:
    """The tier of a segment of so many rows."""
    return max(0, int(math.log(max(rows, 1) / SMALLEST, FAN_OUT)))


def to_merge(rows: Mapping[str, tuple[int, int]]) -> list[str]:
    """Choose the segments to write as one; empty if none have to be.

    `rows` are, by name, the rows of each segment that the index has, and all that it holds.
    """
    tiers: dict[int, list[str]] = {}
    for name, (alive, _) in rows.items():
        if alive < MAX_ROWS // FAN_OUT:
            tiers.setdefault(tier(alive), []).append(name)
    full = [level for level, names in tiers.items() if len(names) >= FAN_OUT]
    if full:
        chosen = [name for level, names in tiers.items() if level <= max(full) for name in names]
    else:
        chosen = [name for name, (alive, held) in rows.items() if held - alive > MAX_REMOVED * held]
    return _smallest({name: rows[name][0] for name in chosen})


def _smallest(rows: Mapping[str, int]) -> list[str]:
    """Return as many of these, the smallest first, as have MAX_ROWS rows together, by name."""
    by_size = sorted(rows, key=lambda name: (rows[name], name))
    together = accumulate(rows[name] for name in by_size)
    return sorted(name for name, total in zip(by_size, together, strict=True) if total <= MAX_ROWS)
