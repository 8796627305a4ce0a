"""Failures: which are listed, counted and due again, of files that are there."""

import datetime as dt

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from soundalike.catalog import failures
from soundalike.catalog.engine import Sessions
from soundalike.catalog.failures import ALL_FAILURES, FailureFilter
from soundalike.catalog.tables import FailureRow
from tests.catalog.conftest import execute_all

FAILED = (
    "insert into failures (file_id, stage, batch_id, code, message, attempts, retry_at) values "
    "(1, 'raw_audio', 1, 'vanished', 'away', 3, now() + interval '1 h'), "
    "(2, 'raw_audio', 2, 'vanished', 'away', 6, null), "
    "(3, 'raw_audio', 2, 'not_audio', 'words', 1, null), "
    "(3, 'embeddings', 2, 'silent', 'silence', 1, null), "
    "(4, 'raw_audio', 2, 'unreadable', 'disk', 2, now() + interval '1 h')",
    "update files set gone_at = now() where id = 4",
)
Chosen = list[tuple[int, str]]


@pytest.fixture
def failed(listed: Sessions) -> Sessions:
    """Failures of all files; the fourth is gone."""
    execute_all(listed, FAILED)
    return listed


def shown(session: Session, after: tuple[int, str] | None, chosen: FailureFilter) -> Chosen:
    rows = session.execute(failures.page(10, after, chosen))
    return [(failures.FailureView(*row).file_id, failures.FailureView(*row).stage) for row in rows]


def waits(session: Session) -> dict[tuple[int, str], tuple[dt.timedelta | None, int]]:
    """How long each waits now, and how many attempts are counted."""
    columns = FailureRow.file_id, FailureRow.stage, FailureRow.retry_at - func.now()
    rows = session.execute(select(*columns, FailureRow.attempts))
    return {(file, stage): (wait, attempts) for file, stage, wait, attempts in rows}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (ALL_FAILURES, [(1, "raw_audio"), (2, "raw_audio"), (3, "embeddings"), (3, "raw_audio")]),
        (FailureFilter(codes=("vanished", "unreadable")), [(1, "raw_audio"), (2, "raw_audio")]),
        (FailureFilter(stages=("embeddings",)), [(3, "embeddings")]),
        (FailureFilter(path_prefix="2"), [(2, "raw_audio")]),
        (FailureFilter(("vanished",), ("embeddings",)), []),
        (FailureFilter(("unreadable",)), []),
    ],
)
def test_failures_of_files_that_are_there_are_listed_and_counted(
    failed: Sessions, chosen: FailureFilter, expected: Chosen
) -> None:
    with failed() as session:
        assert shown(session, None, chosen) == expected
        assert session.scalar(failures.count(chosen)) == len(expected)
        pages = [shown(session, after, chosen) for after in expected]
        assert pages == [expected[number + 1 :] for number in range(len(expected))]


def test_a_retry_counts_its_attempts_anew_and_leaves_the_files_own_faults(
    failed: Sessions,
) -> None:
    now = (dt.timedelta(0), 0)
    with failed.begin() as session:
        before = waits(session)
        assert failures.retry(session, everything=False) == 2
        retried = {(1, "raw_audio"): now, (2, "raw_audio"): now}
        assert waits(session) == before | retried
        only = FailureFilter(codes=("silent",))
        assert failures.retry(session, everything=False, chosen=only) == 0
        assert failures.retry(session, everything=True, chosen=only) == 1
        assert waits(session) == before | retried | {(3, "embeddings"): now}
        assert failures.retry(session, everything=True) == 4
        assert waits(session)[4, "raw_audio"] == before[4, "raw_audio"], "its file is gone"


def test_files_that_are_listed_again_are_due_however_often_they_were_missed(
    failed: Sessions,
) -> None:
    with failed.begin() as session:
        before = waits(session)
        failures.retry_reappeared(session, root_id=2, unseen=[])
        assert waits(session) == before, "they are in another root"
        failures.retry_reappeared(session, root_id=1, unseen=[1])
        given_up = before[2, "raw_audio"][1]
        again = before | {(2, "raw_audio"): (dt.timedelta(0), given_up)}
        assert waits(session) == again
        failures.retry_reappeared(session, root_id=1, unseen=[])
        assert waits(session)[1, "raw_audio"] == (dt.timedelta(0), 3)
        assert waits(session)[3, "raw_audio"] == before[3, "raw_audio"], "it was there"
