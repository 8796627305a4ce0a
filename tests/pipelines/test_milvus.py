"""Dagster's runs with Milvus: published there too, or not at all."""

import pytest

from soundalike.catalog import publications
from soundalike.settings import load_settings
from soundalike.vectors.milvus.collection import name_of, names
from soundalike.vectors.milvus.server import Milvus
from tests.milvus import emptied
from tests.pipelines.conftest import Orchestra
from tests.sounds import song


@pytest.mark.slow
def test_a_run_writes_the_collection_and_one_without_milvus_publishes_nothing(
    orchestra: Orchestra, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied(milvus)
    song(orchestra.music / "1.flac", seconds=2.0)
    orchestra.ingest("b000001")
    monkeypatch.setattr("pipelines.retries.MAX_RETRIES", 0)
    monkeypatch.setenv("SOUNDALIKE_SEARCH", "milvus")
    monkeypatch.setenv("SOUNDALIKE_MILVUS_URL", "http://127.0.0.1:1")
    load_settings.cache_clear()
    assert len(orchestra.index_tick().run_requests or []) == 1
    assert not orchestra.run("publish_index").success
    assert "next try" in str(orchestra.index_tick().skip_reason)
    monkeypatch.setenv("SOUNDALIKE_MILVUS_URL", milvus._url)
    load_settings.cache_clear()
    assert len(orchestra.index_tick().run_requests or []) == 1, "at once, now that it is there"
    assert orchestra.run("publish_index").success
    with orchestra.resources["sessions"]() as session:
        now = publications.published(session)
    assert now
    assert names(milvus) == [name_of(now.index.version)]
