"""The rows that a filter allows, cached for seconds, because pages and players repeat filters."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from soundalike.catalog.filters import TrackFilter

MAX_FILTERS = 16  # per index version; each takes 8 bytes per allowed row
TTL_SECONDS = 10.0  # edited metadata affects filters after that


class FilterCache:
    """A cache for one index version: rows are not valid in another one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cached: OrderedDict[TrackFilter, tuple[float, NDArray[np.int64]]] = OrderedDict()

    async def rows(
        self, track_filter: TrackFilter, look_up: Callable[[], Awaitable[NDArray[np.int64]]]
    ) -> NDArray[np.int64]:
        """Return the filter's rows, int64 [n], from `look_up` unless they are cached."""
        cached_at, rows = self._cached.get(track_filter, (None, None))
        if rows is None or cached_at is None or self._clock() - cached_at > TTL_SECONDS:
            rows = await look_up()
            self._cached[track_filter] = (self._clock(), rows)
        self._cached.move_to_end(track_filter)
        while len(self._cached) > MAX_FILTERS:
            self._cached.popitem(last=False)
        return rows
