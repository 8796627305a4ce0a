"""Canonical audio that does not stay on the disk is made or fetched again when it is needed."""

from dataclasses import replace
from pathlib import Path

import pytest

from soundalike.embedders.base import EmbeddingSpace
from soundalike.errors import ArtifactError
from soundalike.ingest.artifacts import all_artifacts, damages_of
from soundalike.ingest.embed import embed_batch
from soundalike.ingest.healing import heal
from soundalike.progress import NoProgress
from soundalike.settings import AudioPlace
from soundalike.storage.atomic import sha256_of
from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from tests.fakes import FakeModel
from tests.library import Library
from tests.sounds import song

ANOTHER = EmbeddingSpace("fake.other", "fake", 16, {"version": 2})


def keeping(library: Library, place: AudioPlace, bucket: Bucket | None = None) -> Library:
    return replace(library, store=ArtifactStore(library.store.root, bucket, place))


def flacs(library: Library) -> list[Path]:
    return sorted(library.store.canonical.rglob("*.flac"))


def test_what_is_embedded_leaves_no_audio_and_the_same_index(
    library: Library, tmp_path: Path
) -> None:
    for seed in (1, 2):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    without = keeping(library, "none")
    without.ingest()
    version = without.publish().version
    assert flacs(without) == []
    assert without.pending() == []
    assert heal(without.sessions, without.store) == [], "it is not lost"
    with without.sessions() as session:
        artifacts = list(all_artifacts(session, without.store))
    assert not [damage for damage in damages_of(artifacts, audio=True) if damage]
    vectors = {path.name: path.read_bytes() for path in without.store.embeddings.rglob("*.npy")}
    kept = replace(library, store=ArtifactStore(tmp_path / "kept"))
    kept.process("b000001")
    assert len(flacs(kept)) == 2
    assert {p.name: p.read_bytes() for p in kept.store.embeddings.rglob("*.npy")} == vectors
    assert kept.publish().version == version


def test_a_batch_that_is_tried_again_decodes_only_what_is_not_embedded(library: Library) -> None:
    for seed in (1, 2):
        song(library.music / f"{seed}.flac", seconds=2.0, seed=seed)
    without = keeping(library, "none")
    without.ingest()
    reports = without.process("b000001")
    assert [report.reused for report in reports] == [2, 2, 2]
    assert reports[1].audio_seconds == 0
    assert flacs(without) == []


def test_another_model_decodes_the_originals_again(library: Library) -> None:
    song(library.music / "1.flac", seconds=2.0)
    without = keeping(library, "none")
    without.ingest()
    other = replace(without, model=FakeModel(ANOTHER))
    assert other.pending() == ["b000001"]
    [_, resampled, embedded] = other.process("b000001")
    assert (resampled.reused, embedded.done) == (0, 1)
    assert resampled.audio_seconds == pytest.approx(2.0)
    assert flacs(other) == []


def test_audio_in_the_bucket_is_fetched_by_another_builder_for_another_model(
    library: Library, bucket: Bucket, tmp_path: Path
) -> None:
    song(library.music / "1.flac", seconds=2.0)
    one = keeping(library, "bucket", bucket)
    one.ingest()
    assert flacs(one) == []
    [key] = [found.key for found in bucket.listed("audio/")]
    (library.music / "1.flac").unlink()  # nobody can decode it again
    other = replace(
        one,
        store=ArtifactStore(tmp_path / "other", bucket, "bucket"),
        model=FakeModel(ANOTHER),
    )
    assert other.process("b000001")[-1].done == 1
    assert flacs(other) == []
    assert key.endswith(sha256_of_object(bucket, key, tmp_path))


def sha256_of_object(bucket: Bucket, key: str, folder: Path) -> str:
    (folder / "object").write_bytes(bucket.read(key))
    return sha256_of(folder / "object")


def test_a_step_that_goes_on_elsewhere_fetches_its_audio(
    library: Library, bucket: Bucket, tmp_path: Path
) -> None:
    song(library.music / "1.flac", seconds=2.0)
    one = keeping(library, "bucket", bucket)
    one.ingest()
    there = ArtifactStore(tmp_path / "other", bucket, "bucket")
    model, quiet = FakeModel(ANOTHER), NoProgress()
    step = one.sessions, there, model.space, model.load, "b000001", quiet
    assert embed_batch(*step).done == 1
    nowhere = ArtifactStore(tmp_path / "third", None, "none")
    model = FakeModel(EmbeddingSpace("fake.third", "fake", 16, {"version": 3}))
    with pytest.raises(ArtifactError, match="materialise resampled_audio of it first"):
        embed_batch(one.sessions, nowhere, model.space, model.load, "b000001", quiet)


def test_damaged_audio_in_the_bucket_is_decoded_again(
    library: Library, bucket: Bucket, tmp_path: Path
) -> None:
    song(library.music / "1.flac", seconds=2.0)
    one = keeping(library, "bucket", bucket)
    one.ingest()
    [key] = [found.key for found in bucket.listed("audio/")]
    bucket.put_bytes(key, b"fLaC, and nothing else")
    other = replace(one, model=FakeModel(ANOTHER))
    [_, resampled, embedded] = other.process("b000001")
    assert (resampled.reused, embedded.done) == (0, 1)
