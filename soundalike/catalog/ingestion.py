"""Ingestion: whether work on the library is waiting, done, or stuck, for those who watch it."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from soundalike.catalog.activity import batches_at_work
from soundalike.catalog.batches import pending_batches
from soundalike.catalog.library_settings import read
from soundalike.catalog.tables import BatchRow, EmbeddedBatchRow, FailureRow

# The second try of a run that failed comes after five minutes (pipelines/attempts.py).
STUCK_AFTER = dt.timedelta(minutes=15)

State = Literal["idle", "working", "waiting", "stuck"]


@dataclass(frozen=True)
class Ingestion:
    """The batches with work left, those at work, and when a batch was last sealed, done or failed.

    `progress_at` is None in an empty library.
    """

    pending: int
    at_work: int
    progress_at: dt.datetime | None

    def state(self, now: dt.datetime) -> State:
        """Return how it goes. It is stuck if work is left and nobody has done any for long."""
        if not self.pending:
            return "idle"
        if self.at_work:
            return "working"
        waits = self.progress_at is None or now - self.progress_at < STUCK_AFTER
        return "waiting" if waits else "stuck"


def ingestion(session: Session) -> Ingestion:
    """Return how ingestion goes now, in the library's own embedding space."""
    library = read(session)
    moments = (func.max(BatchRow.sealed_at), func.max(EmbeddedBatchRow.embedded_at))
    last = [
        *(session.scalar(select(moment)) for moment in moments),
        session.scalar(select(func.max(FailureRow.failed_at))),
    ]
    return Ingestion(
        pending=len(pending_batches(session, library.space)) if library else 0,
        at_work=len(batches_at_work(session)),
        progress_at=max((moment for moment in last if moment), default=None),
    )
