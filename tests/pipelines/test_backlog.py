"""A backlog of four hundred batches: few runs, few index versions."""

import pytest
from sqlalchemy import func, select

from soundalike.catalog.tables import IndexVersionRow
from soundalike.settings import load_settings
from tests.pipelines.conftest import Orchestra
from tests.sounds import song

BATCHES, PER_RUN = 400, 16


@pytest.mark.slow
def test_four_hundred_batches_are_few_runs_and_a_handful_of_index_versions(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDALIKE_BATCH_TRACKS", "1")
    load_settings.cache_clear()
    assert load_settings().batches_per_run == PER_RUN
    for seed in range(BATCHES):
        song(orchestra.music / f"{seed:03d}.wav", seconds=1.0, seed=seed)
    assert orchestra.run("scan").success
    runs, waiting = 0, [*(orchestra.batch_tick().run_requests or [])]
    while waiting:
        request = waiting.pop(0)
        key = {"partition_key": request.partition_key} if request.partition_key else {}
        assert orchestra.run("ingest_batch", tags=request.tags, **key).success
        runs += 1
        if not waiting:
            waiting += orchestra.batch_tick().run_requests or []
        if orchestra.index_tick().run_requests:
            assert orchestra.run("publish_index").success
    assert runs <= BATCHES / PER_RUN
    assert not orchestra.batch_tick().run_requests
    with orchestra.resources["sessions"]() as session:
        versions = session.scalar(select(func.count()).select_from(IndexVersionRow))
        newest = session.scalar(select(func.max(IndexVersionRow.tracks)))
    assert newest == BATCHES
    assert 1 <= versions <= 8
