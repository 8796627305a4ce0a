"""The follower of the catalog's publications and changes: LISTEN for speed, polling for certainty.

A notification can get lost: the connection breaks, or a transaction-pooling pgbouncer drops LISTEN.
So a notification only means "read now", and all is also read every few seconds without one. The
follower is the first to detect that the catalog is down, and calls `restart_database`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import psycopg
import structlog
from anyio import to_thread
from psycopg import sql
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from serving.columns.live_columns import LiveColumns
from serving.database import CONNECT_TIMEOUT_SECONDS
from serving.index.live_index import LiveIndex
from soundalike.catalog.columns.changes import TRACKS_CHANNEL
from soundalike.catalog.engine import KEEPALIVES
from soundalike.catalog.publications import PUBLISHED_CHANNEL, PublishedIndex, published_statement
from soundalike.errors import in_one_line

log = structlog.get_logger()

CHANNELS = PUBLISHED_CHANNEL, TRACKS_CHANNEL
LISTEN = sql.SQL(";").join(sql.SQL("listen {}").format(sql.Identifier(each)) for each in CHANNELS)
POLL_SECONDS = 5.0
MIN_RETRY_SECONDS = 0.25
MAX_RETRY_SECONDS = 10.0


class PublicationFollower:
    """A follower that keeps the live index at the version published last, and columns current."""

    def __init__(
        self,
        engine: AsyncEngine,
        live: LiveIndex,
        columns: LiveColumns,
        poll_seconds: float = POLL_SECONDS,
        restart_database: Callable[[], object] | None = None,
    ) -> None:
        """Call `restart_database`, in a thread, whenever the catalog cannot be read."""
        self._engine = engine
        self._live = live
        self._columns = columns
        self._restart = restart_database
        self._poll_seconds = poll_seconds
        self._notified = asyncio.Event()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Load the published version, if the catalog can be read; then follow publications."""
        await self._refresh()
        follow = (self._listen, self._poll, self._check)
        tasks = [asyncio.create_task(each()) for each in follow]
        try:
            yield
        finally:
            self._live.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _refresh(self) -> None:
        """Read the published version and serve it, with columns of the same moment.

        If the read fails, nothing changes.
        """
        self._notified.clear()  # before reading: a later notification means reading again
        try:
            published = await self._read()
        except Exception as error:  # following must never end
            log.warning("publication.read_failed", reason=in_one_line(error))
            self._columns.catalog_is_away()
            await self._restart_database()
        else:
            await self._live.follow(published)

    async def _read(self) -> PublishedIndex | None:
        """Read the published version, and bring the columns up to the same moment."""
        while True:
            async with AsyncSession(self._engine) as session:
                row = (await session.execute(published_statement())).one_or_none()
                if await self._refresh_columns(session):
                    return PublishedIndex(*row) if row else None
            await self._columns.others_read()

    async def _refresh_columns(self, session: AsyncSession) -> bool:
        """Bring the columns up to date; if they cannot be, those of before go on.

        Returns False while another worker reads what this one needs.
        """
        try:
            return await self._columns.refresh(session)
        except SQLAlchemyError:
            raise
        except Exception:  # following must never end
            log.exception("columns.refresh_failed")
            return True

    async def _restart_database(self) -> None:
        """Restart the database, if configured; the next read shows whether that succeeded."""
        if self._restart is None:
            return
        try:
            await to_thread.run_sync(self._restart)
        except Exception as error:  # following must never end
            log.warning("catalog.restart_failed", reason=in_one_line(error))

    async def _poll(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._notified.wait()
            await self._refresh()

    async def _check(self) -> None:
        """Check what is served as often as the catalog is polled, but without needing it."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self._live.check()
            except Exception as error:  # following must never end
                log.warning("index.check_failed", reason=in_one_line(error))

    async def _listen(self) -> None:
        retry = MIN_RETRY_SECONDS
        while True:
            try:
                async with await self._connect() as connection:
                    await connection.execute(LISTEN)
                    retry = MIN_RETRY_SECONDS
                    self._notified.set()  # a publication may have come before LISTEN
                    async for _ in connection.notifies():
                        self._notified.set()
            except Exception as error:  # following must never end
                log.warning(
                    "publication.listen_failed",
                    reason=in_one_line(error),
                    retry=retry,
                )
                self._notified.set()  # if the catalog is down, do not wait for the next poll
            await asyncio.sleep(retry)
            retry = min(2 * retry, MAX_RETRY_SECONDS)

    async def _connect(self) -> psycopg.AsyncConnection:
        """Open a connection outside of the pool, where it listens for as long as it lives."""
        _, arguments = self._engine.dialect.create_connect_args(self._engine.url)
        arguments = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, **KEEPALIVES, **arguments}
        return await psycopg.AsyncConnection.connect(autocommit=True, **arguments)
