"""Traces of a running `up`: a run leads to its stages, and a request to its statements."""

import shutil
from pathlib import Path

import pytest

from tests.collector import collecting
from tests.e2e.conftest import Installation
from tests.e2e.test_up import TIMEOUT_SECONDS, running, up_answers
from tests.patience import until


@pytest.mark.slow
def test_runs_and_requests_are_traced(
    open_folder: Path, models_dir: Path, demo_music: Path
) -> None:
    (open_folder / "music").mkdir()
    shutil.copy(sorted(demo_music.rglob("*.opus"))[0], open_folder / "music")
    with collecting() as collector:
        installation = Installation.at(
            open_folder / "data",
            models_dir,
            SOUNDALIKE_MUSIC=str(open_folder / "music"),
            SOUNDALIKE_WORKERS="2",
            **collector.environment,
        )
        with running(installation) as up:
            up.scan()
            up.serves(1)
            assert up_answers(up)
            until(lambda: collector.named("GET /v1/tracks"), TIMEOUT_SECONDS)
            [stage] = until(lambda: collector.named("embeddings"), TIMEOUT_SECONDS)
    runs = {run.id: run for run in collector.named("run")}
    assert stage.parent in runs
    assert {"raw_audio", "resampled_audio", "embeddings"} <= set(
        collector.children(runs[stage.parent])
    )
    assert {span.service for span in collector.spans} == {"soundalike-api", "soundalike-runs"}
