"""Locks of batches: one run at a time works on a batch, and only the last holder records.

They are PostgreSQL's advisory locks. A holder that was cut off from the server has lost its lock
without noticing, and another run may have taken it; so each holder takes a number, and what it
records is fenced by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from soundalike.catalog.engine import Sessions, autocommit
from soundalike.catalog.library import batch_key
from soundalike.catalog.tables import BatchRow
from soundalike.errors import LockLost

BATCH_LOCK = 5_011_851
TAKE = text("select pg_advisory_lock(:space, :batch)")
TRY = text("select pg_try_advisory_lock(:space, :batch)")
RELEASE = text("select pg_advisory_unlock(:space, :batch)")


@dataclass(frozen=True)
class HeldBatch:
    """A batch's lock as one holder has it; `holder` is the holder's number, which only grows."""

    batch_id: int
    holder: int

    def fence(self, session: Session) -> None:
        """Keep the lock from changing hands until the session's transaction ends.

        Raises LockLost if another run has taken it meanwhile: nothing may be written then.
        """
        last = select(BatchRow.lock_holder).where(BatchRow.id == self.batch_id).with_for_update()
        if session.scalar(last) != self.holder:
            raise LockLost(
                f"another run took over batch {batch_key(self.batch_id)} while this one had no "
                "connection to PostgreSQL; this one records nothing of it"
            )


@contextmanager
def batch_lock(sessions: Sessions, batch_id: int) -> Iterator[HeldBatch]:
    """Hold a batch's lock, so that two runs of the same batch work one after another."""
    with autocommit(sessions) as connection:
        connection.execute(TAKE, _key(batch_id))
        with _released(connection, batch_id):
            yield HeldBatch(batch_id, _next_holder(connection, batch_id))


@contextmanager
def idle_batch(sessions: Sessions, batch_id: int) -> Iterator[bool]:
    """Hold a batch's lock if no run is at work on the batch; yields whether it is held."""
    with autocommit(sessions) as connection:
        if not connection.execute(TRY, _key(batch_id)).scalar_one():
            yield False
            return
        with _released(connection, batch_id):
            _next_holder(connection, batch_id)
            yield True


def _key(batch_id: int) -> dict[str, int]:
    return {"space": BATCH_LOCK, "batch": batch_id % 2**31}


def _next_holder(connection: Connection, batch_id: int) -> int:
    """Number the new holder. Waits for a transaction of the last one that is fenced."""
    row = update(BatchRow).where(BatchRow.id == batch_id)
    numbered = row.values(lock_holder=BatchRow.lock_holder + 1).returning(BatchRow.lock_holder)
    return connection.execute(numbered).scalar_one()


@contextmanager
def _released(connection: Connection, batch_id: int) -> Iterator[None]:
    """Release the lock at last. If the connection broke, the server has done so already."""
    try:
        yield
    finally:
        with suppress(OperationalError):
            connection.execute(RELEASE, _key(batch_id))
