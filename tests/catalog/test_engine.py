"""A broken lock undoes no work, and a server that is not there is named."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text

from soundalike.catalog.engine import Sessions, batch_lock, open_catalog
from soundalike.catalog.process_locks import ingest_lock, ingest_running, up_lock
from soundalike.errors import PostgresError


def test_a_batch_lock_is_no_ingest(sessions: Sessions) -> None:
    with batch_lock(sessions, 7):
        assert not ingest_running(sessions)


@pytest.mark.parametrize("lock", [ingest_lock, up_lock, lambda sessions: batch_lock(sessions, 7)])
def test_a_lock_whose_connection_broke_does_not_undo_what_was_done(
    sessions: Sessions, lock: Callable[[Sessions], AbstractContextManager[None]]
) -> None:
    held = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and "
    here = "database = (select oid from pg_database where datname = current_database())"
    with lock(sessions), sessions() as session:
        assert session.execute(text(held + here)).scalars().all() == [True]
        session.rollback()
    with lock(sessions):
        pass  # and it can be taken again


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(PostgresError, match="does not answer") as caught:
        open_catalog("postgresql+psycopg://me:secret@127.0.0.1:1/db")
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)
