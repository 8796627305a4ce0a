"""From files to a report: the same tracks for all models, nothing invented for what is missing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundalike.audio.sandbox import Decoders
from soundalike.embedders.base import Embedding, FloatArray
from soundalike.errors import AudioError, LibraryError
from soundalike.evaluation import plots, study
from soundalike.evaluation.labels import LabelFacts
from soundalike.evaluation.recordings import Recording, decoded, vectors
from soundalike.evaluation.retrieval import Labels
from soundalike.evaluation.run import embed_recordings, evaluate
from soundalike.evaluation.study import random_vectors, recall, retrieval, unit_rows
from soundalike.storage.layout import ArtifactStore
from tests.fakes import FAKE_SPACE, FakeEmbedder
from tests.sounds import music, song, write_audio


def fill(folder: Path, count: int) -> list[Path]:
    return [song(folder / f"{n:02d}.flac", seconds=2.0, seed=n) for n in range(count)]


@pytest.fixture(scope="module")
def recordings(
    tmp_path_factory: pytest.TempPathFactory, decoders: Decoders
) -> tuple[list[Recording], ArtifactStore]:
    folder = tmp_path_factory.mktemp("evaluation")
    store = ArtifactStore(folder / "data")
    return decoded(fill(folder / "music", 14), store, decoders), store


def test_a_bad_file_or_a_copy_spoils_the_collection(
    tmp_path: Path, store: ArtifactStore, decoders: Decoders
) -> None:
    [good] = fill(tmp_path, 1)
    (tmp_path / "copy.flac").write_bytes(good.read_bytes())
    (tmp_path / "words.mp3").write_text("words")
    found = decoded(sorted(tmp_path.glob("*.*")), store, decoders)
    assert [recording.path.name for recording in found] == ["00.flac"]
    assert found[0].flac.exists()


def test_recordings_come_in_the_order_of_their_paths(
    recordings: tuple[list[Recording], ArtifactStore], decoders: Decoders
) -> None:
    made, store = recordings
    mixed = [made[row].path for row in (2, 0, 3, 1)]
    assert decoded(mixed, store, decoders) == made[:4]


def test_models_take_each_other_s_vectors(
    recordings: tuple[list[Recording], ArtifactStore], tmp_path: Path
) -> None:
    flacs = {recording.track_id: recording.flac for recording in recordings[0][:2]}
    for dimension in (16, 8):
        space = replace(FAKE_SPACE, dimension=dimension)
        found = vectors(FakeEmbedder(space), flacs, tmp_path)
        assert {vector.shape for vector in found.values()} == {(dimension,)}


def test_vectors_are_computed_twice_or_are_another_track_s(
    recordings: tuple[list[Recording], ArtifactStore], tmp_path: Path
) -> None:
    flacs = {recording.track_id: recording.flac for recording in recordings[0]}
    embedder = FakeEmbedder()
    first = vectors(embedder, flacs, tmp_path)
    again = vectors(embedder, flacs, tmp_path)
    assert embedder.embedded == len(flacs)
    for track, flac in flacs.items():
        np.testing.assert_array_equal(first[track], again[track])
        np.testing.assert_array_equal(first[track], vectors(FakeEmbedder(), {track: flac})[track])


def test_a_silent_track_is_left_out_of_all_models(
    recordings: tuple[list[Recording], ArtifactStore], tmp_path: Path, decoders: Decoders
) -> None:
    made, store = recordings
    silence = decoded([write_audio(tmp_path / "s.flac", 0 * music(2.0))], store, decoders)
    facts = [LabelFacts(str(n)) for n in range(len(made) + 1)]
    collection = embed_recordings([*silence, *made], facts, {"fake": FakeEmbedder()}, store)
    assert collection.recordings == made
    assert collection.labels.label.tolist() == [str(n) for n in range(1, len(made) + 1)]
    assert collection.matrices["fake"].shape == (len(made), 16)


def test_a_track_that_one_model_cannot_embed_is_left_out_of_all(
    recordings: tuple[list[Recording], ArtifactStore], tmp_path: Path
) -> None:
    class Picky(FakeEmbedder):
        """It cannot embed the first track that it gets."""

        def pool(self, features: FloatArray) -> Embedding:
            if not self.embedded:
                self.embedded += 1
                raise AudioError("silent", "not to my taste")
            return super().pool(features)

    made, _ = recordings
    models = {"all": FakeEmbedder(), "picky": Picky(replace(FAKE_SPACE, model="picky"))}
    facts = [LabelFacts(str(n)) for n in range(len(made))]
    collection = embed_recordings(made, facts, models, ArtifactStore(tmp_path))
    assert len(collection.recordings) == len(collection.labels) == len(made) - 1
    kept = [made.index(recording) for recording in collection.recordings]
    assert collection.labels.label.tolist() == [str(row) for row in kept]
    assert {len(matrix) for matrix in collection.matrices.values()} == {len(made) - 1}


def test_too_few_tracks_are_no_evaluation(
    recordings: tuple[list[Recording], ArtifactStore],
) -> None:
    made, store = recordings
    with pytest.raises(LibraryError, match="3 usable tracks"):
        embed_recordings(made[:3], [LabelFacts()] * 3, {"fake": FakeEmbedder()}, store)


def test_the_report_says_what_was_measured(
    recordings: tuple[list[Recording], ArtifactStore], tmp_path: Path
) -> None:
    made, store = recordings
    facts = [LabelFacts("ab"[n % 2], artist=f"artist {n}") for n in range(len(made))]
    models = {"fake": FakeEmbedder()}
    report = evaluate(embed_recordings(made, facts, models, store), models, max_copies=5)
    assert list(report.every) == list(report.spaces) == ["fake", "random (baseline)"]
    assert report.every["fake"].queries == len(made)
    assert report.copies["MP3, 64 kbit/s"]["fake"].mean == 1
    text = report.markdown()
    assert "14 tracks, 2 labels, 14 artists" in text
    assert "altered copies of 5 tracks" in text
    assert str(report.every["fake"].means["precision@5"]) in text


def test_too_few_queries_are_reported_as_a_figure(
    recordings: tuple[list[Recording], ArtifactStore],
) -> None:
    made, store = recordings
    facts = [LabelFacts("same", artist="one")] * len(made)
    models = {"fake": FakeEmbedder()}
    report = evaluate(embed_recordings(made, facts, models, store), models, max_copies=0)
    assert report.copies == {}
    text = report.markdown()
    assert "All tracks as candidates: 14 queries" in text
    assert text.count("Too few queries have a relevant candidate (0)") == 1


@pytest.mark.skipif(not plots.can_plot(), reason="matplotlib is an extra")
def test_plots_are_empty_or_not_pictures(
    recordings: tuple[list[Recording], ArtifactStore], tmp_path: Path
) -> None:
    made, store = recordings
    facts = [LabelFacts("ab"[n % 2]) for n in range(len(made))]
    models = {"fake": FakeEmbedder()}
    report = evaluate(embed_recordings(made, facts, models, store), models, max_copies=0)
    [name] = plots.plot(tmp_path, report.every, report.spaces)
    assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_recall_counts_the_wrong_track() -> None:
    tracks = np.eye(3)
    queries = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0]])
    assert recall(queries, tracks, np.array([0, 0])).tolist() == [1, 0]


def test_queries_in_blocks_are_measured_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = np.array(list("abcab" * 5))
    labels = Labels(names, np.full(25, ""), np.full(25, ""))
    directions = random_vectors(25, 8)
    similarity = directions @ directions.T
    whole = retrieval(similarity, labels, filtered=False)
    monkeypatch.setattr(study, "BLOCK", 7)
    for name, values in retrieval(similarity, labels, filtered=False).values.items():
        np.testing.assert_array_equal(values, whole.values[name])


def test_a_row_of_zeros_stays_one_and_others_have_length_1() -> None:
    assert unit_rows(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 0], [0.6, 0.8]]


def test_chance_is_another_one_each_time() -> None:
    assert random_vectors(20, 8).tolist() == random_vectors(20, 8).tolist()
    assert np.linalg.norm(random_vectors(20, 8), axis=1) == pytest.approx(1)
