"""What a test does to the holders of advisory locks."""

from sqlalchemy import text

from soundalike.catalog.engine import Sessions

END = text(
    "select pg_terminate_backend(pid, 60000) from pg_locks where locktype = 'advisory' and granted "
    "and database = (select oid from pg_database where datname = current_database())"
)


def end_lock_holders(sessions: Sessions, expected: int) -> None:
    """End the connections that hold locks, as the loss of their host does."""
    with sessions() as session:
        assert session.execute(END).scalars().all() == [True] * expected
