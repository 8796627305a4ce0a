"""Rows that a filter lets through, kept for some seconds: pages and players ask the same again."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from soundalike.catalog.filters import TrackFilter

KEPT = 16  # filters of one index version; 8 bytes for each row that passes
FRESH_SECONDS = 10.0  # a retag shows up in filters after that


class FilterCache:
    """Of one index version: rows mean nothing in another one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rows: OrderedDict[TrackFilter, tuple[float, NDArray[np.int64]]] = OrderedDict()

    async def rows(
        self, wanted: TrackFilter, look_up: Callable[[], Awaitable[NDArray[np.int64]]]
    ) -> NDArray[np.int64]:
        """The filter's rows, looked up if they are not known or no longer fresh."""
        made, rows = self._rows.get(wanted, (None, None))
        if rows is None or made is None or self._clock() - made > FRESH_SECONDS:
            rows = await look_up()
            self._rows[wanted] = (self._clock(), rows)
        self._rows.move_to_end(wanted)
        while len(self._rows) > KEPT:
            self._rows.popitem(last=False)
        return rows
