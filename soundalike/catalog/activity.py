"""The library's activity, for a person who watches: what is served, and what is ingested."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from soundalike.catalog.batch_locks import BATCH_LOCK
from soundalike.catalog.batches import pending_batches
from soundalike.catalog.failures import count as count_failures
from soundalike.catalog.library import batch_key
from soundalike.catalog.publications import published

# A stage holds its batch's lock while it works; the server frees it however the stage ends.
BATCHES_AT_WORK = text(
    "select distinct objid::bigint from pg_locks where locktype = 'advisory' and granted "
    "and database = (select oid from pg_database where datname = current_database()) "
    "and classid = :space and objsubid = 2 order by 1"
)


@dataclass(frozen=True)
class Activity:
    """The served index, the batches at work, and how many others wait.

    `version` and `tracks` are those of the served index, empty and 0 without one. `failures` counts
    those of listed files.
    """

    version: str
    tracks: int
    at_work: Sequence[str]
    waiting: int
    failures: int


def activity(session: Session, space: str) -> Activity:
    """Return what goes on now; `space` is the key of the embedding space that is ingested."""
    served = published(session)
    at_work = batches_at_work(session)
    pending = {batch.key for batch in pending_batches(session, space)}
    return Activity(
        version=served.index.version if served else "",
        tracks=served.index.tracks if served else 0,
        at_work=at_work,
        waiting=len(pending - set(at_work)),
        failures=session.scalar(count_failures()) or 0,
    )


def batches_at_work(session: Session) -> list[str]:
    """Return the batches that a run is at work on."""
    return [batch_key(id_) for id_ in session.scalars(BATCHES_AT_WORK, {"space": BATCH_LOCK})]
