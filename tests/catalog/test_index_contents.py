"""What the next index of a space has, by rows of its batches: no more and no less."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from soundalike.catalog import index_contents
from soundalike.catalog.batch_summaries import settle
from soundalike.catalog.engine import Sessions
from soundalike.catalog.index_contents import IndexContents, LocatedTrack
from tests.catalog.conftest import execute_all

EMBEDDED = (
    "update tracks set batch_id = 2 where id in ('t3', 't4')",
    "insert into vectors values ('one', 't1', 1, 0), ('one', 't2', 1, 1), "
    "('one', 't3', 2, 0), ('one', 't4', 2, 1), ('two', 't1', 1, 0)",
    "insert into embedded_batches (space, batch_id, rows, sha256) values "
    "('one', 1, 2, 'a'), ('one', 2, 2, 'b'), ('two', 1, 1, 'c')",
)


@pytest.fixture
def embedded(read: Sessions) -> Sessions:
    """Two batches of two tracks in a space, and one track in another."""
    execute_all(read, EMBEDDED)
    return read


def contents(session: Session) -> tuple[dict[str, str], dict[str, list[int]], int]:
    found = index_contents.contents(session, "one")
    return found.batches, found.removed, found.tracks


@pytest.mark.parametrize("settled", [False, True])
def test_tracks_that_may_not_be_in_an_index_are_named_by_their_rows(
    embedded: Sessions, settled: bool
) -> None:
    both = {"b000001": "a", "b000002": "b"}

    def now() -> tuple[dict[str, str], dict[str, list[int]], int]:
        if settled:
            settle(embedded)
        with embedded() as session:
            return contents(session)

    assert now() == (both, {}, 4)
    with embedded.begin() as session:
        session.execute(text("insert into length_rule values (1, 2, 3)"))
    assert now() == (both, {"b000001": [0], "b000002": [1]}, 2)
    with embedded.begin() as session:
        session.execute(text("update files set gone_at = now(), gone_as_of_batch = 2 where id = 3"))
    assert now() == ({"b000001": "a"}, {"b000001": [0]}, 1), "a batch with nothing is not in it"
    with embedded.begin() as session:
        session.execute(text("update length_rule set longest = 9, shortest = 0"))
        session.execute(text("update files set gone_at = null where id = 3"))
    assert now() == (both, {}, 4)


def test_a_file_that_moved_nowhere_leaves_the_index_when_the_last_file_is_read(
    embedded: Sessions,
) -> None:
    """Nothing of its own batch changes then."""
    with embedded.begin() as session:
        session.execute(text("update files set unread = true, tags_version = -1 where id = 4"))
        session.execute(text("update files set gone_at = now(), gone_as_of_batch = 2 where id = 1"))
    settle(embedded)
    with embedded() as session:
        assert contents(session)[1] == {}, "it may be file 4"
    with embedded.begin() as session:
        session.execute(text("update files set unread = false, tags_version = 1 where id = 4"))
    with embedded() as session:
        assert contents(session)[1] == {"b000001": [0]}


def test_each_space_has_its_own_vectors(embedded: Sessions) -> None:
    with embedded() as session:
        other = IndexContents("two", {"b000001": "c"}, {"b000001": 1}, {})
        assert index_contents.contents(session, "two") == other
        assert index_contents.located_tracks(session, "two") == [
            LocatedTrack("t1", "b000001", 0, "c")
        ]
        assert index_contents.contents(session, "none") == IndexContents("none", {}, {}, {})


def test_tracks_are_located_by_their_ids_and_those_of_batches_by_their_rows(
    embedded: Sessions,
) -> None:
    with embedded.begin() as session:
        session.execute(text("update vectors set row = 1 - row where batch_id = 1"))
        session.execute(text("update files set gone_at = now(), gone_as_of_batch = 1 where id = 3"))
        found = index_contents.located_tracks(session, "one")
        assert [(each.track_id, each.row) for each in found] == [("t1", 1), ("t2", 0), ("t4", 1)]
        some = index_contents.embedded_tracks(session, "one", ["b000002", "b000001"])
        assert [each.track_id for each in some] == ["t2", "t1", "t3", "t4"], "gone or not"
        [*_, last] = index_contents.embedded_tracks(session, "one", ["b000002"])
        assert last == LocatedTrack("t4", "b000002", 1, "b")


def test_vectors_whose_record_is_forgotten_are_lost(embedded: Sessions) -> None:
    with embedded.begin() as session:
        assert index_contents.lost_batches(session, "one") == []
        session.execute(text("delete from embedded_batches where space = 'one'"))
        assert index_contents.lost_batches(session, "one") == ["b000001", "b000002"]
        assert index_contents.lost_batches(session, "two") == []
        assert contents(session) == ({}, {}, 0)
