"""From files to a published index: nothing lost, nothing done twice, every failure said."""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from soundalike.catalog.batches import BatchFile
from soundalike.catalog.failures import failures_of
from soundalike.catalog.tables import FileRow, TrackRow, VectorRow
from soundalike.embedders import scheduler
from soundalike.embedders.base import Embedding, FloatArray
from soundalike.errors import ArtifactError
from soundalike.ingest import segments, stage
from soundalike.ingest.build_index import build_index
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.index_checks import check_candidate
from soundalike.ingest.next_index import next_index
from soundalike.ingest.publish import publish
from soundalike.ingest.resample import resample_batch
from soundalike.ingest.stage import Selection, attempt_all
from soundalike.progress import NoProgress
from soundalike.settings import KindChoice
from soundalike.sources.roots import MusicRoot
from soundalike.storage.atomic import remove_folder
from soundalike.vectors import artifact_files, kinds, recall
from soundalike.vectors.embedding_files import load_vectors, read_sidecar, save_batch
from soundalike.vectors.index.open_index import OpenIndex
from soundalike.vectors.segment_files import read_segment
from tests.damage import overwrite, segment_of
from tests.fakes import FakeModel
from tests.library import Library
from tests.sounds import music, song, write_audio


def fill(library: Library, count: int = 3) -> None:
    for seed in range(count):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed, title=f"Song {seed}")


def bad_files(folder: Path) -> dict[str, str]:
    """One of each thing that can be wrong with a file, and the code it is recorded with."""
    (folder / "words.mp3").write_text("these are words\n" * 50)
    (folder / "zero.mp3").write_bytes(b"")
    song(folder / "cut.flac", seconds=6.0, seed=90)
    cut = (folder / "cut.flac").read_bytes()
    (folder / "cut.flac").write_bytes(cut[: len(cut) // 2])
    song(folder / "short.wav", seconds=0.2, seed=91)
    write_audio(folder / "silence.wav", 0 * music(3.0))
    song(folder / "gone.flac", seed=92)
    return {
        "words.mp3": "not_audio",
        "zero.mp3": "empty",
        "cut.flac": "truncated",
        "short.wav": "too_short",
        "silence.wav": "silent",
        "gone.flac": "vanished",
    }


def test_bad_files_are_recorded_and_the_others_go_through(library: Library) -> None:
    fill(library)
    odd = os.fsdecode(b"two\nlines \xff.flac")
    shutil.move(library.music / "0.flac", library.music / odd)
    expected = bad_files(library.music)
    library.scan()
    (library.music / "gone.flac").unlink()
    [batch] = library.pending()
    reports = library.process(batch)
    with library.sessions() as session:
        found = {f.path: f.code for f in failures_of(session, [1])}
    assert found == expected
    assert [len(report.failures) for report in reports] == [3, 1, 2]
    assert reports[-1].done == 3
    assert library.pending() == [], "a failure is recorded, not tried for ever"
    assert library.publish().tracks == 3


def test_a_failure_that_heals_is_forgotten(library: Library) -> None:
    song(library.music / "a.flac")
    whole = (library.music / "a.flac").read_bytes()
    (library.music / "a.flac").write_bytes(b"")
    assert library.ingest()[0].done == 0
    (library.music / "a.flac").write_bytes(whole)
    assert library.ingest()[0].done == 1
    with library.sessions() as session:
        assert failures_of(session, [1, 2]) == []


def test_the_same_recording_twice_is_one_vector(library: Library) -> None:
    fill(library, 1)
    shutil.copy(library.music / "0.flac", library.music / "copy.flac")
    library.ingest()
    assert library.model.embedder.embedded == 1
    with library.sessions() as session:
        assert len(session.scalars(select(TrackRow)).all()) == 1
        assert len(session.scalars(select(FileRow.track_id).distinct()).all()) == 1


def test_a_moved_or_retagged_file_is_not_embedded_again(library: Library) -> None:
    fill(library)
    library.ingest()
    before = library.publish()
    (library.music / "1.flac").rename(library.music / "moved.flac")
    samples = (library.music / "0.flac").read_bytes()
    song(library.music / "0.flac", seconds=2.0, seed=0, title="Another name", artist="Me")
    assert (library.music / "0.flac").read_bytes() != samples
    library.ingest()
    assert library.model.embedder.embedded == 3
    with library.sessions() as session:
        titles = session.scalars(select(TrackRow.title)).all()
    assert "Another name" in titles
    assert library.publish().version == before.version, "the same tracks, the same index"


def test_replaced_audio_is_a_new_track_and_the_old_one_leaves_the_index(library: Library) -> None:
    fill(library)
    library.ingest()
    library.publish()
    song(library.music / "0.flac", seconds=2.5, seed=77)
    library.ingest()
    assert library.model.embedder.embedded == 4
    assert library.publish().tracks == 3


def test_a_removed_track_leaves_the_index_and_returns_for_nothing(library: Library) -> None:
    fill(library, 4)
    library.ingest()
    before = library.publish()
    (library.music / "2.flac").rename(library.music.parent / "away")
    library.ingest()
    assert library.publish().tracks == 3
    (library.music.parent / "away").rename(library.music / "2.flac")
    library.ingest()
    assert library.model.embedder.embedded == 4
    assert library.publish().version == before.version


def test_running_every_stage_again_gives_the_same_bytes(library: Library) -> None:
    fill(library)
    library.ingest()
    files = sorted(path for path in library.store.root.rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in files}
    reports = library.process("b000001")
    assert [report.reused for report in reports] == [3, 3, 3]
    assert [report.audio_seconds for report in reports] == [0, 0, 0]
    assert library.model.embedder.embedded == 3
    assert {path: path.read_bytes() for path in files} == before


def test_rows_are_in_track_order_whichever_track_was_embedded_first(library: Library) -> None:
    fill(library, 2)
    [batch] = library.scan().batches
    where = library.sessions, library.store
    identify_batch(*where, library.decoders, batch, NoProgress())
    resample_batch(*where, library.decoders, batch, NoProgress())
    with library.sessions() as session:
        tracks = sorted(session.scalars(select(TrackRow.id)))
    model = library.model
    for selection in (Selection(tracks=frozenset(tracks[1:])), Selection()):
        embed_batch(*where, model.space, model.load, batch, NoProgress(), selection)
    assert read_sidecar(library.store, model.space.key, batch).track_ids == tracks
    assert model.embedder.embedded == 2


def test_invalid_vectors_end_the_stage_and_nothing_is_recorded(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library, 1)
    library.scan()
    with monkeypatch.context() as patched:
        broken = Embedding(np.full(library.model.space.dimension, np.nan, np.float32))
        patched.setattr(library.model.embedder, "pool", lambda _: broken)
        with pytest.raises(ArtifactError, match=r"fake\S* gave invalid vectors: finite, "):
            library.process("b000001")
    assert not library.store.vectors(library.model.space.key, "b000001").exists()
    assert library.pending() == ["b000001"]
    assert library.ingest()[0].done == 1


def test_one_more_album_rewrites_nothing_but_the_index(library: Library) -> None:
    fill(library, 5)
    library.scan(batch_tracks=2)
    for batch in library.pending():
        library.process(batch)
    library.publish()

    def files() -> dict[Path, tuple[int, int]]:
        found = (path for path in library.store.root.rglob("*") if path.is_file())
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    before = files()
    song(library.music / "album" / "x.flac", seconds=2.0, seed=60)
    library.ingest()
    manifest = library.publish()
    after = files()
    assert before.items() <= after.items(), "not one file of before was touched"
    assert manifest.tracks == 6
    folders = sorted({path.parent.name for path in after.keys() - before.keys()})
    key = library.model.space.key
    track = next(path.stem for path in after.keys() - before.keys() if path.suffix == ".flac")
    [*_, added] = manifest.segments
    assert folders == sorted({"batches", key, manifest.version, added, track[:2]})
    assert read_segment(library.store.segments / added).tracks == 1


def test_losing_the_vectors_costs_a_rerun_and_gives_the_same_index(library: Library) -> None:
    fill(library)
    library.ingest()
    before = library.publish()
    vectors = library.store.vectors(library.model.space.key, "b000001")
    vectors.unlink()
    remove_folder(library.store.index(before.version))
    remove_folder(library.store.segments)
    with pytest.raises(ArtifactError, match=r"embeddings\[b000001\] is missing"):
        build_index(library.sessions, library.store, library.model.space, "auto")
    library.process("b000001")
    assert library.publish().segments == before.segments


def test_the_manifest_tells_what_is_in_the_batch(library: Library) -> None:
    fill(library, 2)
    (library.music / "zero.mp3").write_bytes(b"")
    library.ingest()
    rows = pq.read_table(library.store.batch_manifest("b000001")).to_pylist()
    assert [(row["path"], row["failure"]) for row in rows] == [
        ("0.flac", None),
        ("1.flac", None),
        ("zero.mp3", "empty"),
    ]
    assert rows[0]["codec"] == "flac"
    assert rows[0]["duration"] == pytest.approx(2.0)


def test_the_manifest_is_in_the_order_of_paths_whichever_file_was_read_first(
    library: Library,
) -> None:
    fill(library, 2)
    [batch] = library.scan().batches
    for selection in (Selection(path_prefix="1."), Selection()):
        identify_batch(
            library.sessions, library.store, library.decoders, batch, NoProgress(), selection
        )
    rows = pq.read_table(library.store.batch_manifest(batch)).to_pylist()
    assert [row["path"] for row in rows] == ["0.flac", "1.flac"]


def test_an_index_holds_what_the_catalog_says_in_track_order(library: Library) -> None:
    fill(library, 5)
    library.scan(batch_tracks=2)
    for batch in library.pending():
        library.process(batch)
    manifest = library.publish()
    index = OpenIndex.open(library.store.index(manifest.version))
    assert index.track_ids == sorted(index.track_ids)
    with library.sessions() as session:
        for vector in session.scalars(select(VectorRow)):
            matrix = load_vectors(library.store, vector.space, f"b{vector.batch_id:06d}")
            np.testing.assert_array_equal(index.vector(vector.track_id), matrix[vector.row])
    assert {check.name for check in manifest.checks} >= {"one_space", "finds_itself", "finite"}
    assert manifest.failed_checks == []


def test_how_files_fell_into_batches_does_not_change_the_index(
    library: Library, tmp_path: Path
) -> None:
    fill(library, 4)
    library.ingest()
    one = library.publish()
    library.model.embedder.embedded = 0
    song(library.music / "x.flac", seconds=2.0, seed=50)
    library.ingest()
    (library.music / "x.flac").unlink()
    library.ingest()
    again = library.publish()
    assert (again.version, again.segments) == (one.version, one.segments)


@pytest.mark.parametrize("choice", ["auto", "flat+pq"])
def test_a_kind_that_finds_too_little_gives_way_unless_it_was_chosen(
    library: Library, monkeypatch: pytest.MonkeyPatch, choice: KindChoice
) -> None:
    monkeypatch.setattr(kinds, "MIN_TRACKS_FOR_CODES", 2)
    monkeypatch.setitem(recall.RECALL_FLOOR, "flat+pq", 1.1)
    fill(library)
    library.ingest()
    space = library.model.space
    built = build_index(library.sessions, library.store, space, choice, "auto")
    if choice == "auto":
        assert (built.manifest.kind, built.manifest.coding) == ("flat", "")
        assert publish(library.sessions, library.store, space, None).failed_checks == []
        assert build_index(library.sessions, library.store, space, choice, "auto").reused
    else:
        assert built.manifest.kind == choice
        with pytest.raises(ArtifactError, match="recall_at_10"):
            publish(library.sessions, library.store, space, None)


def test_nothing_to_index_says_so(library: Library) -> None:
    space = library.model.space
    assert (
        "no track of the library"
        in next_index(library.sessions, library.store, space, "auto").reason
    )
    with pytest.raises(ArtifactError, match="nothing to index"):
        build_index(library.sessions, library.store, space, "auto")
    with pytest.raises(ArtifactError, match="no index was built yet"):
        publish(library.sessions, library.store, space, None)


def test_vectors_changed_behind_our_back_are_not_built_on(library: Library) -> None:
    fill(library)
    library.ingest()
    path = library.store.vectors(library.model.space.key, "b000001")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"embeddings\[b000001\] changed on disk"):
        build_index(library.sessions, library.store, library.model.space, "auto")
    assert list((library.store.root / "indexes").iterdir()) == []


def test_a_damaged_candidate_is_not_published_and_building_again_heals_it(
    library: Library,
) -> None:
    fill(library)
    library.ingest()
    built = build_index(library.sessions, library.store, library.model.space, "auto")
    overwrite(segment_of(built.folder) / "index.faiss", b"x" * 100)
    for step in (
        lambda: check_candidate(library.sessions, library.store, library.model.space),
        lambda: publish(library.sessions, library.store, library.model.space, None),
    ):
        with pytest.raises(ArtifactError, match=r"index\.faiss is damaged"):
            step()
    assert library.publish().segments == built.manifest.segments


def test_an_index_and_its_segments_may_be_written_by_nobody(library: Library) -> None:
    fill(library)
    library.ingest()
    built = build_index(library.sessions, library.store, library.model.space, "auto")
    for folder in (built.folder, segment_of(built.folder)):
        modes = {path.stat().st_mode & 0o222 for path in [folder, *folder.iterdir()]}
        assert modes == {0}


def test_an_older_version_can_be_served_again(library: Library) -> None:
    fill(library)
    library.ingest()
    old = library.publish()
    song(library.music / "new.flac", seconds=2.0, seed=60)
    library.ingest()
    assert library.publish().tracks == 4
    again = publish(library.sessions, library.store, library.model.space, old.version)
    assert again.version == old.version
    assert (old.pinned, again.pinned) == (False, True)
    waiting = next_index(library.sessions, library.store, library.model.space, "auto")
    assert "was published by hand" in waiting.reason
    with pytest.raises(
        ArtifactError, match=r"'never-built' was ever built; the newest are .* tracks"
    ):
        publish(library.sessions, library.store, library.model.space, "never-built")


def test_another_model_embeds_beside_the_old_one(library: Library) -> None:
    fill(library)
    library.ingest()
    old = library.publish()
    library.model = FakeModel(replace(library.model.space, parameters={"version": 2}))
    assert library.pending() == ["b000001"]
    waiting = next_index(library.sessions, library.store, library.model.space, "auto")
    assert waiting.version is None, "a part of the new space must not replace all of the old"
    library.process("b000001")
    new = library.publish()
    assert new.version != old.version
    assert new.space != old.space
    kept = OpenIndex.open(library.store.index(old.version)).manifest
    assert kept.model_dump().items() <= old.model_dump().items(), "untouched"
    assert new.replaces == old.version


def test_the_index_of_another_model_waits_for_its_last_batch(library: Library) -> None:
    fill(library, 2)
    first, second = library.scan(batch_tracks=1).batches
    for batch in (first, second):
        library.process(batch)
    library.publish()
    library.model = FakeModel(replace(library.model.space, parameters={"version": 2}))
    library.process(first)
    arguments = library.sessions, library.store, library.model.space, "auto"
    waiting = next_index(*arguments)
    assert (waiting.version, waiting.reason.endswith("; 1 are not")) == (None, True)
    library.process(second)
    assert next_index(*arguments).tracks == 2


def test_an_index_of_two_spaces_is_refused_with_both_named(library: Library) -> None:
    fill(library)
    library.ingest()
    ours = library.model.space
    other = replace(ours, parameters={"version": 2})
    track_ids = read_sidecar(library.store, ours.key, "b000001").track_ids
    vectors = load_vectors(library.store, ours.key, "b000001")
    theirs = {t: Embedding(np.array(v)) for t, v in zip(track_ids, vectors, strict=True)}
    save_batch(library.store, other, "b000001", theirs)  # the same numbers, of another meaning
    library.store.sidecar(other.key, "b000001").replace(library.store.sidecar(ours.key, "b000001"))
    with pytest.raises(ArtifactError, match="one_space") as refused:
        library.publish()
    assert ours.key in str(refused.value)
    assert other.key in str(refused.value)


def test_a_disk_that_fails_under_the_readers_ends_the_batch_and_every_reader(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library, 6)
    library.scan()

    def failing(*_: object) -> Iterator[FloatArray]:
        yield np.ones(16_000, np.float32)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(scheduler, "read_windows", failing)
    with pytest.raises(OSError, match="Input/output error"):
        library.process("b000001")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("audio")]


def test_a_disk_that_fails_spares_the_files_of_the_batch_that_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage, "available_cores", lambda: 1)
    tried: list[int] = []
    failed = threading.Event()

    def work(file: BatchFile) -> None:
        tried.append(file.id)
        if file.id == 0:
            raise OSError(errno.EIO, "Input/output error")
        failed.wait(0.05)

    root = MusicRoot(b"/music")
    files = [BatchFile(n, root, b"a.flac", "a.flac", None, True, False) for n in range(20)]
    with pytest.raises(OSError, match="Input/output error"):
        list(attempt_all(work, files))
    assert len(tried) < len(files)


def test_a_batch_embedded_again_during_a_build_does_not_mix_its_rows(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library)
    library.ingest()
    gather = segments._draft

    def late(*arguments: Any) -> Any:
        library.store.vectors(library.model.space.key, "b000001").unlink()
        space = library.model.space
        kept = {t: Embedding(v) for t, v in zip("ab", np.eye(2, 16, dtype=np.float32), strict=True)}
        save_batch(library.store, space, "b000001", kept)
        return gather(*arguments)

    monkeypatch.setattr(segments, "_draft", late)
    with pytest.raises(ArtifactError, match="changed on disk"):
        build_index(library.sessions, library.store, library.model.space, "auto")
    assert not any(library.store.indexes.iterdir())


def test_an_index_whose_manifest_is_unreadable_is_called_for_again(library: Library) -> None:
    fill(library)
    library.ingest()
    version = library.publish().version
    arguments = library.sessions, library.store, library.model.space, "auto"
    assert next_index(*arguments).version is None
    manifest = library.store.index(version) / artifact_files.MANIFEST
    overwrite(manifest, manifest.read_bytes().replace(b'"kind_parameters"', b'"other"'))
    assert next_index(*arguments).version == version
    assert not build_index(*arguments).reused
    assert next_index(*arguments).version is None
