"""MERT through the real jobs, with a tiny checkpoint. Its full size: tests/e2e/test_mert.py."""

from pathlib import Path

import pytest

from pipelines.resources import Model
from soundalike.settings import load_settings
from tests.pipelines.conftest import Orchestra
from tests.pipelines.test_metadata import shown
from tests.sounds import song

TINY = Path(__file__).parents[1] / "fixtures" / "mert-v1-tiny"


def test_a_tiny_checkpoint_goes_from_files_to_a_published_index(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_MODEL", "mert-v1-95m")
    monkeypatch.setenv("SOUNDALIKE_MERT_PATH", str(TINY))
    monkeypatch.setenv("SOUNDALIKE_WINDOWS", "2")
    load_settings.cache_clear()
    orchestra.resources["model"] = Model(orchestra.resources["sessions"])
    for seed in range(3):
        song(orchestra.music / f"{seed}.flac", seconds=12.0, seed=seed)
    orchestra.ingest("b000001")
    assert orchestra.run("publish_index").success
    embedded, published = shown(orchestra, "embeddings"), shown(orchestra, "published_index")
    assert embedded["dagster/partition_row_count"] == published["dagster/row_count"] == 3
    assert "mert-v1-95m.l6.2x10s.mean" in str(embedded)
    assert "float" in str(embedded), "the metadata tells device and precision"
