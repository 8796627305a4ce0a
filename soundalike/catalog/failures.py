"""Reading failures: which files did not get through, where, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from soundalike.catalog.tables import Failure, File


@dataclass(frozen=True)
class FailureView:
    """A failure as people see it."""

    path: str
    stage: str
    code: str
    message: str


def failures_of(session: Session, batch_ids: Sequence[int]) -> list[FailureView]:
    """Failures of these batches' files that are still there, by path."""
    rows = session.execute(
        select(File.shown, Failure.stage, Failure.code, Failure.message)
        .join(File)
        .where(Failure.batch_id.in_(batch_ids), File.gone_at.is_(None))
        .order_by(File.shown)
    )
    return [FailureView(*row) for row in rows]
