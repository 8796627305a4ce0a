"""MERT at its full size, with random weights, from files to answers: as a person would run it."""

from pathlib import Path

import pytest

from benchmarks.mert_95m import write_checkpoint
from tests.e2e.conftest import Installation, serving


@pytest.mark.slow
def test_a_full_size_checkpoint_embeds_the_demo_music_and_the_index_serves(
    open_folder: Path, models_dir: Path, demo_music: Path, free_port: int
) -> None:
    checkpoint = open_folder / "mert"
    write_checkpoint(checkpoint)
    installation = Installation.at(
        open_folder / "data",
        models_dir,
        SOUNDALIKE_MODEL="mert-v1-95m",
        SOUNDALIKE_MERT_PATH=str(checkpoint),
    )
    output = installation.run("ingest", demo_music)
    assert "28 tracks embedded, 0 failures" in output
    with serving(installation, free_port) as client:
        index = client.get("/v1/index").json()
        assert (index["dimension"], index["tracks"], index["model"]) == (768, 28, "mert-v1-95m")
        assert index["space"].startswith("mert-v1-95m.l6.6x10s.mean-")
        [track] = client.get("/v1/tracks", params={"q": "calm_acoustic_1"}).json()["items"]
        answer = client.get(f"/v1/tracks/{track['id']}/similar", params={"limit": 3}).json()
        assert len(answer["items"]) == 3
        assert all(0 < result["score"] <= 1 for result in answer["items"])
