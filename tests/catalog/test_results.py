"""What each stage records of a batch: nothing of another stage, batch or file is lost by it."""

from dataclasses import replace

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from soundalike.audio.resample import Canonical
from soundalike.audio.tags.fields import READ_AS_A_WHOLE, TAGS_VERSION
from soundalike.catalog import failures, results
from soundalike.catalog.batches import READING, BatchFile, StageFailure
from soundalike.catalog.engine import Sessions
from soundalike.catalog.results import DecodedTrack, IdentifiedTrack
from soundalike.catalog.tables import (
    EmbeddedBatchRow,
    FailureRow,
    FileRow,
    FileWordsRow,
    TrackRow,
    VectorRow,
)
from soundalike.sources.roots import MusicRoot

SPACE = "fake.space"
TRACK = IdentifiedTrack(
    id="t1",
    batch_id=1,
    title="First",
    artist="A",
    artists=["A"],
    album=None,
    genre=None,
    genres=[],
    year=1999,
    file_tags={},
    duration=100.0,
    codec="flac",
    sample_rate=44_100,
    channels=2,
    sort_key="first",
)


def failure(file_id: int, code: str, message: str = "") -> StageFailure:
    file = BatchFile(file_id, MusicRoot(b"/music"), b"", "", None, True, False)
    return StageFailure(file, code, message)


def attempts(session: Session) -> dict[tuple[int, str], int]:
    """How often each file was tried at each stage at which it failed last."""
    rows = session.execute(select(FailureRow.file_id, FailureRow.stage, FailureRow.attempts))
    return {(file, stage): count for file, stage, count in rows}


def test_a_tracks_metadata_is_that_of_its_oldest_file_that_is_there(listed: Sessions) -> None:
    copy = replace(TRACK, batch_id=2, title="Copy", artist=None, artists=[], duration=101.0)
    with listed.begin() as session:
        results.record_tracks(session, {2: replace(copy, batch_id=1, duration=100.0), 1: TRACK})
        track = session.get_one(TrackRow, "t1")
        assert (track.title, track.artists, track.year) == ("First", ["A"], 1999)
        results.record_tracks(session, {2: copy, 3: replace(copy, title="Third")})
        session.expire_all()
        assert (track.title, track.batch_id) == ("First", 1)
        session.execute(update(FileRow).where(FileRow.id == 1).values(gone_at=func.now()))
        results.record_tracks(session, {2: copy, 3: replace(copy, title="Third")})
        session.expire_all()
        assert (track.title, track.artist, track.artists) == ("Copy", None, [])
        assert (track.batch_id, track.duration) == (1, 100.0), "where its vector and audio are"


def test_a_measured_length_outlives_what_a_container_claims(listed: Sessions) -> None:
    decoded = DecodedTrack(Canonical(90.0, 0.9), size=7, sha256="ab")
    with listed.begin() as session:
        results.record_tracks(session, {1: TRACK})
        results.record_decoded(session, {"t1": decoded})
        results.record_tracks(session, {1: replace(TRACK, title="Renamed")})
        track = session.get_one(TrackRow, "t1")
        assert (track.title, track.duration, track.decoded_share) == ("Renamed", 90.0, 0.9)
        assert (track.audio_bytes, track.audio_sha256) == (7, "ab")


def test_a_file_in_which_nothing_is_identified_holds_no_track(listed: Sessions) -> None:
    with listed.begin() as session:
        results.record_tracks(session, {1: TRACK, 2: TRACK})
        session.execute(update(FileRow).values(unread=True, tags_version=READ_AS_A_WHOLE))
        results.forget_tracks(session, [1])
        files = session.execute(select(FileRow.track_id, FileRow.unread).order_by(FileRow.id))
        assert list(files) == [(None, False), ("t1", True), (None, True), (None, True)]
        assert session.get_one(FileRow, 1).tags_version == TAGS_VERSION
        assert list(session.scalars(select(FileWordsRow.file_id))) == [2]


def test_a_stage_records_its_own_failures_of_the_files_it_tried(listed: Sessions) -> None:
    with listed.begin() as session:
        for file in (2, 3, 4):
            broken = failure(file, "unreadable")
            results.record_failures(session, 2, READING, [file], [broken])
        results.record_failures(session, 2, "embeddings", [2], [failure(2, "silent")])
        results.record_failures(session, 2, READING, [2, 3], [failure(3, "unreadable", "again")])
        expected = {(2, "embeddings"): 1, (3, READING): 2, (4, READING): 1}
        assert attempts(session) == expected
        again = session.get_one(FailureRow, (3, READING))
        assert (again.message, again.batch_id) == ("again", 2)
        now = session.scalar(select(func.now()))
        assert (again.retry_at, again.failed_at) == (now + failures.RETRY_DELAYS[1], now)
        assert session.get_one(FailureRow, (2, "embeddings")).retry_at is None


def test_only_a_file_whose_content_was_exchanged_is_read_as_a_whole(listed: Sessions) -> None:
    broken = [failure(1, "unreadable"), failure(2, "changed")]
    with listed.begin() as session:
        results.record_tracks(session, dict.fromkeys((1, 2, 3), TRACK))
        results.record_failures(session, 1, "resampled_audio", [1, 2, 3], broken)
        versions = session.scalars(select(FileRow.tags_version).order_by(FileRow.id).limit(3))
        assert list(versions) == [TAGS_VERSION, READ_AS_A_WHOLE, TAGS_VERSION]


def test_embeddings_replace_those_of_the_same_batch_and_space(listed: Sessions) -> None:
    words = {"t1": [{"word": "calm", "weight": 0.5}], "t2": [], "t3": []}
    with listed.begin() as session:
        for number, track in enumerate(words, 1):
            one = replace(TRACK, id=track, batch_id=min(number, 2))
            results.record_tracks(session, {number: one})
        results.record_embeddings(session, 1, SPACE, "old", {"t1": words["t1"]}, "side", "run 1")
        results.record_embeddings(session, 1, "another", "as it was", {"t1": []})
        results.record_embeddings(session, 2, SPACE, "first", {"t3": []})
        results.record_embeddings(session, 2, SPACE, "second", {"t2": [], "t3": []})
        rows = session.execute(
            select(VectorRow.space, VectorRow.batch_id, VectorRow.track_id, VectorRow.row)
        )
        assert sorted(rows) == [
            ("another", 1, "t1", 0),
            (SPACE, 1, "t1", 0),
            (SPACE, 2, "t2", 0),
            (SPACE, 2, "t3", 1),
        ]
        done = session.get_one(EmbeddedBatchRow, (SPACE, 2))
        assert (done.rows, done.sha256, done.sidecar_sha256) == (2, "second", None)
        kept = session.get_one(EmbeddedBatchRow, (SPACE, 1))
        assert (kept.sha256, kept.sidecar_sha256, kept.dagster_run_id) == ("old", "side", "run 1")
        assert session.get_one(TrackRow, "t1").tags == words["t1"], "no tags keep the old ones"


def test_a_track_that_is_embedded_has_no_failures_after_reading_unless_its_audio_is_lost(
    listed: Sessions,
) -> None:
    decoded = DecodedTrack(Canonical(90.0, 1.0), size=7, sha256="ab")
    with listed.begin() as session:
        for file, track in ((1, "t1"), (2, "t1"), (3, "t3")):
            results.record_tracks(session, {file: replace(TRACK, id=track)})
            for stage in (READING, "resampled_audio"):
                results.record_failures(session, 1, stage, [file], [failure(file, "damaged")])
        results.record_decoded(session, {"t1": decoded})
        results.record_embeddings(session, 1, SPACE, "sha256", {"t1": [], "t3": []})
        assert attempts(session) == {
            **{(file, READING): 1 for file in (1, 2, 3)},
            (3, "resampled_audio"): 1,
        }
