"""The API's connection pool to the catalog: asynchronous, read-only, with timeouts.

The statements are in soundalike.catalog.
"""

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from serving.limits import STATEMENT_TIMEOUT_SECONDS

# Per worker process, which has one more connection that listens for publications.
POOL_SIZE = 5
POOL_OVERFLOW = 5
POOL_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 5


def open_pool(database_url: str) -> AsyncEngine:
    """Create a lazy pool: PostgreSQL may start later, and may restart."""
    engine = create_async_engine(
        database_url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS},
        execution_options={"postgresql_readonly": True},
    )
    event.listen(engine.sync_engine, "connect", _bound_statements)
    return engine


def _bound_statements(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Not through the `options` connection parameter: DATABASE_URL may use that itself.
    connection.cursor().execute(f"set statement_timeout = '{STATEMENT_TIMEOUT_SECONDS}s'")
    connection.commit()
