"""The rows that recent filters allow, because pages and players repeat filters."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from soundalike.catalog.filters import TrackFilter

MAX_FILTERS = 16  # per index version; each takes 8 bytes per allowed row


class FilterCache:
    """A cache for one index version: rows are not valid in another one."""

    def __init__(self) -> None:
        self._cached: OrderedDict[tuple[int, TrackFilter], NDArray[np.int64]] = OrderedDict()

    async def rows(
        self,
        revision: int,
        track_filter: TrackFilter,
        evaluate: Callable[[], Awaitable[NDArray[np.int64]]],
    ) -> NDArray[np.int64]:
        """Return the filter's rows, int64 [n], from `evaluate` unless they are cached.

        `revision` is that of the columns: once they change, none of before is valid.
        """
        key = revision, track_filter
        rows = self._cached.get(key)
        if rows is None:
            rows = self._cached[key] = await evaluate()
        self._cached.move_to_end(key)
        while len(self._cached) > MAX_FILTERS:
            self._cached.popitem(last=False)
        return rows
