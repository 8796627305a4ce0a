"""Connections to the catalog: engines, sessions, advisory locks, and Dagster's storage URL."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from soundalike.errors import PostgresError

Sessions = sessionmaker[Session]
DAGSTER_SCHEMA = "dagster"

# The server frees advisory locks when their holder ends, however it ends.
BATCH_LOCK = 5_011_851


def open_catalog(database_url: str) -> Sessions:
    """Open sessions on a small pool. Raises PostgresError if the server does not answer."""
    engine = create_engine(database_url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    try:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
    except OperationalError as error:
        raise describe(error, f" at {engine.url!r}") from error
    return sessionmaker(engine, expire_on_commit=False)


def describe(error: SQLAlchemyError, where: str = "") -> PostgresError:
    """Convert a database error to one whose message says what to do."""
    cause = str(getattr(error, "orig", None) or error).strip() or "no answer"
    first = cause.splitlines()[0]
    if isinstance(error, OperationalError):
        return PostgresError(
            f"the catalog's PostgreSQL{where} does not answer: {first}\n"
            "Start it, correct DATABASE_URL, or unset DATABASE_URL to use a private server."
        )
    if isinstance(error, ProgrammingError):
        return PostgresError(
            f"the catalog{where} is not as expected: {first}\n"
            "Run `soundalike db upgrade`; `soundalike ingest FOLDER` fills an empty catalog."
        )
    return PostgresError(f"the catalog{where} reports an error: {first}")


def engine_of(sessions: Sessions) -> Engine:
    """Return the engine behind `sessions`."""
    with sessions() as session:
        return session.get_bind().engine


def dagster_url(database_url: str) -> str:
    """Return the URL of Dagster's storage: a schema of its own in the same database.

    The schema is separate because both have a table alembic_version. dagster-postgres needs
    psycopg2: with psycopg 3 its NOTIFY is a syntax error. Commits of its many events do not wait
    for the disk: if the server's machine fails, the last ones are lost, and nothing of the catalog.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg2")
    url = url.update_query_dict(
        {"options": f"-csearch_path={DAGSTER_SCHEMA} -csynchronous_commit=off"}
    )
    return url.render_as_string(hide_password=False)


def autocommit(sessions: Sessions) -> Connection:
    """Open a connection that can hold a lock without holding a transaction open."""
    return engine_of(sessions).execution_options(isolation_level="AUTOCOMMIT").connect()


def _unlock(connection: Connection, call: str, key: dict[str, int]) -> None:
    """Release a lock. If the connection broke, the server has released it; the work done stands."""
    with suppress(OperationalError):
        connection.execute(text(f"select {call}"), key)


@contextmanager
def idle_batch(sessions: Sessions, batch_id: int) -> Iterator[bool]:
    """Hold a batch's lock if no run is at work on the batch; yields whether it is held."""
    key = {"space": BATCH_LOCK, "batch": batch_id % 2**31}
    with autocommit(sessions) as connection:
        held = text("select pg_try_advisory_lock(:space, :batch)")
        if not connection.execute(held, key).scalar_one():
            yield False
            return
        try:
            yield True
        finally:
            _unlock(connection, "pg_advisory_unlock(:space, :batch)", key)


@contextmanager
def batch_lock(sessions: Sessions, batch_id: int) -> Iterator[None]:
    """Hold a batch's lock, so that two runs of the same batch work one after another."""
    key = {"space": BATCH_LOCK, "batch": batch_id % 2**31}
    with autocommit(sessions) as connection:
        connection.execute(text("select pg_advisory_lock(:space, :batch)"), key)
        try:
            yield
        finally:
            _unlock(connection, "pg_advisory_unlock(:space, :batch)", key)
