"""Failures must be tried again when that can help, and never for ever."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select, update

from soundalike.audio.identity import identify
from soundalike.catalog import failures
from soundalike.catalog import library as catalog
from soundalike.catalog.failures import RETRY_DELAYS, FailureView, retry_delay
from soundalike.catalog.tables import BatchRow, FailureRow, FileRow, TrackRow
from soundalike.errors import AudioError
from soundalike.ingest.compare import Change
from soundalike.ingest.identify import MANIFEST, identify_batch
from soundalike.ingest.resample import resample_batch
from soundalike.progress import NoProgress
from tests.library import Library
from tests.sounds import music, song, write_audio


def listed(library: Library) -> dict[str, FailureView]:
    with library.sessions() as session:
        views = [FailureView(*row) for row in session.execute(failures.page(100))]
    return {view.path: view for view in views}


def time_passes(library: Library) -> None:
    """All waiting is over."""
    with library.sessions.begin() as session:
        due = update(FailureRow).where(FailureRow.retry_at.is_not(None))
        session.execute(due.values(retry_at=func.now()))


def failing(code: str, read: Any, times: int, calls: list[str]) -> Any:
    def attempt(path: Path) -> Any:
        calls.append(path.name)
        if path.name == "bad.flac" and calls.count("bad.flac") <= times:
            raise AudioError(code, "not now")
        return read(path)

    return attempt


def test_waiting_grows_and_ends() -> None:
    waits = [retry_delay("unreadable", attempts) for attempts in range(1, len(RETRY_DELAYS) + 2)]
    assert waits[0] == dt.timedelta(minutes=5)
    assert waits[:-1] == sorted(set(waits[:-1]))
    assert waits[-1] is None
    assert retry_delay("truncated", 1) is None


def test_what_may_pass_is_tried_again_after_its_wait_and_only_that(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    song(library.music / "bad.flac", seed=1)
    song(library.music / "good.flac", seed=2)
    calls: list[str] = []
    read = failing("unreadable", library.decoders.read, 2, calls)
    monkeypatch.setattr(library.decoders, "read", read)
    library.ingest()
    assert library.pending() == [], "it waits"
    assert listed(library)["bad.flac"].retry_at is not None
    time_passes(library)
    assert library.pending() == ["b000001"]
    library.ingest()
    assert listed(library)["bad.flac"].attempts == 2
    time_passes(library)
    library.ingest()
    assert listed(library) == {}
    assert calls.count("good.flac") == 1, "what is read is not read again with it"
    assert library.publish().tracks == 2


def test_a_time_that_only_a_wrong_clock_could_tell_is_not_waited_for(library: Library) -> None:
    (library.music / "words.mp3").write_text("words")
    library.ingest()
    for wrong, pending in (
        (RETRY_DELAYS[-1], []),
        (RETRY_DELAYS[-1] + dt.timedelta(days=1), ["b000001"]),
    ):
        with library.sessions.begin() as session:
            session.execute(update(FailureRow).values(retry_at=func.now() + wrong))
        assert library.pending() == pending


def test_what_is_the_files_own_fault_is_never_tried_again_by_itself(library: Library) -> None:
    write_audio(library.music / "silence.wav", 0 * music(3.0))
    (library.music / "words.mp3").write_text("words")
    library.ingest()
    assert {view.retry_at for view in listed(library).values()} == {None}
    time_passes(library)
    assert library.pending() == []


@pytest.mark.parametrize("everything", [False, True])
def test_a_person_may_have_failures_tried_again(library: Library, everything: bool) -> None:
    write_audio(library.music / "silence.wav", 0 * music(3.0))
    library.ingest()
    with library.sessions.begin() as session:
        assert failures.retry(session, everything=everything) == int(everything)
    assert library.pending() == ["b000001"] * everything
    library.ingest()
    assert listed(library)["silence.wav"].attempts == 1
    assert library.pending() == []


def test_a_changed_file_is_tried_at_once_and_its_failure_forgotten(library: Library) -> None:
    (library.music / "a.flac").write_text("words")
    library.ingest()
    song(library.music / "a.flac")
    library.scan()
    assert listed(library) == {}
    assert library.pending() == ["b000002"]


def test_mostly_whole_audio_is_kept_and_flagged(library: Library) -> None:
    song(library.music / "cut.flac", seconds=12.0, seed=3)
    whole = (library.music / "cut.flac").read_bytes()
    (library.music / "cut.flac").write_bytes(whole[: len(whole) * 3 // 4])
    library.scan()
    reports = library.process("b000001")
    assert reports[1].flawed == ["cut.flac"]
    assert reports[1].notes["partly_broken"] == 1
    with library.sessions() as session:
        share = session.scalars(select(TrackRow.decoded_share)).one()
    assert share == pytest.approx(0.75, abs=0.1)
    again = library.process("b000001")
    assert again[1].flawed == ["cut.flac"], "and still is when its audio was there already"
    assert library.publish().tracks == 1


@pytest.mark.slow
def test_tracks_of_unwanted_length_are_left_out_until_the_rule_changes(library: Library) -> None:
    song(library.music / "mix.flac", seconds=6.0, seed=1)
    song(library.music / "song.flac", seconds=2.0, seed=2)
    song(library.music / "jingle.flac", seconds=1.0, seed=3)
    library.length = (1.5, 4.0)
    library.ingest()
    assert library.model.embedder.embedded == 1
    assert (library.pending(), listed(library)) == ([], {})
    assert library.publish().tracks == 1
    assert not any(library.store.audio(t).exists() for t in track_ids(library, "mix", "jingle"))
    library.length = (0.0, 100.0)
    library.ingest()
    assert library.publish().tracks == 3
    library.length = (1.5, 4.0)
    library.ingest()
    assert library.publish().tracks == 1
    assert library.model.embedder.embedded == 3


def track_ids(library: Library, *titles: str) -> list[str]:
    with library.sessions() as session:
        return list(session.scalars(select(TrackRow.id).where(TrackRow.title.in_(titles))))


def test_a_rerun_reads_only_what_its_manifest_does_not_have(library: Library) -> None:
    for seed in range(3):
        song(library.music / f"{seed}.flac", seed=seed)
    library.ingest()
    library.store.batch_manifest("b000001").write_bytes(b"damaged")
    assert library.process("b000001")[0].reused == 0
    assert library.process("b000001")[0].reused == 3


@pytest.mark.parametrize("damaged", [False, True])
def test_a_manifest_that_is_not_as_it_was_recorded_is_not_believed(
    library: Library, damaged: bool
) -> None:
    song(library.music / "a.flac")
    library.ingest()
    path = library.store.batch_manifest("b000001")
    before = path.read_bytes()
    [row] = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist([row | {"codec": "mp3"}], MANIFEST), path)
    if damaged:  # by a run that ended before it recorded what it wrote
        path.write_bytes(before[: len(before) // 2])
        with library.sessions.begin() as session:
            session.execute(update(BatchRow).values(manifest_sha256=None))
    assert library.process("b000001")[0].reused == 0
    assert path.read_bytes() == before


def test_one_transaction_decides_what_is_unread(library: Library) -> None:
    song(library.music / "a.flac", seed=1)
    library.scan()
    with library.sessions() as session:
        [known] = catalog.known_files(session, 1)
    assert not known.read
    library.process("b000001")
    with library.sessions() as session:
        [known] = catalog.known_files(session, 1)
    assert known.read


def test_audio_exchanged_between_reading_and_decoding_is_read_again_as_a_whole(
    library: Library,
) -> None:
    """Its size and time are as they were, and no comparison tells."""
    path, other = library.music / "a.wav", library.music.with_name("b.wav")
    song(path, seconds=2.0, seed=1)
    library.scan()
    stages = library.sessions, library.store, library.decoders, "b000001", NoProgress()
    identify_batch(*stages)
    stat = path.stat()
    path.write_bytes(song(other, seconds=2.0, seed=2).read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert [failure.code for failure in resample_batch(*stages).failures] == ["changed"]
    assert library.scan().changes == {Change.OUTDATED: 1}
    assert library.ingest()[-1].done == 1
    with library.sessions() as session:
        held = session.scalars(select(FileRow.track_id)).one()
    assert held == identify(path).track_id


def test_failures_of_audio_that_is_there_no_more_are_forgotten(library: Library) -> None:
    write_audio(library.music / "bad.wav", 0 * music(3.0))
    song(library.music / "good.flac", seconds=2.0, seed=3)
    library.ingest()
    assert set(listed(library)) == {"bad.wav"}
    (library.music / "bad.wav").write_bytes((library.music / "good.flac").read_bytes())
    library.ingest()
    assert (listed(library), library.pending()) == ({}, [])
    assert library.publish().tracks == 1


@pytest.mark.slow
def test_a_copy_that_gets_through_clears_the_failure_of_the_other(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    song(library.music / "a.flac", seconds=2.0, seed=1)
    (library.music / "b.flac").write_bytes((library.music / "a.flac").read_bytes())
    write = library.decoders.write_canonical

    def failing(path: Path, *rest: Any) -> Any:
        if path.name == "a.flac":
            raise AudioError("undecodable", "its own")
        return write(path, *rest)

    monkeypatch.setattr(library.decoders, "write_canonical", failing)
    library.ingest()
    library.ingest()
    assert library.publish().tracks == 1
    assert listed(library) == {}


def test_canonical_audio_damaged_in_the_middle_is_made_again(library: Library) -> None:
    song(library.music / "a.flac", seconds=20.0, seed=3)
    library.scan()
    identify_batch(library.sessions, library.store, library.decoders, "b000001", NoProgress())
    resample_batch(library.sessions, library.store, library.decoders, "b000001", NoProgress())
    [flac] = library.store.canonical.rglob("*.flac")
    data = bytearray(flac.read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(third)
    flac.write_bytes(data)
    library.process("b000001")
    assert {view.code for view in listed(library).values()} == {"damaged"}
    time_passes(library)
    library.ingest()
    assert listed(library) == {}
    assert library.publish().tracks == 1
