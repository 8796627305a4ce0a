"""What went wrong for a moment, or on disk, must heal by itself and never loop."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from sqlalchemy import select

from soundalike.audio.identity import identify
from soundalike.catalog.failures import failures_of
from soundalike.catalog.tables import FileRow, TrackRow
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.vector_checks import check_batch
from soundalike.progress import NoProgress
from soundalike.storage.atomic import sha256_of
from soundalike.vectors.embedding_files import load_batch, save_batch
from tests.library import Library
from tests.sounds import music, song, write_audio


def fill(library: Library, count: int = 3) -> None:
    for seed in range(count):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)


def vectors(library: Library) -> Path:
    return library.store.vectors(library.model.space.key, "b000001")


def failures(library: Library) -> dict[str, str]:
    with library.sessions() as session:
        return {f.path: f.code for f in failures_of(session, [1, 2, 3])}


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "other row", "sidecar"])
def test_a_batch_damaged_on_disk_is_embedded_again(library: Library, damage: str) -> None:
    fill(library)
    library.ingest()
    before = library.publish()
    if damage == "cut":
        vectors(library).write_bytes(vectors(library).read_bytes()[:-20])
    elif damage == "other row":
        matrix = np.load(vectors(library))
        matrix[1] = matrix[0]
        np.save(vectors(library), matrix)
    else:
        library.store.sidecar(library.model.space.key, "b000001").write_bytes(b"no parquet")
    library.process("b000001")
    assert library.model.embedder.embedded == 6
    assert library.publish().version == before.version


def test_a_row_that_is_missing_fails_the_check(library: Library) -> None:
    fill(library)
    library.ingest()
    space = library.model.space
    kept = load_batch(library.store, space, "b000001", sha256_of(vectors(library)))
    kept.popitem()
    save_batch(library.store, space, "b000001", kept)
    checks = check_batch(library.sessions, library.store, space, "b000001")
    failed = [check.name for check in checks if not check.passed]
    assert failed == ["complete", "as_recorded"]


@pytest.mark.slow
@pytest.mark.parametrize("later", [False, True])
def test_a_copy_of_a_track_that_fails_is_tried_once_and_no_more(
    library: Library, later: bool
) -> None:
    write_audio(library.music / "silence.wav", 0 * music(3.0))
    if not later:
        shutil.copy(library.music / "silence.wav", library.music / "copy.wav")
    library.ingest()
    if later:
        shutil.copy(library.music / "silence.wav", library.music / "copy.wav")
    for _ in range(3):
        library.ingest()
    assert library.pending() == []
    assert failures(library) == {"silence.wav": "silent", "copy.wav": "silent"}


def test_a_copy_stands_in_for_a_file_that_vanished(library: Library) -> None:
    fill(library, 1)
    shutil.copy(library.music / "0.flac", library.music / "1.flac")
    library.scan()
    identify_batch(library.sessions, library.store, library.decoders, "b000001", NoProgress())
    (library.music / "0.flac").unlink()
    library.process("b000001")
    library.ingest()
    assert library.pending() == []
    assert library.publish().tracks == 1


def test_files_that_vanished_for_a_moment_are_taken_when_they_are_back(library: Library) -> None:
    fill(library)
    library.scan()
    away = library.music.rename(library.music.parent / "unmounted")
    library.process("b000001")
    assert set(failures(library).values()) == {"vanished"}
    away.rename(library.music)
    library.ingest()
    assert library.model.embedder.embedded == 3
    assert failures(library) == {}


@pytest.mark.slow
def test_a_file_gone_while_its_batch_ran_is_taken_when_it_is_back(library: Library) -> None:
    fill(library, 4)
    library.scan()
    (library.music / "0.flac").rename(library.music.parent / "away")
    library.scan()
    library.process("b000001")
    (library.music.parent / "away").rename(library.music / "0.flac")
    library.ingest()
    assert library.model.embedder.embedded == 4


def test_what_was_read_of_a_file_that_changed_meanwhile_does_not_count(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    song(library.music / "0.flac", seconds=2.0, seed=1)
    library.scan()
    read = library.decoders.read

    def read_then_change(path: Path) -> Any:
        found = read(path)
        monkeypatch.setattr(library.decoders, "read", read)
        song(library.music / "0.flac", seconds=2.5, seed=40)
        library.scan()
        library.process("b000002")
        return found

    monkeypatch.setattr(library.decoders, "read", read_then_change)
    library.process("b000001")
    with library.sessions() as session:
        now = session.scalars(select(FileRow.track_id)).one()
    assert now == identify(library.music / "0.flac").track_id
    assert library.publish().tracks == 1


def test_an_untagged_copy_does_not_take_a_tracks_title(library: Library) -> None:
    song(library.music / "0.flac", title="Real title", artist="Real artist")
    library.ingest()
    FLAC(shutil.copy(library.music / "0.flac", library.music / "track01.flac")).delete()
    library.ingest()
    with library.sessions() as session:
        [track] = session.scalars(select(TrackRow)).all()
    assert (track.title, track.artist) == ("Real title", "Real artist")


def test_odd_data_fails_its_file_and_not_its_batch(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library, 2)
    soundfile.write(library.music / "one.wav", np.ones(1, np.float32), 96_000)
    odd = bytearray((library.music / "one.wav").read_bytes())
    odd[24:28] = (1).to_bytes(4, "little")  # a header that says 1 Hz
    (library.music / "rate.wav").write_bytes(odd)
    read = library.decoders.read

    def stumble(path: Path) -> Any:
        if path.name == "1.flac":
            raise IndexError("a parser met what it did not expect")
        return read(path)

    monkeypatch.setattr(library.decoders, "read", stumble)
    library.ingest()
    assert failures(library) == {
        "1.flac": "undecodable",
        "one.wav": "too_short",
        "rate.wav": "odd_rate",
    }
    assert library.publish().tracks == 1


def test_a_damaged_canonical_file_is_made_again(library: Library) -> None:
    fill(library, 1)
    library.scan()
    identify_batch(library.sessions, library.store, library.decoders, "b000001", NoProgress())
    flac = library.store.audio(identify(library.music / "0.flac").track_id)
    flac.parent.mkdir(parents=True)
    flac.write_bytes(b"")
    assert library.process("b000001")[-1].done == 1


def test_canonical_audio_of_another_size_than_was_recorded_is_made_again(library: Library) -> None:
    fill(library, 2)
    library.ingest()
    one, other = sorted(library.store.canonical.rglob("*.flac"))
    before = one.read_bytes()
    assert len(before) != other.stat().st_size
    shutil.copy(other, one)
    assert library.process("b000001")[1].reused == 1
    assert one.read_bytes() == before
