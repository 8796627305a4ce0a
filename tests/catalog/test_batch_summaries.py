"""The summaries of batches say at any time what a reading of all tracks and files would."""

import random
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from soundalike.catalog import batches, index_contents
from soundalike.catalog.batch_summaries import outdated, settle
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library import set_length_rule
from soundalike.catalog.lock_keys import SETTLE_LOCK
from soundalike.catalog.state import state_of
from tests.catalog.full_readings import (
    contents_by_full_reading,
    lost_by_full_reading,
    pending_by_full_reading,
    state_by_full_reading,
)

SPACES = ("one", "two", "none")
BATCHES, TRACKS = 6, 30
LIBRARY = """
insert into roots (location, name) values ('/music', 'music');
insert into length_rule values (1, 0, 1000);
"""
# In each statement, a batch, two tracks or files, and a number of seconds are chosen at random.
CHANGES = (
    "insert into batches (id) select coalesce(max(id), 0) + 1 from batches",
    "insert into files (root_id, path, shown, size, mtime_ns, batch_id) "
    "select 1, convert_to(:new, 'UTF8'), :new, 1, 1, id from batches order by -id limit 1",
    "insert into tracks (id, batch_id, title, codec, sample_rate, channels, sort_key) "
    "select :track, id, '', '', 1, 1, '' from batches where id = :batch on conflict do nothing",
    "update files set track_id = (select id from tracks where id = :track), unread = false, "
    "tags_version = 1 where id = :file",
    "update files set track_id = null, unread = false where id = :file",
    "update files set unread = true, tags_version = -1, batch_id = (select max(id) from batches) "
    "where id = :file",
    "update files set gone_at = now(), gone_as_of_batch = (select max(id) from batches) "
    "where id in (:file, :other)",
    "update files set gone_at = null, gone_as_of_batch = null where id = :file",
    "delete from files where id = :file",
    "update tracks set duration = :seconds, decoded_share = 1 where id = :track",
    "update tracks set decoded_share = null where id = :track",
    "insert into failures (file_id, stage, batch_id, code, message, retry_at) "
    "select id, 'raw_audio', batch_id, '', '', now() + :seconds * interval '1 s' from files "
    "where id = :file on conflict do nothing",
    "insert into failures (file_id, stage, batch_id, code, message) "
    "select id, 'embeddings', batch_id, '', '' from files where id = :file on conflict do nothing",
    "update failures set retry_at = now() + interval '20 days' where file_id = :file",
    "delete from failures where file_id in (:file, :other)",
    "insert into vectors select :space, id, batch_id, row_number() over (order by id) - 1 "
    "from tracks where batch_id = :batch on conflict do nothing",
    "insert into embedded_batches (space, batch_id, rows, sha256) "
    "select :space, :batch, count(*), :new from vectors where space = :space and batch_id = :batch "
    "having :batch in (select id from batches) on conflict (space, batch_id) "
    "do update set rows = excluded.rows, sha256 = excluded.sha256, embedded_at = now()",
    "delete from embedded_batches where space = :space and batch_id = :batch",
    "delete from vectors where space = :space and batch_id = :batch",
    "update length_rule set shortest = :seconds where :seconds < 500",
    "update length_rule set shortest = shortest",
    "insert into length_rule values (1, :seconds, 1000) on conflict (id) "
    "do update set shortest = excluded.shortest",
)
# The same as if so many seconds had passed: no trigger sees it.
PASS = (
    "set local session_replication_role = replica",
    "update failures set retry_at = retry_at - :seconds * interval '1 s'",
    "update batch_summaries set read_at = read_at - :seconds * interval '1 s', "
    "valid_until = valid_until - :seconds * interval '1 s'",
)


def assert_true(session: Session) -> None:
    """What the summaries say is what a reading of everything says, in every space."""
    assert state_of(session) == state_by_full_reading(session)
    for space in SPACES:
        assert batches.pending_batches(session, space) == pending_by_full_reading(session, space)
        assert index_contents.lost_batches(session, space) == lost_by_full_reading(session, space)
        found = index_contents.contents(session, space)
        rows = {
            batch: (sha256, set(range(found.rows[batch])).difference(found.removed.get(batch, ())))
            for batch, sha256 in found.batches.items()
        }
        assert rows == contents_by_full_reading(session, space)


def change(session: Session, draw: random.Random) -> None:
    """Change something at random, by one statement."""
    parameters = {
        "batch": draw.randint(1, BATCHES),
        "track": str(draw.randint(1, TRACKS)),
        "file": draw.randint(1, 2 * TRACKS),
        "other": draw.randint(1, 2 * TRACKS),
        "seconds": draw.choice((-5, 5, 300, 900, 100_000)),
        "space": draw.choice(SPACES[:2]),
        "new": f"{draw.random()}",
    }
    statement = draw.choice(CHANGES)
    if statement.startswith("insert into batches"):
        full = "having count(*) < :batches"
        session.execute(text(f"{statement} {full}"), {"batches": BATCHES})
    else:
        session.execute(text(statement), parameters)


@pytest.fixture
def begun(sessions: Sessions) -> Sessions:
    with sessions.begin() as session:
        session.execute(text(LIBRARY))
    return sessions


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(0, 8), *(pytest.param(seed, 50, marks=pytest.mark.slow) for seed in range(1, 5))],
)
def test_no_change_in_any_order_makes_the_summaries_differ_from_a_full_reading(
    begun: Sessions, seed: int, steps: int
) -> None:
    draw = random.Random(seed)
    settled = 0
    for _ in range(steps):
        with begun.begin() as session:
            for _ in range(draw.randint(1, 6)):
                change(session, draw)
            assert_true(session)
        if draw.random() < 0.5:
            settle(begun)
            with begun() as session:
                settled += not outdated(session)
        if draw.random() < 0.3:
            with begun.begin() as session:
                seconds = draw.choice((3, 400, 864_000))
                for statement in PASS:
                    session.execute(text(statement), {"seconds": seconds})
        with begun() as session:
            assert_true(session)
    assert settled


def test_a_transaction_that_commits_after_the_summaries_were_made_is_seen(begun: Sessions) -> None:
    draw = random.Random(1)
    with begun.begin() as session:
        for _ in range(200):
            change(session, draw)
    for number in range(10):
        with begun.begin() as late:
            change(late, draw)
            settle(begun)
        with begun() as session:
            assert_true(session)
        if number % 3 == 0:
            settle(begun)


def test_a_transaction_that_is_undone_leaves_nothing_to_read_again(begun: Sessions) -> None:
    with begun.begin() as session:
        session.execute(text("insert into batches (id) values (1)"))
    settle(begun)
    with begun() as session:
        session.execute(text("insert into vectors select 'one', '1', 1, 0 where false"))
        session.execute(text("insert into batches (id) values (2)"))
        assert outdated(session) == [2]
    with begun() as session:
        assert outdated(session) == []


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("update length_rule set longest = longest", id="the rule as it was"),
        pytest.param("update roots set scanned_at = now()", id="a root's scan"),
        pytest.param("update batches set lock_holder = lock_holder + 1", id="a batch's lock"),
    ],
)
def test_what_each_scan_and_run_writes_makes_no_summary_old(begun: Sessions, written: str) -> None:
    with begun.begin() as session:
        session.execute(text("insert into batches (id) values (1), (2)"))
    settle(begun)
    with begun() as session:
        session.execute(text(written))
        assert outdated(session) == []


def test_a_length_rule_makes_all_summaries_old_if_it_is_another_one(begun: Sessions) -> None:
    with begun.begin() as session:
        session.execute(text("insert into batches (id) values (1), (2)"))
    settle(begun)
    with begun() as session:
        set_length_rule(session, 0, 1000)  # as each scan does
        assert outdated(session) == []
        set_length_rule(session, 1, 1000)
        assert outdated(session) == [1, 2]


def test_a_summary_is_old_once_the_next_attempt_at_a_file_is_due(begun: Sessions) -> None:
    failed = """
    insert into batches (id) values (1);
    insert into files (root_id, path, shown, size, mtime_ns, batch_id)
    values (1, 'file', 'file', 1, 1, 1);
    insert into failures (file_id, stage, batch_id, code, message, retry_at)
    select id, 'raw_audio', 1, '', '', now() + interval '300 s' from files;
    """
    with begun.begin() as session:
        session.execute(text(failed))
    settle(begun)
    for seconds, old in ((200, []), (200, [1])):
        with begun.begin() as session:
            for statement in PASS:
                session.execute(text(statement), {"seconds": seconds})
        with begun() as session:
            assert outdated(session) == old


def test_more_batches_than_are_settled_at_once_are_all_settled(
    begun: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundalike.catalog.batch_summaries.BATCHES_AT_ONCE", 3)
    with begun.begin() as session:
        session.execute(text("insert into batches (id) select generate_series(1, 8)"))
    settle(begun)
    with begun() as session:
        assert outdated(session) == []
        assert_true(session)


Reading = Callable[[Session, str], object]


@pytest.mark.parametrize("reading", [batches.pending_batches, index_contents.contents])
def test_readers_do_not_wait_for_who_settles(begun: Sessions, reading: Reading) -> None:
    with begun.begin() as session:
        session.execute(text("insert into batches (id) values (1)"))
    with begun() as holder:
        holder.execute(text(f"select pg_advisory_xact_lock({SETTLE_LOCK})"))
        settle(begun)
        with begun() as session:
            assert outdated(session) == [1]
            assert reading(session, "one") == reading(session, "one")
            assert_true(session)
