"""The API's connection pool to the catalog: asynchronous, with timeouts, read-only by default.

PostgreSQL's own timeouts are of no use once it hangs, or the network does: the client has its own.
The statements are in soundalike.catalog.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.abc import RV, PQGen
from sqlalchemy import event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from serving.limits import STATEMENT_TIMEOUT_SECONDS
from soundalike.tracing import trace_statements

# Per worker process, which has one more connection that listens for publications.
POOL_SIZE = 5
POOL_OVERFLOW = 5
POOL_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 5
REPLY_SECONDS = STATEMENT_TIMEOUT_SECONDS + 1.0  # then PostgreSQL hangs
TCP_TIMEOUT_MS = 10_000  # for the kernel, once what was sent is not even acknowledged
WRITING = {"isolation_level": "READ COMMITTED"}


class BoundedConnection(psycopg.AsyncConnection[Any]):
    """A connection that is closed if PostgreSQL does not reply in time, or nobody waits any more.

    psycopg would ask PostgreSQL to cancel the statement first, and wait for that too.
    """

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for a reply. Raises OperationalError if none comes in REPLY_SECONDS."""
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                return await waiting.wait_async(
                    gen, self.pgconn.socket, interval=interval, timeout=timeout
                )
        except TimeoutError as error:
            self.pgconn.finish()
            raise psycopg.OperationalError("PostgreSQL does not reply") from error
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


def open_pool(database_url: str) -> AsyncEngine:
    """Create a lazy pool: PostgreSQL may start later, and may restart."""
    engine = create_async_engine(
        database_url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "async_creator_fn": BoundedConnection.connect,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "tcp_user_timeout": TCP_TIMEOUT_MS,
        },
        # What an answer is put together from in one transaction is of one moment: pages and totals.
        isolation_level="REPEATABLE READ",
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    trace_statements(engine.sync_engine)
    return engine


@asynccontextmanager
async def writing_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """Open a session of the pool that writes, in one transaction.

    Each of its statements sees the newest rows: in a repeatable read, what waited for a lock would
    see those of before.
    """
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        await session.connection(execution_options=WRITING)
        await session.execute(text("set transaction read write"))
        yield session


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Bound statements, and let them read only.

    Not through the `options` connection parameter, as DATABASE_URL may use that itself; nor by
    SQLAlchemy's option postgresql_readonly: it asks the connection while no session owns it yet,
    and a request that is cancelled then loses it.
    """
    cursor = connection.cursor()
    cursor.execute(f"set statement_timeout = '{STATEMENT_TIMEOUT_SECONDS}s'")
    cursor.execute("set default_transaction_read_only = on")
    connection.commit()
