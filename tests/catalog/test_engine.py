"""A broken lock undoes no work, and a server that is not there is named."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from soundalike.catalog.batch_locks import batch_lock
from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.process_locks import ingest_lock, ingest_running, up_lock
from soundalike.catalog.tables import BatchRow
from soundalike.errors import PostgresError
from tests.locks import end_lock_holders


@pytest.fixture(autouse=True)
def _batch(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.add(BatchRow(id=7))


def test_a_batch_lock_is_no_ingest(sessions: Sessions) -> None:
    with batch_lock(sessions, 7):
        assert not ingest_running(sessions)


@pytest.mark.parametrize("lock", [ingest_lock, up_lock, lambda sessions: batch_lock(sessions, 7)])
def test_a_lock_whose_connection_broke_does_not_undo_what_was_done(
    sessions: Sessions, lock: Callable[[Sessions], AbstractContextManager[None]]
) -> None:
    with lock(sessions):
        end_lock_holders(sessions, 1)
    with lock(sessions):
        pass  # and it can be taken again


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(PostgresError, match="does not answer") as caught:
        open_catalog("postgresql+psycopg://me:secret@127.0.0.1:1/db")
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)
