"""A stage must refuse a batch that the stage before it has not had, and say which one that is."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from soundalike.errors import ArtifactError, AudioError, LibraryError
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.identify import identify_batch
from soundalike.ingest.resample import resample_batch
from soundalike.ingest.stage import Selection
from soundalike.progress import NoProgress
from tests.library import Library
from tests.sounds import music, song, write_audio

QUIET = NoProgress()


def identify(library: Library, batch: str = "b000001") -> None:
    identify_batch(library.sessions, library.store, library.decoders, batch, QUIET)


def resample(library: Library) -> None:
    resample_batch(library.sessions, library.store, library.decoders, "b000001", QUIET)


def embed(library: Library) -> int:
    model = library.model
    where = library.sessions, library.store, model.space, model.load
    return embed_batch(*where, "b000001", QUIET).done


def fill(library: Library, count: int = 3) -> None:
    for seed in range(count):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    library.scan()


def test_files_that_were_not_read_are_neither_resampled_nor_embedded(library: Library) -> None:
    fill(library)
    for stage in (resample, embed):
        with pytest.raises(ArtifactError) as refused:
            stage(library)
        assert str(refused.value) == (
            "batch b000001: 3 files are not read yet; materialise raw_audio of it first"
        )
    identify(library)
    resample(library)
    assert embed(library) == 3


def test_tracks_that_were_not_resampled_are_not_embedded(library: Library) -> None:
    fill(library, 1)
    identify(library)
    with pytest.raises(ArtifactError) as refused:
        embed(library)
    assert str(refused.value) == (
        "batch b000001: 1 track is without canonical audio; materialise resampled_audio of it first"
    )


def test_what_failed_before_is_no_reason_to_refuse(library: Library) -> None:
    write_audio(library.music / "silence.wav", 0 * music(3.0))
    shutil.copy(library.music / "silence.wav", library.music / "copy.wav")
    (library.music / "words.mp3").write_text("words")
    fill(library, 1)
    identify(library)
    resample(library)
    assert embed(library) == 1
    assert embed(library) == 1, "and again"


def test_a_track_whose_audio_failed_is_not_waited_for(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library, 2)
    identify(library)
    write = library.decoders.write_canonical

    def failing(path: Path, *rest: Any) -> Any:
        if path.name == "1.flac":
            raise AudioError("undecodable", "its own")
        return write(path, *rest)

    monkeypatch.setattr(library.decoders, "write_canonical", failing)
    resample(library)
    assert embed(library) == 1


def test_audio_that_was_deleted_is_missed_only_by_tracks_without_a_vector(
    library: Library,
) -> None:
    fill(library)
    library.process("b000001")
    shutil.rmtree(library.store.canonical)
    assert embed(library) == 3
    library.store.vectors(library.model.space.key, "b000001").unlink()
    with pytest.raises(ArtifactError, match="3 tracks are without canonical audio"):
        embed(library)
    resample(library)
    assert embed(library) == 3


def test_a_batch_that_no_scan_has_sealed_is_refused(library: Library) -> None:
    with pytest.raises(LibraryError, match="there is no batch b000007"):
        identify(library, "b000007")


def test_a_part_of_a_batch_may_go_ahead_of_the_rest(library: Library) -> None:
    fill(library, 2)
    part = Selection(path_prefix="1.")
    where = library.sessions, library.store, library.decoders, "b000001", QUIET
    identify_batch(*where, part)
    assert resample_batch(*where, part).done == 1
    with pytest.raises(ArtifactError, match="b000001: 1 file is not read yet"):
        resample_batch(*where)
