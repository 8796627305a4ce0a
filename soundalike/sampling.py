"""Even samples of a sequence."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def evenly(items: Sequence[T], limit: int) -> list[T]:
    """Choose at most `limit` items, evenly spaced from the first to the last, in their order.

    Of `limit` 1 it is the first.
    """
    count = min(limit, len(items))
    return [items[position] for position in np.linspace(0, len(items) - 1, count).astype(np.int64)]
