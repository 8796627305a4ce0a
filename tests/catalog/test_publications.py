"""Which index version is served, and which may be: as recorded, whatever the clock says."""

from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

from soundalike.catalog.engine import Sessions
from soundalike.catalog.index_versions import latest_built, record_version, require_built
from soundalike.catalog.publications import (
    PUBLISHED_CHANNEL,
    PublishedIndex,
    publish,
    published,
    published_before,
    replaced_version,
)
from soundalike.catalog.retention import retire_lost, retire_superseded, superseded
from soundalike.errors import ArtifactError

SPACE = "fake.space"


def built(session: Session, *versions: str, **other: Any) -> None:
    """Record that these were built, one after another."""
    known = {"space": SPACE, "model": "fake", "kind": "flat", "dimension": 8, "tracks": 1}
    for version in versions:
        record_version(session, {"version": version, **known, **other})


def served(session: Session) -> PublishedIndex:
    found = published(session)
    assert found
    return found


def test_what_a_person_published_is_not_replaced_by_a_run_that_had_not_seen_it(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        built(session, "a", "b", "c")
        assert publish(session, "b", by_hand=False) is None
        seen = served(session).publication.id
        assert publish(session, "a", by_hand=True, seen=seen) is None
        assert publish(session, "c", by_hand=False, seen=seen) == "a"
        assert served(session).index.version == "a"
        seen = served(session).publication.id
        assert publish(session, "c", by_hand=False, seen=seen) is None
        assert publish(session, "b", by_hand=False, seen=seen) is None, "no person published c"
        assert served(session).index.version == "b"


def test_subscribers_are_told_of_a_publication_once_it_is_committed(
    sessions: Sessions, database_url: str
) -> None:
    with psycopg.connect(
        database_url.replace("postgresql+psycopg", "postgresql"), autocommit=True
    ) as subscriber:
        subscriber.execute(f"listen {PUBLISHED_CHANNEL}")

        def told() -> list[str]:
            subscriber.execute("select")  # which is answered after all news of before
            return [news.payload for news in subscriber.notifies(timeout=0)]

        with sessions.begin() as session:
            built(session, "a")
            publish(session, "a", by_hand=True)
            session.flush()
            assert told() == []
        assert told() == ["a"]


def test_the_version_that_was_replaced_is_the_one_served_before(sessions: Sessions) -> None:
    with sessions.begin() as session:
        built(session, "a", "b", "c")
        publish(session, "a", by_hand=False)
        first = served(session)
        assert replaced_version(session, first) is None
        for version in ("b", "c", "c"):
            publish(session, version, by_hand=False)
        assert replaced_version(session, first) is None, "others came after it"
        assert replaced_version(session, served(session)) == "b", "and not itself"
        publish(session, "a", by_hand=True)
        assert replaced_version(session, served(session)) == "c"
        assert published_before(session, "a") == ["c", "b"]


def test_only_what_was_built_and_is_there_can_be_published(sessions: Sessions) -> None:
    with sessions.begin() as session:
        with pytest.raises(ArtifactError, match="no index version 'a' was ever built; materialise"):
            publish(session, "a", by_hand=True)
        built(session, "a", "b", "c", tracks=7)
        retire_lost(session, ["a"])
        with pytest.raises(ArtifactError, match=r"a was removed .*; the newest are c \(7 tr.*, b"):
            publish(session, "a", by_hand=True)
        assert published(session) is None


def test_a_version_that_is_built_again_is_the_latest_and_may_be_published(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        built(session, "a", "b")
        built(session, "z", space="another")
        assert latest_built(session, SPACE) == "b"
        retire_lost(session, ["a"])
        built(session, "a")
        assert latest_built(session, SPACE) == "a"
        require_built(session, "a")
        assert latest_built(session, "none") is None


@pytest.mark.parametrize(("keep", "expected"), [(0, ["c", "b", "a"]), (1, ["b", "a"]), (3, [])])
def test_versions_older_than_the_served_one_go_but_for_the_newest_of_them(
    sessions: Sessions, keep: int, expected: list[str]
) -> None:
    with sessions.begin() as session:
        built(session, "a", "b", "c", "d", "e")
        assert superseded(session, keep) == [], "nothing is served yet"
        publish(session, "d", by_hand=True)
        assert superseded(session, keep) == expected
        assert retire_superseded(session, keep) == expected
        assert superseded(session, 0) == [each for each in ["c", "b", "a"] if each not in expected]


def test_the_served_version_is_built_again_when_it_is_lost_and_not_retired(
    sessions: Sessions,
) -> None:
    with sessions.begin() as session:
        built(session, "a", "b")
        publish(session, "b", by_hand=False)
        retire_lost(session, ["a", "b"])
        require_built(session, "b")
        with pytest.raises(ArtifactError, match="or is lost"):
            require_built(session, "a")
