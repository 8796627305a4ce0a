"""A reading of the catalog that clients share, however many ask for it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

KEPT_SHARE = 5  # times as long as it took, a reading is kept
MIN_KEPT_SECONDS = 0.1  # a quicker reading is not kept


class SharedReading(Generic[T]):
    """Reads something once for all who ask meanwhile.

    It is kept for KEPT_SHARE times as long as it took, so that clients can keep the catalog busy
    for a sixth of the time, whatever the size of the library. Errors are not kept.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._reading: asyncio.Task[T] | None = None
        self._kept_until = 0.0

    async def get(self) -> T:
        """Return the result of the newest reading. Raises what it raises."""
        reading = self._reading
        if reading is None or (reading.done() and monotonic() > self._kept_until):
            reading = self._reading = asyncio.create_task(self._timed())
        # Shielded, as the client that asked first may leave before the others.
        return await asyncio.shield(reading)

    async def _timed(self) -> T:
        began = monotonic()
        result = await self._read()
        ended = monotonic()
        if ended - began > MIN_KEPT_SECONDS:
            self._kept_until = ended + KEPT_SHARE * (ended - began)
        return result
