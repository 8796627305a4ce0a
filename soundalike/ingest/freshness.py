"""Freshness: whether the library is scanned as often as it should be, and the index follows it."""

import datetime as dt
from dataclasses import dataclass

from soundalike.catalog import library, publications
from soundalike.catalog.engine import Sessions
from soundalike.embedders.base import EmbeddingSpace
from soundalike.ingest.next_index import next_index
from soundalike.progress import about
from soundalike.settings import KindChoice
from soundalike.storage.layout import ArtifactStore


@dataclass(frozen=True)
class Freshness:
    """The verdict on how new something is, in words, and its age or lag in seconds."""

    is_fresh: bool
    told: str
    seconds: float


def library_freshness(sessions: Sessions, now: dt.datetime, due: dt.datetime) -> Freshness:
    """Compare the last scan, whether or not it found a change, with the time it was due at."""
    with sessions() as session:
        scanned_at = library.last_scan(session)
    if scanned_at is None:
        return Freshness(False, "no scan has ended yet; materialise library", 0.0)
    age = max((now - scanned_at).total_seconds(), 0.0)
    told = f"the last scan was {about(age)} ago"
    if scanned_at >= due:
        return Freshness(True, told, age)
    return Freshness(
        False, f"{told}; is the schedule running, and do its runs succeed? It was due earlier", age
    )


def index_freshness(
    sessions: Sessions,
    store: ArtifactStore,
    space: EmbeddingSpace,
    choice: KindChoice,
    now: dt.datetime,
    allowed: dt.timedelta,
) -> Freshness:
    """Compare the served index with the library, which it may lag behind for as long as allowed.

    A version that a user pinned is fresh, and so is one that waits for a change of model to end.
    """
    wanted = next_index(sessions, store, space, choice)
    if wanted.version is None:
        return Freshness(True, wanted.reason, 0.0)
    with sessions() as session:
        since = publications.behind_since(session, space.key)
    lag = max((now - since).total_seconds(), 0.0) if since else 0.0
    told = f"an index of {wanted.reason} has been waiting to be published for {about(lag)}"
    return Freshness(lag <= allowed.total_seconds(), told, lag)
