"""The files and tracks that are in the library now, at the ends of each rule."""

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.orm import Session

from soundalike.catalog import presence
from soundalike.catalog.engine import Sessions
from soundalike.catalog.tables import FileRow, TrackRow


def files(session: Session, condition: ColumnElement[bool]) -> list[int]:
    return list(session.scalars(select(FileRow.id).where(condition).order_by(FileRow.id)))


def tracks(session: Session, condition: ColumnElement[bool]) -> list[str]:
    return list(session.scalars(select(TrackRow.id).where(condition).order_by(TrackRow.id)))


def fail(session: Session, file: int, wait: str | None) -> None:
    values = {"file": file, "wait": wait}
    session.execute(
        text(
            "insert into failures (file_id, stage, batch_id, code, message, retry_at) "
            "values (:file, 'raw_audio', 1, '', '', now() + cast(:wait as interval))"
        ),
        values,
    )


def test_the_bounds_of_the_length_rule_are_allowed_and_so_is_an_unknown_length(
    read: Sessions,
) -> None:
    with read.begin() as session:
        assert tracks(session, presence.has_allowed_length()) == ["t1", "t2", "t3", "t4"]
        session.execute(text("insert into length_rule values (1, 2, 3)"))
        assert tracks(session, presence.has_allowed_length()) == ["t2", "t3"]
        session.execute(text("update tracks set duration = null where id = 't4'"))
        assert tracks(session, presence.has_allowed_length()) == ["t2", "t3", "t4"]
        assert tracks(session, presence.is_embeddable()) == ["t2", "t3", "t4"]


def test_a_failed_file_waits_for_its_next_attempt_unless_a_wrong_clock_put_it_off(
    read: Sessions,
) -> None:
    with read.begin() as session:
        for file, wait in ((1, "0 s"), (2, "7 days"), (3, "7 days 1 s"), (4, None)):
            fail(session, file, wait)
        assert files(session, presence.not_retryable_now()) == [2, 4]
        assert files(session, presence.is_usable()) == [1, 3]
        assert tracks(session, presence.is_embeddable()) == ["t1", "t3"]
        assert files(session, presence.is_due()) == [], "they were read"
        session.execute(text("update files set unread = true where id in (1, 2)"))
        session.execute(text("update files set track_id = null where id in (3, 4)"))
        assert files(session, presence.is_due()) == [1, 3]
        assert tracks(session, presence.is_embeddable()) == [], "none is read and has a track"


def test_a_missing_file_counts_as_present_until_those_are_read_that_it_may_have_become(
    read: Sessions,
) -> None:
    gone = "update files set gone_at = now(), gone_as_of_batch = {} where id = {}"
    unread = "update files set unread = true, tags_version = -1 where id = 4"
    with read.begin() as session:
        session.execute(text(gone.format(1, 1)))
        session.execute(text(gone.format(2, 2)))
        assert files(session, presence.is_present()) == [3, 4]
        session.execute(text(unread))
        assert files(session, presence.is_present()) == [2, 3, 4], "file 4 is in batch 2"
        assert tracks(session, presence.has_file()) == ["t2", "t3", "t4"]
        assert files(session, presence.is_usable()) == [3]
        fail(session, 4, "1 h")
        assert files(session, presence.is_present()) == [2, 3, 4]
        session.execute(text("update failures set retry_at = null"))
        assert files(session, presence.is_present()) == [3, 4], "nobody will read it"
        session.execute(text("delete from failures"))
        session.execute(text("update files set tags_version = 1 where id = 4"))
        assert files(session, presence.is_present()) == [3, 4], "its audio is known"
        session.execute(text(unread))
        session.execute(text(gone.format(2, 4)))
        assert files(session, presence.is_present()) == [3], "it is gone as well"
