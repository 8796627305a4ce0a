"""An ingestion that does not go on must be visible to whoever watches, with its time."""

import datetime as dt

import httpx
import pytest

from soundalike.catalog.batch_locks import batch_lock
from soundalike.catalog.engine import Sessions
from soundalike.catalog.ingestion import STUCK_AFTER, Ingestion
from soundalike.catalog.library_settings import adopt
from soundalike.catalog.tables import BatchRow, FileRow, RootRow
from soundalike.settings import Settings

LONG_AGO = dt.datetime(2026, 3, 1, 4, 30, tzinfo=dt.UTC)


def seal(sessions: Sessions, at: dt.datetime) -> None:
    """A batch of one unread file."""
    with sessions.begin() as session:
        session.add(BatchRow(id=1, sealed_at=at))
        root = RootRow(location=b"/music", name="music")
        session.add(root)
        session.flush()
        session.add(FileRow(root_id=root.id, path=b"a", shown="a", size=1, mtime_ns=1, batch_id=1))


async def test_an_empty_library_is_idle(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/pipeline")).json() == {
        "state": "idle",
        "pending_batches": 0,
        "batches_at_work": 0,
        "last_progress_at": None,
    }


@pytest.mark.parametrize("work", [False, True])
async def test_a_batch_that_nobody_works_on_is_stuck_since_it_was_sealed(
    api: httpx.AsyncClient, sessions: Sessions, settings: Settings, work: bool
) -> None:
    adopt(sessions, settings.model_copy(update={"model": "musicnn-msd"}))
    seal(sessions, LONG_AGO)
    if work:
        with batch_lock(sessions, 1):
            told = (await api.get("/v1/pipeline")).json()
    else:
        told = (await api.get("/v1/pipeline")).json()
    assert told == {
        "state": "working" if work else "stuck",
        "pending_batches": 1,
        "batches_at_work": int(work),
        "last_progress_at": "2026-03-01T04:30:00Z",
    }


async def test_a_batch_that_was_sealed_just_now_waits(
    api: httpx.AsyncClient, sessions: Sessions, settings: Settings
) -> None:
    adopt(sessions, settings.model_copy(update={"model": "musicnn-msd"}))
    seal(sessions, dt.datetime.now(dt.UTC))
    assert (await api.get("/v1/pipeline")).json()["state"] == "waiting"


def test_the_moment_at_which_it_is_stuck() -> None:
    now = Ingestion(pending=1, at_work=0, progress_at=LONG_AGO)
    assert now.state(LONG_AGO + STUCK_AFTER - dt.timedelta(seconds=1)) == "waiting"
    assert now.state(LONG_AGO + STUCK_AFTER) == "stuck"
