"""A feed: what is read once, every few seconds, for all clients of a process that wait for it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import structlog

from serving.errors import RETRY_LATER, Problem
from serving.limits import FEED_REPEAT_SECONDS, FEED_SECONDS, MAX_LISTENERS
from soundalike.errors import in_one_line

log = structlog.get_logger()


class Feed:
    """A text that is read while anybody listens, and told to each listener when it changes.

    The same is told again after a while, so that a listener can tell silence from a lost
    connection. While it cannot be read, nothing is told.
    """

    def __init__(self, read: Callable[[], Awaitable[str]]) -> None:
        self._read = read
        self._latest: str | None = None
        self._changed = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None
        self.listeners = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AsyncIterator[str]]:
        """Listen until the block ends: to what is so now, and then to what changes.

        Raises Problem, 503, if as many listen as may.
        """
        if self.listeners >= MAX_LISTENERS:
            detail = "too many clients listen to events; ask `/v1/pipeline` and `/v1/index` instead"
            raise Problem(503, "overloaded", detail, RETRY_LATER)
        self.listeners += 1
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_regularly())
        try:
            async with aclosing(self._told()) as told:
                yield told
        finally:
            self.listeners -= 1
            if self.listeners == 0:
                self._reading.cancel()
                self._reading = self._latest = None

    async def _told(self) -> AsyncGenerator[str]:
        last: str | None = None

        def is_news() -> bool:
            return self._latest is not None and self._latest != last

        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FEED_REPEAT_SECONDS), self._changed:
                    await self._changed.wait_for(is_news)
            if self._latest is not None:
                last = self._latest
                yield last

    async def _read_regularly(self) -> None:
        while True:
            latest = None
            try:
                latest = await self._read()
            except Exception as error:  # the feed must go on when the catalog does
                log.info("feed.read_failed", reason=in_one_line(error))
            if latest != self._latest:
                async with self._changed:
                    self._latest = latest
                    self._changed.notify_all()
            await asyncio.sleep(FEED_SECONDS)
