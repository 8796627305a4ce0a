"""Keeps the live index at what the catalog has published: LISTEN for speed, polling for certainty.

A notice can get lost: the connection breaks, or a transaction-pooling pgbouncer swallows LISTEN. So
a notice only says "read the row now", and the row is also read every few seconds without one. Who
follows notices first that the catalog is gone, and has it brought back if that is ours to do.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
import structlog
from anyio import to_thread
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from serving.database import CONNECT_TIMEOUT_SECONDS
from serving.index.live_index import LiveIndex
from soundalike.catalog.indexes import PUBLISHED_CHANNEL, PublishedIndex, published_statement

log = structlog.get_logger()

LISTEN = sql.SQL("listen {}").format(sql.Identifier(PUBLISHED_CHANNEL))
POLL_SECONDS = 5.0
MIN_RETRY_SECONDS = 0.25
MAX_RETRY_SECONDS = 10.0


class PublicationFollower:
    """Follows the catalog's publications while `following` is entered."""

    def __init__(
        self,
        engine: AsyncEngine,
        live: LiveIndex,
        poll_seconds: float = POLL_SECONDS,
        restart_database: Callable[[], None] | None = None,
    ) -> None:
        """`restart_database` is called, in a thread, when the catalog does not answer."""
        self._engine = engine
        self._live = live
        self._bring_back = restart_database
        self._poll_seconds = poll_seconds
        self._notice = asyncio.Event()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Begin with what is published now, if the catalog answers; then follow it."""
        await self._refresh()
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._poll())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self) -> None:
        """Read the row and follow it. A catalog that does not answer changes nothing."""
        self._notice.clear()  # before reading: a notice that comes meanwhile means reading again
        try:
            async with AsyncSession(self._engine) as session:
                row = (await session.execute(published_statement())).one_or_none()
        except Exception as error:  # following must never end
            log.warning(
                "the published version cannot be read", reason=str(error).partition("\n")[0]
            )
            await self._restart_database()
        else:
            await self._live.follow(PublishedIndex(*row) if row else None)

    async def _restart_database(self) -> None:
        """The next attempt finds out whether it helped."""
        if self._bring_back is None:
            return
        try:
            await to_thread.run_sync(self._bring_back)
        except Exception as error:  # following must never end
            log.warning("the catalog cannot be brought back", reason=str(error).partition("\n")[0])

    async def _poll(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._notice.wait()
            await self._refresh()

    async def _listen(self) -> None:
        retry = MIN_RETRY_SECONDS
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(LISTEN)
                    retry = MIN_RETRY_SECONDS
                    self._notice.set()  # something may have been published while nobody listened
                    async for _ in connection.notifies():
                        self._notice.set()
            except Exception as error:  # following must never end
                log.warning(
                    "not listening for publications",
                    reason=str(error).partition("\n")[0],
                    retry=retry,
                )
                self._notice.set()  # if the catalog is gone, do not wait for the poll to see it
            await asyncio.sleep(retry)
            retry = min(2 * retry, MAX_RETRY_SECONDS)

    async def _connect(self) -> psycopg.AsyncConnection:
        """A connection of its own, outside of the pool: it listens for as long as it lives."""
        _, arguments = self._engine.dialect.create_connect_args(self._engine.url)
        arguments.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
        return await psycopg.AsyncConnection.connect(autocommit=True, **arguments)
