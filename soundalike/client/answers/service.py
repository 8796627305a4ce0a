"""Answers about the service and the collection, as frozen dataclasses."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from soundalike.client.tables import Rows


@dataclass(frozen=True)
class Alive:
    """The process is alive."""

    status: Literal["alive"]


@dataclass(frozen=True)
class Ready:
    """Queries can be served now."""

    status: Literal["ready"]
    index_version: str
    problem: str | None


@dataclass(frozen=True)
class BrowserSession:
    """The sender of a request: the name of its key, and what that allows."""

    name: str
    scope: Literal["read", "admin"]
    dagster: str | None


@dataclass(frozen=True)
class Index:
    """The index version that results come from."""

    version: str
    space: str
    model: str
    dimension: int
    kind: str
    tracks: int
    dagster_run_id: str | None
    created_at: dt.datetime
    published_at: dt.datetime


@dataclass(frozen=True)
class Publication:
    """The index version that is published now; workers serve it within seconds."""

    version: str
    tracks: int
    replaces: str | None
    pinned: bool


@dataclass(frozen=True)
class Pipeline:
    """The state of ingestion: what is left to do, and whether anybody does it."""

    state: Literal["idle", "working", "waiting", "stuck"]
    pending_batches: int
    batches_at_work: int
    last_progress_at: dt.datetime | None


@dataclass(frozen=True)
class Failure:
    """A file that failed, and why it is not in the index."""

    root: str
    path: str
    track_id: str | None
    stage: str
    code: str
    message: str
    attempts: int
    failed_at: dt.datetime
    retry_at: dt.datetime | None


@dataclass(frozen=True)
class FailurePage(Rows):
    """A page of files that failed."""

    items: list[Failure]
    next_cursor: str | None
    total: int


@dataclass(frozen=True)
class Retry:
    """The failures that are retried: at once by an ingest, within a minute by `soundalike up`."""

    retried: int
    total: int


@dataclass(frozen=True)
class RootSummary:
    """A folder or bucket of music."""

    name: str
    kind: Literal["folder", "bucket"]
    location: str | None
    tracks: int
    files: int
    scanned_at: dt.datetime | None
    problems: list[str]


@dataclass(frozen=True)
class RootList(Rows):
    """All music roots of the collection, oldest first."""

    items: list[RootSummary]
    total: int


@dataclass(frozen=True)
class FacetItem:
    """A value of the facet, and the number of matching tracks that have it."""

    value: str
    root: str | None
    tracks: int


@dataclass(frozen=True)
class FacetPage(Rows):
    """A page of values: those of most tracks first."""

    items: list[FacetItem]
    next_cursor: str | None
    total: int


@dataclass(frozen=True)
class CodecShare:
    """An audio codec, and the number of tracks that have it."""

    codec: str
    tracks: int


@dataclass(frozen=True)
class Stats:
    """Numbers of the collection."""

    tracks: int
    files: int
    hours: float
    space: str | None
    embedded: int
    pending_tracks: int
    pending_files: int
    failed_files: int
    excluded_files: int
    codecs: list[CodecShare]
    index_version: str | None
    indexed: int
