"""Locks of processes end with their holder, and outlive a restart of the server."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text

from soundalike.catalog.engine import Sessions, open_catalog
from soundalike.catalog.lock_keys import INGEST_LOCK
from soundalike.catalog.process_locks import (
    ingest_lock,
    ingest_running,
    up_lock,
    up_running,
)
from soundalike.errors import LibraryError
from tests.patience import until

LOCKS = """
    select pid from pg_locks where locktype = 'advisory' and granted = :granted
    and database = (select oid from pg_database where datname = current_database())
"""
Lock = Callable[[Sessions], AbstractContextManager[None]]


def test_only_one_ingest_at_a_time(sessions: Sessions, database_url: str) -> None:
    assert not ingest_running(sessions)
    with ingest_lock(sessions):
        assert ingest_running(sessions)
        other = open_catalog(database_url)
        with pytest.raises(LibraryError, match="another `soundalike ingest`"), ingest_lock(other):
            pass
        other.kw["bind"].dispose()
    assert not ingest_running(sessions)
    with ingest_lock(sessions):
        assert ingest_running(sessions)


def test_only_one_up_at_a_time_and_it_is_no_ingest(sessions: Sessions) -> None:
    with up_lock(sessions):
        assert not ingest_running(sessions)
        with pytest.raises(LibraryError, match="another `soundalike up`"), up_lock(sessions):
            pass


def pids(sessions: Sessions, *, granted: bool = True) -> list[int]:
    """The backends that hold a lock, or that wait for one."""
    with sessions() as session:
        return list(session.execute(text(LOCKS), {"granted": granted}).scalars())


def end(sessions: Sessions, pid: int) -> None:
    with sessions() as session:
        session.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})


@pytest.mark.parametrize(
    ("lock", "is_held"), [(ingest_lock, ingest_running), (up_lock, up_running)]
)
def test_a_lock_is_taken_again_when_its_connection_broke(
    sessions: Sessions, lock: Lock, is_held: Callable[[Sessions], bool]
) -> None:
    """PostgreSQL may be restarted while an ingest works, again and again."""
    with lock(sessions):
        for _ in range(2):
            [before] = pids(sessions)
            end(sessions, before)
            until(lambda: (now := pids(sessions)) and now != [before])  # noqa: B023 - at once
            assert is_held(sessions)
    assert not is_held(sessions)


def test_a_lock_that_another_took_meanwhile_is_taken_when_that_ends(
    sessions: Sessions, database_url: str
) -> None:
    other = open_catalog(database_url)
    with ThreadPoolExecutor(1) as pool, ingest_lock(sessions), other() as taking:
        [before] = pids(sessions)
        wait = text("select pg_advisory_xact_lock(:key)"), {"key": INGEST_LOCK}
        waiting = pool.submit(taking.execute, *wait)
        until(lambda: pids(sessions, granted=False))
        end(sessions, before)
        waiting.result()
        [another] = pids(sessions)
        taking.rollback()
        until(lambda: pids(sessions) not in ([], [another]))
    other.kw["bind"].dispose()
    assert not ingest_running(sessions)
