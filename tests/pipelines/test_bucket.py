"""Dagster's runs with a bucket: what one builder has made, another's sensors take as made."""

from dataclasses import replace
from pathlib import Path

import pytest

from soundalike.storage.bucket import Bucket
from soundalike.storage.layout import ArtifactStore
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


def with_store(orchestra: Orchestra, store: ArtifactStore) -> Orchestra:
    return replace(orchestra, resources={**orchestra.resources, "store": store}, cursors={})


@pytest.mark.slow
def test_runs_put_what_they_make_and_another_builder_has_nothing_to_do(
    orchestra: Orchestra, bucket: Bucket, tmp_path: Path
) -> None:
    one = with_store(orchestra, ArtifactStore(tmp_path / "one", bucket, "none"))
    other = with_store(orchestra, ArtifactStore(tmp_path / "other", bucket, "none"))
    for seed in (1, 2):
        song(one.music / f"{seed}.flac", seconds=2.0, seed=seed)
    one.ingest("b000001")
    assert len(one.index_tick().run_requests or []) == 1
    assert one.run("publish_index").success
    assert len(one.map_tick().run_requests or []) == 1
    assert one.run("draw_map").success
    folders = {found.key.split("/")[0] for found in bucket.listed()}
    assert folders == {"batches", "embeddings", "segments", "indexes", "maps"}
    assert not list((tmp_path / "one").rglob("*.flac"))
    assert "is up to date" in str(other.index_tick().skip_reason)
    assert other.run("publish_index").success
    assert other.run("ingest_batch", partition_key="b000001").success
    assert other.resources["model"].embedder.embedded == 2, "nothing is embedded twice"


@pytest.mark.slow
def test_a_run_without_its_bucket_fails_and_publishes_nothing(
    orchestra: Orchestra, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = with_store(orchestra, ArtifactStore(tmp_path / "one", bucket))
    song(one.music / "1.flac", seconds=2.0)
    one.ingest("b000001")
    endpoint = bucket._store.config["endpoint"]
    monkeypatch.setattr("pipelines.retries.MAX_RETRIES", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    del bucket._store
    assert len(one.index_tick().run_requests or []) == 1
    assert not one.run("publish_index").success
    assert "next try" in str(one.index_tick().skip_reason)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    del bucket._store
    assert len(one.index_tick().run_requests or []) == 1, "at once, now that it is back"
    assert one.run("publish_index").success
    assert "is up to date" in str(one.index_tick().skip_reason)
