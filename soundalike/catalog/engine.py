"""Connections to the catalog: engines, sessions, and Dagster's storage URL."""

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from soundalike.errors import PostgresError
from soundalike.tracing import trace_statements

Sessions = sessionmaker[Session]
DAGSTER_SCHEMA = "dagster"

# A host that is lost says nothing; the kernels' own waits are two hours, or 15 minutes where it had
# not acknowledged the last answer. By these, a client notices after 25 seconds that its server is
# gone, and a server that the holder of a lock is.
KEEPALIVES = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}
_OF_SERVER = "; ".join(
    f"set tcp_{name.removeprefix('tcp_')} = {value}" for name, value in KEEPALIVES.items()
)


def open_catalog(database_url: str) -> Sessions:
    """Open sessions on a small pool. Raises PostgresError if the server does not answer."""
    arguments = {"connect_timeout": 10, **KEEPALIVES}
    engine = create_engine(database_url, pool_pre_ping=True, connect_args=arguments)
    trace_statements(engine)
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
    Dagster reads times of its tables as UTC, and has the server write them in the session's zone.
    """
    url = make_url(database_url).set(drivername="postgresql+psycopg2")
    options = f"-csearch_path={DAGSTER_SCHEMA} -csynchronous_commit=off -ctimezone=UTC"
    url = url.update_query_dict(
        {"options": options, **{name: str(value) for name, value in KEEPALIVES.items()}}
    )
    return url.render_as_string(hide_password=False)


def autocommit(sessions: Sessions) -> Connection:
    """Open a connection that can hold a lock without holding a transaction open.

    The server frees the lock when its holder ends, however it ends, or its host is lost.
    """
    connection = engine_of(sessions).execution_options(isolation_level="AUTOCOMMIT").connect()
    try:
        connection.exec_driver_sql(_OF_SERVER)
    except BaseException:
        connection.close()
        raise
    return connection
